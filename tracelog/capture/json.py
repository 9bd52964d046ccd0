"""The python-json-logger formatter: one JSON object a line, ids included, under the names of a schema.

It is configured as every formatter of that library is (`static_fields`, `defaults`, `rename_fields`, `prefix`) and
may be subclassed through its hooks. It formats any record without raising.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from pythonjsonlogger.core import BaseJsonFormatter

from tracelog.capture.context import Stamp
from tracelog.capture.line_text import LineText, encode_line
from tracelog.capture.record import EVENT, Said, read_said
from tracelog.capture.redact import Redactor, make_redactor
from tracelog.capture.stdlib import STAMP, stamp_of
from tracelog.capture.values import clean
from tracelog.resource import detect_resource
from tracelog.schema import times
from tracelog.schema.lines import line_schema
from tracelog.schema.otel import take_exception

_ADDED_BY_FMT = frozenset(
    ("filename", "funcName", "lineno", "module", "pathname", "process", "processName", "relativeCreated", "thread",
     "threadName", "taskName", "levelno", "msecs")
)  # fmt: skip
"""Fields of a record that no schema has, for those who name them in a `fmt`."""


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
        self._text = LineText(self._schema, self._service)
        hooks = ("process_log_record", "serialize_log_record", "jsonify_log_record")
        hooked = any(getattr(type(self), name) is not getattr(JsonFormatter, name) for name in hooks)
        self._asked = [name for name in self._required_fields if name in _ADDED_BY_FMT]
        options = (self.prefix, self.defaults, self.static_fields, self.rename_fields, self._asked)
        self._as_it_is = not (hooked or any(options))

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line of JSON."""
        held = record.__dict__
        stamp = held[STAMP] if STAMP in held else stamp_of(record)
        said = read_said(record, stamp)
        if self._redactor is not None:
            said = self._redactor.said(*said)
        body, attributes, exception = said
        if self._as_it_is and exception is None and EVENT not in held:
            return self._text.line(held["created"], held["levelname"], held["name"], body, stamp, attributes)
        fields = self._fields(record, stamp, said)
        return encode_line(fields) if self._as_it_is else self._shaped(fields, record)

    def _fields(self, record: logging.LogRecord, stamp: Stamp | None, said: Said) -> dict[str, Any]:
        held = record.__dict__
        body, attributes, exception = said
        event = held.get(EVENT)
        if event is not None:
            attributes = {**attributes}
            exception = take_exception(attributes)
        return self._schema.fields(
            times.format_created(held["created"]) if event is None else times.format_iso(event.time),
            held["levelname"],
            held["name"],
            body,
            self._service,
            event=None if event is None else str(body),  # its name, without secrets
            ids=None if stamp is None else stamp.texts,
            exception=exception,
            attributes=attributes,
        )

    def _shaped(self, line: dict[str, Any], record: logging.LogRecord) -> str:
        """Return the line as python-json-logger's options and hooks want it."""
        asked = {name: clean(record.__dict__.get(name)) for name in self._asked}
        before, behind = self._renamed({**self.defaults, **asked}), self._renamed(self.static_fields)
        return self.serialize_log_record(self.process_log_record(before | self._renamed(line) | behind))

    def _renamed(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Return fields under their new names. Those of the schema come first, and no attribute takes their place."""
        renamed: dict[str, Any] = {}
        for key, value in fields.items():
            name = self.rename_fields.get(key, key)
            renamed[f"attributes.{name}" if name in renamed else name] = value
        return renamed

    def jsonify_log_record(self, log_data: dict[str, Any]) -> str:
        """Return the fields as text."""
        return encode_line(log_data)
