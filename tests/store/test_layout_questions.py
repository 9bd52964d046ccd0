"""Every question of a store, asked of the same spans and lines in each layout: the answers are the same."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from documents import MS, START, keep, make_span, span_id, trace_id
from encoders import WRITERS, Writer
from foreign import INSTALLED, Cluster, cluster_of

from tracelog.keep.outcome import Fates
from tracelog.keep.policies import Latency, Level, Policy, StatusCode
from tracelog.keep.replay import replay
from tracelog.model import Dependency, ExceptionInfo, LogEntry, Match, Operation, SpanEvent, SpanLink, TraceSummary
from tracelog.store import Store, open_store
from tracelog.store.elasticsearch import ElasticsearchStore

HOSTILE = ["*", '"', "\\", "AND", "{", "_all", "a* OR b*", '"quoted"', "/re.*/", "order_id:A-1", "\0", "x" * 9000]

PAY = make_span(
    1, ms=100, kind="SERVER", name="POST /pay", status="OK", attributes={"order_id": "A-1"},
    events=(SpanEvent(START + 5 * MS, "retry"),),
)  # fmt: skip
CHARGE = make_span(
    2, parent=1, at=10 * MS, ms=80, kind="CLIENT", name="charge", status="ERROR", attributes={"tenant": "blue"}
)
CHARGED = make_span(3, parent=2, at=20 * MS, ms=60, kind="SERVER", name="charge", service="bank")
DRAIN = make_span(
    4, trace=2, at=30 * MS, ms=300, kind="CONSUMER", name="drain", service="worker",
    links=(SpanLink(trace_id(1), span_id(1)),),
)  # fmt: skip
WORK = make_span(5, trace=2, parent=4, at=40 * MS, ms=250, name="work", service="worker")
LATE = make_span(6, trace=3, parent=66, at=50 * MS, ms=200, kind="SERVER", name="late", service="bank")
SEND = make_span(7, trace=3, parent=6, at=60 * MS, ms=1, kind="PRODUCER", name="send", service="bank")
FAILED = {"ERROR": ("error",), "OK": (), "UNSET": ()}
SPANS = (PAY, CHARGE, CHARGED, DRAIN, WORK, LATE, SEND)


def line(number: int, body: str, trace: int | None, span: int | None, **rest: Any) -> LogEntry:
    known = {"severity_text": "INFO", "service": "shop", **rest}
    return LogEntry(
        time=START + number * MS,
        body=body,
        trace_id=None if trace is None else trace_id(trace),
        span_id=None if span is None else span_id(span),
        **known,
    )


LINES = (
    line(1, "Order A-1 was paid", 1, 1),
    line(
        2,
        "pool.timeout: redis.TimeoutError after 3.14 s",
        1,
        3,
        severity_text="ERROR",
        service="bank",
        exception=ExceptionInfo("bank.Refused", "bad luck: item 13", "Traceback: in charge()\nbank.Refused: bad luck"),
    ),
    line(3, "order: declined", 2, None, severity_text="warn", service="worker", attributes={"coupon": "C-7"}),
    line(4, "no level", None, None, severity_text=None, service="cron"),
)


@pytest.fixture(scope="module", params=["installed", "dynamic"])
def mapping(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture(scope="module", params=WRITERS, ids=lambda writer: writer.name)
def writer(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture(scope="module")
def cluster(elasticsearch_url: str, writer: Writer, mapping: str) -> Iterator[Cluster]:
    held: dict[str, list[Any]] = {}
    for span in SPANS:
        for index, document in writer.span(span):
            held.setdefault(index, []).append(document)
    for entry in LINES:
        for index, document in writer.line(entry):
            held.setdefault(index, []).append(document)
    with cluster_of(elasticsearch_url) as cluster:
        for index, documents in held.items():
            cluster.put(index, documents, INSTALLED.get(index) if mapping == "installed" else None)
        yield cluster


@pytest.fixture
def store(cluster: Cluster) -> Iterator[Store]:
    with open_store(cluster.url, index=cluster.pattern) as store:
        yield store


pytestmark = pytest.mark.elasticsearch


def test_each_filter_of_spans_picks_its_own(store: Store) -> None:
    found = {
        "all": store.spans(),
        "service": store.spans(service="bank"),
        "unknown service": store.spans(service="unknown_service"),
        "name": store.spans(name="charge"),
        "part of a name": store.spans(name="POST"),
        "server": store.spans(kind="server"),
        "client": store.spans(kind="CLIENT"),
        "internal": store.spans(kind="INTERNAL"),
        "producer": store.spans(kind="PRODUCER"),
        "consumer": store.spans(kind="CONSUMER"),
        "unspecified": store.spans(kind="UNSPECIFIED"),
        "ok": store.spans(status="OK"),
        "error": store.spans(status="error"),
        "unset": store.spans(status="UNSET"),
        "at least": store.spans(min_duration=100 * MS),
        "at most": store.spans(max_duration=80 * MS),
        "since": store.spans(since=START + 40 * MS),
        "until": store.spans(until=START + 10 * MS),
        "between": store.spans(since=START + 1, until=START + 20 * MS),
        "attribute": store.spans(attributes={"order_id": "A-1"}),
        "another": store.spans(attributes={"order_id": "A-2"}),
        "several": store.spans(service="bank", kind="SERVER", min_duration=100 * MS),
    }
    assert {name: [int(span.span_id, 16) for span in spans] for name, spans in found.items()} == {
        "all": [1, 2, 3, 4, 5, 6, 7],
        "service": [3, 6, 7],
        "unknown service": [],
        "name": [2, 3],
        "part of a name": [],
        "server": [1, 3, 6],
        "client": [2],
        "internal": [5],
        "producer": [7],
        "consumer": [4],
        "unspecified": [],
        "ok": [1],
        "error": [2],
        "unset": [3, 4, 5, 6, 7],
        "at least": [1, 4, 5, 6],
        "at most": [2, 3, 7],
        "since": [5, 6, 7],
        "until": [1],
        "between": [2],
        "attribute": [1],
        "another": [],
        "several": [6],
    }


RETRY = "retry"
READ_ONE_BY_ONE = {("otel", "dynamic"), ("jaeger", "dynamic")}
"""Where a time is text, and where tags are not nested."""


def test_each_filter_of_lines_picks_its_own(store: Store) -> None:
    found = {
        "all": store.logs(),
        "trace": store.logs(trace_id=trace_id(1)),
        "span": store.logs(span_id=span_id(3)),
        "service": store.logs(service="worker"),
        "info": store.logs(level="INFO"),
        "warning": store.logs(level="WARNING"),
        "error": store.logs(level="ERROR"),
        "since": store.logs(since=START + 3 * MS, until=START + 5 * MS),
        "event": store.logs(since=START + 5 * MS),
        "name of an event": store.logs(text="RETRY"),
        "word": store.logs(text="order"),
        "phrase": store.logs(text="a-1 WAS"),
        "within a name": store.logs(text="TimeoutError"),
        "within a number": store.logs(text="14"),
        "out of order": store.logs(text="paid order"),
        "message of an exception": store.logs(text="LUCK item"),
        "type of an exception": store.logs(text="refused"),
        "exception": store.logs(text="bank.Refused: bad luck"),
        "stack": store.logs(text="in charge()"),
    }
    first, second, third, fourth = (entry.body for entry in LINES)
    assert {name: [entry.message for entry in lines] for name, lines in found.items()} == {
        "all": [first, second, third, fourth, RETRY],
        "trace": [first, second, RETRY],
        "span": [second],
        "service": [third],
        "info": [first, second, third],
        "warning": [second, third],
        "error": [second],
        "since": [third, fourth],
        "event": [RETRY],
        "name of an event": [RETRY],
        "word": [first, third],
        "phrase": [first],
        "within a name": [second],
        "within a number": [second],
        "out of order": [],
        "message of an exception": [second],
        "type of an exception": [second],
        "exception": [second],
        "stack": [],
    }


def test_a_trace_holds_its_lines_and_who_links_to_it(store: Store) -> None:
    trace = store.trace(trace_id(1))
    assert [
        (node.depth, node.span.name, node.span.kind, [line.body for line in node.logs]) for node in trace.nodes
    ] == [
        (0, "POST /pay", "SERVER", [LINES[0].body]),
        (1, "charge", "CLIENT", []),
        (2, "charge", "SERVER", [LINES[1].body]),
    ]
    (link,) = trace.nodes[0].linked_from
    assert (link.trace_id, link.span_id) == (trace_id(2), span_id(4))
    assert [event.name for event in trace.nodes[0].span.events] == [RETRY]


def test_any_id_and_any_value_is_found(store: Store) -> None:
    asked = (trace_id(2), span_id(5), "A-1", "C-7", "blue", "declined", "bad luck", "nowhere", trace_id(9), span_id(99))
    found = {text: store.find(text) for text in asked}
    assert {text: [(match.trace_id, match.field) for match in matches] for text, matches in found.items()} == {
        trace_id(2): [(trace_id(2), "trace_id")],
        span_id(5): [(trace_id(2), "span_id")],
        "A-1": [(trace_id(1), "order_id")],
        "C-7": [(trace_id(2), "coupon")],
        "blue": [(trace_id(1), "tenant")],
        "declined": [(trace_id(2), "message")],
        "bad luck": [(trace_id(1), "exception")],
        "nowhere": [],
        trace_id(9): [],
        span_id(99): [],
    }
    assert found["A-1"] == [Match(trace_id(1), "order_id", "A-1", 1)]
    assert found[trace_id(2)][0].count == 3


def row(span: Any, measure: str = "root", **rest: Any) -> TraceSummary:
    known = {"trace_duration": span.duration, "span_count": 1, "log_count": 0, "error_count": 0, **rest}
    return TraceSummary(
        trace_id=span.trace_id,
        service=span.service,
        name=span.name,
        measure=measure,
        start=span.start,
        duration=span.duration,
        **known,
    )


def test_the_slowest_are_found_by_the_store(store: Store) -> None:
    drain = row(DRAIN, span_count=2, log_count=1)
    late = row(LATE, "server", span_count=2)
    pay = row(PAY, span_count=3, log_count=2, error_count=1)
    assert store.slowest() == [drain, late, pay]
    assert store.slowest(errors=True) == [pay]
    assert store.slowest(limit=1) == [drain]
    in_bank = [(found.name, found.measure) for found in store.slowest(service="bank")]
    assert in_bank == [("late", "server"), ("charge", "server")]
    assert store.slowest(attributes={"order_id": "A-1"}) == [pay]


def test_operations_are_measured_by_the_store(store: Store, writer: Writer, mapping: str) -> None:
    def one(span: Any) -> Operation:
        figures = dict.fromkeys(("p50", "p95", "p99", "max"), span.duration)
        return Operation(
            service=span.service,
            name=span.name,
            kind=span.kind,
            count=1,
            error_count=int(span.status == "ERROR"),
            examples=dict.fromkeys(("p50", "p95", "p99", "max", *FAILED[span.status]), span.trace_id),
            **figures,
        )

    ordered = sorted(SPANS, key=lambda span: (span.service, span.name))
    assert store.operations() == [one(span) for span in ordered]
    assert store.operations(service="worker") == [one(DRAIN), one(WORK)]
    assert store.operations(since=START + MS, until=START + 20 * MS) == [one(CHARGE)]
    assert store.operations(operation="charge", kind="server") == [one(CHARGED)]
    assert store.operations(attributes={"order_id": "A-1"}) == [one(PAY)]
    buckets = [(row.service, row.name, row.bucket) for row in store.operations(by="20ms", since=START + 30 * MS)]
    assert buckets == [
        ("bank", "late", START + 40 * MS),
        ("bank", "send", START + 60 * MS),
        ("worker", "drain", START + 20 * MS),
        ("worker", "work", START + 40 * MS),
    ]
    one_by_one = "spans are read one by one, as names, durations, times or tags are mapped"
    said = [note.partition(": ")[2] for note in store.notes if one_by_one in note]
    assert said == [one_by_one] * ((writer.name, mapping) in READ_ONE_BY_ONE)


def test_who_calls_whom_is_the_same_in_each_layout(store: Store) -> None:
    def call(caller: str, callee: str, called: Any, trace: int, failed: int = 0) -> Dependency:
        return Dependency(
            caller=caller,
            callee=callee,
            calls=1,
            calls_per_parent=1.0,
            error_count=failed,
            p50=called.duration,
            p99=called.duration,
            example=trace_id(trace),
        )

    assert store.dependencies() == [call("shop", "bank", CHARGE, 1, failed=1), call("shop", "worker", DRAIN, 2)]
    assert store.dependencies(service="worker", since=START + 30 * MS) == [call("shop", "worker", DRAIN, 2)]
    assert store.dependencies(until=START + 10 * MS) == []


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:10])
def test_what_a_user_types_is_never_syntax(store: Store, text: str) -> None:
    assert (
        store.find(text),
        list(store.logs(text=f"{text} word")),
        list(store.logs(service=text)),
        list(store.spans(name=text)),
        list(store.spans(kind=text)),
        list(store.spans(status=text)),
        list(store.spans(attributes={"order_id": text})),
        list(store.spans(attributes={text: "A-1"})),
        store.slowest(operation=text),
        store.operations(service=text),
    ) == ([], [], [], [], [], [], [], [], [], [])


def test_nothing_is_passed_over(store: Store) -> None:
    list(store.spans())
    list(store.logs())
    assert store.skipped == 0
    assert [note for note in store.notes if "passed over" in note] == []


@pytest.mark.elasticsearch
def test_lines_are_counted_in_indices_that_map_nothing_of_what_makes_an_event(
    elasticsearch_url: str, namespace: str
) -> None:
    trace, index = uuid.uuid4().hex, f"filebeat-{namespace}"
    with open_store(elasticsearch_url, namespace=namespace) as store:
        assert isinstance(store, ElasticsearchStore)
        keep(store, msgspec.structs.replace(make_span(1), trace_id=trace))
        line = {"@timestamp": "2026-04-19T14:23:00Z", "message": "said", "trace": {"id": trace}}
        store._request("POST", f"/{index}/_doc", line, answer=dict, refresh=True)
        store.refresh()
        try:
            assert store.totals([trace])[trace].log_count == 1
        finally:
            store._request("DELETE", f"/{index}", answer=dict)


def test_policies_keep_the_same_of_every_layout(store: Store) -> None:
    policies: list[Policy] = [StatusCode("errors"), Level("error lines", "ERROR"), Latency("slow", 250)]
    result = replay(policies, store.spans(), store.logs())
    kept = {name: (each.traces, each.spans, each.lines) for name, each in result.by_policy.items()}
    assert kept == {"errors": (1, 2, 1), "error lines": (1, 1, 1), "slow": (1, 2, 1)}
    assert (result.untraced.lines, result.stored.traces, result.stored.spans, result.stored.lines) == (1, 3, 7, 4)
    assert (result.fates, result.failed) == (Fates(traces=3, whole=2, lost=1), Fates(traces=1, whole=1))
    assert 0 < result.kept.size < result.stored.size
