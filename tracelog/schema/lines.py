"""The names under which a formatter prints a log entry, one flat JSON object a line.

otel  timestamp, level, logger, message, service.name, trace_id, span_id, trace_flags; attributes beside them
ecs   the Elastic Common Schema, dotted: @timestamp, log.level, message, trace.id, span.id, service.name, error.*

Keys without a value are left out. An attribute never takes the place of a core field: it moves to
`attributes.<key>`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tracelog.errors import ConfigurationError
from tracelog.model import LogEntry
from tracelog.schema import times

ECS_VERSION = "8.11.0"

Line = Callable[[LogEntry], dict[str, Any]]


def otel_line(entry: LogEntry) -> dict[str, Any]:
    """Return an entry under the names of the OpenTelemetry logs data model."""
    exception = entry.exception
    return _line(
        entry,
        {
            "timestamp": times.format_iso(entry.time),
            "level": entry.severity_text,
            "logger": entry.logger,
            "message": entry.body,
            "event.name": entry.event_name,
            "service.name": entry.service,
            "trace_id": entry.trace_id,
            "span_id": entry.span_id,
            "trace_flags": None if entry.trace_flags is None else f"{entry.trace_flags:02x}",
            "exception.type": exception and exception.type,
            "exception.message": exception and exception.message,
            "exception.stacktrace": exception and exception.stacktrace,
        },
    )


def ecs_line(entry: LogEntry) -> dict[str, Any]:
    """Return an entry under the names of the Elastic Common Schema."""
    exception = entry.exception
    return _line(
        entry,
        {
            "@timestamp": times.format_iso(entry.time),
            "log.level": entry.severity_text and entry.severity_text.lower(),
            "message": entry.body,
            "ecs.version": ECS_VERSION,
            "log.logger": entry.logger,
            "event.action": entry.event_name,
            "service.name": entry.service,
            "trace.id": entry.trace_id,
            "span.id": entry.span_id,
            "error.type": exception and exception.type,
            "error.message": exception and exception.message,
            "error.stack_trace": exception and exception.stacktrace,
        },
    )


_SCHEMAS: dict[str, Line] = {"ecs": ecs_line, "otel": otel_line}


def line_schema(name: str) -> Line:
    """Return the function that prints a schema. Raise ConfigurationError for an unknown name."""
    if name not in _SCHEMAS:
        raise ConfigurationError(f"unknown schema {name!r} (expected one of {', '.join(_SCHEMAS)})")
    return _SCHEMAS[name]


def _line(entry: LogEntry, core: dict[str, Any]) -> dict[str, Any]:
    line = {key: value for key, value in core.items() if value is not None}
    for key, value in entry.attributes.items():
        if not key.startswith("code."):
            line[f"attributes.{key}" if key in core else key] = value
    return line
