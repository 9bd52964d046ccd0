"""Elastic APM's documents, 7 and 8: transactions and spans, errors, span events, and what can be wrong with them.

Whole documents are cut from the golden files of APM Server (`systemtest/approvals`), with ids that agents write.
"""

from __future__ import annotations

import contextlib
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracelog.model import ExceptionInfo, LogEntry, Span, SpanLink
from tracelog.schema import apm

TRACE, SPAN, TRANSACTION = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", "53995c3f42cd8ad8"
ISO, MICROS = "2018-07-30T18:53:42.281Z", 1_532_976_822_281_007
MILLIS, START = 1_532_976_822_281_000_000, MICROS * 1_000
NEITHER = {"@timestamp": ISO, "timestamp": {"us": MICROS}, "trace": {"id": TRACE}}


def encoded(document: dict[str, Any]) -> bytes:
    return msgspec.json.encode({key: value for key, value in {**NEITHER, **document}.items() if value is not None})


def decode_span(own: dict[str, Any] | None = None, **around: Any) -> Span:
    """Decode a span with these fields of its own, and others around them."""
    return apm.decode_span(encoded({"processor": {"event": "span"}, "span": {"id": SPAN, **(own or {})}, **around}))


def decode_transaction(own: dict[str, Any] | None = None, **around: Any) -> Span:
    """Decode a transaction with these fields of its own, and others around them."""
    document = {"processor": {"event": "transaction"}, "transaction": {"id": TRANSACTION, **(own or {})}, **around}
    return apm.decode_span(encoded(document))


def span(**fields: Any) -> Span:
    known = {"span_id": SPAN, "name": "", "service": "unknown_service", "start": START, "duration": 0}
    return Span(**{"trace_id": TRACE, **known, **fields})


def transaction(**fields: Any) -> Span:
    return span(**{"span_id": TRANSACTION, "kind": "SERVER", **fields})


def test_a_span_of_an_agent_is_read() -> None:
    assert apm.decode_span(
        encoded(
            {
                "agent": {"ephemeral_id": "justanid", "name": "elastic-ruby", "version": "2.2"},
                "cloud": {"account": {"id": "1"}, "region": "eu-1", "service": {"name": "lambda"}},
                "data_stream.dataset": "apm",
                "data_stream.namespace": "default",
                "data_stream.type": "traces",
                "destination": {"address": "10.0.0.1", "ip": "10.0.0.1", "port": 5432},
                "event": {"agent_id_status": "missing", "outcome": "success", "success_count": 1},
                "host": {"architecture": "x64", "hostname": "node-1", "ip": ["127.0.0.1"], "name": "web-1"},
                "http": {"request": {"method": "GET"}, "response": {"status_code": 200, "transfer_size": 300}},
                "labels": {"tag1": "label1", "both": ["a", "b"]},
                "numeric_labels": {"tag2": 123, "tag3": 12.34},
                "observer": {"hostname": "dynamic", "type": "apm-server", "version": "8.19.0"},
                "parent": {"id": TRANSACTION},
                "processor": {"event": "span", "name": "transaction"},
                "service": {
                    "environment": "staging",
                    "framework": {"name": "Rails", "version": "7"},
                    "name": "shop",
                    "target": {"name": "testdb", "type": "postgres"},
                },
                "span": {
                    "action": "query",
                    "db": {
                        "instance": "customers",
                        "rows_affected": 2,
                        "statement": "SELECT * FROM product_types WHERE user_id=?",
                        "type": "sql",
                        "user": {"name": "readonly"},
                    },
                    "destination": {"service": {"name": "postgresql", "resource": "postgres/testdb", "type": "db"}},
                    "duration": {"us": 3781},
                    "id": SPAN,
                    "name": "SELECT FROM product_types",
                    "representative_count": 1,
                    "stacktrace": [
                        {"classname": "Core", "exclude_from_grouping": False, "filename": "net.js", "function": "read"},
                        {"filename": "file2.js", "line": {"number": 12, "context": "  return result"}},
                        {"library_frame": True},
                    ],
                    "subtype": "postgresql",
                    "sync": True,
                    "type": "db",
                },
                "transaction": {"id": TRANSACTION},
                "url": {"original": "http://localhost:8000"},
            }
        )
    ) == span(
        parent_span_id=TRANSACTION,
        name="SELECT FROM product_types",
        service="shop",
        duration=3_781_000,
        kind="CLIENT",
        status="OK",
        attributes={
            "transaction.id": TRANSACTION,
            "span.type": "db",
            "span.subtype": "postgresql",
            "span.action": "query",
            "span.sync": True,
            "span.representative_count": 1,
            "span.destination.service.name": "postgresql",
            "span.destination.service.resource": "postgres/testdb",
            "span.destination.service.type": "db",
            "span.db.rows_affected": 2,
            "span.db.user.name": "readonly",
            "db.namespace": "customers",
            "db.query.text": "SELECT * FROM product_types WHERE user_id=?",
            "db.system.name": "postgresql",
            "server.address": "10.0.0.1",
            "server.port": 5432,
            "destination.ip": "10.0.0.1",
            "service.target.name": "testdb",
            "service.target.type": "postgres",
            "http.request.method": "GET",
            "http.response.status_code": 200,
            "http.response.transfer_size": 300,
            "url.original": "http://localhost:8000",
            "code.stacktrace": "    at Core.read (net.js)\n    at ? (file2.js:12)\n        return result\n    at ? (?)",
            "tag1": "label1",
            "both": ["a", "b"],
            "tag2": 123,
            "tag3": 12.34,
        },
        resource={
            "service.name": "shop",
            "deployment.environment.name": "staging",
            "service.framework.name": "Rails",
            "service.framework.version": "7",
            "agent.ephemeral_id": "justanid",
            "agent.name": "elastic-ruby",
            "agent.version": "2.2",
            "cloud.account.id": "1",
            "cloud.region": "eu-1",
            "cloud.platform": "lambda",
            "host.arch": "x64",
            "host.ip": ["127.0.0.1"],
            "host.name": "web-1",
        },
    )


