"""Who calls whom: the same edges from either store, whatever its spans say and however many there are."""

from __future__ import annotations

import json
from itertools import product
from typing import Any

import msgspec
import pytest
from documents import MS, START, keep, make_span, span_id, trace_id

from tracelog.model import Dependency, SpanLink
from tracelog.schema.layout_fields import Rows
from tracelog.schema.layouts import OTEL
from tracelog.schema.otel import TRACES, Document, encode_span
from tracelog.schema.otel_columns import read_outline
from tracelog.schema.outlines import outline
from tracelog.store import Store
from tracelog.store.by_trace import by_trace
from tracelog.store.elastic import answers, search
from tracelog.store.elastic.answers import Row
from tracelog.store.elasticsearch import ElasticsearchStore
from tracelog.store.query import SpanQuery

ORDERS, TOPIC = (
    {"server.address": "orders", "server.port": 8080},
    {"messaging.system": "kafka", "messaging.destination.name": "placed"},
)
DATABASE = {"db.system.name": "postgresql", "db.namespace": "orders"}

SPANS = [
    make_span(1, ms=200, kind="SERVER", name="POST /checkout", service="gateway"),
    make_span(2, parent=1, at=MS, ms=190, name="checkout", service="gateway"),
    make_span(
        3, parent=2, at=2 * MS, ms=30, kind="CLIENT", name="POST", service="gateway", status="ERROR", attributes=ORDERS
    ),
    make_span(4, parent=2, at=40 * MS, ms=100, kind="CLIENT", name="POST", service="gateway", attributes=ORDERS),
    make_span(5, parent=4, at=50 * MS, ms=80, kind="SERVER", name="POST /orders", service="orders"),
    make_span(6, parent=5, at=60 * MS, ms=5, kind="CLIENT", name="SELECT", service="orders", attributes=DATABASE),
    make_span(7, parent=5, at=70 * MS, ms=6, kind="CLIENT", name="INSERT", service="orders", attributes=DATABASE),
    make_span(8, parent=5, at=80 * MS, ms=1, kind="PRODUCER", name="send", service="orders", attributes=TOPIC),
    make_span(
        9, trace=2, at=90 * MS, ms=15, kind="CONSUMER", name="process placed", service="worker",
        links=(SpanLink(trace_id(1), span_id(8)),),
    ),
]  # fmt: skip


def edge(caller: str, callee: str, ms: tuple[int, int], **rest: Any) -> Dependency:
    known = {"calls": 1, "calls_per_parent": 1.0, "error_count": 0, "example": trace_id(1), **rest}
    return Dependency(caller=caller, callee=callee, p50=ms[0] * MS, p99=ms[1] * MS, **known)


CALLED = edge("gateway", "orders", (30, 100), calls=2, calls_per_parent=2.0, error_count=1)
STORED = edge("orders", "postgresql/orders", (5, 6), calls=2, calls_per_parent=2.0, external=True)
SENT = edge("orders", "worker", (15, 15), example=trace_id(2))


def test_calls_are_found_by_their_pairs_of_spans_by_links_and_by_what_attributes_name(store: Store) -> None:
    keep(store, *SPANS)
    assert store.dependencies() == [CALLED, STORED, SENT]
    assert store.dependencies(service="worker") == [SENT]
    assert store.dependencies(service="gateway") == [CALLED]
    assert store.dependencies(operations=True) == [
        edge(
            "gateway", "orders", (30, 100), calls=2, calls_per_parent=2.0, error_count=1,
            caller_operation="POST /checkout", callee_operation="POST /orders",
        ),
        edge(
            "orders", "postgresql/orders", (6, 6), caller_operation="POST /orders", callee_operation="INSERT",
            external=True,
        ),
        edge(
            "orders", "postgresql/orders", (5, 5), caller_operation="POST /orders", callee_operation="SELECT",
            external=True,
        ),
        edge(
            "orders", "worker", (15, 15), caller_operation="send", callee_operation="process placed",
            example=trace_id(2),
        ),
    ]  # fmt: skip
    assert store.notes == ["9 spans were read"]


def test_a_call_is_in_the_window_that_its_called_span_starts_in(store: Store) -> None:
    keep(store, *SPANS)
    assert store.dependencies(since=START + 50 * MS, until=START + 51 * MS) == [edge("gateway", "orders", (100, 100))]
    assert store.dependencies(since=START + 90 * MS) == [SENT]
    assert store.dependencies(until=START) == []


EDGE = 50 * MS
BESIDE = [-20 * MS, -MS, 0, MS, 20 * MS]
"""Where a span starts, as seen from the edge between two windows."""


def test_a_call_is_in_one_of_two_windows_whatever_clocks_say(store: Store) -> None:
    spans, edges = [], []
    for n, (client, server) in enumerate(product(BESIDE, BESIDE), 10):
        caller: dict[str, Any] = {"trace": n, "service": f"gateway {n}"}
        named = {"server.address": f"host {n}"}
        spans += [
            make_span(1, ms=200, kind="SERVER", **caller),
            make_span(2, parent=1, at=EDGE + client, kind="CLIENT", attributes=named, **caller),
            make_span(3, parent=2, at=EDGE + server, kind="SERVER", trace=n, service=f"orders {n}"),
        ]
        edges.append((server >= 0, edge(f"gateway {n}", f"orders {n}", (10, 10), example=trace_id(n))))
    keep(store, *spans)
    before, after = ([row for late, row in edges if late == side] for side in (False, True))
    now = START + EDGE
    assert [store.dependencies(until=now), store.dependencies(since=now)] == [before, after]
    assert [store.dependencies(since=START, until=now), store.dependencies(since=now, until=2 * now)] == [before, after]


