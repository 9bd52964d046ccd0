"""The JSON of every command, whole and key by key as DESIGN.md has it."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from checkout import MS, OTHER, START, TRACE, make_line, make_span, span_id

from tracelog.model import Dependency, ExceptionInfo, LogEntry, Match, Operation, SpanEvent, SpanLink, TraceSummary
from tracelog.read.tree import build_trace
from tracelog.show import json_output


def printed(value: Any) -> Any:
    text = json_output.encode(value)
    assert "\n" not in text
    return json.loads(text)


LINE = make_line(
    2, 12.000001, "placing [red]order[/red]\n", severity=17, attributes={"order.id": "A-1", "n": [1, {"a": None}]},
    exception=ExceptionInfo("KeyError", "'A-1'", "Traceback ..."),
)  # fmt: skip
LINE_OBJECT = {
    "time": "2026-04-19T14:23:01.212000001Z",
    "level": "ERROR",
    "logger": "orders.views",
    "message": "placing [red]order[/red]\n",
    "service": "orders",
    "trace_id": TRACE,
    "span_id": span_id(2),
    "attributes": {"order.id": "A-1", "n": [1, {"a": None}]},
    "exception": {"type": "KeyError", "message": "'A-1'", "stacktrace": "Traceback ..."},
    "guessed": False,
}


def test_what_an_event_says_under_the_names_of_its_own_time_and_name_is_kept_beside_them() -> None:
    event = SpanEvent(START, "flag", {"name": "new-checkout", "time": "09:30", "variant": "on"})
    (shown,) = printed(
        json_output.trace_object(build_trace(TRACE, [make_span(1, None, (0, 5), "GET /", "shop", events=(event,))], []))
    )["spans"]
    assert shown["events"] == [
        {"attributes.name": "new-checkout", "attributes.time": "09:30", "variant": "on", "name": "flag",
         "time": "2026-04-19T14:23:01.200Z"}
    ]  # fmt: skip


def test_a_trace_is_printed_whole_with_its_spans_in_tree_order_and_its_lines_on_them() -> None:
    root = make_span(
        1, None, (0, 540), "POST /checkout", "api-gateway", kind="SERVER", attributes={"http.route": "/checkout"}
    )
    call = make_span(
        2, 1, (10, 500.0005), "place order", "orders", kind="CLIENT", status="ERROR", status_message="no stock",
        events=(SpanEvent(START + 20 * MS, "retry", {"attempt": 2}),),
        links=(SpanLink(OTHER, span_id(7), {"why": "batch"}),),
    )  # fmt: skip
    orphan = make_span(3, 99, (600, 0), "late", "orders", status="OK")
    linking = make_span(5, None, (700, 1), "audit", "auditor", links=(SpanLink(TRACE, span_id(1)),))
    unplaced = LogEntry(id="x", time=START + 5, body={"a": 1}, observed_time=START, trace_id=TRACE)
    adrift = make_line(99, 601, "too late", "mailer")
    guessed = make_line(None, 0, "guessed", "api-gateway")
    trace = build_trace(TRACE, [orphan, call, root], [LINE, unplaced, adrift, guessed], [linking])
    assert printed(json_output.trace_object(trace)) == {
        "trace_id": TRACE,
        "duration_ms": 600.0,
        "span_count": 3,
        "log_count": 4,
        "error_count": 1,
        "services": ["api-gateway", "orders", "unknown_service", "mailer"],
        "complete": False,
        "spans": [
            {
                "trace_id": TRACE,
                "span_id": span_id(1),
                "parent_span_id": "0000000000000000",
                "name": "POST /checkout",
                "service": "api-gateway",
                "kind": "SERVER",
                "start_time": "2026-04-19T14:23:01.200Z",
                "end_time": "2026-04-19T14:23:01.740Z",
                "duration_ms": 540.0,
                "self_ms": 39.9995,
                "depth": 0,
                "attributes": {"http.route": "/checkout"},
                "events": [],
                "links": [],
                "linked_from": [
                    {"trace_id": TRACE, "span_id": span_id(5), "attributes": {"service": "auditor", "name": "audit"}}
                ],
                "status": {"code": "UNSET"},
                "orphan": False,
                "critical": True,
                "logs": [
                    {
                        "time": "2026-04-19T14:23:01.200Z",
                        "level": "INFO",
                        "logger": "api-gateway.views",
                        "message": "guessed",
                        "service": "api-gateway",
                        "trace_id": TRACE,
                        "span_id": None,
                        "attributes": {},
                        "guessed": True,
                    }
                ],
            },
            {
                "trace_id": TRACE,
                "span_id": span_id(2),
                "parent_span_id": span_id(1),
                "name": "place order",
                "service": "orders",
                "kind": "CLIENT",
                "start_time": "2026-04-19T14:23:01.210Z",
                "end_time": "2026-04-19T14:23:01.710000500Z",
                "duration_ms": 500.0005,
                "self_ms": 500.0005,
                "depth": 1,
                "attributes": {},
                "events": [{"time": "2026-04-19T14:23:01.220Z", "name": "retry", "attempt": 2}],
                "links": [{"trace_id": OTHER, "span_id": span_id(7), "attributes": {"why": "batch"}}],
                "linked_from": [],
                "status": {"code": "ERROR", "message": "no stock"},
                "orphan": False,
                "critical": True,
                "logs": [LINE_OBJECT],
            },
            {
                "trace_id": TRACE,
                "span_id": span_id(3),
                "parent_span_id": span_id(99),
                "name": "late",
                "service": "orders",
                "kind": "INTERNAL",
                "start_time": "2026-04-19T14:23:01.800Z",
                "end_time": "2026-04-19T14:23:01.800Z",
                "duration_ms": 0.0,
                "self_ms": 0.0,
                "depth": 0,
                "attributes": {},
                "events": [],
                "links": [],
                "linked_from": [],
                "status": {"code": "OK"},
                "orphan": True,
                "critical": False,
                "logs": [],
            },
        ],
        "logs": [
            {
                "time": "2026-04-19T14:23:01.200000005Z",
                "level": None,
                "logger": None,
                "message": '{"a":1}',
                "service": "unknown_service",
                "trace_id": TRACE,
                "span_id": None,
                "attributes": {},
                "guessed": False,
            }
        ],
        "ghosts": [
            {
                "span_id": span_id(99),
                "parent_span_id": None,
                "service": "mailer",
                "start_time": "2026-04-19T14:23:01.800Z",
                "end_time": "2026-04-19T14:23:01.801Z",
                "children": [span_id(3)],
                "logs": [
                    {
                        "time": "2026-04-19T14:23:01.801Z",
                        "level": "INFO",
                        "logger": "mailer.views",
                        "message": "too late",
                        "service": "mailer",
                        "trace_id": TRACE,
                        "span_id": span_id(99),
                        "attributes": {},
                        "guessed": False,
                    }
                ],
                "text": f"parent {span_id(99)} never arrived; 1 line of service mailer carries its id",
            }
        ],
        "findings": [
            {
                "kind": "gap",
                "text": "490 ms in orders place order between event retry and its end",
                "span_ids": [span_id(2)],
            },
            {
                "kind": "orphan",
                "text": f"parent {span_id(99)} never arrived; 1 line of service mailer carries its id",
                "span_ids": [span_id(3)],
            },
        ],
    }


def test_a_line_is_printed_whole() -> None:
    assert printed(json_output.log_object(LINE)) == LINE_OBJECT


def test_a_row_of_slow_is_printed_with_exactly_its_keys() -> None:
    row = TraceSummary(
        trace_id=TRACE, service="shop", name="GET /", measure="root", start=START, duration=1_500_000,
        trace_duration=2_000_001, span_count=3, log_count=2, error_count=1,
    )  # fmt: skip
    assert printed(json_output.summary_object(row)) == {
        "trace_id": TRACE,
        "service": "shop",
        "name": "GET /",
        "measure": "root",
        "start_time": "2026-04-19T14:23:01.200Z",
        "duration_ms": 1.5,
        "trace_ms": 2.000001,
        "span_count": 3,
        "log_count": 2,
        "error_count": 1,
    }


def test_a_row_of_ops_is_printed_with_exactly_its_keys() -> None:
    examples = {"p50": "a" * 32, "p95": "b" * 32, "p99": "c" * 32}
    row = Operation(
        service="shop", name="GET /", kind="SERVER", count=4, error_count=1, p50=MS, p95=2 * MS, p99=3 * MS, max=4 * MS,
        examples=examples,
    )  # fmt: skip
    assert printed(json_output.operation_object(row)) == {
        "service": "shop",
        "name": "GET /",
        "kind": "SERVER",
        "count": 4,
        "error_count": 1,
        "error_rate": 0.25,
        "p50_ms": 1.0,
        "p95_ms": 2.0,
        "p99_ms": 3.0,
        "max_ms": 4.0,
        "examples": examples,
        "estimated": [],
    }
    of_a_stretch = msgspec.structs.replace(row, bucket=START, estimated=("p99",))
    assert printed(json_output.operation_object(of_a_stretch)) == {
        "bucket": "2026-04-19T14:23:01.200Z",
        **printed(json_output.operation_object(row)),
        "estimated": ["p99"],
    }


def test_a_row_of_deps_is_printed_with_exactly_its_keys() -> None:
    row = Dependency(
        caller="shop", callee="bank", calls=4, calls_per_parent=2.0, error_count=1, p50=MS, p99=3 * MS, example=TRACE
    )
    expected = {
        "caller": "shop",
        "callee": "bank",
        "external": False,
        "calls": 4,
        "calls_per_parent": 2.0,
        "error_count": 1,
        "p50_ms": 1.0,
        "p99_ms": 3.0,
        "example": TRACE,
    }
    assert printed(json_output.dependency_object(row)) == expected
    named = {"caller_operation": "POST /pay", "callee_operation": "charge"}
    assert printed(json_output.dependency_object(msgspec.structs.replace(row, **named))) == {**expected, **named}


def test_a_row_of_matches_is_printed_with_exactly_its_keys() -> None:
    match = Match(TRACE, "order.id", "A-1", 3)
    row = {"trace_id": TRACE, "field": "order.id", "value": "A-1", "count": 3}
    assert printed(json_output.match_object(match)) == row
