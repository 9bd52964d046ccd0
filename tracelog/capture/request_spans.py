"""What the SDK's spans tell about requests and exceptions, for `crash_lines`.

A span that starts in a request and has no parent in this process is the request's server span. A span that ends
while an exception passes through it gives the exception its ids; the outermost span is the last and stays.
"""

from __future__ import annotations

import sys
from weakref import WeakSet

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.trace import SpanContext, SpanKind, StatusCode

from tracelog.capture.context import Stamp
from tracelog.capture.crash_lines import note_server_span, remember_exception

_watched: WeakSet[TracerProvider] = WeakSet()


def watch_requests(provider: TracerProvider) -> None:
    """Add the processor to a provider, once."""
    if provider not in _watched:
        _watched.add(provider)
        provider.add_span_processor(RequestSpanProcessor())


class RequestSpanProcessor(SpanProcessor):
    """A span processor that notes the server span of each request, and the ids of exceptions that pass spans."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:  # noqa: ARG002 - the SDK's
        """Note a server span, or one without a parent in this process."""
        if span.kind is SpanKind.SERVER or span.parent is None or span.parent.is_remote:
            note_server_span(_stamp(span.get_span_context()))

    def on_end(self, span: ReadableSpan) -> None:
        """Give the ids of a span to the exception that ends it."""
        error, context = sys.exc_info()[1], span.get_span_context()
        if error is None or context is None:
            return
        # A span that ends well while an exception is being handled is not passed by it. The API sets the status for
        # every Exception, and for nothing above it: a task's cancellation, a worker's exit.
        if span.status.status_code is StatusCode.ERROR or not isinstance(error, Exception):
            remember_exception(error, _stamp(context))


def _stamp(context: SpanContext) -> Stamp:
    return Stamp(context.trace_id, context.span_id, int(context.trace_flags))
