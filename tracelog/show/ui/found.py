"""What a store answers to a search: its slowest traces, the latency of its operations and, of one of these, by time."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tracelog.model import Operation, TraceSummary
from tracelog.show.ui.asked import Asked
from tracelog.store import Store

_BUCKETS = 60
"""About so many stretches of time are told apart in a plot."""
_SECOND = 1_000_000_000
_STRETCHES = tuple(
    seconds * _SECOND
    for seconds in (1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 43200, 86400, 604800, 2592000)
)


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """An answer. `since`, `until`: of the window or, where it is open, of what is in it, ns.

    `percentiles` are of the one operation that was asked for, a row for each `stretch` (ns) of time.
    """

    traces: Sequence[TraceSummary] = ()
    operations: Sequence[Operation] = ()
    percentiles: Sequence[Operation] = ()
    services: Sequence[str] = ()
    since: int = 0
    until: int = 0
    stretch: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing was found."""
        return not self.traces and not self.operations


def look(store: Store, asked: Asked, now: int) -> Found:
    """Ask a store. `now`: ns. Raise ConfigurationError for a question that makes no sense, StoreError as it does.

    Where one operation is asked for, traces are measured at its spans, of whatever kind they are.
    """
    filters = asked.filters
    narrowed = {name: filters[name] for name in ("service", "operation", "kind", "attributes", "since", "until")}
    operations = store.operations(**narrowed)
    is_one = bool(asked.operation) and len(operations) == 1
    if is_one:
        filters["kind"] = operations[0].kind
    traces = store.slowest(limit=asked.limit, **filters)
    window = {name: filters[name] for name in ("since", "until")}
    is_open = None in window.values()
    among = traces or (store.slowest(limit=asked.limit, **window) if is_open else ())  # which is what there is to see
    since, until = _extent(among, **window, now=now)
    stretch = stretch_of(until - since)
    return Found(
        traces=traces,
        operations=operations,
        percentiles=store.operations(by=stretch, **narrowed) if is_one else (),
        services=sorted({each.service for each in (store.operations(**window) if asked.service else operations)}),
        since=since,
        until=until,
        stretch=stretch,
    )


def _extent(traces: Sequence[TraceSummary], *, since: int | None, until: int | None, now: int) -> tuple[int, int]:
    """Return the window; where it is open, from the first trace on, until now or, open at both ends, the last trace."""
    starts = [trace.start for trace in traces]
    if until is None:
        until = now if since is not None or not starts else max(starts) + 1
    return min(starts, default=until - 1) if since is None else since, until


def stretch_of(window: int, most: int = _BUCKETS) -> int:
    """Return into which stretches of time (ns) a window (ns) is best divided, so that there are about `most`."""
    return next((stretch for stretch in _STRETCHES if stretch * most >= window), _STRETCHES[-1])
