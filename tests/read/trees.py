"""Traces to build trees of: random ones, their expected tree by brute force, and small hand-made ones."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
from hypothesis import strategies as st

from tracelog.model import LogEntry, Node, Span

TRACE = "f" * 32


def span_id(number: int) -> str:
    return f"{number + 1:016x}"


def make_span(number: int, parent: int | None = None, start: int = 0, duration: int = 10, **rest: Any) -> Span:
    return Span(
        trace_id=TRACE,
        span_id=span_id(number),
        parent_span_id=None if parent is None else span_id(parent),
        start=start,
        duration=duration,
        **{"name": f"call {number}", "service": "shop", **rest},
    )


def make_line(number: int, span: int | None, time: int = 0, **rest: Any) -> LogEntry:
    held = None if span is None else span_id(span)
    return LogEntry(
        **{
            "id": f"line-{number:04d}",
            "time": time,
            "body": f"line {number}",
            "observed_time": time,
            "service": "shop",
            **rest,
        },
        trace_id=TRACE,
        span_id=held,
    )


def make_event(number: int, span: int, time: int = 0, name: str = "retry", **rest: Any) -> LogEntry:
    """Make a span event as the store keeps it: a document of its own."""
    return make_line(number, span, time, body=None, observed_time=None, event_name=name, **rest)


class Case(NamedTuple):
    """A trace as it arrived: shuffled, partly twice, partly not at all."""

    spans: list[Span]
    logs: list[LogEntry]
    arrived_spans: list[Span]
    arrived_logs: list[LogEntry]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Draw a forest whose spans may outlast or precede their parents, and what arrived of it."""
    size = draw(st.integers(1, 20))
    parents = [None, *(draw(st.one_of(st.none(), st.integers(0, number - 1))) for number in range(1, size))]
    ticks = st.integers(0, 12)
    spans = [make_span(number, parent, draw(ticks), draw(ticks)) for number, parent in enumerate(parents)]
    owners = draw(st.lists(st.one_of(st.none(), st.integers(0, len(spans))), max_size=15))
    logs = [make_line(number, owner, draw(ticks)) for number, owner in enumerate(owners)]
    kept_spans = [span for span in spans if draw(st.booleans()) or draw(st.booleans())]
    kept_logs = [line for line in logs if draw(st.booleans()) or draw(st.booleans())]
    twice_spans = kept_spans + [span for span in kept_spans if draw(st.booleans())]
    twice_logs = kept_logs + [line for line in kept_logs if draw(st.booleans())]
    return Case(kept_spans, kept_logs, draw(st.permutations(twice_spans)), draw(st.permutations(twice_logs)))


@st.composite
def tangles(draw: st.DrawFn) -> list[Span]:
    """Draw spans whose parent may be any span: a later one, one that is not there, or itself."""
    count = draw(st.integers(1, 12))
    parents = [draw(st.one_of(st.none(), st.integers(0, count))) for _ in range(count)]
    return [make_span(number, parent, draw(st.integers(0, 6))) for number, parent in enumerate(parents)]


def expected_nodes(spans: list[Span], logs: list[LogEntry]) -> list[Node]:
    """Build the tree of distinct spans without cycles by recursion and brute force."""
    known = {span.span_id for span in spans}
    nodes: list[Node] = []

    def add(span: Span, parent: int | None, depth: int) -> None:
        index = len(nodes)
        children = in_order(other for other in spans if other.parent_span_id == span.span_id)
        nodes.append(
            Node(
                span=span,
                index=index,
                parent=parent,
                depth=depth,
                descendants=0,
                self_time=self_time(span, children),
                logs=tuple(sorted((line for line in logs if line.span_id == span.span_id), key=by_time)),
                orphan=parent is None and span.parent_span_id is not None,
            )
        )
        for child in children:
            add(child, index, depth + 1)
        nodes[index] = msgspec.structs.replace(nodes[index], descendants=len(nodes) - index - 1)

    for top in in_order(span for span in spans if span.parent_span_id not in known):
        add(top, None, 0)
    return nodes


def in_order(spans: Any) -> list[Span]:
    return sorted(spans, key=lambda span: (span.start, -span.duration, span.span_id))


def by_time(line: LogEntry) -> tuple[int, str]:
    return (line.time, line.id)


def self_time(span: Span, children: list[Span]) -> int:
    """Count every ns of a span in which none of its children was running."""
    covered = {time for child in children for time in range(child.start, child.end)}
    return sum(time not in covered for time in range(span.start, span.end))
