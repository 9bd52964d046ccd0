"""OTLP/JSON (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding) -> spans and log entries.

One line is an `ExportTraceServiceRequest` or an `ExportLogsServiceRequest`, as the Collector's file exporter writes
them. Ids are hex, 64-bit integers may be text, enums are numbers (names are taken too). A log record without a time of
its own has that of its observation, a span without a start that of its end, a span event that of its span's start.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import Any

import msgspec

from tracelog import ids
from tracelog.model import Attributes, LogEntry, Span, SpanEvent, SpanLink, service_of
from tracelog.schema import otel, times

_Integer = int | str | float


class _Struct(msgspec.Struct, rename="camel"):
    pass


class _Value(_Struct):
    string_value: str | None = None
    bool_value: bool | None = None
    int_value: _Integer | None = None
    double_value: float | str | None = None
    array_value: _Array | None = None
    kvlist_value: _KeyValues | None = None
    bytes_value: str | None = None


class _Array(_Struct):
    values: list[_Value] = []


class _KeyValue(_Struct):
    key: str
    value: _Value | None = None


class _KeyValues(_Struct):
    values: list[_KeyValue] = []


class _Resource(_Struct):
    attributes: list[_KeyValue] = []


class _Scope(_Struct):
    name: str = ""
    version: str = ""


class _Event(_Struct):
    time_unix_nano: _Integer = 0
    name: str = ""
    attributes: list[_KeyValue] = []


class _Link(_Struct):
    trace_id: str = ""
    span_id: str = ""
    attributes: list[_KeyValue] = []


class _Status(_Struct):
    code: _Integer = 0
    message: str = ""


class _Span(_Struct):
    trace_id: str
    span_id: str
    start_time_unix_nano: _Integer
    end_time_unix_nano: _Integer
    parent_span_id: str = ""
    trace_state: str = ""
    name: str = ""
    kind: _Integer = 0
    attributes: list[_KeyValue] = []
    events: list[_Event] = []
    links: list[_Link] = []
    status: _Status | None = None


class _LogRecord(_Struct):
    time_unix_nano: _Integer = 0
    observed_time_unix_nano: _Integer = 0
    severity_number: _Integer = 0
    severity_text: str = ""
    event_name: str = ""
    body: _Value | None = None
    attributes: list[_KeyValue] = []
    flags: _Integer | None = None
    trace_id: str = ""
    span_id: str = ""


class _ScopeSpans(_Struct):
    scope: _Scope | None = None
    spans: list[_Span] = []


class _ScopeLogs(_Struct):
    scope: _Scope | None = None
    log_records: list[msgspec.Raw] = []


class _ResourceSpans(_Struct):
    resource: _Resource | None = None
    scope_spans: list[_ScopeSpans] = []


class _ResourceLogs(_Struct):
    resource: _Resource | None = None
    scope_logs: list[_ScopeLogs] = []


class _Request(_Struct):
    resource_spans: list[_ResourceSpans] | None = None
    resource_logs: list[_ResourceLogs] | None = None


_request_decoder = msgspec.json.Decoder(_Request)
_record_decoder = msgspec.json.Decoder(_LogRecord)
KINDS = ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")
STATUSES = ("UNSET", "OK", "ERROR")
_SEVERITY_RANGES = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
_SEVERITIES = ("UNSPECIFIED", *(f"{name}{step}" for name in _SEVERITY_RANGES for step in ("", 2, 3, 4)))


RECORD_ID = "log.record.uid"
"""The attribute of a record that has an id; others with the same id are the same record."""
_LONGEST_ID = 128
"""Of characters, so that it fits Elasticsearch's 512 bytes."""


class OtlpDecoder:
    """Decodes the lines of one file. It remembers how often each log record came, to tell equal ones apart.

    A record's id is a hash of resource, scope and record, with its ordinal among equals of this file: the same file
    decoded again gives the same ids, and lines that are equal in every field stay as many as they are. A record that
    says which id it has (`log.record.uid`) keeps that.
    """

    def __init__(self) -> None:
        self._seen: Counter[bytes] = Counter()

    def decode(self, line: bytes) -> tuple[list[Span], list[LogEntry]]:
        """Return what a line holds. Raise `msgspec.DecodeError` or ValueError where it is no OTLP/JSON."""
        request = _request_decoder.decode(line)
        if request.resource_spans is None and request.resource_logs is None:
            raise ValueError("neither resourceSpans nor resourceLogs")
        spans = [span for group in request.resource_spans or () for span in _spans(group)]
        logs = [entry for group in request.resource_logs or () for entry in self._logs(group)]
        return spans, logs

    def _logs(self, group: _ResourceLogs) -> Iterator[LogEntry]:
        resource = _attributes(group.resource.attributes) if group.resource else {}
        for part in group.scope_logs:
            scope = part.scope or _Scope()
            origin = msgspec.json.encode((resource, scope.name, scope.version))
            for raw in part.log_records:
                digest = blake2b(origin + bytes(raw), digest_size=16)
                ordinal = self._seen[digest.digest()]
                self._seen[digest.digest()] += 1
                yield _entry(_record_decoder.decode(raw), resource, scope, f"{digest.hexdigest()}-{ordinal}")


