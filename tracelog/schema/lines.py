"""The names under which a formatter prints a log entry, one flat JSON object a line. A schema is a table of names.

otel     OpenTelemetry's logs data model: timestamp, level, message, trace_id, span_id, trace_flags (2 hex characters)
ecs      the Elastic Common Schema, dotted: @timestamp, log.level, message, trace.id, span.id, service.name, error.*
datadog  dd.trace_id and dd.span_id as Datadog's tracers write them: 64 bits as decimal text, or 128 bits as hex
gcp      Cloud Logging's special fields: severity, logging.googleapis.com/trace, /spanId, /trace_sampled (boolean);
         the trace is `projects/<project>/traces/<hex>` where GOOGLE_CLOUD_PROJECT names one

Keys without a value are left out, and so is the place in the code, which the store keeps. An attribute never takes
the place of a core field: it moves to `attributes.<key>`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from tracelog.errors import ConfigurationError
from tracelog.model import ExceptionInfo, LogEntry
from tracelog.schema import times

ECS_VERSION = "8.11.0"
PLACE = ("code.file.path", "code.line.number", "code.function.name")
"""Where in the code a line stands."""

Ids = tuple[str, str, str]
"""Trace id, span id and flags as 32, 16 and 2 hex characters."""
_MOST_SPELLED = 1024
SpellIds = Callable[[str, str, str], tuple[str | bool, ...]]


def _as_it_is(text: str) -> str:
    return text


class LineSchema:
    """The names of one schema, and how its ids and levels are spelled. A line begins with time, level and message.

    `is_nested`: whether readers take a dotted name for a field in an object, which then can be nothing else.
    """

    def __init__(
        self,
        *,
        ids: tuple[str, ...],
        spell_ids: SpellIds,
        spell_level: Callable[[str], str] = _as_it_is,
        time: str = "timestamp",
        level: str = "level",
        message: str = "message",
        logger: str = "logger",
        event: str = "event.name",
        service: str = "service.name",
        exception: tuple[str, str, str] = ("exception.type", "exception.message", "exception.stacktrace"),
        constants: Mapping[str, str] = MappingProxyType({}),
        is_nested: bool = False,
    ) -> None:
        self.time, self.level, self.message, self.logger = time, level, message, logger
        self.event, self.service = event, service
        self._ids, self._spell_ids, self._spell_level = ids, spell_ids, spell_level
        self._exception, self._constants = exception, dict(constants)
        core = (time, level, message, logger, event, service, *ids, *exception, *constants)
        objects = {name.partition(".")[0] for name in core if "." in name} if is_nested else ()
        self.reserved = frozenset((*core, *objects))
        self._spelled: dict[Ids, dict[str, str | bool]] = {}

    def fields(
        self,
        time: str,
        level: str | None,
        logger: str | None,
        message: Any,
        service: str,
        *,
        event: str | None = None,
        ids: Ids | None = None,
        exception: ExceptionInfo | None = None,
        attributes: Mapping[str, Any] = MappingProxyType({}),
    ) -> dict[str, Any]:
        """Return the fields of a line, in order. `time`: RFC 3339; `event`: the name of the span event that this is."""
        line: dict[str, Any] = {self.time: time}
        if level is not None:
            line[self.level] = self._spell_level(level)
        if message is not None:
            line[self.message] = message
        line.update(self._constants)
        if logger is not None:
            line[self.logger] = logger
        line[self.service] = service
        if event is not None:
            line[self.event] = event
        if ids is not None:
            line.update(self.spell(ids))
        if exception is not None:
            said = (exception.type, exception.message, exception.stacktrace)
            line.update((key, text) for key, text in zip(self._exception, said, strict=True) if text is not None)
        for key, value in attributes.items():
            line[f"attributes.{key}" if key in self.reserved else key] = value
        return line

    def spell(self, ids: Ids) -> Mapping[str, str | bool]:
        """Return the ids of a span under their names. They are remembered, for lines of one span come together."""
        spelled = self._spelled.get(ids)
        if spelled is None:
            if len(self._spelled) >= _MOST_SPELLED:
                self._spelled.clear()
            named = zip(self._ids, self._spell_ids(*ids), strict=True)
            spelled = self._spelled[ids] = {name: text for name, text in named if text != ""}
        return spelled

    def line(self, entry: LogEntry) -> dict[str, Any]:
        """Return a log entry as a line."""
        flags = "00" if entry.trace_flags is None else f"{entry.trace_flags:02x}"
        return self.fields(
            times.format_iso(entry.time),
            entry.severity_text,
            entry.logger,
            entry.body,
            entry.service,
            event=entry.event_name,
            ids=None if entry.trace_id is None else (entry.trace_id, entry.span_id or "", flags),
            exception=entry.exception,
            attributes={key: value for key, value in entry.attributes.items() if key not in PLACE},
        )


def _otel_ids(trace_id: str, span_id: str, flags: str) -> tuple[str | bool, ...]:
    return trace_id, span_id, flags


def _ecs_ids(trace_id: str, span_id: str, _flags: str) -> tuple[str | bool, ...]:
    return trace_id, span_id


def _datadog_ids(trace_id: str, span_id: str, _flags: str) -> tuple[str | bool, ...]:
    high, low = trace_id[:16], trace_id[16:]
    return trace_id if high.strip("0") else str(int(low, 16)), str(int(span_id, 16)) if span_id else ""


def _gcp_ids(trace_id: str, span_id: str, flags: str) -> tuple[str | bool, ...]:
    project = os.environ.get("GOOGLE_CLOUD_PROJECT")
    trace = f"projects/{project}/traces/{trace_id}" if project else trace_id
    return trace, span_id, bool(int(flags, 16) & 1)


def _gcp_level(level: str) -> str:
    return _GCP_SEVERITIES.get(level, level)


_GCP_SEVERITIES = {"WARN": "WARNING", "FATAL": "CRITICAL"}

SCHEMAS = {
    "otel": LineSchema(ids=("trace_id", "span_id", "trace_flags"), spell_ids=_otel_ids),
    "ecs": LineSchema(
        time="@timestamp",
        level="log.level",
        logger="log.logger",
        event="event.action",
        ids=("trace.id", "span.id"),
        spell_ids=_ecs_ids,
        spell_level=str.lower,
        exception=("error.type", "error.message", "error.stack_trace"),
        constants={"ecs.version": ECS_VERSION},
        is_nested=True,
    ),
    "datadog": LineSchema(
        level="status",
        logger="logger.name",
        service="dd.service",
        ids=("dd.trace_id", "dd.span_id"),
        spell_ids=_datadog_ids,
        spell_level=str.lower,
        exception=("error.kind", "error.message", "error.stack"),
    ),
    "gcp": LineSchema(
        time="time",
        level="severity",
        ids=(
            "logging.googleapis.com/trace",
            "logging.googleapis.com/spanId",
            "logging.googleapis.com/trace_sampled",
        ),
        spell_ids=_gcp_ids,
        spell_level=_gcp_level,
        exception=("exception.type", "exception.message", "stack_trace"),
    ),
}


def add_fields(attributes: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return attributes with fields behind them; an attribute of the same name moves to `attributes.<key>`."""
    if fields.keys().isdisjoint(attributes):
        return {**attributes, **fields}
    moved = {f"attributes.{key}" if key in fields else key: value for key, value in attributes.items()}
    return {**moved, **fields}


def line_schema(name: str) -> LineSchema:
    """Return a schema by its name. Raise ConfigurationError for an unknown one."""
    if name not in SCHEMAS:
        raise ConfigurationError(f"unknown schema {name!r} (expected one of {', '.join(SCHEMAS)})")
    return SCHEMAS[name]
