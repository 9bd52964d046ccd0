"""A trace together with those that it is linked with, as far as they are stored."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

import msgspec

from tracelog.model import LinkedTrace, Trace, TraceSummary
from tracelog.read.links import ends

MOST = 8
"""How many traces are fetched as a whole, those that are fewest links away first."""


def follow(
    trace: Trace, fetch: Callable[[str], Trace], summarise: Callable[[Collection[str]], Iterable[TraceSummary]]
) -> Trace:
    """Return a trace with a summary of each that it is linked with, and with those whole that a span has few of.

    Where these have links, they are followed too.
    """
    linked: dict[str, LinkedTrace] = {}
    fetched = [trace]
    for current in fetched:  # which grows meanwhile
        fresh = [end for end in ends(current) if end.trace_id not in linked and end.trace_id != trace.trace_id]
        summaries = {row.trace_id: row for row in summarise([end.trace_id for end in fresh])} if fresh else {}
        for end in fresh:
            summary = summaries.get(end.trace_id)
            whole = None
            if summary is not None and end.is_one_of_few and len(fetched) <= MOST:
                whole = fetch(end.trace_id)
                fetched.append(whole)
            linked[end.trace_id] = LinkedTrace(
                trace_id=end.trace_id, span=end.span, incoming=end.incoming, summary=summary, trace=whole
            )
    return msgspec.structs.replace(trace, linked=tuple(linked.values()))
