"""Span events as log records: what a library reports with `span.add_event` is seen where the logs are.

One record per event, with the event's own time, name, attributes and ids, through one stdlib logger whose level
and handlers decide what becomes of it. Events named `exception` are ERROR, all others INFO; an exception that was
logged within the same span is not logged again. What handlers themselves trace while they handle a record is left
alone, so that nothing goes in circles.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.trace import SpanContext, StatusCode

from tracelog import ids
from tracelog.capture.context import Stamp
from tracelog.capture.exceptions import was_logged
from tracelog.capture.record import EVENT
from tracelog.capture.spans import events_of, times_of
from tracelog.capture.stdlib import STAMP
from tracelog.capture.values import safe_text
from tracelog.model import SpanEvent
from tracelog.schema.otel import as_exception

LOGGER = "tracelog.span_events"
_own_logger = logging.getLogger("tracelog")


class SpanEventLogger(SpanProcessor):
    """A span processor that logs the events of each sampled span when it ends. `logger` names the stdlib logger.

    With `span_end`, each span also leaves one line with its duration and status, which makes a trace readable from
    plain logs alone, for those who have no trace store.
    """

    def __init__(self, logger: str = LOGGER, *, span_end: bool = False) -> None:
        self._logger = logging.getLogger(logger)
        self._span_end = span_end
        self.is_on = True
        """Whether anything is logged: a provider cannot be rid of a processor."""
        self._busy = threading.local()

    def on_end(self, span: ReadableSpan) -> None:
        """Log the events of a span and, where that is wanted, its end."""
        context = span.get_span_context()
        if context is None or not context.is_valid or not context.trace_flags.sampled or not self.is_on:
            return
        if getattr(self._busy, "active", False):
            return
        self._busy.active = True
        try:
            self._log_span(span, context)
        except Exception:
            _own_logger.exception("the events of a span cannot be logged")  # ending a span never raises
        finally:
            self._busy.active = False

    def _log_span(self, span: ReadableSpan, context: SpanContext) -> None:
        stamp = Stamp(context.trace_id, context.span_id, int(context.trace_flags))
        for event in events_of(span):
            is_exception = event.name == "exception"
            if is_exception and was_logged(stamp.texts[1], as_exception(event.attributes)):
                continue
            level = logging.ERROR if is_exception else logging.INFO
            self._log(level, event.name, event.time, event.attributes, stamp=stamp, event=event)
        if self._span_end:
            failed = span.status.status_code is StatusCode.ERROR
            level = logging.ERROR if failed else logging.INFO
            self._log(level, f"{safe_text(span.name)} ended", times_of(span)[1], _end_of(span), stamp=stamp)

    def _log(
        self,
        level: int,
        text: str,
        time: int,
        attributes: Mapping[str, Any],
        *,
        stamp: Stamp,
        event: SpanEvent | None = None,
    ) -> None:
        if not self._logger.isEnabledFor(level):
            return
        record = logging.makeLogRecord(
            {
                "name": self._logger.name,
                "msg": text,
                "levelno": level,
                "levelname": logging.getLevelName(level),
                "created": time / 1e9,
                "msecs": float(time // 1_000_000 % 1000),
            }
        )
        setattr(record, STAMP, stamp)
        if event is not None:
            setattr(record, EVENT, event)
        for key, value in attributes.items():
            record.__dict__.setdefault(key, value)
        self._logger.handle(record)


def _end_of(span: ReadableSpan) -> dict[str, Any]:
    """Return what the line at a span's end says: enough to put the tree together again."""
    start, end = times_of(span)
    said: dict[str, Any] = {
        "span.name": safe_text(span.name),
        "span.kind": span.kind.name,
        "span.duration_ms": max(end - start, 0) / 1_000_000,
        "span.status": span.status.status_code.name,
    }
    if span.status.description:
        said["span.status_message"] = span.status.description
    if span.parent is not None and span.parent.is_valid:
        said["span.parent_span_id"] = ids.format_span_id(span.parent.span_id)
    return said
