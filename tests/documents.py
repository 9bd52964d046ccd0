"""Spans and lines for tests that store them: deterministic, with everything left out that a test does not speak of."""

from __future__ import annotations

from typing import Any

from tracelog.model import LogEntry, Span
from tracelog.schema import otel
from tracelog.store import Store

START = 1_776_608_580_000_000_000
"""2026-04-19T14:23:00Z in ns."""

MS = 1_000_000


def trace_id(number: int) -> str:
    return f"{number:032x}"


def span_id(number: int) -> str:
    return f"{number:016x}"


def make_span(
    number: int, *, trace: int = 1, parent: int | None = None, at: int = 0, ms: int = 10, **rest: Any
) -> Span:
    """Make a span that starts `at` ns after the start of all and lasts `ms` milliseconds."""
    known: dict[str, Any] = {"name": f"GET /{number}", "service": "shop", "kind": "INTERNAL", "duration": ms * MS}
    return Span(
        trace_id=trace_id(trace),
        span_id=span_id(number),
        parent_span_id=None if parent is None else span_id(parent),
        start=START + at,
        **{**known, **rest},
    )


def make_line(
    number: int, body: Any = "", *, trace: int | None = 1, span: int | None = None, at: int = 0, **rest: Any
) -> LogEntry:
    """Make a log record, written `at` ns after the start of all and observed a millisecond later."""
    known: dict[str, Any] = {"service": "shop", "severity_number": 9, "observed_time": START + at + MS}
    return LogEntry(
        id=f"spool-{number:012d}",
        time=START + at,
        body=body,
        trace_id=None if trace is None else trace_id(trace),
        span_id=None if span is None else span_id(span),
        **{**known, **rest},
    )


def keep(store: Store, *things: Span | LogEntry) -> None:
    """Store spans, their events and lines, and make them visible."""
    documents: list[otel.Document] = []
    for thing in things:
        documents += otel.encode_spans([thing]) if isinstance(thing, Span) else [otel.encode_log(thing)]
    result = store.write(documents)
    assert (result.stored, list(result.refused), list(result.again)) == (len(documents), [], [])
    store.refresh()
