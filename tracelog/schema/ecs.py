"""Logs in the Elastic Common Schema -> log entries: lines, Elastic APM's errors, and span events of its OTLP intake.

Writers mix nested and dotted names and write arrays for single values. What is not recognised stays an attribute under
its dotted name; labels go by their bare names. Times are `@timestamp`, or `timestamp.us` (µs) where there is one.
"""

from __future__ import annotations

from typing import Any

import msgspec

from tracelog import ids
from tracelog.model import LEVELS, UNKNOWN_SERVICE, Attributes, LogEntry, level_of
from tracelog.schema import conventions, dotted
from tracelog.schema.conventions import ATTRIBUTE, BOOKKEEPING, LABEL, RESOURCE
from tracelog.schema.decoding import guarded
from tracelog.schema.dotted import take_text
from tracelog.schema.ecs_errors import ERROR_FIELDS, Error, take_error
from tracelog.schema.timestamps import MICROSECOND, date, nanoseconds

LOG, ERROR = "log", "error"
EVENT_NAME = "event.action"
_APM = "apm"
"""So begins the dataset of what APM Server wrote."""
_HIGHEST_SEVERITY = 24
_NUMBERS = (str, int, float)
_NO_ERROR = Error(captured=False)

_decoder = msgspec.json.Decoder(dict[str, Any])
_Flat = dict[str, Any]


@guarded
def decode_log(body: bytes | msgspec.Raw, document_id: str = "") -> LogEntry:
    """Return the log entry, or span event, in a document. Raise `msgspec.DecodeError` or ValueError."""
    flat = dotted.flatten_document(_decoder.decode(body))
    written = dotted.one(flat.get("processor.event"))
    if written not in (None, LOG, ERROR):
        raise ValueError(f"not a log: processor.event {written!r}")
    time = _take_time(flat)
    has_error = written == ERROR or not flat.keys().isdisjoint(ERROR_FIELDS)
    error = take_error(flat, captured=written == ERROR) if has_error else _NO_ERROR
    trace_id = _take_trace_id(flat)
    span_id = _take_span_id(flat, is_error=error.captured)
    may_be_event = bool(trace_id and span_id) and not has_error
    event_name = _take_span_event_name(flat) if may_be_event else None
    is_span_event = event_name is not None
    event_name = event_name or take_text(flat, EVENT_NAME)
    is_from_apm = _is_from_apm(flat)
    severity_number, severity_text = _take_severity(flat, is_error=error.captured, is_from_apm=is_from_apm)
    text = None if is_span_event else _take_body(flat, error.text)
    logger = take_text(flat, "log.logger", "error.log.logger_name")
    service, resource, attributes = _split(flat, is_from_apm=is_from_apm)
    return LogEntry(
        id=document_id,
        time=time,
        observed_time=None if is_span_event else time,
        body=text,
        severity_number=severity_number,
        severity_text=severity_text,
        logger=logger,
        service=service,
        trace_id=trace_id,
        span_id=span_id,
        attributes=attributes,
        resource=resource,
        event_name=event_name,
        exception=error.exception,
    )


def _take_time(flat: _Flat) -> int:
    precise = dotted.one(flat.pop("timestamp.us", None))
    value = dotted.one(flat.pop("@timestamp", None))
    if type(precise) in _NUMBERS:
        return nanoseconds(precise, MICROSECOND)
    if type(value) in _NUMBERS:
        return date(value)
    raise ValueError(f"no time (expected @timestamp): {value!r}")


def _take_trace_id(flat: _Flat) -> str | None:
    trace_id = ids.trace_id(dotted.one(flat.get("trace.id")))
    if trace_id:
        del flat["trace.id"]
    return trace_id


def _take_span_id(flat: _Flat, *, is_error: bool) -> str | None:
    """Return the span that wrote a document; ids of others stay.

    An error names it as its parent, while its `span.id` is that of the transaction (elastic/apm-data).
    """
    names = ("parent.id", "span.id", "transaction.id") if is_error else ("span.id", "transaction.id")
    known = {name: span_id for name in names if (span_id := ids.span_id(dotted.one(flat.get(name))))}
    own = next(iter(known.values()), None)
    for name, span_id in known.items():
        if span_id == own:
            del flat[name]
    return own


def _take_span_event_name(flat: _Flat) -> str | None:
    """Return the name where a document of a span is its event: it has a name, and nothing that lines have.

    APM Server puts the name in `message`; log lines of its intake look the same where they have no level, but those of
    files have a dataset of their own. In ECS as tracelog writes it, an event has a name and no message.
    """
    if "log.level" in flat or "event.severity" in flat:
        return None
    if "message" not in flat:
        return take_text(flat, EVENT_NAME)
    dataset = dotted.one(flat.get("event.dataset", _APM))
    if dotted.one(flat.get("event.kind")) != "event" or not str(dataset).startswith(_APM):
        return None
    return None if any(name.startswith("log.") for name in flat) else take_text(flat, "message")


def _take_severity(flat: _Flat, *, is_error: bool, is_from_apm: bool) -> tuple[int | None, str | None]:
    """Return number and text; an error that names no level is an ERROR."""
    text = take_text(flat, "log.level", "error.log.level")
    text = text.upper() if text else "ERROR" if is_error else None
    number = LEVELS.get(level_of(None, text) or "")
    if number is None and is_from_apm:  # which keeps OpenTelemetry's number there; others mean others
        severity = dotted.one(flat.get("event.severity"))
        number = severity if type(severity) is int and 0 < severity <= _HIGHEST_SEVERITY else None
    return number, text


def _is_from_apm(flat: _Flat) -> bool:
    dataset = dotted.one(flat.get("data_stream.dataset", flat.get("event.dataset")))
    return "processor.event" in flat or str(dataset).startswith(_APM)


def _take_body(flat: _Flat, instead: str | None) -> Any:
    """Return the text, or the structure that stands for it."""
    body = dotted.one(flat.pop("message", None))
    if body is None:
        return take_text(flat, "error.log.message") or instead or take_text(flat, "event.original")
    if body == flat.get("error.log.message"):
        del flat["error.log.message"]
    return body if isinstance(body, str | list) else str(body)


def _split(flat: _Flat, *, is_from_apm: bool) -> tuple[str, Attributes, Attributes]:
    """Return service, resource and attributes of what is left of a document."""
    name = dotted.one(flat.get("service.name")) or dotted.one(flat.pop("service", None))
    service = str(name) if name else UNKNOWN_SERVICE
    kinds: dict[str, _Flat] = {RESOURCE: {}, ATTRIBUTE: {}, LABEL: {}, BOOKKEEPING: {}}
    for key, value in flat.items():
        place = conventions.place(key)
        conventions.add_field(kinds[place.kind], place, value)
    resource, attributes = kinds[RESOURCE], kinds[ATTRIBUTE]
    if is_from_apm:
        attributes = {key: value for key, value in attributes.items() if not key.startswith("observer.")}
    conventions.add_labels(attributes, kinds[LABEL])
    if name:
        resource["service.name"] = service
    return service, resource, attributes