def _spans(group: _ResourceSpans) -> Iterator[Span]:
    resource = _attributes(group.resource.attributes) if group.resource else {}
    for part in group.scope_spans:
        scope = part.scope or _Scope()
        for span in part.spans:
            yield _span(span, resource, scope)


def _span(span: _Span, resource: Attributes, scope: _Scope) -> Span:
    trace_id, span_id = ids.of_span(span.trace_id, span.span_id)
    end = int(span.end_time_unix_nano)
    start = times.known(int(span.start_time_unix_nano)) or times.known(end)
    status = span.status or _Status()
    return Span(
        trace_id=trace_id,
        span_id=span_id,
        parent_span_id=ids.span_id(span.parent_span_id),
        name=span.name,
        service=service_of(resource),
        start=start,
        duration=times.within_64_bits(max(end - start, 0)),
        kind=_named(span.kind, KINDS, "SPAN_KIND_"),
        status=_named(status.code, STATUSES, "STATUS_CODE_"),
        status_message=status.message or None,
        attributes=_attributes(span.attributes),
        resource=resource,
        scope=scope.name or None,
        scope_version=scope.version or None,
        trace_state=span.trace_state or None,
        events=tuple(
            SpanEvent(times.known(int(event.time_unix_nano)) or start, event.name, _attributes(event.attributes))
            for event in span.events
        ),
        links=tuple(_links(span.links)),
    )


def _links(links: Sequence[_Link]) -> Iterator[SpanLink]:
    for link in links:
        trace_id, span_id = ids.trace_id(link.trace_id), ids.span_id(link.span_id)
        if trace_id and span_id:
            yield SpanLink(trace_id, span_id, _attributes(link.attributes))


def _entry(record: _LogRecord, resource: Attributes, scope: _Scope, record_id: str) -> LogEntry:
    attributes = _attributes(record.attributes)
    own_id = attributes.get(RECORD_ID)
    if isinstance(own_id, str) and 0 < len(own_id) <= _LONGEST_ID:
        record_id = str(attributes.pop(RECORD_ID))
    observed = times.known(int(record.observed_time_unix_nano))
    time = times.known(int(record.time_unix_nano)) or observed
    exception = otel.take_exception(attributes)
    return LogEntry(
        id=record_id,
        time=time,
        observed_time=observed or time,
        body=_value(record.body),
        severity_number=_severity(record.severity_number),
        severity_text=record.severity_text or None,
        logger=scope.name or None,
        service=service_of(resource),
        trace_id=ids.trace_id(record.trace_id),
        span_id=ids.span_id(record.span_id),
        trace_flags=None if record.flags is None or not record.trace_id else int(record.flags) & 0xFF,
        attributes=attributes,
        resource=resource,
        event_name=record.event_name or None,
        exception=exception,
    )


def _severity(number: _Integer) -> int | None:
    if isinstance(number, str) and not number.isdecimal():
        name = number.removeprefix("SEVERITY_NUMBER_")
        return (_SEVERITIES.index(name) or None) if name in _SEVERITIES else None
    return int(number) or None


def _named(code: _Integer, names: Sequence[str], prefix: str) -> str:
    if isinstance(code, str) and not code.isdecimal():
        name = code.removeprefix(prefix)
        return name if name in names else names[0]
    return names[int(code)] if 0 <= int(code) < len(names) else names[0]


def _attributes(pairs: Sequence[_KeyValue]) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: _Value | None) -> Any:
    """Return an AnyValue as what it holds; bytes as hex, as the stored layout has them."""
    if value is None:
        return None
    if value.string_value is not None:
        return value.string_value
    if value.int_value is not None:
        return int(value.int_value)
    if value.bool_value is not None:
        return value.bool_value
    if value.double_value is not None:
        return value.double_value  # NaN and Infinity stand as text in OTLP/JSON already
    if value.array_value is not None:
        return [_value(inner) for inner in value.array_value.values]
    if value.kvlist_value is not None:
        return _attributes(value.kvlist_value.values)
    return None if value.bytes_value is None else base64.b64decode(value.bytes_value, validate=True).hex()
