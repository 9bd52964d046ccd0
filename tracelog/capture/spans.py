"""An ended span of the OpenTelemetry SDK -> a `Span`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tracelog import ids
from tracelog.capture.values import clean_attributes
from tracelog.model import Span, SpanEvent, SpanLink

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan


def read_span(span: ReadableSpan) -> Span | None:
    """Return what a span says; None where it has no valid context, and so no place in any trace."""
    context = span.get_span_context()
    if context is None or not context.is_valid:
        return None
    resource = _plain(span.resource.attributes)
    start = span.start_time or 0
    parent, scope = span.parent, span.instrumentation_scope
    return Span(
        trace_id=ids.format_trace_id(context.trace_id),
        span_id=ids.format_span_id(context.span_id),
        parent_span_id=ids.format_span_id(parent.span_id) if parent is not None and parent.is_valid else None,
        name=span.name,
        service=str(resource.get("service.name", "unknown_service")),
        start=start,
        duration=max((span.end_time or start) - start, 0),
        kind=span.kind.name,
        status=span.status.status_code.name,
        status_message=span.status.description,
        attributes=_plain(span.attributes),
        resource=resource,
        scope=scope.name if scope else None,
        scope_version=scope.version if scope else None,
        trace_state=context.trace_state.to_header() or None,
        events=tuple(SpanEvent(event.timestamp, event.name, _plain(event.attributes)) for event in span.events),
        links=tuple(
            SpanLink(
                ids.format_trace_id(link.context.trace_id),
                ids.format_span_id(link.context.span_id),
                _plain(link.attributes),
            )
            for link in span.links
        ),
    )


def _plain(attributes: Mapping[str, Any] | None) -> dict[str, Any]:
    return clean_attributes(attributes) if attributes else {}
