"""What a built trace answers: its root, its lines by span, its span events."""

from __future__ import annotations

import msgspec
import pytest
from trees import TRACE, make_event, make_line, make_span, span_id

from tracelog.model import LogEntry, Span, SpanEvent, Trace
from tracelog.read.tree import build_trace

SPANS = [
    make_span(0, duration=100),
    make_span(1, 0, start=10),
    make_span(2, 1, start=12, status="ERROR"),
    make_span(3, 0, start=50),
]
LINES = [make_line(n, span, time) for n, (span, time) in enumerate([(0, 1), (2, 15), (1, 11), (3, 51), (2, 11)])]
LINES.append(make_line(5, None, 3, service="cron"))


@pytest.fixture
def trace() -> Trace:
    return build_trace(TRACE, SPANS, LINES)


def test_the_lines_of_a_span_are_those_of_all_that_it_called_by_time(trace: Trace) -> None:
    assert [line.body for line in trace.logs_of(SPANS[1])] == ["line 2", "line 4", "line 1"]
    assert trace.logs_of(SPANS[1]) == trace.logs_of(span_id(1))


def test_the_lines_of_a_span_alone_are_those_that_it_wrote(trace: Trace) -> None:
    own = {number: [line.body for line in trace.logs_of(span, descendants=False)] for number, span in enumerate(SPANS)}
    assert own == {0: ["line 0"], 1: ["line 2"], 2: ["line 4", "line 1"], 3: ["line 3"]}


def test_the_lines_of_the_root_and_those_without_a_span_are_all_lines(trace: Trace) -> None:
    assert sorted([*trace.logs_of(SPANS[0]), *trace.unplaced_logs], key=lambda line: line.time) == list(trace.logs)
    assert trace.unplaced_logs == (LINES[5],)


def test_a_span_of_another_trace_is_a_key_error(trace: Trace) -> None:
    with pytest.raises(KeyError, match="dead"):
        trace.logs_of("dead" * 4)
    with pytest.raises(KeyError):
        trace.logs_of(msgspec.structs.replace(SPANS[1], service="elsewhere"))


def test_a_trace_tells_its_extent(trace: Trace) -> None:
    assert (trace.root, trace.complete, trace.error_count, trace.services) == (SPANS[0], True, 1, ("shop", "cron"))
    assert (trace.start, trace.duration, trace.spans) == (0, 100, tuple(SPANS))
    assert (trace.children(SPANS[0]), trace.children(SPANS[3])) == ((SPANS[1], SPANS[3]), ())


def test_a_trace_without_a_root_has_its_first_orphan_for_one_and_is_not_complete() -> None:
    trace = build_trace(TRACE, SPANS[1:], [])
    assert (trace.root, trace.complete) == (SPANS[1], False)


def test_of_several_roots_the_longest_is_the_root_and_without_one_the_longest_entry() -> None:
    beacon, page = make_span(0, duration=1), make_span(1, start=2, duration=90)
    auth, orders, client = (
        make_span(number, 77, start=number, duration=length, kind=kind)
        for number, length, kind in ((2, 5, "SERVER"), (3, 80, "CONSUMER"), (4, 95, "CLIENT"))
    )
    assert build_trace(TRACE, [beacon, page, orders], []).root == page
    assert build_trace(TRACE, [auth, orders, client], []).root == orders


def test_a_trace_of_lines_alone_has_their_extent_and_no_root() -> None:
    trace = build_trace(TRACE, [], LINES)
    assert (trace.root, trace.complete, trace.nodes) == (None, False, ())
    assert (trace.start, trace.duration, len(trace.logs), len(trace.unplaced_logs)) == (1, 50, 6, 1)


def test_a_trace_of_nothing_is_empty() -> None:
    trace = build_trace(TRACE, [], [])
    assert trace == Trace(trace_id=TRACE)
    assert (trace.root, trace.start, trace.duration, trace.complete) == (None, 0, 0, False)


def with_events(*events: SpanEvent) -> tuple[Span, ...]:
    return (msgspec.structs.replace(SPANS[0], events=events), *SPANS[1:])


def test_span_events_that_were_stored_apart_are_on_their_span_by_time_and_among_no_lines() -> None:
    stored = [make_event(7, 0, 9, attributes={"n": 2}), make_event(8, 0, 5), make_event(8, 0, 5)]
    trace = build_trace(TRACE, SPANS, stored)
    assert trace.spans == with_events(SpanEvent(5, "retry"), SpanEvent(9, "retry", {"n": 2}))
    assert trace.logs == ()


def test_an_event_that_its_span_has_already_is_not_added_again() -> None:
    spans = with_events(SpanEvent(5, "retry"))
    assert build_trace(TRACE, spans, [make_event(1, 0, 5)]).spans == spans


def test_events_of_one_moment_and_name_that_differ_are_all_kept() -> None:
    stored = [make_event(1, 0, 5, attributes={"n": 1}), make_event(2, 0, 5, attributes={"n": 2})]
    assert build_trace(TRACE, SPANS, stored).spans == with_events(
        SpanEvent(5, "retry", {"n": 1}), SpanEvent(5, "retry", {"n": 2})
    )


@pytest.mark.parametrize("span", [0, 99])
def test_a_record_that_mirrors_a_span_event_is_dropped_whether_its_span_is_there_or_not(span: int) -> None:
    mirrored = make_line(1, span, 5, body=None, event_name="retry")
    others: list[LogEntry] = [
        make_line(2, span, 6, body=None, event_name="retry"),
        make_line(3, span, 5, body=None, event_name="give up"),
        make_line(4, 1, 5, body=None, event_name="retry"),
    ]
    event = make_event(5, span, 5)
    trace = build_trace(TRACE, SPANS, [mirrored, event, *others])
    lines = others if span == 0 else [event, *others]
    assert sorted(trace.logs, key=lambda line: line.id) == sorted(lines, key=lambda line: line.id)


def test_an_event_of_a_span_that_never_arrived_stays_with_its_ghost() -> None:
    (ghost,) = build_trace(TRACE, SPANS, [make_event(1, 99)]).ghosts
    assert (ghost.span_id, ghost.logs) == (span_id(99), (make_event(1, 99),))