def test_a_transaction_of_apm_server_7_is_read() -> None:
    assert apm.decode_span(
        encoded(
            {
                "agent": {"name": "nodejs", "version": "3.14.0"},
                "client": {"ip": "12.53.12.1"},
                "container": {"id": "c-1"},
                "ecs": {"version": "1.12.0"},
                "event": {"ingested": ISO, "outcome": "failure"},
                "http": {
                    "request": {"headers": {"User-Agent": ["curl"]}, "method": "POST", "body": {"original": "{}"}},
                    "response": {"status_code": 500, "finished": True},
                    "version": "1.1",
                },
                "kubernetes": {"namespace": "ns", "node": {"name": "n"}, "pod": {"name": "p", "uid": "u"}},
                "labels": {"organization_uuid": "9f0e", "tag2": 12, "tag4": False},
                "observer": {"type": "apm-server", "version_major": 7},
                "parent": {"id": SPAN},
                "process": {"args": ["node", "server.js"], "pid": 1234, "ppid": 6789, "title": "node"},
                "processor": {"event": "transaction", "name": "transaction"},
                "service": {
                    "language": {"name": "ecmascript", "version": "8"},
                    "name": "chatty-service",
                    "node": {"name": "chatty-node"},
                    "runtime": {"name": "node", "version": "7.0"},
                    "version": "5.1.3",
                },
                "source": {"ip": "12.53.12.1"},
                "transaction": {
                    "custom": {"my_key": 1, "and_objects": {"foo": ["bar", "baz"]}},
                    "duration": {"us": 32592},
                    "id": TRANSACTION,
                    "name": "GET /api/types",
                    "result": "HTTP 5xx",
                    "sampled": True,
                    "span_count": {"dropped": 3, "started": 20},
                    "type": "request",
                },
                "url": {"domain": "www.example.com", "full": "https://www.example.com/p?q=1", "path": "/p", "port": 80},
                "user": {"id": "99", "name": "foo"},
                "user_agent": {"name": "curl", "original": "curl/8", "device": {"name": "Other"}},
            }
        )
    ) == transaction(
        parent_span_id=SPAN,
        name="GET /api/types",
        service="chatty-service",
        duration=32_592_000,
        status="ERROR",
        attributes={
            "transaction.type": "request",
            "transaction.result": "HTTP 5xx",
            "transaction.sampled": True,
            "transaction.span_count.dropped": 3,
            "transaction.span_count.started": 20,
            "transaction.custom.my_key": 1,
            "transaction.custom.and_objects.foo": ["bar", "baz"],
            "http.request.headers.User-Agent": ["curl"],
            "http.request.method": "POST",
            "http.request.body.original": "{}",
            "http.response.status_code": 500,
            "http.response.finished": True,
            "network.protocol.version": "1.1",
            "client.address": "12.53.12.1",
            "source.address": "12.53.12.1",
            "url.domain": "www.example.com",
            "url.full": "https://www.example.com/p?q=1",
            "url.path": "/p",
            "url.port": 80,
            "user.id": "99",
            "user.name": "foo",
            "user_agent.name": "curl",
            "user_agent.original": "curl/8",
            "user_agent.device.name": "Other",
            "organization_uuid": "9f0e",
            "tag2": 12,
            "tag4": False,
        },
        resource={
            "service.name": "chatty-service",
            "service.version": "5.1.3",
            "service.instance.id": "chatty-node",
            "service.language.version": "8",
            "telemetry.sdk.language": "ecmascript",
            "process.runtime.name": "node",
            "process.runtime.version": "7.0",
            "agent.name": "nodejs",
            "agent.version": "3.14.0",
            "container.id": "c-1",
            "k8s.namespace.name": "ns",
            "k8s.node.name": "n",
            "k8s.pod.name": "p",
            "k8s.pod.uid": "u",
            "process.command_args": ["node", "server.js"],
            "process.pid": 1234,
            "process.parent_pid": 6789,
            "process.title": "node",
        },
    )


