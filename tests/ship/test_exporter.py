"""The span exporter: spans and their events in the store, beside the logs."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from capture.telemetry import NOW, SPAN, TRACE, make_provider, make_tracer
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode

import tracelog
from tracelog import StoreSpanExporter
from tracelog.errors import StoreUnavailableError
from tracelog.model import LogEntry, Span, SpanEvent
from tracelog.ship import exporter as exporter_module
from tracelog.store import Store

from .stores import MemoryStore, books


def test_a_span_and_its_events_are_stored(store: Store) -> None:
    exporter = StoreSpanExporter(store)
    tracer = make_tracer(SimpleSpanProcessor(exporter))
    span = tracer.start_span("checkout", kind=SpanKind.SERVER, attributes={"items": [1, 2]}, start_time=NOW)
    span.add_event("cache.miss", {"key": "cart:7"}, timestamp=NOW + 1)
    span.set_status(Status(StatusCode.ERROR, "out of stock"))
    span.end(NOW + 500)
    assert exporter.force_flush(30_000)
    stored = Span(
        trace_id=TRACE,
        span_id=SPAN,
        name="checkout",
        service="shop",
        start=NOW,
        duration=500,
        kind="SERVER",
        status="ERROR",
        status_message="out of stock",
        attributes={"items": [1, 2]},
        resource={"service.name": "shop"},
        scope="shop.tracing",
        scope_version="1.0",
    )
    (event,) = store.logs()
    assert list(store.spans()) == [stored]
    assert event == LogEntry(
        id=event.id,
        time=NOW + 1,
        event_name="cache.miss",
        service="shop",
        logger="shop.tracing",
        trace_id=TRACE,
        span_id=SPAN,
        attributes={"key": "cart:7"},
        resource={"service.name": "shop"},
    )
    assert store.trace(TRACE).spans[0].events == (SpanEvent(NOW + 1, "cache.miss", {"key": "cart:7"}),)
    assert exporter.stats() == books(2, stored=2)


def test_spans_with_text_that_no_json_holds_are_stored(store: Store) -> None:
    exporter = StoreSpanExporter(store)
    span = make_tracer(SimpleSpanProcessor(exporter)).start_span("torn \ud800", attributes={"key": "\udfff"})
    span.end()
    assert exporter.force_flush(30_000)
    (found,) = store.spans()
    assert (found.name, found.attributes) == ("torn \\ud800", {"key": "\\udfff"})


def test_a_span_without_a_place_in_any_trace_is_left_out() -> None:
    exporter = StoreSpanExporter(MemoryStore())
    assert exporter.export([ReadableSpan("lost")]) is SpanExportResult.SUCCESS
    assert exporter.stats() == books(0)


def test_a_span_that_nobody_can_encode_is_counted_and_the_rest_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from_sdk = exporter_module.read_span  # type: ignore[attr-defined]  # imported there, and replaced there

    def fail_on_first(span: ReadableSpan) -> Span | None:
        if span.name == "first":
            raise RuntimeError("a bug")
        read: Span | None = from_sdk(span)
        return read

    monkeypatch.setattr(exporter_module, "read_span", fail_on_first)
    store = MemoryStore()
    exporter = StoreSpanExporter(store)
    names: Sequence[str] = ("first", "second")
    spans = [ReadableSpan(name, SpanContext(1, number, is_remote=False)) for number, name in enumerate(names, 1)]
    assert exporter.export(spans) is SpanExportResult.FAILURE
    assert exporter.force_flush(30_000)
    tracelog.shutdown(30)  # the record that says so is stored too
    assert exporter.stats() == books(3, stored=2, lost_unencodable=1)
    assert capsys.readouterr().err.endswith("lost so far: nothing could be made of them that a store takes\n")


def test_flushing_is_bounded_and_says_whether_all_is_stored() -> None:
    store = MemoryStore(*[StoreUnavailableError("away")] * 10_000)
    exporter = StoreSpanExporter(store)
    make_tracer(SimpleSpanProcessor(exporter)).start_span("checkout").end()
    assert not exporter.force_flush(10)
    store.answers.clear()
    assert exporter.force_flush(30_000)


def test_shutting_the_exporter_down_waits_for_no_store_and_leaves_the_pipeline_to_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = MemoryStore(StoreUnavailableError("away"))
    exporter = StoreSpanExporter(store)
    provider = make_provider(SimpleSpanProcessor(exporter))
    provider.get_tracer("shop").start_span("checkout").end()
    with monkeypatch.context() as shutting_down:
        shutting_down.setattr(exporter._sender, "flush", lambda *_, **__: pytest.fail("it waits"))
        provider.shutdown()
    exporter.export([ReadableSpan("late", SpanContext(1, 9, is_remote=False))])
    assert tracelog.flush(30)
    assert exporter.stats()._replace(retries=0) == books(2, stored=2)
