"""Logs in the Elastic Common Schema: of ECS loggers, of Beats and of APM Server, in every mix of dots and nesting."""

from __future__ import annotations

import contextlib
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracelog.model import ExceptionInfo, LogEntry
from tracelog.schema import dotted, ecs

TRACE, SPAN, TRANSACTION = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", "53995c3f42cd8ad8"
ISO, TIME = "2026-04-19T14:23:01.200Z", 1_776_608_581_200_000_000


def decode(document: dict[str, Any]) -> LogEntry:
    return ecs.decode_log(msgspec.json.encode({"@timestamp": ISO, **document}), "id")


def entry(**fields: Any) -> LogEntry:
    return LogEntry(**{"id": "id", "time": TIME, "observed_time": TIME, **fields})


def event(**fields: Any) -> LogEntry:
    known = {"trace_id": TRACE, "span_id": SPAN, "event_name": "cache_miss"}
    return LogEntry(**{"id": "id", "time": TIME, **known, **fields})


def test_a_line_of_ecs_logging_is_read_with_its_mix_of_dots_and_nesting() -> None:
    line = {
        "log.level": "error",
        "message": "charge failed",
        "ecs.version": "1.6.0",
        "log": {"logger": "shop.cards", "origin": {"file": {"line": 7, "name": "cards.py"}, "function": "charge"}},
        "error": {"type": "CardError", "message": "no funds", "stack_trace": "Traceback ..."},
        "service": {"name": "shop", "environment": "live"},
        "service.version": "1.2",
        "process": {"pid": 12, "thread": {"id": 7, "name": "MainThread"}},
        "trace": {"id": TRACE},
        "transaction.id": TRANSACTION,
        "span": {"id": SPAN},
        "order": {"id": "A-1", "items": [{"sku": 1}, {"sku": 2}]},
        "order.total": 3.5,
        "tags": ["card"],
        "user": None,
        "empty": {},
    }
    assert decode(line) == entry(
        body="charge failed",
        severity_number=17,
        severity_text="ERROR",
        logger="shop.cards",
        service="shop",
        trace_id=TRACE,
        span_id=SPAN,
        resource={
            "service.name": "shop",
            "deployment.environment.name": "live",
            "service.version": "1.2",
            "process.pid": 12,
        },
        attributes={
            "transaction.id": TRANSACTION,
            "order.id": "A-1",
            "order.items": [{"sku": 1}, {"sku": 2}],
            "order.total": 3.5,
            "tags": ["card"],
            "code.file.path": "cards.py",
            "code.line.number": 7,
            "code.function.name": "charge",
            "thread.id": 7,
            "thread.name": "MainThread",
        },
        exception=ExceptionInfo("CardError", "no funds", "Traceback ..."),
    )


def test_a_line_that_filebeat_read_is_read() -> None:
    line = {
        "@timestamp": "2026-04-19T14:23:01.200Z",
        "agent": {"name": "web-1", "type": "filebeat", "version": "8.19.0"},
        "ecs": {"version": "8.0.0"},
        "event": {"dataset": "nginx.access", "kind": "event", "outcome": "success"},
        "host": {"name": "web-1", "os": {"type": "linux", "name": "Debian"}, "architecture": "x86_64"},
        "http": {"request": {"method": "GET"}, "response": {"status_code": 200, "body": {"bytes": 9}}},
        "input": {"type": "log"},
        "log": {"file": {"path": "/var/log/nginx/access.log"}, "offset": 17},
        "message": "GET / 200",
        "trace": {"id": TRACE},
        "span": {"id": SPAN},
        "labels": {"team": "web"},
    }
    assert decode(line) == entry(
        body="GET / 200",
        trace_id=TRACE,
        span_id=SPAN,
        resource={
            "agent.name": "web-1",
            "agent.type": "filebeat",
            "agent.version": "8.19.0",
            "host.name": "web-1",
            "os.type": "linux",
            "os.name": "Debian",
            "host.arch": "x86_64",
        },
        attributes={
            "event.dataset": "nginx.access",
            "event.kind": "event",
            "event.outcome": "success",
            "http.request.method": "GET",
            "http.response.status_code": 200,
            "http.response.body.size": 9,
            "input.type": "log",
            "log.file.path": "/var/log/nginx/access.log",
            "log.offset": 17,
            "team": "web",
        },
    )


