"""The OpenTelemetry SDK span exporter into the store that the logs go to.

It only encodes and spools, so `SimpleSpanProcessor` is the processor for it: a batch of the SDK's own before the
spool would be one more place to lose spans in. Span events become documents of their own, as the layout has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from tracelog.capture.redact import Redactor, make_redactor
from tracelog.capture.spans import read_span
from tracelog.capture.values import scrub
from tracelog.schema.otel import Document, encode_spans
from tracelog.ship.pipeline import Stats
from tracelog.ship.sender import Sender
from tracelog.ship.senders import sender_for
from tracelog.ship.sending import is_sending
from tracelog.store import Store


class StoreSpanExporter(SpanExporter):
    """Store spans. `store`, `redact` and `options` are as for `StoreHandler`; the service is the SDK's resource."""

    def __init__(self, store: str | Store | None = None, *, redact: bool | Redactor = True, **options: Any) -> None:
        self._sender: Sender = sender_for(store, **options)
        self._redactor = make_redactor(redact)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Spool ended spans; what cannot be encoded is counted, and the rest goes on."""
        if is_sending():
            return SpanExportResult.SUCCESS
        result = SpanExportResult.SUCCESS
        for span in spans:
            try:
                for document in self._encode(span):
                    self._sender.pipeline.put(document, weight=not span.status.is_ok)
            except Exception:  # noqa: BLE001 - ending a span never raises into the application
                self._sender.pipeline.unencodable += 1
                result = SpanExportResult.FAILURE
        return result

    def _encode(self, ended: ReadableSpan) -> list[Document]:
        span = read_span(ended)
        if span is None:
            return []
        if self._redactor is not None:
            span = self._redactor(span)
        destination = self._sender.pipeline.destination
        try:
            return list(encode_spans([span], destination))
        except (TypeError, ValueError, OverflowError, RecursionError):
            return list(encode_spans([scrub(span)], destination))

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Wait until all that was exported is stored; False when the time ran out."""
        return self._sender.flush(timeout_millis / 1000)

    def shutdown(self) -> None:
        """Wait for no store: the pipeline goes on, for others too, and is drained when the interpreter exits."""
        self._sender.persist()

    def stats(self) -> Stats:
        """Return what was emitted, stored, refused and lost, and what waits."""
        return self._sender.stats
