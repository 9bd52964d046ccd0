"""Traces that are linked with the one that is shown: told at its links, and shown behind it."""

from __future__ import annotations

import io
import json

import msgspec

from tracelog.model import LinkedTrace, Span, SpanLink, Trace, TraceSummary
from tracelog.read.tree import build_trace
from tracelog.show.console import make_console, print_trace
from tracelog.show.json_output import encode, summary_object, trace_object

MS = 1_000_000


def span(number: int, trace: int, name: str, *to: int, at: int = 0) -> Span:
    return Span(
        trace_id=f"{trace:032x}",
        span_id=f"{number:016x}",
        name=name,
        service="shop",
        start=at * MS,
        duration=10 * MS,
        links=tuple(SpanLink(f"{other:032x}", f"{other:016x}") for other in to),
    )


def summary(number: int, ms: int, errors: int = 0) -> TraceSummary:
    return TraceSummary(
        trace_id=f"{number:032x}",
        service="shop",
        name="POST /orders",
        measure="root",
        start=0,
        duration=ms * MS,
        trace_duration=ms * MS,
        span_count=3,
        log_count=2,
        error_count=errors,
    )


def printed(trace: Trace) -> list[str]:
    file = io.StringIO()
    print_trace(make_console(file, width=100, color=False), trace)
    return [line.rstrip() for line in file.getvalue().splitlines()]


def test_a_trace_that_is_linked_stands_behind_the_other_and_is_summed_up_at_the_link() -> None:
    consumer = span(2, 2, "consume", 1, at=250)
    trace = build_trace(f"{1:032x}", [span(1, 1, "publish")], [], [consumer])
    other = build_trace(f"{2:032x}", [consumer], [])
    linked = LinkedTrace(
        trace_id=other.trace_id, span=trace.spans[0], incoming=True, summary=summary(2, 10, errors=1), trace=other
    )
    said = printed(msgspec.structs.replace(trace, linked=(linked,)))
    at = next(index for index, line in enumerate(said) if line.startswith(f"  ← linked from trace {2:032x}"))
    assert said[at + 1 : at + 7] == [
        "    POST /orders shop, 10.0 ms, 3 spans, 1 error",
        "",
        "← this trace links to publish, and began 250 ms after it",
        "",
        "consume  shop",
        "1970-01-01T00:00:00.250Z  10.0 ms · 1 span · 0 lines · 0 errors",
    ]
    backwards = LinkedTrace(trace_id=trace.trace_id, span=consumer, incoming=False, summary=summary(1, 10), trace=trace)
    said = printed(msgspec.structs.replace(other, linked=(backwards,)))
    assert "→ consume links to this trace, which began 250 ms before it" in said


def test_many_links_are_one_row_and_the_few_that_tell_most() -> None:
    numbers = range(2, 102)
    trace = build_trace(f"{1:032x}", [span(1, 1, "settle", *numbers)], [])
    linked = [
        LinkedTrace(
            trace_id=f"{number:032x}",
            span=trace.spans[0],
            incoming=False,
            summary=None if number == 2 else summary(number, number, errors=int(number == 50)),
        )
        for number in numbers
    ]
    said = printed(msgspec.structs.replace(trace, linked=tuple(linked)))
    at = next(index for index, line in enumerate(said) if "links to" in line)
    assert said[at] == (
        "  → links to 100 traces, 99 of them stored: POST /orders shop 99 times; 3.00 ms to 101 ms; 1 with"
    )
    shown = [line.split()[4].lstrip("0") for line in said[at + 2 :] if "links to trace" in line]
    assert [int(each, 16) for each in shown] == [50, 101, 100, 99]
    assert any("(+95 more)" in line for line in said)


def test_what_is_not_stored_is_said() -> None:
    trace = build_trace(f"{1:032x}", [span(1, 1, "settle", 2)], [])
    linked = LinkedTrace(trace_id=f"{2:032x}", span=trace.spans[0], incoming=False)
    said = printed(msgspec.structs.replace(trace, linked=(linked,)))
    assert said[-1] == "    nothing of it is stored"


def test_json_has_linked_traces_only_where_links_were_followed() -> None:
    trace = build_trace(f"{1:032x}", [span(1, 1, "settle", 2, 3)], [])
    other = build_trace(f"{2:032x}", [span(2, 2, "publish")], [])
    assert "linked" not in trace_object(trace)
    linked = (
        LinkedTrace(trace_id=f"{2:032x}", span=trace.spans[0], incoming=False, summary=summary(2, 10), trace=other),
        LinkedTrace(trace_id=f"{3:032x}", span=trace.spans[0], incoming=False),
    )
    held = json.loads(encode(trace_object(msgspec.structs.replace(trace, linked=linked))))["linked"]
    assert held == [
        {
            "trace_id": f"{2:032x}",
            "span_id": f"{1:016x}",
            "incoming": False,
            "summary": summary_object(summary(2, 10)),
            "trace": json.loads(encode(trace_object(other))),
        },
        {"trace_id": f"{3:032x}", "span_id": f"{1:016x}", "incoming": False, "summary": None, "trace": None},
    ]
