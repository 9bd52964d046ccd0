"""The python-json-logger formatter: one JSON object a line, ids included, under the names of a schema.

It is configured as every formatter of that library is (`static_fields`, `defaults`, `rename_fields`, `prefix`) and
may be subclassed through its hooks. It formats any record without raising.
"""

from __future__ import annotations

import logging
from typing import Any

import msgspec
from pythonjsonlogger.core import BaseJsonFormatter

from tracelog.capture.record import read_record
from tracelog.capture.values import clean_attributes, scrub
from tracelog.resource import detect_resource
from tracelog.schema.lines import line_schema

_encoder = msgspec.json.Encoder()


def encode_line(fields: dict[str, Any]) -> str:
    """Return fields as one line of JSON, whatever they hold."""
    try:
        return _encoder.encode(fields).decode()
    except (TypeError, ValueError, OverflowError, RecursionError):
        return _encoder.encode(scrub(clean_attributes(fields))).decode()


class JsonFormatter(BaseJsonFormatter):
    """Format records as JSON lines with trace ids. `schema`: `otel` or `ecs`; `service` names the service."""

    def __init__(self, *args: Any, schema: str = "otel", service: str | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._fields_of = line_schema(schema)
        self._resource = detect_resource(service)

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line of JSON."""
        fields = {
            **self.defaults,
            **self._fields_of(read_record(record, self._resource)),
            **self.static_fields,
        }
        renamed = {self.rename_fields.get(key, key): value for key, value in fields.items()}
        return self.serialize_log_record(self.process_log_record(renamed))

    def jsonify_log_record(self, log_data: dict[str, Any]) -> str:
        """Return the fields as text."""
        return encode_line(log_data)
