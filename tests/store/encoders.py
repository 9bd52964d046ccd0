"""The same spans and lines as each layout has them: model -> documents by the name of their index.

What a layout cannot say is left out: times are given in whole microseconds, those of lines in milliseconds, attributes
as text under keys without dots.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from tracelog.model import LogEntry, Span
from tracelog.schema.times import format_iso

Encoded = Iterator[tuple[str, dict[str, Any]]]
MICROSECOND, MILLISECOND = 1_000, 1_000_000


class Writer(NamedTuple):
    """Writes spans, with their events, and lines in one layout."""

    name: str
    span: Callable[[Span], Encoded]
    line: Callable[[LogEntry], Encoded]


def _iso(time: int) -> str:
    return format_iso(time, digits=3)


def otel_span(span: Span) -> Encoded:
    common = {"trace_id": span.trace_id, "span_id": span.span_id, "resource": _resource(span.service)}
    document: dict[str, Any] = {
        "@timestamp": f"{span.start // MILLISECOND}.{span.start % MILLISECOND}",
        **common,
        "name": span.name,
        "kind": span.kind.capitalize(),
        "duration": span.duration,
        "attributes": span.attributes,
        "links": [{"trace_id": link.trace_id, "span_id": link.span_id} for link in span.links],
    }
    if span.parent_span_id:
        document["parent_span_id"] = span.parent_span_id
    if span.status != "UNSET":
        document["status"] = {"code": span.status.capitalize()}
    yield "traces-shop.otel-{}", document
    for event in span.events:
        time = f"{event.time // MILLISECOND}.{event.time % MILLISECOND}"
        yield "logs-shop.otel-{}", {"@timestamp": time, **common, "event_name": event.name, "attributes": {}}


def _resource(service: str) -> dict[str, Any]:
    return {"attributes": {"service.name": service}}


def otel_line(line: LogEntry) -> Encoded:
    time = f"{line.time // MILLISECOND}.{line.time % MILLISECOND}"
    fields = {"trace_id": line.trace_id, "span_id": line.span_id, "severity_text": line.severity_text}
    document = {key: value for key, value in fields.items() if value is not None}
    times = {"@timestamp": time, "observed_timestamp": time}
    attributes = {**line.attributes, **_raised(line, "exception", "stacktrace")}
    said = {"body": {"text": line.body}, "resource": _resource(line.service), "attributes": attributes}
    yield "logs-shop.otel-{}", {**times, **document, **said}


def _raised(line: LogEntry, owner: str, stack: str) -> dict[str, str | None]:
    raised = line.exception
    if raised is None:
        return {}
    return {f"{owner}.type": raised.type, f"{owner}.message": raised.message, f"{owner}.{stack}": raised.stacktrace}


_TYPES = {"SERVER": "request", "CONSUMER": "messaging", "CLIENT": "db", "PRODUCER": "messaging", "INTERNAL": "app"}
_OUTCOMES = {"OK": "success", "ERROR": "failure", "UNSET": "unknown"}


def apm_span(span: Span) -> Encoded:
    owner = "transaction" if span.kind in ("SERVER", "CONSUMER") else "span"
    own: dict[str, Any] = {
        "id": span.span_id,
        "name": span.name,
        "type": _TYPES[span.kind],
        "duration": {"us": span.duration // MICROSECOND},
    }
    links = [{"trace": {"id": link.trace_id}, "span": {"id": link.span_id}} for link in span.links]
    common = {
        "@timestamp": _iso(span.start),
        "trace": {"id": span.trace_id},
        "service": {"name": span.service},
    }
    document = {
        **common,
        "processor": {"event": owner},
        "timestamp": {"us": span.start // MICROSECOND},
        "event": {"outcome": _OUTCOMES[span.status]},
        "labels": span.attributes,
        "span": {"links": links} if links else {},
        owner: {**own, **({"links": links} if links and owner == "span" else {})},
    }
    yield "traces-apm-{}", {**document, **({"parent": {"id": span.parent_span_id}} if span.parent_span_id else {})}
    for event in span.events:
        times = {"@timestamp": _iso(event.time), "timestamp": {"us": event.time // MICROSECOND}}
        said = {"event": {"kind": "event", "dataset": "apm"}, "message": event.name}
        yield "logs-apm.app.shop-{}", {**common, **times, **said, owner: {"id": span.span_id}}


def ecs_line(line: LogEntry) -> Encoded:
    document: dict[str, Any] = {
        "@timestamp": _iso(line.time),
        "message": line.body,
        "service": {"name": line.service},
        "labels": line.attributes,
        "log.logger": "shop",
        **_raised(line, "error", "stack_trace"),
    }
    known = {"trace.id": line.trace_id, "span.id": line.span_id, "log.level": line.severity_text}
    yield "logs-shop-{}", {**document, **{name: value for name, value in known.items() if value is not None}}


def jaeger_span(span: Span) -> Encoded:
    tags = [_tag("span.kind", span.kind.lower()), *(_tag(key, value) for key, value in span.attributes.items())]
    if span.status != "UNSET":
        tags.append(_tag("error", "true", "bool") if span.status == "ERROR" else _tag("otel.status_code", "OK"))
    references = [_reference("FOLLOWS_FROM", link.trace_id, link.span_id) for link in span.links]
    if span.parent_span_id:
        references.insert(0, _reference("CHILD_OF", span.trace_id, span.parent_span_id))
    logs = [{"timestamp": event.time // MICROSECOND, "fields": [_tag("event", event.name)]} for event in span.events]
    yield (
        "jaeger-span-{}",
        {
            "traceID": span.trace_id.lstrip("0"),
            "spanID": span.span_id.lstrip("0"),
            "operationName": span.name,
            "references": references,
            "startTime": span.start // MICROSECOND,
            "startTimeMillis": span.start // MILLISECOND,
            "duration": span.duration // MICROSECOND,
            "tags": tags,
            "logs": logs,
            "process": {"serviceName": span.service, "tags": []},
        },
    )


def _tag(key: str, value: Any, kind: str = "string") -> dict[str, Any]:
    return {"key": key, "type": kind, "value": value}


def _reference(kind: str, trace_id: str, span_id: str) -> dict[str, str]:
    return {"refType": kind, "traceID": trace_id, "spanID": span_id}


WRITERS = (
    Writer("otel", otel_span, otel_line),
    Writer("apm", apm_span, ecs_line),
    Writer("jaeger", jaeger_span, ecs_line),
)
