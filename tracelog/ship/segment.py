"""A segment: a run of records in one buffer, and what is known about each: not yet taken, taken, settled.

A segment lies in one of three ways, told apart by what it takes for its bytes to outlive the process:

MappedSegment   a file, mapped shared: copied is kept, whatever becomes of the process; a sync saves it from a power cut
WrittenSegment  a file written by hand, for file systems that are unsafe to map: kept once `persist` has run
MemorySegment   no file: it goes with the process

A file begins with a page of its own: a magic, how far its records are settled (with a checksum, for a wrong figure
there would lose records), and JSON that says whose it is. Nothing but the records is needed to send them.
"""

from __future__ import annotations

import mmap
import os
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import sleep
from zlib import crc32

from tracelog.ship.records import ALIGNMENT, Buffer, Damage, Record, count_records, read_records, write_record

START = 4096
"""Where the records begin."""
_MAGIC = b"tracelg1"
_SETTLED = struct.Struct("<II")
_SETTLED_AT, _ABOUT_AT = 8, 16
_ABOUT_LENGTH = struct.Struct("<I")
_PAGE = 4096
_PAGES_TOUCHED = 16
_TURN = 50
"""After how many records the interpreter's lock is offered to those who log: they would wait 5 ms for it."""


class MemorySegment:
    """Records in memory. `end`: where the next one goes; `cursor`: where the next one to be taken lies."""

    path: Path | None = None
    buffer: Buffer

    def __init__(self, size: int, buffer: Buffer | None = None) -> None:
        self.buffer = bytearray(START + size) if buffer is None else buffer
        self.size = len(self.buffer)
        self.end = self.cursor = START
        self.first = 0
        """The number of its first record."""
        self.count = self.taken = self.settled = 0
        self.damaged = 0
        self.persisted = START
        """Up to where its records are on the disk."""
        self.is_full = self.is_kept = False
        """Whether nothing more is appended; whether it holds only what is given up last."""
        self.is_deleted = False
        """Whether somebody has deleted its file."""
        self.unsettled: dict[int, int] = {}
        """The number of each record that is taken and not settled, by its offset, in order."""

    def append(self, record: bytes) -> None:
        """Write an encoded record. The caller has looked that there is room."""
        end = self.end
        self.count += 1  # first, for numbers are made of it: none is used twice, whatever a signal handler raises
        try:
            write_record(self.buffer, end, record)  # type: ignore[arg-type] # only segments made here are written to
            self.end = (end + len(record) + ALIGNMENT - 1) & -ALIGNMENT
        except BaseException:
            if self.end == end:
                self.count -= 1
            raise

    def take(self, most: int, most_bytes: int, *, one_at_least: bool = True) -> list[Record]:
        """Return the next records, in order, passing over damage; one may have more bytes. Raise OSError."""
        is_full, end = self.is_full, self.end  # in this order: once it is full, its end is final
        taken: list[Record] = []
        size = 0
        for found in read_records(self._bytes(), self.cursor, end):
            if isinstance(found, Damage):
                self.cursor = found.end
                continue
            size += len(found.document.body)
            if len(taken) == most or (size > most_bytes and (taken or not one_at_least)):
                break
            taken.append(found)
            if len(taken) % _TURN == 0:
                sleep(0)
            self.unsettled[found.offset] = found.number
            self.cursor = found.end
        else:
            self.cursor = end if is_full else self.cursor  # what is left of it was never used
        self.taken += len(taken)
        return taken

    def waiting(self) -> Iterator[Record]:
        """Yield the records that are not taken, without taking them. Raise OSError."""
        records = read_records(self._bytes(), self.cursor, self.end)
        return (found for found in records if isinstance(found, Record))

    def settle(self, offset: int) -> None:
        """Note that a record needs no sending any more."""
        if self.unsettled.pop(offset, None) is not None:
            self.settled += 1

    def oldest(self) -> int | None:
        """Return a number that the first record that is not settled has, or exceeds."""
        first = next(iter(self.unsettled.values()), None)
        return self.first + self.taken if first is None and self.cursor < self.end else first

    @property
    def is_done(self) -> bool:
        """Whether all its records are settled and no more will come."""
        return self.is_full and self.cursor >= self.end and not self.unsettled

    @property
    def is_durable(self) -> bool:
        """Whether its records outlive the process."""
        return self.path is not None and not self.is_deleted

    @property
    def is_there(self) -> bool:
        """Whether its file is where it was made."""
        return self.path is not None and self.path.exists()

    def settled_up_to(self) -> int:
        """Return the offset before which all records are settled."""
        return next(iter(self.unsettled), self.cursor)

    def acknowledge(self) -> None:
        """Note in the file how far the records are settled."""

    def persist(self, *, durably: bool) -> None:
        """Bring what was appended into the file and, with `durably`, through to the disk. Raise OSError."""

    def touch(self) -> None:
        """Have every page of the buffer ready to be written to."""

    def remove(self) -> None:
        """Delete the file, and let go of it."""
        if self.path is not None:
            with suppress(OSError):
                self.path.unlink()
        self.release()

    def release(self) -> None:
        """Let go of the buffer; nobody may be reading. What is in the file stays."""
        self.buffer = b""

    def close(self) -> None:
        """Let go of the buffer, and of the room in the file that was not used."""
        self.release()
        if self.path is not None:
            self.is_deleted = not self.is_there
            with suppress(OSError), _opened(self.path) as descriptor:
                os.ftruncate(descriptor, self.end)

    def _bytes(self) -> Buffer:
        return self.buffer


