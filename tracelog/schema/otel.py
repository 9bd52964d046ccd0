"""The OpenTelemetry data-stream layout: the documents that tracelog stores, and the Collector's `otel` mode.

A span is a document in `traces-<dataset>.otel-<namespace>`; its events and the log records are documents in
`logs-<dataset>.otel-<namespace>`. A span event is told from a log record by what it lacks: it has an
`event_name` but neither a body nor an `observed_timestamp`. Durations are ns. Written times are RFC 3339 with
nine digits; read are all four forms that writers of this layout produce.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from hashlib import blake2b
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET, Raw, UnsetType, field

from tracelog import ids
from tracelog.model import Attributes, ExceptionInfo, LogEntry, Span, SpanLink, service_of
from tracelog.schema import times
from tracelog.schema.lines import add_fields

LOGS = "logs"
TRACES = "traces"
DATASET = "tracelog"
NAMESPACE = "default"

EXCEPTION_TYPE = "exception.type"
EXCEPTION_MESSAGE = "exception.message"
EXCEPTION_STACKTRACE = "exception.stacktrace"
_STATUS_CODES = ("http.response.status_code", "http.status_code")


class Document(NamedTuple):
    """A document ready to be stored: its id, `logs` or `traces`, and its JSON."""

    id: str
    stream: str
    body: bytes


class DataStream(msgspec.Struct, frozen=True, gc=False):
    """The three parts of a data stream's name, as each document repeats them."""

    type: str
    dataset: str
    namespace: str

    @property
    def name(self) -> str:
        """The name of the stream: `<type>-<dataset>-<namespace>`."""
        return f"{self.type}-{self.dataset}-{self.namespace}"


class Destination(NamedTuple):
    """The dataset and namespace that documents are written to."""

    dataset: str = DATASET
    namespace: str = NAMESPACE

    def stream(self, kind: str) -> DataStream:
        """Name the data stream for `logs` or `traces`."""
        return DataStream(kind, f"{self.dataset}.otel", self.namespace)


class _Resource(msgspec.Struct, omit_defaults=True, gc=False):
    attributes: dict[str, Any] = {}


class _Scope(msgspec.Struct, omit_defaults=True, gc=False):
    name: str | None = None
    version: str | None = None


class _Status(msgspec.Struct, omit_defaults=True, gc=False):
    code: str | None = None
    message: str | None = None


class _Link(msgspec.Struct, omit_defaults=True, gc=False):
    trace_id: str
    span_id: str
    attributes: dict[str, Any] = {}


class Body(msgspec.Struct, omit_defaults=True, gc=False):
    """Text, or a structure where the record had no text."""

    text: str | UnsetType = UNSET
    structured: Any = UNSET
    flattened: Any = UNSET


class _Service(msgspec.Struct, gc=False):
    name: str


class _Response(msgspec.Struct):
    status_code: int


class _Http(msgspec.Struct):
    response: _Response


class _Span(msgspec.Struct, kw_only=True, gc=False):
    """A span as it is read: what the model has no use for is left out."""

    timestamp: str | int | float = field(name="@timestamp")
    trace_id: str
    span_id: str
    parent_span_id: str | None = None
    trace_state: str | None = None
    name: str = ""
    kind: str = ""
    duration: int = 0
    attributes: dict[str, Any] = {}
    links: list[_Link] | None = None
    status: _Status | None = None
    resource: Raw = Raw()
    scope: _Scope | None = None
    service: _Service | None = None


class _WrittenSpan(msgspec.Struct, omit_defaults=True, kw_only=True):
    timestamp: str = field(name="@timestamp")
    data_stream: DataStream
    trace_id: str
    span_id: str
    parent_span_id: str | None = None
    trace_state: str | None = None
    name: str = ""
    kind: str = ""
    duration: int
    attributes: dict[str, Any] = {}
    links: list[_Link] | None = None
    status: _Status | None = None
    resource: _Resource
    scope: _Scope | None = None
    service: _Service
    http: _Http | None = None


