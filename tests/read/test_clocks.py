"""Clocks that contradict each other: when they are said to, by how much, and what setting them right moves."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from trees import TRACE, make_line, make_span, span_id

from tracelog.model import Finding, LinkedTrace, LogEntry, Span, SpanEvent, SpanLink, Trace
from tracelog.read.clocks import adjust_clocks
from tracelog.read.skew import clock_of, skews
from tracelog.read.tree import build_trace

MS = 1_000_000


def a_call(
    client: tuple[int, int], server: tuple[int, int], at: int = 0, failed: bool = False, kind: str = "SERVER"
) -> list[Span]:
    """Make a call; `client`, `server`: start and end, ms; the spans are numbers `at` and `at` + 1."""
    sides = (("CLIENT", "shop", None, client), (kind, "cards", at, server))
    spans = [
        make_span(at + n, parent, start * MS, (end - start) * MS, kind=side, service=service)
        for n, (side, service, parent, (start, end)) in enumerate(sides)
    ]
    return [msgspec.structs.replace(spans[0], status="ERROR" if failed else "UNSET"), spans[1]]


def offsets(spans: list[Span]) -> list[tuple[str, str, float]]:
    found = skews(build_trace(TRACE, spans, []).nodes)
    return [(each.reference, each.clock, each.offset / MS) for each in found]


@pytest.mark.parametrize(
    ("client", "server", "offset"),
    [
        ((0, 100), (-500, -420), 510),
        ((0, 100), (-5, 75), 15),
        ((0, 100), (30, 120), -25),
        ((0, 100), (400, 500), -400),
        ((0, 100), (-20, 130), 20),
    ],
    ids=["before", "starts early", "ends late", "after, as long", "longer, starts early"],
)
def test_one_call_is_moved_into_the_middle_of_its_free_room_as_jaeger_does(
    client: tuple[int, int], server: tuple[int, int], offset: float
) -> None:
    assert offsets(a_call(client, server)) == [("service shop", "service cards", offset)]


@pytest.mark.parametrize(
    ("client", "server", "rest"),
    [
        ((0, 100), (0, 100), {}),
        ((0, 100), (40, 60), {}),
        ((10, 110), (9, 108), {}),
        ((0, 100), (3, 101), {}),
        ((0, 100), (20, 900), {}),
        ((0, 100), (90, 150), {"failed": True}),
        ((0, 100), (500, 600), {"kind": "CONSUMER"}),
        ((0, 100), (-500, -400), {"kind": "INTERNAL"}),
    ],
    ids=["equal", "within", "early by a ms", "late by a ms", "outlasts", "client gave up", "queue", "no call"],
)
def test_clocks_that_a_call_does_not_contradict_are_left_alone(
    client: tuple[int, int], server: tuple[int, int], rest: dict[str, Any]
) -> None:
    assert offsets(a_call(client, server, **rest)) == []


def test_a_call_within_one_host_says_nothing_of_clocks() -> None:
    spans = [msgspec.structs.replace(span, resource={"host.name": "web-1"}) for span in a_call((0, 9), (-50, -40))]
    assert offsets(spans) == []


def test_many_calls_narrow_the_room_and_it_is_said_on_how_many_it_rests() -> None:
    spans = [*a_call((0, 100), (-50, 40)), *a_call((200, 400), (180, 250), 2), *a_call((500, 600), (500, 540), 4)]
    trace = build_trace(TRACE, spans, [])
    clocks = "the clock of service cards is about 55.0 ms behind that of service shop"
    text = f"{clocks}: 2 of 3 calls between them contradict the clocks"
    assert trace.findings == (Finding("skew", text, (span_id(1), span_id(3))),)


def test_one_odd_call_among_many_that_fit_is_no_skew() -> None:
    fitting = [span for n in range(4) for span in a_call((n * 200, n * 200 + 100), (n * 200 + 1, n * 200 + 99), 2 * n)]
    assert offsets([*fitting, *a_call((900, 1000), (930, 1020), 20)]) == []


def test_calls_that_contradict_each_other_are_no_skew() -> None:
    assert offsets([*a_call((0, 100), (-200, -100)), *a_call((500, 600), (700, 800), 2)]) == []


def test_calls_in_both_directions_measure_the_same_two_clocks() -> None:
    there = a_call((0, 100), (-50, 40))
    back = a_call((-40, 30), (15, 75), 4)
    back = [msgspec.structs.replace(span, service="cards" if span.kind == "CLIENT" else "shop") for span in back]
    (found,) = skews(build_trace(TRACE, [*there, *back], []).nodes)
    assert (found.reference, found.clock, found.calls, found.offset / MS) == ("service cards", "service shop", 2, -52.5)


@pytest.mark.parametrize(
    ("resource", "clock"),
    [
        ({}, "service shop"),
        ({"host.name": ""}, "service shop"),
        ({"host.name": "web-1", "k8s.pod.name": "p", "service.instance.id": "i"}, "host web-1"),
        ({"k8s.node.name": "n", "host.name": "p"}, "node n"),
        ({"k8s.pod.name": "p", "service.instance.id": "i"}, "pod p"),
    ],
)
def test_a_clock_is_that_of_the_machine_where_it_is_known(resource: dict[str, str], clock: str) -> None:
    assert clock_of(make_span(0, resource=resource)) == clock_of(make_line(0, 0, resource=resource)) == clock


OFF = 1000 * MS


def behind(trace: Trace, service: str, offset: int) -> tuple[list[Span], list[LogEntry]]:
    """Return what a trace would hold had the clock of a service been behind."""
    spans = [
        msgspec.structs.replace(
            span, start=span.start - offset,
            events=tuple(msgspec.structs.replace(event, time=event.time - offset) for event in span.events),
        )
        if span.service == service else span
        for span in trace.spans
    ]  # fmt: skip
    lines = [
        msgspec.structs.replace(line, time=line.time - offset, observed_time=line.time - offset)
        if line.service == service else line
        for line in trace.logs
    ]  # fmt: skip
    return spans, lines


def right_trace() -> Trace:
    root = make_span(8, None, 0, 300 * MS, service="shop", kind="SERVER")
    client, server = a_call((10, 110), (20, 100))
    query = make_span(5, 1, 30 * MS, 40 * MS, service="cards", kind="CLIENT", events=(SpanEvent(50 * MS, "retry"),))
    disk = make_span(6, 5, 40 * MS, 20 * MS, service="disk", kind="SERVER")
    lines = [
        make_line(1, 1, 25 * MS, service="cards"), make_line(2, 5, 35 * MS, service="cards"),
        make_line(3, None, 36 * MS, service="cards"), make_line(4, 77, 37 * MS, service="cards"),
        make_line(5, 8, 2 * MS), make_line(6, 6, 45 * MS, service="disk"),
        make_line(7, None, 500 * MS, service="cards"),
    ]  # fmt: skip
    calls = [msgspec.structs.replace(client, parent_span_id=span_id(8)), server, query, disk]
    linking = Span(
        trace_id="e" * 32, span_id=span_id(1), name="x", service="x", start=0, duration=0,
        links=(SpanLink(TRACE, span_id(1)),),
    )  # fmt: skip
    return build_trace(TRACE, [root, *calls], lines, [linking])


@pytest.mark.parametrize("offset", [OFF, -OFF])
def test_a_clock_that_is_off_is_moved_with_its_spans_events_and_lines_and_no_other_is(offset: int) -> None:
    right = right_trace()
    spans, lines = behind(right, "cards", offset)
    linked = [msgspec.structs.replace(right.spans[0], trace_id="e" * 32, links=(SpanLink(TRACE, span_id(1)),))]
    other = LinkedTrace(trace_id="e" * 32, span=right.spans[0], incoming=True)
    wrong = msgspec.structs.replace(build_trace(TRACE, spans, lines, linked), linked=(other,))
    assert {"ghost", "skew"} <= {finding.kind for finding in wrong.findings}
    adjusted = adjust_clocks(wrong)
    assert adjusted.spans == right.spans
    assert adjusted.logs == right.logs
    assert [node.logs for node in adjusted.nodes] == [node.logs for node in right.nodes]
    assert [ghost.logs for ghost in adjusted.ghosts] == [ghost.logs for ghost in right.ghosts]
    assert [len(node.linked_from) for node in adjusted.nodes] == [0, 0, 1, 0, 0]
    assert adjusted.linked == (other,)
    later = "later" if offset > 0 else "earlier"
    texts = [finding.text for finding in adjusted.findings]
    assert texts[0] == f"clock adjusted: the times of service cards are shown 1,000 ms {later} than they were written"
    assert [finding.kind for finding in adjusted.findings if finding.kind != "gap"] == ["skew", "ghost"]


def test_a_trace_whose_clocks_agree_is_not_changed() -> None:
    assert adjust_clocks(right_trace()) == right_trace()


def test_lines_that_do_not_name_their_host_move_with_their_span_and_those_of_another_host_do_not() -> None:
    spans = a_call((0, 100), (-500, -420))
    spans = [msgspec.structs.replace(span, resource={"host.name": span.service}) for span in spans]
    lines = [
        make_line(1, 1, -450 * MS, service="cards"),
        make_line(2, 1, 50 * MS, service="cards", resource={"host.name": "shop"}),
        make_line(3, 9, -450 * MS, service="cards"),
    ]
    adjusted = adjust_clocks(build_trace(TRACE, spans, lines))
    assert {line.id: line.time // MS for line in adjusted.logs} == {
        "line-0001": 60, "line-0002": 50, "line-0003": 60,
    }  # fmt: skip


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40), st.integers(5, 60)), min_size=1, max_size=6),
       st.integers(-500, 500))  # fmt: skip
def test_after_adjusting_no_call_contradicts_the_clocks(calls: list[tuple[int, int, int]], offset: int) -> None:
    spans = []
    for n, (before, behind_it, length) in enumerate(calls):
        begin = n * 1000
        end = begin + before + length + behind_it
        served = (begin + before - offset, begin + before + length - offset)
        spans += a_call((begin, end), served, 2 * n)
    adjusted = adjust_clocks(build_trace(TRACE, spans, []))
    assert skews(adjusted.nodes) == []
