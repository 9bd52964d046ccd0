"""The rows of a timeline: what each of them shows, and where it stands.

`guides` says, for each level above a row, whether more of that level follows below it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tracelog.model import Ghost, LinkedTrace, LogEntry, Node, SpanEvent, SpanLink, TraceSummary
from tracelog.read.gaps import Gap


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


class LinesRow(NamedTuple):
    """Lines and events that stand together and are folded into one row."""

    rows: Sequence[LineRow | EventRow]
    guides: tuple[bool, ...]


class SpansRow(NamedTuple):
    """Spans that stand together, with all that is below and between them, folded into one row.

    `nodes`: those of this level. `below`: how many spans are below them. `lines`: how many lines and events they have,
    those between them included. `errors`: how many of all these spans have the status ERROR.
    """

    nodes: Sequence[Node]
    below: int
    lines: int
    errors: int
    guides: tuple[bool, ...]


class GhostsRow(NamedTuple):
    """Spans that never arrived and stand together, folded into one row. `children`: the spans that name them."""

    ghosts: Sequence[Ghost]
    children: SpansRow
    guides: tuple[bool, ...]


Row = SpanRow | GhostRow | LineRow | EventRow | GapRow | LinkRow | LinksRow | LinesRow | SpansRow | GhostsRow
