"""The logging handler: every record, with its ids, into the store.

LOGGING = {"version": 1, "root": {"handlers": ["store"], "level": "INFO"},
           "handlers": {"store": {"class": "tracelog.StoreHandler", "store": "http://localhost:9200"}}}
"""

from __future__ import annotations

import logging
from types import MappingProxyType
from typing import Any

from tracelog.capture.redact import Redactor, make_redactor
from tracelog.keep.keeping import Given
from tracelog.resource import detect_resource
from tracelog.schema.otel import Destination
from tracelog.ship.log_text import LogText
from tracelog.ship.pipeline import Stats
from tracelog.ship.senders import keep_for, sender_for
from tracelog.ship.sending import is_sending
from tracelog.store import Store


class StoreHandler(logging.Handler):
    """Store log records. Constructing it opens no connection; emitting never blocks and never raises.

    `store`: a URL, a ready Store, or None for `TRACELOG_STORE`; `service`: `service.name`, else from `OTEL_*`.
    `redact`: whether secrets are hidden before anything is kept, or the Redactor that hides them. `keep`: which traces
    are kept, as a `Keep` or its policies; else `TRACELOG_KEEP`, a file of policies, else all. `options`: `spool`,
    the folder in which what is not yet stored is kept (else `TRACELOG_SPOOL`, else the user's own; False for memory),
    and those of Elasticsearch: `dataset`, `namespace`, `api_key`, `ca_certs`, `ssl_fingerprint`, `compress`.
    """

    def __init__(
        self,
        store: str | Store | None = None,
        *,
        service: str | None = None,
        level: int | str = logging.NOTSET,
        redact: bool | Redactor = True,
        keep: Given | None = None,
        **options: Any,
    ) -> None:
        self._put_now = self._put  # bound once: it is handed on with every record
        self._sender = sender_for(store, **options)
        self._keep = keep_for(self._sender, keep)
        resource = MappingProxyType(detect_resource(service))  # which lets it be encoded once
        self._text = LogText(self._sender.pipeline.destination, resource, make_redactor(redact))
        super().__init__(level)  # at last, for `logging` knows the handler from here on, and may flush it

    def handle(self, record: logging.LogRecord) -> bool:
        """Emit a record that the filters let pass, without the lock that other handlers need: the spool has its own."""
        found: Any = self.filter(record) if self.filters else True  # which may be another record, from Python 3.12 on
        if found:
            self.emit(record if found is True else found)
        return bool(found)

    def emit(self, record: logging.LogRecord) -> None:
        """Encode a record and put it on its way, if it is kept and its trace is not yet to be decided."""
        if is_sending():
            return
        keep = self._keep
        if keep is None:
            self._put(record)
            return
        try:
            keep.put(record, self._put_now)
        except Exception:  # noqa: BLE001 - a log call never raises into the application
            self._sender.pipeline.unencodable += 1

    def _put(self, record: logging.LogRecord) -> None:
        pipeline = self._sender.pipeline
        try:
            pipeline.put_body(self._text.document(record), (record.levelno or 0) >= logging.WARNING)
        except Exception:  # noqa: BLE001 - as above; and of what is let go of at once, each stands for itself
            pipeline.unencodable += 1

    def flush(self, timeout: float | None = None, *, durable: bool = False) -> None:
        """Wait until all records are stored, for at most `timeout` seconds; with `durable`, until they are on disk.

        With neither, as logging calls it when it closes handlers, `dictConfig` too, it waits for no store: what is
        written by hand is written, and the sender outlives the handler.
        """
        if timeout is None and not durable:
            self._sender.persist()
        else:
            self._sender.flush(timeout or 0.0, durable=durable)

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
