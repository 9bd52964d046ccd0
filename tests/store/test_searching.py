"""Every filter of every search, on each store: the same spans, lines and traces, decided by the store where it can."""

from __future__ import annotations

import pytest
from documents import MS, keep, make_line, make_span, trace_id

from tracelog.errors import ConfigurationError
from tracelog.model import Span
from tracelog.store import Store

SPANS = [
    make_span(1, at=1, attributes={"items": 3, "order.id": "A-1"}, resource={"host.name": "host-1"}),
    make_span(2, at=2, attributes={"items": 12, "version": "1.10"}),
    make_span(3, at=3, attributes={"items": "7", "basket": {"sum": 2.5}}, resource={"host.name": "host-2"}),
    make_span(4, at=4, attributes={"note": "plain"}),
]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (["items"], [1, 2, 3]),
        (["items>3"], [2, 3]),
        (["items>=3"], [1, 2, 3]),
        (["items<10"], [1, 3]),
        (["items<=3", "order.id=A-1"], [1]),
        (["items>3", "version"], [2]),
        (["basket.sum>2"], [3]),
        (["version>1.2"], []),
        (["version>=1.1"], [2]),
        (["host.name=host-2"], [3]),
        (["host.name"], [1, 3]),
        (["absent"], []),
        ({"items": 3}, [1]),
        ("note=plain", [4]),
    ],
)
def test_spans_and_lines_are_found_by_what_is_asked_of_their_attributes(
    store: Store, asked: list[str], found: list[int]
) -> None:
    lines = [
        make_line(n, f"line {n}", at=n, attributes=span.attributes, resource=span.resource)
        for n, span in enumerate(SPANS, 1)
    ]
    keep(store, *SPANS, *lines)
    assert [int(span.span_id, 16) for span in store.spans(attributes=asked)] == found
    assert [int(line.body.split()[1]) for line in store.logs(attributes=asked)] == found


def test_whoever_asks_for_more_or_less_is_told_how_much_was_read_where_the_store_cannot_compare(store: Store) -> None:
    keep(store, *SPANS)
    assert len(list(store.spans(attributes=["items>3"]))) == 2
    assert store.notes == ["3 documents were read to compare items>3"]
    assert len(list(store.spans(attributes=["items=3"]))) == 1
    assert store.notes == ["3 documents were read to compare items>3"]


@pytest.mark.parametrize("text", ["a*", 'a"b', "a\\", "a AND b", "_all", "{", "a:b", "%", "a_b"])
def test_what_is_asked_for_is_never_syntax(store: Store, text: str) -> None:
    keep(store, make_span(1, attributes={text: text}), make_span(2, attributes={"axb": "axb"}))
    for asked in ([text], [f"{text}={text}"], [f"{text}>"]):
        assert [span.span_id for span in store.spans(attributes=asked)] == [f"{1:016x}"]


def a_shop(store: Store) -> None:
    """Store three traces of 100, 300 and 200 ms; that of 100 ms has a failed call of 80."""
    for trace, length in ((1, 100), (2, 300), (3, 200)):
        root = make_span(10 * trace, trace=trace, ms=length, kind="SERVER", name="POST /orders")
        status = "ERROR" if trace == 1 else "OK"
        call = make_span(
            10 * trace + 1, trace=trace, parent=10 * trace, ms=length - 20, kind="CLIENT", name="pay", status=status
        )
        keep(store, root, call)


def measured(store: Store, **filters: object) -> list[tuple[int, str, int]]:
    rows = store.slowest(**filters)  # type: ignore[arg-type] # as the tests below name them
    return [(int(row.trace_id, 16), row.measure, row.duration // MS) for row in rows]


def test_the_slowest_spans_of_a_kind_are_measured_themselves(store: Store) -> None:
    a_shop(store)
    assert measured(store) == [(2, "root", 300), (3, "root", 200), (1, "root", 100)]
    assert measured(store, kind="client") == [(2, "client", 280), (3, "client", 180), (1, "client", 80)]
    assert measured(store, kind="client", operation="pay", status="error") == [(1, "client", 80)]


def test_what_is_measured_can_be_bounded(store: Store) -> None:
    a_shop(store)
    assert measured(store, min_duration="150ms", max_duration=250 * MS) == [(3, "root", 200)]
    assert measured(store, kind="client", max_duration="0.1s") == [(1, "client", 80)]


def test_failed_traces_come_first_on_wish_and_then_the_others(store: Store) -> None:
    a_shop(store)
    assert measured(store, errors=True) == [(1, "root", 100)]
    assert measured(store, errors="first") == [(1, "root", 100), (2, "root", 300), (3, "root", 200)]
    assert measured(store, errors="first", limit=2) == [(1, "root", 100), (2, "root", 300)]


def test_root_span_and_trace_are_told_apart(store: Store) -> None:
    late = make_span(3, parent=2, ms=500, kind="CONSUMER")
    keep(store, make_span(1, ms=100), make_span(2, parent=1, ms=90, kind="CLIENT"), late)
    (row,) = store.slowest()
    assert (row.trace_id, row.measure, row.duration, row.trace_duration) == (trace_id(1), "root", 100 * MS, 500 * MS)
    (row,) = store.slowest(kind="client")
    assert (row.measure, row.duration, row.trace_duration) == ("client", 90 * MS, 500 * MS)


@pytest.mark.parametrize("text", ["", "5", "ms", "-1s", "1 day", "1e3ms"])
def test_a_duration_that_cannot_be_read_is_an_error(store: Store, text: str) -> None:
    with pytest.raises(ConfigurationError, match="not a duration"):
        store.spans(min_duration=text)


def test_durations_are_read_in_their_units(store: Store) -> None:
    spans: list[Span] = [
        make_span(n, at=n, duration=ns) for n, ns in enumerate((1, 1000, 1500, 10**6, 10**9, 6 * 10**10), 1)
    ]
    keep(store, *spans)
    asked = ("1ns", "1us", "1.5µs", "1ms", "1s", "1m")
    found = [len(list(store.spans(min_duration=shortest))) for shortest in asked]
    assert found == [6, 5, 4, 3, 2, 1]
