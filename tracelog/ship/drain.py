"""The way out of a spool: records are taken in order and settled in any; a segment goes when all of it is settled.

Own and adopted spools drain alike. What appends waits for what drains only where it has to give up the oldest.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress

from tracelog.ship.folder import ProcessFolder
from tracelog.ship.segment import MemorySegment, Taken


class Drain:
    """Segments that are emptied. Safe to use from several threads."""

    def __init__(self, segments: Iterable[MemorySegment] = ()) -> None:
        self._segments = list(segments)
        self._turn = threading.RLock()  # reentrant: a signal handler may close in the middle of a close
        self._takers: set[int] = set()
        """The threads that have the turn or wait for it, by their ident."""
        self._damaged = 0

    @contextmanager
    def _taking(self) -> Iterator[None]:
        """Be the only thread that takes, settles or gives up."""
        thread = threading.get_ident()
        is_outermost = thread not in self._takers
        try:
            self._takers.add(thread)
            with self._turn:
                yield
        finally:
            if is_outermost:
                self._takers.discard(thread)

    def take(self, most: int, most_bytes: int) -> list[Taken]:
        """Return the next records, in order: at most so many, and so many bytes unless one alone has more."""
        taken: list[Taken] = []
        with self._taking():
            for segment in tuple(self._segments):
                count = segment.count  # as of now, for more may come faster than it is taken
                with suppress(OSError):  # what cannot be read now stays for later
                    while most > 0 and most_bytes > 0 and segment.taken < count:
                        before = segment.taken
                        found = segment.take(most, most_bytes, one_at_least=not taken)
                        taken += found
                        most -= sum(one.end - one.first for one in found)
                        most_bytes -= sum(len(one.body) for one in found)
                        if segment.taken == before:  # the next one has more bytes than there is room for
                            most = 0
            self._drop_done()
        return taken

    def settle(self, taken: Sequence[Taken]) -> None:
        """Note that records need no sending any more: first that, for good, and only then is a file deleted."""
        with self._taking():
            for segment, first, end, _ in taken:
                segment.settle(first, end)
            self._drop_done()

    def oldest(self) -> int | None:
        """Return the number of the oldest record that is not settled."""
        numbers = (segment.oldest() for segment in tuple(self._segments))
        return next((number for number in numbers if number is not None), None)

    @property
    def waiting(self) -> int:
        """How many records are not settled."""
        return sum(segment.waits for segment in tuple(self._segments))

    @property
    def damaged(self) -> int:
        """How many records were no record any more when they were to be taken."""
        return self._damaged + sum(segment.damaged for segment in tuple(self._segments))

    def give_up(self, taken: Sequence[Taken]) -> int:
        """Take back records that will not be sent any more; return how many were lost as they are on no disk."""
        lost = [one for one in taken if not one.segment.is_durable]
        self.settle(lost)
        return sum(one.end - one.first for one in lost)

    def _drop_done(self) -> None:
        for segment in tuple(self._segments):
            if segment.is_done:
                self._segments.remove(segment)
                self._damaged += segment.damaged
                segment.remove()


class AdoptedSpool(Drain):
    """What a process that is gone has left."""

    def __init__(self, folder: ProcessFolder) -> None:
        self.folder = folder
        self._found = folder.segments()
        super().__init__(self._found)
        self.adopted = self.waiting + self.damaged
        """How many records it had, as far as that can be told."""
        self.undecided = sum(segment.undecided for segment in self._found)
        """How many undecided traces went with the process."""

    @property
    def waiting(self) -> int:
        """How many records are not settled, also when it is closed."""
        return sum(segment.waits for segment in self._found)

    @property
    def damaged(self) -> int:
        """How many records were none any more, also when it is closed."""
        return sum(segment.damaged for segment in self._found)

    def close(self) -> None:
        """Let go of it, and delete what is empty. What was not sent is there for the next to adopt."""
        with self._taking():
            self._drop_done()
            for segment in self._segments:
                segment.release()
            self._segments.clear()
        self.folder.remove()
