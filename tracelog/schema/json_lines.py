"""JSON log lines, as structlog, python-json-logger and ecs-logging print them -> log entries.

Each fact is looked for under the names that these libraries and the standards give it, dotted or nested. What is
not recognised stays as an attribute. A line needs a time; its id is a hash of the line with its ordinal among
equals of the file, so that importing twice stores once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from hashlib import blake2b
from typing import Any, TypeVar

import msgspec

from tracelog import ids
from tracelog.model import LEVELS, UNKNOWN_SERVICE, ExceptionInfo, LogEntry, level_of
from tracelog.schema import times

TIME = ("@timestamp", "timestamp", "time", "ts", "asctime")
TEXT = ("message", "msg", "event", "body")
LEVEL = ("level", "levelname", "severity", "log.level")
DATADOG_LEVEL = ("status",)
LOGGER = ("logger", "log.logger", "logger.name", "name")
SERVICE = ("service.name", "service", "dd.service", "otelServiceName")
TRACE_ID = ("trace_id", "trace.id", "traceId", "otelTraceID", "span.trace_id", "logging.googleapis.com/trace")
SPAN_ID = ("span_id", "span.id", "spanId", "otelSpanID", "span.span_id", "logging.googleapis.com/spanId")
DATADOG_TRACE_ID = ("dd.trace_id",)
DATADOG_SPAN_ID = ("dd.span_id",)
FLAGS = ("trace_flags", "otelTraceSampled", "traceFlags", "logging.googleapis.com/trace_sampled")
EXCEPTION_TYPE = ("exception.type", "error.type", "error.kind")
EXCEPTION_MESSAGE = ("exception.message", "error.message")
STACK = ("exception.stacktrace", "error.stack_trace", "error.stack", "exc_info", "exception", "stack_trace")
_TRUTH = {"true": 1, "false": 0}

_decoder = msgspec.json.Decoder(dict[str, Any])
_Found = TypeVar("_Found")


class JsonLineDecoder:
    """Decodes the lines of one file; it remembers how often each line came, to tell equal ones apart."""

    def __init__(self) -> None:
        self._seen: Counter[bytes] = Counter()

    def decode(self, line: bytes) -> LogEntry:
        """Return the log entry in a line. Raise `msgspec.DecodeError` or ValueError where it holds none."""
        held = _decoder.decode(line)
        moment = _take(held, TIME, _time)
        if moment is None:
            raise ValueError(f"no time (expected one of {', '.join(TIME)})")
        digest = blake2b(line.strip(), digest_size=16)
        ordinal = self._seen[digest.digest()]
        self._seen[digest.digest()] += 1
        return _entry(held, times.known(moment), f"{digest.hexdigest()}-{ordinal}")


def _entry(held: dict[str, Any], moment: int, record_id: str) -> LogEntry:
    service = _take(held, SERVICE, _text) or UNKNOWN_SERVICE
    level = _take(held, LEVEL, _level) or _take(held, DATADOG_LEVEL, _known_level)
    trace_id = _take(held, TRACE_ID, _trace_id) or _take(held, DATADOG_TRACE_ID, _datadog_trace_id)
    span_id = _take(held, SPAN_ID, _span_id) or _take(held, DATADOG_SPAN_ID, _datadog_span_id)
    return LogEntry(
        id=record_id,
        time=moment,
        observed_time=moment,
        body=_take(held, TEXT, _body) or "",
        severity_number=LEVELS.get(level_of(None, level) or ""),
        severity_text=level,
        logger=_take(held, LOGGER, _text),
        service=service,
        trace_id=trace_id,
        span_id=span_id,
        trace_flags=_take(held, FLAGS, _flags),
        exception=_exception(held),
        resource={"service.name": service},
        attributes=held,
    )


def _take(held: dict[str, Any], names: tuple[str, ...], read: Callable[[Any], _Found | None]) -> _Found | None:
    """Remove the first of the names whose value can be read, and return what was read."""
    for name in names:
        owner, key = _place(held, name)
        if owner is None or owner[key] is None:
            continue
        found = read(owner[key])
        if found is not None:
            del owner[key]
            if not owner and owner is not held:
                held.pop(name.partition(".")[0], None)
            return found
    return None


def _place(held: dict[str, Any], name: str) -> tuple[dict[str, Any] | None, str]:
    """Return the map and key where a dotted name stands: as it is, or split at its first dot."""
    if name in held:
        return held, name
    outer, dot, inner = name.partition(".")
    nested = held.get(outer) if dot else None
    return (nested, inner) if isinstance(nested, dict) and inner in nested else (None, name)


def _time(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        return times.parse_epoch(value) if not isinstance(value, str) else times.parse_iso(value)
    except ValueError:
        pass
    try:
        return times.parse_epoch(int(value) if str(value).isdecimal() else float(value))
    except ValueError:
        return None


def _level(value: Any) -> str | None:
    return value.upper() if isinstance(value, str) else None


def _known_level(value: Any) -> str | None:
    """Read what is a level; what other logs have as a status is none."""
    level = _level(value)
    return level if level_of(None, level) else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _body(value: Any) -> Any:
    return value if isinstance(value, (str, dict, list)) else str(value)


def _trace_id(value: Any) -> str | None:
    """Read hex, a decimal number too long for 64 bits of hex, or Google's `projects/<project>/traces/<hex>`."""
    if isinstance(value, int) and not isinstance(value, bool):
        return ids.format_trace_id(value) if 0 < value < 2**128 else None
    text = value.rpartition("/")[2] if isinstance(value, str) else None
    if text and text.isdecimal() and len(text) != ids.TRACE_ID_LENGTH and len(text) > ids.SPAN_ID_LENGTH:
        return _trace_id(int(text))
    return ids.trace_id(text)


def _span_id(value: Any) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return ids.format_span_id(value) if 0 < value < 2**64 else None
    if isinstance(value, str) and value.isdecimal() and len(value) > ids.SPAN_ID_LENGTH:
        return _span_id(int(value))
    return ids.span_id(value)


def _datadog_trace_id(value: Any) -> str | None:
    return _trace_id(_decimal(value))


def _datadog_span_id(value: Any) -> str | None:
    return _span_id(_decimal(value))


def _decimal(value: Any) -> Any:
    """Read Datadog's 64 bits, which it writes in decimal; its 128 bits are 32 characters of hex."""
    is_decimal = isinstance(value, str) and value.isdecimal() and len(value) != ids.TRACE_ID_LENGTH
    return int(value) if is_decimal else value


def _flags(value: Any) -> int | None:
    """Read two hex digits, a number, or whether the trace is sampled."""
    if isinstance(value, str):
        try:
            value = _TRUTH[value.lower()] if value.lower() in _TRUTH else int(value, 16)
        except ValueError:
            return None
    return int(value) if isinstance(value, int) and 0 <= value <= 0xFF else None  # noqa: PLR2004 - one byte


def _exception(held: dict[str, Any]) -> ExceptionInfo | None:
    found = ExceptionInfo(
        _take(held, EXCEPTION_TYPE, _text),
        _take(held, EXCEPTION_MESSAGE, _text),
        _take(held, STACK, _text),
    )
    return found if any((found.type, found.message, found.stacktrace)) else None