def test_a_line_that_says_little_is_read_with_what_it_says() -> None:
    assert decode({}) == entry()


@pytest.mark.parametrize(
    "spelled",
    [
        {"a.b.c.d": 1}, {"a": {"b.c.d": 1}}, {"a.b": {"c.d": 1}}, {"a.b.c": {"d": 1}}, {"a": {"b": {"c.d": 1}}},
        {"a": {"b.c": {"d": 1}}}, {"a.b": {"c": {"d": 1}}}, {"a": {"b": {"c": {"d": 1}}}},
    ],
)  # fmt: skip
def test_a_field_is_the_same_at_every_split_of_its_name(spelled: dict[str, Any]) -> None:
    assert decode(spelled) == entry(attributes={"a.b.c.d": 1})


@pytest.mark.parametrize("level", [{"log.level": "info"}, {"log": {"level": "info"}}])
@pytest.mark.parametrize("trace", [{"trace.id": TRACE}, {"trace": {"id": TRACE}}])
@pytest.mark.parametrize("span", [{"span.id": SPAN}, {"span": {"id": SPAN}}])
@pytest.mark.parametrize("service", [{"service.name": "shop"}, {"service": {"name": "shop"}}, {"service": "shop"}])
def test_every_known_field_is_read_dotted_and_nested(
    level: dict[str, Any], trace: dict[str, Any], span: dict[str, Any], service: dict[str, Any]
) -> None:
    assert decode({**level, **trace, **span, **service}) == entry(
        severity_number=9,
        severity_text="INFO",
        trace_id=TRACE,
        span_id=SPAN,
        service="shop",
        resource={"service.name": "shop"},
    )


def test_of_a_field_that_stands_twice_the_nested_one_counts() -> None:
    twice = {"log": {"level": "debug"}, "log.level": "info", "a.b": 1, "a": {"b": 2}}
    read = entry(severity_number=5, severity_text="DEBUG", attributes={"a.b": 2})
    assert [decode(twice), decode(dict(reversed(twice.items())))] == [read, read]


def test_a_field_that_is_a_value_and_an_object_is_both() -> None:
    assert decode({"log": "raw", "log.level": "info"}) == entry(
        severity_number=9, severity_text="INFO", attributes={"log": "raw"}
    )


def test_arrays_of_single_values_are_read_and_longer_ones_stay() -> None:
    line = {"message": ["paid"], "log.level": ["warn"], "trace.id": [TRACE], "span": {"id": [SPAN]}, "tags": ["a", "b"]}
    assert decode({**line, "service.name": ["shop"], "one": ["x"]}) == entry(
        body="paid",
        severity_number=13,
        severity_text="WARN",
        trace_id=TRACE,
        span_id=SPAN,
        service="shop",
        resource={"service.name": "shop"},
        attributes={"tags": ["a", "b"], "one": ["x"]},
    )


def test_the_fields_of_a_search_in_which_every_value_is_an_array_are_read_as_the_document() -> None:
    found = {
        "@timestamp": [ISO],
        "message": ["paid"],
        "log.level": ["info"],
        "trace.id": [TRACE],
        "span.id": [SPAN],
        "order.id": ["A-1"],
        "tags": ["a", "b"],
    }
    assert decode(found) == entry(
        body="paid",
        severity_number=9,
        severity_text="INFO",
        trace_id=TRACE,
        span_id=SPAN,
        attributes={"order.id": "A-1", "tags": ["a", "b"]},
    )


