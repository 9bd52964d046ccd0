"""A trace with its spans and lines changed: what is said about it is said of what they are changed to."""

from __future__ import annotations

from msgspec.structs import replace

from tracelog.model import LinkedTrace, LogEntry, Span, SpanLink, Trace, TraceSummary
from tracelog.read.rebuild import rebuilt
from tracelog.read.tree import build_trace

MS = 1_000_000
OWN, OTHER = f"{1:032x}", f"{2:032x}"


def span(number: int, trace: str, name: str, parent: int | None = None, *, links: tuple[SpanLink, ...] = ()) -> Span:
    return Span(
        trace_id=trace,
        span_id=f"{number:016x}",
        parent_span_id=None if parent is None else f"{parent:016x}",
        name=name,
        service="shop",
        start=number * MS,
        duration=100 * MS,
        links=links,
    )


def upper_span(span: Span) -> Span:
    links = tuple(
        replace(link, attributes={key: str(value).upper() for key, value in link.attributes.items()})
        for link in span.links
    )
    return replace(span, name=span.name.upper(), links=links)


def upper_line(line: LogEntry) -> LogEntry:
    return replace(line, body=str(line.body).upper())


def line(body: str, span_id: str | None) -> LogEntry:
    return LogEntry(
        id=body, time=5 * MS, observed_time=5 * MS, body=body, service="shop", trace_id=OWN, span_id=span_id
    )


def linked(trace: Trace, other: Trace | None) -> LinkedTrace:
    summary = TraceSummary(
        trace_id=OTHER, service="shop", name="consume", measure="root", start=0, duration=MS, trace_duration=MS,
        span_count=1, log_count=0, error_count=0,
    )  # fmt: skip
    return LinkedTrace(trace_id=OTHER, span=trace.spans[0], incoming=True, summary=summary, trace=other)


def test_every_span_and_line_is_changed_and_stays_in_its_place() -> None:
    consumer = span(9, OTHER, "consume", links=(SpanLink(OWN, f"{1:016x}"),))
    spans = [span(1, OWN, "root"), span(2, OWN, "call", 1), span(3, OWN, "orphan", 77)]
    lines = [line("on a span", f"{2:016x}"), line("on a ghost", f"{88:016x}"), line("on none", None)]
    before = build_trace(OWN, spans, lines, [consumer])
    after = rebuilt(before, upper_span, upper_line)
    assert after == build_trace(
        OWN, map(upper_span, spans), map(upper_line, lines),
        [replace(consumer, name="CONSUME", service="SHOP")],
    )  # fmt: skip


def test_traces_that_it_is_linked_with_are_changed_too_and_what_is_known_of_them() -> None:
    trace, other = build_trace(OWN, [span(1, OWN, "publish")], []), build_trace(OTHER, [span(9, OTHER, "consume")], [])
    followed = replace(trace, linked=(linked(trace, other), linked(trace, None)))
    fetched, summed = rebuilt(followed, upper_span, upper_line).linked
    assert (fetched.span.name, summed.span.name) == ("PUBLISH", "PUBLISH")
    assert [each.summary and each.summary.name for each in (fetched, summed)] == ["CONSUME", "CONSUME"]
    assert fetched.trace == build_trace(OTHER, [span(9, OTHER, "CONSUME")], [])
    assert summed.trace is None


def test_a_trace_that_nothing_changes_is_the_same() -> None:
    trace = build_trace(OWN, [span(1, OWN, "root")], [line("on a span", f"{1:016x}")])
    assert rebuilt(trace, lambda span: span, lambda line: line) == trace
