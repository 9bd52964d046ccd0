"""The other ends of links: which traces they are, and what is said of many."""

from __future__ import annotations

import msgspec
import pytest

from tracelog.model import Span, SpanLink, TraceSummary
from tracelog.read.links import FEW, described, ends, most_telling, summarised
from tracelog.read.tree import build_trace

MS = 1_000_000


def span(number: int, *, trace: int = 1, parent: int | None = None, to: tuple[int, ...] = ()) -> Span:
    return Span(
        trace_id=f"{trace:032x}",
        span_id=f"{number:016x}",
        parent_span_id=None if parent is None else f"{parent:016x}",
        name=f"span {number}",
        service="shop",
        start=number * MS,
        duration=MS,
        links=tuple(SpanLink(f"{other:032x}", f"{other:016x}") for other in to),
    )


def row(number: int, ms: int, errors: int = 0, name: str = "POST /orders") -> TraceSummary:
    return TraceSummary(
        trace_id=f"{number:032x}",
        service="shop",
        name=name,
        measure="root",
        start=0,
        duration=ms * MS,
        trace_duration=ms * MS,
        span_count=number,
        log_count=0,
        error_count=errors,
    )


def test_each_linked_trace_is_an_end_once_in_the_order_of_the_tree_and_never_the_trace_itself() -> None:
    own = [span(1, to=(2, 1, 2)), span(2, parent=1, to=(3, 2))]
    trace = build_trace(f"{1:032x}", own, [], [span(9, trace=4, to=(1,)), span(8, trace=2, to=(1,))])
    found = [(int(end.trace_id, 16), int(end.span.span_id, 16), end.incoming) for end in ends(trace)]
    assert found == [(2, 1, False), (4, 1, True), (3, 2, False)]


@pytest.mark.parametrize(("number", "few"), [(FEW, True), (FEW + 1, False)])
def test_the_links_of_a_span_are_few_or_many(number: int, few: bool) -> None:
    trace = build_trace(f"{1:032x}", [span(1, to=(*range(2, 2 + number), 2))], [])
    assert {end.is_one_of_few for end in ends(trace)} == {few}


def test_what_failed_tells_most_and_then_what_took_longest() -> None:
    rows = [row(1, 10), row(2, 300), row(3, 5, errors=1), row(4, 20, errors=2)]
    assert [int(each.trace_id, 16) for each in most_telling(rows)] == [4, 3, 2, 1]


def test_many_are_said_by_their_operations_their_times_and_their_failures() -> None:
    rows = [row(1, 10), row(2, 8150, errors=3), row(3, 20, name="POST /refund")]
    assert described(rows) == "POST /orders shop 2 times and POST /refund shop; 10.0 ms to 8.15 s; 1 with errors"
    many = [row(n, n, name=f"GET /{n}") for n in range(1, 6)]
    assert (
        described(many)
        == "GET /1 shop, GET /2 shop, GET /3 shop and 2 other operations; 1.00 ms to 5.00 ms; 0 with errors"
    )


def test_one_is_said_in_a_few_words() -> None:
    assert summarised(row(18, 8150, errors=3)) == "POST /orders shop, 8.15 s, 18 spans, 3 errors"
    assert summarised(msgspec.structs.replace(row(1, 2), name="tick")) == "tick shop, 2.00 ms, 1 span"
