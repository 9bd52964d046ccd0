"""A segment: a run of records in one buffer, and what is known about each: not yet taken, taken, settled.

A segment lies in one of three ways, told apart by what it takes for its bytes to outlive the process:

MappedSegment   a file, mapped shared: copied is kept, whatever becomes of the process; a sync saves it from a power cut
WrittenSegment  a file written by hand, for file systems that are unsafe to map: kept once `persist` has run
MemorySegment   no file: it goes with the process

In the buffer are a first page, which is that of the file; slots of fixed size, each of which finds a record (see
`records`); and the records, behind each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

from tracelog.ship import records
from tracelog.ship.records import MAGIC, SLOT, SLOT_SIZE, WITH_GIL, Buffer, checksum
from tracelog.store.bulk import split_records

START = 4096
"""Where the slots begin."""
PER_SLOT = 256
"""How many bytes of records there is a slot for: few records are as small."""
_write_slot = SLOT.pack_into


class Taken(NamedTuple):
    """Records on their way to the store, and what keeps them until they have arrived: from one slot to another."""

    segment: MemorySegment
    first: int
    end: int
    body: bytes

    def singly(self) -> Iterator[Taken]:
        """Yield the records one by one."""
        for slot, record in enumerate(split_records(self.body), self.first):
            yield Taken(self.segment, slot, slot + 1, record)


class MemorySegment:
    """Records in memory. `position`: how many there are, and where the next one goes."""

    path: Path | None = None
    buffer: Buffer

    def __init__(self, slots: int, buffer: Buffer) -> None:
        self.buffer = buffer
        self.slots = slots
        self.size = len(buffer)
        self.position = (0, records_at(slots))
        self.first = 0
        """The number of its first record."""
        self.taken = self.settled = self.damaged = 0
        """How many records are taken, from the first on; how many of them are settled, and how many of those as they
        are damaged."""
        self.persisted = 0
        """How many records are on the disk."""
        self.is_full = self.is_kept = False
        """Whether nothing more is appended; whether it holds only what is given up last."""
        self.is_deleted = False
        """Whether somebody has deleted its file."""
        self._is_settled = bytearray(slots)
        self.undecided = 0
        """How many traces its process held undecided when it was last heard of."""

    @classmethod
    def of_size(cls, size: int) -> MemorySegment:
        """Make one with room for `size` bytes of records."""
        return MemorySegment(slots_for(size), bytearray(buffer_size(size)))

    @property
    def room(self) -> int:
        """How many bytes are left for records."""
        return self.size - self.position[1]

    def begin(self, first: int) -> None:
        """Note the number of the first record."""
        self.first = first

    def note_undecided(self, traces: int) -> None:
        """Note how many traces the process holds undecided: so many are lost with it."""

    def has_room(self, length: int) -> bool:
        """Say whether a record of so many bytes can be appended."""
        count, end = self.position
        return count < self.slots and end + length <= self.size

    def append(self, record: bytes, weight: int) -> bool:
        """Write a record; False where there is no room for it. An exception in the middle leaves no trace of it."""
        count, offset = self.position
        length = len(record)
        end = offset + length
        if end > self.size or count >= self.slots:
            return False
        buffer = self.buffer
        buffer[offset:end] = record  # type: ignore[index] # only segments made here are written to
        crc = crc32(record) if length <= WITH_GIL else checksum(record)
        _write_slot(buffer, START + count * SLOT_SIZE, offset, length, crc, MAGIC, weight, 0)
        self.position = (count + 1, end)
        return True

    def take(self, most: int, most_bytes: int, *, one_at_least: bool = True) -> list[Taken]:
        """Return the next records, in order, in as few runs as they lie in, and give up those that are damaged.

        Where there is to be one at least, it may have more bytes. Raise OSError where they cannot be read now.
        """
        first, end = self.taken, min(self.taken + most, self.count)
        if first >= end:
            return []
        slots = self._read_slots(first, end)
        reached = max(records.reach(slots, most_bytes), int(one_at_least))
        taken = self._sound(first, slots[: reached * SLOT_SIZE])
        self.taken = end = first + reached
        for one in (*taken, Taken(self, end, end, b"")):
            self.damaged += self._settle(first, one.first)
            first = one.end
        return taken

    def _sound(self, first: int, slots: bytes) -> list[Taken]:
        """Return the sound records of some slots that are not settled."""
        if not slots:
            return []
        settled = self._is_settled[first : first + len(slots) // SLOT_SIZE]
        found = self._sound_between(*records.extent(slots), first, slots, settled)
        if sum(one.end - one.first for one in found) + settled.count(1) < len(settled):  # the extent may be wrong
            found = self._sound_between(records_at(self.slots), self.size, first, slots, settled)
        return found

    def _sound_between(self, start: int, stop: int, first: int, slots: bytes, settled: bytearray) -> list[Taken]:
        if not records_at(self.slots) <= start <= stop <= self.size:
            return []
        held = self._read(start, stop)
        return [
            Taken(self, first + run.first, first + run.end, held[run.start - start : run.stop - start])
            for run in records.sound_runs(slots, settled, held, start)
        ]

    def waiting(self) -> Iterator[tuple[int, bytes]]:
        """Yield the records that are not taken, each with its weight, without taking them. Raise OSError."""
        first, count = self.taken, self.count
        if first < count:
            slots = self._read_slots(first, count)
            for one in (one for run in self._sound(first, slots) for one in run.singly()):
                yield records.weight_of(slots, one.first - first), one.body

    def settle(self, first: int, end: int) -> None:
        """Note, for good, that the records from one slot to another need no sending any more."""
        self._settle(first, end)
        self._mark_settled(first, end)

    def give_up_waiting(self) -> int:
        """Settle, for this process, all that is not taken; return how many records that were."""
        given_up = self._settle(self.taken, self.count)
        self.taken = self.count
        return given_up

    def _settle(self, first: int, end: int) -> int:
        """Note it for this process; return how many of them were not settled."""
        fresh = self._is_settled.count(0, first, end)
        self._is_settled[first:end] = b"\1" * (end - first)
        self.settled += fresh
        return fresh

    def _mark_settled(self, first: int, end: int) -> None:
        """Note it where the next process looks."""

    def oldest(self) -> int | None:
        """Return a number that the first record that is not settled has, or exceeds."""
        slot = self._is_settled.find(0, 0, self.count)
        return None if slot < 0 else self.first + slot

    @property
    def count(self) -> int:
        """How many records there are."""
        return self.position[0]

    @property
    def waits(self) -> int:
        """How many records are not settled."""
        return self.count - self.settled

    @property
    def is_done(self) -> bool:
        """Whether all its records are settled and no more will come."""
        return self.is_full and self.settled == self.count  # in this order: once it is full, its count is final

    @property
    def is_durable(self) -> bool:
        """Whether its records outlive the process."""
        return self.path is not None and not self.is_deleted

    @property
    def is_there(self) -> bool:
        """Whether its file is where it was made."""
        return False

    def persist(self, *, durably: bool) -> None:
        """Bring what was appended into the file and, with `durably`, through to the disk. Raise OSError."""

    def touch(self) -> None:
        """Have every page of the buffer ready to be written to."""

    def remove(self) -> None:
        """Let go of it for good."""
        self.release()

    def release(self) -> None:
        """Let go of the buffer; nobody may be reading. What is in a file stays."""
        self.buffer = b""

    def close(self) -> None:
        """Let go of the buffer, and of the room in a file that was not used."""
        self.release()

    def _read(self, start: int, end: int) -> bytes:
        return bytes(self.buffer[start:end])

    def _read_slots(self, first: int, end: int) -> bytes:
        return self._read(START + first * SLOT_SIZE, START + end * SLOT_SIZE)


def records_at(slots: int) -> int:
    """Return where the records begin behind so many slots."""
    return START + slots * SLOT_SIZE


def slots_for(size: int) -> int:
    """Return how many slots there are for so many bytes of records."""
    return max(size // PER_SLOT, 1)


def buffer_size(size: int) -> int:
    """Return how many bytes a segment takes that has room for `size` bytes of records."""
    return records_at(slots_for(size)) + size
