"""The spans of a store, trace by trace -> who calls whom.

What a trace misses (the sender of a message, in a trace of its own; what of it is outside the window, for that may be
who called, or who answered) is looked up for many traces at once, so that no more than these are held.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

from tracelog.model import SpanOutline
from tracelog.read.dependencies import CallGraph
from tracelog.read.outlines import Id, Known, missing
from tracelog.store.notes import Notes
from tracelog.store.query import SpanQuery

_TRACES_AT_ONCE = 500

Traces = Iterable[Sequence[SpanOutline]]
LookUp = Callable[[Collection[Id]], Iterable[SpanOutline]]
Around = Callable[[frozenset[str], SpanQuery], Iterable[SpanOutline]]


def call_graph(
    traces: Traces, look_up: LookUp, around: Around, query: SpanQuery, notes: Notes, *, operations: bool
) -> CallGraph:
    """Read all traces into a graph, and note how many spans that were."""
    graph = CallGraph(since=query.since, until=query.until, operations=operations)
    read = 0
    for spans, found in _completed(traces, look_up, around, query):
        graph.add(spans, found)
        read += len(spans)
    notes.add(f"{read:,} spans were read")
    return graph


def _completed(
    traces: Traces, look_up: LookUp, around: Around, query: SpanQuery
) -> Iterator[tuple[Sequence[SpanOutline], Known]]:
    """Yield each trace with what it misses, at once if that is nothing."""
    bounded = query.since is not None or query.until is not None
    waiting: list[Sequence[SpanOutline]] = []

    def complete() -> Iterator[tuple[Sequence[SpanOutline], Known]]:
        found = _found(waiting, look_up)
        return ((spans, found) for spans in (_whole(waiting, around, query) if bounded else waiting))

    for spans in traces:
        if not bounded and next(missing(spans), None) is None:
            yield spans, {}
            continue
        waiting.append(spans)
        if len(waiting) == _TRACES_AT_ONCE:
            yield from complete()
            waiting.clear()
    if waiting:
        yield from complete()


def _whole(traces: Collection[Sequence[SpanOutline]], around: Around, query: SpanQuery) -> Traces:
    """Yield traces with their spans outside the window too."""
    rest: dict[str, list[SpanOutline]] = defaultdict(list)
    for span in around(frozenset(spans[0].trace_id for spans in traces), query):
        rest[span.trace_id].append(span)
    return ([*spans, *rest[spans[0].trace_id]] for spans in traces)


def _found(traces: Traces, look_up: LookUp) -> Known:
    """Return what spans name that are not in their trace, as far as it is stored."""
    names = {name for spans in traces for name in missing(spans)}
    found: dict[Id, list[SpanOutline]] = defaultdict(list)
    for span in look_up(names) if names else ():
        found[span.trace_id, span.span_id].append(span)
    return found
