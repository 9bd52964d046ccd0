"""What a store is asked about, read out of a document of the `otel` layout, and nothing else of it.

A store keeps a document as it is. To know which span or line it holds, whose, and when, costs a third of decoding it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec
from msgspec import Raw, field

from tracelog import ids
from tracelog.model import CALLING, LEVELS, LogEntry, SpanOutline, level_of, service_of
from tracelog.schema import times
from tracelog.schema.otel import Body, parse_timestamp, read_body, read_kind, read_resource, take_exception
from tracelog.schema.peers import peer_of


class SpanColumns(msgspec.Struct, frozen=True, gc=False):
    """A span. `start`, `duration`: ns. `linked`: the traces that it links to."""

    trace_id: str
    span_id: str
    service: str
    name: str
    kind: str
    status: str
    start: int
    duration: int
    is_root: bool
    attributes: Mapping[str, Any]
    linked: frozenset[str]


class LogColumns(msgspec.Struct, frozen=True, gc=False):
    """A log record or a span event. `time`: ns. `severity`: the number, else that of the level."""

    trace_id: str | None
    span_id: str | None
    service: str
    time: int
    severity: int | None
    is_span_event: bool
    attributes: Mapping[str, Any]


class SpanRow(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A span as a search sorts by its fields: first its place in the index, then as `layouts` names them."""

    name: ClassVar[str] = ""
    place: int
    trace_id: str
    span_id: str
    parent_span_id: str | None
    service: str
    kind: str
    start: int
    duration: int
    status: str | None

    def outline(self) -> SpanOutline:
        """Return the outline of a span that neither calls nor takes messages: without links. Raise ValueError."""
        trace_id, span_id = ids.of_span(self.trace_id, self.span_id)
        return SpanOutline(
            trace_id,
            span_id,
            ids.span_id(self.parent_span_id),
            self.name,
            self.service,
            read_kind(self.kind),
            self.start,
            max(self.duration, 0),
            self.status is not None and self.status.upper() == "ERROR",
        )


class NamedSpanRow(SpanRow, frozen=True, gc=False, array_like=True):
    """The same with its name, which costs a cluster more than any other column."""

    name: str  # type: ignore[misc]


class _AnyBody(msgspec.Struct, gc=False):
    """Whether there is one is all that counts."""


class _Service(msgspec.Struct, gc=False):
    name: str


class _Status(msgspec.Struct, gc=False):
    code: str | None = None


class _Link(msgspec.Struct, gc=False):
    trace_id: str


class _WholeLink(_Link, gc=False):
    span_id: str


class _AnySpan(msgspec.Struct, kw_only=True, gc=False):
    timestamp: str | int | float = field(name="@timestamp")
    trace_id: str
    span_id: str
    parent_span_id: str | None = None
    name: str = ""
    kind: str = ""
    duration: int = 0
    status: _Status | None = None
    service: _Service | None = None
    resource: Raw = Raw()


class _Span(_AnySpan, kw_only=True, gc=False):
    attributes: dict[str, Any] = {}
    links: list[_Link] | None = None


class _Outline(_AnySpan, kw_only=True, gc=False):
    """Attributes are looked at only where they may say whom a span calls."""

    attributes: Raw = Raw(b"{}")
    links: list[_WholeLink] | None = None


class _Log(msgspec.Struct, kw_only=True, gc=False):
    timestamp: str | int | float = field(name="@timestamp")
    observed_timestamp: str | int | float | None = None
    trace_id: str | None = None
    span_id: str | None = None
    severity_text: str | None = None
    severity_number: int | None = None
    event_name: str | None = None
    body: _AnyBody | None = None
    attributes: dict[str, Any] | None = None
    service: _Service | None = None
    resource: Raw = Raw()


class _Said(msgspec.Struct, kw_only=True, gc=False):
    trace_id: str | None = None
    attributes: dict[str, Any] | None = None
    body: Body | None = None
    event_name: str | None = None


_span_decoder = msgspec.json.Decoder(_Span)
_outline_decoder = msgspec.json.Decoder(_Outline)
_attributes_decoder = msgspec.json.Decoder(dict[str, Any])
_log_decoder = msgspec.json.Decoder(_Log)
_said_decoder = msgspec.json.Decoder(_Said)
_NO_TRACES: frozenset[str] = frozenset()


def read_span(body: bytes) -> SpanColumns:
    """Return the columns of a span. Raise `msgspec.DecodeError` or ValueError where the document holds none."""
    document = _span_decoder.decode(body)
    trace_id, span_id = ids.of_span(document.trace_id, document.span_id)
    return SpanColumns(
        trace_id,
        span_id,
        _service_of(document),
        document.name,
        read_kind(document.kind),
        ((document.status and document.status.code) or "UNSET").upper(),
        parse_timestamp(document.timestamp),
        times.within_64_bits(max(document.duration, 0)),
        document.parent_span_id is None or ids.span_id(document.parent_span_id) is None,
        document.attributes,
        frozenset(link.trace_id for link in document.links) if document.links else _NO_TRACES,
    )


def read_outline(body: bytes | Raw) -> SpanOutline:
    """Return the outline of a span. Raise `msgspec.DecodeError` or ValueError."""
    document = _outline_decoder.decode(body)
    trace_id, span_id = ids.of_span(document.trace_id, document.span_id)
    kind, status, links = read_kind(document.kind), document.status, document.links
    return SpanOutline(
        trace_id,
        span_id,
        ids.span_id(document.parent_span_id),
        document.name,
        _service_of(document),
        kind,
        parse_timestamp(document.timestamp),
        times.within_64_bits(max(document.duration, 0)),
        status is not None and status.code is not None and status.code.upper() == "ERROR",
        peer_of(_attributes_decoder.decode(document.attributes)) if kind in CALLING else None,
        tuple((link.trace_id, link.span_id) for link in links) if links else (),
    )


def read_log(body: bytes) -> LogColumns:
    """Return the columns of a log record or span event. Raise `msgspec.DecodeError` or ValueError."""
    document = _log_decoder.decode(body)
    return LogColumns(
        ids.trace_id(document.trace_id),
        ids.span_id(document.span_id),
        _service_of(document),
        parse_timestamp(document.timestamp),
        document.severity_number or LEVELS.get(level_of(None, document.severity_text) or ""),
        document.event_name is not None and document.body is None and document.observed_timestamp is None,
        document.attributes or {},
    )


def read_said(document: str) -> LogEntry:
    """Return what the document of a span or line holds and says, to be searched. Raise `msgspec.DecodeError`."""
    held = _said_decoder.decode(document)
    attributes = held.attributes or {}
    return LogEntry(
        time=0,
        trace_id=ids.trace_id(held.trace_id),
        body=read_body(held.body),
        attributes=attributes,
        event_name=held.event_name,
        exception=None if held.body is None else take_exception(attributes),
    )


def _service_of(document: _AnySpan | _Log) -> str:
    if document.service:
        return document.service.name
    return service_of(read_resource(bytes(document.resource)) if document.resource else {})
