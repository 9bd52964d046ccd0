"""Jaeger's documents: those of v1 and v2, of indices and of data streams, and what can be wrong with them."""

from __future__ import annotations

import contextlib
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracelog.model import Span, SpanEvent, SpanLink
from tracelog.schema import jaeger

TRACE, SPAN, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", "53995c3f42cd8ad8"
MICROS = 1_485_467_191_639_875
START = MICROS * 1_000


def tag(key: str, value: Any, kind: str = "string") -> dict[str, Any]:
    return {"key": key, "type": kind, "value": value}


def reference(kind: str, span_id: str, trace_id: str = TRACE) -> dict[str, str]:
    return {"refType": kind, "traceID": trace_id, "spanID": span_id}


def decode(**fields: Any) -> Span:
    known = {"traceID": TRACE, "spanID": SPAN, "startTime": MICROS}
    return jaeger.decode_span(msgspec.json.encode({**known, **fields}))


def span(**fields: Any) -> Span:
    known = {"name": "", "service": "unknown_service", "start": START, "duration": 0, "kind": "UNSPECIFIED"}
    return Span(**{"trace_id": TRACE, "span_id": SPAN, **known, **fields})


def test_a_span_of_v1_is_read() -> None:
    """Written as Jaeger's own fixture `es_01.json` is, with the ids of an old client."""
    found = decode(
        traceID="0000000000000001",
        spanID="0000000000000002",
        flags=1,
        operationName="test-general-conversion",
        references=[
            reference("CHILD_OF", "0000000000000003", "0000000000000001"),
            reference("FOLLOWS_FROM", "0000000000000004", "0000000000000001"),
            reference("CHILD_OF", "00000000000000ff", "00000000000000ff"),
        ],
        startTimeMillis=1_485_467_191_639,
        duration=5,
        tags=[
            tag("peer.service", "service-y"),
            tag("peer.ipv4", 23456, "int64"),
            tag("error", True, "bool"),
            tag("temperature", 72.5, "float64"),
            tag("blob", "00003039", "binary"),
        ],
        logs=[
            {"timestamp": MICROS, "fields": [tag("event", 123415, "int64")]},
            {"timestamp": MICROS + 1, "fields": [tag("x", "y")]},
        ],
        process={
            "serviceName": "service-x",
            "tags": [tag("peer.ipv4", 23456, "int64"), tag("error", True, "bool")],
        },
    )
    assert found == Span(
        trace_id="00000000000000000000000000000001",
        span_id="0000000000000002",
        parent_span_id="0000000000000003",
        name="test-general-conversion",
        service="service-x",
        start=START,
        duration=5_000,
        kind="UNSPECIFIED",
        status="ERROR",
        attributes={
            "peer.service": "service-y",
            "peer.ipv4": 23456,
            "temperature": 72.5,
            "blob": "00003039",
            "jaeger.flags": 1,
        },
        resource={"service.name": "service-x", "peer.ipv4": 23456, "error": True},
        events=(SpanEvent(START, "log", {"event": 123415}), SpanEvent(START + 1_000, "log", {"x": "y"})),
        links=(
            SpanLink("0" * 31 + "1", "0000000000000004", {"opentracing.ref_type": "follows_from"}),
            SpanLink("0" * 30 + "ff", "00000000000000ff", {"opentracing.ref_type": "child_of"}),
        ),
    )


def test_a_span_of_v2_is_read_with_what_opentelemetry_has_fields_for() -> None:
    assert decode(
        parentSpanID=PARENT,
        operationName="GET /dispatch",
        references=[reference("CHILD_OF", PARENT)],
        duration=671_520,
        tags=[
            tag("otel.scope.name", "otelhttp"),
            tag("otel.scope.version", "0.60.0"),
            tag("http.response.status_code", 500, "int64"),
            tag("span.kind", "server"),
            tag("error", True, "bool"),
            tag("otel.status_description", "no driver"),
            tag("w3c.tracestate", "vendor=1"),
        ],
        logs=[
            {
                "timestamp": MICROS + 7,
                "fields": [tag("event", "exception"), tag("exception.type", "IOError")],
            }
        ],
        process={"serviceName": "frontend", "tags": [tag("host.name", "web-1")]},
    ) == span(
        parent_span_id=PARENT,
        name="GET /dispatch",
        service="frontend",
        duration=671_520_000,
        kind="SERVER",
        status="ERROR",
        status_message="no driver",
        attributes={"http.response.status_code": 500},
        resource={"service.name": "frontend", "host.name": "web-1"},
        scope="otelhttp",
        scope_version="0.60.0",
        trace_state="vendor=1",
        events=(SpanEvent(START + 7_000, "exception", {"exception.type": "IOError"}),),
    )


