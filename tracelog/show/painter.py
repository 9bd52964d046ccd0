"""The rows of a timeline -> lines of a terminal, of one width, with one time axis and a bar per span."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any

from tracelog.model import LinkedTrace, Node, Segment, Span, Trace
from tracelog.read.links import described, summarised
from tracelog.read.wording import count
from tracelog.schema.otel import as_exception
from tracelog.schema.times import format_iso
from tracelog.show import text
from tracelog.show.bars import TRACK, Axis
from tracelog.show.palette import level_column, raised, service_style
from tracelog.show.rows import (
    EventRow,
    GapRow,
    GhostRow,
    GhostsRow,
    LineRow,
    LinesRow,
    LinkRow,
    LinksRow,
    Row,
    SpanRow,
    SpansRow,
)
from tracelog.show.styled import Line, folded, laid_out
from tracelog.show.timeline import GUIDES_SHOWN

_WRAPPED = 6
"""How many rows of the terminal a line at WARNING or above may take; others take one."""
_FINDINGS_SHOWN, _FINDING_ROWS = 6, 2
_CROPPED_LEVELS = (None, "DEBUG", "INFO")
_NAMES_SHOWN = 3
_DURATION_WIDTH = 8
_NARROWEST, _NARROWEST_BAR, _WIDEST_BAR = 60, 16, 64
_NAME_WIDTH = 20
"""What the guides of the deepest spans leave of the label to their depths and names."""

BRANCH, CORNER, PIPE, BLANK = "├ ", "└ ", "│ ", "  "
CRITICAL_BRANCH, CRITICAL_CORNER = "┣ ", "┗ "
"""The joint of a span on the critical path."""
LEGEND = "span  (┣ ━ critical path)"
ERROR, GHOST, EVENT, GAP, OUTGOING, INCOMING, FINDING, FOLDED = "✗", "?", "◆", "⋮", "→", "←", "!", "…"
PROVEN_FROM, PROVEN, PROVEN_TO = "▕", "·", "▏"
"""How a ghost's bar is drawn: no more than its bounds are known."""


