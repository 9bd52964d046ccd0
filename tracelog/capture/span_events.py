"""Span events as log records: what a library reports with `span.add_event` is seen where the logs are.

One record per event, with the event's own time, name, attributes and ids, through one stdlib logger whose level
and handlers decide what becomes of it. Events named `exception` are ERROR, all others INFO.
"""

from __future__ import annotations

import logging

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

from tracelog.capture.context import Stamp
from tracelog.capture.record import EVENT
from tracelog.capture.stdlib import STAMP
from tracelog.capture.values import clean_attributes
from tracelog.model import SpanEvent

LOGGER = "tracelog.span_events"


class SpanEventLogger(SpanProcessor):
    """A span processor that logs the events of each sampled span when it ends. `logger` names the stdlib logger."""

    def __init__(self, logger: str = LOGGER) -> None:
        self._logger = logging.getLogger(logger)

    def on_end(self, span: ReadableSpan) -> None:
        """Log the events of a span."""
        context = span.get_span_context()
        if context is None or not context.is_valid or not context.trace_flags.sampled:
            return
        stamp = Stamp(context.trace_id, context.span_id, int(context.trace_flags))
        for event in span.events:
            attributes = clean_attributes(event.attributes or {})
            self._log(SpanEvent(event.timestamp, event.name, attributes), stamp)

    def _log(self, event: SpanEvent, stamp: Stamp) -> None:
        level = logging.ERROR if event.name == "exception" else logging.INFO
        if not self._logger.isEnabledFor(level):
            return
        record = logging.makeLogRecord(
            {
                "name": self._logger.name,
                "msg": event.name,
                "levelno": level,
                "levelname": logging.getLevelName(level),
                "created": event.time / 1e9,
                "msecs": float(event.time // 1_000_000 % 1000),
            }
        )
        setattr(record, STAMP, stamp)
        setattr(record, EVENT, event)
        for key, value in event.attributes.items():
            record.__dict__.setdefault(key, value)
        self._logger.handle(record)
