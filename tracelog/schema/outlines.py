"""Spans -> what of them tells who calls whom."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Raw

from tracelog.model import CALLING, Span, SpanOutline
from tracelog.schema.apm import CHILD_LINK
from tracelog.schema.peers import peer_of


def outline(span: Span) -> SpanOutline:
    """Return the outline of a span."""
    return SpanOutline(
        span.trace_id,
        span.span_id,
        span.parent_span_id,
        span.name,
        span.service,
        span.kind,
        span.start,
        span.duration,
        span.status == "ERROR",
        peer_of(span.attributes) if span.kind in CALLING else None,
        tuple((link.trace_id, link.span_id) for link in span.links if link.attributes != CHILD_LINK),
    )


def outlined(decode: Callable[[bytes | Raw], Span]) -> Callable[[bytes | Raw], SpanOutline]:
    """Return what decodes documents to outlines, given what decodes them to spans."""
    return lambda body: outline(decode(body))
