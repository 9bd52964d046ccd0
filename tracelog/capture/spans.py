"""An ended span of the OpenTelemetry SDK -> a `Span`.

The SDK takes for times and names whatever it is given: seconds, a datetime, an object. They become ns and text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from numbers import Integral
from typing import TYPE_CHECKING, Any

from tracelog import ids
from tracelog.capture.values import clean_attributes, read_time, safe_text
from tracelog.model import Span, SpanEvent, SpanLink, service_of

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan


def read_span(span: ReadableSpan) -> Span | None:
    """Return what a span says; None where it has no valid context, and so no place in any trace."""
    context = span.get_span_context()
    if context is None or not context.is_valid:
        return None
    resource = _plain(span.resource.attributes)
    start, end = times_of(span)
    parent, scope = span.parent, span.instrumentation_scope
    return Span(
        trace_id=ids.format_trace_id(context.trace_id),
        span_id=ids.format_span_id(context.span_id),
        parent_span_id=ids.format_span_id(parent.span_id) if parent is not None and parent.is_valid else None,
        name=safe_text(span.name),
        service=service_of(resource),
        start=start,
        duration=max(end - start, 0),
        kind=span.kind.name,
        status=span.status.status_code.name,
        status_message=span.status.description,
        attributes=_plain(span.attributes),
        resource=resource,
        scope=scope.name if scope else None,
        scope_version=scope.version if scope else None,
        trace_state=context.trace_state.to_header() or None,
        events=tuple(events_of(span)),
        links=tuple(
            SpanLink(
                ids.format_trace_id(link.context.trace_id),
                ids.format_span_id(link.context.span_id),
                _plain(link.attributes),
            )
            for link in span.links
        ),
    )


def times_of(span: ReadableSpan) -> tuple[int, int]:
    """Return when a span started and ended, ns; what is no time is taken for the other, or for zero."""
    start, end = _time(span.start_time), _time(span.end_time)
    return start or end or 0, end or start or 0


def events_of(span: ReadableSpan) -> Iterator[SpanEvent]:
    """Yield the events of a span; one at no time happened when the span ended."""
    for event in span.events:
        time = _time(event.timestamp)
        yield SpanEvent(times_of(span)[1] if time is None else time, safe_text(event.name), _plain(event.attributes))


def _time(given: Any) -> int | None:
    return int(given) if isinstance(given, Integral) else read_time(given)  # an integer counts ns, however small


def _plain(attributes: Mapping[str, Any] | None) -> dict[str, Any]:
    return clean_attributes(attributes) if attributes else {}
