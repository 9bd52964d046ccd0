"""The contenders: ways to ship log records, each set up as its documentation or its users do it.

nothing          a handler that does nothing: what is left is the cost of the records themselves
tracelog         `StoreHandler`, with its spool on disk (durable) and without (memory)
QueueListener    the standard QueueHandler and QueueListener, and a handler that sends 500 at once with `helpers.bulk`
OTel             LoggingHandler, BatchLogRecordProcessor with its default queue, and an exporter that calls `es.bulk`
logstash-async   python-logstash-async, which keeps events in SQLite, to a TCP socket

Two of them have no way to Elasticsearch of their own. `BulkHandler` is a kind one: what could not be sent it keeps and
sends again, which few do. OpenTelemetry gives a batch to its exporter once, so that `BulkExporter` has the client's own
retries and no others. All log the same line, inside one active, sampled span.
"""

from __future__ import annotations

import atexit
import logging
import queue
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from importlib import import_module
from importlib.util import find_spec
from logging.handlers import BufferingHandler, QueueHandler, QueueListener
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from elasticsearch import Elasticsearch, helpers
from opentelemetry.instrumentation.logging.handler import LoggingHandler
from opentelemetry.sdk._logs import LoggerProvider, ReadableLogRecord
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

import tracelog

LONGEST = 90.0
"""How long a contender may take to send what it has, s."""
SERVICE = "benchmark"
_BATCH = 500


class Place(NamedTuple):
    """Where a contender ships to. `name`: of a namespace or stream of its own; `folder`: for what it keeps on disk."""

    url: str
    name: str
    folder: str


class Shipping(NamedTuple):
    """A handler at work, and a call that waits until what it has is sent, as long as that may take."""

    handler: logging.Handler
    finish: Callable[[], object]


class Contender(NamedTuple):
    """A way to ship.

    `stream`: the data stream that it writes to, with room for the name; None where it does not write to a node.
    `share`: of the lines that others get, where it would take minutes for all. `requires`: a library that it needs.
    """

    name: str
    start: Callable[[Place], Shipping]
    stream: str | None
    share: float = 1.0
    requires: str | None = None


class Nothing(logging.Handler):
    """Does nothing with a record."""

    def emit(self, record: logging.LogRecord) -> None:
        pass


class BulkHandler(BufferingHandler):
    """Sends 500 records at once. What could not be sent is kept; documents that were refused are given up."""

    def __init__(self, client: Elasticsearch, index: str) -> None:
        super().__init__(_BATCH)
        self._client = client
        self._index = index

    def flush(self) -> None:
        self.acquire()
        try:
            if self.buffer:
                helpers.bulk(self._client, map(self._action, self.buffer))
            self.buffer = []
        except helpers.BulkIndexError:
            self.buffer = []
        except Exception:  # what is kept is sent with the next record
            logging.getLogger(__name__).debug("cannot send", exc_info=True)
        finally:
            self.release()

    def _action(self, record: logging.LogRecord) -> dict[str, Any]:
        return {
            "_op_type": "create",
            "_index": self._index,
            "@timestamp": _iso(record.created),
            "message": record.getMessage(),
            "level": record.levelname,
            "logger": record.name,
            "service": {"name": SERVICE},
            "file": record.pathname,
            "line": record.lineno,
            "items": record.__dict__.get("items"),
            "customer": record.__dict__.get("customer"),
        }


class BulkExporter(LogRecordExporter):
    """Sends the batches of OpenTelemetry's processor."""

    def __init__(self, client: Elasticsearch, index: str) -> None:
        self._client = client
        self._index = index

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        operations: list[dict[str, Any]] = []
        for record in batch:
            operations += ({"create": {}}, self._document(record))
        try:
            answer = self._client.bulk(index=self._index, operations=operations)
        except Exception:  # noqa: BLE001 - as the protocol of exporters wants it
            return LogRecordExportResult.FAILURE
        return LogRecordExportResult.FAILURE if answer["errors"] else LogRecordExportResult.SUCCESS

    def force_flush(self, timeout_millis: int = 10_000) -> bool:  # noqa: ARG002 - nothing is kept
        return True

    def shutdown(self) -> None:
        self._client.close()

    @staticmethod
    def _document(record: ReadableLogRecord) -> dict[str, Any]:
        said = record.log_record
        return {
            "@timestamp": _iso((said.timestamp or 0) / 1e9),
            "message": said.body,
            "severity_text": said.severity_text,
            "severity_number": said.severity_number.value if said.severity_number else None,
            "trace_id": format(said.trace_id or 0, "032x"),
            "span_id": format(said.span_id or 0, "016x"),
            "attributes": dict(said.attributes or {}),
            "resource": dict(record.resource.attributes),
        }


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat()


