"""What becomes of a line at a peer and at tracelog: what is printed, what goes wrong, what is exported."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from capture.telemetry import Printed
from opentelemetry import trace
from opentelemetry.instrumentation.logging.handler import LoggingHandler
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.trace import Tracer

from tracelog import JsonFormatter
from tracelog.capture.stdlib import stamp_of

OTHER_TRACE, OTHER_SPAN = f"{2:032x}", f"{2:016x}"
"""The ids of the second root span that a tracer of `make_tracer` starts."""

Ids = tuple[str, str, str]
Result = TypeVar("Result")


class Outcome(Printed):
    """A handler that prints into memory and keeps what goes wrong, which logging would say on stderr."""

    def __init__(self, formatter: logging.Formatter) -> None:
        super().__init__(formatter)
        self.errors: list[str] = []

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name is that of logging
        kind, error, _ = sys.exc_info()
        self.errors.append(f"{kind.__name__ if kind else None}: {error}")

    @property
    def line(self) -> dict[str, Any]:
        """The only line that was printed, as JSON that any parser reads; nothing went wrong."""
        assert self.errors == []
        (text,) = self.lines
        found: dict[str, Any] = json.loads(text, parse_constant=_refuse)
        return found


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def tracelog_lines(**options: Any) -> Outcome:
    """Return a handler that prints lines of tracelog."""
    return Outcome(JsonFormatter(service="shop", **options))


class OtelLogs:
    """OpenTelemetry's handler for stdlib logging, and what it exports."""

    def __init__(self) -> None:
        untyped: Any = InMemoryLogRecordExporter
        self._exporter = untyped()
        provider = LoggerProvider(shutdown_on_exit=False)
        provider.add_log_record_processor(SimpleLogRecordProcessor(self._exporter))
        self.handler: logging.Handler = LoggingHandler(logger_provider=provider)

    @property
    def records(self) -> list[Any]:
        return [each.log_record for each in self._exporter.get_finished_logs()]

    @property
    def record(self) -> Any:
        """The only record that was exported."""
        (only,) = self.records
        return only

    @property
    def ids(self) -> tuple[str, str]:
        """Trace and span id of the only record, as hex."""
        return trace.format_trace_id(self.record.trace_id), trace.format_span_id(self.record.span_id)


def ids_of(record: logging.LogRecord) -> Ids | None:
    """Return the ids that tracelog knows of a record."""
    stamp = stamp_of(record)
    return stamp.texts if stamp else None


def in_another_span(tracer: Tracer, call: Callable[[], Result]) -> Result:
    """Call in another thread, which stands in a span of its own: a new root."""

    def run() -> Result:
        with tracer.start_as_current_span("someone else's"):
            return call()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(run).result(30)
