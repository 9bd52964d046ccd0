"""JSON log lines as the libraries print them: theirs where they are installed, copied from their output where not."""

from __future__ import annotations

import io
import json
import logging
from typing import Any

import msgspec
import pytest
import structlog
from pythonjsonlogger.json import JsonFormatter

from tracelog.model import ExceptionInfo, LogEntry
from tracelog.schema.json_lines import JsonLineDecoder

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TIME = 1_776_608_581_200_000_000
ISO = "2026-04-19T14:23:01.200Z"


def decode(line: str | bytes | dict[str, Any]) -> LogEntry:
    """Decode one line, and leave out its id, which is a hash."""
    raw = json.dumps(line) if isinstance(line, dict) else line
    entry = JsonLineDecoder().decode(raw if isinstance(raw, bytes) else raw.encode())
    assert len(entry.id) == 34
    return msgspec.structs.replace(entry, id="")


def entry(**fields: Any) -> LogEntry:
    time = fields.pop("time", TIME)
    service = fields.get("service", "unknown_service")
    return LogEntry(
        **{"time": time, "observed_time": time, "body": "", "resource": {"service.name": service}, **fields}
    )


def test_a_line_of_structlog_is_read() -> None:
    out = io.StringIO()
    logger = structlog.wrap_logger(
        structlog.PrintLogger(out),
        processors=[
            structlog.stdlib.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
    )
    try:
        raise KeyError("stock")
    except KeyError:
        logger.exception("reserve failed", timestamp=ISO, order_id="A-1", trace_id=TRACE, span_id=SPAN)
    found = decode(out.getvalue())
    assert found.exception is not None
    assert found == entry(
        body="reserve failed",
        severity_number=17,
        severity_text="ERROR",
        trace_id=TRACE,
        span_id=SPAN,
        attributes={"order_id": "A-1"},
        exception=ExceptionInfo(None, None, found.exception.stacktrace),
    )
    assert (found.exception.stacktrace or "").endswith("KeyError: 'stock'")


def test_the_nested_span_of_structlogs_documentation_is_read() -> None:
    span = {"trace_id": TRACE, "span_id": SPAN, "parent_span_id": "1" * 16}
    assert decode({"event": "paid", "level": "info", "timestamp": ISO, "span": span}) == entry(
        body="paid",
        severity_number=9,
        severity_text="INFO",
        trace_id=TRACE,
        span_id=SPAN,
        attributes={"span": {"parent_span_id": "1" * 16}},
    )
    del span["parent_span_id"]
    assert decode({"event": "paid", "timestamp": ISO, "span": span}) == entry(body="paid", trace_id=TRACE, span_id=SPAN)


def test_a_line_of_python_json_logger_is_read() -> None:
    record = logging.LogRecord("shop.cards", logging.WARNING, __file__, 7, "slow by %d ms", (80,), None)
    record.created, record.msecs, record.order_id = TIME / 1e9, 200.0, "A-1"
    formatter = JsonFormatter("%(asctime)s %(levelname)s %(name)s %(message)s", datefmt=ISO)
    assert decode(formatter.format(record)) == entry(
        body="slow by 80 ms",
        severity_number=13,
        severity_text="WARNING",
        logger="shop.cards",
        attributes={"order_id": "A-1"},
    )


def test_a_line_of_ecs_logging_is_read_with_its_mix_of_dots_and_nesting() -> None:
    line = {
        "@timestamp": ISO,
        "log.level": "error",
        "message": "charge failed",
        "ecs": {"version": "1.6.0"},
        "error": {"type": "CardError", "message": "no funds", "stack_trace": "Traceback ..."},
        "log": {"logger": "shop.cards", "origin": {"file": {"line": 7, "name": "cards.py"}}},
        "service": {"name": "shop", "environment": "live"},
        "trace": {"id": TRACE},
        "span.id": SPAN,
        "order.id": "A-1",
    }
    assert decode(line) == entry(
        body="charge failed",
        severity_number=17,
        severity_text="ERROR",
        logger="shop.cards",
        service="shop",
        trace_id=TRACE,
        span_id=SPAN,
        exception=ExceptionInfo("CardError", "no funds", "Traceback ..."),
        attributes={
            "ecs": {"version": "1.6.0"},
            "log": {"origin": {"file": {"line": 7, "name": "cards.py"}}},
            "service": {"environment": "live"},
            "order.id": "A-1",
        },
    )


@pytest.mark.parametrize("sampled", [True, False])
def test_a_line_with_the_fields_of_opentelemetrys_logging_instrumentor_is_read(sampled: bool) -> None:
    line = {
        "asctime": "2026-04-19 14:23:01,200",
        "levelname": "INFO",
        "message": "paid",
        "otelSpanID": SPAN,
        "otelTraceID": TRACE,
        "otelTraceSampled": sampled,
        "otelServiceName": "shop",
    }
    assert decode(line) == entry(
        body="paid",
        severity_number=9,
        severity_text="INFO",
        service="shop",
        trace_id=TRACE,
        span_id=SPAN,
        trace_flags=int(sampled),
    )


def test_the_zeros_that_the_instrumentor_writes_without_a_span_are_no_ids() -> None:
    found = decode({"asctime": ISO, "otelSpanID": "0", "otelTraceID": "0", "message": "idle"})
    assert found == entry(body="idle", attributes={"otelSpanID": "0", "otelTraceID": "0"})


@pytest.mark.parametrize(
    ("trace", "span", "expected"),
    [
        ("11842345672456727734", "17630454311243424567", (f"{11842345672456727734:032x}", "f4abf4c9326b2337")),
        (11842345672456727734, 17630454311243424567, (f"{11842345672456727734:032x}", "f4abf4c9326b2337")),
        (TRACE, "67667974448284343", (TRACE, SPAN)),
        ("1234567890", "77", (f"{1234567890:032x}", f"{77:016x}")),
        ("12345678" * 4, "1234567890123456", ("12345678" * 4, f"{1234567890123456:016x}")),
    ],
)
def test_the_decimal_ids_of_datadog_are_read(trace: str | int, span: str | int, expected: tuple[str, str]) -> None:
    flat = {"time": ISO, "message": "paid", "dd.trace_id": trace, "dd.span_id": span, "dd.service": "shop"}
    nested = {"time": ISO, "message": "paid", "dd": {"trace_id": trace, "span_id": span, "service": "shop"}}
    read = entry(body="paid", service="shop", trace_id=expected[0], span_id=expected[1])
    assert [decode(flat), decode(nested)] == [read, read]


def test_the_zero_ids_of_datadog_are_no_ids() -> None:
    assert decode({"time": ISO, "dd.trace_id": "0", "dd.span_id": 0}).trace_id is None


def test_the_fields_of_google_cloud_are_read() -> None:
    line = {
        "time": ISO,
        "severity": "WARNING",
        "message": "slow",
        "logging.googleapis.com/trace": f"projects/my-shop/traces/{TRACE}",
        "logging.googleapis.com/spanId": SPAN,
        "logging.googleapis.com/trace_sampled": True,
    }
    assert decode(line) == entry(
        body="slow",
        severity_number=13,
        severity_text="WARNING",
        trace_id=TRACE,
        span_id=SPAN,
        trace_flags=1,
    )


@pytest.mark.parametrize("name", ["@timestamp", "timestamp", "time", "ts", "asctime"])
@pytest.mark.parametrize(
    ("value", "nanoseconds"),
    [
        (ISO, 0),
        ("2026-04-19 16:23:01.2+02:00", 0),
        (1_776_608_581.2, 0),
        ("1776608581.2", 0),
        (1_776_608_581_200, 0),
        (1_776_608_581_200_000, 0),
        (1_776_608_581_200_000_007, 7),
        ("1776608581200000007", 7),
    ],
)
def test_a_time_is_read_under_every_name_and_in_every_unit(name: str, value: str | float, nanoseconds: int) -> None:
    assert decode({name: value}) == entry(time=TIME + nanoseconds)


@pytest.mark.parametrize("name", ["message", "msg", "event", "body"])
@pytest.mark.parametrize(("said", "body"), [("paid", "paid"), ("", ""), (0, "0"), ({"a": [1]}, {"a": [1]}), ([1], [1])])
def test_the_text_is_read_under_every_name(name: str, said: Any, body: Any) -> None:
    assert decode({"time": ISO, name: said}) == entry(body=body)


@pytest.mark.parametrize("name", ["level", "levelname", "severity", "log.level"])
@pytest.mark.parametrize(
    ("text", "severity"),
    [
        ("debug", 5), ("TRACE", 5), ("Info", 9), ("notice", 9), ("warn", 13), ("WARNING", 13), ("error", 17),
        ("exception", 17), ("CRITICAL", 21), ("fatal", 21), ("loud", None),
    ],
)  # fmt: skip
def test_the_level_is_read_under_every_name(name: str, text: str, severity: int | None) -> None:
    assert decode({"time": ISO, name: text}) == entry(severity_number=severity, severity_text=text.upper())


@pytest.mark.parametrize("name", ["service.name", "service", "dd.service"])
def test_the_service_is_read_under_every_name(name: str) -> None:
    assert decode({"time": ISO, name: "shop"}) == entry(service="shop")


@pytest.mark.parametrize("name", ["trace_id", "trace.id", "traceId", "otelTraceID", "dd.trace_id"])
def test_the_trace_id_is_read_under_every_name_in_any_spelling(name: str) -> None:
    dashed = "4BF92F35-77B3-4DA6-A3CE-929D0E0E4736"
    assert [decode({"time": ISO, name: text}) for text in (TRACE, dashed)] == [entry(trace_id=TRACE)] * 2


@pytest.mark.parametrize("name", ["span_id", "span.id", "spanId", "otelSpanID"])
def test_the_span_id_is_read_under_every_name(name: str) -> None:
    assert decode({"time": ISO, name: SPAN.upper()}) == entry(span_id=SPAN)


@pytest.mark.parametrize(
    ("value", "flags"), [("01", 1), ("00", 0), ("ff", 255), (1, 1), (0, 0), ("true", 1), (False, 0)]
)
def test_the_trace_flags_are_read_from_hex_numbers_and_truth(value: Any, flags: int) -> None:
    assert decode({"time": ISO, "trace_flags": value}) == entry(trace_flags=flags)


def test_what_cannot_be_read_under_its_name_stays_an_attribute_and_the_next_name_is_tried() -> None:
    odd = {
        "@timestamp": None, "timestamp": "soon", "level": 30, "service": {"id": 7}, "trace_id": "none", "span_id": [],
        "trace_flags": "?", "exception": [{"exc_type": "KeyError"}],
    }  # fmt: skip
    line = {
        **odd,
        "time": ISO,
        "severity": "info",
        "msg": "paid",
        "dd": {"service": "shop", "env": "live"},
        "trace.id": TRACE,
    }
    assert decode(line) == entry(
        body="paid",
        severity_number=9,
        severity_text="INFO",
        service="shop",
        trace_id=TRACE,
        attributes={**odd, "dd": {"env": "live"}},
    )


def test_lines_that_are_equal_keep_ids_of_their_own_and_the_same_ones_next_time() -> None:
    lines = [b'{"time": 1, "msg": "tick"}', b'{"time": 1, "msg": "tick"}\n', b'{"time": 1, "msg": "tock"}']
    once, again = JsonLineDecoder(), JsonLineDecoder()
    found = [once.decode(line).id for line in lines]
    assert [again.decode(line).id for line in lines] == found
    assert [name.partition("-")[2] for name in found] == ["0", "1", "0"]
    assert len(set(found)) == 3


@pytest.mark.parametrize(
    "line", ["{}", '{"message": "paid"}', '{"time": "soon"}', '{"time": true}', '{"time": [1]}', '{"time": "nan"}']
)
def test_a_line_without_a_time_says_where_it_was_looked_for(line: str) -> None:
    with pytest.raises(ValueError, match="no time") as caught:
        decode(line)
    assert str(caught.value) == "no time (expected one of @timestamp, timestamp, time, ts, asctime)"


@pytest.mark.parametrize(
    "line", [b"", b"plain text", b"[1]", b'"text"', b'{"time": 1', b'{"time": 1} and more', b"\xff\xfe{}"]
)
def test_a_line_that_is_no_json_object_is_a_decode_error(line: bytes) -> None:
    with pytest.raises((msgspec.DecodeError, UnicodeDecodeError)):
        decode(line)
