"""What a trace waited for: by hand, and against a walk through every tick of random trees."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trees import TICKS, TRACE, make_span, self_time, tangles

from tracelog.model import Node, Segment, Span, Trace
from tracelog.read.calls import children_of
from tracelog.read.tree import build_trace

KINDS = st.sampled_from(["INTERNAL", "PRODUCER", "CONSUMER"])


def span(number: int, parent: int | None, start: int, end: int, kind: str = "INTERNAL") -> Span:
    return make_span(number, parent, start, end - start, kind=kind)


def path(spans: Sequence[Span]) -> list[tuple[str, int, int]]:
    """Return the segments of the critical path, with the numbers of their spans."""
    return [(each.span.name[-1], each.start, each.end) for each in build_trace(TRACE, spans, []).critical_path]


def marked(spans: Sequence[Span]) -> str:
    return "".join(node.span.name[-1] for node in build_trace(TRACE, spans, []).nodes if node.critical)


def test_the_child_that_finished_last_is_waited_for_and_before_it_the_last_that_had_finished() -> None:
    spans = [span(0, None, 0, 100), span(1, 0, 10, 30), span(2, 0, 35, 60), span(3, 0, 40, 90), span(4, 3, 50, 80)]
    assert path(spans) == [
        ("0", 0, 10), ("1", 10, 30), ("0", 30, 40), ("3", 40, 50), ("4", 50, 80), ("3", 80, 90), ("0", 90, 100),
    ]  # fmt: skip
    assert marked(spans) == "0134"


def test_a_child_that_ends_exactly_when_the_next_one_starts_is_on_the_path() -> None:
    spans = [span(0, None, 1, 101), span(1, 0, 1, 51), span(2, 0, 51, 101)]
    assert (path(spans), marked(spans)) == ([("1", 1, 51), ("2", 51, 101)], "012")


def test_what_took_no_time_is_on_the_path_where_it_stands_between_others() -> None:
    spans = [span(0, None, 0, 9), span(1, 0, 0, 4), span(2, 0, 4, 4), span(3, 0, 4, 9), span(4, 0, 0, 0)]
    assert (path(spans), marked(spans)) == ([("1", 0, 4), ("3", 4, 9)], "01432")
    assert (path([span(0, None, 5, 5), span(1, 0, 5, 5)]), marked([span(0, None, 5, 5)])) == ([], "0")


def test_of_children_that_end_together_the_first_to_start_is_waited_for_and_of_equal_ones_one() -> None:
    spans = [span(0, None, 0, 9), span(1, 0, 5, 8), span(2, 0, 2, 8)]
    assert path(spans) == [("0", 0, 2), ("2", 2, 8), ("0", 8, 9)]
    assert path([span(0, None, 0, 9), span(1, 0, 2, 8), span(2, 0, 2, 8)])[1] == ("1", 2, 8)


@pytest.mark.parametrize(
    ("child", "segments"),
    [
        ((2, 50), [("0", 0, 2), ("1", 2, 10)]),
        ((-5, 4), [("1", 0, 4), ("0", 4, 10)]),
        ((-5, 50), [("1", 0, 10)]),
        ((-9, -5), [("0", 0, 10)]),
        ((10, 12), [("0", 0, 10)]),
        ((70, 80), [("0", 0, 10)]),
    ],
    ids=["outlasts", "starts early", "both", "before", "starts at the end", "after"],
)
def test_a_child_is_clamped_to_its_parent_and_not_waited_for_outside(
    child: tuple[int, int], segments: list[tuple[str, int, int]]
) -> None:
    assert path([span(0, None, 0, 10), span(1, 0, *child)]) == segments


def test_what_is_below_a_child_that_outlasts_its_parent_is_clamped_with_it() -> None:
    spans = [span(0, None, 0, 10), span(1, 0, 2, 50), span(2, 1, 4, 40), span(3, 1, 20, 30), span(4, 2, 5, 6)]
    assert path(spans) == [("0", 0, 2), ("1", 2, 4), ("2", 4, 5), ("4", 5, 6), ("2", 6, 10)]


def test_a_consumer_blocks_no_producer_but_whoever_else_calls_it() -> None:
    consumer = span(2, 1, 3, 8, "CONSUMER")
    assert path([span(0, None, 0, 9), span(1, 0, 2, 9, "PRODUCER"), consumer])[1:] == [("1", 2, 9)]
    assert path([span(0, None, 0, 9), span(1, 0, 2, 9), consumer])[2] == ("2", 3, 8)


def test_of_several_roots_it_is_the_path_of_the_first_and_without_one_of_the_first_span() -> None:
    assert path([span(0, None, 5, 9), span(1, None, 0, 4), span(2, 0, 6, 7)]) == [("1", 0, 4)]
    assert marked([span(1, 7, 0, 4), span(2, 1, 2, 3), span(3, 8, 3, 99)]) == "12"
    assert marked([span(1, 7, 0, 4), span(2, None, 5, 6)]) == "2"
    assert marked([span(1, 2, 0, 9), span(2, 1, 3, 4)]) == "12"
    assert path([]) == []


def test_a_segment_tells_its_span_and_how_long_it_was_waited_for() -> None:
    root, child = span(0, None, 0, 10), span(1, 0, 4, 10)
    trace = build_trace(TRACE, [root, child], [])
    assert trace.critical_path == (Segment(root, 0, 4), Segment(child, 4, 10))
    assert [segment.duration for segment in trace.critical_path] == [4, 6]


DEEP = [span(n, n - 1 if n else None, n, 200_000 - n) for n in range(100_000)]
WIDE = [span(n, 0 if n else None, n, n + 1 if n else 200_000) for n in range(100_000)]


@pytest.mark.parametrize("spans", [DEEP, WIDE], ids=["deep", "wide"])
def test_a_hundred_thousand_spans_below_each_other_or_beside_each_other_are_a_path(spans: list[Span]) -> None:
    trace = build_trace(TRACE, spans, [])
    assert all(node.critical for node in trace.nodes)
    assert sum(segment.duration for segment in trace.critical_path) == 200_000


@st.composite
def forests(draw: st.DrawFn) -> list[Span]:
    """Draw spans of all kinds of which many start and end at the same ticks, within their parents or not."""
    parents = [None, *(draw(st.one_of(st.none(), st.integers(0, n - 1))) for n in range(1, draw(st.integers(1, 14))))]
    return [
        make_span(number, parent, draw(TICKS), draw(TICKS), kind=draw(KINDS)) for number, parent in enumerate(parents)
    ]


@given(st.one_of(forests(), tangles()))
def test_the_critical_path_is_what_a_walk_back_through_every_tick_finds(spans: list[Span]) -> None:
    trace = build_trace(TRACE, spans, [])
    ticks = [(each.span.span_id, tick) for each in trace.critical_path for tick in range(each.start, each.end)]
    assert (ticks, {node.index for node in trace.nodes if node.critical}) == walked_back(trace)


@given(st.one_of(forests(), tangles()))
def test_the_critical_path_is_in_one_piece_as_long_as_its_root(spans: list[Span]) -> None:
    trace = build_trace(TRACE, spans, [])
    assert trace.root is not None
    edges = [(each.start, each.end) for each in trace.critical_path]
    assert sum(each.duration for each in trace.critical_path) == trace.root.duration
    assert [start for start, _ in edges[1:]] == [end for _, end in edges[:-1]]
    assert all(start < end for start, end in edges)


@given(st.one_of(forests(), tangles()))
def test_self_time_is_every_tick_in_which_no_child_was_running(spans: list[Span]) -> None:
    trace = build_trace(TRACE, spans, [])
    expected = [self_time(node.span, list(trace.children(node.span))) for node in trace.nodes]
    assert [node.self_time for node in trace.nodes] == expected


@given(tangles())
def test_the_children_of_a_node_are_those_that_have_it_as_their_parent(spans: list[Span]) -> None:
    nodes = build_trace(TRACE, spans, []).nodes
    for node in nodes:
        assert list(children_of(nodes, node)) == [other for other in nodes if other.parent == node.index]


def walked_back(trace: Trace) -> tuple[list[tuple[str, int]], set[int]]:
    """Go back from the end of the root, tick by tick; return which span was waited for in each, and all met.

    Whoever ended at this tick is gone into, what took no time first, then the longest; whose start is reached is left.
    """
    root = trace.root_node
    assert root is not None
    waiting = [(root, root.span.start, root.span.end)]
    met, ticks = {root.index}, []
    for tick in range(root.span.end, root.span.start - 1, -1):
        while waiting:
            node, start, until = waiting[-1]
            ended = [
                each for each in clamped(trace, node, start, until) if each[2] == tick and each[0].index not in met
            ]
            if ended:
                waiting.append(min(ended, key=lambda each: (each[1] < tick, each[1], each[0].index)))
                met.add(waiting[-1][0].index)
            elif start == tick:
                waiting.pop()
            else:
                break
        if waiting:
            ticks.append((waiting[-1][0].span.span_id, tick - 1))
    return ticks[::-1], met


def clamped(trace: Trace, parent: Node, start: int, until: int) -> Iterator[tuple[Node, int, int]]:
    for node in trace.nodes:
        child = node.span
        is_async = child.start >= until or (child.kind, parent.span.kind) == ("CONSUMER", "PRODUCER")
        if node.parent == parent.index and child.end >= start and not is_async:
            yield node, max(child.start, start), min(child.end, until)
