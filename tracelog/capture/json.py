"""The python-json-logger formatter: one JSON object a line, ids included, under the names of a schema.

It is configured as every formatter of that library is (`static_fields`, `defaults`, `rename_fields`, `prefix`) and
may be subclassed through its hooks. It formats any record without raising.
"""

from __future__ import annotations

import logging
from typing import Any

import msgspec
from pythonjsonlogger.core import BaseJsonFormatter

from tracelog.capture.record import EVENT, read_record, read_said
from tracelog.capture.redact import Redactor, make_redactor
from tracelog.capture.stdlib import stamp_of
from tracelog.capture.values import clean, clean_attributes, scrub
from tracelog.resource import detect_resource
from tracelog.schema import times
from tracelog.schema.lines import line_schema

_encode = msgspec.json.Encoder().encode
_ADDED_BY_FMT = frozenset(
    ("filename", "funcName", "lineno", "module", "pathname", "process", "processName", "relativeCreated", "thread",
     "threadName", "taskName", "levelno", "msecs")
)  # fmt: skip
"""Fields of a record that no schema has, for those who name them in a `fmt`."""


def encode_line_bytes(fields: dict[str, Any]) -> bytes:
    """Return fields as one line of JSON in UTF-8, whatever they hold."""
    try:
        return _encode(fields)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return _encode(scrub(clean_attributes(fields)))


def encode_line(fields: dict[str, Any]) -> str:
    """Return fields as one line of JSON, whatever they hold."""
    return encode_line_bytes(fields).decode()


class JsonFormatter(BaseJsonFormatter):
    """Format records as JSON lines with trace ids; `service` names the service.

    `schema`: `otel`, `ecs`, `datadog` or `gcp`. The keys of a line are those of the schema; fields that a `fmt` names
    are added where the record has them and the schema does not. `redact`: whether secrets are hidden, or the Redactor
    that hides them.
    """

    def __init__(
        self,
        *args: Any,
        schema: str = "otel",
        service: str | None = None,
        redact: bool | Redactor = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._redactor = make_redactor(redact)
        self._schema = line_schema(schema)
        self._service = detect_resource(service)["service.name"]
        hooks = ("process_log_record", "serialize_log_record", "jsonify_log_record")
        hooked = any(getattr(type(self), name) is not getattr(JsonFormatter, name) for name in hooks)
        self._asked = [name for name in self._required_fields if name in _ADDED_BY_FMT]
        options = (self.prefix, self.defaults, self.static_fields, self.rename_fields, self._asked)
        self._as_it_is = not (hooked or any(options))

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line of JSON."""
        line = self._line(record) if self._redactor is None else self._redacted_line(record, self._redactor)
        return encode_line(line) if self._as_it_is else self._shaped(line, record)

    def _redacted_line(self, record: logging.LogRecord, redactor: Redactor) -> dict[str, Any]:
        return self._schema.line(redactor(read_record(record, {"service.name": self._service})))

    def _line(self, record: logging.LogRecord) -> dict[str, Any]:
        schema, held = self._schema, record.__dict__
        stamp = stamp_of(record)
        body, attributes, exception = read_said(record, stamp)
        event = held.get(EVENT)
        time = times.format_created(held["created"]) if event is None else times.format_iso(event.time)
        line = schema.core(time, held["levelname"], held["name"], body, self._service)
        if event is not None:
            line[schema.event] = event.name
        if stamp is not None:
            schema.add_ids(line, stamp.texts)
        if exception is not None:
            schema.add_exception(line, exception)
        if attributes:
            schema.add_attributes(line, attributes)
        return line

    def _shaped(self, line: dict[str, Any], record: logging.LogRecord) -> str:
        """Return the line as python-json-logger's options and hooks want it."""
        asked = {name: clean(record.__dict__.get(name)) for name in self._asked}
        fields = {**self.defaults, **asked, **line, **self.static_fields}
        renamed = {self.rename_fields.get(key, key): value for key, value in fields.items()}
        return self.serialize_log_record(self.process_log_record(renamed))

    def jsonify_log_record(self, log_data: dict[str, Any]) -> str:
        """Return the fields as text."""
        return encode_line(log_data)
