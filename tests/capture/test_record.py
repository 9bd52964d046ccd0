"""A LogRecord as a LogEntry: text, severity, extras, logged dicts, structlog's event dicts."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
import structlog
from opentelemetry.trace import Tracer

from tracelog.capture import crash_lines
from tracelog.capture.record import read_record, severity_number
from tracelog.capture.structlog import add_trace_context
from tracelog.model import LogEntry

from .telemetry import NOW, SPAN, TRACE, RecordList, make_logger

pytestmark = pytest.mark.usefixtures("clock")

RESOURCE = {"service.name": "shop"}


def entry_of(log: Callable[[logging.Logger], object]) -> LogEntry:
    """Log once and read the record, without its place in this file."""
    kept = RecordList()
    log(make_logger(kept))
    record = kept.records[0]
    record.pathname = ""
    return read_record(record, RESOURCE, "1")


def expected(body: Any, **rest: Any) -> LogEntry:
    known: dict[str, Any] = {"severity_number": 9, "severity_text": "INFO", "logger": "shop.orders", "id": "1"}
    return LogEntry(time=NOW, observed_time=NOW, service="shop", resource=RESOURCE, body=body, **{**known, **rest})


def test_a_record_is_read_whole(tracer: Tracer) -> None:
    kept = RecordList()
    with tracer.start_as_current_span("checkout"):
        make_logger(kept).warning("order %d", 7, extra={"items": 3})
        record = kept.records[0]
        assert read_record(record, RESOURCE, "1") == expected(
            "order 7",
            severity_number=13,
            severity_text="WARNING",
            trace_id=TRACE,
            span_id=SPAN,
            trace_flags=1,
            attributes={
                "items": 3,
                "code.file.path": __file__,
                "code.line.number": record.lineno,
                "code.function.name": "test_a_record_is_read_whole",
            },
        )


def test_a_record_outside_any_span_has_no_ids() -> None:
    assert entry_of(lambda log: log.info("placed")) == expected("placed")


@pytest.mark.parametrize(
    ("levelno", "number"),
    [(0, 1), (1, 2), (5, 4), (10, 5), (12, 7), (19, 8), (20, 9), (25, 12), (30, 13), (40, 17), (50, 21), (99, 24)],
)
def test_severity_numbers_are_those_of_opentelemetry(levelno: int, number: int) -> None:
    assert severity_number(levelno) == number


def test_arguments_that_do_not_fit_cost_the_text_not_the_line() -> None:
    found = entry_of(lambda log: log.info("%d items", "x"))
    error = found.attributes["logging.error"]
    assert error.startswith("TypeError: %d format")
    assert found == expected("%d items", attributes={"logging.arguments": "('x',)", "logging.error": error})


def test_too_many_arguments_are_kept_beside_the_text() -> None:
    error = "TypeError: not all arguments converted during string formatting"
    found = entry_of(lambda log: log.info("placed", 7, "x"))  # noqa: PLE1205 - the point
    assert found == expected("placed", attributes={"logging.arguments": "(7, 'x')", "logging.error": error})


class Broken:
    def __str__(self) -> str:
        raise RuntimeError("no words")

    __repr__ = __str__


@pytest.mark.parametrize("key", [("a", 1), None, True, b"x", 7, 1.5, frozenset({1})])
def test_an_extra_under_a_key_that_is_no_text_is_kept_under_its_text(key: Any) -> None:
    assert entry_of(lambda log: log.info("placed", extra={key: {2}})) == expected("placed", attributes={str(key): [2]})


def test_extras_under_the_names_of_the_place_stand_beside_it() -> None:
    kept = RecordList()
    make_logger(kept).info("placed", stack_info=True, extra={"code.file.path": "theirs", "code.stacktrace": "theirs"})
    record = kept.records[0]
    assert read_record(record, RESOURCE).attributes == {
        "attributes.code.file.path": "theirs",
        "attributes.code.stacktrace": "theirs",
        "code.stacktrace": record.stack_info,
        "code.file.path": __file__,
        "code.line.number": record.lineno,
        "code.function.name": "test_extras_under_the_names_of_the_place_stand_beside_it",
    }


def test_an_argument_that_cannot_be_printed_costs_a_placeholder() -> None:
    found = entry_of(lambda log: log.info("said %s", Broken()))
    wrong = {"logging.arguments": "<unprintable tuple: RuntimeError>", "logging.error": "RuntimeError: no words"}
    assert found == expected("said %s", attributes=wrong)


def test_a_message_that_cannot_be_printed_costs_a_placeholder() -> None:
    found = entry_of(lambda log: log.info(Broken()))
    wrong = {"logging.arguments": "()", "logging.error": "RuntimeError: no words"}
    assert found == expected("<unprintable Broken: RuntimeError>", attributes=wrong)


def test_a_message_that_logs_while_it_is_printed_loses_neither_line() -> None:
    kept: list[LogEntry] = []

    class Reading(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            kept.append(read_record(record, RESOURCE))

    logger = make_logger(Reading())

    class Talkative:
        def __str__(self) -> str:
            logger.info("from within")
            return "from without"

    logger.info("%s", Talkative())
    assert [entry.body for entry in kept] == ["from within", "from without"]


@pytest.mark.parametrize("key", ["message", "event", "msg"])
def test_a_logged_dict_becomes_text_and_attributes(key: str) -> None:
    found = entry_of(lambda log: log.info({key: "placed", "items": {"a": 1}, "_hidden": 1, 7: "seven"}))
    assert found == expected("placed", attributes={"items": {"a": 1}, "_hidden": 1, "7": "seven"})


def test_a_logged_dict_may_lack_a_text_and_carry_an_exception() -> None:
    error = ValueError("empty")
    found = entry_of(lambda log: log.info({"items": 3, "exc_info": error}))
    assert found.exception is not None
    assert (found.exception.type, found.exception.message) == ("ValueError", "empty")
    assert found == expected("", attributes={"items": 3}, exception=found.exception)


def test_a_logged_dict_whose_class_cannot_be_copied_is_read_all_the_same() -> None:
    class Stubborn(dict[str, int]):
        def __iter__(self) -> Any:
            raise RuntimeError("no")

        keys = items = __iter__

    assert entry_of(lambda log: log.info(Stubborn(items=3))) == expected("", attributes={"items": 3})


def test_a_logged_dict_is_left_as_it_was() -> None:
    said = {"message": "placed", "exc_info": None}
    entry_of(lambda log: log.info(said))
    assert said == {"message": "placed", "exc_info": None}


def structlog_line(*processors: Any, **said: Any) -> LogEntry:
    def log(logger: logging.Logger) -> None:
        chain = [*processors, structlog.stdlib.ProcessorFormatter.wrap_for_formatter]
        wrapper = structlog.stdlib.BoundLogger
        structlog.wrap_logger(logger, processors=chain, wrapper_class=wrapper).info("placed", **said)

    return entry_of(log)


def test_an_event_dict_of_structlog_becomes_text_and_attributes(tracer: Tracer) -> None:
    repeating = [
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
        add_trace_context,
    ]
    with tracer.start_as_current_span("checkout"):
        found = structlog_line(*repeating, items=3)
    ids = {"trace_id": TRACE, "span_id": SPAN, "trace_flags": 1}
    assert found == expected("placed", attributes={"items": 3}, **ids)


def test_what_the_user_binds_under_the_name_of_an_id_is_kept(tracer: Tracer) -> None:
    bound = {"trace_id": "mine", "level": "gold", "logger": "ours"}
    with tracer.start_as_current_span("checkout"):
        found = structlog_line(add_trace_context, **bound)
    ids = {"trace_id": TRACE, "span_id": SPAN, "trace_flags": 1}
    assert found == expected("placed", attributes=bound, **ids)


def test_an_exception_in_an_event_dict_is_read_as_one() -> None:
    found = structlog_line(exc_info=KeyError("order.id"))
    assert found.exception is not None
    assert (found.exception.type, found.exception.message) == ("KeyError", "'order.id'")
    assert found == expected("placed", exception=found.exception)


def test_an_exception_that_structlog_has_rendered_is_kept_as_a_stack() -> None:
    found = structlog_line(structlog.processors.format_exc_info, exc_info=KeyError("order.id"))
    assert found.exception is not None
    assert (found.exception.type, found.exception.message) == (None, None)
    assert (found.exception.stacktrace or "").endswith("KeyError: 'order.id'")


def test_a_bare_record_has_no_severity() -> None:
    found = read_record(logging.makeLogRecord({"msg": "bare"}), RESOURCE)
    assert (found.body, found.severity_number, found.level) == ("bare", None, None)


def test_a_record_whose_exception_a_queue_has_made_text_keeps_it() -> None:
    record = logging.makeLogRecord({"msg": "failed", "exc_text": "Traceback ...\nKeyError: 1"})
    found = read_record(record, RESOURCE).exception
    assert found is not None
    assert (found.type, found.message, found.stacktrace) == (None, None, "Traceback ...\nKeyError: 1")


def test_a_bare_record_is_read_within_a_request_too() -> None:
    request = crash_lines.Request(None, keeps_thread=False)
    token = crash_lines.current_request.set(request)
    try:
        assert read_record(logging.makeLogRecord({"msg": "bare"}), RESOURCE).body == "bare"
    finally:
        crash_lines.current_request.reset(token)
