"""Whether a span or a log entry is what was asked for, decided on the value itself.

A store narrows its search as far as its own language can say; where that is but roughly, this decides.
"""

from __future__ import annotations

from collections.abc import Callable

from tracelog.model import CALLED, LEVELS, LogEntry, Span
from tracelog.store.constraints import meets
from tracelog.store.query import LogQuery, SpanQuery
from tracelog.store.terms import said_in, words_pattern

_UNBOUNDED = 2**63


def span_matcher(query: SpanQuery) -> Callable[[Span], bool]:
    """Return what tells the spans of a query from others."""
    longest = _UNBOUNDED if query.max_duration is None else query.max_duration
    shortest = -1 if query.min_duration is None else query.min_duration
    since, until = _window(query.since, query.until)
    exact = [(name, value) for name in ("service", "name", "kind", "status") if (value := getattr(query, name))]

    def matches(span: Span) -> bool:
        return (
            since <= span.start < until
            and shortest <= span.duration <= longest
            and all(getattr(span, name) == value for name, value in exact)
            and _is_at(query.place, span)
            and meets(span, query.attributes)
        )

    return matches


def log_matcher(query: LogQuery) -> Callable[[LogEntry], bool]:
    """Return what tells the log entries of a query from others."""
    since, until = _window(query.since, query.until)
    pattern = words_pattern(query.text) if query.text else None

    def matches(entry: LogEntry) -> bool:
        return (
            since <= entry.time < until
            and (query.trace_id is None or _is_of(entry, query.trace_id))
            and (query.span_id is None or entry.span_id == query.span_id)
            and (query.service is None or entry.service == query.service)
            and (query.severity is None or _severity(entry) >= query.severity)
            and (pattern is None or said_in(entry, pattern) is not None)
            and meets(entry, query.attributes)
        )

    return matches


def _window(since: int | None, until: int | None) -> tuple[int, int]:
    return -_UNBOUNDED if since is None else since, _UNBOUNDED if until is None else until


def _is_at(place: str, span: Span) -> bool:
    if place == "root":
        return span.parent_span_id is None
    return place == "any" or (span.parent_span_id is not None and span.kind in CALLED)


def _is_of(entry: LogEntry, trace_id: str) -> bool:
    """Say whether a line has the id of a trace or, where it has none at all, mentions it."""
    return entry.trace_id == trace_id or (entry.trace_id is None and trace_id in entry.message.lower())


def _severity(entry: LogEntry) -> int:
    return entry.severity_number or LEVELS.get(entry.level or "", 0)