class _Log(msgspec.Struct, kw_only=True, gc=False):
    timestamp: str | int | float = field(name="@timestamp")
    observed_timestamp: str | int | float | None = None
    trace_id: str | None = None
    span_id: str | None = None
    trace_flags: int | None = None
    severity_text: str | None = None
    severity_number: int | None = None
    event_name: str | None = None
    body: Body | None = None
    body_text: str | None = None
    body_structured: Any = None
    attributes: dict[str, Any] | None = None
    resource: Raw = Raw()
    scope: _Scope | None = None
    service: _Service | None = None


class _WrittenLog(msgspec.Struct, omit_defaults=True, kw_only=True):
    """A `_Log` to be encoded: what is the same for many of them is JSON already."""

    timestamp: str = field(name="@timestamp")
    observed_timestamp: str | None = None
    data_stream: Raw
    trace_id: str | None = None
    span_id: str | None = None
    trace_flags: int | None = None
    severity_text: str | None = None
    severity_number: int | None = None
    event_name: str | None = None
    body: Body | None = None
    attributes: dict[str, Any] | None = None
    resource: Raw
    scope: Raw | None = None
    service: Raw


_NO_RESOURCE: Attributes = {}
_encoder = msgspec.json.Encoder()
_span_decoder = msgspec.json.Decoder(_Span)
_log_decoder = msgspec.json.Decoder(_Log)
_resource_decoder = msgspec.json.Decoder(_Resource | None)


def encode_span(span: Span, destination: Destination = Destination()) -> Document:  # noqa: B008 - a frozen value
    """Return a span as its document; the id says the same for the same span, sent by whom and when ever."""
    scope = _Scope(span.scope, span.scope_version) if span.scope or span.scope_version else None
    failed = span.status != "UNSET" or span.status_message
    document = _WrittenSpan(
        timestamp=_written(span.start),
        data_stream=destination.stream(TRACES),
        trace_id=span.trace_id,
        span_id=span.span_id,
        parent_span_id=span.parent_span_id,
        trace_state=span.trace_state,
        name=span.name,
        kind=span.kind.capitalize(),
        duration=span.duration,
        attributes=_plain(span.attributes),
        links=[_Link(link.trace_id, link.span_id, _plain(link.attributes)) for link in span.links] or None,
        status=_Status(_STATUS_OUT.get(span.status), span.status_message) if failed else None,
        resource=_Resource(_plain(span.resource)),
        scope=scope,
        service=_Service(span.service),
        http=_http(span.attributes),
    )
    return Document(span_document_id(span), TRACES, _encoder.encode(document))


def encode_log(entry: LogEntry, destination: Destination = Destination()) -> Document:  # noqa: B008 - as above
    """Return a log entry as its document, under the entry's own id."""
    timestamp = _written(entry.time)
    observed: str | None = timestamp
    if entry.observed_time != entry.time:
        observed = None if entry.observed_time is None else _written(entry.observed_time)
    document = _WrittenLog(
        timestamp=timestamp,
        observed_timestamp=observed,
        data_stream=_encoded_stream(destination),
        trace_id=entry.trace_id,
        span_id=entry.span_id,
        trace_flags=entry.trace_flags,
        severity_text=entry.severity_text,
        severity_number=entry.severity_number,
        event_name=entry.event_name,
        body=_body(entry.body),
        attributes=_with_exception(entry),
        resource=_encoded_resource(entry.resource),
        scope=_encoded_scope(entry.logger) if entry.logger else None,
        service=_encoded_service(entry.service),
    )
    return Document(entry.id, LOGS, _encoder.encode(document))


@lru_cache(64)
def _encoded_stream(destination: Destination) -> Raw:
    return Raw(_encoder.encode(destination.stream(LOGS)))


@lru_cache(1024)
def _encoded_scope(name: str) -> Raw:
    return Raw(_encoder.encode(_Scope(name)))


