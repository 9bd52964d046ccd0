"""A trace and log lines on a terminal: one time axis, a bar per span, the log lines inside the tree.

Text from users never reaches the terminal but through `text.escape`, and is never read as markup.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from io import TextIOWrapper
from typing import IO

from rich.console import Console

from tracelog.model import LogEntry, Node, Trace
from tracelog.schema.times import format_iso
from tracelog.show import text
from tracelog.show.folding import Folding
from tracelog.show.painter import Painter, heading
from tracelog.show.palette import level_column, raised, service_style
from tracelog.show.styled import UNBOUNDED, Line, writer
from tracelog.show.timeline import Keep, timeline_rows, unfolded

_TIME_WIDTH = len("2026-04-19T14:23:01.200000Z")


def make_console(file: IO[str] | None = None, *, width: int | None = None, color: bool | None = None) -> Console:
    """Return a console for stdout; `color` None means on a terminal and without NO_COLOR.

    `width` None means COLUMNS, else that of the terminal; what is no terminal has any. Where stdout cannot encode a
    character (ASCII, Latin-1), it prints one that it can.
    """
    if file is None and isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors=text.ASCII_FALLBACK)
    width = width or _width(file or sys.stdout)
    return Console(
        file=file, width=width, highlight=False, markup=False, emoji=False, soft_wrap=True,
        no_color=None if color is None else not color, force_terminal=color or None,
    )  # fmt: skip


def _width(file: IO[str]) -> int | None:
    """Return None where rich knows the width."""
    known = file.isatty() or os.environ.get("COLUMNS", "").isdecimal()
    return None if known else UNBOUNDED


def print_trace(
    console: Console, trace: Trace, keep: Keep = lambda _: True, *, top: Node | None = None, whole: bool = False
) -> None:
    """Print a trace as a timeline, and behind it those that were fetched as it is linked with them.

    `keep` chooses the log lines, `top` the span to begin at. Nothing is folded where the `whole` is wanted.
    """
    write = writer(console)
    painter = Painter(console.width, trace, top)
    folding = None if whole else Folding(trace, top)
    for line in painter.header(is_summary=folding is not None and folding.is_summary):
        write(line)
    for row in timeline_rows(trace, keep, top=top, fold=folding.fold if folding else unfolded):
        for line in painter.paint(row):
            write(line)
    for linked in trace.linked:
        if linked.trace is not None:
            for line in heading(linked, linked.trace, console.width):
                write(line)
            print_trace(console, linked.trace, keep, whole=whole)


def print_logs(console: Console, entries: Iterable[LogEntry]) -> int:
    """Print log lines as they come, one each; return how many."""
    write = writer(console)
    printed = 0
    for entry in entries:
        printed += 1
        at = format_iso(entry.time, digits=6) if entry.has_time else "no time"
        line = Line(f"{at:<{_TIME_WIDTH}} ", "dim")
        line.add(*level_column(entry.level))
        line.add(f"{text.escape(entry.service)} ", service_style(entry.service))
        line.add(text.escape(entry.message))
        details = text.attributes(entry.attributes)
        if details:
            line.add(f"  {details}", "dim")
        if entry.span_id:
            line.add(f"  span={entry.span_id}", "dim")
        if entry.exception is not None:
            line.add("  ").extend(raised(entry.exception))
        write(line)
    return printed
