"""A trace -> rows, in the order in which they are read.

Each span has a row; within it, at their times, stand the lines it wrote, its events, its gaps, and the spans it called.
So a line that was written before a call stands above that call, and one written after it below. Pure: what a row
looks like is `console`'s affair.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from tracelog.model import Ghost, LogEntry, Node, SpanEvent, SpanLink, Trace
from tracelog.read.gaps import Gap, find_gaps


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
    """A link from a span to another trace or, with `incoming`, from another trace to it. `more` are not shown."""

    link: SpanLink
    incoming: bool
    more: int
    guides: tuple[bool, ...]


Row = SpanRow | GhostRow | LineRow | EventRow | GapRow | LinkRow
LINKS_SHOWN = 4
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
    pending: list[Row] = [SpanRow(top, ())] if top is not None else _tops(trace, below, keep)[::-1]
    while pending:
        row = pending.pop()
        yield row
        if isinstance(row, SpanRow):
            pending += reversed(_within(row, below.get(row.node.index, []), keep, gaps.get(row.node.index, [])))
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
    rows: list[Row] = [*_links(row, followed=last_child >= 0)] if isinstance(row, SpanRow) else []
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


def _links(row: SpanRow, *, followed: bool) -> Iterator[LinkRow]:
    guides = _deeper(row.guides, followed)
    for links, incoming in ((row.node.span.links, False), (row.node.linked_from, True)):
        for position, link in enumerate(links[:LINKS_SHOWN]):
            more = len(links) - LINKS_SHOWN if position == LINKS_SHOWN - 1 else 0
            yield LinkRow(link, incoming, max(more, 0), guides)


def _deeper(guides: tuple[bool, ...], followed: bool) -> tuple[bool, ...]:  # noqa: FBT001 - one level of the guides
    return (*guides, followed) if len(guides) < GUIDES_SHOWN else guides
