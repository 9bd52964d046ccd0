"""Jaeger's Elasticsearch documents, v1 and v2, in indices and in data streams -> spans.

Times and durations are µs. What OpenTelemetry has fields for stands among the tags: kind, status, scope, trace state.
Tags are an array `tags[{key, type, value}]` or, as the writer is told to, a map `tag{}` with another character in
place of dots. Span events are `logs[]`; there are no documents of log records. Source: jaegertracing/jaeger,
`internal/storage/v2/elasticsearch/tracestore`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from tracelog import ids
from tracelog.model import UNKNOWN_SERVICE, Span, SpanEvent, SpanLink
from tracelog.schema.conventions import SPAN_KINDS
from tracelog.schema.decoding import guarded
from tracelog.schema.timestamps import MICROSECOND, MILLISECOND, Number, nanoseconds

CHILD_OF, FOLLOWS_FROM = "CHILD_OF", "FOLLOWS_FROM"
DOT = "@"
"""Stands for a dot in the keys of `tag{}`, unless Jaeger was told otherwise (`tags_as_fields.dot_replacement`)."""
KIND, ERROR = "span.kind", "error"
STATUS_CODE, STATUS_MESSAGE = "otel.status_code", "otel.status_description"
SCOPES = ("otel.library", "otel.scope")  # the first by older collectors
TRACE_STATE = "w3c.tracestate"
REFERENCE_TYPE = "opentracing.ref_type"
EVENT_NAME = "event"
UNNAMED_EVENT = "log"
"""What OpenTelemetry's OpenTracing compatibility calls a log without an event name."""

NO_SERVICE = "OTLPResourceNoServiceName"
_TRUTH = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}


class _Tag(msgspec.Struct):
    key: str = ""
    value: Any = None
    type: Any = None


class _Reference(msgspec.Struct, rename={"kind": "refType", "trace_id": "traceID", "span_id": "spanID"}):
    kind: Any = None
    trace_id: Any = None
    span_id: Any = None


class _Log(msgspec.Struct):
    timestamp: Number | None = None
    fields: list[_Tag] | None = None


class _Process(msgspec.Struct):
    service_name: str | None = msgspec.field(name="serviceName", default=None)
    tags: list[_Tag] | None = None
    tag: dict[str, Any] | None = None


_NAMES = {
    "trace_id": "traceID",
    "span_id": "spanID",
    "parent_span_id": "parentSpanID",
    "operation": "operationName",
    "start": "startTime",
    "start_millis": "startTimeMillis",
    "timestamp": "@timestamp",
}


class _Span(msgspec.Struct, rename=_NAMES):
    trace_id: Any
    span_id: Any
    parent_span_id: Any = None
    flags: int | None = None
    operation: str | None = None
    references: list[_Reference] | None = None
    start: Number | None = None
    start_millis: Number | None = None
    timestamp: Any = None
    duration: Number | None = None
    tags: list[_Tag] | None = None
    tag: dict[str, Any] | None = None
    logs: list[_Log] | None = None
    process: _Process | None = None
    warnings: Any = None


_decoder = msgspec.json.Decoder(_Span)
_NO_PROCESS = _Process()


@guarded
def decode_span(body: bytes | msgspec.Raw) -> Span:
    """Return the span in a document. Raise `msgspec.DecodeError` or ValueError where it holds none."""
    document = _decoder.decode(body)
    trace_id, span_id = ids.of_span(document.trace_id, document.span_id)
    start = _start(document)
    parent, links = _related(document, trace_id)
    attributes = _tags(document.tags, document.tag)
    status, message = _take_status(attributes)
    scope, version = _take_scope(attributes)
    kind = str(attributes.pop(KIND, "")).upper()
    state = attributes.pop(TRACE_STATE, None)
    if document.flags is not None:
        attributes["jaeger.flags"] = document.flags
    if document.warnings:
        attributes["jaeger.warnings"] = document.warnings
    service, resource = _resource(document.process or _NO_PROCESS)
    return Span(
        trace_id=trace_id,
        span_id=span_id,
        parent_span_id=parent,
        name=document.operation or "",
        service=service,
        start=start,
        duration=max(nanoseconds(document.duration or 0, MICROSECOND), 0),
        kind=kind if kind in SPAN_KINDS else "UNSPECIFIED",
        status=status,
        status_message=message,
        attributes=attributes,
        resource=resource,
        scope=scope,
        scope_version=version,
        trace_state=None if state is None else str(state),
        events=tuple(_events(document.logs or (), start)),
        links=links,
    )


