"""Baggage on every line: the allowed keys, from the context of the call, and nothing else."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from opentelemetry import baggage, context

import tracelog
from tracelog.capture import baggage as allowed_baggage
from tracelog.capture.record import read_record

from .telemetry import Printed, make_logger


@pytest.fixture(autouse=True)
def _request() -> Iterator[None]:
    """Stand in a request with baggage, and forget afterwards what was allowed."""
    held = baggage.set_baggage("tenant", "acme", baggage.set_baggage("secret", "s3cret"))
    token = context.attach(baggage.set_baggage("request.id", "r-17", held))
    yield
    context.detach(token)
    allowed_baggage.allow(())


def line_of(**extra: object) -> dict[str, object]:
    handler = Printed(tracelog.JsonFormatter(service="shop"))
    make_logger(handler).info("placed", extra=extra)
    (line,) = handler.lines
    found: dict[str, object] = json.loads(line)
    return found


def test_only_the_allowed_keys_are_on_a_line() -> None:
    tracelog.install(baggage_keys=["request.id", "tenant", "absent"])
    line = line_of()
    assert {key: line.get(key) for key in ("request.id", "tenant", "secret", "absent")} == {
        "request.id": "r-17",
        "tenant": "acme",
        "secret": None,
        "absent": None,
    }


def test_a_text_is_one_key() -> None:
    tracelog.install(baggage_keys="tenant")
    assert line_of()["tenant"] == "acme"


def test_a_value_of_the_call_goes_first() -> None:
    tracelog.install(baggage_keys=["tenant"])
    assert line_of(tenant="mine")["tenant"] == "mine"


def test_no_baggage_is_taken_where_none_is_allowed() -> None:
    tracelog.install(baggage_keys=[])
    assert "tenant" not in line_of()


def test_a_long_value_is_cut() -> None:
    tracelog.install(baggage_keys=["tenant"])
    token = context.attach(baggage.set_baggage("tenant", "x" * 5000))
    try:
        assert line_of()["tenant"] == "x" * allowed_baggage.LONGEST
    finally:
        context.detach(token)


def test_a_record_keeps_the_baggage_of_its_call() -> None:
    tracelog.install(baggage_keys=["tenant"])
    record = logging.getLogger("shop").makeRecord("shop", logging.INFO, "", 0, "placed", (), None)
    token = context.attach(context.Context())
    try:
        assert read_record(record, {}).attributes["tenant"] == "acme"
    finally:
        context.detach(token)


@pytest.mark.parametrize("processors", [[tracelog.add_trace_context], []])
def test_structlog_events_get_it_too(processors: list[structlog.types.Processor]) -> None:
    allowed_baggage.allow(["tenant"])
    lines: list[str] = []

    class Lines:
        def info(self, line: str) -> None:
            lines.append(line)

    logger = structlog.wrap_logger(Lines(), processors=[*processors, tracelog.JsonRenderer(service="shop")])
    logger.info("placed")
    assert [json.loads(line)["tenant"] for line in lines] == ["acme"]
