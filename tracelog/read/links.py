"""The traces at the other ends of a trace's links, in both directions: a queue's consumers, a batch's producers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from tracelog.model import Span, Trace, TraceSummary
from tracelog.read.wording import count, duration, listed

FEW = 4
"""How many links a span may have for what they lead to to be looked at one by one."""
_NAMED = 3


class End(NamedTuple):
    """Another trace, and the span of this one that links to it or, `incoming`, that it links to.

    `is_one_of_few`: whether that span has few links of this direction.
    """

    trace_id: str
    span: Span
    incoming: bool
    is_one_of_few: bool


def ends(trace: Trace) -> Iterator[End]:
    """Yield each trace that a trace is linked with, at the first of its spans that is."""
    seen = {trace.trace_id}
    for node in trace.nodes:
        for links, incoming in ((node.span.links, False), (node.linked_from, True)):
            ids = dict.fromkeys(link.trace_id for link in links)
            for trace_id in ids:
                if trace_id not in seen:
                    seen.add(trace_id)
                    yield End(trace_id, node.span, incoming, len(ids) <= FEW)


def most_telling(summaries: Iterable[TraceSummary]) -> list[TraceSummary]:
    """Sort traces: those that failed first, and of these and of the others the longest."""
    return sorted(summaries, key=lambda row: (not row.error_count, -row.duration, row.trace_id))


def described(summaries: Collection[TraceSummary]) -> str:
    """Say in a few words what many traces are: their operations, how long they took, how many failed."""
    operations = Counter(f"{row.name} {row.service}" for row in summaries)
    named = [f"{name} {times:,} times" if times > 1 else name for name, times in operations.most_common(_NAMED)]
    more = [f"{len(operations) - _NAMED:,} other operations"] if len(operations) > _NAMED else []
    lengths = [row.duration for row in summaries]
    took = f"{duration(min(lengths))} to {duration(max(lengths))}"
    failed = sum(row.error_count > 0 for row in summaries)
    return f"{listed([*named, *more])}; {took}; {failed:,} with errors"


def summarised(row: TraceSummary) -> str:
    """Say in a few words what one trace is."""
    errors = f", {count(row.error_count, 'error')}" if row.error_count else ""
    return f"{row.name} {row.service}, {duration(row.duration)}, {count(row.span_count, 'span')}{errors}"
