"""A trace -> OTLP/JSON lines (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding), which `import` reads.

A line holds the spans, or the log records, of one resource: what the Collector's file exporter writes. Read back they
are the same trace, with the same ids of records (`log.record.uid`). What OTLP cannot say is left out: the links from
other traces, which are theirs, and times before 1970.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from tracelog.model import Attributes, LogEntry, Span, SpanEvent, SpanLink, Trace, service_of
from tracelog.schema.otel import EXCEPTION_MESSAGE, EXCEPTION_STACKTRACE, EXCEPTION_TYPE
from tracelog.schema.otlp import KINDS, RECORD_ID, STATUSES

_Object = dict[str, Any]
_encode_key = msgspec.json.Encoder(order="deterministic").encode
_encode = msgspec.json.Encoder().encode
_DEEPEST = 100  # levels; whoever reads it parses three of JSON for each
_INT64 = range(-(2**63), 2**63)
_NOT_FINITE = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


def otlp_lines(trace: Trace) -> Iterator[bytes]:
    """Yield the lines of a trace: its spans in tree order, then its log records by time, each by their resource."""
    for resource, spans in _by_resource(trace.spans):
        groups = [{"scope": scope, "spans": [_span(span) for span in held]} for scope, held in _by_scope(spans)]
        yield _encode({"resourceSpans": [{"resource": resource, "scopeSpans": groups}]}) + b"\n"
    for resource, lines in _by_resource(trace.logs):
        groups = [{"scope": scope, "logRecords": [_record(line) for line in held]} for scope, held in _by_scope(lines)]
        yield _encode({"resourceLogs": [{"resource": resource, "scopeLogs": groups}]}) + b"\n"


def _by_resource(held: Iterable[Span] | Iterable[LogEntry]) -> Iterator[tuple[_Object, Sequence[Any]]]:
    together: dict[bytes, tuple[Attributes, list[Any]]] = {}
    for each in held:
        resource = _resource(each)
        together.setdefault(_encode_key(resource), (resource, []))[1].append(each)
    for resource, members in together.values():
        yield {"attributes": _attributes(resource)}, members


def _by_scope(held: Sequence[Any]) -> Iterator[tuple[_Object, Sequence[Any]]]:
    together: dict[tuple[str | None, str | None], list[Any]] = {}
    for each in held:
        scope = (each.scope, each.scope_version) if isinstance(each, Span) else (each.logger, None)
        together.setdefault(scope, []).append(each)
    for (name, version), members in together.items():
        yield _given(name=name, version=version), members


def _resource(held: Span | LogEntry) -> Attributes:
    """Return the resource that a span or a line is of, its service named in it."""
    if held.service == service_of(held.resource):
        return held.resource
    return {**held.resource, "service.name": held.service}


def _span(span: Span) -> _Object:
    status = _given(
        code=STATUSES.index(span.status) if span.status in STATUSES[1:] else None, message=span.status_message
    )
    return _given(
        traceId=span.trace_id,
        spanId=span.span_id,
        parentSpanId=span.parent_span_id,
        traceState=span.trace_state,
        name=span.name,
        kind=KINDS.index(span.kind) if span.kind in KINDS else 0,
        startTimeUnixNano=_time(span.start),
        endTimeUnixNano=_time(span.end),
        attributes=_attributes(span.attributes),
        events=[_event(event) for event in span.events],
        links=[_link(link) for link in span.links],
        status=status,
    )


def _event(event: SpanEvent) -> _Object:
    return {"timeUnixNano": _time(event.time), "name": event.name, "attributes": _attributes(event.attributes)}


def _link(link: SpanLink) -> _Object:
    return {"traceId": link.trace_id, "spanId": link.span_id, "attributes": _attributes(link.attributes)}


def _record(line: LogEntry) -> _Object:
    raised = line.exception
    told = {} if raised is None else _given(
        **{EXCEPTION_TYPE: raised.type, EXCEPTION_MESSAGE: raised.message, EXCEPTION_STACKTRACE: raised.stacktrace}
    )  # fmt: skip
    return _given(
        timeUnixNano=_time(line.time),
        observedTimeUnixNano=None if line.observed_time is None else _time(line.observed_time),
        severityNumber=line.severity_number,
        severityText=line.severity_text,
        eventName=line.event_name,
        body=None if line.body is None else _value(line.body),
        attributes=_attributes({**line.attributes, **told, **_given(**{RECORD_ID: line.id or None})}),
        flags=line.trace_flags,
        traceId=line.trace_id,
        spanId=line.span_id,
    )


def _given(**fields: Any) -> _Object:
    """Return the fields that have a value."""
    return {name: value for name, value in fields.items() if value is not None}


def _time(time: int) -> str:
    """Return a time as the text of a 64-bit integer without a sign; 0 means that it is not known."""
    return str(max(time, 0))


def _attributes(held: Attributes, depth: int = 0) -> list[_Object]:
    return [{"key": key, "value": _value(value, depth)} for key, value in held.items()]


def _value(value: Any, depth: int = 0) -> _Object:
    """Return a value as an AnyValue; what that has no kind for, as its text, what is nested too deeply, as its JSON."""
    if depth > _DEEPEST:
        return {"stringValue": _encode(value).decode()}
    if value is None:
        return {}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int) and value in _INT64:
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value if math.isfinite(value) else _NOT_FINITE[str(value)]}
    if isinstance(value, Mapping):
        return {"kvlistValue": {"values": _attributes(value, depth + 1)}}
    if isinstance(value, list | tuple):
        return {"arrayValue": {"values": [_value(inner, depth + 1) for inner in value]}}
    return {"stringValue": str(value)}
