"""The latency of operations: the same rows from either store, to the nanosecond."""

from __future__ import annotations

import random
from itertools import chain
from typing import Any

import pytest
from documents import MS, START, keep, make_span, trace_id
from hypothesis import example, given
from hypothesis import strategies as st

from tracelog.errors import ConfigurationError
from tracelog.model import Operation, Span
from tracelog.read.latency import nearest_rank, operations_of
from tracelog.store import Store, open_store
from tracelog.store.elastic import percentiles

FIGURES = ("p50", "p95", "p99", "max")


def get(count: int, figures: tuple[int, ...], examples: tuple[int, ...], error: int | None = None, **rest: Any) -> Any:
    """Make a row of GET / of the shop; figures in ms, examples by number."""
    shown = dict(zip(FIGURES, map(trace_id, examples), strict=True))
    known: dict[str, Any] = {
        "service": "shop",
        "name": "GET /",
        "kind": "SERVER",
        "error_count": 0 if error is None else 3,
        "examples": shown if error is None else {**shown, "error": trace_id(error)},
    }
    measured = dict(zip(FIGURES, (figure * MS for figure in figures), strict=True))
    return Operation(count=count, **{**known, **measured, **rest})


SPANS = [
    make_span(
        n, trace=n, at=n * MS, ms=n, name="GET /", kind="SERVER", status="ERROR" if n > 197 else "OK",
        attributes={"half": "first" if n <= 100 else "second"},
    )
    for n in range(1, 201)
]  # fmt: skip
CLIENT = make_span(900, trace=900, name="GET /", kind="CLIENT", ms=7, service="cart")


def test_operations_say_their_latency_with_a_trace_for_each_figure(store: Store) -> None:
    keep(store, *random.Random(3).sample(SPANS, 200), CLIENT)
    server = get(200, (100, 190, 198, 200), (100, 190, 198, 200), error=200)
    client = get(1, (7,) * 4, (900,) * 4, kind="CLIENT", service="cart")
    first = get(100, (50, 95, 99, 100), (50, 95, 99, 100))
    assert store.operations() == [server, client]
    assert store.operations(service="cart") == [client]
    assert store.operations(operation="GET /", kind="server") == [server]
    assert store.operations(operation="GET") == []
    assert store.operations(attributes={"half": "first"}) == [first]
    assert store.operations(since=START + 1, until=START + 4 * MS) == [get(3, (2, 3, 3, 3), (2, 3, 3, 3))]


def test_a_span_that_took_no_time_is_measured_as_any_other(store: Store) -> None:
    quick = [make_span(n, trace=n, ms=0, name="GET /", kind="SERVER") for n in (1, 2, 3)]
    keep(store, *quick, make_span(4, trace=4, ms=8_000, name="GET /", kind="SERVER"))
    (row,) = store.operations()
    assert (row.count, row.p50, row.p95, row.max, row.estimated) == (4, 0, 8_000 * MS, 8_000 * MS, ())


def test_each_stretch_of_time_is_measured_by_itself(store: Store) -> None:
    keep(store, *SPANS)
    rows = store.operations(by="100ms")
    assert rows == [
        get(99, (50, 95, 99, 99), (50, 95, 99, 99), bucket=START),
        get(100, (149, 194, 198, 199), (149, 194, 198, 199), error=199, bucket=START + 100 * MS, error_count=2),
        get(1, (200,) * 4, (200,) * 4, error=200, bucket=START + 200 * MS, error_count=1),
    ]
    assert store.operations(by="100ms", attributes={"half": "first"})[0] == rows[0]


@pytest.mark.parametrize("by", ["0s", "1us", "soon", "-5m"])
def test_what_is_no_stretch_of_time_is_refused(by: str) -> None:
    with open_store("sqlite:unused.db") as store, pytest.raises(ConfigurationError):
        store.operations(by=by)