def test_a_span_with_nothing_but_ids_and_a_start_is_read() -> None:
    assert decode() == span()


def test_references_tags_and_logs_may_be_null() -> None:
    assert decode(references=None, tags=None, tag=None, logs=None, process=None, parentSpanID=None) == span()


def test_tags_in_both_forms_are_merged() -> None:
    found = decode(
        tag={"http@request@method": "GET", "span@kind": "client", "error": "true", "seats": 4},
        tags=[tag("blob", "cafe", "binary"), tag("seats", "5", "int64")],
        process={"serviceName": "shop", "tag": {"host@name": "web-1"}, "tags": [tag("pid", 7, "int64")]},
    )
    assert found == span(
        kind="CLIENT",
        status="ERROR",
        attributes={"http.request.method": "GET", "seats": 5, "blob": "cafe"},
        service="shop",
        resource={"service.name": "shop", "host.name": "web-1", "pid": 7},
    )


@pytest.mark.parametrize(
    ("kind", "value", "read"),
    [
        ("string", "200", "200"),
        ("string", 200, 200),
        ("bool", True, True),
        ("bool", "true", True),
        ("bool", "False", False),
        ("bool", "1", True),
        ("bool", "perhaps", "perhaps"),
        ("int64", 200, 200),
        ("int64", "200", 200),
        ("int64", "9223372036854775807", 2**63 - 1),
        ("int64", "-1", -1),
        ("int64", 2.0, 2),
        ("int64", 2.5, 2.5),
        ("int64", "many", "many"),
        ("float64", 72, 72.0),
        ("float64", "0.5", 0.5),
        ("float64", "hot", "hot"),
        ("float64", [1], [1]),
        ("binary", "00003039", "00003039"),
        ("", "text", "text"),
        (None, 7, 7),
        (["odd"], 7, 7),
    ],
)
def test_a_value_is_read_as_its_declared_type_where_it_is_one(kind: Any, value: Any, read: Any) -> None:
    found = decode(tags=[tag("k", value, kind)])
    assert found == span(attributes={"k": read})
    assert type(found.attributes["k"]) is type(read)


@pytest.mark.parametrize(
    ("ids", "read"),
    [
        ({"traceID": "a3ce929d0e0e4736", "spanID": SPAN}, ("0" * 16 + "a3ce929d0e0e4736", SPAN)),
        ({"traceID": TRACE.upper(), "spanID": SPAN.upper()}, (TRACE, SPAN)),
        ({"traceID": "1", "spanID": "f067aa0ba902b7"}, ("0" * 31 + "1", SPAN)),
    ],
)
def test_ids_that_lost_their_zeros_are_padded(ids: dict[str, str], read: tuple[str, str]) -> None:
    assert decode(**ids) == span(trace_id=read[0], span_id=read[1])


SHORT = "a3ce929d0e0e4736"


@pytest.mark.parametrize(
    ("fields", "parent"),
    [
        ({"parentSpanID": PARENT, "references": [reference("CHILD_OF", "b" * 16)]}, PARENT),
        ({"parentSpanID": "3995c3f42cd8ad8"}, "03995c3f42cd8ad8"),
        ({"references": [reference("FOLLOWS_FROM", "b" * 16), reference("CHILD_OF", PARENT)]}, PARENT),
        ({"references": [reference("CHILD_OF", "b" * 16, "c" * 32), reference("CHILD_OF", PARENT)]}, PARENT),
        ({"references": [reference("CHILD_OF", "b" * 16, "c" * 32), reference("FOLLOWS_FROM", PARENT)]}, PARENT),
        ({"parentSpanID": "", "references": [reference("CHILD_OF", PARENT), reference("CHILD_OF", "b" * 16)]}, PARENT),
        ({"traceID": SHORT, "references": [reference("CHILD_OF", PARENT, "0" * 16 + SHORT)]}, PARENT),
        ({"references": [reference("CHILD_OF", "0" * 16), reference("FOLLOWS_FROM", PARENT)]}, PARENT),
        ({"references": [reference("FOLLOWS_FROM", PARENT, "c" * 32)]}, None),
        ({"parentSpanID": "0"}, None),
        ({"parentSpanID": 7}, None),
        ({"references": []}, None),
    ],
)
def test_the_parent_is_the_one_named_else_the_first_of_the_same_trace(
    fields: dict[str, Any], parent: str | None
) -> None:
    assert decode(**fields).parent_span_id == parent


