"""The formatter for people at a terminal: structlog's console look for records of any origin."""

from __future__ import annotations

import logging
import sys

import structlog

from tracelog.capture.record import read_record
from tracelog.capture.redact import Redactor, make_redactor
from tracelog.resource import detect_resource
from tracelog.schema import times
from tracelog.schema.lines import PLACE


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
        line = {key: value for key, value in entry.attributes.items() if key not in PLACE}
        if record.stack_info:
            line["stack"] = line.pop("code.stacktrace")
        line |= {
            "timestamp": times.format_iso(entry.time, digits=3)[11:-1],
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": entry.body,
        }
        if entry.trace_id:
            line["trace_id"] = entry.trace_id
        if entry.exception and entry.exception.stacktrace:
            line["exception"] = entry.exception.stacktrace.rstrip("\n")
        return str(self._render(None, record.levelname.lower(), line))
