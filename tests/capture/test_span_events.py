"""Span events as log records: one each, at the event's own time, under the span that had it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import pytest
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, Sampler
from opentelemetry.trace import SpanKind, StatusCode, Tracer

import tracelog
from tracelog import JsonFormatter, SpanEventLogger, TraceContextFilter
from tracelog.capture.record import read_record
from tracelog.model import LogEntry

from .telemetry import NOW, SPAN, TRACE, Printed, RecordList, make_tracer

RESOURCE = {"service.name": "shop"}
EVENT = NOW + 1


@pytest.fixture
def kept() -> Iterator[RecordList]:
    """What the logger of the test receives."""
    logger, kept = logging.getLogger("tests.span_events"), RecordList()
    logger.propagate = False
    logger.setLevel(logging.INFO)
    logger.addHandler(kept)
    yield kept
    logger.removeHandler(kept)


def logging_tracer(sampler: Sampler | None = None) -> Tracer:
    processor = SpanEventLogger("tests.span_events")
    return make_tracer(processor, sampler=sampler) if sampler else make_tracer(processor)


def event_entry(event: str, time: int, attributes: dict[str, Any]) -> LogEntry:
    return LogEntry(
        time=time,
        observed_time=time,
        body=event,
        event_name=event,
        severity_number=9,
        severity_text="INFO",
        logger="tests.span_events",
        service="shop",
        trace_id=TRACE,
        span_id=SPAN,
        trace_flags=1,
        attributes=attributes,
        resource=RESOURCE,
    )


def test_each_event_is_one_record_with_its_own_time_and_attributes(kept: RecordList) -> None:
    with logging_tracer().start_as_current_span("checkout") as span:
        span.add_event("cache.miss", {"key": "cart:7"}, timestamp=EVENT)
        span.add_event("cache.fill", timestamp=EVENT + 2)
        assert kept.records == []
    assert [read_record(record, RESOURCE) for record in kept.records] == [
        event_entry("cache.miss", EVENT, {"key": "cart:7"}),
        event_entry("cache.fill", EVENT + 2, {}),
    ]


def test_attributes_named_like_those_of_a_record_neither_raise_nor_get_lost(kept: RecordList) -> None:
    clashing: dict[str, Any] = {
        "name": "a",
        "msg": "b",
        "args": "c",
        "levelno": 1,
        "message": "d",
        "exc_info": "e",
        "created": 0,
    }
    clashing |= {"trace_id": "f", "asctime": "g", "taskName": "h", "stack_info": "i"}
    with logging_tracer().start_as_current_span("checkout") as span:
        span.add_event("clash", clashing, timestamp=EVENT)
    (record,) = kept.records
    assert read_record(record, RESOURCE) == event_entry("clash", EVENT, clashing)
    assert logging.Formatter("%(name)s %(levelname)s %(message)s").format(record) == "tests.span_events INFO clash"


def test_the_record_of_an_event_is_formatted_as_any_other(kept: RecordList) -> None:
    printed = Printed(JsonFormatter(service="shop"))
    plain = Printed(logging.Formatter("%(asctime)s %(trace_id)s %(key)s", "%H:%M"))
    plain.addFilter(TraceContextFilter())
    with logging_tracer().start_as_current_span("checkout") as span:
        span.add_event("cache.miss", {"key": "cart:7"}, timestamp=EVENT)
    printed.handle(kept.records[0])
    plain.handle(kept.records[0])
    line = (
        '{"timestamp":"2026-04-19T14:23:01.200000001Z","level":"INFO","message":"cache.miss",'
        '"logger":"tests.span_events","service.name":"shop","event.name":"cache.miss",'
        f'"trace_id":"{TRACE}","span_id":"{SPAN}","trace_flags":"01","key":"cart:7"}}'
    )
    assert printed.lines == [line]
    assert plain.text.endswith(f" {TRACE} cart:7\n")


def test_an_exception_is_an_event_of_level_error(kept: RecordList) -> None:
    with pytest.raises(KeyError), logging_tracer().start_as_current_span("checkout"):
        raise KeyError("order.id")
    (entry,) = (read_record(record, RESOURCE) for record in kept.records)
    assert (entry.event_name, entry.level, entry.severity_number) == ("exception", "ERROR", 17)
    assert entry.attributes["exception.type"] == "KeyError"
    assert entry.attributes["exception.message"] == "'order.id'"
    assert entry.attributes["exception.stacktrace"].endswith("KeyError: 'order.id'\n")


def test_the_events_of_an_unsampled_span_are_not_logged(kept: RecordList) -> None:
    with logging_tracer(ALWAYS_OFF).start_as_current_span("checkout") as span:
        span.add_event("cache.miss")
    assert kept.records == []


def test_the_level_of_the_logger_decides_which_events_are_logged(kept: RecordList) -> None:
    logging.getLogger("tests.span_events").setLevel(logging.ERROR)
    with logging_tracer().start_as_current_span("checkout") as span:
        span.add_event("cache.miss")
        span.record_exception(KeyError("order.id"))
    assert [record.getMessage() for record in kept.records] == ["exception"]


def test_a_span_without_events_logs_nothing(kept: RecordList) -> None:
    with logging_tracer().start_as_current_span("checkout"):
        pass
    assert kept.records == []


def test_an_exception_that_was_logged_within_the_span_is_not_logged_again(kept: RecordList) -> None:
    tracelog.install()

    def place() -> None:
        try:
            raise KeyError("order.id")
        except KeyError:
            logging.getLogger("tests.span_events").exception("no order")
            raise

    with pytest.raises(KeyError), logging_tracer().start_as_current_span("checkout"):
        place()
    assert [record.getMessage() for record in kept.records] == ["no order"]


def test_an_exception_that_says_what_one_said_that_was_handled_is_logged(kept: RecordList) -> None:
    tracelog.install()

    def ask() -> None:
        raise TimeoutError("upstream timed out")

    def place() -> None:
        try:
            ask()
        except TimeoutError:
            logging.getLogger("tests.span_events").info("trying again", exc_info=True)
        ask()

    with pytest.raises(TimeoutError), logging_tracer().start_as_current_span("checkout"):
        place()
    assert [(record.levelname, record.getMessage()) for record in kept.records] == [
        ("INFO", "trying again"), ("ERROR", "exception"),
    ]  # fmt: skip


def test_an_exception_that_was_logged_elsewhere_is_logged_here(kept: RecordList) -> None:
    tracelog.install()
    tracer = logging_tracer()
    with tracer.start_as_current_span("another"):
        logging.getLogger("tests.span_events").error("no order", exc_info=KeyError("order.id"))
    with pytest.raises(KeyError), tracer.start_as_current_span("checkout"):
        raise KeyError("order.id")
    assert [record.getMessage() for record in kept.records] == ["no order", "exception"]


def test_a_span_can_leave_a_line_at_its_end(kept: RecordList) -> None:
    tracer = make_tracer(SpanEventLogger("tests.span_events", span_end=True))
    with tracer.start_as_current_span("checkout", start_time=EVENT) as span:
        inner = tracer.start_span("charge card", kind=SpanKind.CLIENT, start_time=EVENT)
        inner.set_status(StatusCode.ERROR, "declined")
        inner.end(EVENT + 1_500_000)
        assert span.is_recording()
    charged, checkout = (read_record(record, RESOURCE) for record in kept.records)
    assert (charged.body, charged.level, charged.trace_id, charged.span_id) == (
        "charge card ended",
        "ERROR",
        TRACE,
        f"{2:016x}",
    )
    assert {key: value for key, value in charged.attributes.items() if key.startswith("span.")} == {
        "span.name": "charge card",
        "span.kind": "CLIENT",
        "span.duration_ms": 1.5,
        "span.status": "ERROR",
        "span.status_message": "declined",
        "span.parent_span_id": SPAN,
    }
    assert (checkout.body, checkout.level) == ("checkout ended", "INFO")
    assert "span.parent_span_id" not in checkout.attributes


def test_an_event_may_be_given_its_time_in_any_form(kept: RecordList) -> None:
    times: list[Any] = [datetime.fromtimestamp(NOW / 1e9, timezone.utc), NOW / 1e9, "soon"]
    span = logging_tracer().start_span("checkout", start_time=NOW)
    for time in times:
        span.add_event("cache.miss", timestamp=time)
    span.end(NOW + 5)
    assert [read_record(record, RESOURCE).time for record in kept.records] == [NOW, NOW, NOW + 5]


def test_what_goes_wrong_with_the_events_of_a_span_is_logged_not_raised(
    kept: RecordList, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(record: logging.LogRecord) -> bool:
        raise RuntimeError("no")

    kept.addFilter(fail)
    with logging_tracer().start_as_current_span("checkout") as span:
        span.add_event("cache.miss")
    assert caplog.messages == ["the events of a span cannot be logged"]


def test_a_handler_that_traces_what_it_does_makes_no_circle(kept: RecordList) -> None:
    tracer = logging_tracer()

    class Traced(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            with tracer.start_as_current_span("sending") as span:
                span.add_event(f"sent {record.getMessage()}")

    handler = Traced()
    logging.getLogger("tests.span_events").addHandler(handler)
    try:
        with tracer.start_as_current_span("checkout") as span:
            span.add_event("cache.miss")
    finally:
        logging.getLogger("tests.span_events").removeHandler(handler)
    assert [record.getMessage() for record in kept.records] == ["cache.miss"]