class WrittenSegment(MemorySegment):
    """Records that are written to a file, and read from it again where their bytes were let go of meanwhile."""

    path: Path

    def __init__(self, path: Path, buffer: Buffer, written: int) -> None:
        super().__init__(0, buffer)
        self.path = path
        self._written = written

    @classmethod
    def create(cls, path: Path, size: int, about: bytes) -> WrittenSegment:
        """Make a file with room for `size` bytes of records, private to its owner. Raise OSError."""
        buffer = bytearray(_first_page(about)) + bytearray(size)
        with _created(path, len(buffer)) as descriptor:
            _write_all(descriptor, buffer[:START], 0)
        return cls(path, buffer, written=START)

    @classmethod
    def find(cls, path: Path) -> WrittenSegment:
        """Look at what another process left. Raise OSError."""
        buffer = _read(path)
        segment = cls(path, buffer, written=len(buffer))
        segment.end = segment.size
        segment.cursor = settled_in(buffer)
        segment.is_full = True
        segment.damaged = int(0 < len(buffer) < START)
        segment.first, segment.count, damaged = count_records(buffer, segment.cursor, segment.end)
        segment.damaged += damaged
        if not segment.count:
            segment.cursor = segment.end
        segment.release()
        return segment

    def take(self, most: int, most_bytes: int, *, one_at_least: bool = True) -> list[Record]:
        """Return the next records, none if somebody has deleted the file. Raise OSError where it cannot be read."""
        try:
            taken = super().take(most, most_bytes, one_at_least=one_at_least)
        except FileNotFoundError:
            self.cursor = self.end
            return []
        if self.is_full and self.cursor >= self.end == self._written:
            self.release()
        return taken

    def acknowledge(self) -> None:
        """Note in the file how far the records are settled."""
        with suppress(OSError), _opened(self.path) as descriptor:  # else sent again, and recognised by its id
            os.pwrite(descriptor, _settled(self.settled_up_to()), _SETTLED_AT)

    def persist(self, *, durably: bool) -> None:
        """Write what was appended since the last time."""
        is_full, end, buffer = self.is_full, self.end, self.buffer
        with _opened(self.path) as descriptor:
            if buffer and end > self._written:
                _write_all(descriptor, buffer[self._written : end], self._written)
                self._written = end
            if durably:
                os.fsync(descriptor)
        if is_full:
            self.release()

    def _bytes(self) -> Buffer:
        buffer = self.buffer or _read(self.path)
        self.buffer = buffer
        return buffer


class MappedSegment(MemorySegment):
    """Records in a file that is mapped shared: a record is kept as soon as it is copied."""

    path: Path
    buffer: mmap.mmap

    def __init__(self, path: Path, buffer: mmap.mmap) -> None:
        super().__init__(0, buffer)
        self.path = path

    @classmethod
    def create(cls, path: Path, size: int, about: bytes) -> MappedSegment:
        """Make a file with room for `size` bytes of records, all of it allocated. Raise OSError."""
        with _created(path, START + size) as descriptor:
            buffer = mmap.mmap(descriptor, START + size)
        buffer[:START] = _first_page(about)
        return cls(path, buffer)

    def touch(self) -> None:
        """Have every page ready, a few at a time, for each costs the interpreter's lock about a microsecond."""
        step = _PAGE * _PAGES_TOUCHED
        for start in range(START, self.size, step):
            end = min(start + step, self.size)
            self.buffer[start:end:_PAGE] = bytes(len(range(start, end, _PAGE)))

    def acknowledge(self) -> None:
        """Note in the mapping how far the records are settled."""
        if not self.buffer.closed:
            self.buffer[_SETTLED_AT : _SETTLED_AT + _SETTLED.size] = _settled(self.settled_up_to())

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


def _read(path: Path) -> bytes:
    with _opened(path) as descriptor, open(descriptor, "rb", closefd=False) as file:
        return file.read()


def _first_page(about: bytes) -> bytes:
    room = START - _ABOUT_AT - _ABOUT_LENGTH.size
    held = about if len(about) <= room else b"{}"
    return (_MAGIC + _settled(START) + _ABOUT_LENGTH.pack(len(held)) + held).ljust(START, b"\0")


def about_of(path: Path) -> bytes:
    """Return the JSON that says whose a segment is, `{}` where it cannot be read."""
    try:
        with path.open("rb") as file:
            page = file.read(START)
        (length,) = _ABOUT_LENGTH.unpack_from(page, _ABOUT_AT)
    except (OSError, struct.error):
        return b"{}"
    start = _ABOUT_AT + _ABOUT_LENGTH.size
    return page[start : start + length] or b"{}"


def _settled(offset: int) -> bytes:
    return _SETTLED.pack(offset, crc32(offset.to_bytes(4, "little")))


def settled_in(page: Buffer) -> int:
    """Return how far a file says that its records are settled; its start where what it says is damaged."""
    said = bytes(page[_SETTLED_AT : _SETTLED_AT + _SETTLED.size])
    if len(said) < _SETTLED.size:
        return START
    offset = int(_SETTLED.unpack(said)[0])
    return offset if said == _settled(offset) and START <= offset <= len(page) else START


def _write_all(descriptor: int, data: Buffer, offset: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(descriptor, view, offset)
        view, offset = view[written:], offset + written
