"""Segments whose records outlive the process: files, mapped to memory or written by hand.

The first page holds a magic, the number of the first record, and JSON that says whose the file is; at its end, how many
traces the process held undecided. How many slots there are is said by the file's name; nothing but slots and records is
needed to send them.
"""

from __future__ import annotations

import mmap
import os
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tracelog.ship import records
from tracelog.ship.records import SLOT_SIZE, Buffer
from tracelog.ship.segment import START, MemorySegment, Taken, buffer_size, slots_for

SUFFIX = ".seg"
_HEAD = struct.Struct("<8sQI")
_MAGIC = b"tracelg2"
_UNDECIDED = struct.Struct("<II")
"""How many traces are undecided, and the same inverted: what is damaged is not believed."""
_INVERTED = 0xFFFFFFFF
_UNDECIDED_AT = START - _UNDECIDED.size
_PAGE = 4096
_PAGES_TOUCHED = 16


class FileSegment(MemorySegment):
    """Records in a file."""

    path: Path

    def __init__(self, path: Path, slots: int, buffer: Buffer) -> None:
        super().__init__(slots, buffer)
        self.path = path

    def begin(self, first: int) -> None:
        """Note the number of the first record."""
        super().begin(first)
        _HEAD.pack_into(self.buffer, 0, _MAGIC, first, _HEAD.unpack_from(self.buffer)[2])

    def note_undecided(self, traces: int) -> None:
        """Note how many traces the process holds undecided: so many are lost with it."""
        if self.buffer:
            _UNDECIDED.pack_into(self.buffer, _UNDECIDED_AT, traces, traces ^ _INVERTED)

    @property
    def is_there(self) -> bool:
        """Whether its file is where it was made."""
        return self.path.exists()

    def remove(self) -> None:
        """Delete the file, and let go of it."""
        with suppress(OSError):
            self.path.unlink()
        super().remove()

    def close(self) -> None:
        """Let go of the buffer, and of the room in the file that was not used."""
        super().close()
        self.is_deleted = not self.is_there
        with suppress(OSError), _opened(self.path) as descriptor:
            os.ftruncate(descriptor, self.position[1])


class MappedSegment(FileSegment):
    """Records in a file that is mapped shared: a record is kept as soon as it is copied."""

    buffer: mmap.mmap

    @classmethod
    def create(cls, path: Path, size: int, about: bytes) -> MappedSegment:
        """Make a file with room for `size` bytes of records, all of it allocated. Raise OSError."""
        named, slots = _named(path, size)
        with _created(named, buffer_size(size)) as descriptor:
            buffer = mmap.mmap(descriptor, buffer_size(size))
        buffer[:START] = _first_page(0, about)
        return cls(named, slots, buffer)

    def touch(self) -> None:
        """Have every page ready, a few at a time, for each costs the interpreter's lock about a microsecond."""
        step = _PAGE * _PAGES_TOUCHED
        for start in range(START, self.size, step):
            end = min(start + step, self.size)
            self.buffer[start:end:_PAGE] = bytes(len(range(start, end, _PAGE)))

    def persist(self, *, durably: bool) -> None:
        """Sync the file. A descriptor does that too, without the interpreter's lock, which `mmap.flush` holds."""
        if durably:
            with _opened(self.path) as descriptor:
                os.fsync(descriptor)
            if not sys.platform.startswith("linux") and not self.buffer.closed:
                self.buffer.flush()

    def release(self) -> None:
        """Take the mapping back; nobody may be reading. What is in the file stays."""
        self.buffer.close()

    def _mark_settled(self, first: int, end: int) -> None:
        if not self.buffer.closed:
            records.settle_slots(self.buffer, START + first * SLOT_SIZE, end - first)