def nothing(_place: Place) -> Shipping:
    """Ship nothing."""
    return Shipping(Nothing(), lambda: None)


def tracelog_durable(place: Place) -> Shipping:
    """Ship through the spool of `TRACELOG_SPOOL`."""
    handler = tracelog.StoreHandler(place.url, service=SERVICE, namespace=place.name)
    return Shipping(handler, lambda: tracelog.flush(LONGEST))


def tracelog_memory(place: Place) -> Shipping:
    """Ship through memory."""
    handler = tracelog.StoreHandler(place.url, service=SERVICE, namespace=place.name, spool=False)
    return Shipping(handler, lambda: tracelog.flush(LONGEST))


def queue_listener(place: Place) -> Shipping:
    """Ship from the thread of a listener."""
    records: queue.Queue[Any] = queue.Queue()
    sending = BulkHandler(Elasticsearch(place.url), f"logs-peer-{place.name}")
    listener = QueueListener(records, sending)
    listener.start()
    atexit.register(listener.stop)

    def finish() -> None:
        records.join()
        sending.flush()

    return Shipping(QueueHandler(records), finish)


def otel(place: Place) -> Shipping:
    """Ship from the thread of OpenTelemetry's processor."""
    provider = LoggerProvider(Resource.create({"service.name": SERVICE}))
    exporter = BulkExporter(Elasticsearch(place.url), f"logs-peer-{place.name}")
    provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
    return Shipping(LoggingHandler(logger_provider=provider), provider.force_flush)


def logstash_async(place: Place) -> Shipping:
    """Ship from SQLite. What it has is waited for by closing it; the next record opens it again."""
    address = urlsplit(place.url)
    handler: logging.Handler = import_module("logstash_async.handler").AsynchronousLogstashHandler(
        address.hostname, address.port, database_path=f"{place.folder}/logstash.db"
    )
    return Shipping(handler, handler.close)


_OURS, _PEERS = "logs-tracelog.otel-{}", "logs-peer-{}"
CONTENDERS = (
    Contender("nothing", nothing, stream=None),
    Contender("tracelog, durable", tracelog_durable, _OURS),
    Contender("tracelog, memory", tracelog_memory, _OURS),
    Contender("QueueListener + helpers.bulk", queue_listener, _PEERS),
    Contender("OTel batch + es.bulk", otel, _PEERS),
    Contender("logstash-async to a socket", logstash_async, None, share=0.05, requires="logstash_async"),
)


def contender(name: str) -> Contender:
    """Return the contender of a name."""
    return next(one for one in CONTENDERS if one.name == name)


def installed() -> list[Contender]:
    """Return the contenders whose libraries are there, and say which are not."""
    ready = []
    for one in CONTENDERS:
        if one.requires is None or find_spec(one.requires):
            ready.append(one)
        else:
            print(f"left out: {one.name} (there is no {one.requires})", file=sys.stderr)
    return ready


def make_logger(handler: logging.Handler) -> logging.Logger:
    """Return a logger with this handler alone, so that nobody ships what clients and SDKs log."""
    logger = logging.getLogger("benchmark")
    logger.propagate, logger.handlers = False, [handler]
    logger.setLevel(logging.INFO)
    return logger


def log_line(logger: logging.Logger, number: int, items: object = 3) -> None:
    """Log the line that everybody logs."""
    logger.info("order %d placed", number, extra={"items": items, "customer": "cust-4711"})


@contextmanager
def active_span() -> Iterator[None]:
    """Have an active, sampled span."""
    with TracerProvider().get_tracer("benchmark").start_as_current_span("POST /orders"):
        yield
