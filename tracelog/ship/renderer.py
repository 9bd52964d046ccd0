"""The last structlog processor: stores the event, and returns its JSON line for the logger to print."""

from __future__ import annotations

import time
from collections.abc import MutableMapping
from contextlib import suppress
from types import MappingProxyType
from typing import Any

from tracelog.capture.context import Stamp, current_stamp
from tracelog.capture.exceptions import take_exc_info
from tracelog.capture.line_text import encode_line
from tracelog.capture.record import PLAIN
from tracelog.capture.redact import Redactor, make_redactor
from tracelog.capture.structlog import read_event
from tracelog.capture.values import clean_attributes
from tracelog.keep.keeping import Given
from tracelog.model import LogEntry
from tracelog.resource import detect_resource
from tracelog.schema.lines import line_schema
from tracelog.ship.emit import emit
from tracelog.ship.senders import keep_for, sender_for
from tracelog.ship.sending import is_sending
from tracelog.store import Store

_SIZE = 800
"""About how many bytes a recorded event takes."""


class StoreRenderer:
    """Encode an event once, store it, and return it as a line of JSON in a `schema` (`otel` or `ecs`).

    Ids are those of the active span, else those that `add_trace_context` put there. `store`, `service`,
    `keep` and `options` are as for `StoreHandler`.
    """

    def __init__(
        self,
        store: str | Store | None = None,
        *,
        service: str | None = None,
        schema: str = "otel",
        redact: bool | Redactor = True,
        keep: Given | None = None,
        **options: Any,
    ) -> None:
        self._sender = sender_for(store, **options)
        self._keep = keep_for(self._sender, keep)
        self._resource = MappingProxyType(detect_resource(service))  # which lets it be encoded once
        self._line = line_schema(schema).line
        self._redactor = make_redactor(redact)

    def __call__(self, logger: Any, method_name: str, event_dict: MutableMapping[str, Any]) -> str:
        """Store an event and return its line."""

        def read() -> LogEntry:
            return read_event(logger, method_name, event_dict, self._resource)

        entry = emit(self._sender.pipeline, read, self._redactor, self._keep, stored=not is_sending())
        return encode_line(self._without_secrets(event_dict) if entry is None else self._line(entry))

    def _without_secrets(self, event_dict: MutableMapping[str, Any]) -> dict[str, Any]:
        """Return an event that could not be read as it may be printed all the same."""
        return dict(event_dict) if self._redactor is None else self._redactor.said("", dict(event_dict), None)[1]

    def record(self, method_name: str, severity: int, event: Any, args: tuple[Any, ...], said: dict[str, Any]) -> None:
        """Record an event that is not logged, for as long as its trace is undecided. Never raises."""
        keep, stamp = self._keep, current_stamp()
        if keep is None or keep.recorder is None or stamp is None or severity < keep.lowest_severity:
            return
        with suppress(Exception):  # what is not logged may well be lost
            if args:
                event = event % args
            exception = take_exc_info(said) if "exc_info" in said else None
            if not PLAIN.issuperset(map(type, said.values())):
                said = clean_attributes(said)
            if exception is not None:
                said["exc_info"] = exception
            recorded = (stamp, time.time_ns(), method_name, event, said)
            if keep.recorder.line(stamp.trace_id, severity, recorded, self._put_recorded, _SIZE, logged=False):
                self._put_recorded(recorded)

    def _put_recorded(self, recorded: tuple[Stamp, int, str, Any, dict[str, Any]]) -> None:
        stamp, moment, method_name, event, said = recorded
        held = {**said, "event": event, "level": method_name, "timestamp": moment}

        def read() -> LogEntry:
            return read_event(None, method_name, held, self._resource, stamp=stamp)

        emit(self._sender.pipeline, read, self._redactor)