@lru_cache(1024)
def _encoded_service(name: str) -> Raw:
    return Raw(_encoder.encode(_Service(name)))


_latest_resource: tuple[Attributes, Raw] = ({}, Raw(b"{}"))


def _encoded_resource(resource: Attributes) -> Raw:
    """Encode a resource; the one of the process, which cannot change, once."""
    global _latest_resource  # noqa: PLW0603 - one pair, replaced as a whole
    known, raw = _latest_resource
    if known is resource:
        return raw
    raw = Raw(_encoder.encode(_Resource(_plain(resource))))
    if isinstance(resource, MappingProxyType):
        _latest_resource = (resource, raw)
    return raw


def encode_span_events(span: Span, destination: Destination = Destination()) -> Iterator[Document]:  # noqa: B008
    """Yield the events of a span as the documents of their own that this layout makes of them."""
    for entry in event_entries(span):
        yield encode_log(entry, destination)


def event_entries(span: Span) -> Iterator[LogEntry]:
    """Yield the events of a span as log entries, under the ids of their documents."""
    own = span_document_id(span)
    for ordinal, event in enumerate(span.events):
        yield LogEntry(
            id=f"{own}-{ordinal}",
            time=event.time,
            event_name=event.name,
            service=span.service,
            trace_id=span.trace_id,
            span_id=span.span_id,
            attributes=event.attributes,
            resource=span.resource,
            logger=span.scope,
        )


def encode_spans(spans: Iterable[Span], destination: Destination = Destination()) -> Iterator[Document]:  # noqa: B008
    """Yield each span's document and, behind it, those of its events."""
    for span in spans:
        yield encode_span(span, destination)
        yield from encode_span_events(span, destination)


def span_document_id(span: Span) -> str:
    """Return the id under which a span is stored: a hash of trace id, span id, kind and service."""
    key = f"{span.trace_id}\0{span.span_id}\0{span.kind}\0{span.service}"
    return blake2b(key.encode(errors="surrogatepass"), digest_size=16).hexdigest()


_STATUS_OUT = {"OK": "Ok", "ERROR": "Error"}


def _written(time: int) -> str:
    return times.format_iso(time, digits=9)


def _plain(attributes: Attributes) -> dict[str, Any]:
    return attributes if isinstance(attributes, dict) else dict(attributes)


def _http(attributes: Attributes) -> _Http | None:
    for key in _STATUS_CODES:
        code = attributes.get(key)
        if type(code) is int:
            return _Http(_Response(code))
    return None


def _body(body: Any) -> Body | None:
    if body is None:
        return None
    return Body(text=body) if isinstance(body, str) else Body(structured=body)


def _with_exception(entry: LogEntry) -> dict[str, Any]:
    attributes = _plain(entry.attributes)
    exception = entry.exception
    if exception is None:
        return attributes
    named = {
        EXCEPTION_TYPE: exception.type,
        EXCEPTION_MESSAGE: exception.message,
        EXCEPTION_STACKTRACE: exception.stacktrace,
    }
    return add_fields(attributes, {key: text for key, text in named.items() if text is not None})


def decode_span(body: bytes | msgspec.Raw) -> Span:
    """Return the span in a document. Raise `msgspec.DecodeError` or ValueError where it holds none."""
    document = _span_decoder.decode(body)
    trace_id, span_id = ids.of_span(document.trace_id, document.span_id)
    resource = read_resource(bytes(document.resource)) if document.resource else _NO_RESOURCE
    status = document.status or _Status()
    return Span(
        trace_id=trace_id,
        span_id=span_id,
        parent_span_id=ids.span_id(document.parent_span_id),
        name=document.name,
        service=document.service.name if document.service else service_of(resource),
        start=parse_timestamp(document.timestamp),
        duration=times.within_64_bits(max(document.duration, 0)),
        kind=read_kind(document.kind),
        status=(status.code or "UNSET").upper(),
        status_message=status.message,
        attributes=document.attributes,
        resource=resource,
        scope=document.scope.name if document.scope else None,
        scope_version=document.scope.version if document.scope else None,
        trace_state=document.trace_state,
        links=tuple(SpanLink(link.trace_id, link.span_id, link.attributes) for link in document.links or ()),
    )


