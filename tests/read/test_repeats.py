"""Repeated calls: what is said of them, and what is not worth saying."""

from __future__ import annotations

from typing import Any

import pytest
from trees import call, found

from tracelog.model import Span

ROOT = call(0, None, 0, 1000, name="GET /orders")


def query(number: int, start: float, end: float, parent: int = 0, **rest: Any) -> Span:
    return call(number, parent, start, end, **{"name": "SELECT items", "kind": "CLIENT", **rest})


def queries(count: int, length: float = 20, step: float | None = None, **rest: Any) -> list[Span]:
    step = length if step is None else step
    return [query(n + 1, n * step, n * step + length, **rest) for n in range(count)]


def test_many_calls_of_one_operation_are_said_with_their_number_and_time() -> None:
    text = "shop GET /orders called SELECT items 12 times, 240 ms together"
    assert found("repeated", [ROOT, *queries(12)]) == [(text, list(range(1, 13)))]


def test_operations_in_turn_are_one_loop() -> None:
    spans = [ROOT]
    for n in range(0, 30, 3):
        spans += [query(n + 1, n * 10, n * 10 + 5), query(n + 2, n * 10 + 6, n * 10 + 20, name="SELECT prices")]
        spans.append(query(n + 3, n * 10 + 21, n * 10 + 25, name="SELECT stock"))
    text = "shop GET /orders called SELECT prices, SELECT items and SELECT stock 10 times each, 230 ms together"
    assert [said for said, _ in found("repeated", spans)] == [text]


def test_a_loop_that_does_not_always_make_both_calls_says_how_often_each() -> None:
    spans = [ROOT, *queries(10), *(query(50 + n, 200 + n, 200.5 + n, name="SELECT prices") for n in range(8))]
    text = "shop GET /orders called SELECT items 10 times and SELECT prices 8 times, 204 ms together"
    assert [said for said, _ in found("repeated", spans)] == [text]


def test_what_is_made_less_often_than_half_the_calls_is_not_of_the_loop() -> None:
    spans = [ROOT, *queries(20, 10), *(query(50 + n, 200 + n, 201 + n, name="SELECT prices") for n in range(6))]
    assert [len(numbers) for _, numbers in found("repeated", spans)] == [20]


def test_calls_are_named_by_who_answers_them_and_arguments_do_not_tell_them_apart() -> None:
    spans = [ROOT]
    for n in range(6):
        spans.append(query(n + 1, n * 30, n * 30 + 30, name="GET", attributes={"url.full": f"http://s/stock/{n}?a=b"}))
        spans.append(call(n + 50, n + 1, n * 30 + 1, n * 30 + 9, name=f"/stock/{n}", service="stock", kind="SERVER"))
    assert [said for said, _ in found("repeated", spans)] == [
        "shop GET /orders called stock /stock/? 6 times, 180 ms together"
    ]
    assert [said for said, _ in found("repeated", [span for span in spans if span.service == "shop"])] == [
        "shop GET /orders called GET /stock/? 6 times, 180 ms together"
    ]


def test_arguments_in_names_do_not_tell_calls_apart_and_are_said_only_where_all_share_them() -> None:
    items = [query(n + 1, n * 30, n * 30 + 30, name=f"GET /item/{n}") for n in range(9)]
    text = "shop GET /orders called GET /item/? 9 times, 270 ms together"
    assert found("repeated", [ROOT, *items]) == [(text, list(range(1, 10)))]
    text = "shop GET /orders called S3.GetObject 9 times, 270 ms together"
    assert [said for said, _ in found("repeated", [ROOT, *queries(9, 30, name="S3.GetObject")])] == [text]


def test_calls_that_are_answered_that_there_is_no_such_thing_are_repeated_as_others_are() -> None:
    asked = [{"url.full": f"http://cache/item/{n}", "http.response.status_code": 404} for n in range(9)]
    spans = [query(n + 1, n * 30, n * 30 + 30, name="GET", status="ERROR", attributes=a) for n, a in enumerate(asked)]
    text = "shop GET /orders called GET /item/? 9 times, 270 ms together"
    assert [said for said, _ in found("repeated", [ROOT, *spans])] == [text]


def test_loops_of_spans_of_one_name_are_one_sentence() -> None:
    spans = [ROOT]
    for n in range(3):
        spans.append(call(n + 1, 0, n * 200, n * 200 + 200, name="load order"))
        spans += [query(n * 10 + m + 10, n * 200 + m * 20, n * 200 + m * 20 + 20, parent=n + 1) for m in range(6)]
    text = "shop load order called SELECT items 18 times in 3 spans, 360 ms together"
    assert [said for said, _ in found("repeated", spans)] == [text]


def test_calls_of_a_parent_that_never_arrived_are_named_by_their_service() -> None:
    assert [said for said, _ in found("repeated", queries(6, 30))] == [
        "shop called SELECT items 6 times, 180 ms together"
    ]


def test_work_with_calls_of_its_own_is_repeated_as_a_call_is() -> None:
    spans = [ROOT]
    for n in range(6):
        spans += [call(n + 1, 0, n * 30, n * 30 + 30, name="find"), query(n + 10, n * 30, n * 30 + 9, parent=n + 1)]
    assert [said for said, _ in found("repeated", spans)] == ["shop GET /orders called find 6 times, 180 ms together"]


@pytest.mark.parametrize(
    "spans",
    [
        queries(4, 100),
        queries(200, 0.2),
        [*queries(9, 9), call(99, 0, 900, 1000)],
        queries(20, 100, step=1),
        [query(n + 1, n * 50, n * 50 + 50, name=f"SELECT {table}") for n, table in enumerate("abcdefghij")],
        [query(n + 1, n * 50, n * 50 + 50, name="GET", attributes={"url.full": f"http://s/{path}"})
         for n, path in enumerate("abcdefghij")],
        queries(20, 20, kind="INTERNAL"),
        queries(20, 20, kind="UNSPECIFIED"),
        queries(9, 50, status="ERROR"),
    ],
    ids=[
        "few", "quick", "small share", "at once", "other operations", "other paths", "work of its own",
        "work without a kind", "failed",
    ],
)  # fmt: skip
def test_what_is_not_many_calls_that_take_long_one_after_the_other_is_not_repeated(spans: list[Span]) -> None:
    assert found("repeated", [ROOT, *spans]) == []
