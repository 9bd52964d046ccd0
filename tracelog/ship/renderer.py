"""The last structlog processor: stores the event, and returns its JSON line for the logger to print."""

from __future__ import annotations

from collections.abc import MutableMapping
from types import MappingProxyType
from typing import Any

from tracelog.capture.line_text import encode_line
from tracelog.capture.redact import Redactor, make_redactor
from tracelog.capture.structlog import read_event
from tracelog.model import LogEntry
from tracelog.resource import detect_resource
from tracelog.schema.lines import line_schema
from tracelog.ship.emit import emit
from tracelog.ship.senders import sender_for
from tracelog.ship.sending import is_sending
from tracelog.store import Store


class StoreRenderer:
    """Encode an event once, store it, and return it as a line of JSON in a `schema` (`otel` or `ecs`).

    Ids are those that `add_trace_context` put there, else those of the active span. `store`, `service` and
    `options` are as for `StoreHandler`.
    """

    def __init__(
        self,
        store: str | Store | None = None,
        *,
        service: str | None = None,
        schema: str = "otel",
        redact: bool | Redactor = True,
        **options: Any,
    ) -> None:
        self._sender = sender_for(store, **options)
        self._resource = MappingProxyType(detect_resource(service))  # which lets it be encoded once
        self._line = line_schema(schema).line
        self._redactor = make_redactor(redact)

    def __call__(self, logger: Any, method_name: str, event_dict: MutableMapping[str, Any]) -> str:
        """Store an event and return its line."""

        def read() -> LogEntry:
            return read_event(logger, method_name, event_dict, self._resource)

        entry = None if is_sending() else emit(self._sender.pipeline, read, self._redactor)
        return encode_line(dict(event_dict) if entry is None else self._line(entry))
