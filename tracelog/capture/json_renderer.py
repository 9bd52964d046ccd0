"""The last structlog processor that prints: time, level, ids and event as one line of JSON, in one step.

It does the work of `add_log_level`, `TimeStamper`, `add_trace_context`, `format_exc_info` and `JSONRenderer`, for a
third of their cost. What those have put on the event already is taken as it is.

    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, tracelog.JsonRenderer(as_bytes=True)],
        wrapper_class=structlog.make_filtering_bound_logger("INFO"),
        logger_factory=structlog.BytesLoggerFactory(),
        cache_logger_on_first_use=True,
    )
"""

from __future__ import annotations

import time
from collections.abc import MutableMapping
from typing import Any

from tracelog.capture import baggage
from tracelog.capture.context import current_stamp
from tracelog.capture.json import encode_line, encode_line_bytes
from tracelog.capture.structlog import LEVEL_OF_METHOD, read_event
from tracelog.capture.values import clean
from tracelog.resource import detect_resource
from tracelog.schema import times
from tracelog.schema.lines import line_schema

_READ_WHOLE = frozenset(
    ("trace_id", "span_id", "trace_flags", "timestamp", "level", "logger", "exc_info", "exception", "_record")
)
"""Keys that other processors or callers put on an event, each with rules of its own."""


class JsonRenderer:
    """Render an event as a line of JSON in a `schema`: text, or bytes for `structlog.BytesLogger`."""

    def __init__(self, schema: str = "otel", *, service: str | None = None, as_bytes: bool = False) -> None:
        self._schema = line_schema(schema)
        self._resource = detect_resource(service)
        self._service = self._resource["service.name"]
        self._encode = encode_line_bytes if as_bytes else encode_line

    def __call__(self, logger: Any, method_name: str, event_dict: MutableMapping[str, Any]) -> str | bytes:
        """Return the line of an event."""
        if baggage.allowed:
            event_dict = {**baggage.current_baggage(), **event_dict}
        if not _READ_WHOLE.isdisjoint(event_dict):
            return self._encode(self._schema.line(read_event(logger, method_name, event_dict, self._resource)))
        schema, stamp = self._schema, current_stamp()
        level = LEVEL_OF_METHOD.get(method_name) or method_name.upper()
        event = event_dict.pop("event", "")
        name = getattr(logger, "name", None)
        line = schema.core(
            times.format_created(time.time()),
            level,
            name if type(name) is str else None,
            event if type(event) is str else clean(event),
            self._service,
        )
        if stamp is not None:
            schema.add_ids(line, stamp.texts)
        for key, value in event_dict.items():
            if type(value) is not str:
                event_dict[key] = clean(value)
        schema.add_attributes(line, event_dict)
        return self._encode(line)
