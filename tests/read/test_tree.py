"""Whatever order, copies and gaps spans and lines arrive in, the tree is the same, less what never came."""

from __future__ import annotations

import random

from hypothesis import given
from trees import TRACE, Case, by_time, cases, expected_nodes, make_line, make_span, span_id, tangles

from tracelog.model import Node, Span, SpanLink, Trace
from tracelog.read.tree import build_trace


@given(cases())
def test_what_arrives_shuffled_and_twice_is_the_same_tree_less_what_was_dropped(case: Case) -> None:
    known = {span.span_id for span in case.spans}
    assert build_trace(TRACE, case.arrived_spans, case.arrived_logs) == Trace(
        trace_id=TRACE,
        nodes=tuple(expected_nodes(case.spans, case.logs)),
        unplaced_logs=tuple(sorted((line for line in case.logs if line.span_id not in known), key=by_time)),
    )


@given(cases())
def test_every_line_that_arrived_is_in_the_trace_exactly_once(case: Case) -> None:
    trace = build_trace(TRACE, case.arrived_spans, case.arrived_logs)
    assert list(trace.logs) == sorted(case.logs, key=by_time)


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
        ("call 1", 0, True),
        ("call 2", 1, False),
        ("call 0", 2, False),
        ("call 3", 2, False),
    ]


def test_a_span_that_is_its_own_parent_stands_at_the_top_as_an_orphan() -> None:
    assert ancestry(build_trace(TRACE, [make_span(0, 0), make_span(1, 0, start=1)], [])) == [
        ("call 0", 0, True),
        ("call 1", 1, False),
    ]


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


def test_a_server_that_shares_its_clients_id_is_a_span_of_its_own_below_it() -> None:
    client = make_span(1, 0, start=1, duration=8, kind="CLIENT", service="shop")
    server = make_span(1, 1, start=2, duration=5, kind="SERVER", service="cards")
    trace = build_trace(TRACE, [server, make_span(0), client, server], [make_line(1, 1, time=3)])
    assert trace.nodes[1:] == (
        Node(span=client, index=1, parent=0, depth=1, descendants=1, self_time=3, logs=(make_line(1, 1, time=3),)),
        Node(span=server, index=2, parent=1, depth=2, descendants=0, self_time=5),
    )


def test_a_server_that_shares_its_clients_id_and_parent_is_kept_beside_it() -> None:
    client, server = (make_span(1, 0, start=n, kind=kind) for n, kind in enumerate(("CLIENT", "SERVER")))
    assert [node.span for node in build_trace(TRACE, [make_span(0), server, client], []).nodes[1:]] == [client, server]


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
    trace = build_trace(TRACE, [span], [], linking=[source])
    incoming = (SpanLink("d" * 32, "5" * 16, {"service": "worker", "name": "drain"}),)
    assert trace == Trace(
        trace_id=TRACE,
        nodes=(Node(span=span, index=0, parent=None, depth=0, descendants=0, self_time=10, linked_from=incoming),),
    )
