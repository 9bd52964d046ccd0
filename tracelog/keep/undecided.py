"""What is held of one trace until it is decided, and what is known of it meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import Any

KEPT, SHARED, DROPPED = 2, 1, 0
"""What may be decided (see `recorder`)."""

Sink = Callable[[Any], None]
"""Lets go of one thing that was held: encodes it and puts it on its way."""
Held = tuple[int, Any, Sink, int]
"""When something came, as a number; what it is; who lets go of it; and how many bytes it may take."""
_came = itemgetter(0)


class Undecided:
    """What is held of a trace, and what is known of it. `decision`: for who still holds on to it then, else None."""

    __slots__ = ("began", "decision", "duration", "failed", "logged", "open_spans", "recorded", "severity", "size")

    def __init__(self, began: int) -> None:
        self.began = began
        self.decision: int | None = None
        self.recorded: list[Held] = []
        """Lines below the level."""
        self.logged: list[Held] = []
        """Other lines, and spans."""
        self.size = self.open_spans = self.severity = self.duration = 0
        self.failed = False

    def drain(self) -> tuple[list[Held], int]:
        """Take out all that is held: what the decision lets through, in order, and how many things it does not.

        What another thread takes out at the same time is not taken twice.
        """
        kept: list[Held] = []
        forgotten = 0
        for things, lowest in ((self.recorded, KEPT), (self.logged, SHARED)):
            if self.decision is not None and self.decision >= lowest:
                kept += _emptied(things)
            else:
                forgotten += len(things)
                things.clear()
        return sorted(kept, key=_came), forgotten


def _emptied(things: list[Held]) -> list[Held]:
    taken = []
    while True:
        try:
            taken.append(things.pop())
        except IndexError:
            return taken
