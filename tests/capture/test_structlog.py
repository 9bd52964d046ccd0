"""structlog: ids on event dicts, and an event dict as a LogEntry."""

from __future__ import annotations

import logging
from datetime import datetime, timezone
from typing import Any

import pytest
import structlog
from opentelemetry.trace import Tracer

import tracelog
from tracelog.capture.stdlib import install
from tracelog.capture.structlog import add_trace_context, format_arguments, read_event
from tracelog.model import LogEntry

from .telemetry import NOW, SPAN, TRACE, Printed, make_logger

RESOURCE = {"service.name": "shop"}
IDS = {"trace_id": TRACE, "span_id": SPAN, "trace_flags": "01"}


def read(method: str = "info", logger: Any = None, **said: Any) -> LogEntry:
    return read_event(logger, method, said, RESOURCE, "1")


def expected(body: Any = "placed", **rest: Any) -> LogEntry:
    known: dict[str, Any] = {"time": NOW, "severity_number": 9, "severity_text": "INFO", "id": "1"}
    known |= {"observed_time": rest.get("time", NOW), "service": "shop", "resource": RESOURCE}
    return LogEntry(body=body, **{**known, **rest})


def test_ids_are_added_within_a_span(tracer: Tracer) -> None:
    with tracer.start_as_current_span("checkout"):
        assert add_trace_context(None, "info", {"event": "placed"}) == {"event": "placed", **IDS}


def test_nothing_is_added_outside_any_span() -> None:
    assert tracelog.add_trace_context(None, "info", {"event": "placed"}) == {"event": "placed"}


def test_values_that_the_user_bound_are_kept(tracer: Tracer) -> None:
    with tracer.start_as_current_span("checkout"):
        event = add_trace_context(None, "info", {"event": "placed", "trace_id": "mine"})
    assert event == {"event": "placed", **IDS, "trace_id": "mine"}


def test_a_foreign_record_has_the_ids_of_the_call_that_made_it(tracer: Tracer) -> None:
    install()
    renderer = structlog.processors.KeyValueRenderer(key_order=["trace_id"], drop_missing=True)
    chain: list[Any] = [add_trace_context, structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer]
    printed = Printed(structlog.stdlib.ProcessorFormatter(processors=chain))
    logger = make_logger()
    outside = logger.makeRecord("shop", logging.INFO, "", 0, "outside", (), None)
    with tracer.start_as_current_span("checkout"):
        inside = logger.makeRecord("shop", logging.INFO, "", 0, "inside", (), None)
    with tracer.start_as_current_span("someone else's"):
        printed.handle(inside)
        printed.handle(outside)
    assert printed.lines == [
        f"trace_id='{TRACE}' event='inside' span_id='{SPAN}' trace_flags='01'",
        "event='outside'",
    ]


def test_a_record_of_the_users_own_is_no_log_record(tracer: Tracer) -> None:
    with tracer.start_as_current_span("checkout"):
        event = add_trace_context(None, "info", {"event": "placed", "_record": 1})
    assert event == {"event": "placed", "_record": 1, **IDS}


@pytest.mark.parametrize(
    ("event", "args", "text"),
    [
        ("placed %d of %s", (3, "a"), "placed 3 of a"),
        ("placed %(count)d", ({"count": 3},), "placed 3"),
        ("placed %s", ({},), "placed {}"),
    ],
)
def test_positional_arguments_are_put_into_the_event(event: str, args: tuple[object, ...], text: str) -> None:
    assert format_arguments(None, "info", {"event": event, "positional_args": args}) == {"event": text}


@pytest.mark.parametrize(
    ("event", "args", "error"),
    [
        ("%d items", ("x",), "TypeError: %d format"),
        ("100% sure %s", (1,), "TypeError: not enough arguments for format string"),
        ("no place", (1,), "TypeError: not all arguments converted"),
        (None, (1,), "TypeError: unsupported operand"),
    ],
)
def test_positional_arguments_that_do_not_fit_are_kept_beside_the_event(
    event: Any, args: tuple[object, ...], error: str
) -> None:
    found = format_arguments(None, "info", {"event": event, "positional_args": args})
    assert found.pop("logging.error").startswith(error)
    assert found == {"event": event, "logging.arguments": repr(args)}


@pytest.mark.usefixtures("clock")
def test_an_event_is_read_whole(tracer: Tracer) -> None:
    with tracer.start_as_current_span("checkout"):
        found = read(
            "warning", make_logger(name="shop.orders"), event="placed", items={3}, _record="left out", level="warning"
        )
    ids = {"trace_id": TRACE, "span_id": SPAN, "trace_flags": 1}
    level = {"severity_number": 13, "severity_text": "WARNING"}
    assert found == expected(logger="shop.orders", attributes={"items": [3]}, **level, **ids)


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(
    ("method", "text", "number"),
    [
        ("debug", "DEBUG", 5),
        ("msg", "INFO", 9),
        ("warn", "WARNING", 13),
        ("exception", "ERROR", 17),
        ("critical", "CRITICAL", 21),
        ("fatal", "CRITICAL", 21),
        ("audit", "AUDIT", None),
    ],
)
def test_without_a_level_the_method_says_it(method: str, text: str, number: int | None) -> None:
    assert read(method, event="placed") == expected(severity_text=text, severity_number=number)


