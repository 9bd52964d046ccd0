"""The records of a spool: what is written is read, and damage costs no record but the one it hit."""

from __future__ import annotations

import string
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracelog.schema.otel import LOGS, TRACES, Document
from tracelog.ship.records import (
    COMMIT,
    HEADER_SIZE,
    MAGIC,
    Damage,
    Record,
    count_records,
    encode_record,
    read_records,
    record_id,
    size_of,
    write_record,
)

SPOOL = 0xFEED
OWN_IDS = st.text(string.ascii_letters + string.digits + "-", max_size=40)
DOCUMENTS = st.builds(Document, OWN_IDS, st.sampled_from((LOGS, TRACES)), st.binary(max_size=100))

DAMAGED = (
    Document("", LOGS, b'{"body":{"text":"placed"}}'),
    Document("own-id", TRACES, b'{"name":"GET /"}'),
    Document("", LOGS, b"{}"),
    Document("", LOGS, b'{"body":{"text":"' + b"x" * 40 + b'"}}'),
)
"""Documents of a buffer that is damaged at every byte: with and without ids, and zeros behind them."""


def written(documents: Sequence[Document], unused: int = 0) -> tuple[bytearray, list[Record]]:
    """Return a buffer of records with unused space behind them, and what is to be read from it."""
    buffer = bytearray(sum(map(size_of, documents)) + unused)
    expected, offset = [], 0
    for number, document in enumerate(documents):
        weight = number % 2
        write_record(buffer, offset, encode_record(SPOOL, number, document, weight))
        end = offset + size_of(document)
        named = document._replace(id=document.id or record_id(SPOOL, number))
        expected.append(Record(named, number, weight, offset, end))
        offset = end
    return buffer, expected


def read(buffer: bytes | bytearray) -> tuple[list[Record], list[Damage]]:
    """Return the records and the damages in a buffer; both ways to go through it agree."""
    found = list(read_records(buffer, 0, len(buffer)))
    records = [one for one in found if isinstance(one, Record)]
    damages = [one for one in found if isinstance(one, Damage)]
    first = records[0].number if records else 0
    assert count_records(buffer, 0, len(buffer)) == (first, len(records), len(damages))
    return records, damages


def hurt(records: Sequence[Record], before: bytes | bytearray, after: bytes | bytearray) -> list[Record]:
    """Return the records of which a byte is another one, or gone; the zeros behind them are no part of them."""
    return [record for record in records if before[slice(*_extent(record))] != after[slice(*_extent(record))]]


def _extent(record: Record) -> tuple[int, int]:
    own_id = "" if record.document.id == record_id(SPOOL, record.number) else record.document.id
    return record.offset, record.offset + HEADER_SIZE + len(own_id) + len(record.document.body)


@given(documents=st.lists(DOCUMENTS, max_size=8), unused=st.integers(0, 100))
def test_what_is_written_is_read_in_order(documents: list[Document], unused: int) -> None:
    buffer, expected = written(documents, unused)
    assert read(buffer) == (expected, [])


@pytest.mark.parametrize("size", [5119, 5120, 5121, 3 * 5120 + 1, 4 * 1024 * 1024 + 9])
def test_a_large_document_is_kept_whole_and_damage_to_it_is_seen(size: int) -> None:
    documents = [Document("", LOGS, b"x" * size), Document("", LOGS, b"{}")]
    buffer, expected = written(documents)
    assert read(buffer) == (expected, [])
    for position in (HEADER_SIZE, HEADER_SIZE + min(5120, size - 1), HEADER_SIZE + size - 1):
        damaged = bytearray(buffer)
        damaged[position] ^= 1
        assert read(damaged) == (expected[1:], [Damage(0, expected[1].offset)])


@pytest.mark.parametrize("pattern", [0x01, 0x80, 0xFF])
def test_a_flipped_byte_costs_the_record_it_is_in_and_no_other(pattern: int) -> None:
    buffer, expected = written(DAMAGED, unused=64)
    for position in range(expected[-1].end):
        damaged = bytearray(buffer)
        damaged[position] ^= pattern
        lost = hurt(expected, buffer, damaged)
        assert read(damaged) == (
            [record for record in expected if record not in lost],
            [Damage(record.offset, record.end if record is not expected[-1] else len(buffer)) for record in lost],
        ), position


