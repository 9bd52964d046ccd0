"""Truly the slowest traces: a store hands out spans by duration, longest first, and no more are read than needed."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import islice
from typing import NamedTuple

from tracelog.model import Span, TraceSummary

_FEWEST_MEASURED = 20
"""How many traces are measured at once, however few are asked for."""


class Totals(NamedTuple):
    """What a trace amounts to. `start`, `end`, `root_duration` (of the longest root; None without one): ns."""

    span_count: int
    log_count: int
    error_count: int
    start: int
    end: int
    root_duration: int | None = None


Measure = Callable[[Collection[str]], Mapping[str, Totals]]
"""Says what traces amount to."""


def longest_first(searches: Iterable[Iterator[Span]]) -> Iterator[Span]:
    """Merge spans that come by duration, the longest first."""
    return heapq.merge(*searches, key=lambda span: -span.duration)


def slowest(
    spans: Iterable[Span], measure: Measure, limit: int, *, only_rootless: bool, errors: bool
) -> list[TraceSummary]:
    """Return a row for each trace, at the first of its spans, until there are enough.

    `only_rootless`: other spans than roots count only in traces without one. `errors`: only traces with a failed span.
    """
    ordered = iter(spans)
    rows: list[TraceSummary] = []
    seen: set[str] = set()
    while len(rows) < limit:
        chunk = list(islice(ordered, max(limit, _FEWEST_MEASURED)))
        if not chunk:
            break
        rows += _rows(chunk, seen, measure, only_rootless=only_rootless, errors=errors)
    return rows[:limit]


def _rows(
    spans: Iterable[Span], seen: set[str], measure: Measure, *, only_rootless: bool, errors: bool
) -> Iterator[TraceSummary]:
    """Yield a row for each span that is the first of its trace to qualify; add its trace to `seen`."""
    fresh = [span for span in spans if span.trace_id not in seen]
    totals = measure({span.trace_id for span in fresh})
    for span in fresh:
        total = totals.get(span.trace_id)
        if total is None or span.trace_id in seen:
            continue
        if span.parent_span_id and total.root_duration is not None and only_rootless:
            continue
        seen.add(span.trace_id)
        if total.error_count or not errors:
            yield _summary(span, total)


def _summary(span: Span, total: Totals) -> TraceSummary:
    return TraceSummary(
        trace_id=span.trace_id,
        service=span.service,
        name=span.name,
        measure=span.kind.lower() if span.parent_span_id else "root",
        start=span.start,
        duration=span.duration,
        trace_duration=total.end - total.start,
        span_count=total.span_count,
        log_count=total.log_count,
        error_count=total.error_count,
    )
