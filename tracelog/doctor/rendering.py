"""What a handler would write, found without writing it: its filters, then its formatter.

Behind a queue the record goes on in another thread with a context of its own, as it does in a listener. A handler
that stores, or passes whole records on, is asked for what would be stored or passed on.
"""

from __future__ import annotations

import contextvars
import copy
import logging
import pickle
from collections.abc import Callable
from logging.handlers import HTTPHandler, MemoryHandler, QueueHandler, SocketHandler
from threading import Thread
from typing import Any

from tracelog.capture.context import Stamp, current_stamp
from tracelog.capture.record import read_record
from tracelog.capture.stdlib import STAMP
from tracelog.capture.values import safe_text
from tracelog.doctor.probe import Outcome
from tracelog.doctor.structlog import harmless, renderers
from tracelog.ship.handler import StoreHandler


def passed(filterer: logging.Filterer, record: logging.LogRecord) -> logging.LogRecord | None:
    """Return the record that filters let through, which may be another one (3.12); None where they drop it."""
    result: Any = filterer.filter(record)
    if isinstance(result, logging.LogRecord):
        return result
    return record if result else None


def write(handlers: tuple[logging.Handler, ...], record: logging.LogRecord) -> Outcome:
    """Send a record through the filters, queues and formatter of a route."""
    first, rest = handlers[0], handlers[1:]
    try:
        through = passed(first, record)
    except Exception as error:  # noqa: BLE001 - in a real call it goes into the application; here it is the finding
        return Outcome(error=error, stage="filter", record=record)
    if through is None:
        return Outcome()
    if not rest:
        return render(first, through)
    try:
        queued = _queued(first, through)
    except Exception as error:  # noqa: BLE001 - as above
        return Outcome(error=error, stage="queue", record=through)
    if isinstance(first, MemoryHandler):
        return contextvars.Context().run(write, rest, queued)
    return _in_another_thread(lambda: write(rest, queued))


def _queued(handler: logging.Handler, record: logging.LogRecord) -> logging.LogRecord:
    if not isinstance(handler, QueueHandler):
        return record
    prepared: logging.LogRecord = handler.prepare(record)
    if type(handler.queue).__module__.startswith("multiprocessing"):
        prepared = pickle.loads(pickle.dumps(prepared))  # noqa: S301 - what was pickled in the same line
    return prepared


def _in_another_thread(step: Callable[[], Outcome]) -> Outcome:
    outcomes: list[Outcome] = []
    thread = Thread(target=lambda: outcomes.append(contextvars.Context().run(step)), name="tracelog-doctor")
    thread.start()
    thread.join()
    return outcomes[0] if outcomes else Outcome()


def render(handler: logging.Handler, record: logging.LogRecord) -> Outcome:
    """Return what a handler would write of a record that passed its filters."""
    try:
        return Outcome(_text(handler, record), record)
    except Exception as error:  # noqa: BLE001 - logging would print it on stderr and lose the line
        return Outcome(error=error, stage="queue" if isinstance(handler, QueueHandler) else "format", record=record)


def _text(handler: logging.Handler, record: logging.LogRecord) -> str:
    if isinstance(handler, StoreHandler):
        return read_record(record, {}).trace_id or ""
    if is_otel(handler):
        stamp = current_stamp()  # it reads the context when it emits, whatever the record says
        return stamp.texts[0] if stamp else ""
    if isinstance(handler, HTTPHandler):
        return safe_text(handler.mapLogRecord(record))
    if isinstance(handler, QueueHandler):
        return " ".join(values_of(_queued(handler, record)).values())
    if isinstance(handler, SocketHandler):
        return " ".join(values_of(record).values())
    double = without_store(handler.formatter)
    return str(handler.format(record) if double is None else double.format(record))


def is_otel(handler: logging.Handler) -> bool:
    """Say whether a handler is OpenTelemetry's."""
    return is_otel_kind(type(handler))


def is_otel_kind(kind: type) -> bool:
    """Say whether a class is OpenTelemetry's logging handler, of the SDK or of its instrumentation."""
    return issubclass(kind, logging.Handler) and any(
        each.__name__ == "LoggingHandler" and each.__module__.startswith("opentelemetry.") for each in kind.__mro__
    )


def formats(handler: logging.Handler) -> bool:
    """Say whether what a handler writes can be known: it formats, or is one of those that are known here."""
    if isinstance(handler, (StoreHandler, HTTPHandler, QueueHandler, SocketHandler)) or is_otel(handler):
        return True
    emits = (vars(kind).get("emit") for kind in type(handler).__mro__)
    return any("format" in getattr(getattr(emit, "__code__", None), "co_names", ()) for emit in emits)


def values_of(record: logging.LogRecord) -> dict[str, str]:
    """Return what a record holds, as text, by attribute; the stamp by its private name."""
    held = {key: safe_text(value) for key, value in record.__dict__.items() if isinstance(value, (str, int, dict))}
    stamp = record.__dict__.get(STAMP)
    if isinstance(stamp, Stamp):
        held[STAMP] = " ".join(stamp.texts)
    return held


def without_store(formatter: logging.Formatter | None) -> logging.Formatter | None:
    """Return a double, which stores nothing, of a formatter that has a `StoreRenderer`; None for others."""
    processors = getattr(formatter, "processors", None)
    if formatter is None or not isinstance(processors, (list, tuple)) or not renderers(processors):
        return None
    double = copy.copy(formatter)
    vars(double)["processors"] = harmless(processors)
    return double
