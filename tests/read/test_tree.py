"""Whatever order, copies and gaps spans and lines arrive in, the tree is the same, less what never came."""

from __future__ import annotations

import random
from operator import attrgetter
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from trees import (
    TRACE,
    Calls,
    Case,
    arrived,
    by_time,
    calls,
    cases,
    expected_trace,
    make_event,
    make_line,
    make_span,
    number_of,
    silent,
    span_id,
    tangles,
)  # fmt: skip

from tracelog.model import Node, Span, SpanLink, Trace
from tracelog.read.tree import build_trace


@given(cases())
def test_what_arrives_shuffled_and_twice_is_the_same_tree_less_what_was_dropped(case: Case) -> None:
    assert silent(build_trace(TRACE, case.arrived_spans, case.arrived_logs)) == expected_trace(case.spans, case.logs)


@given(cases())
def test_every_line_that_arrived_is_in_the_trace_exactly_once(case: Case) -> None:
    trace = build_trace(TRACE, case.arrived_spans, case.arrived_logs)
    assert list(trace.logs) == sorted(case.logs, key=by_time)
    held = [*(node.logs for node in trace.nodes), *(ghost.logs for ghost in trace.ghosts), trace.unplaced_logs]
    assert sorted(line.id for lines in held for line in lines) == sorted(line.id for line in case.logs)


def shape(trace: Trace) -> list[tuple[str, int]]:
    return [(node.span.name, node.depth) for node in trace.nodes]


@given(calls(), st.randoms(use_true_random=False))
def test_calls_whose_ends_share_an_id_are_the_same_tree_as_those_with_two(calls: Calls, order: random.Random) -> None:
    apart, sharing = calls.apart * 2, calls.sharing * 2
    order.shuffle(apart)
    order.shuffle(sharing)
    logs = [make_line(n, number_of(span), service=span.service) for n, span in enumerate(calls.sharing)]
    trace = build_trace(TRACE, sharing, logs)
    assert shape(trace) == shape(build_trace(TRACE, apart, []))
    assert {line.service == node.span.service for node in trace.nodes for line in node.logs} == {True}
    assert (len(trace.logs), trace.findings) == (len(logs), ())


@given(calls(), st.data())
def test_whatever_is_dropped_of_calls_that_share_ids_what_arrived_is_there_once(
    calls: Calls, data: st.DataObject
) -> None:
    case = arrived(data.draw, calls.sharing, [make_line(n, n) for n in range(10)])
    trace = build_trace(TRACE, case.arrived_spans, case.arrived_logs)
    check_preorder(trace)
    key = attrgetter("span_id", "kind", "service")
    assert sorted(map(key, trace.spans)) == sorted(map(key, case.spans))
    assert sorted(line.id for line in trace.logs) == sorted(line.id for line in case.logs)


def check_preorder(trace: Trace) -> None:
    for index, node in enumerate(trace.nodes):
        assert node.index == index
        if node.parent is None:
            assert node.depth == 0
        else:
            assert node.parent < index
            assert node.depth == trace.nodes[node.parent].depth + 1
        below = trace.nodes[index + 1 : index + 1 + node.descendants]
        behind = trace.nodes[index + 1 + node.descendants :]
        assert all(other.depth > node.depth for other in below)
        assert not behind or behind[0].depth <= node.depth


@given(tangles())
def test_parents_stand_before_children_and_descendants_together_even_where_spans_go_in_circles(
    spans: list[Span],
) -> None:
    trace = build_trace(TRACE, spans, [make_line(number, number) for number in range(len(spans))])
    check_preorder(trace)
    assert sorted(node.span.span_id for node in trace.nodes) == sorted(span.span_id for span in spans)
    assert len(trace.logs) == len(spans)


@given(tangles())
def test_no_span_takes_more_time_of_its_own_than_it_lasted(spans: list[Span]) -> None:
    assert all(0 <= node.self_time <= node.span.duration for node in build_trace(TRACE, spans, []).nodes)


def ancestry(trace: Trace) -> list[tuple[str, int, bool]]:
    return [(node.span.name, node.depth, node.orphan) for node in trace.nodes]


