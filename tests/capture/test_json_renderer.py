"""The structlog renderer that does everything in one step prints what the long way prints."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
import structlog
from opentelemetry.trace import Tracer

import tracelog

from .telemetry import SPAN, TRACE

pytestmark = pytest.mark.usefixtures("clock")


class Lines:
    """A logger that keeps what it is given."""

    def __init__(self, name: str | None = None) -> None:
        self.name = name
        self.lines: list[Any] = []

    def info(self, line: Any) -> None:
        self.lines.append(line)

    error = warning = info


def logger_of(lines: Lines, *processors: Any, **options: Any) -> Any:
    renderer = tracelog.JsonRenderer(service="shop", **options)
    return structlog.wrap_logger(lines, processors=[*processors, renderer])


def test_an_event_within_a_span_is_one_whole_line(tracer: Tracer) -> None:
    lines = Lines("shop.orders")
    with tracer.start_as_current_span("checkout"):
        logger_of(lines).info("placed", items=3, customer="cust-1")
    line = (
        '{"timestamp":"2026-04-19T14:23:01.200000Z","level":"INFO","message":"placed","logger":"shop.orders",'
        f'"service.name":"shop","trace_id":"{TRACE}","span_id":"{SPAN}","trace_flags":"01",'
        '"items":3,"customer":"cust-1"}'
    )
    assert lines.lines == [line]


def test_an_event_outside_any_span_has_no_ids_at_all() -> None:
    lines = Lines()
    logger_of(lines).warning("placed")
    assert lines.lines == [
        '{"timestamp":"2026-04-19T14:23:01.200000Z","level":"WARNING","message":"placed","service.name":"shop"}'
    ]


def test_the_line_is_the_same_where_the_usual_processors_ran_before(tracer: Tracer) -> None:
    short, long = Lines("shop"), Lines("shop")
    with tracer.start_as_current_span("checkout"):
        logger_of(short).info("placed", items=3)
        usual = [structlog.processors.add_log_level, tracelog.add_trace_context]
        logger_of(long, *usual).info("placed", items=3)
    (one,), (other,) = map(json.loads, short.lines), map(json.loads, long.lines)
    # The time is made here, or at the processor: to the same microsecond, printed with as many digits as are known.
    assert {**one, "timestamp": ""} == {**other, "timestamp": ""}


def test_bytes_are_for_the_bytes_logger() -> None:
    output = io.BytesIO()
    logger = structlog.wrap_logger(
        structlog.BytesLogger(output), processors=[tracelog.JsonRenderer(service="shop", as_bytes=True)]
    )
    logger.info("größer", items={1})
    assert json.loads(output.getvalue()) == {
        "timestamp": "2026-04-19T14:23:01.200000Z",
        "level": "INFO",
        "message": "größer",
        "service.name": "shop",
        "items": [1],
    }


def test_an_exception_is_taken_as_a_structure() -> None:
    lines = Lines()
    try:
        raise TimeoutError("external-wms")
    except TimeoutError as error:
        logger_of(lines, schema="ecs").error("failed", exc_info=error)
    (line,) = map(json.loads, lines.lines)
    assert (line["error.type"], line["error.message"]) == ("TimeoutError", "external-wms")


@pytest.mark.parametrize("value", [float("nan"), 2**70, "\ud800", b"\xff", object])
def test_a_value_that_json_cannot_hold_does_not_raise(value: object) -> None:
    lines = Lines()
    logger_of(lines).info("placed", value=value)
    assert isinstance(json.loads(lines.lines[0])["value"], str)


def test_an_attribute_named_like_a_core_field_stands_beside_it() -> None:
    lines = Lines()
    logger_of(lines).info("placed", message="mine")
    (line,) = map(json.loads, lines.lines)
    assert (line["message"], line["attributes.message"]) == ("placed", "mine")
