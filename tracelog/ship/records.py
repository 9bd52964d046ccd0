"""How records lie in a segment: behind each other, as the body of a bulk request, and a slot for each that finds it.

A record is two lines: an action, which has the document's id, and the document. A run of them is sent as it lies there.
Their slots, in the same order, have 16 bytes each, integers little-endian:

    offset   4 bytes, of the record in the segment
    length   4 bytes, of the record
    crc      4 bytes, CRC-32 of the record
    magic    2 bytes, written last of these: without it the record is not there
    weight   1 byte: 1 for what is given up last (WARNING and above, spans that failed)
    settled  1 byte: 0xa5 where the record needs no sending any more

Slots have fixed places and each says all about its record, so that damage to one, or to its record, costs no other.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterator
from mmap import mmap
from time import sleep
from typing import NamedTuple, TypeAlias
from zlib import crc32

Buffer: TypeAlias = "bytes | bytearray | mmap"

SLOT = struct.Struct("<IIIHBB")
SLOT_SIZE = SLOT.size
MAGIC = 0xA17C
_MAGIC_AT, _WEIGHT_AT, _SETTLED_AT = 12, 14, 15
_SETTLED = b"\xa5"
_IS_SETTLED = bytes(byte == _SETTLED[0] for byte in range(256))
WITH_GIL = 5120
"""zlib lets go of the interpreter's lock for more bytes than these, and to get it back can take 5 ms."""
_TURN = 256
"""After how many records the interpreter's lock is offered to those who log: they would wait 5 ms for it."""


class Run(NamedTuple):
    """Sound records behind each other, from one slot to another, and the bytes from one offset to another."""

    first: int
    end: int
    start: int
    stop: int


def checksum(record: bytes | memoryview) -> int:
    """Return the CRC-32 of a record."""
    if len(record) <= WITH_GIL:
        return crc32(record)
    view, crc = memoryview(record), 0
    for start in range(0, len(record), WITH_GIL):
        crc = crc32(view[start : start + WITH_GIL], crc)
    return crc


def used_slots(slots: bytes) -> int:
    """Return how many slots, from the first on, were written to; one that has no magic is no record yet."""
    return max(len(slots[at::SLOT_SIZE].rstrip(b"\0")) for at in (_MAGIC_AT, _MAGIC_AT + 1))


def settled_slots(slots: bytes) -> bytearray:
    """Return a 1 for each slot whose record is settled, and a 0 for each other."""
    return bytearray(slots[_SETTLED_AT::SLOT_SIZE].translate(_IS_SETTLED))


def settle_slots(slots: bytearray | mmap, start: int, count: int) -> None:
    """Mark so many slots, from an offset on, as settled."""
    slots[start + _SETTLED_AT : start + count * SLOT_SIZE : SLOT_SIZE] = _SETTLED * count


def weight_of(slots: bytes, number: int) -> int:
    """Return the weight of the record of one of some slots."""
    return slots[number * SLOT_SIZE + _WEIGHT_AT]


def extent(slots: bytes) -> tuple[int, int]:
    """Return where the records of some slots begin and end, given that they lie behind each other."""
    start = SLOT.unpack_from(slots)[0]
    offset, length, *_ = SLOT.unpack_from(slots, len(slots) - SLOT_SIZE)
    return start, offset + length


def reach(slots: bytes, most_bytes: int) -> int:
    """Return how many of some slots, from the first on, have records of at most so many bytes in all."""

    def end_of(number: int) -> int:
        offset, length, *_ = SLOT.unpack_from(slots, number * SLOT_SIZE)
        return int(offset + length)

    limit = SLOT.unpack_from(slots)[0] + most_bytes
    return bisect_right(range(len(slots) // SLOT_SIZE), limit, key=end_of)


def sound_runs(slots: bytes, settled: bytes | bytearray, held: bytes, start: int) -> Iterator[Run]:
    """Yield the runs of sound records that are not settled, given their slots, and the bytes from `start` on."""
    view = memoryview(held)
    run: Run | None = None
    for number, (offset, length, crc, magic, _, _) in enumerate(SLOT.iter_unpack(slots)):
        at = offset - start
        record = view[at : at + length] if at >= 0 else b""
        if magic == MAGIC and not settled[number] and len(record) == length > 0 and checksum(record) == crc:
            if run is not None and run.end == number and run.stop == offset:
                run = Run(run.first, number + 1, run.start, offset + length)
                continue
            if run is not None:
                yield run
            run = Run(number, number + 1, offset, offset + length)
        if number % _TURN == 0:
            sleep(0)
    if run is not None:
        yield run