def test_every_other_reference_is_a_link() -> None:
    references = [
        reference("CHILD_OF", PARENT),
        reference("CHILD_OF", PARENT),
        reference("FOLLOWS_FROM", PARENT),
        reference("CHILD_OF", "b" * 16),
        reference("FOLLOWS_FROM", "d" * 16, "c" * 16),
        reference("CHILD_OF", "", "c" * 32),
        {"refType": None, "traceID": None},
    ]
    links = (
        SpanLink(TRACE, PARENT, {"opentracing.ref_type": "follows_from"}),
        SpanLink(TRACE, "b" * 16, {"opentracing.ref_type": "child_of"}),
        SpanLink("0" * 16 + "c" * 16, "d" * 16, {"opentracing.ref_type": "follows_from"}),
    )
    read = span(parent_span_id=PARENT, links=links)
    assert [decode(references=references), decode(references=references, parentSpanID=PARENT)] == [read, read]


@pytest.mark.parametrize(
    ("tags", "status", "message", "left"),
    [
        ([tag("error", True, "bool")], "ERROR", None, {}),
        ([tag("error", "true")], "ERROR", None, {}),
        ([tag("error", "true", "bool"), tag("otel.status_code", "OK")], "ERROR", None, {}),
        ([tag("error", False, "bool")], "UNSET", None, {"error": False}),
        ([tag("error", False, "bool"), tag("otel.status_code", "ERROR")], "ERROR", None, {"error": False}),
        ([tag("error", "timed out")], "UNSET", None, {"error": "timed out"}),
        ([tag("otel.status_code", "OK")], "OK", None, {}),
        ([tag("otel.status_code", "error"), tag("otel.status_description", "why")], "ERROR", "why", {}),
        ([tag("otel.status_code", "ODD")], "UNSET", None, {}),
        ([tag("http.status_code", 500, "int64")], "UNSET", None, {"http.status_code": 500}),
    ],
)
def test_the_status_is_an_error_that_is_true_else_what_opentelemetry_noted(
    tags: list[Any], status: str, message: str | None, left: dict[str, Any]
) -> None:
    assert decode(tags=tags) == span(status=status, status_message=message, attributes=left)


@pytest.mark.parametrize(
    ("value", "kind"),
    [("server", "SERVER"), ("client", "CLIENT"), ("producer", "PRODUCER"), ("consumer", "CONSUMER"),
     ("internal", "INTERNAL"), ("odd", "UNSPECIFIED"), (7, "UNSPECIFIED")],
)  # fmt: skip
def test_the_kind_stands_in_a_tag(value: Any, kind: str) -> None:
    assert decode(tags=[tag("span.kind", value)]) == span(kind=kind)


def test_the_scope_is_read_under_its_older_name() -> None:
    tags = [tag("otel.library.name", "jdbc"), tag("otel.library.version", 2)]
    assert decode(tags=tags) == span(scope="jdbc", scope_version="2")


@pytest.mark.parametrize(
    ("log", "event"),
    [
        ({"timestamp": MICROS + 1, "fields": [tag("event", "retry"), tag("n", 2)]}, (1_000, "retry", {"n": 2})),
        ({"timestamp": str(MICROS + 1), "fields": [tag("message", "hm")]}, (1_000, "log", {"message": "hm"})),
        ({"timestamp": None, "fields": [tag("event", "lost")]}, (0, "lost", {})),
        ({"timestamp": MICROS, "fields": None}, (0, "log", {})),
    ],
)  # fmt: skip
def test_logs_are_events_named_by_their_field(log: dict[str, Any], event: tuple[int, str, dict[str, Any]]) -> None:
    after, name, attributes = event
    assert decode(logs=[log]) == span(events=(SpanEvent(START + after, name, attributes),))


