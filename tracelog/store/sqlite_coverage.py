"""How much of what services wrote has ids, and the traces of the latest of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from tracelog.model import Coverage
from tracelog.store.sqlite_queries import Statement, Where

_LATEST = 20
_UNTRACED = "(SELECT trace FROM traces WHERE trace_id = '')"
_LINES = f"""
SELECT service, count(*), sum(trace IS NOT {_UNTRACED}), sum(trace IS NOT {_UNTRACED} AND span_id IS NOT NULL) FROM logs
"""
Select = Callable[[str, tuple[Any, ...]], Iterator[tuple[Any, ...]]]


def coverage(select: Select, since: int | None, until: int | None) -> list[Coverage]:
    """Return what is stored of each service, by its name."""
    lines = {row[0]: row[1:] for row in select(*_within("time", since, until, "NOT event").statement(_LINES, _GROUPED))}
    spans: dict[str, int] = dict(
        select(*_within("start", since, until).statement("SELECT service, count(*) FROM spans", _GROUPED))
    )
    line_traces = _traces(select, _latest("logs", "time", since, until, f"NOT event AND trace IS NOT {_UNTRACED}"))
    span_traces = _traces(select, _latest("spans", "start", since, until))
    found = []
    for service in sorted({*lines, *spans}):
        count, traced, placed = lines.get(service, (0, 0, 0))
        found.append(
            Coverage(
                service=service,
                lines=count,
                traced=traced,
                placed=placed,
                spans=spans.get(service, 0),
                line_traces=line_traces[service],
                span_traces=span_traces[service],
            )
        )
    return found


_GROUPED = "GROUP BY service"


def _within(column: str, since: int | None, until: int | None, *conditions: str) -> Where:
    where = Where()
    where.add(f"{column} >= ?", since)
    where.add(f"{column} < ?", until)
    for condition in conditions:
        where.add(condition)
    return where


def _latest(table: str, column: str, since: int | None, until: int | None, *conditions: str) -> Statement:
    """Pick the traces of the latest rows of each service."""
    ranked = (
        f"SELECT service, trace, row_number() OVER (PARTITION BY service ORDER BY {column} DESC) AS rank FROM {table}"
    )
    inner = _within(column, since, until, *conditions).statement(ranked)
    picked = f"SELECT DISTINCT service, trace_id FROM ({inner.text}) JOIN traces USING (trace) WHERE rank <= {_LATEST}"
    return Statement(picked, inner.values)


def _traces(select: Select, statement: Statement) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = defaultdict(tuple)
    for service, trace_id in select(*statement):
        found[service] += (trace_id,)
    return found
