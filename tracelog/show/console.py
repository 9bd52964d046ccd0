"""Rows and tables on a terminal: one time axis, a bar per span, the log lines inside the tree.

Text from users never reaches the terminal but through `text.escape`, and is never read as markup.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from io import TextIOWrapper
from typing import IO

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from tracelog.model import ExceptionInfo, LogEntry, Match, Node, Operation, Segment, Trace, TraceSummary
from tracelog.schema.otel import as_exception
from tracelog.schema.times import format_iso
from tracelog.show import text
from tracelog.show.bars import TRACK, Axis
from tracelog.show.timeline import EventRow, GapRow, GhostRow, Keep, LineRow, LinkRow, Row, SpanRow, timeline_rows

_LEVEL_STYLES = {"DEBUG": "dim", "INFO": "green", "WARNING": "yellow", "ERROR": "red", "CRITICAL": "bold red"}
_LEVEL_NAMES = {"WARNING": "WARN", "CRITICAL": "CRIT"}
_PALETTE = ("cyan", "magenta", "blue", "green", "yellow", "bright_blue", "bright_magenta", "bright_cyan")
_WRAPPED = 6
"""How many rows of the terminal a line at WARNING or above may take; others take one."""
_FINDINGS_SHOWN, _FINDING_ROWS = 6, 2
_CROPPED_LEVELS = (None, "DEBUG", "INFO")
_DURATION_WIDTH = 8
_LABEL_WIDTH = 24
_NAME_WIDTH = 20
"""What the guides of the deepest spans leave of the label to their names."""
_REFERENCE_WIDTH = 56
_WIDE = 140
"""From this width on, a table has its ids beside the figures."""


BRANCH, CORNER, PIPE, BLANK = "├ ", "└ ", "│ ", "  "
CRITICAL_BRANCH, CRITICAL_CORNER = "┣ ", "┗ "
"""The joint of a span on the critical path."""
LEGEND = "span  (┣ ━ critical path)"
ELLIPSIS = "…"
ERROR, GHOST, EVENT, GAP, OUTGOING, INCOMING, FINDING = "✗", "?", "◆", "⋮", "→", "←", "!"
PROVEN_FROM, PROVEN, PROVEN_TO = "▕", "·", "▏"
"""How a ghost's bar is drawn: no more than its bounds are known."""


def make_console(file: IO[str] | None = None, *, width: int | None = None, color: bool | None = None) -> Console:
    """Return a console for stdout; `color` None means on a terminal and without NO_COLOR.

    Where stdout cannot encode a character (ASCII, Latin-1), it prints one that it can.
    """
    if file is None and isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors=text.ASCII_FALLBACK)
    return Console(
        file=file, width=width, highlight=False, markup=False, emoji=False, soft_wrap=True,
        no_color=None if color is None else not color, force_terminal=color or None,
    )  # fmt: skip


def print_trace(console: Console, trace: Trace, keep: Keep = lambda _: True, *, top: Node | None = None) -> None:
    """Print a trace as a timeline; `keep` chooses the log lines, `top` the span to begin at."""
    painter = _Painter(console, trace, top)
    for line in painter.header():
        console.print(line)
    for row in timeline_rows(trace, keep, top=top):
        for line in painter.paint(row):
            console.print(line, no_wrap=True, crop=False)


