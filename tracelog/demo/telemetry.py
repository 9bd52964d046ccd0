"""Tracing that the services share: spans go to the store; every span of a checkout carries its `order.id`.

The gateway puts the order id into W3C baggage, which travels beside the trace context over HTTP and in
messages. In each process a span processor copies it from there onto the spans that start.
"""

from __future__ import annotations

import socket
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from opentelemetry import baggage, context, trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Span, SpanProcessor, TracerProvider

import tracelog

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.context import Context

ORDER_ID = "order.id"
FINISH_S = 10.0


class OrderIdOnSpans(SpanProcessor):
    """Copies the order id from the baggage of the parent's context onto each span."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Set the attribute where the context knows an order."""
        order_id = baggage.get_baggage(ORDER_ID, parent_context)
        if isinstance(order_id, str):
            span.set_attribute(ORDER_ID, order_id)


@contextmanager
def checkout(order_id: str) -> Iterator[None]:
    """Mark the current span with the order id, and all that start within, here and in services called."""
    trace.get_current_span().set_attribute(ORDER_ID, order_id)
    token = context.attach(baggage.set_baggage(ORDER_ID, order_id))
    try:
        yield
    finally:
        context.detach(token)


def mark_orders() -> None:
    """Have the tracer provider that `tracelog.configure` made put the order id on spans."""
    provider = trace.get_tracer_provider()
    if isinstance(provider, TracerProvider):
        provider.add_span_processor(OrderIdOnSpans())


def start_tracing(service: str) -> None:
    """Make a tracer provider by hand, as a service does that does not use `tracelog.configure`.

    The host is named, for services on one host have one clock, and what they say of time cannot contradict it.
    """
    resource = {"service.name": service, "host.name": socket.gethostname()}
    provider = TracerProvider(resource=Resource.create(resource))
    provider.add_span_processor(OrderIdOnSpans())
    provider.add_span_processor(tracelog.SpanEventLogger())
    provider.add_span_processor(tracelog.KeptSpans(tracelog.StoreSpanExporter()))
    trace.set_tracer_provider(provider)


def warm_up() -> None:
    """Store the line that says the service is up, so that no checkout waits beside the loading of a store's client."""
    tracelog.flush()


def finish() -> None:
    """Store what waits. End the process with a status that the shop notices where that cannot be done."""
    stored = tracelog.flush(timeout=FINISH_S)
    tracelog.shutdown()
    if not stored:
        sys.exit(1)
