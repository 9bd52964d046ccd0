"""Give each test a process of its own, as far as logging goes: root, loggers, record factory, structlog."""

from __future__ import annotations

import logging
import logging.config
import weakref
from collections.abc import Iterator
from logging.config import DictConfigurator
from pathlib import Path
from typing import Any
from weakref import WeakSet

import pytest
import structlog
from capture.telemetry import make_tracer
from opentelemetry.instrumentation.logging import LoggingInstrumentor
from opentelemetry.trace import Tracer

import tracelog.configuration
from tracelog.capture import crash_lines, exceptions
from tracelog.capture.stdlib import uninstall
from tracelog.ship import senders

from .outcomes import OtelLogs


class _WithoutPytest(list[logging.Handler]):
    """Handlers of the root, without those that pytest adds while a test runs."""

    def append(self, handler: logging.Handler) -> None:
        if not type(handler).__module__.startswith("_pytest"):
            super().append(handler)


@pytest.fixture(autouse=True)
def _own_logging(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", _WithoutPytest())
    monkeypatch.setattr(root, "filters", [])
    monkeypatch.setattr(root, "level", logging.INFO)
    monkeypatch.setattr(logging.Logger.manager, "loggerDict", {})
    monkeypatch.setattr(logging, "_handlers", weakref.WeakValueDictionary())
    monkeypatch.setattr(logging, "_handlerList", [])
    for module, name in ((logging, "basicConfig"), (logging.config, "dictConfig"), (logging.config, "fileConfig")):
        monkeypatch.setattr(module, name, getattr(module, name))  # OpenTelemetry's instrumentor wraps them for good
    monkeypatch.setattr(DictConfigurator, "configure", DictConfigurator.configure)
    before = logging.getLogRecordFactory()
    logging.setLogRecordFactory(logging.LogRecord)
    uninstall()
    structlog.reset_defaults()
    exceptions._logged.clear()
    crash_lines.current_request.set(None)
    yield
    structlog.reset_defaults()
    uninstall()
    logging.setLogRecordFactory(before)
    root.manager._clear_cache()  # type: ignore[attr-defined]


@pytest.fixture
def tracer() -> Tracer:
    """A tracer whose root spans have the ids 1, 2, 3."""
    return make_tracer()


@pytest.fixture
def instrumentor() -> Iterator[Any]:
    """OpenTelemetry's LoggingInstrumentor, which is undone at the end if the test has not done so."""
    made: Any = LoggingInstrumentor()
    yield made
    if made.is_instrumented_by_opentelemetry:
        made.uninstrument()


@pytest.fixture
def injected(instrumentor: Any) -> Any:
    """The same, switched on: it puts `otelTraceID` and the others on each record, and adds no handler."""
    instrumentor.instrument(inject_trace_context=True, enable_log_auto_instrumentation=False)
    return instrumentor


@pytest.fixture
def otel_logs() -> OtelLogs:
    """OpenTelemetry's LoggingHandler, and what it exports."""
    return OtelLogs()


@pytest.fixture
def store_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of an embedded store, for senders that end with the test."""
    monkeypatch.setattr(senders, "_senders", {})
    monkeypatch.setattr(senders, "_made", WeakSet())
    monkeypatch.setattr(tracelog.configuration, "own_handlers", [])
    yield f"sqlite:{tmp_path}/tracelog.db"
    senders.shutdown(timeout=5)