class WrittenSegment(FileSegment):
    """Records that are written to a file, and read from it again once their bytes were let go of."""

    def __init__(self, path: Path, slots: int, buffer: Buffer) -> None:
        super().__init__(path, slots, buffer)
        self._written = self.position

    @classmethod
    def create(cls, path: Path, size: int, about: bytes) -> WrittenSegment:
        """Make a file with room for `size` bytes of records, private to its owner. Raise OSError."""
        named, slots = _named(path, size)
        buffer = bytearray(_first_page(0, about).ljust(buffer_size(size), b"\0"))
        with _created(named, len(buffer)) as descriptor:
            _write_all(descriptor, buffer[:START], 0)
        return cls(named, slots, buffer)

    @classmethod
    def find(cls, path: Path) -> WrittenSegment:
        """Look at what another process left. Raise OSError."""
        with _opened(path) as descriptor:
            size = os.fstat(descriptor).st_size
            slots = min(slots_of(path), size)
            head, held = os.pread(descriptor, START, 0), os.pread(descriptor, slots * SLOT_SIZE, START)
        whole = held[: len(held) // SLOT_SIZE * SLOT_SIZE]
        segment = cls(path, slots, b"")
        segment.first = _HEAD.unpack_from(head)[1] if len(head) >= _HEAD.size else 0
        segment.undecided = _undecided(head)
        segment.size, segment.is_full = size, True
        segment.position = segment._written = (records.used_slots(whole), size)
        segment._is_settled = records.settled_slots(whole)
        segment.settled = segment._is_settled.count(1, 0, segment.count)
        is_cut = not slots or len(held) < slots * SLOT_SIZE
        segment.damaged = int(is_cut and any(head + held))  # there is no telling how many records it had
        return segment

    def take(self, most: int, most_bytes: int, *, one_at_least: bool = True) -> list[Taken]:
        """Return the next records as every segment does, none if somebody has deleted the file."""
        try:
            return super().take(most, most_bytes, one_at_least=one_at_least)
        except FileNotFoundError:
            self.is_deleted = True
            self.damaged += self.give_up_waiting()
            return []

    def persist(self, *, durably: bool) -> None:
        """Write what was appended since the last time, records before their slots."""
        is_full, position, buffer = self.is_full, self.position, self.buffer
        (count, end), (written, start) = position, self._written
        with _opened(self.path) as descriptor:
            if buffer and count > written:
                slots_start, slots_end = START + written * SLOT_SIZE, START + count * SLOT_SIZE
                head = ((0, _HEAD.size), (_UNDECIDED_AT, START))
                for first, last in (*head, (start, end), (slots_start, slots_end)):
                    _write_all(descriptor, buffer[first:last], first)
                self._written = position
            if durably:
                os.fsync(descriptor)
        if is_full:
            self.release()

    def _read(self, start: int, end: int) -> bytes:
        buffer = self.buffer
        if buffer:
            return bytes(buffer[start:end])
        with _opened(self.path) as descriptor:
            return os.pread(descriptor, end - start, start)

    def _mark_settled(self, first: int, end: int) -> None:
        at = START + first * SLOT_SIZE
        buffer = self.buffer
        if isinstance(buffer, bytearray):
            records.settle_slots(buffer, at, end - first)
        with suppress(OSError), _opened(self.path) as descriptor:  # else sent again, and recognised by its id
            slots = bytearray(os.pread(descriptor, (end - first) * SLOT_SIZE, at))
            if len(slots) == (end - first) * SLOT_SIZE:
                records.settle_slots(slots, 0, end - first)
                _write_all(descriptor, slots, at)


def _undecided(page: bytes) -> int:
    """Return how many traces a first page says were undecided, 0 where it does not say, or is damaged."""
    if len(page) < START:
        return 0
    traces, inverted = _UNDECIDED.unpack_from(page, _UNDECIDED_AT)
    return int(traces) if traces ^ inverted == _INVERTED else 0


def slots_of(path: Path) -> int:
    """Return how many slots a file has by its name, 0 where it has none of ours."""
    number = path.name.removesuffix(SUFFIX).rpartition("-")[2]
    return int(number) if number.isdecimal() else 0


def _named(path: Path, size: int) -> tuple[Path, int]:
    slots = slots_for(size)
    return path.with_name(f"{path.name.removesuffix(SUFFIX)}-{slots}{SUFFIX}"), slots


@contextmanager
def _created(path: Path, size: int) -> Iterator[int]:
    """Create a file with all its blocks, so that a full disk is an error here and not a signal later."""
    with _opened(path, os.O_CREAT | os.O_EXCL) as descriptor:
        try:
            os.fchmod(descriptor, 0o600)
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(descriptor, 0, size)
            else:
                os.ftruncate(descriptor, size)
            yield descriptor
        except BaseException:
            path.unlink()
            raise


@contextmanager
def _opened(path: Path, flags: int = 0) -> Iterator[int]:
    """Open a file for a moment. No segment keeps one open: a thread could use its number when it is another's."""
    descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | flags, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _first_page(first: int, about: bytes) -> bytes:
    held = about if len(about) <= _UNDECIDED_AT - _HEAD.size else b"{}"
    return (_HEAD.pack(_MAGIC, first, len(held)) + held).ljust(START, b"\0")


def about_of(path: Path) -> bytes:
    """Return the JSON that says whose a segment is, `{}` where it cannot be read."""
    try:
        with path.open("rb") as file:
            page = file.read(START)
        _, _, length = _HEAD.unpack_from(page)
    except (OSError, struct.error):
        return b"{}"
    return page[_HEAD.size : _HEAD.size + length] or b"{}"


def _write_all(descriptor: int, data: Buffer, offset: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(descriptor, view, offset)
        view, offset = view[written:], offset + written