def test_a_circle_of_spans_is_broken_at_its_earliest() -> None:
    spans = [make_span(0, 2, start=5), make_span(1, 0, start=3), make_span(2, 1, start=4), make_span(3, 2, start=9)]
    assert ancestry(build_trace(TRACE, spans, [])) == [
        ("call 1", 0, False),
        ("call 2", 1, False),
        ("call 0", 2, False),
        ("call 3", 2, False),
    ]


def test_a_span_that_is_its_own_parent_stands_at_the_top_and_is_neither_an_orphan_nor_the_root() -> None:
    trace = build_trace(TRACE, [make_span(0, 0), make_span(1, 0, start=1), make_span(2, None, start=5)], [])
    assert ancestry(trace) == [("call 0", 0, False), ("call 1", 1, False), ("call 2", 0, False)]
    assert ([node.cycle for node in trace.nodes], trace.root) == ([0, None, None], make_span(2, None, start=5))


def test_a_circle_keeps_the_parent_that_its_top_names() -> None:
    trace = build_trace(TRACE, [make_span(0, 2), make_span(1, 0, start=1), make_span(2, 1, start=2)], [])
    assert [node.cycle for node in trace.nodes] == [2, None, None]
    assert (trace.complete, trace.ghosts) == (False, ())


def test_a_span_whose_parent_never_arrived_stands_at_the_top_among_the_roots_by_start() -> None:
    spans = [
        make_span(0, None, start=5),
        make_span(1, 9, start=1),
        make_span(2, 1, start=2),
        make_span(3, None, start=9),
    ]
    trace = build_trace(TRACE, spans, [])
    assert ancestry(trace) == [("call 1", 0, True), ("call 2", 1, False), ("call 0", 0, False), ("call 3", 0, False)]
    assert (trace.root, trace.complete) == (spans[0], False)


def test_a_chain_of_20_000_spans_is_built_and_asked_without_recursion() -> None:
    deep = 20_000
    spans = [make_span(n, n - 1 if n else None, start=n, duration=2 * deep - 2 * n) for n in range(deep)]
    logs = [make_line(number, deep - 1, time=number) for number in range(3)]
    random.Random(7).shuffle(spans)
    trace = build_trace(TRACE, spans, logs)
    assert [node.depth for node in trace.nodes] == list(range(deep))
    assert [node.descendants for node in trace.nodes] == list(range(deep - 1, -1, -1))
    assert {node.self_time for node in trace.nodes} == {2}
    assert trace.logs_of(span_id(0)) == tuple(logs)


def test_a_span_with_20_000_children_is_built() -> None:
    trace = build_trace(TRACE, [make_span(n, 0 if n else None, start=n, duration=1) for n in range(20_000)], [])
    assert (trace.nodes[0].descendants, len(trace.children(span_id(0)))) == (19_999, 19_999)


def test_time_of_its_own_is_what_no_child_covers_of_those_that_overlap_and_overhang() -> None:
    spans = [
        make_span(0, None, start=10, duration=20),
        make_span(1, 0, start=5, duration=10),
        make_span(2, 0, start=12, duration=6),
        make_span(3, 0, start=25, duration=50),
    ]
    trace = build_trace(TRACE, spans, [])
    assert [node.self_time for node in trace.nodes] == [7, 10, 6, 50]


CLIENT = make_span(1, 0, start=1, duration=8, kind="CLIENT", service="shop")
SERVER = make_span(1, 0, start=2, duration=5, kind="SERVER", service="cards")


def test_a_server_that_shares_its_clients_id_is_a_span_of_its_own_below_it_with_the_lines_of_its_service() -> None:
    ours, theirs, other = (make_line(n, 1, n, service=who) for n, who in ((3, "shop"), (4, "cards"), (5, "syslog")))
    trace = build_trace(TRACE, [SERVER, make_span(0), CLIENT, SERVER], [theirs, other, ours])
    assert silent(trace).nodes[1:] == (
        Node(span=CLIENT, index=1, parent=0, depth=1, descendants=1, self_time=3, logs=(ours,)),
        Node(span=SERVER, index=2, parent=1, depth=2, descendants=0, self_time=5, logs=(theirs, other)),
    )
    assert trace.logs_of(span_id(1)) == trace.logs_of(CLIENT) == (ours, theirs, other)
    assert trace.logs_of(SERVER) == (theirs, other)


