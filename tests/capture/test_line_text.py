"""Lines that are put together from parts are the lines that one dict would give."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracelog import JsonFormatter, Redactor
from tracelog.capture.context import Stamp
from tracelog.capture.line_text import LineText
from tracelog.capture.record import EVENT, read_record
from tracelog.capture.stdlib import STAMP
from tracelog.model import SpanEvent
from tracelog.schema.lines import SCHEMAS, line_schema
from tracelog.schema.times import format_created, format_iso, parse_iso

from .telemetry import NOW
from .test_any_value import ANY_TEXT, ANYTHING, FREE_KEYS, record_of


class LongWay(JsonFormatter):
    """A formatter with a hook, for which each line is one dict."""

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        return log_data


STAMPS = st.none() | st.builds(Stamp, st.integers(1, 2**128 - 1), st.integers(1, 2**64 - 1), st.integers(0, 255))
KEYS = FREE_KEYS | st.sampled_from(["level", "trace_id", "dd.span_id", "error.type", "severity", "event.name"])


@given(
    schema=st.sampled_from([*SCHEMAS]),
    message=ANY_TEXT | ANYTHING,
    extra=st.dictionaries(KEYS, ANYTHING, max_size=4),
    stamp=STAMPS,
    name=ANY_TEXT,
    redact=st.booleans(),
)
def test_any_record_is_the_same_line_in_both_ways(
    *, schema: str, message: Any, extra: dict[str, Any], stamp: Stamp | None, name: str, redact: bool
) -> None:
    record = record_of(message, extra)
    record.name = name
    setattr(record, STAMP, stamp)
    ours, long = (kind(schema=schema, service="shop", redact=redact) for kind in (JsonFormatter, LongWay))
    assert ours.format(record) == long.format(record)


def test_the_ids_are_those_of_the_record_however_spans_take_turns() -> None:
    text = LineText(line_schema("otel"), "shop")
    stamps = [Stamp(1, 1, 1), None, Stamp(2, 2, 0), Stamp(1, 1, 1), None]
    lines = [json.loads(text.line(0.0, "INFO", "shop", "placed", stamp, {})) for stamp in stamps]
    assert [line.get("span_id") for line in lines] == [f"{1:016x}", None, f"{2:016x}", f"{1:016x}", None]


def test_however_many_loggers_and_spans_there_are_each_line_has_its_own() -> None:
    text = LineText(line_schema("otel"), "shop")
    for number in (*range(1, 1100), 1):
        line = json.loads(text.line(0.0, "INFO", f"shop.{number}", "placed", Stamp(number, 7, 1), {"items": 3}))
        assert (line["logger"], line["trace_id"]) == (f"shop.{number}", f"{number:032x}")


@pytest.mark.parametrize("extra", [{7: "seven"}, {None: 1}, {("a", 1): "b"}, {"": 0}, {b"_": 1}])
def test_a_key_that_is_no_text_costs_no_line(extra: dict[Any, Any]) -> None:
    line = json.loads(JsonFormatter(service="shop").format(record_of("placed", extra)))
    assert [*line.values()][-1] == next(iter(extra.values()))


@given(st.floats(-1e9, 9e9) | st.integers(0, 9_000_000_000).map(float))
def test_a_record_has_the_same_time_printed_and_stored(created: float) -> None:
    record = logging.makeLogRecord({"msg": "placed", "created": created})
    printed = json.loads(JsonFormatter().format(record))["timestamp"]
    assert len(printed) == len("2026-04-19T14:23:01.200000Z")
    assert parse_iso(printed) == read_record(record, {}).time


@pytest.mark.parametrize(("created", "printed"), [(1e12, "9999-12-31T23:59:59"), (-1e12, "0001-01-01T00:00:00")])
def test_a_time_beyond_the_calendar_is_printed_as_its_end(created: float, printed: str) -> None:
    assert format_created(created) == f"{printed}.000000Z"


def test_the_name_of_a_mirrored_event_is_printed_without_its_secret() -> None:
    record = logging.makeLogRecord({"msg": "password=hunter2 refused", "levelname": "INFO"})
    setattr(record, STAMP, None)
    setattr(record, EVENT, SpanEvent(NOW, "password=hunter2 refused", {"token": "hunter2"}))
    shown = "password=[redacted] refused"
    assert json.loads(JsonFormatter(service="shop", redact=Redactor()).format(record)) == {
        "timestamp": format_iso(NOW),
        "level": "INFO",
        "message": shown,
        "service.name": "shop",
        "event.name": shown,
        "token": "[redacted]",
    }
