"""Elastic APM's span documents as typed values: what is read by its name, and what goes on as attributes and resource.

APM Server writes nested objects; the `fields` of a search, and what pipelines of users add, have dotted names.
"""

from __future__ import annotations

from contextlib import suppress
from operator import attrgetter
from typing import Any

import msgspec
from msgspec import Raw, field

from tracelog.schema import dotted
from tracelog.schema.ecs_errors import Frame
from tracelog.schema.timestamps import Number

TRANSACTION, SPAN = "transaction", "span"


class Id(msgspec.Struct):
    """An object that holds but an id, or ids."""

    id: Any = None


class Micros(msgspec.Struct):
    """A time or a duration in µs."""

    us: Number | None = None


class Processor(msgspec.Struct):
    """What a document is: `span`, `transaction`, `error`, `metric` or `log`."""

    event: Any = None


class Event(msgspec.Struct):
    """How it went; `duration`, in ns, is here until Elasticsearch's ingest pipeline has moved it."""

    outcome: Any = None
    duration: Number | None = None


class Link(msgspec.Struct):
    """A pointer to a span."""

    trace: Id | None = None
    span: Id | None = None
    dotted_trace: Any = field(name="trace.id", default=None)
    dotted_span: Any = field(name="span.id", default=None)


class _Details(msgspec.Struct):
    """What becomes attributes of a span or transaction."""

    type: str | None = None
    subtype: str | None = None
    action: str | None = None
    result: Any = None
    sampled: Any = None
    sync: Any = None
    composite: Any = None
    db: Any = None
    message: Any = None
    destination: Any = None
    http: Any = None
    code: Any = None
    custom: Any = None
    marks: Any = None
    experience: Any = None
    span_count: Any = None
    representative_count: Any = None


class Node(_Details):
    """What stands in `transaction` or in `span`."""

    id: Any = None
    name: str | None = None
    kind: Any = None
    duration: Micros | None = None
    links: list[Link] | Link | None = None
    stacktrace: list[Frame] | None = None


class _Dotted(msgspec.Struct):
    """Names that show a document to be dotted, be it in part."""

    dotted_trace: Any = field(name="trace.id", default=None)
    dotted_span: Any = field(name="span.id", default=None)
    dotted_transaction: Any = field(name="transaction.id", default=None)
    dotted_parent: Any = field(name="parent.id", default=None)
    dotted_child: Any = field(name="child.id", default=None)
    dotted_processor: Any = field(name="processor.event", default=None)
    dotted_precise: Any = field(name="timestamp.us", default=None)
    dotted_outcome: Any = field(name="event.outcome", default=None)
    dotted_duration: Any = field(name="event.duration", default=None)
    dotted_service: Any = field(name="service.name", default=None)
    dotted_span_name: Any = field(name="span.name", default=None)
    dotted_span_duration: Any = field(name="span.duration.us", default=None)
    dotted_transaction_name: Any = field(name="transaction.name", default=None)
    dotted_transaction_duration: Any = field(name="transaction.duration.us", default=None)


class _Origin(_Dotted):
    """What becomes the resource: the same in many documents, so that it is read once."""

    service: Raw = Raw()
    agent: Raw = Raw()
    host: Raw = Raw()
    cloud: Raw = Raw()
    container: Raw = Raw()
    kubernetes: Raw = Raw()
    process: Raw = Raw()


class _Context(_Origin):
    """What becomes attributes, whether of a span or of a transaction."""

    http: Any = None
    url: Any = None
    user: Any = None
    user_agent: Any = None
    client: Any = None
    source: Any = None
    destination: Any = None
    network: Any = None
    session: Any = None
    faas: Any = None
    device: Any = None


class Document(_Context):
    """A document of `traces-apm*` or `apm-*`."""

    trace: Id | None = None
    transaction: Node | None = None
    span: Node | None = None
    parent: Id | None = None
    child: Id | None = None
    processor: Processor | None = None
    event: Event | None = None
    error: Any = None
    timestamp: Number | None = field(name="@timestamp", default=None)
    precise: Micros | None = field(name="timestamp", default=None)
    labels: dict[str, Any] | None = None
    numeric_labels: dict[str, Any] | None = None


ORIGIN_NAMES = tuple(_Origin.__annotations__)
_CONTEXT_NAMES, _DETAIL_NAMES = tuple(_Context.__annotations__), tuple(_Details.__annotations__)
_NAMES = {owner: tuple(f"{owner}.{name}" for name in _DETAIL_NAMES) for owner in (SPAN, TRANSACTION)}
_dots, _origin = attrgetter(*_Dotted.__annotations__), attrgetter(*ORIGIN_NAMES)
_context, _details = attrgetter(*_CONTEXT_NAMES), attrgetter(*_DETAIL_NAMES)
_NO_DOTS = _dots(Document())

_decoder = msgspec.json.Decoder(Document)
_map_decoder = msgspec.json.Decoder(dict[str, Any])


def read_document(body: bytes | msgspec.Raw) -> Document:
    """Decode a document, nested first where it is dotted. Raise `msgspec.DecodeError` or ValueError."""
    with suppress(msgspec.ValidationError):  # arrays for single values
        document = _decoder.decode(body)
        if _dots(document) == _NO_DOTS:
            return document
    return _decoder.decode(msgspec.json.encode(dotted.expand(_map_decoder.decode(body))))


def origin_of(document: Document) -> tuple[bytes, ...]:
    """Return the JSON of each group of `ORIGIN_NAMES`, empty where it is absent."""
    return tuple(bytes(raw) for raw in _origin(document))


def flat_attributes(document: Document, node: Node, owner: str) -> dict[str, Any]:
    """Return what becomes attributes under its dotted names; `owner` is the node's name."""
    own = zip(_NAMES[owner], _details(node), strict=True)
    around = zip(_CONTEXT_NAMES, _context(document), strict=True)
    return dotted.flatten({name: value for name, value in (*own, *around) if value is not None})
