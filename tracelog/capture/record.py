"""A `logging.LogRecord` -> a `LogEntry`: text, level, extras, exception, ids.

Severity numbers follow the OpenTelemetry logs data model (DEBUG 5, INFO 9, WARN 13, ERROR 17, FATAL 21). What the
caller gave as `extra` becomes attributes; where in the code the call stands is `code.*`. A message whose
arguments do not fit keeps its raw text, with the arguments and the error as attributes.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from tracelog.capture.context import Stamp
from tracelog.capture.exceptions import from_exc_info, message_of, take_exception
from tracelog.capture.stdlib import BAGGAGE, stamp_of
from tracelog.capture.values import LARGEST, clean, clean_attributes, safe_text
from tracelog.model import ExceptionInfo, LogEntry

EVENT = "_tracelog_event"
"""The record's attribute that makes it the mirror of a span event: a `SpanEvent`."""
EXCEPTION = "_tracelog_exception"
"""The record's attribute that holds its exception once the exception itself is gone: an `ExceptionInfo`."""

_STOCK = tuple(logging.LogRecord("", 0, "", 0, "", (), None).__dict__)
"""The attributes that every record has, in the order in which it gets them; what a caller adds comes behind."""
_RESERVED = frozenset((*_STOCK, "message", "asctime", "taskName"))
_KNOWN = len(_STOCK)
_StockRecord = logging.LogRecord
_TEXT_KEYS = ("event", "message", "msg")
_IDS = ("trace_id", "span_id", "trace_flags")

Said = tuple[Any, dict[str, Any], "ExceptionInfo | None"]
"""What a record says: its body, its attributes, its exception."""


def read_record(record: logging.LogRecord, resource: Mapping[str, Any], record_id: str = "") -> LogEntry:
    """Return what a record says, under the resource of the process that logged it."""
    stamp = stamp_of(record)
    own_ids = stamp.texts if stamp else (None, None, None)
    body, attributes, exception = read_said(record, stamp)
    event = getattr(record, EVENT, None)
    created = time_of(record)
    if record.pathname:
        attributes["code.file.path"] = record.pathname
        attributes["code.line.number"] = record.lineno
        attributes["code.function.name"] = record.funcName
    return LogEntry(
        id=record_id,
        time=created,
        observed_time=created,
        body=body,
        severity_number=severity_number(record.levelno),
        severity_text=record.levelname,
        logger=record.name,
        service=str(resource.get("service.name", "unknown_service")),
        trace_id=own_ids[0],
        span_id=own_ids[1],
        trace_flags=stamp.flags if stamp else None,
        attributes=attributes,
        resource=resource,
        event_name=event.name if event is not None else None,
        exception=exception,
    )


def time_of(record: logging.LogRecord) -> int:
    """Return when a record was made, ns; that of a mirrored span event is the event's."""
    event = record.__dict__.get(EVENT)
    return event.time if event is not None else round(record.created * 1e6) * 1000  # a float knows no more digits


def read_said(record: logging.LogRecord, stamp: Stamp | None) -> Said:
    """Return the text of a record, what the caller added, and its exception. Never raises."""
    held = record.__dict__
    attributes: dict[str, Any]
    exception = None
    if isinstance(held["msg"], dict):
        body, attributes, exception = _dict_message(dict(held["msg"]), record)
    else:
        attributes = {}
        try:
            body = record.getMessage()
        except Exception as error:  # noqa: BLE001 - whatever is wrong with the arguments, the line must come through
            body = _raw_message(record, error, attributes)
    _add_extras(record, attributes)
    if BAGGAGE in held:
        attributes = {**held[BAGGAGE], **attributes}
    if stamp is not None and stamp.mark:
        attributes[stamp.mark] = True
    if stamp is not None and "trace_id" in attributes:  # a filter or processor may have repeated what the stamp says
        for key, own in zip(_IDS, stamp.texts, strict=True):
            if attributes.get(key) == own:
                del attributes[key]
    if held["exc_info"] or held["exc_text"]:
        exception = _exception_of(record) or exception
    if EVENT in held:
        attributes = clean_attributes(held[EVENT].attributes)
    return body, attributes, exception


def severity_number(levelno: int | None) -> int | None:
    """Return the OpenTelemetry severity number of a stdlib level: each level's four steps from its own start."""
    if levelno is None:  # a bare logging.makeLogRecord has none
        return None
    base = min(max(levelno, 0) // 10, 5)
    return 1 + 4 * base + min(levelno - 10 * base, 3) if levelno > 0 else 1


def _raw_message(record: logging.LogRecord, error: Exception, attributes: dict[str, Any]) -> str:
    """Return the text of a record whose arguments do not fit it; what was wrong becomes attributes."""
    attributes["logging.arguments"] = safe_text(record.args)
    attributes["logging.error"] = f"{type(error).__name__}: {message_of(error)}"
    return safe_text(record.msg)


def _dict_message(said: dict[str, Any], record: logging.LogRecord) -> Said:
    """Part a logged dict (python-json-logger's way) or event dict (structlog's) into text, attributes, exception."""
    if "_logger" in record.__dict__:  # structlog: what its processors repeat of the record is on the record
        said = {key: value for key, value in said.items() if not key.startswith("_") and key != "timestamp"}
        for key, own in (("level", record.levelname.lower()), ("logger", record.name)):
            if said.get(key) == own:
                del said[key]
    exception = take_exception(said)
    text_key = next((key for key in _TEXT_KEYS if key in said), None)
    text = clean(said.pop(text_key)) if text_key else ""
    return text, clean_attributes(said), exception


def _add_extras(record: logging.LogRecord, attributes: dict[str, Any]) -> None:
    held = record.__dict__
    # A subclass may have set attributes of its own before the stock ones; only a stock record has an order to rely on.
    for key in [*held][_KNOWN:] if type(record) is _StockRecord else held:
        if key not in _RESERVED and key[:1] != "_":
            value = held[key]
            kind = type(value)
            plain = kind is str or kind is bool or (kind is int and -LARGEST <= value < LARGEST)
            attributes[key] = value if plain else clean(value)
    if held["stack_info"]:
        attributes["code.stacktrace"] = str(record.stack_info)


def _exception_of(record: logging.LogRecord) -> ExceptionInfo | None:
    exception = from_exc_info(record.exc_info) or record.__dict__.get(EXCEPTION)
    return ExceptionInfo(stacktrace=record.exc_text) if exception is None and record.exc_text else exception
