"""A trace -> rows, in the order in which they are read.

Each span has a row; within it, at their times, stand the lines it wrote, its events, its gaps, and the spans it called.
So a line that was written before a call stands above that call, and one written after it below. Pure: what a row
looks like is `console`'s affair.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from tracelog.model import Ghost, LinkedTrace, LogEntry, Node, SpanEvent, SpanLink, Trace, TraceSummary
from tracelog.read.gaps import Gap, find_gaps
from tracelog.read.links import FEW, most_telling


class SpanRow(NamedTuple):
    """A span, at its place in the tree."""

    node: Node
    guides: tuple[bool, ...]


class GhostRow(NamedTuple):
    """A span that never arrived: not a span, but what its children and its lines prove of one."""

    ghost: Ghost
    guides: tuple[bool, ...]


class LineRow(NamedTuple):
    """A log line within a span or a ghost; with neither, one that belongs to no span of the trace."""

    entry: LogEntry
    node: Node | None
    guides: tuple[bool, ...]
    ghost: Ghost | None = None


class EventRow(NamedTuple):
    """A span event within its span."""

    event: SpanEvent
    node: Node
    guides: tuple[bool, ...]


class GapRow(NamedTuple):
    """A gap within its span, where it begins."""

    gap: Gap
    guides: tuple[bool, ...]


class LinkRow(NamedTuple):
    """A link from a span to another trace or, with `incoming`, from another trace to it. `more` are not shown.

    `linked`: what is known of that trace, where links were followed.
    """

    link: SpanLink
    incoming: bool
    more: int
    guides: tuple[bool, ...]
    linked: LinkedTrace | None = None


class LinksRow(NamedTuple):
    """Many links of a span in one row: how many traces, and those of them of which something is stored."""

    traces: int
    summaries: Sequence[TraceSummary]
    incoming: bool
    guides: tuple[bool, ...]


Row = SpanRow | GhostRow | LineRow | EventRow | GapRow | LinkRow | LinksRow
GUIDES_SHOWN = 24
"""Spans deeper than this stand below each other: more indentation would say less."""
Keep = Callable[[LogEntry], bool]


def timeline_rows(trace: Trace, keep: Keep = lambda _: True, *, top: Node | None = None) -> Iterator[Row]:
    """Yield the rows of a trace, or of what stands below `top`; `keep` says which log lines are wanted.

    `guides` says, for each level above a row, whether more of that level follows below it.
    """
    gaps: dict[int, list[Gap]] = {}
    for gap in find_gaps(trace):
        gaps.setdefault(gap.node.index, []).append(gap)
    below: dict[int | str | None, list[Node]] = {}
    for node in trace.nodes:
        below.setdefault(node.span.parent_span_id if node.orphan else node.parent, []).append(node)
    linked = {one.trace_id: one for one in trace.linked}
    pending: list[Row] = [SpanRow(top, ())] if top is not None else _tops(trace, below, keep)[::-1]
    while pending:
        row = pending.pop()
        yield row
        if isinstance(row, SpanRow):
            children = below.get(row.node.index, [])
            pending += reversed(_within(row, children, keep, gaps.get(row.node.index, [])))
            pending += reversed([*_links(row, linked, _deeper(row.guides, bool(children)))])
        elif isinstance(row, GhostRow):
            pending += reversed(_within(row, below.get(row.ghost.span_id, []), keep))
    if top is None:
        yield from (LineRow(entry, None, ()) for entry in trace.unplaced_logs if keep(entry))


def _tops(trace: Trace, below: Mapping[int | str | None, list[Node]], keep: Keep) -> list[Row]:
    """Return what stands at the top, by start; a ghost of lines that nobody wants is left out."""
    timed: list[tuple[int, str, Row]] = [(node.span.start, "", SpanRow(node, ())) for node in below.get(None, [])]
    timed += [
        (ghost.start, ghost.span_id, GhostRow(ghost, ()))
        for ghost in trace.ghosts
        if ghost.children or any(map(keep, ghost.logs))
    ]
    return [row for _, _, row in sorted(timed, key=lambda item: item[:2])]


def _within(row: SpanRow | GhostRow, children: list[Node], keep: Keep, gaps: Sequence[Gap] = ()) -> list[Row]:
    """Return what stands directly within a span, by time: lines and events before the calls of the same moment.

    A gap stands behind all that it begins with.
    """
    node, ghost = (row.node, None) if isinstance(row, SpanRow) else (None, row.ghost)
    lines = node.logs if node else ghost.logs if ghost else ()
    timed: list[tuple[int, int, Node | LogEntry | SpanEvent | Gap]] = [
        *((entry.time, 0, entry) for entry in lines if keep(entry)),
        *((event.time, 0, event) for event in (node.span.events if node else ())),
        *((child.span.start, 1, child) for child in children),
        *((gap.start, 2, gap) for gap in gaps),
    ]
    timed.sort(key=lambda item: item[:2])
    last_child = max((position for position, item in enumerate(timed) if item[1] == 1), default=-1)
    rows: list[Row] = []
    for position, (_, _, item) in enumerate(timed):
        guides = _deeper(row.guides, position < last_child)
        if isinstance(item, Node):
            rows.append(SpanRow(item, guides))
        elif isinstance(item, LogEntry):
            rows.append(LineRow(item, node, guides, ghost))
        elif isinstance(item, Gap):
            rows.append(GapRow(item, guides))
        elif node:
            rows.append(EventRow(item, node, guides))
    return rows


def _links(row: SpanRow, linked: Mapping[str, LinkedTrace], guides: tuple[bool, ...]) -> Iterator[LinkRow | LinksRow]:
    """Yield the links of a span; where they were followed and are many, all of them in one row and a few that tell."""
    for links, incoming in ((row.node.span.links, False), (row.node.linked_from, True)):
        shown: Sequence[SpanLink] = links
        by_trace = {link.trace_id: link for link in links}
        if len(by_trace) > FEW and linked:
            found = [linked[each].summary for each in by_trace if each in linked]
            summaries = most_telling(summary for summary in found if summary is not None)
            yield LinksRow(len(by_trace), summaries, incoming, guides)
            shown = [by_trace[summary.trace_id] for summary in summaries]
        for position, link in enumerate(shown[:FEW]):
            more = len(shown) - FEW if position == FEW - 1 else 0
            yield LinkRow(link, incoming, max(more, 0), guides, linked.get(link.trace_id))


def _deeper(guides: tuple[bool, ...], followed: bool) -> tuple[bool, ...]:  # noqa: FBT001 - one level of the guides
    return (*guides, followed) if len(guides) < GUIDES_SHOWN else guides
