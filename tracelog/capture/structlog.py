"""structlog: the processors that add ids and put arguments in, and an event dict -> a LogEntry.

Nothing here imports structlog: an event dict is a dict, and a processor is a callable.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, MutableMapping
from typing import Any

from tracelog import ids
from tracelog.capture import baggage
from tracelog.capture.context import Stamp, current_stamp
from tracelog.capture.crash_lines import late_stamp
from tracelog.capture.exceptions import take_exception
from tracelog.capture.record import OF_STRUCTLOG, drop_repeated, misfit
from tracelog.capture.stdlib import stamp_of
from tracelog.capture.values import clean, clean_attributes, read_time
from tracelog.model import LEVELS, LogEntry, level_of, service_of
from tracelog.schema.times import SECOND, names_zone

LEVEL_OF_METHOD = {
    "debug": "DEBUG", "info": "INFO", "msg": "INFO", "warning": "WARNING", "warn": "WARNING", "error": "ERROR",
    "exception": "ERROR", "critical": "CRITICAL", "fatal": "CRITICAL",
}  # fmt: skip


def add_trace_context(_logger: Any, _method_name: str, event_dict: MutableMapping[str, Any]) -> Any:
    """Add `trace_id`, `span_id` and `trace_flags` of the active span, and allowed baggage; without them, add nothing.

    A foreign record that passes `ProcessorFormatter` has the ids of the call that made it. Values that are there
    already are kept.
    """
    if "_record" in event_dict and isinstance(event_dict["_record"], logging.LogRecord):
        stamp = stamp_of(event_dict["_record"])
    else:
        if baggage.allowed:
            for key, value in baggage.current_baggage().items():
                event_dict.setdefault(key, value)
        stamp = stamp_of_event(_logger, event_dict.get("exc_info"))
    if stamp is not None:
        if stamp.mark:
            event_dict[stamp.mark] = True
        trace_id, span_id, flags = stamp.texts
        event_dict.setdefault("trace_id", trace_id)
        event_dict.setdefault("span_id", span_id)
        event_dict.setdefault("trace_flags", flags)
    return event_dict


def stamp_of_event(logger: Any, exc_info: object = None) -> Stamp | None:
    """Return the stamp of an event that is logged now: the active span's or, without one, its exception's."""
    stamp = current_stamp()
    if stamp is None and exc_info:
        stamp = late_stamp(getattr(logger, "name", None) or "", exc_info)
    return stamp


def format_arguments(_logger: Any, _method_name: str, event_dict: MutableMapping[str, Any]) -> Any:
    """Put positional arguments into the event, as structlog's `PositionalArgumentsFormatter` does. Never raises.

    An event that they do not fit stays as it is, with the arguments and the error beside it.
    """
    args = event_dict.pop("positional_args", None)
    if args:
        try:
            event_dict["event"] %= args[0] if len(args) == 1 and args[0] and isinstance(args[0], Mapping) else args
        except Exception as error:  # noqa: BLE001 - whatever is wrong with the arguments, the line must come through
            event_dict.update(misfit(args, error))
    return event_dict


def read_event(
    logger: Any,
    method_name: str,
    event_dict: Mapping[str, Any],
    resource: Mapping[str, Any],
    record_id: str = "",
    *,
    stamp: Stamp | None = None,
) -> LogEntry:
    """Return what an event dict says.

    `stamp`: else that of the foreign record which it stands for, else that of an event logged now. Only where there is
    none, ids in the event are believed, if they are whole; all others are the caller's own.
    """
    if stamp is None:
        record = event_dict.get("_record")
        if isinstance(record, logging.LogRecord):
            stamp = stamp_of(record)
        else:
            stamp = stamp_of_event(logger, event_dict.get("exc_info"))
    held: dict[str, Any] = dict(baggage.current_baggage()) if baggage.allowed else {}
    held.update((key, value) for key, value in event_dict.items() if key not in OF_STRUCTLOG)
    trace_id, span_id, flags = _take_ids(held, stamp)
    level = str(held.pop("level", None) or LEVEL_OF_METHOD.get(method_name, method_name)).upper()
    exception = take_exception(held)
    moment = _take_time(held)
    name = held.pop("logger", None) or getattr(logger, "name", None)
    body = clean(held.pop("event", ""))
    return LogEntry(
        id=record_id,
        time=moment,
        observed_time=moment,
        body=body,
        severity_number=LEVELS.get(level_of(None, level) or ""),
        severity_text=level,
        logger=name if isinstance(name, str) else None,
        service=service_of(resource),
        trace_id=trace_id,
        span_id=span_id,
        trace_flags=flags,
        attributes=clean_attributes(held),
        resource=resource,
        exception=exception,
    )


def _take_ids(held: dict[str, Any], stamp: Stamp | None) -> tuple[str | None, str | None, int | None]:
    if stamp is not None:
        drop_repeated(held, stamp)
        if stamp.mark:
            held[stamp.mark] = True
        return (*stamp.texts[:2], stamp.flags)
    trace_id = ids.trace_id(held["trace_id"]) if _is_whole(held, "trace_id", ids.TRACE_ID_LENGTH) else None
    if trace_id is None:
        return None, None, None
    span_id = ids.span_id(held["span_id"]) if _is_whole(held, "span_id", ids.SPAN_ID_LENGTH) else None
    if span_id is not None:
        del held["span_id"]
    del held["trace_id"]
    return trace_id, span_id, _parse_flags(held.pop("trace_flags", None))


def _is_whole(held: dict[str, Any], key: str, length: int) -> bool:
    value = held.get(key)
    return isinstance(value, str) and len(value) == length


def _parse_flags(text: object) -> int | None:
    try:
        return int(text, 16) if isinstance(text, str) else None
    except ValueError:
        return None


def _take_time(held: dict[str, Any]) -> int:
    """Take the time out of an event. The clock knows better where that names no zone, or only this second."""
    written = held.get("timestamp")
    moment = read_time(written)
    if moment is None:
        return time.time_ns()
    del held["timestamp"]
    if isinstance(written, str) and not names_zone(written):
        return time.time_ns()
    if moment % SECOND:
        return moment
    now = time.time_ns()
    return now if 0 <= now - moment < SECOND else moment