@pytest.mark.parametrize(
    ("times", "start"),
    [
        ({"startTime": str(MICROS)}, START),
        ({"startTime": float(MICROS)}, START),
        ({"startTime": None, "startTimeMillis": 1_485_467_191_639}, 1_485_467_191_639_000_000),
        ({"@timestamp": "1485467191639875123"}, START + 123),
        ({"@timestamp": "1485467191639999999"}, START),
        ({"@timestamp": "2017-01-26T21:46:31.639875Z"}, START),
        ({"@timestamp": 1_485_467_191_639}, START),
    ],
)
def test_the_start_is_in_microseconds_but_where_a_data_stream_has_the_same_in_nanoseconds(
    times: dict[str, Any], start: int
) -> None:
    assert decode(**times) == span(start=start)


@pytest.mark.parametrize(("duration", "read"), [(5, 5_000), ("5", 5_000), (0.5, 500), (-5, 0), (None, 0)])
def test_the_duration_is_in_microseconds(duration: Any, read: int) -> None:
    assert decode(duration=duration) == span(duration=read)


def test_flags_and_warnings_are_kept() -> None:
    found = decode(flags=3, warnings=["clock skew adjusted"])
    assert found == span(attributes={"jaeger.flags": 3, "jaeger.warnings": ["clock skew adjusted"]})


@pytest.mark.parametrize("name", ["OTLPResourceNoServiceName", "", None])
def test_a_process_that_names_no_service_is_an_unknown_one(name: str | None) -> None:
    process = {"serviceName": name, "tags": [tag("host.name", "web-1")]}
    assert decode(process=process) == span(resource={"host.name": "web-1"})


@pytest.mark.parametrize(
    "odd",
    [
        {"traceID": ""}, {"traceID": "0" * 32}, {"traceID": "0" * 31 + "12"}, {"traceID": 7}, {"traceID": "no hex"},
        {"spanID": "0"}, {"spanID": None}, {"spanID": "1" * 17}, {"startTime": None}, {"startTime": "soon"},
        {"startTime": 10**18}, {"startTime": []}, {"duration": "long"}, {"duration": 10**18}, {"tags": "none"},
        {"operationName": 5}, {"logs": [{"timestamp": "then"}]}, {"process": []},
    ],
)  # fmt: skip
def test_an_odd_span_is_an_error_that_readers_can_count(odd: dict[str, Any]) -> None:
    with pytest.raises((msgspec.DecodeError, ValueError)):
        decode(**odd)


def test_a_document_nested_beyond_reason_is_an_error_too() -> None:
    body = b'{"traceID":"1","spanID":"2","startTime":1,"tag":{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}}"
    with pytest.raises(ValueError, match="nested too deeply"):
        jaeger.decode_span(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
FIELDS = [
    "traceID", "spanID", "parentSpanID", "flags", "operationName", "references", "startTime", "startTimeMillis",
    "duration", "tags", "tag", "logs", "process", "@timestamp", "warnings",
]  # fmt: skip
ODD_TAGS = st.lists(
    st.fixed_dictionaries({}, optional={"key": st.text(), "type": JSON, "value": JSON})
    | st.builds(tag, st.sampled_from(["error", "span.kind", "otel.status_code", "event"]), JSON)
)
ODD_SPANS = st.fixed_dictionaries(
    {"traceID": st.just(TRACE), "spanID": st.just(SPAN), "startTime": st.just(MICROS)},
    optional={
        "tags": ODD_TAGS,
        "tag": st.dictionaries(st.text(), JSON),
        "references": st.lists(
            st.fixed_dictionaries({}, optional=dict.fromkeys(("refType", "traceID", "spanID"), JSON))
        ),
        "logs": st.lists(st.fixed_dictionaries({"fields": ODD_TAGS}, optional={"timestamp": st.integers()})),
        "flags": JSON,
    },
)


@given(JSON | st.dictionaries(st.sampled_from(FIELDS), JSON) | ODD_SPANS)
def test_any_json_is_a_span_or_an_error_that_readers_count(document: Any) -> None:
    with contextlib.suppress(msgspec.DecodeError, ValueError):
        assert isinstance(jaeger.decode_span(msgspec.json.encode(document)), Span)


@given(st.binary())
def test_any_bytes_are_a_span_or_an_error_that_readers_count(body: bytes) -> None:
    with contextlib.suppress(msgspec.DecodeError, ValueError):
        jaeger.decode_span(body)
