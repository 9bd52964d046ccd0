"""A trace written as OTLP/JSON and read again is the same trace, whatever it holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
from checkout import MS, START, TRACE, checkout, make_line, make_span, span_id
from hypothesis import given
from hypothesis import strategies as st

from tracelog.model import ExceptionInfo, LogEntry, Span, SpanEvent, SpanLink, Trace
from tracelog.read.tree import build_trace
from tracelog.schema.otel import Destination
from tracelog.schema.otlp import KINDS, STATUSES, OtlpDecoder
from tracelog.ship.imports import import_file
from tracelog.show.otlp import otlp_lines
from tracelog.store import open_store

TEXT = st.text(max_size=8)
SOME = st.none() | st.text(min_size=1, max_size=8)
NUMBER = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBER | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
ATTRIBUTES = st.dictionaries(TEXT, VALUES, max_size=3)
TIMES = st.integers(1, 2**63 - 1)
NUMBERS = st.integers(1, 6)
EVENTS = st.lists(st.builds(SpanEvent, TIMES, TEXT, ATTRIBUTES), max_size=2).map(tuple)
LINKS = st.lists(st.builds(SpanLink, st.just("e" * 32), NUMBERS.map(span_id), ATTRIBUTES), max_size=2).map(tuple)
RESOURCES = st.builds(lambda rest, service: {**rest, **service}, ATTRIBUTES, st.sampled_from(
    [{}, {"service.name": "shop"}, {"service.name": "cards"}]
))  # fmt: skip


@st.composite
def spans(draw: st.DrawFn, number: int) -> Span:
    resource = draw(RESOURCES)
    start = draw(TIMES)
    return Span(
        trace_id=TRACE, span_id=span_id(number), parent_span_id=draw(st.none() | NUMBERS.map(span_id)), name=draw(TEXT),
        service=resource.get("service.name", "unknown_service"), start=start,
        duration=draw(st.integers(0, 2**63 - start)),
        kind=draw(st.sampled_from(KINDS)), status=draw(st.sampled_from(STATUSES)), status_message=draw(SOME),
        attributes=draw(ATTRIBUTES), resource=resource, scope=draw(SOME), scope_version=draw(SOME),
        trace_state=draw(SOME), events=draw(EVENTS), links=draw(LINKS),
    )  # fmt: skip


@st.composite
def lines(draw: st.DrawFn, number: int) -> LogEntry:
    resource = draw(RESOURCES)
    return LogEntry(
        id=f"line {number}", time=draw(TIMES), body=draw(VALUES), observed_time=draw(TIMES),
        severity_number=draw(st.none() | st.integers(1, 24)), severity_text=draw(SOME), logger=draw(SOME),
        service=resource.get("service.name", "unknown_service"), trace_id=TRACE,
        span_id=draw(st.none() | NUMBERS.map(span_id)), trace_flags=draw(st.none() | st.integers(0, 255)),
        attributes=draw(ATTRIBUTES), resource=resource, event_name=draw(SOME),
        exception=draw(st.none() | st.builds(ExceptionInfo, st.text(max_size=8), SOME, SOME)),
    )  # fmt: skip


@st.composite
def traces(draw: st.DrawFn) -> Trace:
    held = [draw(spans(number)) for number in range(1, draw(st.integers(0, 5)) + 1)]
    return build_trace(TRACE, held, [draw(lines(number)) for number in range(draw(st.integers(0, 5)))])


def read_again(trace: Trace) -> Trace:
    decoder = OtlpDecoder()
    decoded = [decoder.decode(line) for line in otlp_lines(trace)]
    return build_trace(
        TRACE, [span for held, _ in decoded for span in held], [line for _, held in decoded for line in held]
    )


@given(traces())
def test_a_trace_that_is_written_and_read_is_the_same(trace: Trace) -> None:
    assert read_again(trace) == trace


def test_each_line_is_one_request_of_one_resource() -> None:
    resources = [
        {"service.name": "a", "host.name": "h"},
        {"host.name": "h", "service.name": "a"},
        {"service.name": "b"},
    ]
    held = [
        make_span(n, None, (n, 1), str(n), resource["service.name"], resource=resource, scope=scope)
        for n, (resource, scope) in enumerate(zip(resources, (None, None, "shop"), strict=True), start=1)
    ]
    written = [json.loads(line) for line in otlp_lines(build_trace(TRACE, held, [make_line(1, 1, "paid", "a")]))]
    names = [[span["name"] for part in line["resourceSpans"][0]["scopeSpans"] for span in part["spans"]]
             for line in written[:2]]  # fmt: skip
    assert names == [["1", "2"], ["3"]]
    assert written[1]["resourceSpans"][0]["scopeSpans"][0]["scope"] == {"name": "shop"}
    assert written[2] == {
        "resourceLogs": [
            {
                "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "a"}}]},
                "scopeLogs": [
                    {
                        "scope": {"name": "a.views"},
                        "logRecords": [
                            {
                                "timeUnixNano": str(START + MS),
                                "observedTimeUnixNano": str(START + MS),
                                "severityNumber": 9,
                                "body": {"stringValue": "paid"},
                                "attributes": [
                                    {"key": "log.record.uid", "value": {"stringValue": "00001.000paid"}},
                                ],
                                "traceId": TRACE,
                                "spanId": span_id(1),
                            }
                        ],
                    }
                ],
            }
        ]
    }


def one_value(value: Any) -> Any:
    span = make_span(1, None, (0, 1), "any", "any", attributes={"k": value})
    (line,) = otlp_lines(build_trace(TRACE, [span], []))
    return json.loads(line)["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["attributes"][0]["value"]


def test_what_otlp_has_no_kind_of_value_for_is_written_as_text() -> None:
    assert one_value(2**63) == {"stringValue": "9223372036854775808"}
    assert one_value(float("-inf")) == {"doubleValue": "-Infinity"}
    assert one_value(b"\xff") == {"stringValue": "b'\\xff'"}
    assert one_value((1,)) == {"arrayValue": {"values": [{"intValue": "1"}]}}


def test_times_before_1970_are_written_as_not_known() -> None:
    line = msgspec.structs.replace(make_line(1, 1, "when?"), time=-6_795_364_578_871_345_152)
    trace = read_again(build_trace(TRACE, [make_span(1, None, (0, 1), "any", "orders")], [line]))
    assert [each.time for each in trace.logs] == [line.observed_time]


def test_what_is_imported_is_the_trace_that_was_exported_and_again_adds_nothing(tmp_path: Path) -> None:
    file = tmp_path / "trace.jsonl"
    file.write_bytes(b"".join(otlp_lines(checkout())))
    with open_store(f"sqlite:{tmp_path}/traces.db") as store:
        store.setup()
        report = import_file(str(file), store, Destination())
        found = store.trace(TRACE)
        again = import_file(str(file), store, Destination())
    assert (report.spans.stored, report.span_events.stored, report.logs.stored, report.damaged) == (5, 1, 8, 0)
    assert (again.spans.stored, again.span_events.stored, again.logs.stored, again.logs.duplicates) == (0, 0, 0, 8)
    assert found.logs == named(checkout()).logs
    assert found.spans == named(checkout()).spans
    assert found.critical_path == named(checkout()).critical_path


def named(trace: Trace) -> Trace:
    """Return a trace whose resources name its services, as those of an export do."""
    spans = [msgspec.structs.replace(span, resource={"service.name": span.service}) for span in trace.spans]
    logs = [msgspec.structs.replace(line, resource={"service.name": line.service}) for line in trace.logs]
    return build_trace(TRACE, spans, logs)


def test_what_is_nested_too_deeply_for_a_reader_is_written_as_its_json() -> None:
    deep: Any = "end"
    for _ in range(600):
        deep = [deep]
    trace = build_trace(
        TRACE, [make_span(1, None, (0, 5), "GET /", "shop", attributes={"deep": deep, "order.id": "A-1"})], []
    )
    (line,) = otlp_lines(trace)
    (resource,) = json.loads(line)["resourceSpans"]
    attributes = {each["key"]: each["value"] for each in resource["scopeSpans"][0]["spans"][0]["attributes"]}
    value, levels = attributes["deep"], 0
    while "arrayValue" in value:
        (value,), levels = value["arrayValue"]["values"], levels + 1
    assert (attributes["order.id"], json.loads(value["stringValue"])) == ({"stringValue": "A-1"}, nested(deep, levels))


def nested(value: Any, levels: int) -> Any:
    for _ in range(levels):
        (value,) = value
    return value
