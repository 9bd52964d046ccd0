"""Chrome's trace events: what each span and line becomes, and that no track holds spans across each other."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

import msgspec
from checkout import MS, START, TRACE, checkout, make_line, make_span
from hypothesis import given
from hypothesis import strategies as st

from tracelog.model import Span, SpanEvent, Trace
from tracelog.read.tree import build_trace
from tracelog.show.perfetto import perfetto_json, tracks

TIMES = st.integers(0, 9)


def written(trace: Trace) -> Any:
    return json.loads(b"".join(perfetto_json(trace)))


def events(trace: Trace, phase: str) -> list[Any]:
    return [event for event in written(trace)["traceEvents"] if event["ph"] == phase]


def test_a_span_is_a_complete_event_with_all_that_is_known_of_it() -> None:
    span = make_span(1, None, (0, 1.5), "GET /", "shop", kind="SERVER", attributes={"http.route": "/"})
    line = make_line(1, 0.5, "paid", "shop", 13, attributes={"order.id": "A-1"})
    trace = build_trace(TRACE, [span], [line])
    assert written(trace) == {
        "displayTimeUnit": "ms",
        "otherData": {"trace_id": TRACE, "start_time": "2026-04-19T14:23:01.200Z"},
        "traceEvents": [
            {"ph": "M", "name": "process_name", "pid": 1, "args": {"name": "shop"}},
            {"ph": "M", "name": "process_sort_index", "pid": 1, "args": {"sort_index": 1}},
            {"ph": "M", "name": "thread_name", "pid": 1, "tid": 1, "args": {"name": "spans 1"}},
            {
                "ph": "X", "name": "GET /", "cat": "server", "pid": 1, "tid": 1, "ts": 0.0, "dur": 1500.0,
                "args": {
                    "span_id": "0000000000000001", "parent_span_id": None, "status": "UNSET", "status_message": None,
                    "self_ms": 1.5, "critical": True, "attributes": {"http.route": "/"},
                },
            },
            {
                "ph": "i", "s": "t", "name": "WARNING paid", "cat": "log", "pid": 1, "tid": 1, "ts": 500.0,
                "args": {
                    "level": "WARNING", "logger": "shop.views", "message": "paid", "attributes": {"order.id": "A-1"},
                },
            },
        ],
    }  # fmt: skip


def test_every_service_is_a_process_and_lines_stand_on_the_track_of_their_span_or_on_one_of_their_own() -> None:
    trace = checkout()
    names = {event["pid"]: event["args"]["name"] for event in events(trace, "M") if event["name"] == "process_name"}
    assert list(names.values()) == ["api-gateway", "orders", "payments", "mailer", "cache", "smtp"]
    spans = {event["name"]: (names[event["pid"]], event["tid"]) for event in events(trace, "X")}
    assert spans["charge card"] == ("payments", 1)
    instants = {event["name"]: (names[event["pid"]], event["tid"], event["ts"]) for event in events(trace, "i")}
    assert instants["ERROR charge failed"] == ("payments", 1, 519_000.0)
    assert instants["retry"] == ("payments", 1, 400_000.0)
    assert instants["WARNING cache is cold"] == ("cache", 0, 300_000.0)


def test_an_exception_is_told_and_a_line_without_a_time_stands_at_the_start_of_its_span() -> None:
    span = make_span(1, None, (5, 1), "top", "shop")
    first = make_span(2, None, (0, 1), "first", "shop", events=(SpanEvent(START - MS, "early"),))
    line = msgspec.structs.replace(make_line(1, 0, "when?", "shop"), time=-1)
    trace = build_trace(TRACE, [span, first], [line])
    assert [(event["name"], event["ts"]) for event in events(trace, "i")] == [("early", 0.0), ("INFO when?", 6000.0)]
    told = next(event for event in events(checkout(), "i") if event["name"] == "ERROR charge failed")["args"]
    assert told["exception"]["type"] == "requests.Timeout"


def test_a_trace_of_nothing_is_still_a_file_that_opens() -> None:
    assert written(Trace(trace_id=TRACE))["traceEvents"] == []


def test_children_stand_on_the_track_of_their_parent_and_what_runs_beside_them_on_others() -> None:
    spans = [
        make_span(1, None, (0, 9), "top", "a"),
        make_span(2, 1, (1, 3), "one", "a"),
        make_span(3, 1, (2, 4), "beside", "a"),
        make_span(4, 3, (3, 1), "below", "a"),
        make_span(5, 1, (4, 1), "next", "a"),
        make_span(6, 1, (7, 1), "elsewhere", "b"),
        make_span(7, 1, (8, 4), "outlasts", "a"),
    ]
    trace = build_trace(TRACE, spans, [])
    places = {node.span.name: track for node, track in zip(trace.nodes, tracks(trace.nodes), strict=True)}
    assert places == {"top": 1, "one": 1, "beside": 2, "below": 2, "next": 1, "elsewhere": 1, "outlasts": 2}


@st.composite
def forests(draw: st.DrawFn) -> list[Span]:
    parents = [draw(st.none() | st.integers(1, 15)) for _ in range(draw(st.integers(1, 15)))]
    return [
        make_span(n, parent, (draw(TIMES), draw(TIMES)), str(n), draw(st.sampled_from("ab")))
        for n, parent in enumerate(parents, start=1)
    ]


@given(forests())
def test_on_each_track_spans_are_nested_or_apart(spans: list[Span]) -> None:
    trace = build_trace(TRACE, spans, [])
    on: dict[tuple[str, int], list[Span]] = defaultdict(list)
    for node, track in zip(trace.nodes, tracks(trace.nodes), strict=True):
        on[node.span.service, track].append(node.span)
    for beside in on.values():
        for one in beside:
            for other in beside:
                apart = one.end <= other.start or other.end <= one.start
                nested = (one.start <= other.start and other.end <= one.end) or (
                    other.start <= one.start and one.end <= other.end
                )
                assert apart or nested