def test_a_request_is_known_as_one_though_it_began_before_the_window(store: Store) -> None:
    keep(
        store,
        make_span(1, ms=200, kind="SERVER", name="POST /checkout", service="gateway"),
        *(make_span(n, parent=1, at=n * MS, ms=90, name=f"part {n}", service="gateway") for n in (2, 3)),
        *(
            make_span(n + 2, parent=n, at=EDGE, kind="CLIENT", name="SELECT", service="gateway", attributes=DATABASE)
            for n in (2, 3)
        ),
    )
    (row,) = store.dependencies(since=START + EDGE, operations=True)
    assert (row.calls, row.calls_per_parent, row.caller_operation) == (2, 2.0, "POST /checkout")


@pytest.mark.parametrize("held", [1, 2, 8, 9, 100])
def test_more_spans_than_are_held_come_trace_by_trace_too(held: int) -> None:
    spans = [outline(make_span(n, trace=n % 3, links=(SpanLink(trace_id(7), span_id(n)),))) for n in range(9)]
    found = sorted(by_trace(spans, held), key=lambda trace: trace[0].trace_id)
    assert [sorted(trace, key=lambda span: span.span_id) for trace in found] == [spans[n::3] for n in range(3)]


OTHERS: list[dict[str, Any]] = [
    {},
    {"kind": "Server", "status": {"code": "Error"}},
    {"kind": "server", "status": {"code": "ERROR"}},
    {"kind": "Client", "attributes": {"server.address": "orders"}},
    {"kind": "Client", "attributes": {"server": {"address": "orders"}}},
    {"kind": "Consumer", "links": [{"trace_id": trace_id(7), "span_id": span_id(8)}]},
    {"kind": "Producer", "status": {"code": "Ok"}},
    {"kind": None},
    {"kind": "Odd"},
    {"service": None, "resource": {"attributes": {"service.name": "theirs"}}},
    {"service": None},
    {"service": {"name": ""}},
    {"service": {"name": "long " * 2000}},
    {"name": None},
    {"name": "long " * 2000},
    {"duration": None},
    {"duration": -5},
    {"duration": 2**63 - 1},
    {"parent_span_id": None},
    {"parent_span_id": ""},
    {"parent_span_id": "0" * 16},
    {"parent_span_id": "not an id"},
    {"@timestamp": START // MS},
    {"@timestamp": "2026-04-19T14:23:01Z"},
]
NO_SPANS: list[dict[str, Any]] = [
    {"trace_id": "0" * 32},
    {"trace_id": "not an id"},
    {"trace_id": None},
    {"span_id": ""},
    {"span_id": None},
]


@pytest.mark.parametrize("rows", [OTEL.spans and OTEL.spans.rows, OTEL.spans and OTEL.spans.named_rows])
def test_a_row_has_a_place_and_the_columns_that_are_asked_for(rows: Rows) -> None:
    (_, *named) = (field.name for field in msgspec.structs.fields(rows.type))  # type: ignore[arg-type]
    meant = {"service.name": "service", "@timestamp": "start", "status.code": "status"}
    assert named == [meant.get(field, field) for field in rows.fields]


@pytest.mark.elasticsearch
def test_rows_say_of_spans_what_documents_do(
    elasticsearch_url: str, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "_FIRST_PAGE", 5)
    monkeypatch.setattr(search, "LARGEST_PAGE", 7)
    rows = 0

    def counted(body: bytes, answer: Any) -> Any:
        nonlocal rows
        found = read(body, answer)
        rows += sum(isinstance(hit, Row) for hit in found.hits.hits) if hasattr(found, "hits") else 0
        return found

    read = answers.read
    monkeypatch.setattr(answers, "read", counted)
    documents = [as_written(n, **rest) for n, rest in enumerate([*OTHERS, *NO_SPANS], 1)]
    expected = {span.span_id: span for span in (read_outline(document.body) for document in documents[: len(OTHERS)])}
    with ElasticsearchStore.open(elasticsearch_url, namespace=namespace) as store:
        assert not store.write(documents).refused
        store.refresh()
    for names in (True, False):
        rows = 0
        with ElasticsearchStore.open(elasticsearch_url, namespace=namespace) as store:
            found = {span.span_id: span for trace in store._outlines(SpanQuery(), names=names) for span in trace}
            assert sorted(found) == sorted(expected)
            for each, span in found.items():
                assert span in (expected[each], msgspec.structs.replace(expected[each], name=""))
                assert span.name == expected[each].name or not names
            assert rows == (15 if names else 16)
            assert store.skipped == len(NO_SPANS)


def as_written(n: int, **rest: Any) -> Document:
    """Return the document of a span with other values for some of its fields; one that is None is left out."""
    known = json.loads(encode_span(make_span(n, parent=90, at=n, kind="INTERNAL")).body)
    held = {name: value for name, value in {**known, **rest}.items() if value is not None}
    return Document(f"{n}", TRACES, json.dumps(held).encode())
