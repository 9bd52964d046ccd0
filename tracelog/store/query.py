"""What to look for: the filters of spans and logs, as values that a store translates into its own language.

`SpanQuery` and `LogQuery` hold what users give by keyword, already made comparable: times in ns, levels as
the lowest severity number, ids normalised. A window includes `since` and excludes `until`.
"""

from __future__ import annotations

import re
import time
from datetime import datetime, timezone
from typing import Any, Literal

import msgspec

from tracelog import ids
from tracelog.errors import ConfigurationError
from tracelog.model import LEVELS
from tracelog.schema import times
from tracelog.schema.conventions import SPAN_KINDS
from tracelog.store.constraints import Constraint, Wanted, constraints
from tracelog.store.terms import words

Time = int | str | datetime
"""A moment: ns since the epoch, text (`15m` ago, `2h`, `2026-04-19T14:23`), or a datetime; UTC without a zone."""

Duration = int | str
"""How long: ns, or text (`800us`, `500ms`, `1.5s`, `2m`)."""

Place = Literal["any", "root", "entry"]
"""Which spans: any, roots (no parent), or entries (server and consumer spans that have a parent)."""

KINDS = (*SPAN_KINDS, "UNSPECIFIED")
STATUSES = ("UNSET", "OK", "ERROR")

_MILLISECOND = 1_000_000
_AGO = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)")
_LASTING = re.compile(r"(\d+(?:\.\d+)?)\s*(ns|us|µs|ms|s|m|h|d)")
_UNITS = {
    "ns": 1,
    "us": 1000,
    "µs": 1000,
    "ms": 1_000_000,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
    "d": 86400 * 10**9,
    "w": 604800 * 10**9,
}


class SpanQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which spans are wanted; None, or empty, means any.

    `failed` is a hint: of other traces than those in which a span has the status ERROR, none is wanted.
    """

    service: str | None = None
    name: str | None = None
    kind: str | None = None
    status: str | None = None
    min_duration: int | None = None
    max_duration: int | None = None
    since: int | None = None
    until: int | None = None
    attributes: tuple[Constraint, ...] = ()
    place: Place = "any"
    failed: bool = False
    trace_ids: frozenset[str] | None = None


class LogQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which log entries are wanted; None means any. `severity` is the lowest number that qualifies."""

    trace_id: str | None = None
    span_id: str | None = None
    service: str | None = None
    severity: int | None = None
    since: int | None = None
    until: int | None = None
    text: str | None = None
    attributes: tuple[Constraint, ...] = ()


def log_query(
    *,
    trace_id: str | None = None,
    span_id: str | None = None,
    service: str | None = None,
    level: str | None = None,
    since: Time | None = None,
    until: Time | None = None,
    text: str | None = None,
    attributes: Wanted | None = None,
) -> LogQuery:
    """Build a `LogQuery` from what a user says. Raise ConfigurationError where a value cannot be understood."""
    return LogQuery(
        trace_id=_known_id("trace id", trace_id, ids.trace_id),
        span_id=_known_id("span id", span_id, ids.span_id),
        service=service,
        severity=severity_of(level),
        since=moment(since),
        until=moment(until),
        text=_said(text),
        attributes=constraints(attributes),
    )


def span_query(
    *,
    service: str | None = None,
    name: str | None = None,
    kind: str | None = None,
    status: str | None = None,
    min_duration: Duration | None = None,
    max_duration: Duration | None = None,
    since: Time | None = None,
    until: Time | None = None,
    attributes: Wanted | None = None,
    place: Place = "any",
    failed: bool = False,
) -> SpanQuery:
    """Build a `SpanQuery` from what a user says. Raise ConfigurationError as above."""
    return SpanQuery(
        service=service,
        name=name,
        kind=kind.upper() if kind else None,
        status=status.upper() if status else None,
        min_duration=duration(min_duration),
        max_duration=duration(max_duration),
        since=moment(since),
        until=moment(until),
        attributes=constraints(attributes),
        place=place,
        failed=failed,
    )


def duration(value: Duration | None) -> int | None:
    """Return a duration as ns, within the 64 bits that stores compare. Raise ConfigurationError."""
    if value is None:
        return None
    if isinstance(value, int):
        return times.within_64_bits(value)
    written = _LASTING.fullmatch(value.strip())
    if not written:
        raise ConfigurationError(f"not a duration: {value!r} (expected for example 500ms, 1.5s or 2m)")
    return times.within_64_bits(round(min(float(written[1]) * _UNITS[written[2]], times.LATEST)))


def stretch(value: Duration | None) -> int | None:
    """Return by how much time is parted, as ns: whole milliseconds, which every store can tell apart."""
    found = duration(value)
    if found is not None and (found <= 0 or found % _MILLISECOND):
        raise ConfigurationError(f"no stretch of time: {value!r} (expected whole milliseconds, for example 30s or 5m)")
    return found


def moment(value: Time | None) -> int | None:
    """Return a moment as ns since the epoch, within the 64 bits that stores compare. Raise ConfigurationError."""
    return None if value is None else times.within_64_bits(_nanoseconds(value))


def _nanoseconds(value: Time) -> int:
    if isinstance(value, int):
        return value
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=timezone.utc)
        return int(aware.replace(microsecond=0).timestamp()) * times.SECOND + aware.microsecond * 1000
    ago = _AGO.fullmatch(value.strip())
    try:
        if ago:
            return time.time_ns() - round(float(ago[1]) * _UNITS[ago[2]])
        return times.parse_iso(value if len(value.strip()) > len("2026-04-19") else f"{value.strip()}T00:00")
    except (ValueError, OverflowError) as error:
        raise ConfigurationError(f"not a time: {value!r} (expected for example 15m, 2h or 2026-04-19T14:23)") from error


def severity_of(level: str | None) -> int | None:
    """Return the severity number at which a level begins."""
    if level is None:
        return None
    name = {"WARN": "WARNING", "FATAL": "CRITICAL"}.get(level.upper(), level.upper())
    if name not in LEVELS:
        raise ConfigurationError(f"unknown level {level!r} (expected one of {', '.join(LEVELS)})")
    return LEVELS[name]


def _said(text: str | None) -> str | None:
    if text is not None and not words(text):
        raise ConfigurationError(f"no word in {text!r} (expected words that stand in a line)")
    return text


def _known_id(what: str, value: str | None, normal: Any) -> str | None:
    if value is None:
        return None
    known: str | None = normal(value)
    if known is None:
        raise ConfigurationError(f"not a {what}: {value!r} (expected hex digits)")
    return known