def decode_log(body: bytes | msgspec.Raw, document_id: str = "") -> LogEntry:
    """Return the log entry, or span event, in a document. Raise `msgspec.DecodeError` or ValueError."""
    document = _log_decoder.decode(body)
    attributes = document.attributes or {}
    resource = read_resource(bytes(document.resource)) if document.resource else _NO_RESOURCE
    observed = document.observed_timestamp
    said = read_body(document.body)
    if said is None:  # as older collectors have it
        said = document.body_structured if document.body_text is None else document.body_text
    is_span_event = document.event_name is not None and said is None and observed is None
    exception = None if is_span_event else take_exception(attributes)
    time = parse_timestamp(document.timestamp)
    if observed is not None:
        observed = time if observed == document.timestamp else parse_timestamp(observed)
    return LogEntry(
        id=document_id,
        time=time,
        observed_time=observed,
        body=said,
        severity_number=document.severity_number,
        severity_text=document.severity_text,
        logger=document.scope.name if document.scope else None,
        service=document.service.name if document.service else service_of(resource),
        trace_id=ids.trace_id(document.trace_id),
        span_id=ids.span_id(document.span_id),
        trace_flags=document.trace_flags,
        attributes=attributes,
        resource=resource,
        event_name=document.event_name,
        exception=exception,
    )


def parse_timestamp(value: str | float) -> int:
    """Return a `@timestamp` of this layout as ns, whichever of its forms it has.

    A string `"<ms>.<ns>"` holds two integers, the second not zero padded (`"1721314113467.5"` is 5 ns after
    the millisecond) unless it has six digits, in which case both readings agree. A number is in ms.
    """
    if not isinstance(value, str):
        whole, fraction = divmod(value, 1)  # apart, for a float does not hold this many digits
        return int(whole) * 1_000_000 + round(fraction * 1_000_000)
    if "-" in value:
        return times.parse_iso(value)
    milliseconds, _, nanoseconds = value.partition(".")
    if milliseconds.isdecimal():
        return int(milliseconds) * 1_000_000 + int(nanoseconds or 0)
    return times.parse_iso(value)


@lru_cache(1024)
def read_resource(raw: bytes) -> Attributes:
    """Return the attributes of a resource, the same object for the many documents that repeat it."""
    resource = _resource_decoder.decode(raw)
    return resource.attributes if resource else _NO_RESOURCE


@lru_cache(64)
def read_kind(text: str) -> str:
    """Return a kind of span as the model has it, the same object for the many spans that are of it."""
    return text.upper() or "UNSPECIFIED"


def read_body(body: Body | None) -> Any:
    """Return what a body holds, None where there is none."""
    if body is None:
        return None
    if body.text is not UNSET:
        return body.text
    structure = body.flattened if body.structured is UNSET else body.structured
    return None if structure is UNSET else structure


def take_exception(attributes: dict[str, Any]) -> ExceptionInfo | None:
    """Remove `exception.type`, `exception.message` and `exception.stacktrace`, and return what they say."""
    if EXCEPTION_TYPE not in attributes and EXCEPTION_STACKTRACE not in attributes:
        return None
    taken = {key: attributes.pop(key, None) for key in (EXCEPTION_TYPE, EXCEPTION_MESSAGE, EXCEPTION_STACKTRACE)}
    return as_exception(taken)


def as_exception(attributes: Attributes) -> ExceptionInfo:
    """Return what attributes named by the semantic conventions say of an exception."""
    parts = (attributes.get(key) for key in (EXCEPTION_TYPE, EXCEPTION_MESSAGE, EXCEPTION_STACKTRACE))
    return ExceptionInfo(*(None if part is None else str(part) for part in parts))