def test_a_transaction_that_came_as_otlp_has_its_scope_back() -> None:
    found = decode_transaction(
        {"name": "operation_name", "sampled": True, "type": "unknown", "duration": {"us": 1_000_000}},
        span={"id": TRANSACTION},
        agent={"name": "opentelemetry/go", "version": "1.8.0"},
        event={"outcome": "unknown"},
        labels={"order_id": "A-1"},
        service={"framework": {"name": "systemtest", "version": "1"}, "language": {"name": "go"}, "name": "shop"},
    )
    assert found == transaction(
        name="operation_name",
        service="shop",
        duration=1_000_000_000,
        attributes={"transaction.sampled": True, "transaction.type": "unknown", "order_id": "A-1"},
        resource={
            "service.name": "shop",
            "telemetry.sdk.language": "go",
            "agent.name": "opentelemetry/go",
            "agent.version": "1.8.0",
        },
        scope="systemtest",
        scope_version="1",
    )


def test_a_document_that_says_little_is_read_with_what_it_says() -> None:
    assert [decode_span(), decode_transaction()] == [span(), transaction()]


COMPOSITE = {"compression_strategy": "same_kind", "count": 50, "sum": {"us": 49_000}}


def test_a_composite_keeps_its_count_and_sum() -> None:
    assert decode_span({"name": "Calls to redis", "composite": COMPOSITE, "duration": {"us": 50_000}}) == span(
        name="Calls to redis",
        duration=50_000_000,
        attributes={
            "span.composite.compression_strategy": "same_kind",
            "span.composite.count": 50,
            "span.composite.sum.us": 49_000,
        },
    )


def test_an_unsampled_transaction_says_so() -> None:
    assert decode_transaction({"sampled": False}) == transaction(attributes={"transaction.sampled": False})


@pytest.mark.parametrize(
    ("document", "node"),
    [
        ({"processor": {"event": "span"}, "span": {"id": SPAN}, "transaction": {"id": TRANSACTION}}, SPAN),
        ({"processor": {"event": "transaction"}, "transaction": {"id": TRANSACTION}}, TRANSACTION),
        (
            {"processor": {"event": "transaction"}, "transaction": {"id": TRANSACTION}, "span": {"id": TRANSACTION}},
            TRANSACTION,
        ),
        ({"processor": {"event": "transaction"}, "transaction": {}, "span": {"id": TRANSACTION}}, TRANSACTION),
        ({"transaction": {"id": TRANSACTION, "type": "request"}, "span": {"id": TRANSACTION}}, TRANSACTION),
        ({"transaction": {"id": TRANSACTION, "name": "GET /"}}, TRANSACTION),
        ({"transaction": {"id": TRANSACTION, "duration": {"us": 1}}, "span": {"id": ""}}, TRANSACTION),
        ({"span": {"id": SPAN, "type": "db"}, "transaction": {"id": TRANSACTION}}, SPAN),
        ({"span": {"id": SPAN, "name": "x"}}, SPAN),
    ],
)  # fmt: skip
def test_a_node_is_told_by_its_processor_else_by_what_it_has(document: dict[str, Any], node: str) -> None:
    assert apm.decode_span(encoded(document)).span_id == node


