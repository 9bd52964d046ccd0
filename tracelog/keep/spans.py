"""The SDK span processor through which spans reach the store, all of them or those of the traces that are kept."""

from __future__ import annotations

import logging

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.sdk.trace.export import SpanExporter
from opentelemetry.trace import StatusCode

from tracelog.capture.spans import times_of
from tracelog.keep.keeping import Given, resolve_keep
from tracelog.keep.recorder import Recorder

_logger = logging.getLogger("tracelog")
_SPAN_SIZE, _ATTRIBUTE_SIZE = 2000, 100
"""About how many bytes a span takes, and each of its attributes."""


class KeptSpans(SpanProcessor):
    """Give ended spans to an exporter: at once, or with a `keep` that has policies, when their trace is decided.

    `keep` is as for `StoreHandler`, and has to be the same one: it is told of every span that begins and ends, for a
    trace is decided when its last one has ended. Spans that are recorded but not sampled count as evidence and are not
    exported. Without an exporter, lines alone are decided.
    """

    def __init__(self, exporter: SpanExporter | None, keep: Given | None = None) -> None:
        self.exporter, self.keep = exporter, resolve_keep(keep)

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:  # noqa: ARG002 - the SDK's
        """Note that a span has begun."""
        recorder = self._recorder
        if recorder is not None:
            recorder.span_started(span.get_span_context().trace_id, is_local_root=_is_local_root(span))

    def on_end(self, span: ReadableSpan) -> None:
        """Export a span, hold it, or forget it."""
        context = span.get_span_context()
        if context is None:
            return
        try:
            self._end(span, context.trace_id)
        except Exception:
            _logger.exception("a span cannot be kept")  # ending a span never raises

    def _end(self, span: ReadableSpan, trace_id: int) -> None:
        start, end = times_of(span)
        recorder = self._recorder
        if recorder is not None and not recorder.span_ended(
            trace_id,
            span,
            self._export,
            _SPAN_SIZE + _ATTRIBUTE_SIZE * len(span.attributes or ()),
            is_local_root=_is_local_root(span),
            failed=span.status.status_code is StatusCode.ERROR,
            duration=end - start,
        ):
            return
        self._export(span)

    @property
    def _recorder(self) -> Recorder | None:
        return None if self.keep is None else self.keep.recorder

    def _export(self, span: ReadableSpan) -> None:
        context = span.get_span_context()
        if self.exporter is not None and context is not None and context.trace_flags.sampled:
            self.exporter.export((span,))

    def shutdown(self) -> None:
        """Shut the exporter down."""
        if self.exporter is not None:
            self.exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Wait until what was exported is stored; what is undecided stays so."""
        return self.exporter is None or self.exporter.force_flush(timeout_millis)


def _is_local_root(span: ReadableSpan) -> bool:
    """Say whether no other span of this process is its parent."""
    return span.parent is None or span.parent.is_remote
