"""The answers of `slow`, `ops`, `deps` and `show --list` as tables on a terminal."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console

from tracelog.model import CALLING, Dependency, Match, Operation, TraceSummary
from tracelog.schema.times import format_iso, format_short
from tracelog.show import text
from tracelog.show.palette import service_style
from tracelog.show.styled import Line, laid_out, writer

_FIGURE_WIDTH = 8
_LABEL_WIDTH = 24
_REFERENCE_WIDTH = 56
_ID_WIDTH = 34
_ARROW = " -> "
_WIDE = 140
"""From this width on, a table has its ids beside the figures."""


def print_slow(console: Console, rows: Iterable[TraceSummary]) -> None:
    """Print the slowest traces as a table."""
    table = Table(console, "measured at", ("duration", "spans", "lines", "errors"), "trace and start")
    for row in rows:
        label = operation_label(row.name, f"{row.service} ({row.measure})", row.service)
        cells = (
            text.duration(row.duration), f"{row.span_count:,}", f"{row.log_count:,}", f"{row.error_count:,}"
        )  # fmt: skip
        table.print(label, cells, f"{row.trace_id} {format_iso(row.start, digits=0)}", failed=row.error_count > 0)


def print_operations(console: Console, rows: Iterable[Operation]) -> None:
    """Print the latency of operations as a table, with an example trace for the slow end.

    Where times are told apart, an operation is a line of its own, and below it there is a row for each of them.
    """
    table = Table(console, "operation", ("count", "p50", "p95", "p99", "max", "errors"), "example at p99")
    before: tuple[str, str, str] | None = None
    for row in rows:
        side = f" ({row.kind.lower()})" if row.kind in CALLING else ""
        label = operation_label(row.name, row.service + side, row.service)
        if row.bucket is not None:
            operation = (row.service, row.name, row.kind)
            if operation != before:
                table.print_heading(label)
            before, label = operation, Line(f"  {format_short(row.bucket)}")
        figures = (_figure(row, name) for name in ("p50", "p95", "p99", "max"))
        cells = (f"{row.count:,}", *figures, share(row.error_count, row.count))
        table.print(label, cells, row.examples.get("p99", ""), failed=row.error_count > 0)


def share(part: int, whole: int, *, none: str = "0") -> str:
    """Return how many of a hundred; few are more than none."""
    if 0 < part < whole / 1000:
        return "<0.1%"
    return f"{part / whole:.1%}" if part else none


def _figure(row: Operation, name: str) -> str:
    """Return how long, marked where it is an estimate."""
    return f"{'~' if name in row.estimated else ''}{text.duration(getattr(row, name))}"


def print_dependencies(console: Console, rows: Iterable[Dependency]) -> None:
    """Print who calls whom as a table, with the longest call as an example. What is but named is printed dim."""
    figures = ("calls", "each", "p50", "p99", "errors")
    table = Table(console, "caller -> callee", figures, "longest call", wide=_ID_WIDTH)
    for row in rows:
        callee_style = "dim" if row.external else service_style(row.callee)
        caller = _end(row.caller, row.caller_operation, service_style(row.caller))
        label = _arrow(caller, _end(row.callee, row.callee_operation, callee_style), table.room)
        durations = (text.duration(figure) for figure in (row.p50, row.p99))
        cells = (f"{row.calls:,}", f"{row.calls_per_parent:.1f}", *durations, f"{row.error_count:,}")
        table.print(label, cells, row.example, failed=row.error_count > 0)


def _end(service: str, operation: str | None, style: str) -> Line:
    line = Line(text.escape(service), style)
    return line if operation is None else line.add(f" {text.escape(operation)}", "bold")


def _arrow(caller: Line, callee: Line, room: int) -> Line:
    """Return an arrow between two ends; where they are too long each has half of the room, or what the other leaves."""
    room -= len(_ARROW)
    if caller.width + callee.width > room:
        caller = caller.cropped(max(room // 2, room - callee.width))
        callee = callee.cropped(room - caller.width)
    return Line().extend(caller).add(_ARROW, "dim").extend(callee)


def print_matches(console: Console, matches: Iterable[Match]) -> None:
    """Print where an id was found as a table."""
    table = Table(console, "found in", ("count",), "trace")
    for match in matches:
        label = Line(text.escape(f"{match.field} = {match.value}"))
        table.print(label, (f"{match.count:,}",), match.trace_id)


class Table:
    """Rows of a label, figures, and an id that must stay whole: beside them if there is room, else below.

    `wide`: how much room that is, behind two blanks, on a wide terminal.
    """

    def __init__(
        self, console: Console, label: str, figures: tuple[str, ...], reference: str, *, wide: int = _REFERENCE_WIDTH
    ) -> None:
        self._write = writer(console)
        self._width = console.width
        columns = laid_out(self._width)
        self._spare = self._width - columns
        self._reference_width = wide if reference and columns >= _WIDE else 0
        self._room = max(columns - len(figures) * (_FIGURE_WIDTH + 1) - self._reference_width, _LABEL_WIDTH)
        self.room = self._room + self._spare
        """How wide a label may be."""
        heading = "".join(f" {name:>{_FIGURE_WIDTH}}" for name in figures)
        beside = f"  {reference}" if self._reference_width else ""
        self._write(Line(f"{label:<{self._room}}{heading}{beside}", "dim"))

    def print_heading(self, label: Line) -> None:
        """Print what the rows below are about."""
        self._write(label.cropped(self.room))

    def print(self, label: Line, figures: tuple[str, ...], reference: str, *, failed: bool = False) -> None:
        """Print one row; `failed` marks its last figure."""
        line = label.fitted(self._room, self._spare)
        for figure in figures[:-1]:
            line.add(f" {figure:>{_FIGURE_WIDTH}}")
        line.add(f" {figures[-1]:>{_FIGURE_WIDTH}}", "red" if failed else "")
        if self._reference_width:
            line.extend(Line(f"  {reference}", "dim").cropped(self._reference_width + self._spare))
        self._write(line)
        if not self._reference_width and reference:
            self._write(Line(f"  {reference}", "dim").cropped(self._width))


def operation_label(name: str, described: str, service: str) -> Line:
    """Return the name of an operation, and behind it what is said of it, in the colour of its service."""
    label = Line(text.escape(name), "bold")
    return label.add(f"  {text.escape(described)}", service_style(service))
