"""tracelog: from a slow span to the log lines that explain it.

    import tracelog
    tracelog.configure(service="orders", store="sqlite:tracelog.db")

Every log record then carries the ids of the active OpenTelemetry span, and is stored beside the spans. `import
tracelog` loads nothing heavy; each name loads what it needs on first use (PEP 562).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tracelog.capture.bound_logger import make_json_bound_logger
    from tracelog.capture.execution import ContextThreadPoolExecutor, wrap
    from tracelog.capture.json import JsonFormatter
    from tracelog.capture.json_renderer import JsonRenderer
    from tracelog.capture.middleware import CrashLineMiddleware
    from tracelog.capture.queues import QueueHandler
    from tracelog.capture.redact import Redactor
    from tracelog.capture.span_events import SpanEventLogger
    from tracelog.capture.stdlib import TraceContextFilter, install, uninstall
    from tracelog.capture.structlog import add_trace_context
    from tracelog.configuration import configure
    from tracelog.errors import TracelogError
    from tracelog.keep.keeping import Keep
    from tracelog.keep.spans import KeptSpans
    from tracelog.ship.exporter import StoreSpanExporter
    from tracelog.ship.handler import StoreHandler
    from tracelog.ship.recording_logger import make_recording_bound_logger
    from tracelog.ship.renderer import StoreRenderer
    from tracelog.ship.senders import flush, shutdown
    from tracelog.store import Store, open_store

__version__ = "0.1.0"

_HOMES = {
    "ContextThreadPoolExecutor": "tracelog.capture.execution",
    "CrashLineMiddleware": "tracelog.capture.middleware",
    "JsonFormatter": "tracelog.capture.json",
    "JsonRenderer": "tracelog.capture.json_renderer",
    "Keep": "tracelog.keep.keeping",
    "KeptSpans": "tracelog.keep.spans",
    "QueueHandler": "tracelog.capture.queues",
    "Redactor": "tracelog.capture.redact",
    "SpanEventLogger": "tracelog.capture.span_events",
    "Store": "tracelog.store",
    "StoreHandler": "tracelog.ship.handler",
    "StoreRenderer": "tracelog.ship.renderer",
    "StoreSpanExporter": "tracelog.ship.exporter",
    "TraceContextFilter": "tracelog.capture.stdlib",
    "TracelogError": "tracelog.errors",
    "add_trace_context": "tracelog.capture.structlog",
    "configure": "tracelog.configuration",
    "flush": "tracelog.ship.senders",
    "install": "tracelog.capture.stdlib",
    "make_json_bound_logger": "tracelog.capture.bound_logger",
    "make_recording_bound_logger": "tracelog.ship.recording_logger",
    "open_store": "tracelog.store",
    "shutdown": "tracelog.ship.senders",
    "uninstall": "tracelog.capture.stdlib",
    "wrap": "tracelog.capture.execution",
}

__all__ = [
    "ContextThreadPoolExecutor",
    "CrashLineMiddleware",
    "JsonFormatter",
    "JsonRenderer",
    "Keep",
    "KeptSpans",
    "QueueHandler",
    "Redactor",
    "SpanEventLogger",
    "Store",
    "StoreHandler",
    "StoreRenderer",
    "StoreSpanExporter",
    "TraceContextFilter",
    "TracelogError",
    "__version__",
    "add_trace_context",
    "configure",
    "flush",
    "install",
    "make_json_bound_logger",
    "make_recording_bound_logger",
    "open_store",
    "shutdown",
    "uninstall",
    "wrap",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'tracelog' has no attribute {name!r}")
    try:
        value = getattr(import_module(_HOMES[name]), name)
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("opentelemetry.sdk"):
            raise
        from tracelog.errors import MissingExtraError

        raise MissingExtraError(f"tracelog.{name}", "sdk") from error
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)
