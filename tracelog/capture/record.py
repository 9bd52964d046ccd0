"""A `logging.LogRecord` -> a `LogEntry`: text, level, extras, exception, ids.

Severity numbers follow the OpenTelemetry logs data model (DEBUG 5, INFO 9, WARN 13, ERROR 17, FATAL 21). What the
caller gave as `extra` becomes attributes; where in the code the call stands is `code.*`. A message whose
arguments do not fit keeps its raw text, with the arguments and the error as attributes.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import Any

from tracelog.capture.context import Stamp
from tracelog.capture.exceptions import from_exc_info, message_of, take_exception
from tracelog.capture.stdlib import BAGGAGE, ID_NAMES, STAMP, Placeholder, stamp_of
from tracelog.capture.values import LARGEST, clean, clean_attributes, safe_text
from tracelog.model import ExceptionInfo, LogEntry, service_of
from tracelog.schema.lines import PLACE, add_fields
from tracelog.schema.times import SECOND

EVENT = "_tracelog_event"
"""The record's attribute that makes it the mirror of a span event: a `SpanEvent`."""
EXCEPTION = "_tracelog_exception"
"""The record's attribute that holds its exception once the exception itself is gone: an `ExceptionInfo`."""

_STOCK = tuple(logging.LogRecord("", 0, "", 0, "", (), None).__dict__)
"""The attributes that every record has, in the order in which it gets them; what a caller adds comes behind."""
OF_STRUCTLOG = frozenset(("_logger", "_name", "_record", "_from_structlog"))
"""What structlog hands to its own formatter on a record, or in an event dict."""
RESERVED = frozenset((*_STOCK, "message", "asctime", "taskName", STAMP, BAGGAGE, EVENT, EXCEPTION, *OF_STRUCTLOG))
"""The attributes of a record that are not the caller's."""
_KNOWN = len(_STOCK)
PLAIN = frozenset((str, int, float, bool, type(None)))
"""Types whose values never change."""
_OWN = frozenset((STAMP, BAGGAGE))
_StockRecord = logging.LogRecord
_SMALLEST = -LARGEST
_JUST_NOW = 1_000_000
_TEXT_KEYS = ("event", "message", "msg")

Said = tuple[Any, dict[str, Any], "ExceptionInfo | None"]
"""What a record says: its body, its attributes, its exception."""


