"""The formatter for people at a terminal: structlog's console look for records of any origin."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog

from tracelog.capture.record import read_record
from tracelog.capture.redact import Redactor, make_redactor
from tracelog.resource import detect_resource
from tracelog.schema import times
from tracelog.schema.escaping import escape
from tracelog.schema.lines import PLACE

_STACK = "code.stacktrace"
_ELSEWHERE = frozenset((*PLACE, _STACK))
_RENDERED = frozenset(
    ("timestamp", "level", "logger", "logger_name", "event", "trace_id", "stack", "exception", "exc_info")
)
"""Keys under which a line has something of its own; an attribute moves to `attributes.<key>`."""


class PrettyFormatter(logging.Formatter):
    """Format records as coloured lines, with the trace id where there is one."""

    def __init__(
        self, *, service: str | None = None, colors: bool | None = None, redact: bool | Redactor = False
    ) -> None:
        super().__init__()
        self._resource = detect_resource(service)
        self._redactor = make_redactor(redact)
        self._render = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty() if colors is None else colors)

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as a line, its stack below it."""
        entry = read_record(record, self._resource)
        if self._redactor is not None:
            entry = self._redactor(entry)
        level = escape(record.levelname or "notset").lower()
        line = {
            escape(f"attributes.{key}" if key in _RENDERED else key): _shown(value)
            for key, value in entry.attributes.items()
            if key not in _ELSEWHERE
        }
        line |= {
            "timestamp": times.format_iso(entry.time, digits=3)[11:-1],
            "level": level,
            "logger": _shown(record.name),
            "event": _shown(entry.body),
        }
        if entry.trace_id:
            line["trace_id"] = entry.trace_id
        if _STACK in entry.attributes:
            line["stack"] = _escape_lines(entry.attributes[_STACK])
        if entry.exception and entry.exception.stacktrace:
            line["exception"] = _escape_lines(entry.exception.stacktrace)
        return str(self._render(None, level, line))


def _shown(value: Any) -> Any:
    return escape(value) if isinstance(value, str) else value  # what is no text is shown as Python writes it


def _escape_lines(text: object) -> str:
    return "\n".join(map(escape, str(text).rstrip("\n").split("\n")))
