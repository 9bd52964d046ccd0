"""Elastic APM's documents of spans and transactions, 7 and 8 -> spans.

A transaction is the work of one service on one request or message; spans stand below it. Both are spans here. A field
whose OpenTelemetry name is known goes by it, every other by its own (`transaction.result`, `span.composite.count`);
labels go by the bare names that users gave them, in which APM Server made dots `_`. Errors, span events and log lines
are documents of their own, which `ecs` reads. Source: elastic/apm-data, `model/internal/modeljson` and `input`, and
the ingest pipeline `traces-apm@pipeline` of Elasticsearch, which makes `event.duration` (ns) the durations in µs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import msgspec

from tracelog import ids
from tracelog.model import Attributes, Span, SpanLink, service_of
from tracelog.schema import conventions, dotted
from tracelog.schema.apm_documents import (
    ORIGIN_NAMES,
    SPAN,
    TRANSACTION,
    Document,
    Event,
    Link,
    Node,
    flat_attributes,
    origin_of,
    read_document,
)
from tracelog.schema.conventions import SPAN_KINDS
from tracelog.schema.decoding import guarded
from tracelog.schema.ecs import decode_log
from tracelog.schema.ecs_errors import stack_text
from tracelog.schema.timestamps import MICROSECOND, NANOSECOND, date, nanoseconds

__all__ = [
    "CHILD_LINK",
    "MESSAGING",
    "NAME_AND_KIND",
    "SERVER_NAMES",
    "SPAN",
    "STATUSES",
    "TRANSACTION",
    "decode_log",
    "decode_span",
    "name_and_kind",
]

CHILD_LINK = {"relation": "child"}
"""Marks what `child.id` says: not a link elsewhere, but a child that itself may name another parent."""

SERVER_NAMES = {"destination.address": "server.address", "destination.port": "server.port"}
"""What a span calls is its server; in a log line it is whatever the line tells of."""
STATUSES = {"success": "OK", "failure": "ERROR"}
MESSAGING = frozenset(("messaging", "celery"))
_EXITS = frozenset(("db", "external", "storage", "cache", "ext"))
_RECEIVING = frozenset(("receive", "poll"))
_OPENTELEMETRY = ("opentelemetry", "otlp")
"""So begins `agent.name` of what came as OTLP; APM Server keeps the scope as `service.framework` then."""
_NO_NODE, _NO_EVENT = Node(), Event()
_FRAMEWORK, _FRAMEWORK_VERSION = "service.framework.name", "service.framework.version"

_decoder = msgspec.json.Decoder()


@guarded
def decode_span(body: bytes | msgspec.Raw) -> Span:
    """Return the transaction or span in a document. Raise `msgspec.DecodeError` or ValueError where it holds none."""
    document = read_document(body)
    owner = _owner(document)
    node = (document.transaction if owner == TRANSACTION else document.span) or _NO_NODE
    trace_id = ids.trace_id(document.trace.id if document.trace else None)
    span_id = ids.span_id(node.id) or ids.span_id(document.span.id if document.span else None)
    if trace_id is None or span_id is None:
        raise ValueError(f"a {owner} without valid ids: {document.trace!r}, {node.id!r}")
    event = document.event or _NO_EVENT
    service, scope, resource, target = _origin(*origin_of(document))
    attributes = _attributes(document, node, owner)
    attributes.update(target)
    if owner == SPAN and document.transaction and ids.span_id(document.transaction.id):
        attributes["transaction.id"] = document.transaction.id
    return Span(
        trace_id=trace_id,
        span_id=span_id,
        parent_span_id=ids.span_id(document.parent.id if document.parent else None),
        name=node.name or "",
        service=service,
        start=_start(document),
        duration=max(_duration(node, event), 0),
        kind=_kind(document, node, owner),
        status=STATUSES.get(event.outcome, "UNSET") if isinstance(event.outcome, str) else "UNSET",
        attributes=attributes,
        resource=resource,
        scope=scope[0],
        scope_version=scope[1],
        links=tuple(_links(document, trace_id)),
    )


def _owner(document: Document) -> str:
    """Say which of its two nodes a document is of: as it says, else by the rule of APM's ingest pipeline."""
    event = document.processor.event if document.processor else None
    if event in (SPAN, TRANSACTION):
        return str(event)
    transaction, span = document.transaction or _NO_NODE, document.span or _NO_NODE
    told = any((transaction.type, transaction.name, transaction.duration, span.type, span.name, span.duration))
    if event is not None or document.error is not None or not told:
        raise ValueError(f"neither a span nor a transaction: processor.event {event!r}")
    if transaction.type or ids.span_id(span.id) is None:
        return TRANSACTION
    return SPAN


def _start(document: Document) -> int:
    if document.precise and document.precise.us is not None:
        return nanoseconds(document.precise.us, MICROSECOND)
    if document.timestamp is None:
        raise ValueError("no time (expected timestamp.us or @timestamp)")
    return date(document.timestamp)


