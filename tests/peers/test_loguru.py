"""loguru: nothing that changes stdlib reaches it, its patcher does; `examples/loguru_patcher.py` is the recipe."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from capture.telemetry import SPAN, TRACE, RecordList
from loguru import logger
from opentelemetry.trace import Tracer

import tracelog
from tracelog.capture.record import read_record

from .outcomes import OtelLogs, ids_of

IDS = {"trace_id": TRACE, "span_id": SPAN, "trace_flags": "01"}


@pytest.fixture(autouse=True)
def _own_sinks() -> Iterator[None]:
    logger.remove()
    yield
    logger.remove()
    logger.configure(patcher=lambda record: None, extra={})


def patch() -> None:
    """Do what the recipe says."""
    logger.configure(patcher=lambda record: tracelog.add_trace_context(None, "", record["extra"]))


@pytest.mark.usefixtures("injected")
@pytest.mark.parametrize("enqueue", [False, True])
def test_the_instrumentor_does_not_reach_loguru_and_the_patcher_does(tracer: Tracer, enqueue: bool) -> None:
    """Delgan/loguru#674, open-telemetry/opentelemetry-python-contrib#2105

    The patcher runs at the call, so that it does not matter in which thread the line is written.
    """
    written: list[str] = []
    logger.add(written.append, serialize=True, enqueue=enqueue)
    with tracer.start_as_current_span("checkout"):
        logger.info("placed")
        patch()
        logger.info("placed")
    logger.complete()
    peer, ours = (json.loads(line)["record"]["extra"] for line in written)
    assert (peer, ours) == ({}, IDS)


def test_outside_of_spans_the_patcher_adds_nothing() -> None:
    """Hand-written patchers add zeros: open-telemetry/opentelemetry-python#3615 has one."""
    written: list[Any] = []
    patch()
    logger.add(lambda message: written.append(message.record["extra"]))
    logger.info("outside")
    assert written == [{}]


@pytest.mark.usefixtures("injected")
def test_a_stdlib_handler_as_a_sink_that_is_enqueued_gets_its_records_made_in_the_wrong_thread(
    tracer: Tracer, otel_logs: OtelLogs
) -> None:
    """`StandardSink.write` makes the record where it is written. The patcher's ids are with it, in its `extra`."""
    kept = RecordList()
    patch()
    logger.add(kept, enqueue=True)
    logger.add(otel_logs.handler, enqueue=True)
    with tracer.start_as_current_span("checkout"):
        logger.info("placed")
    logger.complete()
    assert (vars(kept.records[0])["otelTraceID"], otel_logs.record.trace_id) == ("0", 0)
    assert vars(kept.records[0])["extra"] == IDS


@pytest.mark.usefixtures("injected")
def test_a_stdlib_handler_as_a_sink_has_the_ids_of_the_call(tracer: Tracer) -> None:
    """Held so that nobody claims otherwise: here the instrumentor is right."""
    tracelog.install()
    kept = RecordList()
    logger.add(kept)
    with tracer.start_as_current_span("checkout"):
        logger.info("placed")
    assert (vars(kept.records[0])["otelTraceID"], ids_of(kept.records[0])) == (TRACE, (TRACE, SPAN, "01"))


@pytest.mark.parametrize("enqueue", [False, True])
def test_a_handler_as_a_sink_has_the_ids_of_the_call_once_in_whatever_thread_it_writes(
    tracer: Tracer, enqueue: bool
) -> None:
    tracelog.install()
    records = RecordList()
    patch()
    logger.add(records, format="{message}", enqueue=enqueue)
    with tracer.start_as_current_span("checkout"):
        logger.bind(order="A-1").info("placed")
    logger.complete()
    entry = read_record(records.records[0], {})
    assert (entry.trace_id, entry.span_id, entry.trace_flags) == (TRACE, SPAN, 1)
    assert entry.attributes["extra"] == {"order": "A-1"}
