"""Every way to log leads to the same place: under its span, by `store.trace`."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from capture.telemetry import NOW, SPAN, TRACE, Printed, make_logger, make_tracer
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

import tracelog
from tracelog import JsonFormatter, SpanEventLogger, StoreHandler, StoreRenderer, StoreSpanExporter, add_trace_context
from tracelog.capture import fork
from tracelog.capture.context import Stamp
from tracelog.capture.crash_lines import remember_exception
from tracelog.errors import ConfigurationError
from tracelog.model import SpanEvent
from tracelog.store import Store

from .stores import MemoryStore, books


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "host-1")


def rendered(renderer: StoreRenderer, **said: Any) -> str:
    return renderer(None, "info", {"event": "placed", "timestamp": "2026-04-19T14:23:01.2Z", **said})


def test_lines_of_every_library_are_found_under_their_span(store: Store) -> None:
    handler, renderer = StoreHandler(store, service="shop"), StoreRenderer(store, service="shop")
    stdlib = make_logger(handler, name="stdlib")
    stdlib_of_structlog: Any = structlog.wrap_logger(
        make_logger(handler, name="structlog"),
        processors=[add_trace_context, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    own: Any = structlog.wrap_logger(structlog.PrintLogger(file=open("/dev/null", "w")), processors=[renderer])  # noqa: SIM115, PTH123
    with make_tracer(SimpleSpanProcessor(StoreSpanExporter(store))).start_as_current_span("checkout"):
        stdlib.info("from stdlib", extra={"items": 1})
        stdlib.info({"message": "from python-json-logger", "items": 2})
        stdlib_of_structlog.info("from structlog", items=3)
        own.info("from the renderer", items=4)
    own._logger._file.close()
    assert tracelog.flush(30)
    trace = store.trace(TRACE)
    assert [(line.body, line.attributes["items"], line.span_id) for line in trace.logs_of(SPAN)] == [
        ("from stdlib", 1, SPAN),
        ("from python-json-logger", 2, SPAN),
        ("from structlog", 3, SPAN),
        ("from the renderer", 4, SPAN),
    ]
    assert trace.unplaced_logs == ()


def test_the_console_and_the_store_say_the_same_of_one_record(store: Store) -> None:
    printed = Printed(JsonFormatter(service="shop"))
    with make_tracer().start_as_current_span("checkout"):
        make_logger(printed, StoreHandler(store, service="shop")).info("placed", extra={"order.id": "A-7"})
    assert tracelog.flush(30)
    line, (entry,) = json.loads(printed.text), store.logs()
    found = (entry.body, entry.trace_id, entry.span_id, entry.attributes["order.id"])
    assert found == tuple(line[key] for key in ("message", "trace_id", "span_id", "order.id"))


def test_the_renderer_stores_the_event_and_returns_its_line(store: Store) -> None:
    renderer = StoreRenderer(store, service="shop")
    with make_tracer().start_as_current_span("checkout"):
        line = rendered(renderer, items=3)
    assert tracelog.flush(30)
    assert json.loads(line) == {
        "timestamp": "2026-04-19T14:23:01.200Z",
        "level": "INFO",
        "message": "placed",
        "service.name": "shop",
        "trace_id": TRACE,
        "span_id": SPAN,
        "trace_flags": "01",
        "items": 3,
    }
    (entry,) = store.logs(trace_id=TRACE)
    assert (entry.time, entry.body, entry.span_id, entry.attributes) == (NOW, "placed", SPAN, {"items": 3})


def test_every_way_to_render_an_event_says_how_its_ids_were_come_by(monkeypatch: pytest.MonkeyPatch) -> None:
    chains: list[list[Any]] = [
        [add_trace_context, structlog.processors.JSONRenderer(default=str)],
        [tracelog.JsonRenderer(service="shop")],
        [StoreRenderer(MemoryStore(), service="shop")],
    ]
    said: list[str] = []

    def say(event: str, **more: Any) -> list[tuple[Any, ...]]:
        del said[:]
        for chain in chains:
            structlog.wrap_logger(_Said(said), processors=chain).info(event, **more)
        keys = ("trace_id", "span_id", "trace_flags", "tracelog.inherited", "tracelog.after_end")
        return [tuple(json.loads(line).get(key) for key in keys) for line in said]

    monkeypatch.setattr(fork, "forked_in_span", True)
    with make_tracer().start_as_current_span("checkout") as span:
        monkeypatch.setattr(fork, "_span", span)
        assert say("in a forked child") == [(TRACE, SPAN, "01", True, None)] * 3
    error = LookupError("out of stock")
    assert say("of no span", exc_info=error) == [(None, None, None, None, None)] * 3
    remember_exception(error, Stamp(1, 1, 1))
    assert say("after its span's end", exc_info=error) == [(TRACE, SPAN, "01", None, True)] * 3


class _Said:
    def __init__(self, said: list[str]) -> None:
        self.info = said.append


def test_the_renderer_prints_the_schema_that_was_asked_for() -> None:
    line = rendered(StoreRenderer(MemoryStore(), service="shop", schema="ecs"))
    assert json.loads(line) == {
        "@timestamp": "2026-04-19T14:23:01.200Z",
        "log.level": "info",
        "message": "placed",
        "ecs.version": "8.11.0",
        "service.name": "shop",
    }
    with pytest.raises(ConfigurationError, match="unknown schema 'xml'"):
        StoreRenderer(MemoryStore(), schema="xml")


def test_an_event_that_cannot_be_stored_is_printed_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("tracelog.ship.renderer.read_event", fail)
    renderer = StoreRenderer(MemoryStore())
    assert json.loads(rendered(renderer, torn="\ud800")) == {
        "event": "placed",
        "timestamp": "2026-04-19T14:23:01.2Z",
        "torn": "\\ud800",
    }
    assert renderer._sender.stats == books(1, lost_unencodable=1)


@pytest.fixture
def mirror() -> Iterator[logging.Logger]:
    """A logger that mirrors span events, and nothing above it."""
    logger = logging.getLogger("tests.mirror")
    logger.propagate, logger.level = False, logging.INFO
    yield logger
    for handler in logger.handlers[:]:
        logger.removeHandler(handler)


def test_an_event_that_is_mirrored_and_exported_is_there_once_at_its_own_time(
    store: Store, mirror: logging.Logger
) -> None:
    mirror.addHandler(StoreHandler(store, service="shop"))
    tracer = make_tracer(SpanEventLogger("tests.mirror"), SimpleSpanProcessor(StoreSpanExporter(store)))
    with tracer.start_as_current_span("checkout") as span:
        span.add_event("cache.miss", {"key": "cart:7"}, timestamp=NOW + 1)
    assert tracelog.flush(30)
    trace = store.trace(TRACE)
    assert (trace.spans[0].events, trace.logs) == ((SpanEvent(NOW + 1, "cache.miss", {"key": "cart:7"}),), ())
    (entry,) = store.logs(trace_id=TRACE)
    assert (entry.time, entry.event_name, entry.level, entry.attributes) == (
        NOW + 1,
        "cache.miss",
        "INFO",
        {"key": "cart:7"},
    )
