"""The records of a spool: how a document lies in a segment, and how it is found again, whatever happened to the bytes.

    magic   4 bytes, the first of them 0xff, which occurs in no JSON
    crc     4 bytes, CRC-32 of the rest of the header, then of the payload
    length  4 bytes, of the payload
    stream  1 byte: 0 logs, 1 traces
    weight  1 byte: 1 for what is given up last (WARNING and above, spans that failed)
    id      2 bytes, the length of the document's id in the payload; 0 where it is made of the next two
    spool   8 bytes, random, of the process that wrote it
    number  8 bytes, of the record in its spool, ascending
    payload the document's id, if it has one of its own, then the document; filled up with zeros to 8 bytes

Integers are little-endian. Each record says all about itself, so that damage to one costs no other: a reader that finds
no record where one should be looks for the next magic whose checksum is right. Magic and checksum are written last,
as 8 aligned bytes: a record is there as a whole, or it is not.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from mmap import mmap
from typing import NamedTuple, TypeAlias
from zlib import crc32

from tracelog.schema.otel import LOGS, TRACES, Document

MAGIC = b"\xfftl1"
HEADER_SIZE = 32
Buffer: TypeAlias = "bytes | bytearray | mmap"

ALIGNMENT = 8
COMMIT = 8
"""The first bytes of a record, which are written last."""

_LEAD = struct.Struct("<4sI")
_REST = struct.Struct("<IBBHQQ")
_STREAMS = (LOGS, TRACES)
_WITH_GIL = 5120
"""zlib lets go of the interpreter's lock for more bytes than these, and to get it back can take 5 ms."""


class Record(NamedTuple):
    """A document, where it lies, and how much it matters. `number`: its place in the order of its spool."""

    document: Document
    number: int
    weight: int
    offset: int
    end: int


class Damage(NamedTuple):
    """Bytes that are no record, and no unused space either."""

    offset: int
    end: int


def size_of(document: Document) -> int:
    """Return how many bytes of a segment the record of a document takes."""
    return (HEADER_SIZE + len(document.id) + len(document.body) + ALIGNMENT - 1) & -ALIGNMENT


def encode_record(spool: int, number: int, document: Document, weight: int = 0) -> bytes:
    """Return a document as a record, without the zeros behind it. Its id, if it has one, is ASCII."""
    own_id = document.id.encode()
    payload = own_id + document.body if own_id else document.body
    rest = _REST.pack(len(payload), _STREAMS.index(document.stream), weight, len(own_id), spool, number)
    return _LEAD.pack(MAGIC, _checksum(rest, payload)) + rest + payload


def write_record(buffer: bytearray | mmap, offset: int, record: bytes) -> None:
    """Write a record into a buffer that has room for it: first the rest, then what makes it one."""
    buffer[offset + COMMIT : offset + len(record)] = record[COMMIT:]
    buffer[offset : offset + COMMIT] = record[:COMMIT]


def read_records(buffer: Buffer, offset: int, end: int) -> Iterator[Record | Damage]:
    """Yield what lies between two offsets, in order, up to the unused space at the end."""
    while offset < end:
        record = _read(buffer, offset, end)
        if record is not None:
            yield record
            offset = record.end
            continue
        found = _next_offset(buffer, offset, end)
        if found is None:
            if _is_used(buffer, offset):
                yield Damage(offset, end)
            return
        yield Damage(offset, found)
        offset = found


def record_id(spool: int, number: int) -> str:
    """Return the id of a record without one of its own: sortable, within one spool, by the order of the calls."""
    return f"{spool:016x}-{number:012x}"


def count_records(buffer: Buffer, offset: int, end: int) -> tuple[int, int, int]:
    """Return the number of the first record between two offsets, how many there are, and how many places are damaged.

    As `read_records` would find them, for a third of its cost.
    """
    first = count = damaged = 0
    while offset < end:
        whole = _whole(buffer, offset, end)
        if whole is None:
            found = _next_offset(buffer, offset, end)
            damaged += found is not None or _is_used(buffer, offset)
            offset = end if found is None else found
            continue
        *_, number, _payload, offset = whole
        first, count = first if count else number, count + 1
    return first, count, damaged


_Whole: TypeAlias = "tuple[int, int, int, int, int, bytes, int]"
"""Stream, weight, length of the id, spool, number, payload, and where the next record begins."""


def _whole(buffer: Buffer, offset: int, end: int) -> _Whole | None:
    """Return the parts of the record at an offset, None where there is no whole one."""
    start = offset + HEADER_SIZE
    if start > end:
        return None
    magic, checksum = _LEAD.unpack_from(buffer, offset)
    if magic != MAGIC:
        return None
    rest = buffer[offset + COMMIT : start]
    length, stream, weight, id_length, spool, number = _REST.unpack(rest)
    if length > end - start or id_length > length or stream >= len(_STREAMS):
        return None
    payload = bytes(buffer[start : start + length])
    if _checksum(rest, payload) != checksum:
        return None
    after = (start + length + ALIGNMENT - 1) & -ALIGNMENT
    return stream, weight, id_length, spool, number, payload, min(end, after)


def _read(buffer: Buffer, offset: int, end: int) -> Record | None:
    """Return the record at an offset, None where there is no whole one."""
    whole = _whole(buffer, offset, end)
    if whole is None:
        return None
    stream, weight, id_length, spool, number, payload, after = whole
    document_id, body = record_id(spool, number), payload
    if id_length:
        document_id, body = payload[:id_length].decode(errors="replace"), payload[id_length:]
    return Record(Document(document_id, _STREAMS[stream], body), number, weight, offset, after)


def _is_used(buffer: Buffer, offset: int) -> bool:
    """Say whether something was written where there is no record."""
    return buffer[offset : offset + len(MAGIC)] != bytes(len(MAGIC))[: len(buffer) - offset]


def _next_offset(buffer: Buffer, offset: int, end: int) -> int | None:
    """Return where the next whole record behind an offset begins."""
    found = buffer.find(MAGIC, offset + 1, end)
    while found >= 0:
        if found % ALIGNMENT == 0 and _whole(buffer, found, end) is not None:
            return found
        found = buffer.find(MAGIC, found + 1, end)
    return None


def _checksum(rest: bytes | bytearray, payload: bytes) -> int:
    checksum = crc32(rest)
    if len(payload) <= _WITH_GIL:
        return crc32(payload, checksum)
    view = memoryview(payload)
    for start in range(0, len(payload), _WITH_GIL):
        checksum = crc32(view[start : start + _WITH_GIL], checksum)
    return checksum
