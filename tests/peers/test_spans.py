"""Spans that do not record, and no span at all: peers drop ids that are valid, and write zeros that all lines share.

`tests/capture/test_context.py` has the rest of what the stamp does.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import structlog
from capture.telemetry import SPAN, TRACE, RecordList, make_logger, make_tracer
from opentelemetry import context, trace
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

import tracelog

from .outcomes import OtelLogs, ids_of, tracelog_lines

CALLER = ("a" * 32, "b" * 16, "00")


@contextmanager
def unsampled() -> Iterator[tuple[str, str, str]]:
    with make_tracer(sampler=ALWAYS_OFF).start_as_current_span("checkout"):
        yield TRACE, SPAN, "00"


@contextmanager
def remote() -> Iterator[tuple[str, str, str]]:
    """What a service without instrumentation knows: its caller's header."""
    token = context.attach(TraceContextTextMapPropagator().extract({"traceparent": "00-{}-{}-{}".format(*CALLER)}))
    try:
        yield CALLER
    finally:
        context.detach(token)


def recipe(_logger: Any, _method: str, event_dict: dict[str, Any]) -> dict[str, Any]:
    """Add ids in the way that many services have from structlog's documentation."""
    span = trace.get_current_span()
    if not span.is_recording():
        event_dict["span"] = None
        return event_dict
    found = span.get_span_context()
    event_dict["span"] = {"trace_id": format(found.trace_id, "032x"), "span_id": format(found.span_id, "016x")}
    return event_dict


def events(*processors: Any) -> list[Any]:
    """Log once with structlog and return the event dict that would be rendered."""
    kept: list[Any] = []

    def keep(_logger: Any, _method: str, event_dict: Any) -> str:
        kept.append(event_dict)
        return ""

    structlog.wrap_logger(structlog.ReturnLogger(), [*processors, keep]).info("placed")
    return kept


@pytest.mark.parametrize("active", [unsampled, remote])
def test_the_recipe_of_structlog_drops_the_ids_of_spans_that_do_not_record(active: Any) -> None:
    """The recipe of https://www.structlog.org/en/stable/frameworks.html#opentelemetry, as services carry it.

    Others came to ask the same question: DataDog/documentation#20634
    """
    with active() as ids:
        assert events(recipe) == [{"event": "placed", "span": None}]
        (ours,) = events(tracelog.add_trace_context)
    assert ours == {"event": "placed", **dict(zip(("trace_id", "span_id", "trace_flags"), ids, strict=True))}


@pytest.mark.usefixtures("injected")
def test_lines_without_a_span_all_say_trace_0_and_tracelog_says_none(otel_logs: OtelLogs) -> None:
    """`record_factory` of LoggingInstrumentor begins with "0"; a search for that id joins all lines of all services.

    open-telemetry/opentelemetry-python#1817 and #2455
    """
    tracelog.install()
    kept, ours = RecordList(), tracelog_lines()
    for name in ("shop.orders", "shop.payment"):
        make_logger(kept, otel_logs.handler, name=name).info("outside")
    assert [vars(record)["otelTraceID"] for record in kept.records] == ["0", "0"]
    assert [record.trace_id for record in otel_logs.records] == [0, 0]
    assert {ids_of(record) for record in kept.records} == {None}
    make_logger(ours).info("outside")
    assert not {"trace_id", "span_id", "trace_flags"} & set(ours.line)


@pytest.mark.usefixtures("injected")
@pytest.mark.parametrize("active", [unsampled, remote])
def test_the_instrumentor_keeps_unsampled_ids_as_tracelog_does_and_says_sampled_as_a_bool(active: Any) -> None:
    """Held so that nobody claims otherwise: here the peer is right."""
    tracelog.install()
    kept = RecordList()
    with active() as ids:
        make_logger(kept).info("placed")
    said = vars(kept.records[0])
    assert (said["otelTraceID"], said["otelSpanID"], said["otelTraceSampled"]) == (*ids[:2], False)
    assert ids_of(kept.records[0]) == ids
