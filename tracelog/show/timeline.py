"""A trace -> rows, in the order in which they are read.

Each span has a row; within it, at their times, stand the lines it wrote, its events, its gaps, and the spans it called.
So a line that was written before a call stands above that call, and one written after it below. Pure: what a row
looks like is `console`'s affair.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from tracelog.model import LinkedTrace, LogEntry, Node, SpanEvent, SpanLink, Trace
from tracelog.read.gaps import Gap, find_gaps
from tracelog.read.links import FEW, most_telling
from tracelog.show.rows import EventRow, GapRow, GhostRow, LineRow, LinkRow, LinksRow, Row, SpanRow

GUIDES_SHOWN = 24
"""Spans deeper than this stand below each other: more indentation would say less."""
Keep = Callable[[LogEntry], bool]
Fold = Callable[[Sequence[Row]], Sequence[Row]]


def unfolded(rows: Sequence[Row]) -> Sequence[Row]:
    """Fold nothing."""
    return rows


def timeline_rows(
    trace: Trace, keep: Keep = lambda _: True, *, top: Node | None = None, fold: Fold = unfolded
) -> Iterator[Row]:
    """Yield the rows of a trace, or of what stands below `top`; `keep` says which log lines are wanted.

    `fold` is given the rows that stand directly within one span, or at the top, and returns those to show.
    """
    gaps: dict[int, list[Gap]] = {}
    for gap in find_gaps(trace):
        gaps.setdefault(gap.node.index, []).append(gap)
    below: dict[int | str | None, list[Node]] = {}
    for node in trace.nodes:
        below.setdefault(node.span.parent_span_id if node.orphan else node.parent, []).append(node)
    linked = {one.trace_id: one for one in trace.linked}
    pending: list[Row] = [SpanRow(top, ())] if top is not None else [*reversed(fold(_tops(trace, below, keep)))]
    while pending:
        row = pending.pop()
        yield row
        if isinstance(row, SpanRow):
            children = below.get(row.node.index, [])
            pending += reversed(fold(_within(row, children, keep, gaps.get(row.node.index, []))))
            pending += reversed([*_links(row, linked, _deeper(row.guides, bool(children)))])
        elif isinstance(row, GhostRow):
            pending += reversed(fold(_within(row, below.get(row.ghost.span_id, []), keep)))
    if top is None:
        yield from fold([LineRow(entry, None, ()) for entry in trace.unplaced_logs if keep(entry)])


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