def test_a_flipped_byte_in_unused_space_costs_no_record() -> None:
    buffer, expected = written(DAMAGED, unused=64)
    for position in range(expected[-1].end, len(buffer)):
        damaged = bytearray(buffer)
        damaged[position] = 0xFF
        assert read(damaged)[0] == expected, position


def test_a_buffer_cut_at_any_length_has_the_records_that_are_whole_and_shows_one_that_is_not() -> None:
    buffer, expected = written(DAMAGED)
    for length in range(len(buffer) + 1):
        records, damages = read(buffer[:length])
        whole = [record for record in expected if _extent(record)[1] <= length]
        begun = [record for record in expected if record.offset < length < _extent(record)[1]]
        assert [record.document for record in records] == [record.document for record in whole], length
        assert damages == [Damage(record.offset, length) for record in begun], length


@given(start=st.integers(0, 300), garbage=st.binary(min_size=1, max_size=200))
def test_garbage_costs_the_records_that_it_lies_on_and_is_counted(start: int, garbage: bytes) -> None:
    assert_only_hurt_records_are_lost(start, garbage)


@given(start=st.integers(0, 300), size=st.integers(1, 300))
def test_zeros_cost_the_records_that_they_lie_on_and_are_counted(start: int, size: int) -> None:
    assert_only_hurt_records_are_lost(start, bytes(size))


@given(start=st.integers(0, 300), garbage=st.lists(st.sampled_from((MAGIC, b"\0\0\0\0")), min_size=1, max_size=40))
def test_garbage_that_looks_like_the_beginning_of_records_is_none(start: int, garbage: list[bytes]) -> None:
    assert_only_hurt_records_are_lost(start, b"".join(garbage))


def assert_only_hurt_records_are_lost(start: int, garbage: bytes) -> None:
    buffer, expected = written(DAMAGED, unused=64)
    damaged = bytearray(buffer)
    damaged[start : start + len(garbage)] = garbage[: max(len(buffer) - start, 0)]
    lost = hurt(expected, buffer, damaged)
    records, damages = read(damaged)
    assert records == [record for record in expected if record not in lost]
    assert damages or not lost or looks_unused(damaged, lost, expected)


def looks_unused(damaged: bytearray, lost: Sequence[Record], expected: Sequence[Record]) -> bool:
    """Say whether only the last records are lost, and space begins there that was never used, for all one can tell."""
    return list(lost) == list(expected[-len(lost) :]) and not any(damaged[lost[0].offset :][: len(MAGIC)])


def test_a_record_that_was_not_written_to_the_end_is_not_there_and_is_no_damage() -> None:
    buffer, expected = written(DAMAGED, unused=200)
    last = encode_record(SPOOL, 4, Document("", LOGS, b'{"a":1}'))
    offset = expected[-1].end
    buffer[offset + COMMIT : offset + len(last)] = last[COMMIT:]
    assert read(buffer) == (expected, [])


def test_a_record_in_the_text_of_a_document_is_never_taken_for_one() -> None:
    forged = encode_record(SPOOL, 99, Document("", LOGS, b'{"forged":true}'))
    for before in range(8):  # at each alignment
        body = msgspec.json.encode({"a" * before: forged.decode("latin-1")})
        buffer, expected = written([Document("", LOGS, body), Document("", LOGS, b"{}")])
        assert read(buffer) == (expected, [])
        buffer[0] = 0
        assert read(buffer) == (expected[1:], [Damage(0, expected[1].offset)])


def test_reading_begins_where_it_is_told_to() -> None:
    buffer, expected = written(DAMAGED)
    for record in expected:
        assert next(read_records(buffer, record.offset, len(buffer))) == record
    assert list(read_records(buffer, len(buffer), len(buffer))) == []


def test_ids_sort_by_the_order_of_the_calls() -> None:
    ids = [record_id(SPOOL, number) for number in (0, 9, 10, 255, 256, 2**40)]
    assert ids == sorted(ids)
    assert ids[:2] == ["000000000000feed-000000000000", "000000000000feed-000000000009"]


def test_each_record_says_which_spool_it_is_from() -> None:
    buffer = bytearray(256)
    write_record(buffer, 0, encode_record(1, 0, Document("", LOGS, b"{}")))
    write_record(buffer, 40, encode_record(2, 0, Document("", LOGS, b"{}")))
    assert [record.document.id for record in read(buffer)[0]] == [record_id(1, 0), record_id(2, 0)]