def test_what_is_called_with_a_shared_id_is_below_the_server_and_the_clients_own_work_below_the_client() -> None:
    below = [
        make_span(2, 1, start=3, service="cards", name="query"),
        make_span(3, 1, start=4, service="bank", kind="SERVER", name="pay"),
        make_span(4, 1, start=5, service="shop", kind="SERVER", name="call back"),
        make_span(5, 1, start=6, service="shop", name="connect"),
    ]
    trace = build_trace(TRACE, [make_span(0), SERVER, CLIENT, *below], [])
    assert {node.span.name: trace.nodes[node.parent or 0].span.kind for node in trace.nodes[3:]} == {
        "query": "SERVER", "pay": "SERVER", "call back": "SERVER", "connect": "CLIENT",
    }  # fmt: skip


def test_links_and_events_of_a_shared_id_are_there_once() -> None:
    source = make_span(7, links=(SpanLink(TRACE, span_id(1)),))
    event = make_event(1, 1, 4, service="cards")
    trace = build_trace(TRACE, [make_span(0), CLIENT, SERVER], [event], [source])
    assert [len(node.linked_from) for node in trace.nodes] == [0, 1, 0]
    assert [len(node.span.events) for node in trace.nodes] == [0, 0, 1]


def test_spans_that_share_an_id_and_are_no_call_are_kept_each_where_it_belongs() -> None:
    one, other = (make_span(1, 0, start=n, service=name) for n, name in enumerate(("shop", "cards")))
    assert [node.depth for node in build_trace(TRACE, [make_span(0), one, other], []).nodes] == [0, 1, 1]


MS = 1_000_000


def test_a_span_that_came_by_two_ways_of_which_one_lost_its_kind_is_one() -> None:
    exact = make_span(1, 0, start=10 * MS + 7, duration=5 * MS + 9, kind="CLIENT")
    coarse = make_span(1, 0, start=10 * MS, duration=5 * MS)
    trace = build_trace(TRACE, [coarse, make_span(0, duration=99 * MS), exact], [make_line(1, 1, 11 * MS)])
    assert trace.spans[1:] == (exact,)
    assert len(trace.nodes[1].logs) == 1


@pytest.mark.parametrize("other", [{"start": 20 * MS}, {"duration": 9 * MS}, {"service": "cards"}])
def test_spans_of_one_id_that_differ_in_more_than_their_kind_are_not_one(other: dict[str, Any]) -> None:
    one = {"start": 10 * MS, "duration": 5 * MS}
    spans = [make_span(0), make_span(1, 0, kind="CLIENT", **one), make_span(1, 0, **{**one, **other})]
    assert len(build_trace(TRACE, spans, []).nodes) == 3


@pytest.mark.parametrize("zero", ["", "0", "0" * 16])
def test_nothing_is_joined_on_an_id_of_zeros(zero: str) -> None:
    spans = [
        msgspec.structs.replace(make_span(0, 0), parent_span_id=zero),
        msgspec.structs.replace(make_span(1, 0, start=1), span_id=zero),
        msgspec.structs.replace(make_span(2, None, start=2), parent_span_id=zero),
    ]
    line = msgspec.structs.replace(make_line(1, 0, 99), span_id=zero)
    trace = build_trace(TRACE, spans, [line])
    assert ancestry(trace) == [("call 0", 0, False), ("call 1", 1, False), ("call 2", 0, False)]
    assert (trace.unplaced_logs, trace.ghosts, trace.complete) == ((line,), (), True)


def test_links_are_known_in_both_directions() -> None:
    there = SpanLink(TRACE, span_id(0), {"why": "batch"})
    elsewhere = SpanLink("e" * 32, span_id(0))
    source = Span(
        trace_id="d" * 32,
        span_id="5" * 16,
        name="drain",
        service="worker",
        start=1,
        duration=1,
        links=(there, elsewhere),
    )
    span = make_span(0, links=(SpanLink("c" * 32, "6" * 16),))
    trace = silent(build_trace(TRACE, [span], [], linking=[source]))
    incoming = (SpanLink("d" * 32, "5" * 16, {"service": "worker", "name": "drain"}),)
    assert trace == Trace(
        trace_id=TRACE,
        nodes=(Node(span=span, index=0, parent=None, depth=0, descendants=0, self_time=10, linked_from=incoming),),
    )
