"""Trace and span ids in every spelling that people paste.

Inside tracelog an id is lower-case hex: 32 characters for a trace, 16 for a span (W3C Trace Context). What
arrives may be upper case, dashed like a UUID, prefixed with `0x`, a whole `traceparent` header, or a 64-bit
trace id of an older tracer, padded or not. An id that is absent, malformed or all zeros is `None`, so that
nothing is ever joined on it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

_DIGITS = "0123456789abcdef"
_HEX = re.compile(r"[0-9a-f]+")
_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")

TRACE_ID_LENGTH = 32
SPAN_ID_LENGTH = 16
SHORTEST_PASTED = 8
"""Fewer hex digits than this are no id that someone pasted."""


class TraceParent(NamedTuple):
    """A parsed `traceparent` header: ids as hex, flags as a number."""

    trace_id: str
    span_id: str
    flags: int


def _normal(value: str, length: int) -> str | None:
    if len(value) == length and not value.strip(_DIGITS):  # as nearly all are
        return value if value.strip("0") else None
    digits = value
    if not _HEX.fullmatch(digits):
        digits = value.strip().lower().removeprefix("0x").replace("-", "")
        if not _HEX.fullmatch(digits):
            return None
    if len(digits) > length or not digits.strip("0"):
        return None
    return digits.rjust(length, "0")


@lru_cache(256)
def _normal_trace_id(value: str) -> str | None:
    """Return the trace id that document after document repeats."""
    return _normal(value, TRACE_ID_LENGTH)


def trace_id(value: object) -> str | None:
    """Return a trace id as 32 hex characters, padded on the left, or None where there is no valid one."""
    return _normal_trace_id(value) if isinstance(value, str) else None


def span_id(value: object) -> str | None:
    """Return a span id as 16 hex characters, padded on the left, or None where there is no valid one."""
    return _normal(value, SPAN_ID_LENGTH) if isinstance(value, str) else None


def of_span(trace: object, span: object) -> tuple[str, str]:
    """Return the normal trace and span id of a span. Raise ValueError where one of them is none: it is no span then."""
    known_trace, known_span = trace_id(trace), span_id(span)
    if known_trace is None or known_span is None:
        raise ValueError(f"a span without valid ids: {trace!r}, {span!r}")
    return known_trace, known_span


def parse_traceparent(value: str) -> TraceParent | None:
    """Parse a W3C `traceparent` header strictly; None where it is invalid.

    Version `ff` is invalid, zero ids are invalid, and version `00` carries nothing behind the flags
    (https://www.w3.org/TR/trace-context/#traceparent-header).
    """
    match = _TRACEPARENT.fullmatch(value)
    if not match:
        return None
    version, trace, span, flags, rest = match.groups()
    if version == "ff" or (version == "00" and rest):
        return None
    if not trace.strip("0") or not span.strip("0"):
        return None
    return TraceParent(trace, span, int(flags, 16))


class Candidates(NamedTuple):
    """What a pasted text may be: ids to look for, each None where the text cannot be one."""

    trace_id: str | None
    span_id: str | None


def candidates(text: str) -> Candidates:
    """Say which ids a pasted text may be.

    Up to 16 hex digits may be a span id or a 64-bit trace id, up to 32 a trace id. Fewer digits than
    `SHORTEST_PASTED` are left to the search by value.
    """
    pasted = text.strip()
    parent = parse_traceparent(pasted.lower())
    if parent:
        return Candidates(parent.trace_id, None)
    digits = pasted.lower().removeprefix("0x").replace("-", "")
    if not SHORTEST_PASTED <= len(digits) <= TRACE_ID_LENGTH or not _HEX.fullmatch(digits):
        return Candidates(None, None)
    return Candidates(trace_id(pasted), span_id(pasted))


def format_trace_id(value: int) -> str:
    """Return a 128-bit integer as 32 hex characters."""
    return f"{value:032x}"


def format_span_id(value: int) -> str:
    """Return a 64-bit integer as 16 hex characters."""
    return f"{value:016x}"
