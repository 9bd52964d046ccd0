"""Streams of what a store found, put in order to the nanosecond and freed of copies, in bounded memory."""

from __future__ import annotations

import heapq
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from itertools import count, groupby
from typing import TypeVar

from tracelog.model import LogEntry, Span
from tracelog.schema.otel import event_entries

_MILLISECOND = 1_000_000
_Dated = TypeVar("_Dated")


def merged(streams: Sequence[Iterable[_Dated]], key: Callable[[_Dated], int]) -> Iterator[_Dated]:
    """Put sorted streams together in order."""
    return iter(streams[0]) if len(streams) == 1 else heapq.merge(*streams, key=key)


def to_the_nanosecond(found: Iterable[_Dated], time: Callable[[_Dated], int]) -> Iterator[_Dated]:
    """Sort what is sorted to the millisecond."""
    for _, group in groupby(found, key=lambda one: time(one) // _MILLISECOND):
        together = list(group)
        yield from sorted(together, key=time) if len(together) > 1 else together


def distinct_spans(spans: Iterable[Span], place: Callable[[Span], int]) -> Iterator[Span]:
    """Drop copies of a span: of the same ids, kind and service, and within a millisecond of each other in order.

    Writers keep ns, µs or ms, so that copies in two layouts may be that far apart.
    """
    seen: OrderedDict[Hashable, int] = OrderedDict()
    for span in spans:
        at = place(span)
        while seen and abs(next(iter(seen.values())) - at) > _MILLISECOND:
            seen.popitem(last=False)
        key = (span.trace_id, span.span_id, span.kind, span.service)
        if key not in seen:
            seen[key] = at
            yield span


def events_of(spans: Iterable[Span]) -> Iterator[LogEntry]:
    """Yield the events of spans by time, given the spans by start; those after the latest start are held back."""
    waiting: list[tuple[int, int, LogEntry]] = []
    numbers = count()
    for span in spans:
        while waiting and waiting[0][0] < span.start:
            yield heapq.heappop(waiting)[2]
        for entry in event_entries(span):
            heapq.heappush(waiting, (entry.time, next(numbers), entry))
    while waiting:
        yield heapq.heappop(waiting)[2]
