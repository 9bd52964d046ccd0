"""A `logging.LogRecord` -> a `LogEntry`: text, level, extras, exception, ids.

Severity numbers follow the OpenTelemetry logs data model (DEBUG 5, INFO 9, WARN 13, ERROR 17, FATAL 21). What the
caller gave as `extra` becomes attributes; where in the code the call stands is `code.*`. A message whose
arguments do not fit keeps its raw text, with the arguments and the error as attributes.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from tracelog.capture.exceptions import from_exc_info, message_of, take_exception
from tracelog.capture.stdlib import stamp_of
from tracelog.capture.values import clean, clean_attributes, safe_text
from tracelog.model import ExceptionInfo, LogEntry

EVENT = "_tracelog_event"
"""The record's attribute that makes it the mirror of a span event: a `SpanEvent`."""

_RESERVED = frozenset(logging.LogRecord("", 0, "", 0, "", (), None).__dict__) | {
    "message", "asctime", "taskName", "trace_id", "span_id", "trace_flags",
}  # fmt: skip
_TEXT_KEYS = ("event", "message", "msg")
_REPEATED = ("level", "logger", "timestamp", "trace_id", "span_id", "trace_flags")


def read_record(record: logging.LogRecord, resource: Mapping[str, Any], record_id: str = "") -> LogEntry:
    """Return what a record says, under the resource of the process that logged it."""
    stamp = stamp_of(record)
    trace_id, span_id, _ = stamp.texts if stamp else (None, None, None)
    event = getattr(record, EVENT, None)
    body, attributes, exception = _message(record)
    _add_extras(record, attributes, (trace_id, span_id))
    if event is not None:
        attributes = clean_attributes(event.attributes)
    created = event.time if event is not None else round(record.created * 1e9)
    return LogEntry(
        id=record_id,
        time=created,
        observed_time=created,
        body=body,
        severity_number=severity_number(record.levelno),
        severity_text=record.levelname,
        logger=record.name,
        service=str(resource.get("service.name", "unknown_service")),
        trace_id=trace_id,
        span_id=span_id,
        trace_flags=stamp.flags if stamp else None,
        attributes=attributes,
        resource=resource,
        event_name=event.name if event is not None else None,
        exception=_exception_of(record) or exception,
    )


def severity_number(levelno: int) -> int:
    """Return the OpenTelemetry severity number of a stdlib level: each level's four steps from its own start."""
    base = min(max(levelno, 0) // 10, 5)
    return 1 + 4 * base + min(levelno - 10 * base, 3) if levelno > 0 else 1


def _message(record: logging.LogRecord) -> tuple[Any, dict[str, Any], ExceptionInfo | None]:
    """Return the record's text and, where a dict was logged, its other keys and its exception."""
    if isinstance(record.msg, dict):
        return _dict_message(dict(record.msg), from_structlog="_logger" in record.__dict__)
    try:
        return record.getMessage(), {}, None
    except Exception as error:  # noqa: BLE001 - whatever is wrong with the arguments, the line must come through
        wrong = {
            "logging.arguments": safe_text(record.args),
            "logging.error": f"{type(error).__name__}: {message_of(error)}",
        }
        return safe_text(record.msg), wrong, None


def _dict_message(said: dict[str, Any], *, from_structlog: bool) -> tuple[Any, dict[str, Any], ExceptionInfo | None]:
    """Part a logged dict (python-json-logger's way) or event dict (structlog's) into text, attributes, exception."""
    if from_structlog:  # what its processors repeat of the record is on the record
        said = {key: value for key, value in said.items() if key not in _REPEATED and not key.startswith("_")}
    exception = take_exception(said)
    text_key = next((key for key in _TEXT_KEYS if key in said), None)
    text = clean(said.pop(text_key)) if text_key else ""
    return text, clean_attributes(said), exception


def _add_extras(record: logging.LogRecord, attributes: dict[str, Any], own_ids: tuple[str | None, str | None]) -> None:
    for key, value in record.__dict__.items():
        if key not in _RESERVED and not key.startswith("_"):
            attributes[key] = value if type(value) is str else clean(value)
    for key, own in zip(("trace_id", "span_id"), own_ids, strict=True):
        given = record.__dict__.get(key)
        if given is not None and given != own:
            attributes[key] = clean(given)
    if record.stack_info:
        attributes["code.stacktrace"] = str(record.stack_info)
    if record.pathname:
        attributes["code.file.path"] = record.pathname
        attributes["code.line.number"] = record.lineno
        attributes["code.function.name"] = record.funcName


def _exception_of(record: logging.LogRecord) -> ExceptionInfo | None:
    exception = from_exc_info(record.exc_info)
    return ExceptionInfo(stacktrace=record.exc_text) if exception is None and record.exc_text else exception