class _Painter:
    """Paints the rows of one trace in the width of one console."""

    def __init__(self, console: Console, trace: Trace, top: Node | None) -> None:
        self.trace = trace
        self.width = max(console.width, 60)
        self.bar_width = min(max(self.width // 4, 16), 64)
        self.levels = max((self._label_width - _NAME_WIDTH) // len(PIPE), 1)
        self.start = top.span.start if top else trace.start
        self.total = max(top.span.duration if top else trace.duration, 1)
        self.axis = Axis(self.start, self.total, self.bar_width)
        self.own: dict[int, list[Segment]] = {}
        for segment in trace.critical_path:
            self.own.setdefault(trace.node(segment.span).index, []).append(segment)
        self.unplaced_announced = False

    def header(self) -> Iterator[Text]:
        trace, root = self.trace, self.trace.root
        title = f"{root.name}  {root.service}" if root else "no span of this trace is stored"
        yield _cropped(Text(text.escape(title), style="bold"), self.width)
        length = text.duration(trace.duration)
        if root and root.duration != trace.duration:
            length = f"{text.duration(root.duration)} (all of the trace {length})"
        counts = [
            length,
            _count(len(trace.nodes), "span"),
            _count(len(trace.logs), "line"),
            _count(trace.error_count, "error"),
        ]
        yield Text(f"{format_iso(trace.start)}  " + " · ".join(counts), style="dim")
        yield Text(f"trace {trace.trace_id}", style="dim")
        yield from self._findings()
        yield Text("")
        total = text.duration(self.total)
        columns = f"{'total':>{_DURATION_WIDTH}} {'self':>{_DURATION_WIDTH}} "
        axis = f" 0{total:>{self.bar_width - 2}}"
        yield Text(f"{LEGEND:<{self._label_width}}{columns}{axis}", style="dim")

    def _findings(self) -> Iterator[Text]:
        findings = self.trace.findings
        for finding in findings[:_FINDINGS_SHOWN]:
            said = Text(text.escape(finding.text), style="yellow")
            yield from self._folded(Text(f"{FINDING} ", style="yellow"), said, Text("  "), _FINDING_ROWS)
        if len(findings) > _FINDINGS_SHOWN:
            yield Text(f"  and {len(findings) - _FINDINGS_SHOWN} more: see --json", style="dim")

    @property
    def _label_width(self) -> int:
        return self.width - self.bar_width - 2 * (_DURATION_WIDTH + 1)

    def paint(self, row: Row) -> Iterator[Text]:
        if isinstance(row, SpanRow):
            yield self._span(row)
        elif isinstance(row, GhostRow):
            yield self._ghost(row)
        elif isinstance(row, LineRow):
            if row.node is None and row.ghost is None and not self.unplaced_announced:
                self.unplaced_announced = True
                yield Text("")
                yield Text("lines of this trace on none of its spans", style="dim")
            yield from self._line(row)
        elif isinstance(row, EventRow):
            yield from self._event(row)
        elif isinstance(row, GapRow):
            yield self._gap(row)
        else:
            yield self._link(row)

    def _span(self, row: SpanRow) -> Text:
        span = row.node.span
        style = service_style(span.service)
        label = Text(self._guides(row.guides, joint=True, critical=row.node.critical), style="dim")
        if span.status == "ERROR":
            label.append(f"{ERROR} ", style="bold red")
        if row.node.cycle is not None:
            label.append(f"{GHOST} ", style="yellow")
        label.append(text.escape(span.name), style="bold red" if span.status == "ERROR" else "bold")
        if row.node.parent is None or self.trace.nodes[row.node.parent].span.service != span.service:
            label.append(f"  {text.escape(span.service)}", style=style)
        line = _fitted(label, self._label_width)
        line.append(f"{text.duration(span.duration):>{_DURATION_WIDTH}} ")
        line.append(f"{text.duration(row.node.self_time):>{_DURATION_WIDTH}} ", style="dim")
        return line + self._bar(span.start, span.end, style, self.own.get(row.node.index, ()))

    def _ghost(self, row: GhostRow) -> Text:
        """Paint what is known of a span that is not there: no name and no times of its own, but bounds."""
        ghost = row.ghost
        style = service_style(ghost.service) if ghost.service else "dim"
        label = Text(f"{GHOST} ", style="yellow")
        label.append(f"{ghost.span_id} {ghost.state}", style="dim italic")
        if ghost.service:
            label.append(f"  {text.escape(ghost.service)}", style=style)
        line = _fitted(label, self._label_width)
        line.append(" " * 2 * (_DURATION_WIDTH + 1))
        return line + self._bar(ghost.start, ghost.end, style, ghost=True)

    def _bar(self, start: int, end: int, style: str, own: Sequence[Segment] = (), *, ghost: bool = False) -> Text:
        begin, behind = self.axis.cells(start, end)
        if ghost:
            drawn = PROVEN_FROM + PROVEN * (behind - begin - 2) + PROVEN_TO if behind - begin > 1 else PROVEN
        else:
            drawn = self.axis.drawn(start, end, own)
        bar = Text(TRACK * begin, style="dim")
        bar.append(drawn, style=style)
        bar.append(TRACK * (self.bar_width - behind), style="dim")
        return bar

    def _line(self, row: LineRow) -> Iterator[Text]:
        entry = row.entry
        prefix = self._at(entry.time, row.guides, known=entry.has_time)
        level = _LEVEL_NAMES.get(entry.level or "", entry.level or "-")
        style = _LEVEL_STYLES.get(entry.level or "", "dim")
        prefix.append(f"{level:<5} ", style=style)
        said = Text(text.escape(entry.message), style="dim" if entry.level == "DEBUG" else "")
        if row.node and row.node.is_guess(entry):
            said = Text("(guessed) ", style="dim").append_text(said)
        if entry.service != _service_of(row):
            said.append(f"  {text.escape(entry.service)}", style=service_style(entry.service))
        details = text.attributes(entry.attributes)
        if details:
            said.append(f"  {details}", style="dim")
        below = self._below(prefix, row.guides)
        yield from self._folded(prefix, said, below, 1 if entry.level in _CROPPED_LEVELS else _WRAPPED)
        if entry.exception is not None:
            yield from self._folded(below, _raised(entry.exception), below, _WRAPPED)

    def _event(self, row: EventRow) -> Iterator[Text]:
        prefix = self._at(row.event.time, row.guides)
        prefix.append(f"{EVENT:<5} ", style="blue")
        below = self._below(prefix, row.guides)
        attributes = row.event.attributes
        if row.event.name == "exception":
            yield from self._folded(prefix, _raised(as_exception(attributes)), below, _WRAPPED)
            return
        said = Text(text.escape(row.event.name))
        if attributes:
            said.append(f"  {text.attributes(attributes)}", style="dim")
        yield from self._folded(prefix, said, below, 1)

    def _gap(self, row: GapRow) -> Text:
        line = self._at(row.gap.start, row.guides)
        return line.append(f"{GAP:<5} {text.duration(row.gap.duration)} waited in silence", style="yellow")

    def _link(self, row: LinkRow) -> Text:
        link = row.link
        line = Text(self._guides(row.guides), style="dim")
        arrow = INCOMING if row.incoming else OUTGOING
        line.append(f"{arrow} {'linked from' if row.incoming else 'links to'} trace {link.trace_id}", style="blue")
        line.append(f" span {link.span_id}  {text.attributes(link.attributes)}", style="dim")
        more = f" (+{row.more} more)" if row.more else ""
        return _cropped(line, self.width - len(more)).append(more)

    def _at(self, time: int, guides: tuple[bool, ...], *, known: bool = True) -> Text:
        """Begin a row within a span: the guides, and the time since the start of the axis, where it is known."""
        line = Text(self._guides(guides), style="dim")
        offset = time - self.start
        at = ("-" if offset < 0 else "+") + text.duration(abs(offset)) if known else "no time"
        line.append(f"{at:<{_DURATION_WIDTH}} ", style="dim")
        return line

    def _below(self, prefix: Text, guides: tuple[bool, ...]) -> Text:
        """Begin a row that continues the one above it: the same guides, and blanks."""
        line = Text(self._guides(guides), style="dim")
        return line.append(" " * (prefix.cell_len - line.cell_len))

    def _guides(self, guides: tuple[bool, ...], *, joint: bool = False, critical: bool = False) -> str:
        """Return the guides left of a row, as many as there is room for; with `joint` the last one branches off."""
        guides = guides[: self.levels]
        if not guides:
            return ""
        above = "".join(PIPE if followed else BLANK for followed in guides[:-1])
        if joint and critical:
            return above + (CRITICAL_BRANCH if guides[-1] else CRITICAL_CORNER)
        if joint:
            return above + (BRANCH if guides[-1] else CORNER)
        return above + (PIPE if guides[-1] else BLANK)

    def _folded(self, prefix: Text, said: Text, below: Text, rows: int) -> Iterator[Text]:
        """Yield a text behind its prefix, folded into at most so many rows, the last cropped."""
        room = max(self.width - prefix.cell_len, 20)
        if len(said) > rows * room:  # measuring a long text costs more than showing its beginning
            said = said[: rows * room].append(ELLIPSIS, style="dim")
        for number in range(rows):
            if said.cell_len <= room or number == rows - 1:
                yield prefix + _cropped(said, room)
                return
            cut = _break_at(said.plain, room)
            yield prefix + said[:cut]
            said, prefix = said[cut:], below


def _service_of(row: LineRow) -> str | None:
    if row.node:
        return row.node.span.service
    return row.ghost.service if row.ghost else None


def print_logs(console: Console, entries: Iterable[LogEntry]) -> int:
    """Print log lines as they come, one each; return how many."""
    printed = 0
    for entry in entries:
        printed += 1
        line = Text(f"{format_iso(entry.time, digits=6)} ", style="dim")
        level = _LEVEL_NAMES.get(entry.level or "", entry.level or "-")
        line.append(f"{level:<5} ", style=_LEVEL_STYLES.get(entry.level or "", "dim"))
        line.append(f"{text.escape(entry.service)} ", style=service_style(entry.service))
        line.append(text.escape(entry.message))
        details = text.attributes(entry.attributes)
        if details:
            line.append(f"  {details}", style="dim")
        if entry.span_id:
            line.append(f"  span={entry.span_id}", style="dim")
        if entry.exception is not None:
            line.append("  ").append_text(_raised(entry.exception))
        console.print(line)
    return printed


def _raised(exception: ExceptionInfo) -> Text:
    """Return an exception as it is read: its type and its message."""
    said = exception.message or (exception.stacktrace or "").strip().rpartition("\n")[2]
    kind = exception.type or ("" if said else "exception")
    whole = said if kind and said.startswith(kind) else ": ".join(filter(None, (kind, said)))
    return Text(text.escape(whole), style="red")


def print_slow(console: Console, rows: Iterable[TraceSummary]) -> None:
    """Print the slowest traces as a table."""
    table = _Table(console, "measured at", ("duration", "spans", "lines", "errors"), "trace and start")
    for row in rows:
        label = _operation_label(row.name, f"{row.service} ({row.measure})", row.service)
        cells = (
            text.duration(row.duration), f"{row.span_count:,}", f"{row.log_count:,}", f"{row.error_count:,}"
        )  # fmt: skip
        table.print(label, cells, f"{row.trace_id} {format_iso(row.start, digits=0)}", failed=row.error_count > 0)


def print_operations(console: Console, rows: Iterable[Operation]) -> None:
    """Print the latency of operations as a table, with an example trace for the slow end."""
    table = _Table(console, "operation", ("count", "p50", "p95", "p99", "max", "errors"), "example at p99")
    for row in rows:
        label = _operation_label(row.name, row.service, row.service)
        figures = (text.duration(figure) for figure in (row.p50, row.p95, row.p99, row.max))
        cells = (f"{row.count:,}", *figures, f"{row.error_count:,}")
        table.print(label, cells, row.examples.get("p99", ""), failed=row.error_count > 0)


def print_matches(console: Console, matches: Iterable[Match]) -> None:
    """Print where an id was found as a table."""
    table = _Table(console, "found in", ("count",), "trace")
    for match in matches:
        label = Text(text.escape(f"{match.field} = {match.value}"))
        table.print(label, (f"{match.count:,}",), match.trace_id)


class _Table:
    """Rows of a label, figures, and an id that must stay whole: beside them if there is room, else below."""

    def __init__(self, console: Console, label: str, figures: tuple[str, ...], reference: str) -> None:
        self._console = console
        self._reference_width = 0 if console.width < _WIDE else _REFERENCE_WIDTH
        self._room = max(console.width - len(figures) * (_DURATION_WIDTH + 1) - self._reference_width, _LABEL_WIDTH)
        heading = "".join(f" {name:>{_DURATION_WIDTH}}" for name in figures)
        beside = f"  {reference}" if self._reference_width else ""
        self._console.print(Text(f"{label:<{self._room}}{heading}{beside}", style="dim"))

    def print(self, label: Text, figures: tuple[str, ...], reference: str, *, failed: bool = False) -> None:
        """Print one row; `failed` marks its last figure."""
        line = _fitted(label, self._room)
        for figure in figures[:-1]:
            line.append(f" {figure:>{_DURATION_WIDTH}}")
        line.append(f" {figures[-1]:>{_DURATION_WIDTH}}", style="red" if failed else "")
        if self._reference_width:
            line.append(f"  {reference}", style="dim")
        self._console.print(line)
        if not self._reference_width and reference:
            self._console.print(Text(f"  {reference}", style="dim"))


def _operation_label(name: str, described: str, service: str) -> Text:
    label = Text(text.escape(name), style="bold")
    return label.append(f"  {text.escape(described)}", style=service_style(service))


def _fitted(line: Text, width: int) -> Text:
    """Return a text in exactly the given width, cropped with an ellipsis or filled with blanks."""
    cropped = _cropped(line, width)
    return cropped.append(" " * (width - cropped.cell_len))


def _cropped(line: Text, width: int) -> Text:
    """Return a text in at most the given width, cropped with an ellipsis."""
    if line.cell_len <= width:
        return line
    kept = set_cell_size(line.plain, width - cell_len(ELLIPSIS)).rstrip()
    return line[: len(kept)].append(ELLIPSIS, style="dim")


def service_style(service: str) -> str:
    """Return the colour of a service, the same wherever it appears."""
    digest = blake2b(service.encode(errors="replace"), digest_size=2).digest()
    return _PALETTE[int.from_bytes(digest, "big") % len(_PALETTE)]


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _break_at(plain: str, room: int) -> int:
    """Return where to break a text to fit a width: behind the last blank that fits, else in mid word."""
    fitting = len(set_cell_size(plain, room).rstrip())
    blank = plain.rfind(" ", room // 2, fitting + 1)
    return blank + 1 if blank > 0 else max(fitting, 1)
