"""What of a timeline is folded away, so that it can be read: DEBUG lines, calls repeated, most of a huge trace.

What is wrong stands in the open: spans that failed, lines at WARNING and above, gaps and what is next to them. Of calls
that are repeated side by side, the longest stands for all. Of a huge trace there are the path, the slow and the wrong,
so many of each.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from heapq import nlargest
from itertools import chain, groupby, islice
from typing import TypeAlias

from tracelog.model import LEVELS, Ghost, LogEntry, Node, Trace
from tracelog.read.gaps import find_gaps
from tracelog.show.rows import EventRow, GapRow, GhostRow, GhostsRow, LineRow, LinesRow, Row, SpanRow, SpansRow

HUGE = 1000
"""A timeline of more spans and lines than this is summed up."""
SPANS_SHOWN, WARNINGS_SHOWN, GHOSTS_SHOWN = 200, 200, 20
"""How many spans, lines at WARNING and above, and spans that never arrived are shown of a huge trace at most."""
FEWEST_REPEATED, FEWEST_LINES = 5, 4
"""Fewer calls of one operation side by side, and fewer lines together, are all shown."""
_OF_EACH, _OF_FINDING = SPANS_SHOWN // 4, 3

_Kind: TypeAlias = type[SpansRow] | type[LinesRow] | type[GhostsRow] | None
"""What a row becomes a part of; None where it is shown."""


class Folding:
    """Folds the rows of one trace, or of what stands below `top`."""

    def __init__(self, trace: Trace, top: Node | None = None) -> None:
        self._trace = trace
        self._telling = _telling(trace)
        nodes = (top, *_below(trace, top)) if top else trace.nodes
        adrift = [] if top else [*chain.from_iterable(ghost.logs for ghost in trace.ghosts), *trace.unplaced_logs]
        self.is_summary = len(nodes) + sum(len(node.logs) for node in nodes) + len(adrift) > HUGE
        """Whether the trace is so huge that it is summed up."""
        self._shown = _summary(trace, nodes) if self.is_summary else set()
        lines = chain(chain.from_iterable(trace.nodes[index].logs for index in sorted(self._shown)), adrift)
        loudest = nlargest(WARNINGS_SHOWN, filter(_is_warning, lines), key=_severity)
        self._loudest = {id(line) for line in loudest}
        self._ghosts = {ghost.span_id for ghost in trace.ghosts[:GHOSTS_SHOWN]}

    def fold(self, rows: Sequence[Row]) -> Sequence[Row]:
        """Return the rows that stand directly within one span, or at the top, some of them folded into one."""
        if len(rows) < FEWEST_LINES and not self.is_summary:
            return rows
        folded: list[Row] = []
        kinds = self._kinds(rows)
        for kind, positions in groupby(range(len(rows)), key=kinds.__getitem__):
            folded += self._together(kind, [rows[position] for position in positions])
        return folded

    def _kinds(self, rows: Sequence[Row]) -> list[_Kind]:
        """Return of each row what it becomes a part of: quiet lines between hidden spans go with them."""
        repeated = _repeated(rows, self._telling)
        kinds: list[_Kind] = []
        begun: int | None = None
        for position, row in enumerate(rows):
            kind = self._kind(row, repeated)
            if kind is LinesRow and _is_beside_a_gap(rows, position):
                kind = None
            kinds.append(kind)
            if kind is SpansRow:
                if begun is not None:
                    kinds[begun:position] = [kind] * (position - begun)
                begun = position
            elif not _is_quiet(row):
                begun = None
        return kinds

    def _kind(self, row: Row, repeated: set[int]) -> _Kind:
        if isinstance(row, SpanRow):
            hidden = row.node.index in repeated or (self.is_summary and row.node.index not in self._shown)
            return SpansRow if hidden else None
        if isinstance(row, GhostRow):
            return GhostsRow if self.is_summary and row.ghost.span_id not in self._ghosts else None
        if isinstance(row, LineRow):
            hidden = id(row.entry) not in self._loudest if self.is_summary else row.entry.level == "DEBUG"
            return LinesRow if hidden else None
        return LinesRow if self.is_summary and _is_quiet(row) else None

    def _together(self, kind: _Kind, rows: list[Row]) -> list[Row]:
        """Return one row for all, where they are enough."""
        if kind is SpansRow:
            nodes = [row.node for row in rows if isinstance(row, SpanRow)]
            if len(nodes) > 1 or self.is_summary:
                return [self._spans(nodes, len(rows) - len(nodes), rows[-1].guides)]
        elif kind is LinesRow and len(rows) >= FEWEST_LINES:
            return [LinesRow([row for row in rows if isinstance(row, LineRow | EventRow)], rows[0].guides)]
        elif kind is GhostsRow:
            return [self._unarrived([row.ghost for row in rows if isinstance(row, GhostRow)])]
        return rows

    def _spans(self, nodes: Sequence[Node], between: int, guides: tuple[bool, ...]) -> SpansRow:
        below = [*chain.from_iterable(_below(self._trace, node) for node in nodes)]
        return SpansRow(
            nodes,
            below=len(below),
            lines=between + sum(len(node.logs) + len(node.span.events) for node in chain(nodes, below)),
            errors=sum(node.span.status == "ERROR" for node in chain(nodes, below)),
            guides=guides,
        )

    def _unarrived(self, ghosts: Sequence[Ghost]) -> GhostsRow:
        ids = {ghost.span_id for ghost in ghosts}
        children = [node for node in self._trace.nodes if node.orphan and node.span.parent_span_id in ids]
        lines = sum(len(ghost.logs) for ghost in ghosts)
        return GhostsRow(ghosts, self._spans(children, lines, ()), ())


def _repeated(rows: Iterable[Row], telling: Sequence[bool]) -> set[int]:
    """Return the indices of calls that are repeated side by side, with nothing telling in or between them.

    Of each operation, the longest call is left out.
    """
    repeated: set[int] = set()
    calls: dict[tuple[str, str, str], list[Node]] = defaultdict(list)
    for row in chain(rows, [None]):
        if isinstance(row, SpanRow) and not telling[row.node.index]:
            calls[row.node.span.service, row.node.span.name, row.node.span.kind].append(row.node)
        elif row is None or not _is_quiet(row):
            for alike in calls.values():
                if len(alike) >= FEWEST_REPEATED:
                    longest = max(alike, key=lambda node: node.span.duration)
                    repeated.update(node.index for node in alike if node is not longest)
            calls.clear()
    return repeated


def _below(trace: Trace, node: Node) -> Sequence[Node]:
    return trace.nodes[node.index + 1 : node.index + 1 + node.descendants]


def _summary(trace: Trace, nodes: Sequence[Node]) -> set[int]:
    """Return the indices of the spans that are shown of a huge trace, with all that is above them."""
    shown: set[int] = set()
    for index in _most_telling(trace, nodes):
        new: list[int] = []
        above: int | None = index
        while above is not None and above not in shown and len(shown) + len(new) <= SPANS_SHOWN:
            new.append(above)
            above = trace.nodes[above].parent
        if len(shown) + len(new) <= SPANS_SHOWN:
            shown.update(new)
    return shown


def _most_telling(trace: Trace, nodes: Sequence[Node]) -> Iterator[int]:
    """Yield the indices of spans: the tops, then some of the path, of the wrong, of those found, of the slow."""
    path = Counter[int]()
    for segment in trace.critical_path:
        path[trace.node(segment.span).index] += segment.duration
    within = range(nodes[0].index, nodes[-1].index + 1) if nodes else range(0)
    places = {node.span.span_id: node.index for node in nodes}
    found = (places.get(span_id) for finding in trace.findings for span_id in finding.span_ids[:_OF_FINDING])
    wrong = [node for node in nodes if _is_wrong(node)]
    above = {node.parent for node in wrong}  # where one span failed because another did, that one says why
    choices: tuple[Iterable[int | None], ...] = (
        (node.index for node in nlargest(_OF_EACH, nodes, key=lambda node: (node.parent is None, node.span.duration))),
        (index for index, _ in path.most_common() if index in within),
        (
            node.index
            for node in nlargest(_OF_EACH, wrong, key=lambda node: (node.index not in above, node.span.duration))
        ),
        found,
        (node.index for node in nlargest(_OF_EACH, nodes, key=lambda node: node.self_time)),
    )
    for choice in choices:
        yield from islice((index for index in choice if index is not None), _OF_EACH)


def _telling(trace: Trace) -> list[bool]:
    """Return of each span whether it, or anything below it, is wrong, is waited in, or leads elsewhere."""
    waited = {gap.node.index for gap in find_gaps(trace)}
    telling = [
        node.index in waited or bool(node.span.links or node.linked_from) or _is_wrong(node) for node in trace.nodes
    ]
    for node in reversed(trace.nodes):
        if telling[node.index] and node.parent is not None:
            telling[node.parent] = True
    return telling


def _is_wrong(node: Node) -> bool:
    return (
        node.span.status == "ERROR"
        or node.orphan
        or node.cycle is not None
        or any(map(_is_warning, node.logs))
        or any(event.name == "exception" for event in node.span.events)
    )


def _is_warning(entry: LogEntry) -> bool:
    return _severity(entry) >= LEVELS["WARNING"]


def _severity(entry: LogEntry) -> int:
    return LEVELS.get(entry.level or "", 0)


def _is_beside_a_gap(rows: Sequence[Row], position: int) -> bool:
    return any(isinstance(row, GapRow) for row in rows[max(position - 1, 0) : position + 2])


def _is_quiet(row: Row) -> bool:
    """Whether a row is a line or an event that says nothing of anything wrong."""
    if isinstance(row, LineRow):
        return not _is_warning(row.entry)
    return isinstance(row, EventRow) and row.event.name != "exception"
