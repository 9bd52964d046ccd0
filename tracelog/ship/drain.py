"""The way out of a spool: records are taken in order and settled in any; a segment goes when all of it is settled.

Own and adopted spools drain alike. Nothing that appends ever waits for what drains.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tracelog.ship.folder import ProcessFolder
from tracelog.ship.records import Record
from tracelog.ship.segment import MemorySegment


class Taken(NamedTuple):
    """A record on its way to the store, and the segment that keeps it until it has arrived."""

    segment: MemorySegment
    record: Record


class Drain:
    """Segments that are emptied. Safe to use from several threads."""

    def __init__(self, segments: Iterable[MemorySegment] = ()) -> None:
        self._segments = list(segments)
        self._taking = threading.RLock()  # reentrant: a signal handler may flush in the middle of a flush
        self.damaged = 0
        """How many places in it were no record any more."""

    def take(self, most: int, most_bytes: int) -> list[Taken]:
        """Return the next records, in order: at most so many, and so many bytes unless one alone has more."""
        taken: list[Taken] = []
        room = most_bytes
        with self._taking:
            for segment in tuple(self._segments):
                try:
                    found = segment.take(most - len(taken), room, one_at_least=not taken)
                except OSError:
                    continue  # it cannot be read now, and stays for later
                taken += (Taken(segment, record) for record in found)
                room -= sum(len(record.document.body) for record in found)
                if room <= 0 or segment.cursor < segment.end:
                    break
            self._drop_done()
        return taken

    def settle(self, taken: Sequence[Taken]) -> None:
        """Note that records need no sending any more: first that, for good, and only then is a file deleted."""
        with self._taking:
            for segment, record in taken:
                segment.settle(record.offset)
            for segment in {id(one.segment): one.segment for one in taken}.values():
                segment.acknowledge()
            self._drop_done()

    def oldest(self) -> int | None:
        """Return the number of the oldest record that is not settled."""
        with self._taking:
            numbers = (segment.oldest() for segment in self._segments)
            return next((number for number in numbers if number is not None), None)

    @property
    def waiting(self) -> int:
        """How many records are not settled."""
        return sum(segment.count - segment.settled for segment in tuple(self._segments))

    def give_up(self, taken: Sequence[Taken]) -> int:
        """Take back records that will not be sent any more; return how many were lost as they are on no disk."""
        lost = [one for one in taken if not one.segment.is_durable]
        self.settle(lost)
        return len(lost)

    def _drop_done(self) -> None:
        for segment in tuple(self._segments):
            if segment.is_done:
                self._segments.remove(segment)
                self.damaged += segment.count - segment.settled  # what was there, and was not found again
                segment.count = segment.settled
                segment.remove()


class AdoptedSpool(Drain):
    """What a process that is gone has left."""

    def __init__(self, folder: ProcessFolder) -> None:
        self._folder = folder
        self._found = folder.segments()
        super().__init__(self._found)
        self.damaged = sum(segment.damaged for segment in self._found)
        self.adopted = self.waiting + self.damaged
        """How many records it had, as far as that can be told."""

    @property
    def waiting(self) -> int:
        """How many records are not settled, also when it is closed."""
        return sum(segment.count - segment.settled for segment in self._found)

    def close(self) -> None:
        """Let go of it, and delete what is empty. What was not sent is there for the next to adopt."""
        with self._taking:
            self._drop_done()
            for segment in self._segments:
                segment.release()
            self._segments.clear()
        self._folder.remove()