class Painter:
    """Paints the rows of one trace in the width of one console."""

    def __init__(self, width: int, trace: Trace, top: Node | None) -> None:
        self.trace = trace
        self.width = max(width, _NARROWEST)
        columns = laid_out(self.width)
        self._spare = self.width - columns
        self.bar_width = min(max(columns // 4, _NARROWEST_BAR), _WIDEST_BAR)
        self._label_width = columns - self.bar_width - 2 * (_DURATION_WIDTH + 1)
        self.levels = min(max((self._label_width + self._spare - _NAME_WIDTH) // len(PIPE), 1), GUIDES_SHOWN - 1)
        self.start = top.span.start if top else trace.start
        self.total = max(top.span.duration if top else trace.duration, 1)
        self.axis = Axis(self.start, self.total, self.bar_width)
        self.own: dict[int, list[Segment]] = {}
        for segment in trace.critical_path:
            self.own.setdefault(trace.node(segment.span).index, []).append(segment)
        self.unplaced_announced = False
        self._painters: dict[type[Row], Callable[[Any], Iterator[Line]]] = {
            SpanRow: self._span, SpansRow: self._spans, GhostRow: self._ghost, GhostsRow: self._ghosts,
            LineRow: self._line, LinesRow: self._lines, EventRow: self._event, GapRow: self._gap,
            LinkRow: self._link, LinksRow: self._links,
        }  # fmt: skip

    def header(self, *, is_summary: bool = False) -> Iterator[Line]:
        """Yield what stands above the rows: what the trace is, what is remarkable about it, and the axis."""
        trace, root = self.trace, self.trace.root
        title = f"{root.name}  {root.service}" if root else "no span of this trace is stored"
        yield Line(text.escape(title), "bold").cropped(self.width)
        length = text.duration(trace.duration)
        own = text.duration(root.duration) if root else length
        if own != length:
            length = f"{own} (all of the trace {length})"
        counts = [
            length,
            count(len(trace.nodes), "span"),
            count(len(trace.logs), "line"),
            count(trace.error_count, "error"),
        ]
        yield Line(f"{format_iso(trace.start)}  " + " · ".join(counts), "dim").cropped(self.width)
        yield Line(f"trace {trace.trace_id}", "dim")
        if is_summary:
            yield Line("summed up: the path, what is wrong, what is slow; --all shows the rest", "dim")
        yield from self._findings()
        yield Line("")
        total = text.duration(self.total)
        columns = f"{'total':>{_DURATION_WIDTH}} {'self':>{_DURATION_WIDTH}} "
        axis = f" 0{total:>{self.bar_width - 2}}"
        yield Line(f"{LEGEND:<{self._label_width}}{columns}{axis}", "dim")

    def _findings(self) -> Iterator[Line]:
        findings = self.trace.findings
        for finding in findings[:_FINDINGS_SHOWN]:
            said = Line(text.escape(finding.text), "yellow")
            prefix = Line(f"{FINDING} ", "yellow")
            yield from self._folded(prefix, said, Line("  "), _FINDING_ROWS)
        if len(findings) > _FINDINGS_SHOWN:
            yield Line(f"  and {len(findings) - _FINDINGS_SHOWN} more: see --json", "dim")

    def paint(self, row: Row) -> Iterator[Line]:
        """Yield the lines of a row."""
        return self._painters[type(row)](row)

    def _unplaced(self, row: LineRow | EventRow) -> Iterator[Line]:
        """Announce, once, lines that stand below no span."""
        if isinstance(row, LineRow) and not (row.node or row.ghost or self.unplaced_announced):
            self.unplaced_announced = True
            yield Line("")
            yield Line("lines of this trace on none of its spans", "dim")

    def _span(self, row: SpanRow) -> Iterator[Line]:
        span = row.node.span
        style = service_style(span.service)
        label = Line(self._joint(row.guides, row.node, critical=row.node.critical), "dim")
        if span.status == "ERROR":
            label.add(f"{ERROR} ", "bold red")
        if row.node.cycle is not None:
            label.add(f"{GHOST} ", "yellow")
        label.add(text.escape(span.name), "bold red" if span.status == "ERROR" else "bold")
        if span.service != self._caller(row.node):
            label.add(f"  {text.escape(span.service)}", style)
        line = self._timed(label, span.duration, row.node.self_time)
        drawn = self.axis.drawn(span.start, span.end, self.own.get(row.node.index, ()))
        yield line.extend(self._bar(span.start, drawn, style))

    def _spans(self, row: SpansRow) -> Iterator[Line]:
        """Paint spans that are folded into one row: how many of which operation, and how long they took in all."""
        first, spans = row.nodes[0], [node.span for node in row.nodes]
        critical = any(node.critical for node in row.nodes)
        label = Line(self._joint(row.guides, first, critical=critical), "dim")
        if row.errors:
            label.add(f"{ERROR} {count(row.errors, 'error')} in ", "bold red")
        label.add(", ".join(_most(spans)))
        if row.below:
            label.add(f" and {count(row.below, 'span')} below")
        services = {span.service for span in spans}
        service = services.pop() if len(services) == 1 else None
        if service is not None and service != self._caller(first):
            label.add(f"  {text.escape(service)}", service_style(service))
        if row.lines:
            label.add(f"  {count(row.lines, 'line')}", "dim")
        line = self._timed(label, sum(span.duration for span in spans), sum(node.self_time for node in row.nodes))
        own = chain.from_iterable(self.own.get(node.index, ()) for node in row.nodes)
        drawn = self.axis.drawn_together(((span.start, span.end) for span in spans), own)
        yield line.extend(self._bar(first.span.start, drawn, service_style(service) if service else ""))

    def _caller(self, node: Node) -> str | None:
        return None if node.parent is None else self.trace.nodes[node.parent].span.service

    def _timed(self, label: Line, duration: int, self_time: int) -> Line:
        line = label.fitted(self._label_width, self._spare)
        line.add(f"{text.duration(duration):>{_DURATION_WIDTH}} ")
        return line.add(f"{text.duration(self_time):>{_DURATION_WIDTH}} ", "dim")

    def _ghost(self, row: GhostRow) -> Iterator[Line]:
        """Paint what is known of a span that is not there: no name and no times of its own, but bounds."""
        ghost = row.ghost
        style = service_style(ghost.service) if ghost.service else "dim"
        label = Line(f"{GHOST} ", "yellow")
        label.add(f"{ghost.span_id} {ghost.state}", "dim italic")
        if ghost.service:
            label.add(f"  {text.escape(ghost.service)}", style)
        line = label.fitted(self._label_width, self._spare)
        line.add(" " * 2 * (_DURATION_WIDTH + 1))
        begin, behind = self.axis.cells(ghost.start, ghost.end)
        drawn = PROVEN_FROM + PROVEN * (behind - begin - 2) + PROVEN_TO if behind - begin > 1 else PROVEN
        yield line.extend(self._bar(ghost.start, drawn, style))

    def _ghosts(self, row: GhostsRow) -> Iterator[Line]:
        """Paint spans that are not there, and are many: how many, and what is below them."""
        children = row.children
        label = Line(f"{GHOST} ", "yellow")
        if children.errors:
            label.add(f"{ERROR} {count(children.errors, 'error')} in ", "bold red")
        label.add(f"{count(len(row.ghosts), 'span')} that did not arrive", "dim italic")
        if children.nodes:
            label.add(f" and {count(len(children.nodes) + children.below, 'span')} below")
        if children.lines:
            label.add(f"  {count(children.lines, 'line')}", "dim")
        yield label.cropped(self.width)

    def _bar(self, start: int, drawn: str, style: str) -> Line:
        begin, _ = self.axis.cells(start, start)
        rest = self.bar_width - begin - len(drawn)
        return Line(TRACK * begin, "dim").add(drawn, style).add(TRACK * rest, "dim")

    def _lines(self, row: LinesRow) -> Iterator[Line]:
        """Paint lines that are folded into one row: how many, and of which levels."""
        first = row.rows[0]
        yield from self._unplaced(first)
        kinds = Counter(one.entry.level or "no level" if isinstance(one, LineRow) else "events" for one in row.rows)
        counts = ", ".join(f"{number:,} {kind}" for kind, number in kinds.most_common())
        of = f"at {counts.partition(' ')[2]}" if len(kinds) == 1 else f"({counts})"
        time, known = (
            (first.entry.time, first.entry.has_time) if isinstance(first, LineRow) else (first.event.time, True)
        )
        line = self._at(time, row.guides, first.node, known=known)
        yield line.add(f"{FOLDED:<5} {count(len(row.rows), 'line')} {of}", "dim").cropped(self.width)

    def _line(self, row: LineRow) -> Iterator[Line]:
        yield from self._unplaced(row)
        entry = row.entry
        level = entry.level
        prefix = self._at(entry.time, row.guides, row.node, known=entry.has_time).add(*level_column(level))
        said = Line("(guessed) ", "dim") if row.node and row.node.is_guess(entry) else Line()
        said.add(text.escape(entry.message), "dim" if level == "DEBUG" else "")
        if entry.service != _service_of(row):
            said.add(f"  {text.escape(entry.service)}", service_style(entry.service))
        details = text.attributes(entry.attributes)
        if details:
            said.add(f"  {details}", "dim")
        below = self._below(prefix, row.guides)
        yield from self._folded(prefix, said, below, 1 if level in _CROPPED_LEVELS else _WRAPPED)
        if entry.exception is not None:
            yield from self._folded(below, raised(entry.exception), below, _WRAPPED)

    def _event(self, row: EventRow) -> Iterator[Line]:
        prefix = self._at(row.event.time, row.guides, row.node)
        prefix.add(f"{EVENT:<5} ", "blue")
        below = self._below(prefix, row.guides)
        attributes = row.event.attributes
        if row.event.name == "exception":
            yield from self._folded(prefix, raised(as_exception(attributes)), below, _WRAPPED)
            return
        said = Line(text.escape(row.event.name))
        if attributes:
            said.add(f"  {text.attributes(attributes)}", "dim")
        yield from self._folded(prefix, said, below, 1)

    def _gap(self, row: GapRow) -> Iterator[Line]:
        line = self._at(row.gap.start, row.guides, row.gap.node)
        yield line.add(f"{GAP:<5} {text.duration(row.gap.duration)} waited in silence", "yellow")

    def _link(self, row: LinkRow) -> Iterator[Line]:
        link = row.link
        line = self._linked(row.guides, incoming=row.incoming)
        line.add(f"trace {link.trace_id}", "blue").add(
            f" span {link.span_id}  {text.attributes(link.attributes)}", "dim"
        )
        more = f" (+{row.more} more)" if row.more else ""
        yield line.cropped(self.width - len(more)).add(more)
        if row.linked is not None:
            summary = row.linked.summary
            said = "nothing of it is stored" if summary is None else text.escape(summarised(summary))
            yield Line(self._guides(row.guides), "dim").add(f"  {said}").cropped(self.width)

    def _links(self, row: LinksRow) -> Iterator[Line]:
        prefix = self._linked(row.guides, incoming=row.incoming)
        stored = f", {len(row.summaries):,} of them stored" if len(row.summaries) < row.traces else ""
        said = Line(f"{row.traces:,} traces{stored}", "blue")
        if row.summaries:
            said.add(f": {text.escape(described(row.summaries))}")
        yield from self._folded(prefix, said, self._below(prefix, row.guides), _WRAPPED)

    def _linked(self, guides: tuple[bool, ...], *, incoming: bool) -> Line:
        arrow, words = (INCOMING, "linked from") if incoming else (OUTGOING, "links to")
        return Line(self._guides(guides), "dim").add(f"{arrow} {words} ", "blue")

    def _at(self, time: int, guides: tuple[bool, ...], node: Node | None, *, known: bool = True) -> Line:
        """Begin a row within a span: the guides, and the time since the start of the axis, where it is known."""
        mark = _depth_mark(node) if node and len(guides) > self.levels else ""
        line = Line(self._guides(guides) + mark, "dim")
        offset = time - self.start
        at = ("-" if offset < 0 else "+") + text.duration(abs(offset)) if known else "no time"
        line.add(f"{at:<{_DURATION_WIDTH}} ", "dim")
        return line

    def _below(self, prefix: Line, guides: tuple[bool, ...]) -> Line:
        """Begin a row that continues the one above it: the same guides, and blanks."""
        line = Line(self._guides(guides), "dim")
        return line.add(" " * (prefix.width - line.width))

    def _folded(self, prefix: Line, said: Line, below: Line, rows: int) -> Iterator[Line]:
        return folded(prefix, said, below, width=self.width, rows=rows)

    def _joint(self, guides: tuple[bool, ...], node: Node, *, critical: bool) -> str:
        """Return the guides left of a span, of which the last one branches off."""
        if not guides:
            return ""
        *above, followed = guides[: self.levels]
        branch, corner = (CRITICAL_BRANCH, CRITICAL_CORNER) if critical else (BRANCH, CORNER)
        mark = _depth_mark(node) if len(guides) >= self.levels else ""
        return self._guides(above) + (branch if followed else corner) + mark

    def _guides(self, guides: Sequence[bool]) -> str:
        """Return the guides left of a row, as many as there is room for."""
        return "".join(PIPE if followed else BLANK for followed in guides[: self.levels])


def heading(linked: LinkedTrace, trace: Trace, width: int) -> Iterator[Line]:
    """Yield what stands above a trace that is shown as it is linked with another."""
    name = text.escape(linked.span.name)
    words = f"{INCOMING} this trace links to {name}" if linked.incoming else f"{OUTGOING} {name} links to this trace"
    offset = trace.start - linked.span.start
    began = f"began {text.duration(abs(offset))} {'after' if offset >= 0 else 'before'} it"
    yield Line("")
    yield Line(f"{words}, {'and' if linked.incoming else 'which'} {began}", "blue").cropped(width)
    yield Line("")


def _depth_mark(node: Node) -> str:
    """Return what tells a span and its lines from those around it, where there is no room for more guides."""
    return f"{FOLDED}{node.depth} "


def _service_of(row: LineRow) -> str | None:
    if row.node:
        return row.node.span.service
    return row.ghost.service if row.ghost else None


def _most(spans: Sequence[Span]) -> Iterator[str]:
    """Yield the names that most of the spans have, each with how many, and how many have others."""
    counts = Counter(span.name for span in spans).most_common()
    for name, number in counts[:_NAMES_SHOWN]:
        yield f"{number:,} × {text.escape(name)}" if number > 1 else text.escape(name)
    others = sum(number for _, number in counts[_NAMES_SHOWN:])
    if others:
        yield f"{others:,} others"