def _duration(node: Node, event: Event) -> int:
    if node.duration and node.duration.us is not None:
        return nanoseconds(node.duration.us, MICROSECOND)
    return nanoseconds(event.duration or 0, NANOSECOND)


def _kind(document: Document, node: Node, owner: str) -> str:
    told = document.span.kind if document.span else None
    return _kind_of(told, owner, node.type, node.action, calls=node.destination is not None)


def _kind_of(told: Any, owner: str, kind: str | None, action: str | None, *, calls: bool) -> str:
    """Return the kind, as told by agents that know OpenTelemetry, else as the type implies.

    Every transaction is an entry into its service. A span is an exit where it names the service it calls.
    """
    if str(told).upper() in SPAN_KINDS:
        return str(told).upper()
    if owner == TRANSACTION:
        return "CONSUMER" if kind in MESSAGING else "SERVER"
    if kind in MESSAGING:
        return "CLIENT" if action in _RECEIVING else "PRODUCER"
    return "CLIENT" if kind in _EXITS or calls else "INTERNAL"


_CALLS = "span.destination.service.resource"
NAME_AND_KIND = (
    "processor.event",
    "transaction.name",
    "transaction.type",
    "span.name",
    "span.type",
    "span.action",
    "span.kind",
    _CALLS,
)
"""The fields that say the name and the kind of a span or transaction, each one value."""


def name_and_kind(columns: Mapping[str, str | None]) -> tuple[str, str]:
    """Return the name and the kind that the decoder would find, given the fields of `NAME_AND_KIND`."""
    event = columns["processor.event"]
    owner = TRANSACTION if event == TRANSACTION or (event is None and columns["transaction.type"]) else SPAN
    kind, action, calls = columns[f"{owner}.type"], columns["span.action"], columns[_CALLS] is not None
    return columns[f"{owner}.name"] or "", _kind_of(columns["span.kind"], owner, kind, action, calls=calls)


def _attributes(document: Document, node: Node, owner: str) -> dict[str, Any]:
    flat = flat_attributes(document, node, owner)
    if node.subtype and node.type == "db":
        flat.setdefault("db.system.name", node.subtype)  # `span.db.type` is but "sql" for all of them
    elif node.subtype and node.type == "messaging":
        flat["messaging.system"] = node.subtype
    attributes: dict[str, Any] = {}
    for name, value in flat.items():
        conventions.add_field(attributes, conventions.place(SERVER_NAMES.get(name, name)), value)
    if node.stacktrace:
        attributes["code.stacktrace"] = stack_text(node.stacktrace)
    for labels in (document.labels, document.numeric_labels):
        if labels:
            conventions.add_labels(attributes, dotted.flatten(labels))
    return attributes


def _links(document: Document, trace_id: str) -> Iterator[SpanLink]:
    """Yield the links, which are those of `span.links` for a transaction too, and the children a parent names."""
    for trace, span in _linked(document.span.links if document.span else None):
        linked, span_id = ids.trace_id(trace), ids.span_id(span)
        if linked and span_id:
            yield SpanLink(linked, span_id)
    named = document.child.id if document.child else None
    for child in named if isinstance(named, list) else [named]:
        child_id = ids.span_id(child)
        if child_id:
            yield SpanLink(trace_id, child_id, CHILD_LINK)


def _linked(links: list[Link] | Link | None) -> Iterator[tuple[Any, Any]]:
    """Yield the ids of each link; in the `fields` of a search they are two arrays."""
    for link in links if isinstance(links, list) else [links] if links else []:
        trace = link.trace.id if link.trace else link.dotted_trace
        span = link.span.id if link.span else link.dotted_span
        if isinstance(trace, list) and isinstance(span, list):
            yield from zip(trace, span, strict=False)
        else:
            yield trace, span


@lru_cache(1024)
def _origin(*groups: bytes) -> tuple[str, tuple[str | None, str | None], Attributes, Attributes]:
    """Return service, scope, resource and `service.target`, given the JSON of each group; few differ in a trace."""
    flat = dotted.flatten({name: _decoder.decode(raw) for name, raw in zip(ORIGIN_NAMES, groups, strict=True) if raw})
    scope: tuple[str | None, str | None] = (None, None)
    if str(flat.get("agent.name")).startswith(_OPENTELEMETRY):
        scope = (_text(flat.pop(_FRAMEWORK, None)), _text(flat.pop(_FRAMEWORK_VERSION, None)))
    resource: dict[str, Any] = {}
    target: dict[str, Any] = {}
    for name, value in flat.items():
        place = conventions.place(name)
        conventions.add_field(resource if place.kind == conventions.RESOURCE else target, place, value)
    return service_of(resource), scope, resource, target


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
