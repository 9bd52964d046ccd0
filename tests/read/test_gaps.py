"""Gaps: what is said of the time in which nothing was seen, and what is no gap."""

from __future__ import annotations

from typing import Any

import pytest
from trees import MS, TRACE, call, found, make_line

from tracelog.model import LogEntry, Span, SpanEvent
from tracelog.read.gaps import Gap, find_gaps
from tracelog.read.tree import build_trace


def root(end: float = 4000, **rest: Any) -> Span:
    return call(0, None, 0, end, **{"name": "reserve", "service": "inventory", **rest})


def said(at: float, body: str, span: int | None = 0, number: int = 1) -> LogEntry:
    return make_line(number, span, round(at * MS), body=body, service="inventory")


LOCK = [said(100, "acquiring lock"), said(3200, "lock acquired", number=2), said(3900, "done", number=3)]


def test_a_gap_is_named_by_the_lines_before_and_after_it() -> None:
    text = "3.10 s in inventory reserve between 'acquiring lock' and 'lock acquired'"
    assert found("gap", [root()], LOCK)[0] == (text, [0])


def test_the_longest_are_said_first_and_they_are_few() -> None:
    lines = [said(at, f"step {word}", number=at) for at, word in ((0, "a"), (410, "b"), (1100, "c"), (2000, "d"))]
    texts = [text for text, _ in found("gap", [root()], lines)]
    assert [text.partition(" in ")[0] for text in texts] == ["2.00 s", "900 ms", "690 ms"]


def test_gaps_between_the_same_things_are_one_sentence() -> None:
    spans = [root()]
    lines = []
    for n in range(3):
        spans.append(call(n + 1, 0, n * 1300, n * 1300 + 1200, name="POST /stock", service="wms"))
        lines.append(make_line(2 * n, n + 1, n * 1300 * MS + 1, body=f"waiting for lock {n}", service="wms"))
        lines.append(make_line(2 * n + 1, n + 1, (n * 1300 + 1100) * MS, body=f"taken after {n} s", service="wms"))
    text = "3.30 s in wms POST /stock, 3 times between 'waiting for lock 0' and 'taken after 0 s'"
    assert found("gap", spans, lines) == [(text, [1, 2, 3])]


def test_where_no_line_is_near_calls_events_and_the_span_itself_name_it() -> None:
    spans = [
        root(4000, events=(SpanEvent(1000 * MS, "cache_miss"),)), call(1, 0, 400, 500, name="get", service="inventory"),
        call(2, 0, 2000, 2100, name="POST /stock", service="wms"),
    ]  # fmt: skip
    trace = build_trace(TRACE, spans, [said(3000, "retrying")])
    assert find_gaps(trace) == [
        Gap(trace.nodes[0], start * MS, end * MS, before, after)
        for start, end, before, after in (
            (0, 400, "its start", "the start of get"),
            (500, 1000, "the end of get", "event cache_miss"),
            (1000, 2000, "event cache_miss", "the start of wms POST /stock"),
            (2100, 3000, "the end of wms POST /stock", "'retrying'"),
            (3000, 4000, "'retrying'", "its end"),
        )
    ]


def test_of_a_span_that_was_given_up_on_only_what_was_waited_for_is_a_gap() -> None:
    spans = [root(1000), call(1, 0, 0, 3000, name="POST /stock", service="wms")]
    lines = [make_line(n, 1, at * MS, body=body, service="wms") for n, (at, body) in
             enumerate(((90, "waiting"), (2900, "taken")))]  # fmt: skip
    assert found("gap", spans, lines) == [("910 ms in wms POST /stock between 'waiting' and 'taken'", [1])]


def test_a_long_line_is_quoted_by_its_beginning_and_its_end() -> None:
    ((text, _),) = found("gap", [root(1000)], [said(950, f"a\n{'very ' * 40}long line")])
    assert text == (
        "950 ms in inventory reserve between its start and"
        " 'a very very very very very very … very very very very very long line'"
    )


@pytest.mark.parametrize(
    ("spans", "lines"),
    [
        ([root()], []),
        ([root(90)], [said(80, "slow")]),
        ([root()], [said(n * 300, f"step {n}", number=n) for n in range(14)]),
        ([root(), call(1, 0, 0, 4000, name="a"), call(2, 0, 3999, 4000)], [said(0, "x")]),
        ([root(), call(1, 0, 0, 3000, name="early"), call(2, 0, 2500, 4000, name="late")], [said(0, "x")]),
        ([root(1000), call(1, 0, 2000, 4000, kind="CONSUMER")], [said(3000, "x", 1)]),
        ([root(), call(1, 0, 0, 4000, kind="CLIENT"), call(2, 1, -900, -100, service="wms", kind="SERVER")], []),
        ([root(1000), call(1, 77, 400, 600, service="wms")], [said(90, "x"), said(950, "y", number=2)]),
        ([root(1000)], [said(50, "x"), said(500, "y", 77, 2), said(950, "z", number=3)]),
    ],
    ids=[
        "nothing within",
        "short",
        "small share",
        "a child beside",
        "a child that overlaps",
        "not waited for",
        "clocks",
        "a missing call",
        "a line of a missing span",
    ],
)
def test_what_is_no_silence_that_the_trace_waited_for_is_no_gap(spans: list[Span], lines: list[LogEntry]) -> None:
    assert found("gap", spans, lines) == []


def test_a_line_whose_time_is_not_known_ends_no_gap() -> None:
    trace = build_trace(TRACE, [root(1000)], [said(900, "end"), said(-1, "when?", number=2)])
    assert [gap.duration for gap in find_gaps(trace)] == [900 * MS, 100 * MS]
