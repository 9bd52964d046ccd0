"""The logging handler: every record, with its ids, into the store.

LOGGING = {"version": 1, "root": {"handlers": ["store"], "level": "INFO"},
           "handlers": {"store": {"class": "tracelog.StoreHandler", "store": "http://localhost:9200"}}}
"""

from __future__ import annotations

import logging
import time
from types import MappingProxyType
from typing import Any

from tracelog.capture.record import read_record
from tracelog.capture.redact import Redactor, make_redactor
from tracelog.resource import detect_resource
from tracelog.schema.otel import Destination
from tracelog.ship.emit import emit
from tracelog.ship.pipeline import Stats
from tracelog.ship.sender import EXIT_TIMEOUT, is_sending, sender_for
from tracelog.store import Store


class StoreHandler(logging.Handler):
    """Store log records. Constructing it opens no connection; emitting never blocks and never raises.

    `store`: a URL, a ready Store, or None for `TRACELOG_STORE`; `service`: `service.name`, else from `OTEL_*`.
    `redact`: whether secrets are hidden before anything is kept, or the Redactor that hides them. `options`: `spool`,
    the folder in which what is not yet stored is kept (else `TRACELOG_SPOOL`, else the user's own; False for memory),
    and those of Elasticsearch: `dataset`, `namespace`, `api_key`, `ca_certs`, `ssl_fingerprint`, `compress`.
    """

    flushOnClose = False  # noqa: N815 - logging.shutdown, dictConfig's too, need not wait: the sender outlives the handler

    def __init__(
        self,
        store: str | Store | None = None,
        *,
        service: str | None = None,
        level: int | str = logging.NOTSET,
        redact: bool | Redactor = True,
        **options: Any,
    ) -> None:
        super().__init__(level)
        self._sender = sender_for(store, **options)
        self._resource = MappingProxyType(detect_resource(service))  # which lets it be encoded once
        self._redactor = make_redactor(redact)

    def emit(self, record: logging.LogRecord) -> None:
        """Encode a record and put it on its way."""
        if not is_sending():
            pipeline, resource = self._sender.pipeline, self._resource
            emit(pipeline, lambda: read_record(record, resource, now=time.time_ns()), self._redactor)

    def flush(self, timeout: float = EXIT_TIMEOUT, *, durable: bool = False) -> None:
        """Wait until all records are stored, for at most `timeout` seconds; with `durable`, until they are on disk."""
        self._sender.flush(timeout, durable=durable)

    @property
    def destination(self) -> tuple[str, Destination]:
        """Where the records go: the store's URL, and the dataset and namespace in it."""
        return self._sender.url, self._sender.pipeline.destination

    def stats(self) -> Stats:
        """Return what was emitted, stored, refused and lost, and what waits."""
        return self._sender.stats

    @property
    def state(self) -> str:
        """`ready`, or what keeps the records from being sent."""
        return self._sender.state

    def __repr__(self) -> str:
        return f"<StoreHandler {self._sender.url} ({logging.getLevelName(self.level)})>"
