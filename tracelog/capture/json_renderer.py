"""The last structlog processor that prints: time, level, ids and event as one line of JSON, in one step.

It does the work of `add_log_level`, `TimeStamper`, `add_trace_context`, `format_exc_info` and `JSONRenderer`, for half
of their cost. What those have put on the event already is taken as it is. `make_json_bound_logger` does the rest of a
log call in the same step.

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
from tracelog.capture.line_text import LineText, encode_line
from tracelog.capture.structlog import LEVEL_OF_METHOD, read_event
from tracelog.capture.values import LARGEST, clean
from tracelog.resource import detect_resource
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
        self._text = LineText(self._schema, self._resource["service.name"])
        self._as_bytes = as_bytes

    def __call__(self, logger: Any, method_name: str, event_dict: MutableMapping[str, Any]) -> str | bytes:
        """Return the line of an event."""
        return self.render(logger, method_name, event_dict.pop("event", ""), event_dict)

    def render(self, logger: Any, method_name: str, event: Any, said: MutableMapping[str, Any]) -> str | bytes:
        """Return the line of an event; `said` is the rest of its dict."""
        if baggage.allowed:
            said = {**baggage.current_baggage(), **said}
        if _READ_WHOLE.isdisjoint(said):
            line = self._line(logger, method_name, event, said)
        else:
            said["event"] = event
            line = encode_line(self._schema.line(read_event(logger, method_name, said, self._resource)))
        return line.encode() if self._as_bytes else line

    def _line(self, logger: Any, method_name: str, event: Any, said: MutableMapping[str, Any]) -> str:
        for key, value in said.items():
            kind = type(value)
            if kind is not str and (kind is not int or not -LARGEST <= value < LARGEST):
                said[key] = clean(value)
        name, stamp = getattr(logger, "name", None), current_stamp()
        if stamp is not None and stamp.mark:
            said[stamp.mark] = True
        return self._text.line(
            time.time(),
            LEVEL_OF_METHOD.get(method_name) or method_name.upper(),
            name if type(name) is str else None,
            event if type(event) is str else clean(event),
            stamp,
            said,
        )