@pytest.mark.parametrize(
    ("times", "start"),
    [
        ({}, START),
        ({"timestamp": {"us": str(MICROS)}}, START),
        ({"timestamp": {"us": 0}}, 0),
        ({"timestamp": None}, MILLIS),
        ({"timestamp": {"us": None}, "@timestamp": "2018-07-30T20:53:42.281+02:00"}, MILLIS),
        ({"timestamp": None, "@timestamp": MILLIS // 1_000_000}, MILLIS),
        ({"timestamp": None, "@timestamp": str(MILLIS // 1_000_000)}, MILLIS),
        ({"timestamp": None, "@timestamp": "2018-07-30T18:53:42.281000009Z"}, MILLIS + 9),
    ],
)
def test_the_start_is_in_microseconds_else_the_timestamp(times: dict[str, Any], start: int) -> None:
    assert decode_span(**times) == span(start=start)


@pytest.mark.parametrize(
    ("own", "event", "duration"),
    [
        ({"duration": {"us": 5}}, {"duration": 7}, 5_000),
        ({"duration": {"us": 0.5}}, {}, 500),
        ({"duration": {"us": "5"}}, {}, 5_000),
        ({"duration": {"us": -5}}, {}, 0),
        ({"duration": {}}, {"duration": 79_000_000_007}, 79_000_000_007),
        ({}, {"duration": 7}, 7),
        ({}, {}, 0),
    ],
)
def test_a_duration_is_in_microseconds_and_before_the_pipeline_in_nanoseconds(
    own: dict[str, Any], event: dict[str, Any], duration: int
) -> None:
    assert decode_span(own, event=event) == span(duration=duration)
    assert decode_transaction(own, event=event) == transaction(duration=duration)


@pytest.mark.parametrize(
    ("outcome", "status"),
    [("success", "OK"), ("failure", "ERROR"), ("unknown", "UNSET"), (None, "UNSET"), (7, "UNSET"), ([], "UNSET")],
)
def test_the_outcome_is_the_status(outcome: Any, status: str) -> None:
    assert decode_span(event={"outcome": outcome}) == span(status=status)


@pytest.mark.parametrize(
    ("own", "kind"),
    [
        ({"type": "request"}, "SERVER"),
        ({"type": "scheduled"}, "SERVER"),
        ({"type": "messaging"}, "CONSUMER"),
        ({"type": "celery"}, "CONSUMER"),
    ],
)
def test_a_transaction_is_a_server_or_a_consumer(own: dict[str, Any], kind: str) -> None:
    assert decode_transaction(own).kind == kind


@pytest.mark.parametrize(
    ("own", "kind"),
    [
        ({"type": "db"}, "CLIENT"),
        ({"type": "external", "subtype": "http"}, "CLIENT"),
        ({"type": "storage", "subtype": "s3"}, "CLIENT"),
        ({"type": "cache"}, "CLIENT"),
        ({"type": "custom", "destination": {"service": {"resource": "ldap"}}}, "CLIENT"),
        ({"type": "messaging"}, "PRODUCER"),
        ({"type": "messaging", "action": "send"}, "PRODUCER"),
        ({"type": "messaging", "action": "poll"}, "CLIENT"),
        ({"type": "messaging", "action": "receive"}, "CLIENT"),
        ({"type": "app"}, "INTERNAL"),
        ({"type": "template"}, "INTERNAL"),
        ({}, "INTERNAL"),
    ],
)
def test_a_span_that_leaves_its_service_is_a_client_or_a_producer(own: dict[str, Any], kind: str) -> None:
    assert decode_span(own).kind == kind


@pytest.mark.parametrize(
    ("told", "kind"), [("CONSUMER", "CONSUMER"), ("server", "SERVER"), ("odd", "CLIENT"), (7, "CLIENT")]
)
def test_a_kind_that_is_told_counts(told: Any, kind: str) -> None:
    assert decode_span({"type": "db", "kind": told}).kind == kind


def test_a_transaction_tells_its_kind_in_its_span() -> None:
    assert decode_transaction({"type": "request"}, span={"id": TRANSACTION, "kind": "INTERNAL"}).kind == "INTERNAL"


def test_messages_have_their_names_in_spans_and_in_transactions() -> None:
    message = {"queue": {"name": "orders"}, "routing_key": "eu", "age": {"ms": 5}, "headers": {"k": ["v"]}}
    shared = {"messaging.destination.name": "orders", "messaging.rabbitmq.destination.routing_key": "eu"}
    assert decode_span({"type": "messaging", "subtype": "rabbitmq", "message": message}) == span(
        kind="PRODUCER",
        attributes={
            **shared,
            "messaging.system": "rabbitmq",
            "span.type": "messaging",
            "span.subtype": "rabbitmq",
            "span.message.age.ms": 5,
            "span.message.headers.k": ["v"],
        },
    )
    assert decode_transaction({"type": "messaging", "message": message}) == transaction(
        kind="CONSUMER",
        attributes={
            **shared,
            "transaction.type": "messaging",
            "transaction.message.age.ms": 5,
            "transaction.message.headers.k": ["v"],
        },
    )


@pytest.mark.parametrize(
    ("own", "system"),
    [
        ({"type": "db", "subtype": "redis", "db": {"type": "redis"}}, "redis"),
        ({"type": "db", "subtype": "mysql", "db": {"type": "sql"}}, "mysql"),
        ({"type": "db", "db": {"type": "sql"}}, "sql"),
        ({"type": "db", "subtype": "redis"}, "redis"),
    ],
)
def test_the_system_of_a_database_is_its_subtype(own: dict[str, Any], system: str) -> None:
    assert decode_span(own).attributes["db.system.name"] == system


def test_the_http_fields_of_early_7_are_read_from_the_span() -> None:
    http = {"method": "GET", "url": {"original": "http://x/"}, "response": {"status_code": 404}}
    assert decode_span({"http": http, "code": {"stacktrace": "at x"}}) == span(
        attributes={
            "http.request.method": "GET",
            "url.original": "http://x/",
            "http.response.status_code": 404,
            "code.stacktrace": "at x",
        }
    )


def test_labels_do_not_take_the_place_of_fields() -> None:
    labels = {"span.type": "mine", "order": {"id": "A-1"}}
    found = decode_span({"type": "app"}, labels=labels)
    assert found == span(attributes={"span.type": "app", "order.id": "A-1"})


LINKED, OTHER = "1" * 32, "2" * 16


@pytest.mark.parametrize(
    "link",
    [
        {"trace": {"id": LINKED}, "span": {"id": OTHER}},
        {"trace.id": LINKED, "span.id": OTHER},
        {"trace": {"id": LINKED}, "span.id": OTHER},
    ],
)
def test_links_are_read_in_both_spellings_and_for_transactions_too(link: dict[str, Any]) -> None:
    links = [link, {"trace": {"id": ""}, "span": {"id": OTHER}}, {}]
    found = (SpanLink(LINKED, OTHER),)
    assert decode_span({"links": links}) == span(links=found)
    assert decode_transaction(span={"id": TRANSACTION, "links": links}) == transaction(links=found)


@pytest.mark.parametrize("named", [[OTHER, "0", ""], OTHER])
def test_the_children_that_a_span_names_are_links_back(named: Any) -> None:
    assert decode_span(child={"id": named}) == span(links=(SpanLink(TRACE, OTHER, {"relation": "child"}),))


@pytest.mark.parametrize("parent", [{"id": ""}, {"id": "0"}, {"id": "0" * 16}, {"id": 7}, {"id": "1" * 20}, {}])
def test_a_parent_that_is_none_makes_a_root(parent: dict[str, Any]) -> None:
    assert decode_span(parent=parent) == span()


def test_a_document_with_dotted_names_is_the_same_as_one_with_nested_names() -> None:
    own = {"id": SPAN, "name": "x", "type": "db", "subtype": "redis", "duration": {"us": 5}, "db": {"type": "r"}}
    nested: dict[str, Any] = {
        "processor": {"event": "span"},
        "span": own,
        "parent": {"id": TRANSACTION},
        "event": {"outcome": "failure"},
        "service": {"name": "shop", "target": {"type": "redis"}},
        "host": {"name": "web-1"},
        "labels": {"order_id": "A-1"},
    }
    flat = {
        "timestamp": None,
        "trace": None,
        "timestamp.us": MICROS,
        "trace.id": TRACE,
        "processor.event": "span",
        "span.id": SPAN,
        "span.name": "x",
        "span.type": "db",
        "span.subtype": "redis",
        "span.duration.us": 5,
        "span.db.type": "r",
        "parent.id": TRANSACTION,
        "event.outcome": "failure",
        "service.name": "shop",
        "service.target.type": "redis",
        "host.name": "web-1",
        "labels.order_id": "A-1",
    }
    mixed = {**nested, "event": None, "event.outcome": "failure", "span": {**own, "duration": None}}
    read = span(
        parent_span_id=TRANSACTION,
        name="x",
        service="shop",
        duration=5_000,
        kind="CLIENT",
        status="ERROR",
        attributes={
            "span.type": "db",
            "span.subtype": "redis",
            "db.system.name": "redis",
            "service.target.type": "redis",
            "order_id": "A-1",
        },
        resource={"service.name": "shop", "host.name": "web-1"},
    )
    documents = [nested, flat, {**mixed, "span.duration.us": 5}]
    assert [apm.decode_span(encoded(document)) for document in documents] == [read, read, read]


def test_the_fields_of_a_search_are_read_as_the_document() -> None:
    fields = {
        "@timestamp": [ISO],
        "timestamp": None,
        "trace": None,
        "timestamp.us": [MICROS],
        "trace.id": [TRACE],
        "processor.event": ["transaction"],
        "transaction.id": [TRANSACTION],
        "transaction.type": ["request"],
        "transaction.duration.us": [7],
        "span.id": [TRANSACTION],
        "span.links.trace.id": [LINKED, "3" * 32],
        "span.links.span.id": [OTHER, "4" * 16],
        "child.id": [SPAN],
        "host.ip": ["127.0.0.1", "::1"],
        "labels.both": ["a", "b"],
    }
    assert apm.decode_span(encoded(fields)) == transaction(
        duration=7_000,
        attributes={"transaction.type": "request", "both": ["a", "b"]},
        resource={"host.ip": ["127.0.0.1", "::1"]},
        links=(SpanLink(LINKED, OTHER), SpanLink("3" * 32, "4" * 16), SpanLink(TRACE, SPAN, {"relation": "child"})),
    )


@pytest.mark.parametrize(
    "odd",
    [
        {"trace": {"id": "0" * 32}}, {"trace": {"id": "1" * 33}}, {"trace": None}, {"span": {"id": ""}}, {"span": None},
        {"span": {"id": "no hex"}}, {"processor": {"event": "error"}}, {"processor": {"event": "metric"}},
        {"processor": {"event": "log"}}, {"processor": {"event": ["span"]}}, {"processor": None},
        {"processor": None, "span": {"id": SPAN, "type": "db"}, "error": {"id": "1"}},
        {"@timestamp": None, "timestamp": None}, {"@timestamp": "then", "timestamp": None},
        {"timestamp": {"us": "soon"}}, {"timestamp": {"us": 10**17}}, {"labels": "text"}, {"span": []},
        {"span": {"id": SPAN, "name": 5}},
        {"span": {"id": SPAN, "duration": {"us": 1e300}}}, {"span": {"id": SPAN, "stacktrace": "at x"}},
    ],
)  # fmt: skip
def test_an_odd_span_is_an_error_that_readers_can_count(odd: dict[str, Any]) -> None:
    with pytest.raises((msgspec.DecodeError, ValueError)):
        decode_span(**odd)


def test_a_document_nested_beyond_reason_is_an_error() -> None:
    deep = b'{"http":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001
    with pytest.raises(ValueError, match="nested too deeply"):
        apm.decode_span(deep)


def decode_error(**document: Any) -> LogEntry:
    return apm.decode_log(encoded(document), "id")


def logged(**fields: Any) -> LogEntry:
    known = {"severity_number": 17, "severity_text": "ERROR", "observed_time": fields.get("time", START)}
    return LogEntry(**{"id": "id", "time": START, "trace_id": TRACE, **known, **fields})


FRAMES = [
    {"abs_path": "/srv/shop/db.py", "filename": "shop/db.py", "function": "query", "line": {"number": 3}},
    {"classname": "Pool", "filename": "pool.py", "function": "get", "line": {"number": 9, "context": "  raise Full()"}},
]


def test_an_error_of_an_agent_is_read_with_its_causes() -> None:
    assert decode_error(
        agent={"name": "python"},
        data_stream={"type": "logs", "dataset": "apm.error", "namespace": "default"},
        error={
            "culprit": "shop.db.query",
            "custom": {"my_key": 1},
            "exception": [
                {
                    "attributes": {"foo": "bar"},
                    "code": "42",
                    "handled": False,
                    "message": "no connection",
                    "module": "shop.db",
                    "stacktrace": FRAMES,
                    "type": "DbError",
                },
                {"message": "pool is full", "type": "PoolError"},
                {"message": "disk", "type": "OSError", "module": "builtins"},
                {"message": "no route", "parent": 1, "type": "ConnectionError"},
            ],
            "grouping_key": "d72b",
            "id": "0123456789012345",
        },
        event={"dataset": "apm.error"},
        http={"request": {"method": "GET"}},
        labels={"order_id": "A-1"},
        message="no connection",
        observer={"type": "apm-server"},
        parent={"id": SPAN},
        processor={"event": "error", "name": "error"},
        service={"name": "shop"},
        span={"id": TRANSACTION},
        transaction={"id": TRANSACTION, "sampled": True, "type": "request"},
    ) == logged(
        body="no connection",
        service="shop",
        span_id=SPAN,
        exception=ExceptionInfo(
            "shop.db.DbError",
            "no connection",
            "shop.db.DbError: no connection\n"
            "    at query (shop/db.py:3)\n"
            "    at Pool.get (pool.py:9)\n"
            "        raise Full()\n"
            "Caused by: PoolError: pool is full\n"
            "Caused by: OSError: disk\n"
            "Caused by of PoolError: ConnectionError: no route",
        ),
        resource={"service.name": "shop", "agent.name": "python"},
        attributes={
            "error.culprit": "shop.db.query",
            "error.custom.my_key": 1,
            "error.exception.code": "42",
            "error.exception.attributes.foo": "bar",
            "error.grouping_key": "d72b",
            "error.id": "0123456789012345",
            "exception.escaped": True,
            "event.dataset": "apm.error",
            "http.request.method": "GET",
            "order_id": "A-1",
            "span.id": TRANSACTION,
            "transaction.id": TRANSACTION,
            "transaction.sampled": True,
            "transaction.type": "request",
        },
    )


def test_an_error_that_came_as_otlp_has_the_stack_that_was_recorded() -> None:
    assert decode_error(
        error={
            "exception": [{"handled": True, "message": "kablamo", "type": "*errors.errorString"}],
            "stack_trace": "not an actual real stack trace",
        },
        message="kablamo",
        parent={"id": TRANSACTION},
        span={"id": TRANSACTION},
        transaction={"id": TRANSACTION},
    ) == logged(
        body="kablamo",
        span_id=TRANSACTION,
        exception=ExceptionInfo("*errors.errorString", "kablamo", "not an actual real stack trace"),
        attributes={"exception.escaped": False},
    )


def test_an_error_of_a_log_message_has_the_level_and_logger_of_it() -> None:
    log = {
        "level": "warning",
        "logger_name": "my.logger",
        "message": "no talk to db",
        "param_message": "no talk to %s",
        "stacktrace": FRAMES[:1],
    }
    assert decode_error(error={"log": log}, parent={"id": SPAN}) == logged(
        body="no talk to db",
        severity_number=13,
        severity_text="WARNING",
        logger="my.logger",
        span_id=SPAN,
        exception=ExceptionInfo(None, None, "    at query (shop/db.py:3)"),
        attributes={"error.log.param_message": "no talk to %s"},
    )


@pytest.mark.parametrize(
    ("error", "message", "body", "left"),
    [
        ({"exception": [{"type": "E", "message": "m"}]}, None, "E: m", {}),
        ({"exception": [{"type": "E"}]}, None, "E", {}),
        ({"exception": [{}], "log": {"message": "l"}}, None, "l", {"error.exception": [{}]}),
        ({"exception": [{"type": "E", "message": "m"}], "log": {"message": "l"}}, None, "l", {}),
        ({"exception": [{"type": "E", "message": "m"}], "log": {"message": "l"}}, "l", "l", {}),
        ({"exception": [{"type": "E"}], "log": {"message": "l"}}, "t", "t", {"error.log.message": "l"}),
        ({"grouping_key": "d72b"}, None, None, {"error.grouping_key": "d72b"}),
    ],
)
def test_the_text_of_an_error_is_its_message_else_what_was_thrown(
    error: dict[str, Any], message: str | None, body: str | None, left: dict[str, Any]
) -> None:
    found = decode_error(error=error, message=message)
    assert found == logged(body=body, attributes=left, exception=found.exception)


@pytest.mark.parametrize(
    ("exception", "read"),
    [
        ([{"type": "KeyError", "module": "builtins", "message": "'a'"}], ExceptionInfo("KeyError", "'a'", None)),
        ([{"type": "net.OpError", "module": "net"}], ExceptionInfo("net.OpError", None, None)),
        ({"type": "E", "message": "m"}, ExceptionInfo("E", "m", None)),
        ([{"type": "E"}, {"type": "C", "parent": 7}], ExceptionInfo("E", None, "E\nCaused by of exception 7: C")),
        ([{"type": "E", "stacktrace": None}], ExceptionInfo("E", None, None)),
    ],
)
def test_an_exception_is_read_from_an_array_or_alone(exception: Any, read: ExceptionInfo) -> None:
    assert decode_error(error={"exception": exception}).exception == read


@pytest.mark.parametrize("exception", [["text"], [{"type": 7}], "text", [{"stacktrace": "at x"}]])
def test_an_exception_that_is_none_stays_an_attribute_of_the_error(exception: Any) -> None:
    assert decode_error(error={"exception": exception}) == logged(attributes={"error.exception": exception})


@pytest.mark.parametrize(
    ("around", "node", "left"),
    [
        ({"parent": {"id": SPAN}, "span": {"id": TRANSACTION}}, SPAN, {"span.id": TRANSACTION}),
        ({"span": {"id": SPAN}}, SPAN, {}),
        ({"transaction": {"id": TRANSACTION}}, TRANSACTION, {}),
        ({}, None, {}),
    ],
)
def test_an_error_is_of_its_parent_else_of_its_transaction(
    around: dict[str, Any], node: str | None, left: dict[str, Any]
) -> None:
    found = decode_error(error={"log": {"message": "m"}}, **around)
    assert found == logged(body="m", span_id=node, attributes=left)


def test_a_span_event_of_the_otlp_intake_is_no_line() -> None:
    found = decode_error(
        timestamp=None,
        event={"kind": "event", "dataset": "apm.app.shop"},
        message="a_span_event",
        span={"id": SPAN},
        transaction={"id": TRANSACTION},
    )
    assert found.is_span_event
    assert (found.event_name, found.span_id, found.time) == ("a_span_event", SPAN, MILLIS)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
FIELDS = [
    "@timestamp", "timestamp", "timestamp.us", "trace", "trace.id", "transaction", "transaction.id", "transaction.name",
    "span", "span.id", "span.name", "parent", "parent.id", "child", "child.id", "processor", "processor.event", "event",
    "event.outcome", "event.duration", "error", "labels", "numeric_labels", "http", "url", "service", "service.name",
    "agent", "host", "process", "destination",
]  # fmt: skip
NODE = [
    "id", "name", "kind", "duration", "links", "stacktrace", "type", "subtype", "action", "result", "sampled", "sync",
    "composite", "db", "message", "destination", "http", "code", "custom", "span_count",
]  # fmt: skip
ODD_NODES = st.dictionaries(st.sampled_from(NODE), JSON).map(lambda odd: {**odd, "id": SPAN})


@given(
    JSON
    | st.dictionaries(st.sampled_from(FIELDS), JSON)
    | st.dictionaries(st.sampled_from(FIELDS), JSON).map(lambda odd: {**odd, **NEITHER, "span": {"id": SPAN}})
    | st.builds(lambda node, kind: {**NEITHER, "processor": {"event": kind}, kind: node}, ODD_NODES, st.just("span"))
    | st.builds(lambda node, **odd: {**NEITHER, **odd, "transaction": node}, ODD_NODES, service=JSON, host=JSON)
)
def test_any_json_is_a_span_or_an_error_that_readers_count(document: Any) -> None:
    with contextlib.suppress(msgspec.DecodeError, ValueError):
        assert isinstance(apm.decode_span(msgspec.json.encode(document)), Span)


@given(st.binary())
def test_any_bytes_are_a_span_or_an_error_that_readers_count(body: bytes) -> None:
    with contextlib.suppress(msgspec.DecodeError, ValueError):
        apm.decode_span(body)
