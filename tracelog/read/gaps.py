"""Gaps: stretches of the critical path in which nothing was going on that anybody can see.

In a gap the trace waited for a span that had no child running, wrote no line and had no event: for a lock, a
connection, a computation. It is named by what stood before and after it in that span. A span without anything in it is
no gap: its row says it all. Nor is what may only seem to be one: a span that never arrived was open in it, or the clock
of a server contradicts that of its client.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from tracelog.model import Finding, Ghost, Node, Span, Trace
from tracelog.read.calls import children_of
from tracelog.read.skew import TOLERANCE
from tracelog.read.wording import duration, named, quoted, templated

SHORTEST = 100_000_000
"""A shorter stretch is no gap, ns."""
LEAST_SHARE = 10
"""A stretch of less than one part in so many of the critical path is no gap."""
_MOST = 3
_ITS_START, _ITS_END = "its start", "its end"


class Gap(NamedTuple):
    """A stretch of a span, from `start` to `end` (ns); `before` and `after` say in words what it is between."""

    node: Node
    start: int
    end: int
    before: str
    after: str

    @property
    def duration(self) -> int:
        """How long the trace waited, ns."""
        return self.end - self.start


class _Happening(NamedTuple):
    """Something within a span, and how it is called by a gap that comes before it, and by one behind it."""

    start: int
    end: int
    ahead: str
    behind: str


def find_gaps(trace: Trace) -> list[Gap]:
    """Return the gaps of a trace, by time."""
    shortest = max(SHORTEST, trace.root.duration // LEAST_SHARE) if trace.root else SHORTEST
    stretches: dict[int, list[tuple[int, int]]] = defaultdict(list)
    long = [segment for segment in trace.critical_path if segment.end - segment.start >= shortest]
    for segment in long:
        stretches[trace.node(segment.span).index].append((segment.start, segment.end))
    gaps = [
        gap._replace(start=max(gap.start, start), end=min(gap.end, end))
        for index, waits in stretches.items()
        for gap in _silences(trace.nodes, trace.nodes[index])
        for start, end in waits
    ]
    silent = (gap for gap in gaps if gap.duration >= shortest and not _is_haunted(gap, trace.ghosts))
    return sorted(silent, key=lambda gap: (gap.start, gap.node.index))


def gap_findings(trace: Trace) -> Iterator[Finding]:
    """Say the few that took the longest; those that are between the same things are said together."""
    alike: dict[tuple[str, ...], list[Gap]] = defaultdict(list)
    for gap in find_gaps(trace):
        before, after = (templated(words.strip("'")) for words in (gap.before, gap.after))
        alike[named(gap.node.span), before, after].append(gap)
    longest = sorted(alike.values(), key=lambda gaps: -sum(gap.duration for gap in gaps))
    for gaps in longest[:_MOST]:
        first = gaps[0]
        times = f", {len(gaps)} times" if len(gaps) > 1 else ""
        waited = duration(sum(gap.duration for gap in gaps))
        text = f"{waited} in {named(first.node.span)}{times} between {first.before} and {first.after}"
        yield Finding("gap", text, tuple(dict.fromkeys(gap.node.span.span_id for gap in gaps)))


def _silences(nodes: Sequence[Node], node: Node) -> Iterator[Gap]:
    """Yield the stretches of a span without child, line and event."""
    span, children = node.span, list(children_of(nodes, node))
    happenings = sorted([*_calls(span, children), *_words(node)])
    within = [each for each in happenings if each.start <= span.end and each.end >= span.start]
    if not within or any(_contradicts(node, child) for child in children):
        return
    reached, before = span.start, _ITS_START
    for happening in within:
        if happening.start > reached:
            yield Gap(node, reached, happening.start, before, happening.ahead)
        if happening.end >= reached:
            reached, before = happening.end, happening.behind
    if span.end > reached:
        yield Gap(node, reached, span.end, before, _ITS_END)


def _calls(parent: Span, children: Iterable[Node]) -> Iterator[_Happening]:
    for child in children:
        span = child.span
        if span.start < parent.end:
            name = span.name if span.service == parent.service else named(span)
            yield _Happening(span.start, span.end, f"the start of {name}", f"the end of {name}")


def _words(node: Node) -> Iterator[_Happening]:
    for line in node.logs:
        if line.has_time:
            said = quoted(line.message)
            yield _Happening(line.time, line.time, said, said)
    for event in node.span.events:
        yield _Happening(event.time, event.time, f"event {event.name}", f"event {event.name}")


def _is_haunted(gap: Gap, ghosts: Iterable[Ghost]) -> bool:
    return any(ghost.start <= gap.end and ghost.end >= gap.start for ghost in ghosts)


def _contradicts(parent: Node, child: Node) -> bool:
    """Tell whether a call's two ends cannot both be right about the time; one that was given up on can (see `skew`)."""
    caller, called = parent.span, child.span
    if called.service == caller.service or called.kind == "CONSUMER" or called.duration > caller.duration:
        return False
    return called.start < caller.start - TOLERANCE or called.end > caller.end + TOLERANCE
