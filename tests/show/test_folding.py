"""What is folded away, what never is, and that nothing gets lost in between."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from checkout import OTHER, TRACE, checkout, make_line, make_span, span_id
from hypothesis import given
from hypothesis import strategies as st

from tracelog.model import LogEntry, Span, SpanEvent, SpanLink, Trace
from tracelog.read.tree import build_trace
from tracelog.show.folding import FEWEST_LINES, FEWEST_REPEATED, HUGE, SPANS_SHOWN, WARNINGS_SHOWN, Folding
from tracelog.show.rows import EventRow, GapRow, GhostsRow, LineRow, LinesRow, Row, SpanRow, SpansRow
from tracelog.show.timeline import timeline_rows

DEBUG, INFO, WARNING = 5, 9, 13


def folded_rows(trace: Trace, top: int | None = None) -> list[Row]:
    node = None if top is None else trace.node(span_id(top))
    return [*timeline_rows(trace, top=node, fold=Folding(trace, node).fold)]


def said(rows: Iterable[Row]) -> list[str]:
    words = []
    for row in rows:
        if isinstance(row, SpanRow):
            words.append(row.node.span.name)
        elif isinstance(row, SpansRow):
            words.append(f"{len(row.nodes)} spans, {row.below} below, {row.lines} lines, {row.errors} errors")
        elif isinstance(row, LineRow):
            words.append(f"'{row.entry.message}'")
        elif isinstance(row, LinesRow):
            words.append(f"{len(row.rows)} lines")
        else:
            words.append(type(row).__name__)
    return words


def calls(*names: str, first: int = 10, ms: float = 1, **rest: Any) -> list[Span]:
    """Make calls of span 1, one after the other."""
    return [make_span(first + n, 1, (first + n * ms, ms), name, "shop", **rest) for n, name in enumerate(names)]


def trace_of(spans: Iterable[Span], lines: Iterable[LogEntry] = ()) -> Trace:
    return build_trace(TRACE, [make_span(1, None, (0, 90), "top", "shop"), *spans], [*lines])


def test_debug_lines_that_stand_together_are_one_row() -> None:
    lines = [make_line(1, n, f"{n}", severity=DEBUG) for n in range(FEWEST_LINES)]
    assert said(folded_rows(trace_of([], lines))) == ["top", "4 lines"]
    assert said(folded_rows(trace_of([], lines[1:]))) == ["top", "'1'", "'2'", "'3'"]


@pytest.mark.parametrize("severity", [0, INFO, WARNING])
def test_lines_of_other_levels_are_all_shown(severity: int) -> None:
    lines = [make_line(1, n, f"{n}", severity=severity) for n in range(30)]
    assert len(folded_rows(trace_of([], lines))) == 31


def test_a_line_at_info_parts_those_at_debug() -> None:
    levels = [DEBUG] * 5 + [INFO] + [DEBUG] * 6
    lines = [make_line(1, n, f"{n}", severity=severity) for n, severity in enumerate(levels)]
    assert said(folded_rows(trace_of([], lines))) == ["top", "5 lines", "'5'", "6 lines"]


def test_the_lines_beside_a_gap_are_shown() -> None:
    lines = [make_line(1, n if n < 6 else 1000 + n, f"{n}", severity=DEBUG) for n in range(12)]
    trace = build_trace(TRACE, [make_span(1, None, (0, 1100), "top", "shop")], lines)
    assert said(folded_rows(trace)) == ["top", "5 lines", "'5'", "GapRow", "'6'", "5 lines"]


def test_of_calls_repeated_the_longest_is_shown() -> None:
    spans = [*calls(*["SELECT"] * 5), *calls("SELECT", first=20, ms=9), *calls(*["SELECT"] * 3, first=40)]
    assert said(folded_rows(trace_of(spans))) == [
        "top", "5 spans, 0 below, 0 lines, 0 errors", "SELECT", "3 spans, 0 below, 0 lines, 0 errors",
    ]  # fmt: skip


def test_a_few_calls_are_all_shown() -> None:
    assert len(folded_rows(trace_of(calls(*["SELECT"] * (FEWEST_REPEATED - 1))))) == FEWEST_REPEATED


def test_calls_that_take_turns_and_the_lines_between_them_are_one_row() -> None:
    spans = calls(*["stock", "price"] * 6)
    spans[0] = make_span(10, 1, (4, 6), "stock", "shop")
    spans[1] = make_span(11, 1, (5, 6), "price", "shop")
    lines = [make_line(1, 12.5 + n, f"{n}", severity=INFO) for n in range(12)]
    shown = said(folded_rows(trace_of(spans, lines)))
    assert shown[:4] == ["top", "stock", "price", "10 spans, 0 below, 9 lines, 0 errors"]
    assert shown[4:] == ["'9'", "'10'", "'11'"]


def test_what_is_below_a_call_is_folded_with_it() -> None:
    spans = calls(*["SELECT"] * 6)
    spans += [make_span(50 + n, 10 + n, (10 + n, 0.5), "connect", "shop") for n in range(6)]
    lines = [make_line(50 + n, 10.2 + n, "connecting") for n in range(6)]
    shown = said(folded_rows(trace_of(spans, lines)))
    assert shown == ["top", "SELECT", "connect", "'connecting'", "5 spans, 5 below, 5 lines, 0 errors"]


@pytest.mark.parametrize(
    "odd",
    [
        {"status": "ERROR"},
        {"events": (SpanEvent(0, "exception", {"exception.type": "KeyError"}),)},
        {"links": (SpanLink(OTHER, span_id(7)),)},
    ],
)
def test_a_call_that_is_wrong_or_leads_elsewhere_is_shown(odd: dict[str, Any]) -> None:
    spans = [*calls(*["SELECT"] * 6), *calls("SELECT", first=20, **odd), *calls(*["SELECT"] * 6, first=30)]
    rows = folded_rows(trace_of(spans))
    assert [span_id(20)] == [row.node.span.span_id for row in rows if isinstance(row, SpanRow) and _odd(row, odd)]
    assert sum(isinstance(row, SpansRow) for row in rows) == 2


def _odd(row: SpanRow, odd: dict[str, Any]) -> bool:
    return all(getattr(row.node.span, name) == value for name, value in odd.items())


def test_a_call_with_a_warning_anywhere_below_it_is_shown_with_its_line() -> None:
    spans = [*calls(*["SELECT"] * 12), make_span(90, 16, (16, 0.5), "connect", "shop")]
    shown = said(folded_rows(trace_of(spans, [make_line(90, 16.2, "no connection is free", severity=WARNING)])))
    assert shown == [
        "top", "SELECT", "5 spans, 0 below, 0 lines, 0 errors", "SELECT", "connect", "'no connection is free'",
        "SELECT", "4 spans, 0 below, 0 lines, 0 errors",
    ]  # fmt: skip


def huge(spans: int = 3000, lines: int = 3000) -> Trace:
    """Make a trace in which a few spans are slow or wrong, and others fast and well."""
    made = [make_span(1, None, (0, 9000), "top", "shop")]
    made += [make_span(n, 1 + n // 10, (n, 3), f"call {n % 50}", "shop") for n in range(2, spans)]
    made[1500] = make_span(1501, 151, (1501, 6000), "slow", "shop")
    made[2500] = make_span(2501, 251, (2501, 3), "wrong", "cards", status="ERROR")
    said = [make_line(2 + n % (spans - 2), n, f"line {n}") for n in range(lines)]
    said.append(make_line(2001, 2001, "the card is stolen", severity=WARNING))
    return build_trace(TRACE, made, said)


def test_of_a_huge_trace_the_slow_and_the_wrong_are_shown_and_not_much_else() -> None:
    shown = folded_rows(huge())
    words = said(shown)
    assert {"top", "slow", "wrong", "'the card is stolen'"} <= set(words)
    assert sum(isinstance(row, SpanRow) for row in shown) <= SPANS_SHOWN
    assert len(shown) < HUGE


def test_a_huge_trace_with_errors_and_warnings_everywhere_is_still_short() -> None:
    spans = [make_span(n, 1 if n > 1 else None, (n, 1), f"call {n}", "shop", status="ERROR") for n in range(1, 5000)]
    lines = [make_line(1 + n % 4000, n % 4000, f"oh no {n}", severity=WARNING) for n in range(20_000)]
    lines += [make_line(None, n % 4000, f"nobody's {n}", "cron", severity=WARNING) for n in range(5_000)]
    shown = folded_rows(build_trace(TRACE, spans, lines))
    assert len(shown) < 2 * (SPANS_SHOWN + WARNINGS_SHOWN)
    assert _counted(shown) == (4999, 25_000, 4999)


def test_a_huge_trace_of_one_chain_is_shown_as_far_as_there_is_room() -> None:
    spans = [make_span(n, n - 1 if n > 1 else None, (n, 90_000 - 2 * n), "down", "shop") for n in range(1, 40_000)]
    shown = folded_rows(build_trace(TRACE, spans, []))
    assert len(shown) <= SPANS_SHOWN + 1
    assert _counted(shown) == (39_999, 0, 0)


def test_what_stands_below_one_span_of_a_huge_trace_is_no_summary_if_it_is_small() -> None:
    trace = huge()
    assert not Folding(trace, trace.node(span_id(150))).is_summary
    assert said(folded_rows(trace, top=150))[0] == "call 0"


def _counted(rows: Iterable[Row]) -> tuple[int, int, int]:
    """Count the spans, the lines and events, and the errors that rows stand for."""
    spans = lines = errors = 0
    for row in rows:
        if isinstance(row, SpanRow):
            spans, errors = spans + 1, errors + (row.node.span.status == "ERROR")
        elif isinstance(row, SpansRow):
            spans, lines, errors = spans + len(row.nodes) + row.below, lines + row.lines, errors + row.errors
        elif isinstance(row, GhostsRow):
            below, errors = row.children, errors + row.children.errors
            spans, lines = spans + len(below.nodes) + below.below, lines + below.lines
        elif isinstance(row, LinesRow):
            lines += len(row.rows)
        elif isinstance(row, LineRow | EventRow):
            lines += 1
        else:
            assert isinstance(row, GapRow) or row.guides is not None
    return spans, lines, errors


@st.composite
def traces(draw: st.DrawFn) -> Trace:
    size = draw(st.integers(1, 40))
    spans = []
    for n in range(1, size + 1):
        parent = draw(st.integers(0, n - 1)) or draw(st.sampled_from([None, 1, 77, 78, 79]))
        when = (draw(st.integers(0, 50)), draw(st.integers(0, 50)))
        events = tuple(
            SpanEvent(0, name) for name in draw(st.lists(st.sampled_from(["exception", "retry"]), max_size=2))
        )
        status = draw(st.sampled_from(["OK", "OK", "OK", "ERROR"]))
        parent = None if parent == n else parent
        spans.append(make_span(n, parent, when, draw(st.sampled_from("ab")), "shop", status=status, events=events))
    places = st.sampled_from([None, 79, 88, 89, *range(1, size + 1)])
    levels = st.sampled_from([0, DEBUG, DEBUG, DEBUG, INFO, WARNING])
    drawn = draw(st.lists(st.tuples(places, st.integers(0, 100), levels), max_size=60))
    lines = [make_line(place, at, f"{n}", "shop", severity) for n, (place, at, severity) in enumerate(drawn)]
    return build_trace(TRACE, spans, lines)


@given(traces(), st.integers(1, 60))
def test_every_span_line_and_error_is_shown_or_counted_once_in_every_trace(trace: Trace, huge: int) -> None:
    events = sum(len(span.events) for span in trace.spans)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tracelog.show.folding.HUGE", huge)
        patch.setattr("tracelog.show.folding.SPANS_SHOWN", 7)
        patch.setattr("tracelog.show.folding.GHOSTS_SHOWN", 1)
        rows = folded_rows(trace)
    assert _counted(rows) == (len(trace.spans), len(trace.logs) + events, trace.error_count)


@given(traces())
def test_whatever_is_wrong_is_shown_in_every_trace_that_is_not_huge(trace: Trace) -> None:
    rows = folded_rows(trace)
    failed = {span.span_id for span in trace.spans if span.status == "ERROR"}
    warned = {line.id for line in trace.logs if line.level == "WARNING"}
    assert failed <= {row.node.span.span_id for row in rows if isinstance(row, SpanRow)}
    assert warned <= {row.entry.id for row in rows if isinstance(row, LineRow)}


def test_a_trace_of_the_usual_kind_is_folded_nowhere() -> None:
    assert folded_rows(checkout()) == [*timeline_rows(checkout())]
