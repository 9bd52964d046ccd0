"""OTLP/JSON as exporters and the Collector write it, with the damage that files come with."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tracelog.model import ExceptionInfo, LogEntry, Span, SpanEvent, SpanLink
from tracelog.schema.otlp import OtlpDecoder

TRACE, SPAN, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", "a3ce929d0e0e4736"
START = 1_776_608_581_200_000_000
SHOP = {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]}
RAW_SPAN = {"traceId": TRACE, "spanId": SPAN, "startTimeUnixNano": str(START), "endTimeUnixNano": str(START + 5)}


def line(**request: Any) -> bytes:
    return msgspec.json.encode(request)


def attribute(key: str, **value: Any) -> dict[str, Any]:
    return {"key": key, "value": value}


def spans_line(*spans: dict[str, Any], **group: Any) -> bytes:
    return line(resourceSpans=[{"scopeSpans": [{"spans": spans}], **group}])


def logs_line(*records: dict[str, Any], **group: Any) -> bytes:
    return line(resourceLogs=[{"scopeLogs": [{"logRecords": records}], **group}])


def decode_span(**changes: Any) -> Span:
    spans, logs = OtlpDecoder().decode(spans_line({**RAW_SPAN, **changes}))
    assert (len(spans), logs) == (1, [])
    return spans[0]


def decode_log(**record: Any) -> LogEntry:
    spans, logs = OtlpDecoder().decode(logs_line(record))
    assert (spans, len(logs)) == ([], 1)
    return logs[0]


def test_every_field_of_a_span_is_read() -> None:
    raw = {
        **RAW_SPAN,
        "traceId": TRACE.upper(),
        "parentSpanId": PARENT,
        "traceState": "vendor=1",
        "flags": 257,
        "name": "charge card",
        "kind": 3,
        "attributes": [{"key": "order.id", "value": {"stringValue": "A-1"}}],
        "events": [{"timeUnixNano": str(START + 2), "name": "retry", "attributes": [attribute("n", intValue="2")]}],
        "links": [
            {"traceId": "1" * 32, "spanId": "2" * 16, "attributes": [attribute("why", stringValue="batch")]},
            {"traceId": "0" * 32, "spanId": "2" * 16},
        ],
        "droppedAttributesCount": 1,
        "status": {"code": 2, "message": "declined"},
    }  # fmt: skip
    request = {"resource": SHOP, "scopeSpans": [{"scope": {"name": "stripe", "version": "7"}, "spans": [raw]}]}
    assert OtlpDecoder().decode(line(resourceSpans=[{**request, "schemaUrl": "https://opentelemetry.io"}])) == (
        [
            Span(
                trace_id=TRACE,
                span_id=SPAN,
                parent_span_id=PARENT,
                name="charge card",
                service="shop",
                start=START,
                duration=5,
                kind="CLIENT",
                status="ERROR",
                status_message="declined",
                attributes={"order.id": "A-1"},
                resource={"service.name": "shop"},
                scope="stripe",
                scope_version="7",
                trace_state="vendor=1",
                events=(SpanEvent(START + 2, "retry", {"n": 2}),),
                links=(SpanLink("1" * 32, "2" * 16, {"why": "batch"}),),
            )
        ],
        [],
    )


def test_a_span_with_nothing_but_ids_and_times_is_read() -> None:
    assert decode_span() == Span(
        trace_id=TRACE, span_id=SPAN, name="", service="unknown_service", start=START, duration=5, kind="UNSPECIFIED"
    )


def test_an_end_beyond_all_time_makes_the_longest_duration_that_64_bits_hold() -> None:
    assert decode_span(endTimeUnixNano=str(2**64 - 1), startTimeUnixNano="0").duration == 2**63 - 1


def test_every_field_of_a_log_record_is_read() -> None:
    raw = {
        "timeUnixNano": str(START),
        "observedTimeUnixNano": str(START + 9),
        "severityNumber": 17,
        "severityText": "error",
        "eventName": "payment.failed",
        "body": {"stringValue": "card declined"},
        "attributes": [
            {"key": "order.id", "value": {"stringValue": "A-1"}},
            {"key": "exception.type", "value": {"stringValue": "CardError"}},
            {"key": "exception.message", "value": {"stringValue": "no funds"}},
            {"key": "exception.stacktrace", "value": {"stringValue": "Traceback ..."}},
        ],
        "flags": 1,
        "traceId": TRACE,
        "spanId": SPAN,
    }
    request = {"resource": SHOP, "scopeLogs": [{"scope": {"name": "shop.cards"}, "logRecords": [raw]}]}
    spans, (entry,) = OtlpDecoder().decode(line(resourceLogs=[request]))
    assert (spans, entry) == (
        [],
        LogEntry(
            id=entry.id,
            time=START,
            observed_time=START + 9,
            body="card declined",
            severity_number=17,
            severity_text="error",
            logger="shop.cards",
            service="shop",
            trace_id=TRACE,
            span_id=SPAN,
            trace_flags=1,
            attributes={"order.id": "A-1"},
            resource={"service.name": "shop"},
            event_name="payment.failed",
            exception=ExceptionInfo("CardError", "no funds", "Traceback ..."),
        ),
    )


def test_an_empty_log_record_is_read() -> None:
    entry = decode_log()
    assert entry == LogEntry(id=entry.id, time=0, observed_time=0)


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ({"observedTimeUnixNano": str(START)}, (START, START)),
        ({"timeUnixNano": "0", "observedTimeUnixNano": str(START)}, (START, START)),
        ({"timeUnixNano": START}, (START, START)),
        ({"timeUnixNano": START, "observedTimeUnixNano": START + 1}, (START, START + 1)),
    ],
)
def test_a_record_without_a_time_has_that_of_its_observation(times: dict[str, Any], expected: tuple[int, int]) -> None:
    entry = decode_log(**times)
    assert entry == LogEntry(id=entry.id, time=expected[0], observed_time=expected[1])


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"stringValue": "text"}, "text"),
        ({"stringValue": ""}, ""),
        ({"boolValue": False}, False),
        ({"intValue": "9223372036854775807"}, 2**63 - 1),
        ({"intValue": "-1"}, -1),
        ({"intValue": 7}, 7),
        ({"doubleValue": 0.5}, 0.5),
        ({"doubleValue": 3}, 3.0),
        ({"doubleValue": "NaN"}, "NaN"),
        ({"doubleValue": "-Infinity"}, "-Infinity"),
        ({"arrayValue": {"values": [{"intValue": "1"}, {"stringValue": "b"}, {}]}}, [1, "b", None]),
        ({"arrayValue": {}}, []),
        ({"kvlistValue": {"values": [attribute("k", arrayValue={"values": [{"boolValue": True}]})]}}, {"k": [True]}),
        ({"kvlistValue": {}}, {}),
        ({"bytesValue": "3q2+7w=="}, "deadbeef"),
        ({"bytesValue": ""}, ""),
        ({}, None),
        (None, None),
    ],
)  # fmt: skip
def test_every_kind_of_value_is_read_as_what_it_holds(value: dict[str, Any] | None, expected: Any) -> None:
    entry = decode_log(timeUnixNano=1, body=value, attributes=[{"key": "k", "value": value}])
    assert entry == LogEntry(id=entry.id, time=1, observed_time=1, body=expected, attributes={"k": expected})
    assert type(entry.body) is type(expected)


@pytest.mark.parametrize(
    ("kind", "status", "expected"),
    [
        (0, 0, ("UNSPECIFIED", "UNSET")),
        (1, 1, ("INTERNAL", "OK")),
        (2, 2, ("SERVER", "ERROR")),
        ("3", "2", ("CLIENT", "ERROR")),
        (4.0, 1.0, ("PRODUCER", "OK")),
        (5, 0, ("CONSUMER", "UNSET")),
        ("SPAN_KIND_SERVER", "STATUS_CODE_ERROR", ("SERVER", "ERROR")),
        ("SPAN_KIND_CONSUMER", "STATUS_CODE_OK", ("CONSUMER", "OK")),
        ("SPAN_KIND_UNHEARD_OF", "STATUS_CODE_UNHEARD_OF", ("UNSPECIFIED", "UNSET")),
        (99, -1, ("UNSPECIFIED", "UNSET")),
    ],
)
def test_enums_are_read_from_numbers_and_names(kind: Any, status: Any, expected: tuple[str, str]) -> None:
    span = decode_span(kind=kind, status={"code": status})
    assert span == msgspec.structs.replace(decode_span(), kind=expected[0], status=expected[1])


@pytest.mark.parametrize(
    ("severity", "number"),
    [
        (9, 9), ("13", 13), (0, None), ("SEVERITY_NUMBER_ERROR", 17), ("SEVERITY_NUMBER_TRACE", 1),
        ("SEVERITY_NUMBER_FATAL4", 24), ("SEVERITY_NUMBER_UNSPECIFIED", None), ("loud", None),
    ],
)  # fmt: skip
def test_a_severity_is_read_from_numbers_and_names(severity: int | str, number: int | None) -> None:
    assert decode_log(severityNumber=severity).severity_number == number


def test_records_that_are_equal_in_every_field_keep_ids_of_their_own() -> None:
    record = {"timeUnixNano": str(START), "body": {"stringValue": "tick"}}
    decoder = OtlpDecoder()
    first, again = decoder.decode(logs_line(record, record)), decoder.decode(logs_line(record))
    found = [entry.id for entry in (*first[1], *again[1])]
    digest = found[0].partition("-")[0]
    assert found == [f"{digest}-0", f"{digest}-1", f"{digest}-2"]


def test_a_record_of_another_resource_or_scope_is_another_record() -> None:
    record = {"timeUnixNano": str(START)}
    decoder = OtlpDecoder()
    entries = [
        *decoder.decode(logs_line(record))[1],
        *decoder.decode(logs_line(record, resource=SHOP))[1],
        *decoder.decode(line(resourceLogs=[{"scopeLogs": [{"scope": {"name": "a"}, "logRecords": [record]}]}]))[1],
    ]
    assert len({entry.id.partition("-")[0] for entry in entries}) == 3


def test_a_file_that_is_decoded_again_gives_the_same_entries() -> None:
    lines = [logs_line({"timeUnixNano": 1}, {"timeUnixNano": 1}), spans_line(RAW_SPAN), logs_line({"timeUnixNano": 2})]
    once, again = OtlpDecoder(), OtlpDecoder()
    assert [once.decode(each) for each in lines] == [again.decode(each) for each in lines]


def test_a_line_may_hold_spans_and_logs_of_several_resources() -> None:
    both = line(
        resourceSpans=[{"resource": SHOP, "scopeSpans": [{"spans": [RAW_SPAN]}]}, {"scopeSpans": []}, {}],
        resourceLogs=[{"scopeLogs": [{"logRecords": [{"timeUnixNano": 1}]}, {}]}],
    )
    spans, logs = OtlpDecoder().decode(both)
    assert [span.service for span in spans] == ["shop"]
    assert [entry.time for entry in logs] == [1]


def test_an_end_before_the_start_is_a_duration_of_nothing() -> None:
    assert decode_span(endTimeUnixNano=str(START - 1)).duration == 0


@pytest.mark.parametrize(
    "damaged",
    [
        b"", b"null", b"[]", b"{}", b'{"resourceSpans": {}}', b'{"resourceSpans": [', b"\xff\xfe",
        b'{"resourceSpans": ["x"]}',
        spans_line({**RAW_SPAN, "traceId": "0" * 32}),
        spans_line({**RAW_SPAN, "spanId": "W47/95gDgQM="}),
        spans_line({"traceId": TRACE, "spanId": SPAN}),
        spans_line({**RAW_SPAN, "startTimeUnixNano": "soon"}),
        spans_line({**RAW_SPAN, "name": 5}),
        spans_line({**RAW_SPAN, "attributes": [{"value": {"intValue": "1"}}]}),
        logs_line({"body": {"intValue": "many"}}),
        logs_line({"body": {"bytesValue": "?"}}),
        logs_line({"timeUnixNano": None}),
        b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"\\ud800"}}]}]}]}',
    ],
)  # fmt: skip
def test_damage_is_a_value_error_or_a_decode_error(damaged: bytes) -> None:
    with pytest.raises((ValueError, msgspec.MsgspecError)):
        OtlpDecoder().decode(damaged)