def _start(document: _Span) -> int:
    """Return the start; to the ns where `@timestamp`, which data streams have, is the same µs in ns."""
    if document.start is None:
        if document.start_millis is None:
            raise ValueError("no time (expected startTime)")
        return nanoseconds(document.start_millis, MILLISECOND)
    start, precise = nanoseconds(document.start, MICROSECOND), document.timestamp
    if isinstance(precise, str) and precise.isdecimal() and int(precise) // MICROSECOND == start // MICROSECOND:
        return int(precise)
    return start


def _related(document: _Span, trace_id: str) -> tuple[str | None, tuple[SpanLink, ...]]:
    """Return the parent, and every reference that is to another span as a link."""
    parent = ids.span_id(document.parent_span_id)
    if not document.references:
        return parent, ()
    known = [
        (reference.kind, referred, span_id)
        for reference in document.references
        if (referred := ids.trace_id(reference.trace_id)) and (span_id := ids.span_id(reference.span_id))
    ]
    used = (CHILD_OF, trace_id, parent)  # which writers before v2.20 repeat among the references
    if parent is None:
        used = next((one for kind in (CHILD_OF, FOLLOWS_FROM) for one in known if one[:2] == (kind, trace_id)), used)
        parent = used[2]
    return parent, tuple(
        SpanLink(referred, span_id, {REFERENCE_TYPE: "child_of" if kind == CHILD_OF else "follows_from"})
        for kind, referred, span_id in known
        if (kind, referred, span_id) != used
    )


def _tags(tags: Iterable[_Tag] | None, elevated: Mapping[str, Any] | None) -> dict[str, Any]:
    """Merge both forms of tags."""
    found = {key.replace(DOT, "."): value for key, value in elevated.items()} if elevated else {}
    for tag in tags or ():
        found[tag.key] = _value(tag)
    return found


def _value(tag: _Tag) -> Any:
    """Return a value as its declared type, or as it is where it is no such value."""
    read = _READ.get(tag.type) if isinstance(tag.type, str) else None
    try:
        return read(tag.value) if read else tag.value
    except (ValueError, TypeError, KeyError, OverflowError):
        return tag.value


def _integer(value: Any) -> Any:
    return int(value) if isinstance(value, str) or (isinstance(value, float) and value.is_integer()) else value


def _float(value: Any) -> Any:
    return value if isinstance(value, bool) else float(value)


def _truth(value: Any) -> bool:
    return value if isinstance(value, bool) else _TRUTH[value.lower() if isinstance(value, str) else str(value)]


_READ: Mapping[str, Callable[[Any], Any]] = {"bool": _truth, "int64": _integer, "float64": _float}
"""Text and binary are as they are stored: text, the second in hex."""


def _take_status(attributes: dict[str, Any]) -> tuple[str, str | None]:
    """Remove what says the status, and return it with its message; `error` that is not true stays an attribute."""
    code = str(attributes.pop(STATUS_CODE, "")).upper()
    if str(attributes.get(ERROR)).lower() == "true":
        del attributes[ERROR]
        code = "ERROR"
    message = attributes.pop(STATUS_MESSAGE, None)
    return code if code in ("OK", "ERROR") else "UNSET", None if message is None else str(message)


def _take_scope(attributes: dict[str, Any]) -> tuple[str | None, str | None]:
    name = version = None
    for prefix in SCOPES:
        name = attributes.pop(f"{prefix}.name", name)
        version = attributes.pop(f"{prefix}.version", version)
    return None if name is None else str(name), None if version is None else str(version)


def _resource(process: _Process) -> tuple[str, dict[str, Any]]:
    tags = _tags(process.tags, process.tag)
    name = service_name(process.service_name)
    return (name, {"service.name": name, **tags}) if name else (UNKNOWN_SERVICE, tags)


def service_name(written: str | None) -> str | None:
    """Return the name of a service, None where the writer knew none."""
    return written if written != NO_SERVICE else None


def _events(logs: Iterable[_Log], start: int) -> Iterator[SpanEvent]:
    """Yield logs as events; one without a time stands at the start of its span."""
    for log in logs:
        attributes = _tags(log.fields, None)
        name = attributes.get(EVENT_NAME)
        if isinstance(name, str):
            del attributes[EVENT_NAME]
        time = start if log.timestamp is None else nanoseconds(log.timestamp, MICROSECOND)
        yield SpanEvent(time, name if isinstance(name, str) else UNNAMED_EVENT, attributes)