@pytest.mark.elasticsearch
def test_of_very_many_spans_percentiles_are_estimates_and_named_as_such(
    elasticsearch_url: str, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(percentiles, "FEWER_ARE_EXACT", 100)
    with open_store(elasticsearch_url, namespace=namespace) as store:
        keep(store, *SPANS)
        (row,) = store.operations()
    assert (row.estimated, row.count, row.error_count, row.max) == (("p50", "p95", "p99"), 200, 3, 200 * MS)
    for figure, exact in (("p50", 100), ("p95", 190), ("p99", 198)):
        assert abs(getattr(row, figure) - exact * MS) <= MS
        assert abs(int(row.examples[figure], 16) - exact) <= 1


@pytest.mark.elasticsearch
def test_of_spans_in_several_places_percentiles_are_those_of_most_and_named_as_such(
    elasticsearch_url: str, namespace: str
) -> None:
    name = f"GET /{namespace}"
    document = {"@timestamp": "2026-04-19T14:23:00Z", "trace": {"id": trace_id(7)}, "span": {"id": "7" * 16}}
    measured = {"name": name, "duration": {"us": 500_000}}
    apm = {**document, "span": {**document["span"], **measured}, "service": {"name": "shop"}}  # type: ignore[dict-item]
    with open_store(elasticsearch_url, index=f"traces-*.otel-{namespace},traces-apm-{namespace}") as store:
        with open_store(elasticsearch_url, namespace=namespace) as writer:
            keep(writer, *(make_span(n, trace=n, ms=n, name=name) for n in range(1, 11)))
        store._request("POST", f"/traces-apm-{namespace}/_doc", apm, answer=dict, refresh=True)  # type: ignore[attr-defined]
        try:
            rows = store.operations()
        finally:
            store._request("DELETE", f"/traces-apm-{namespace}", answer=dict)  # type: ignore[attr-defined]
    figures = [(row.kind, row.count, row.p50 // MS, row.max // MS, row.estimated) for row in rows]
    assert figures == [("INTERNAL", 11, 5, 500, ("p50", "p95", "p99"))]


DURATIONS = st.lists(st.integers(0, 10**13), min_size=1, max_size=300)


@given(DURATIONS)
@example([0, 0, 6_097_196_102_309, 6_097_196_102_309])
def test_what_a_digest_says_of_values_that_it_holds_tells_each_percentile_exactly(durations: list[int]) -> None:
    ordered = sorted(durations)

    def interpolated(percent: float) -> float:
        at = percent / 100 * (len(ordered) - 1)
        low = int(at)
        high = min(low + 1, len(ordered) - 1)
        return ordered[low] + (at - low) * (ordered[high] - ordered[low])

    asked = percentiles.aggregation("duration")["percentiles"]["percents"]
    answer = {"values": {str(percent): interpolated(percent) for percent in asked}}
    assert percentiles.read(answer, len(ordered), ordered[-1]) == {
        percent: (nearest_rank(ordered, percent), True) for percent in (50, 95, 99)
    }


CALLS = st.lists(
    st.tuples(st.sampled_from(["a", "b"]), st.sampled_from(["UNSET", "ERROR"]), st.integers(0, 50), st.integers(0, 90)),
    min_size=1,
    max_size=40,
)


@given(CALLS)
def test_figures_are_those_of_a_count_by_hand(calls: list[tuple[str, str, int, int]]) -> None:
    spans = [
        make_span(n, trace=n, name=name, status=status, duration=duration, at=at)
        for n, (name, status, duration, at) in enumerate(calls, 1)
    ]

    def by_hand(bucket: int, held: list[Span]) -> tuple[object, ...]:
        ordered = sorted(span.duration for span in held)
        ranks = [max(-(-len(ordered) * percent // 100), 1) - 1 for percent in (50, 95, 99)]
        errors = sum(span.status == "ERROR" for span in held)
        return (held[0].name, bucket, len(held), errors, *(ordered[rank] for rank in ranks), ordered[-1])

    grouped: dict[tuple[str, int], list[Span]] = {}
    for span in spans:
        grouped.setdefault((span.name, span.start - span.start % 30), []).append(span)
    rows = operations_of(spans, 30)
    found = [(r.name, r.bucket, r.count, r.error_count, r.p50, r.p95, r.p99, r.max) for r in rows]
    assert sorted(found) == sorted(by_hand(bucket, held) for (_, bucket), held in grouped.items())
    durations = {span.trace_id: span.duration for span in spans}
    shown = chain.from_iterable(((row, *example) for example in row.examples.items()) for row in rows)
    assert all(getattr(row, figure, durations[trace]) == durations[trace] for row, figure, trace in shown)
