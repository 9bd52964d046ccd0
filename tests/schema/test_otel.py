"""The OpenTelemetry layout: what is written, what of others is read, and that nothing is lost on the way."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracelog.model import ExceptionInfo, LogEntry, Span, SpanEvent, SpanLink
from tracelog.schema import otel, otel_columns
from tracelog.schema.otel_columns import read_outline
from tracelog.schema.outlines import outline

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
MOMENT = 1_721_314_113_467_000_000
"""2024-07-18T14:48:33.467Z in ns."""


@pytest.mark.parametrize(
    ("written", "nanoseconds"),
    [
        ("1721314113467.5", 5),  # the Collector: a remainder in ns, not padded
        ("1721314113467.654321", 654_321),
        ("1721314113467.000005", 5),  # Elasticsearch's own OTLP endpoint: padded to six digits
        ("1721314113467", 0),
        (1_721_314_113_467, 0),
        (1_721_314_113_467.0, 0),
        (1_721_314_113_467.5, 500_000),
        ("2024-07-18T14:48:33.467Z", 0),
        ("2024-07-18T14:48:33.467000005Z", 5),
        ("2024-07-18T16:48:33.467000005+02:00", 5),
    ],
)
def test_a_timestamp_is_read_in_every_form_to_the_nanosecond(written: str | float, nanoseconds: int) -> None:
    assert otel.parse_timestamp(written) == MOMENT + nanoseconds


@pytest.mark.parametrize("written", ["", "now", "-5", "1721314113467.x", "2024-07-18T25:00:00Z"])
def test_what_is_no_timestamp_is_an_error(written: str) -> None:
    with pytest.raises(ValueError, match=r"not a time|must be in|invalid literal"):
        otel.parse_timestamp(written)


def test_a_span_is_written_as_one_document_and_its_events_as_others() -> None:
    span = Span(
        trace_id=TRACE,
        span_id=SPAN,
        parent_span_id="00f067aa0ba902b7",
        name="POST /pay",
        service="payment",
        start=MOMENT + 5,
        duration=8_000_000_001,
        kind="SERVER",
        status="ERROR",
        status_message="declined",
        attributes={"http.response.status_code": 402, "order.id": "A-1"},
        resource={"service.name": "payment"},
        scope="payment.api",
        scope_version="1.0",
        links=(SpanLink(TRACE, "00f067aa0ba902b7", {"why": "retry"}),),
        events=(SpanEvent(MOMENT + 6, "exception", {"exception.type": "Declined"}),),
    )
    documents = list(otel.encode_spans([span], otel.Destination("shop", "test")))
    own = otel.span_document_id(span)
    assert [(document.id, document.stream) for document in documents] == [(own, "traces"), (f"{own}-0", "logs")]
    assert [msgspec.json.decode(document.body) for document in documents] == [
        {
            "@timestamp": "2024-07-18T14:48:33.467000005Z",
            "data_stream": {"type": "traces", "dataset": "shop.otel", "namespace": "test"},
            "trace_id": TRACE,
            "span_id": SPAN,
            "parent_span_id": "00f067aa0ba902b7",
            "name": "POST /pay",
            "kind": "Server",
            "duration": 8_000_000_001,
            "attributes": {"http.response.status_code": 402, "order.id": "A-1"},
            "links": [{"trace_id": TRACE, "span_id": "00f067aa0ba902b7", "attributes": {"why": "retry"}}],
            "status": {"code": "Error", "message": "declined"},
            "resource": {"attributes": {"service.name": "payment"}},
            "scope": {"name": "payment.api", "version": "1.0"},
            "service": {"name": "payment"},
            "http": {"response": {"status_code": 402}},
        },
        {
            "@timestamp": "2024-07-18T14:48:33.467000006Z",
            "data_stream": {"type": "logs", "dataset": "shop.otel", "namespace": "test"},
            "trace_id": TRACE,
            "span_id": SPAN,
            "event_name": "exception",
            "attributes": {"exception.type": "Declined"},
            "resource": {"attributes": {"service.name": "payment"}},
            "scope": {"name": "payment.api"},
            "service": {"name": "payment"},
        },
    ]


def test_attributes_named_like_the_parts_of_an_exception_stand_beside_them() -> None:
    said = {"exception.type": "soft", "items": 3}
    entry = LogEntry(time=MOMENT, attributes=said, exception=ExceptionInfo("KeyError", "'a'"))
    read = otel.decode_log(otel.encode_log(entry).body)
    assert read.attributes == {"attributes.exception.type": "soft", "items": 3}
    assert read.exception == ExceptionInfo("KeyError", "'a'")


def test_a_line_is_written_as_one_document_with_its_exception_among_the_attributes() -> None:
    entry = LogEntry(
        id="spool-1",
        time=MOMENT,
        body="declined",
        observed_time=MOMENT + 1,
        severity_number=17,
        severity_text="ERROR",
        logger="payment.api",
        service="payment",
        trace_id=TRACE,
        span_id=SPAN,
        trace_flags=1,
        attributes={"order.id": "A-1"},
        resource={"service.name": "payment"},
        exception=ExceptionInfo("payment.Declined", "card 4711", "Traceback ..."),
    )
    document = otel.encode_log(entry)
    assert (document.id, document.stream, msgspec.json.decode(document.body)) == (
        "spool-1",
        "logs",
        {
            "@timestamp": "2024-07-18T14:48:33.467000000Z",
            "observed_timestamp": "2024-07-18T14:48:33.467000001Z",
            "data_stream": {"type": "logs", "dataset": "tracelog.otel", "namespace": "default"},
            "trace_id": TRACE,
            "span_id": SPAN,
            "trace_flags": 1,
            "severity_text": "ERROR",
            "severity_number": 17,
            "body": {"text": "declined"},
            "attributes": {
                "order.id": "A-1",
                "exception.type": "payment.Declined",
                "exception.message": "card 4711",
                "exception.stacktrace": "Traceback ...",
            },
            "resource": {"attributes": {"service.name": "payment"}},
            "scope": {"name": "payment.api"},
            "service": {"name": "payment"},
        },
    )


def read_span(**document: Any) -> Span:
    known = {"@timestamp": "1721314113467.5", "trace_id": TRACE, "span_id": SPAN}
    return otel.decode_span(msgspec.json.encode({**known, **document}))


def test_a_span_of_the_collector_is_read() -> None:
    assert read_span(
        name="GET /",
        kind="Client",
        duration=7,
        data_stream={"type": "traces", "dataset": "generic.otel", "namespace": "default"},
        dropped_events_count=3,
        attributes={"deep": {"map": [1]}},
        status={"code": "Ok"},
        resource={"schema_url": "", "attributes": {"service.name": "theirs"}},
        scope={"name": "lib", "attributes": {"a": 1}},
    ) == Span(
        trace_id=TRACE,
        span_id=SPAN,
        name="GET /",
        service="theirs",
        start=MOMENT + 5,
        duration=7,
        kind="CLIENT",
        status="OK",
        attributes={"deep": {"map": [1]}},
        resource={"service.name": "theirs"},
        scope="lib",
    )


@pytest.mark.parametrize(("written", "nanoseconds"), [(1_721_314_113_467, 0), (1_721_314_113_467.5, 500_000)])
def test_a_timestamp_in_milliseconds_loses_nothing_within_a_document(written: float, nanoseconds: int) -> None:
    assert read_span(**{"@timestamp": written}).start == MOMENT + nanoseconds


@pytest.mark.parametrize("parent", ["", "0", "0000000000000000", None, "xyz"])
def test_a_parent_that_is_none_makes_a_root(parent: str | None) -> None:
    assert read_span(parent_span_id=parent).parent_span_id is None


def test_a_span_that_says_little_is_read_with_what_it_says() -> None:
    assert read_span(duration=-1) == Span(
        trace_id=TRACE,
        span_id=SPAN,
        name="",
        service="unknown_service",
        start=MOMENT + 5,
        duration=0,
        kind="UNSPECIFIED",
    )


@pytest.mark.parametrize(
    "odd", [{"trace_id": "0" * 32}, {"span_id": ""}, {"@timestamp": "then"}, {"name": 5}, {"duration": "long"}]
)
def test_an_odd_span_is_an_error_that_readers_can_count(odd: dict[str, Any]) -> None:
    with pytest.raises((msgspec.MsgspecError, ValueError)):
        read_span(**odd)


@pytest.mark.parametrize(
    ("body", "read"),
    [
        ({"text": "paid"}, "paid"),
        ({"structured": {"a": 1}}, {"a": 1}),
        ({"structured": {"value": [1]}}, {"value": [1]}),
        ({}, None),
        (None, None),
    ],
)
def test_a_body_is_read_in_its_forms(body: Any, read: Any) -> None:
    document = {"@timestamp": 1_721_314_113_467, "observed_timestamp": 1_721_314_113_467, "body": body}
    entry = otel.decode_log(msgspec.json.encode(document), "id")
    assert entry == LogEntry(id="id", time=MOMENT, observed_time=MOMENT, body=read)


@pytest.mark.parametrize(
    ("fields", "read"),
    [
        ({"body": {"flattened": {"a": 1}}}, {"a": 1}),
        ({"body_text": "paid"}, "paid"),
        ({"body_structured": {"a": 1}}, {"a": 1}),
        ({"body": {"text": "now"}, "body_text": "once"}, "now"),
    ],
)
def test_a_body_is_read_where_older_collectors_put_it(fields: dict[str, Any], read: Any) -> None:
    document = {"@timestamp": 1_721_314_113_467, "observed_timestamp": 1_721_314_113_467, **fields}
    assert otel.decode_log(msgspec.json.encode(document)).body == read


def test_a_span_event_is_told_from_a_record_with_an_event_name() -> None:
    event = {"@timestamp": 1, "event_name": "retry"}
    record = {**event, "observed_timestamp": 1}
    assert [otel.decode_log(msgspec.json.encode(one)).is_span_event for one in (event, record)] == [True, False]


def hex_ids(digits: int) -> st.SearchStrategy[str]:
    return st.integers(1, 16**digits - 1).map(lambda number: f"{number:0{digits}x}")


TIMES = st.integers(0, 4_102_444_800 * 10**9)
SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
)
VALUES = st.recursive(
    SCALARS | st.text(), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)
KEYS = st.text().filter(lambda key: not key.startswith("exception."))
ATTRIBUTES = st.dictionaries(KEYS, VALUES, max_size=4)
NAMES = st.none() | st.text(min_size=1)
SPANS = st.builds(
    Span,
    trace_id=hex_ids(32),
    span_id=hex_ids(16),
    parent_span_id=st.none() | hex_ids(16),
    name=st.text(),
    service=st.text(),
    start=TIMES,
    duration=st.integers(0, 2**63 - 1),
    kind=st.sampled_from(["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"]),
    status=st.sampled_from(["UNSET", "OK", "ERROR"]),
    status_message=NAMES,
    attributes=ATTRIBUTES,
    resource=ATTRIBUTES,
    scope=NAMES,
    scope_version=NAMES,
    trace_state=NAMES,
    links=st.lists(st.builds(SpanLink, hex_ids(32), hex_ids(16), ATTRIBUTES), max_size=2).map(tuple),
)
LINES = st.builds(
    LogEntry,
    time=TIMES,
    body=VALUES,
    id=st.text(),
    observed_time=st.none() | TIMES,
    severity_number=st.none() | st.integers(0, 24),
    severity_text=NAMES,
    logger=NAMES,
    service=st.text(),
    trace_id=st.none() | hex_ids(32),
    span_id=st.none() | hex_ids(16),
    trace_flags=st.none() | st.integers(0, 255),
    attributes=ATTRIBUTES,
    resource=ATTRIBUTES,
    exception=st.none() | st.builds(ExceptionInfo, st.text(), NAMES, NAMES),
)


@given(SPANS)
def test_a_span_is_read_as_it_was_written(span: Span) -> None:
    assert otel.decode_span(otel.encode_span(span).body) == span


def test_a_duration_that_64_bits_do_not_hold_is_read_as_the_longest() -> None:
    body = b'{"@timestamp":"2026-04-19T14:23:01Z","trace_id":"%b","span_id":"%b","duration":%d}' % (
        b"1" * 32, b"2" * 16, 2**64 - 1,
    )  # fmt: skip
    assert {read(body).duration for read in (otel.decode_span, read_outline, otel_columns.read_span)} == {2**63 - 1}


@given(SPANS)
def test_the_outline_of_a_span_is_read_as_that_of_the_whole_span_is_made(span: Span) -> None:
    body = otel.encode_span(span).body
    assert read_outline(body) == outline(otel.decode_span(body))


@given(LINES)
def test_a_line_is_read_as_it_was_written(entry: LogEntry) -> None:
    document = otel.encode_log(entry)
    assert otel.decode_log(document.body, document.id) == entry


@given(SPANS, st.text())
def test_a_span_keeps_its_document_id_whatever_else_is_said_of_it(span: Span, name: str) -> None:
    renamed = msgspec.structs.replace(span, name=name, duration=0)
    assert otel.encode_span(renamed).id == otel.encode_span(span).id
    elsewhere = msgspec.structs.replace(span, service=f"{span.service}2")
    assert otel.encode_span(elsewhere).id != otel.encode_span(span).id