@pytest.mark.usefixtures("clock")
def test_whole_ids_in_an_event_are_its_own_where_there_is_no_span() -> None:
    found = read(event="placed", trace_id="A" * 32, span_id="B" * 16, trace_flags="00")
    assert found == expected(trace_id="a" * 32, span_id="b" * 16, trace_flags=0)


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("said", [{"trace_id": "42"}, {"trace_id": 7, "span_id": "b" * 16}, {"span_id": "77"}])
def test_no_line_is_moved_to_a_trace_by_ids_that_are_not_whole(said: dict[str, Any]) -> None:
    assert read(event="placed", **said) == expected(attributes=said)


@pytest.mark.usefixtures("clock")
def test_a_span_id_that_is_not_whole_is_an_attribute_of_a_line_of_the_trace() -> None:
    found = read(event="placed", trace_id="a" * 32, span_id="77")
    assert found == expected(trace_id="a" * 32, attributes={"span_id": "77"})


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(
    "said",
    [
        {"trace_id": "42"},
        {"trace_id": "order-7"},
        {"trace_id": None},
        {"trace_id": "a" * 32},
        {"span_id": "77"},
        {"trace_id": "a" * 32, "span_id": "b" * 16},
    ],
)
def test_within_a_span_the_callers_own_ids_are_attributes(tracer: Tracer, said: dict[str, Any]) -> None:
    with tracer.start_as_current_span("checkout"):
        found = read(**add_trace_context(None, "info", {"event": "placed", **said}))
    assert found == expected(attributes=said, trace_id=TRACE, span_id=SPAN, trace_flags=1)


@pytest.mark.usefixtures("clock")
def test_a_foreign_record_is_read_with_the_ids_of_the_call_that_made_it(tracer: Tracer) -> None:
    install()
    with tracer.start_as_current_span("checkout"):
        record = make_logger().makeRecord("shop", logging.INFO, "", 0, "inside", (), None)
    with tracer.start_as_current_span("someone else's"):
        found = read(**add_trace_context(None, "info", {"event": "inside", "_record": record}))
    assert found == expected("inside", trace_id=TRACE, span_id=SPAN, trace_flags=1)


@pytest.mark.parametrize(
    ("timestamp", "time"),
    [
        ("2026-04-19T14:23:01.123456789Z", NOW - 76_543_211),
        ("2026-04-19T16:23:01.200+02:00", NOW),
        (1_776_608_581, NOW - 200_000_000),
        (1_776_608_581.5, NOW + 300_000_000),
        (1_776_608_581_200, NOW),
        (datetime(2026, 4, 19, 14, 23, 1, 200_000, tzinfo=timezone.utc), NOW),
    ],
)
def test_the_time_of_an_event_is_its_timestamp(timestamp: object, time: int) -> None:
    assert read(event="placed", timestamp=timestamp) == expected(time=time)


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(
    "timestamp", ["2026-04-19 16:23:01", "2026-04-19T16:23:01.2", "2026-04-19T14:23:01Z", 1_776_608_581]
)
def test_of_a_time_in_an_unknown_zone_and_of_one_cut_to_the_second_the_clock_knows_better(timestamp: object) -> None:
    assert read(event="placed", timestamp=timestamp) == expected(time=NOW)


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("timestamp", ["14:23", True, float("inf"), 2**70, ["now"]])
def test_what_is_no_time_is_an_attribute(timestamp: object) -> None:
    found = read(event="placed", timestamp=timestamp)
    assert (found.time, list(found.attributes)) == (NOW, ["timestamp"])


@pytest.mark.usefixtures("clock")
def test_an_event_may_be_no_text() -> None:
    assert read(event={"order": {7}}) == expected({"order": [7]})


@pytest.mark.usefixtures("clock")
def test_a_name_of_the_callers_may_begin_with_an_underscore() -> None:
    assert read(event="placed", _id="A-1", _from_structlog=True) == expected(attributes={"_id": "A-1"})


@pytest.mark.usefixtures("clock")
def test_the_exception_of_an_event_is_read_as_one() -> None:
    try:
        raise KeyError("order.id")
    except KeyError:
        found = read("exception", event="failed", exc_info=True)
    assert found.exception is not None
    assert (found.exception.type, found.exception.message) == ("KeyError", "'order.id'")
    assert (found.exception.stacktrace or "").endswith("KeyError: 'order.id'\n")
    assert found.attributes == {}
