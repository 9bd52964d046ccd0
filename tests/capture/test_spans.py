"""An ended span of the SDK as a Span."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
    set_span_in_context,
)

from tracelog.capture.spans import read_span
from tracelog.model import Span, SpanEvent, SpanLink

from .telemetry import NOW, SPAN, TRACE, make_tracer

RESOURCE = {"service.name": "shop"}
REMOTE = SpanContext(0xA, 0xB, is_remote=True, trace_flags=TraceFlags(1), trace_state=TraceState([("vendor", "x")]))


def ended_span(context: Context | None = None, **options: Any) -> ReadableSpan:
    """Start and end one span; what is left open takes a second."""
    kept = InMemorySpanExporter()
    span = make_tracer(SimpleSpanProcessor(kept)).start_span("checkout", context, start_time=NOW, **options)
    span.add_event("cache.miss", {"key": "cart:7"}, timestamp=NOW + 1)
    span.set_status(Status(StatusCode.ERROR, "out of stock"))
    span.end(NOW + 1_000_000_000)
    (found,) = kept.get_finished_spans()
    return found


def test_a_span_is_read_whole() -> None:
    found = ended_span(
        set_span_in_context(NonRecordingSpan(REMOTE)),
        kind=SpanKind.SERVER,
        attributes={"http.route": "/checkout", "items": [1, 2]},
        links=[Link(SpanContext(0xC, 0xD, is_remote=True), {"why": "retry"})],
    )
    assert read_span(found) == Span(
        trace_id=f"{0xA:032x}",
        span_id=SPAN,
        parent_span_id=f"{0xB:016x}",
        name="checkout",
        service="shop",
        start=NOW,
        duration=1_000_000_000,
        kind="SERVER",
        status="ERROR",
        status_message="out of stock",
        attributes={"http.route": "/checkout", "items": [1, 2]},
        resource=RESOURCE,
        scope="shop.tracing",
        scope_version="1.0",
        trace_state="vendor=x",
        events=(SpanEvent(NOW + 1, "cache.miss", {"key": "cart:7"}),),
        links=(SpanLink(f"{0xC:032x}", f"{0xD:016x}", {"why": "retry"}),),
    )


def test_a_root_has_no_parent() -> None:
    found = read_span(ended_span())
    assert found is not None
    assert (found.trace_id, found.parent_span_id, found.kind, found.links) == (TRACE, None, "INTERNAL", ())


def test_a_span_that_ended_before_it_started_has_no_duration() -> None:
    found = read_span(ReadableSpan("skewed", SpanContext(1, 1, is_remote=False), start_time=NOW, end_time=NOW - 5))
    assert found is not None
    assert (found.start, found.duration) == (NOW, 0)


def test_a_span_without_a_valid_context_has_no_place_in_any_trace() -> None:
    assert read_span(ReadableSpan("lost")) is None
    assert read_span(ReadableSpan("lost", SpanContext(0, 0, is_remote=False))) is None


@pytest.mark.parametrize(
    "start", [NOW, NOW / 1e9, datetime.fromtimestamp(NOW / 1e9, timezone.utc), "2026-04-19T14:23:01.200Z"]
)
def test_a_span_may_be_given_its_times_in_any_form(start: Any) -> None:
    span: Any = ReadableSpan("skewed", SpanContext(1, 1, is_remote=False), start_time=start, end_time=NOW + 5)
    found = read_span(span)
    assert found is not None
    assert (found.start, found.duration) == (NOW, 5)


def test_what_is_no_time_costs_the_duration_of_a_span_not_the_span() -> None:
    span: Any = ReadableSpan("skewed", SpanContext(1, 1, is_remote=False), start_time=NOW, end_time="now")  # type: ignore[arg-type]
    found = read_span(span)
    assert found is not None
    assert (found.start, found.duration) == (NOW, 0)


def test_names_that_are_no_text_become_text() -> None:
    kept = InMemorySpanExporter()
    name: Any = 42
    span = make_tracer(SimpleSpanProcessor(kept)).start_span(name, start_time=NOW)
    span.add_event(name, timestamp=NOW + 1)
    span.end(NOW + 2)
    found = read_span(kept.get_finished_spans()[0])
    assert found is not None
    assert (found.name, found.events) == ("42", (SpanEvent(NOW + 1, "42"),))
