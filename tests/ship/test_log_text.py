"""Documents that are put together from parts are the documents that the layout's own encoder would make."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pytest
from capture.test_any_value import ANY_TEXT, ANYTHING, FREE_KEYS, record_of
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tracelog.capture.context import Stamp
from tracelog.capture.record import EVENT, read_record
from tracelog.capture.redact import Redactor
from tracelog.capture.stdlib import STAMP
from tracelog.model import SpanEvent
from tracelog.schema.lines import PLACE
from tracelog.schema.otel import Destination
from tracelog.schema.times import SECOND
from tracelog.ship import log_text as log_text_module
from tracelog.ship.emit import encode_entry
from tracelog.ship.log_text import LogText

NOW = 1_776_608_581_200_000_000
DESTINATION = Destination("shop", "test")
RESOURCE = MappingProxyType({"service.name": "shop", "token": "hunter2"})
STAMPS = st.none() | st.builds(Stamp, st.integers(1, 2**128 - 1), st.integers(1, 2**64 - 1), st.integers(0, 255))


@pytest.fixture(autouse=True, scope="module")
def _stopped_clock() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time_ns", lambda: NOW)
        yield


def the_long_way(record: logging.LogRecord, redactor: Redactor | None = None) -> bytes:
    entry = read_record(record, RESOURCE, now=NOW)
    if entry.trace_flags is not None and entry.trace_flags % 2 == 0:
        entry = replace(entry, attributes={**entry.attributes, "tracelog.unsampled": True})
    return encode_entry(entry if redactor is None else redactor(entry), DESTINATION).body


def line(
    message: Any = "placed", stamp: Stamp | None = None, extra: Mapping[str, Any] = MappingProxyType({})
) -> logging.LogRecord:
    record = record_of(message, dict(extra))
    record.created = NOW / SECOND
    setattr(record, STAMP, stamp)
    return record


@given(
    message=ANY_TEXT | ANYTHING,
    extra=st.dictionaries(FREE_KEYS | st.sampled_from(PLACE), ANYTHING, max_size=4),
    stamp=STAMPS,
    name=ANY_TEXT,
    path=ANY_TEXT,
    created=st.sampled_from([NOW / SECOND, NOW / SECOND - 3600, NOW / SECOND + 60]) | st.floats(0, 4e9),
    redact=st.booleans(),
)
def test_any_record_is_the_same_document_in_both_ways(
    *,
    message: Any,
    extra: dict[str, Any],
    stamp: Stamp | None,
    name: str,
    path: str,
    created: float,
    redact: bool,
) -> None:
    record = line(message, stamp, extra)
    record.name, record.pathname, record.created = name, path, created
    redactor = Redactor() if redact else None
    text = LogText(DESTINATION, RESOURCE, redactor)
    expected = json.loads(the_long_way(record, redactor))
    assert json.loads(text.document(record)) == expected
    assert json.loads(text.document(record)) == expected  # from what it has remembered


def test_a_document_has_no_line_break_for_it_is_a_line_of_a_bulk() -> None:
    text = LogText(DESTINATION, RESOURCE)
    assert b"\n" not in text.document(line("two\nlines", extra={"three\nlines": "a\r\nb"}))


def test_an_exception_and_the_mirror_of_a_span_event_are_encoded_as_they_are() -> None:
    text = LogText(DESTINATION, RESOURCE, Redactor())
    try:
        raise ValueError("password=hunter2")
    except ValueError as error:
        failed = line("failed")
        failed.exc_info = (ValueError, error, error.__traceback__)
    mirrored = line("password=hunter2 refused")
    setattr(mirrored, EVENT, SpanEvent(NOW - 5, "password=hunter2 refused", {"token": "hunter2"}))
    for record in (failed, mirrored):
        document = text.document(record)
        assert document == the_long_way(record, Redactor())
        assert b"hunter2" not in document


def test_the_ids_are_those_of_the_record_however_spans_take_turns() -> None:
    text = LogText(DESTINATION, RESOURCE)
    stamps = [Stamp(1, 1, 1), None, Stamp(2, 2, 0), Stamp(1, 1, 1), None]
    documents = [json.loads(text.document(line(stamp=stamp))) for stamp in stamps]
    assert [(found.get("span_id"), found.get("trace_flags")) for found in documents] == [
        (f"{1:016x}", 1),
        (None, None),
        (f"{2:016x}", 0),
        (f"{1:016x}", 1),
        (None, None),
    ]


def test_however_many_calls_there_are_each_record_says_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_text_module, "_MOST_FRAMES", 10)
    text = LogText(DESTINATION, RESOURCE)
    for number in (*range(1, 50), 1):
        record = line()
        record.name, record.lineno = f"shop.{number}", number
        found = json.loads(text.document(record))
        assert (found["scope"]["name"], found["attributes"]["code.line.number"]) == (f"shop.{number}", number)
    assert len(text._frames) <= 10