def read_record(
    record: logging.LogRecord,
    resource: Mapping[str, Any],
    record_id: str = "",
    *,
    now: int | None = None,
    said: Said | None = None,
) -> LogEntry:
    """Return a record as an entry, under the resource of the process that logged it.

    `now`: when it is read, ns; `said`: what it says, where that is known already.
    """
    stamp = stamp_of(record)
    own_ids = stamp.texts if stamp else (None, None, None)
    body, attributes, exception = read_said(record, stamp) if said is None else said
    event = getattr(record, EVENT, None)
    created = time_of(record)
    if record.pathname:
        place = zip(PLACE, (record.pathname, record.lineno, record.funcName), strict=True)
        attributes = add_fields(attributes, dict(place))
    return LogEntry(
        id=record_id,
        time=created,
        observed_time=created if now is None or 0 <= now - created < _JUST_NOW else now,
        body=body,
        severity_number=severity_number(record.levelno),
        severity_text=record.levelname,
        logger=record.name,
        service=service_of(resource),
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
    if event is not None:
        return int(event.time)
    fraction, seconds = math.modf(record.created)
    return int(seconds) * SECOND + round(fraction * 1e6) * 1000  # a float knows no more digits


def read_said(record: logging.LogRecord, stamp: Stamp | None) -> Said:
    """Return the text of a record, what the caller added, and its exception. Never raises."""
    held = record.__dict__
    attributes: dict[str, Any] = {}
    exception: ExceptionInfo | None = None
    body = held["msg"]
    if type(body) is not str and isinstance(body, dict):
        body, attributes, exception = _dict_message(dict_of(body), record)
    else:
        try:
            body = record.getMessage()
        except Exception as error:  # noqa: BLE001 - whatever is wrong with the arguments, the line must come through
            attributes.update(misfit(record.args, error))
            body = safe_text(record.msg)
    # A subclass may have set attributes of its own before the stock ones; only a stock record has an order to rely on.
    for key in [*held][_KNOWN:] if type(record) is _StockRecord else [*held]:
        if key not in RESERVED:
            value = held[key]
            kind = type(value)
            if type(key) is not str:
                key = safe_text(key)  # noqa: PLW2901 - the name of what follows
            if kind is str or (kind is int and _SMALLEST <= value < LARGEST):
                attributes[key] = value
            elif kind is not Placeholder:
                attributes[key] = clean(value)
    if held["exc_info"] or held["exc_text"]:
        exception = _exception_of(record) or exception
    if (
        held["stack_info"]
        or BAGGAGE in held
        or EVENT in held
        or (stamp and (stamp.mark or "trace_id" in attributes or "extra" in attributes))
    ):
        attributes = _complete(attributes, record, stamp)
    return body, attributes, exception


def is_plain(record: logging.LogRecord) -> bool:
    """Say whether a record will still say the same when it is read later: nothing in it can change meanwhile."""
    held = record.__dict__
    if type(held["msg"]) is not str or held["exc_info"] or type(record) is not _StockRecord:
        return False
    args = held["args"]
    if args:
        if type(args) is not tuple:
            return False
        for arg in args:
            if type(arg) not in PLAIN:
                return False
    if len(held) == _KNOWN + (STAMP in held) + (BAGGAGE in held):
        return True
    return PLAIN.issuperset([type(held[key]) for key in [*held][_KNOWN:] if key not in _OWN])


def severity_number(levelno: int | None) -> int | None:
    """Return the OpenTelemetry severity number of a stdlib level: each level's four steps from its own start."""
    if levelno is None:  # a bare logging.makeLogRecord has none
        return None
    base = min(max(levelno, 0) // 10, 5)
    return 1 + 4 * base + min(levelno - 10 * base, 3) if levelno > 0 else 1


def drop_repeated(attributes: dict[str, Any], stamp: Stamp) -> None:
    """Remove ids that a filter or processor has repeated and the stamp says."""
    for key, own in zip(ID_NAMES, stamp.texts, strict=True):
        if attributes.get(key) == own:
            del attributes[key]


def dict_of(message: dict[Any, Any]) -> dict[Any, Any]:
    """Return what a logged dict holds, whatever methods its class has put in the way."""
    return dict([*dict.items(message)])


def misfit(args: Any, error: Exception) -> dict[str, str]:
    """Return, as attributes, the arguments that do not fit a message, and what was wrong with them."""
    return {
        "logging.arguments": safe_text(args),
        "logging.error": f"{type(error).__name__}: {message_of(error)}",
    }


def _dict_message(said: dict[str, Any], record: logging.LogRecord) -> Said:
    """Part a logged dict (python-json-logger's way) or event dict (structlog's) into text, attributes, exception."""
    if "_logger" in record.__dict__:  # structlog: what its processors repeat of the record is on the record
        said = {key: value for key, value in said.items() if key not in OF_STRUCTLOG and key != "timestamp"}
        for key, own in (("level", record.levelname.lower()), ("logger", record.name)):
            if said.get(key) == own:
                del said[key]
    exception = take_exception(said)
    text_key = next((key for key in _TEXT_KEYS if key in said), None)
    text = clean(said.pop(text_key)) if text_key else ""
    return text, clean_attributes(said), exception


def _complete(attributes: dict[str, Any], record: logging.LogRecord, stamp: Stamp | None) -> dict[str, Any]:
    """Return the attributes of a record of which more is known than what its caller added."""
    held = record.__dict__
    if EVENT in held:
        return clean_attributes(held[EVENT].attributes)
    stack = held["stack_info"]
    if stack and attributes.get("code.stacktrace") != stack:  # else a queue handler has added it
        attributes = add_fields(attributes, {"code.stacktrace": str(stack)})
    if BAGGAGE in held:
        attributes = {**held[BAGGAGE], **attributes}
    if stamp is not None:
        if stamp.mark:
            attributes[stamp.mark] = True
        drop_repeated(attributes, stamp)
        if isinstance(attributes.get("extra"), dict):  # loguru's, where its patcher has put them
            drop_repeated(attributes["extra"], stamp)
    return attributes


def _exception_of(record: logging.LogRecord) -> ExceptionInfo | None:
    exception = record.__dict__.get(EXCEPTION) or from_exc_info(record.exc_info)
    return ExceptionInfo(stacktrace=record.exc_text) if exception is None and record.exc_text else exception
