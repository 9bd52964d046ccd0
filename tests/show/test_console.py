"""The timeline as it is printed: snapshots, and the width that nothing may exceed.

Snapshots are written anew where TRACELOG_UPDATE_SNAPSHOTS is set.
"""

from __future__ import annotations

import io
import os
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from checkout import OTHER, TRACE, checkout, make_line, make_span
from rich.cells import cell_len

from tracelog.model import (
    Dependency,
    ExceptionInfo,
    Finding,
    LogEntry,
    Match,
    Operation,
    SpanEvent,
    SpanLink,
    Trace,
    TraceSummary,
)
from tracelog.read.clocks import adjust_clocks
from tracelog.read.tree import build_trace
from tracelog.show import console, tables, text

SNAPSHOTS = Path(__file__).parent / "snapshots"
MS = 1_000_000


def printed(trace: Trace, width: int, *, color: bool = False, top: str | None = None, whole: bool = False) -> str:
    out = io.StringIO()
    shown = console.make_console(out, width=width, color=color)
    console.print_trace(shown, trace, top=trace.node(top) if top else None, whole=whole)
    return out.getvalue()


def check_snapshot(name: str, found: str) -> None:
    path = SNAPSHOTS / name
    if os.environ.get("TRACELOG_UPDATE_SNAPSHOTS"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(found, encoding="utf-8")
    assert found == path.read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away what the terminal of whoever runs the tests would change."""
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")


@pytest.mark.parametrize("width", [80, 120, 200])
def test_a_timeline_looks_like_its_snapshot(width: int) -> None:
    check_snapshot(f"checkout-{width}.txt", printed(checkout(), width))


def test_a_timeline_with_colour_looks_like_its_snapshot() -> None:
    check_snapshot("checkout-120-colour.txt", printed(checkout(), 120, color=True))


def test_colour_adds_nothing_but_colour() -> None:
    coloured = printed(checkout(), 120, color=True)
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == printed(checkout(), 120)


def test_a_timeline_that_begins_at_a_span_looks_like_its_snapshot() -> None:
    check_snapshot("checkout-from-span-80.txt", printed(checkout(), 80, top=checkout().nodes[3].span.span_id))


def test_a_trace_of_lines_alone_looks_like_its_snapshot() -> None:
    check_snapshot("lines-alone-80.txt", printed(build_trace(TRACE, [], checkout().logs), 80))


def loop() -> Trace:
    """Make a trace in which calls are repeated, one of them in vain, between many lines at DEBUG."""
    spans = [make_span(1, None, (0, 900), "GET /cart", "cart", kind="SERVER")]
    lines = [make_line(1, 600 + n, f"computing row {n}", "cart", 5) for n in range(30)]
    for n in range(12):
        spans.append(make_span(10 + n, 1, (5 + 40 * n, 20 + n % 5), "SELECT stock", "cart", kind="CLIENT"))
        spans.append(make_span(30 + n, 1, (35 + 40 * n, 4), "GET /price", "cart", kind="CLIENT"))
        spans.append(make_span(50 + n, 30 + n, (36 + 40 * n, 2), "GET /price", "prices", kind="SERVER"))
        lines += [make_line(1, 27 + 40 * n, f"item {n}", "cart"), make_line(50 + n, 37 + 40 * n, "found", "prices", 5)]
    spans.append(make_span(99, 1, (700, 30), "SELECT stock", "cart", kind="CLIENT", status="ERROR"))
    return build_trace(TRACE, spans, [*lines, make_line(99, 720, "deadlock found", "cart", 17)])


@pytest.mark.parametrize("width", [80, 120, 200])
def test_what_is_folded_looks_like_its_snapshot(width: int) -> None:
    check_snapshot(f"loop-{width}.txt", printed(loop(), width))


def broken_trace() -> Trace:
    """Make a trace in which much is missing or wrong, each in its own way."""
    spans = [
        make_span(1, None, (0, 100), "GET /", "shop", kind="SERVER"),
        make_span(2, 1, (10, 50), "POST /pay", "shop", kind="CLIENT"),
        make_span(2, 1, (-1180, 30), "POST /pay", "cards", kind="SERVER"),
        make_span(3, 77, (40, 20), "send receipt", "mailer"),
        make_span(4, 77, (65, 5), "archive receipt", "mailer"),
        make_span(5, 6, (80, 5), "retry", "mailer"),
        make_span(6, 5, (81, 2), "retry again", "mailer"),
    ]
    lines = [
        make_line(2, 12, "calling", "shop"),
        make_line(2, -1170, "charging", "cards"),
        make_line(77, 70, "receipt is on its way", "mailer"),
        make_line(88, 30, "never kept", "audit", trace_flags=0),
        make_line(None, 50, "who wrote this?", "mailer"),
        make_line(None, 99, "nobody knows", "cron"),
    ]
    return build_trace(TRACE, spans, lines)


def test_what_is_missing_and_wrong_is_said_above_and_marked_within() -> None:
    check_snapshot("broken-100.txt", printed(broken_trace(), 100))
    check_snapshot("broken-adjusted-100.txt", printed(adjust_clocks(broken_trace()), 100))


def test_of_many_findings_the_first_are_printed_each_in_at_most_two_rows() -> None:
    findings = tuple(Finding("cycle", f"{n} \x1b[31m" + "word " * 100) for n in range(8))
    shown = printed(msgspec.structs.replace(checkout(), findings=findings), 80).splitlines()
    assert [row[:11] for row in shown[3:16]] == [
        row for n in range(6) for row in (f"! {n} \\x1b[31", "  word word")
    ] + ["  and 2 mor"]  # fmt: skip


def test_a_line_whose_time_is_not_known_is_printed_without_one() -> None:
    line = msgspec.structs.replace(make_line(1, 1, "when was this?", "shop"), time=-6_795_364_578_871_345_152)
    shown = printed(build_trace(TRACE, [make_span(1, None, (0, 9), "top", "shop")], [line]), 80)
    assert shown.splitlines()[-1] == "  no time  INFO  when was this?"


def odd_trace() -> Trace:
    """Make a trace with all that is long, wide or deep."""
    wide = "注文を処理する" * 30
    spans = [
        make_span(1, None, (0, 9_000_000), wide, "サービス" * 20, links=(SpanLink(OTHER, "1" * 16, {wide: wide}),) * 9)
    ]
    spans += [make_span(n, n - 1, (n, 500_000 - n), f"call {n} {wide}", "orders", status="ERROR") for n in range(2, 61)]
    spans.append(make_span(99, 98, (5, 1), wide, wide, events=(SpanEvent(spans[0].start, wide, {"k": wide}),)))
    logs: list[LogEntry] = []
    for n, body in enumerate(
        ("x" * 10_000, "word " * 2000, wide * 50, "🛒" * 10_000, "\x1b" * 10_000, "a " + "é" * 10_000)
    ):
        for severity in (0, 5, 9, 13, 17, 21):
            raised = ExceptionInfo("KeyError", body, "stack") if severity == 17 else None
            line: dict[str, Any] = {"severity": severity, "attributes": {wide: body}, "exception": raised}
            logs += [make_line(span, 5000 + n, f"{severity} {body}", wide, **line) for span in (1, 20, 60, None)]
    return build_trace(TRACE, spans, logs)


@pytest.mark.parametrize("width", [80, 81, 120])
def test_no_line_is_wider_than_the_terminal_however_wide_long_or_deep_the_trace(width: int) -> None:
    too_wide = [line for line in printed(odd_trace(), width).splitlines() if cell_len(line) > width]
    assert too_wide == []


def test_the_name_of_a_span_can_be_read_at_any_depth() -> None:
    rows = printed(odd_trace(), 80).splitlines()
    assert [n for n in range(2, 61) if not any(f" call {n} 注" in row for row in rows)] == []


def test_spans_too_deep_for_their_guides_are_told_apart_with_their_lines_by_a_depth() -> None:
    spans = [make_span(n, n - 1 or None, (n, 500 - 2 * n), f"call {n}", "shop") for n in range(1, 31)]
    trace = build_trace(TRACE, spans, [make_line(n, 480 - n, f"line {n}", "shop") for n in range(1, 31)])
    for width, levels in ((80, 11), (300, 23)):
        shown = printed(trace, width)
        expected = [None if depth < levels else f"…{depth} " for depth in range(30)]
        for mark in (r"(…\d+ )?call {}\b", r"(…\d+ )?\+\d+ ms +INFO +line {}\b"):
            assert [(re.findall(mark.format(n), shown) or ["absent"])[-1] or None for n in range(1, 31)] == expected


def test_markup_in_what_users_write_is_printed_as_it_is() -> None:
    span = make_span(1, None, (0, 9), "[bold]top[/bold]", "[blink]shop[/]")
    line = make_line(1, 1, "[red]paid[/red] :smile: [link=http://x]", "[b]shop", 13, attributes={"[i]": "[/]"})
    shown = printed(build_trace(TRACE, [span], [line]), 120)
    assert "[bold]top[/bold]  [blink]shop[/]" in shown
    assert "[red]paid[/red] :smile: [link=http://x]  [b]shop  [i]=[/]" in shown


def test_where_there_is_only_ascii_everything_is_drawn_in_ascii() -> None:
    shown = printed(checkout(), 80).encode("ascii", errors=text.ASCII_FALLBACK).decode("ascii")
    check_snapshot("checkout-80-ascii.txt", shown)


def test_lines_are_printed_one_each_whatever_they_hold() -> None:
    out = io.StringIO()
    shown = console.make_console(out, width=80, color=False)
    assert console.print_logs(shown, checkout().logs) == 8
    check_snapshot("logs.txt", out.getvalue())
    assert len(out.getvalue().splitlines()) == 8


def test_a_line_whose_time_is_not_known_is_listed_without_one() -> None:
    out = io.StringIO()
    lines = [make_line(1, 1, said, "shop") for said in ("when was this?", "now")]
    lines[0] = msgspec.structs.replace(lines[0], time=-6_795_364_578_871_345_152)
    console.print_logs(console.make_console(out, width=80, color=False), lines)
    unknown, known = out.getvalue().splitlines()
    assert unknown.startswith("no time   ")
    assert unknown.index("INFO") == known.index("INFO")


SUMMARIES = [
    TraceSummary(
        trace_id=TRACE, service=service, name=name, measure="root", start=checkout().start, duration=540 * MS,
        trace_duration=540 * MS, span_count=5, log_count=12_345, error_count=errors,
    )
    for service, name, errors in (("api-gateway", "POST /checkout", 1), ("注文" * 30, "[red]" + "長い" * 60, 0))
]  # fmt: skip
OPERATIONS = [
    Operation(
        service="api-gateway", name="POST /checkout" * count, kind="SERVER", count=count, error_count=1, p50=1 * MS,
        p95=20 * MS, p99=300 * MS, max=4000 * MS, examples={"p50": OTHER, "p95": OTHER, "p99": TRACE},
    )
    for count in (1, 1234)
]  # fmt: skip
BUCKETS = [
    msgspec.structs.replace(OPERATIONS[0], name=name, kind=kind, bucket=minute * 60_000 * MS, estimated=estimated)
    for name, kind in (("POST /checkout", "CLIENT"), ("GET /" + "x" * 200, "SERVER"))
    for minute, estimated in ((0, ()), (5, ("p50", "p99")))
]
DEPENDENCIES = [
    Dependency(
        caller="api-gateway", callee=callee, calls=calls, calls_per_parent=calls / 2, error_count=errors, p50=1 * MS,
        p99=4000 * MS, example=TRACE, external=callee.startswith("postgresql"), caller_operation=operation,
        callee_operation=operation,
    )
    for callee, calls, errors, operation in (
        ("orders", 1234, 1, None), ("postgresql/orders", 2, 0, None), ("[red]" + "注文" * 60, 1, 0, "POST /orders"),
    )
]  # fmt: skip
MATCHES = [Match(TRACE, "order.id", "A-1234", 12), Match(OTHER, "message", "x\ny" * 100, 1)]


@pytest.mark.parametrize("width", [80, 200])
def test_tables_look_like_their_snapshots_and_fit(width: int) -> None:
    out = io.StringIO()
    shown = console.make_console(out, width=width, color=False)
    tables.print_slow(shown, SUMMARIES)
    tables.print_operations(shown, OPERATIONS)
    tables.print_operations(shown, BUCKETS)
    tables.print_dependencies(shown, DEPENDENCIES)
    tables.print_matches(shown, MATCHES)
    check_snapshot(f"tables-{width}.txt", out.getvalue())
    assert [line for line in out.getvalue().splitlines() if cell_len(line) > width] == []


def test_where_there_is_no_terminal_nothing_is_cropped_or_folded_and_bars_keep_their_width() -> None:
    said = "word " * 100 + "end"
    name = "n" * 150
    spans = [make_span(1, None, (0, 9), "top", "shop"), make_span(2, 1, (1, 3), name, "shop")]
    lines = [make_line(1, at, said, "shop", severity) for at, severity in ((5, 9), (6, 17))]
    out = io.StringIO()
    console.print_trace(console.make_console(out), build_trace(TRACE, spans, lines))
    top, called, *told = out.getvalue().splitlines()[-4:]
    assert [row.split(" ", 1)[0] for row in (top, called)] == ["top", "┗"]
    assert f"┗ {name} " in called
    assert [len(row.split()[-1]) for row in (top, called)] == [40, 40]
    assert told == [f"  +5.00 ms INFO  {said}", f"  +6.00 ms ERROR {said}"]


def test_where_there_is_no_terminal_tables_have_whole_names_with_their_ids_beside() -> None:
    out = io.StringIO()
    tables.print_operations(console.make_console(out), BUCKETS)
    tables.print_dependencies(console.make_console(out), DEPENDENCIES)
    rows = out.getvalue().splitlines()
    assert [row for row in rows if row == f"GET /{'x' * 200}  api-gateway"] != []
    assert [row for row in rows if f"[red]{'注文' * 60} POST /orders " in row and row.endswith(f"  {TRACE}")] != []


@pytest.mark.parametrize(
    ("caller", "callee", "shown"),
    [
        ("shop", "stock", "shop -> stock"),
        ("c" * 60, "stock", f"{'c' * 25}… -> stock"),
        ("shop", "s" * 60, f"shop -> {'s' * 26}…"),
        ("c" * 60, "s" * 60, f"{'c' * 14}… -> {'s' * 15}…"),
    ],
)
def test_an_arrow_that_does_not_fit_keeps_both_of_its_ends(caller: str, callee: str, shown: str) -> None:
    out = io.StringIO()
    row = msgspec.structs.replace(DEPENDENCIES[0], caller=caller, callee=callee, caller_operation=None)
    tables.print_dependencies(console.make_console(out, width=80, color=False), [row])
    assert out.getvalue().splitlines()[1][:35].rstrip() == shown


def test_columns_says_how_wide_it_is_where_there_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    out = io.StringIO()
    console.print_trace(console.make_console(out), checkout())
    assert out.getvalue() == printed(checkout(), 120)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_colour_is_for_terminals_alone_and_no_color_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def shown(out: io.StringIO) -> str:
        console.print_trace(console.make_console(out, width=80), checkout())
        return out.getvalue()

    colour = re.compile(r"\x1b\[[0-9;]*3[0-7]m")
    assert shown(io.StringIO()) == printed(checkout(), 80)
    assert colour.search(shown(Terminal()))
    monkeypatch.setenv("NO_COLOR", "1")
    assert not colour.search(shown(Terminal()))