@pytest.mark.parametrize(
    ("times", "time"),
    [
        ({"@timestamp": "2026-04-19T14:23:01.200000007Z"}, TIME + 7),
        ({"@timestamp": "2026-04-19T16:23:01.2+02:00"}, TIME),
        ({"@timestamp": TIME // 1_000_000}, TIME),
        ({"@timestamp": str(TIME // 1_000_000)}, TIME),
        ({"@timestamp": TIME / 1e6 + 0.5}, TIME + 500_000),
        ({"@timestamp": [ISO]}, TIME),
        ({"timestamp": {"us": TIME // 1_000 + 7}}, TIME + 7_000),
        ({"@timestamp": None, "timestamp.us": TIME // 1_000}, TIME),
    ],
)
def test_a_time_is_read_in_every_form(times: dict[str, Any], time: int) -> None:
    assert decode(times) == entry(time=time, observed_time=time)


@pytest.mark.parametrize("time", [None, "", "now", [], {}, True, [ISO, ISO], 10**13, "9999-12-31T00:00:00Z", "-5"])
def test_a_line_without_a_time_is_an_error(time: Any) -> None:
    with pytest.raises(ValueError, match=r"not a time|no time|64 bits"):
        decode({"@timestamp": time})


@pytest.mark.parametrize(
    ("ids", "read", "left"),
    [
        ({"span.id": SPAN, "transaction.id": TRANSACTION}, SPAN, {"transaction.id": TRANSACTION}),
        ({"transaction.id": TRANSACTION}, TRANSACTION, {}),
        ({"span.id": SPAN, "transaction": {"id": SPAN}}, SPAN, {}),
        ({"span.id": "", "transaction.id": TRANSACTION}, TRANSACTION, {"span.id": ""}),
        ({"span.id": SPAN.upper()}, SPAN, {}),
        ({"span.id": "f067aa0ba902b7"}, SPAN, {}),
        ({"span.id": "0"}, None, {"span.id": "0"}),
        ({"span.id": 7}, None, {"span.id": 7}),
        ({"span.id": SPAN, "parent.id": TRANSACTION}, SPAN, {"parent.id": TRANSACTION}),
    ],
)
def test_a_line_is_of_its_span_else_of_its_transaction(
    ids: dict[str, Any], read: str | None, left: dict[str, Any]
) -> None:
    assert decode(ids) == entry(span_id=read, attributes=left)


@pytest.mark.parametrize("odd", ["", "0", "0" * 32, "trace-id", "1" * 33, 7, True])
def test_a_trace_id_that_is_none_stays_an_attribute(odd: Any) -> None:
    assert decode({"trace": {"id": odd}}) == entry(attributes={"trace.id": odd})


@pytest.mark.parametrize(
    ("message", "body"),
    [("paid", "paid"), ("", ""), (["one", "two"], ["one", "two"]), (7, "7"), (["paid"], "paid"), (None, None)],
)
def test_a_body_is_the_message(message: Any, body: Any) -> None:
    assert decode({"message": message}) == entry(body=body)


def test_a_line_without_a_message_is_what_it_was_originally() -> None:
    assert decode({"event": {"original": "<14> raw"}}) == entry(body="<14> raw")


@pytest.mark.parametrize(
    ("level", "number"), [("trace", 5), ("notice", 9), ("WARNING", 13), ("fatal", 21), ("audit", None)]
)
def test_a_level_is_read_from_its_name(level: str, number: int | None) -> None:
    assert decode({"log.level": level}) == entry(severity_number=number, severity_text=level.upper())


def test_the_severity_of_opentelemetry_is_read_from_what_apm_server_wrote_and_from_no_one_else() -> None:
    numbered = {"event": {"severity": 10}}
    assert [decode({**numbered, "data_stream.dataset": "apm.app.shop"}), decode(numbered)] == [
        entry(severity_number=10, attributes={"event.severity": 10}),
        entry(attributes={"event.severity": 10}),
    ]


@pytest.mark.parametrize(
    ("error", "exception"),
    [
        ({"error": {"type": "KeyError", "message": "'a'"}}, ExceptionInfo("KeyError", "'a'", None)),
        ({"error.message": "it broke"}, ExceptionInfo(None, "it broke", None)),
        ({"error.stack_trace": ["Error: x", "\tat A.b"]}, ExceptionInfo(None, None, "Error: x\n\tat A.b")),
        ({"error": {"type": ["KeyError"]}}, ExceptionInfo("KeyError", None, None)),
        ({"error": {}}, None),
    ],
)  # fmt: skip
def test_an_error_of_a_line_is_its_exception(error: dict[str, Any], exception: ExceptionInfo | None) -> None:
    assert decode({"message": "x", **error}) == entry(body="x", exception=exception)


def test_what_else_is_said_of_an_error_stays() -> None:
    line = {"message": "x", "error": {"type": "E", "code": 42, "id": "e-1"}}
    attributes = {"error.code": 42, "error.id": "e-1"}
    assert decode(line) == entry(body="x", exception=ExceptionInfo("E", None, None), attributes=attributes)


def test_an_error_that_is_text_is_an_attribute() -> None:
    assert decode({"error": "no funds"}) == entry(attributes={"error": "no funds"})


def test_the_lines_of_elastic_apms_intake_are_read() -> None:
    """As in APM Server's `TestIntakeLog`, with ids."""
    line = {
        "agent": {"name": "java", "version": "1.10.0"},
        "data_stream.dataset": "apm.app",
        "data_stream.namespace": "default",
        "data_stream.type": "logs",
        "event": {"dataset": "accesslog"},
        "faas": {"coldstart": True, "execution": "6f7f", "id": "arn:aws:lambda:us-east-2:1:function:f"},
        "kubernetes": {"namespace": "default", "node": {"name": "n"}, "pod": {"name": "p", "uid": "u"}},
        "labels": {"ab_testing": "true", "message": "mine"},
        "log": {"level": "warn", "logger": "testLogger"},
        "message": "test log message",
        "numeric_labels": {"segment": 5},
        "observer": {"hostname": "apm-1", "type": "apm-server", "version": "8.19.0"},
        "processor": {"event": "log", "name": "log"},
        "service": {"name": "testSvc", "node": {"name": "8ec7"}, "language": {"name": "Java"}},
        "trace": {"id": TRACE},
        "transaction": {"id": TRANSACTION},
    }
    assert decode(line) == entry(
        body="test log message",
        severity_number=13,
        severity_text="WARN",
        logger="testLogger",
        service="testSvc",
        trace_id=TRACE,
        span_id=TRANSACTION,
        resource={
            "service.name": "testSvc",
            "service.instance.id": "8ec7",
            "telemetry.sdk.language": "Java",
            "agent.name": "java",
            "agent.version": "1.10.0",
            "k8s.namespace.name": "default",
            "k8s.node.name": "n",
            "k8s.pod.name": "p",
            "k8s.pod.uid": "u",
        },
        attributes={
            "event.dataset": "accesslog",
            "faas.coldstart": True,
            "faas.invocation_id": "6f7f",
            "cloud.resource_id": "arn:aws:lambda:us-east-2:1:function:f",
            "ab_testing": "true",
            "message": "mine",
            "segment": 5,
        },
    )


EVENT = {"event": {"kind": "event"}, "message": "cache_miss", "trace": {"id": TRACE}, "span": {"id": SPAN}}


def test_a_span_event_of_the_otlp_intake_is_known_by_its_kind() -> None:
    document = {
        **EVENT,
        "event": {"kind": "event", "dataset": "apm.app.shop"},
        "data_stream": {"type": "logs", "dataset": "apm.app.shop", "namespace": "default"},
        "transaction": {"id": TRANSACTION},
        "labels": {"key": "A-1"},
        "service": {"name": "shop"},
    }
    found = decode(document)
    assert found == event(
        service="shop",
        resource={"service.name": "shop"},
        attributes={
            "event.kind": "event",
            "event.dataset": "apm.app.shop",
            "transaction.id": TRANSACTION,
            "key": "A-1",
        },
    )
    assert found.is_span_event


def test_a_span_event_that_tracelog_wrote_in_ecs_is_known_by_having_no_message() -> None:
    found = decode(
        {
            "event.action": "cache_miss",
            "trace.id": TRACE,
            "span.id": SPAN,
            "log.logger": "shop",
            "ecs.version": "8.11.0",
        }
    )
    assert found == event(logger="shop")
    assert found.is_span_event


@pytest.mark.parametrize(
    "more",
    [
        {"log.level": "info"}, {"log": {"logger": "x"}}, {"log.offset": 5}, {"event.severity": 9},
        {"event": {"kind": "event", "dataset": "nginx.access"}}, {"event": {"kind": "alert"}}, {"error.type": "E"},
        {"span": {"id": "0"}}, {"trace": {"id": ""}}, {"message": ["a", "b"]},
    ],
)  # fmt: skip
def test_what_has_more_than_an_event_has_is_a_line(more: dict[str, Any]) -> None:
    found = decode({**EVENT, **more})
    assert not found.is_span_event
    assert found.observed_time == TIME


def test_the_action_of_a_line_is_the_name_of_its_event() -> None:
    line = {"message": "paid", "event": {"action": "payment"}}
    assert decode(line) == entry(body="paid", event_name="payment")
    assert decode({"event.action": "payment"}) == entry(event_name="payment")


@pytest.mark.parametrize("event", ["span", "transaction", "metric", "onboarding", 7])
def test_what_is_no_log_is_an_error(event: Any) -> None:
    with pytest.raises(ValueError, match="not a log"):
        decode({"processor": {"event": event}})


def test_a_document_nested_beyond_reason_is_an_error() -> None:
    with pytest.raises(ValueError, match="nested too deeply"):
        ecs.decode_log(b'{"@timestamp":1,"a":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001)


def test_a_deep_document_is_read_as_one_long_name() -> None:
    body = b'{"@timestamp":0,"a":' + b'{"a":' * 300 + b"1" + b"}" * 301
    assert ecs.decode_log(body) == LogEntry(time=0, observed_time=0, attributes={".".join("a" * 301): 1})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
FIELDS = [
    "@timestamp", "timestamp", "timestamp.us", "message", "log", "log.level", "log.logger", "trace", "trace.id", "span",
    "span.id", "transaction", "transaction.id", "parent.id", "service", "service.name", "error", "error.type",
    "error.message", "error.stack_trace", "error.exception", "error.log", "error.log.message", "error.log.stacktrace",
    "event", "event.kind", "event.action", "event.severity", "event.dataset", "labels", "host", "process", "processor",
]  # fmt: skip
ODD_ERRORS = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "type": st.text(),
            "message": st.text(),
            "module": st.text(),
            "handled": st.booleans(),
            "parent": st.integers(),
            "code": JSON,
            "attributes": st.dictionaries(st.text(), JSON),
            "stacktrace": st.lists(st.dictionaries(st.sampled_from(["filename", "function", "line"]), JSON)),
        },
    )
)


@given(
    JSON
    | st.dictionaries(st.sampled_from(FIELDS), JSON).map(lambda odd: {"@timestamp": ISO, **odd})
    | st.builds(lambda thrown: {"@timestamp": ISO, "error": {"exception": thrown}}, ODD_ERRORS)
)
def test_any_json_is_a_line_or_an_error_that_readers_count(document: Any) -> None:
    with contextlib.suppress(msgspec.DecodeError, ValueError):
        assert isinstance(ecs.decode_log(msgspec.json.encode(document)), LogEntry)


NAMES = st.text("abc", min_size=1, max_size=2)
LEAVES = st.integers() | st.text() | st.lists(st.integers(), min_size=2, max_size=3)
TREES = st.recursive(LEAVES, lambda inner: st.dictionaries(NAMES, inner, min_size=1, max_size=3), max_leaves=8)


@given(st.dictionaries(NAMES, TREES))
def test_a_document_that_was_flattened_is_nested_again(document: dict[str, Any]) -> None:
    flat = dotted.flatten_document(document)
    assert dotted.expand(flat) == document
    assert dotted.flatten_document(dotted.expand(flat)) == flat
