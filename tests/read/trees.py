"""Traces to build trees of: random ones, their expected tree by brute force, and small hand-made ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
from hypothesis import strategies as st

from tracelog.model import Ghost, LogEntry, Node, Span, Trace
from tracelog.read.tree import build_trace

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


MS = 1_000_000


def call(number: int, parent: int | None, start: float, end: float, **rest: Any) -> Span:
    """Make a span from its start to its end, ms."""
    return make_span(number, parent, round(start * MS), round((end - start) * MS), **rest)


def found(kind: str, spans: list[Span], logs: list[LogEntry] | None = None) -> list[tuple[str, list[int]]]:
    """Return what is said of one kind about a trace, and the numbers of the spans that prove it."""
    findings = build_trace(TRACE, spans, logs or []).findings
    return [(each.text, [int(held, 16) - 1 for held in each.span_ids]) for each in findings if each.kind == kind]


class Case(NamedTuple):
    """A trace as it arrived: shuffled, partly twice, partly not at all."""

    spans: list[Span]
    logs: list[LogEntry]
    arrived_spans: list[Span]
    arrived_logs: list[LogEntry]


SERVICES = st.sampled_from(["shop", "cards"])
TICKS = st.integers(0, 12)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Draw a forest whose spans may outlast or precede their parents, and what arrived of it."""
    size = draw(st.integers(1, 20))
    parents = [None, *(draw(st.one_of(st.none(), st.integers(0, number - 1))) for number in range(1, size))]
    spans = [
        make_span(number, parent, draw(TICKS), draw(TICKS), service=draw(SERVICES))
        for number, parent in enumerate(parents)
    ]
    owners = draw(st.lists(st.one_of(st.none(), st.integers(0, len(spans))), max_size=15))
    logs = [make_line(number, owner, draw(TICKS), service=draw(SERVICES)) for number, owner in enumerate(owners)]
    return arrived(draw, spans, logs)


def arrived(draw: Callable[[st.SearchStrategy[Any]], Any], spans: list[Span], logs: list[LogEntry]) -> Case:
    """Draw what is kept of a trace, what of that comes twice, and in which order."""
    kept_spans = [span for span in spans if draw(st.booleans()) or draw(st.booleans())]
    kept_logs = [line for line in logs if draw(st.booleans()) or draw(st.booleans())]
    twice_spans = kept_spans + [span for span in kept_spans if draw(st.booleans())]
    twice_logs = kept_logs + [line for line in kept_logs if draw(st.booleans())]
    return Case(kept_spans, kept_logs, draw(st.permutations(twice_spans)), draw(st.permutations(twice_logs)))


class Calls(NamedTuple):
    """One trace in two styles: `apart`, a server's parent is its client; `sharing`, it has its client's id."""

    apart: list[Span]
    sharing: list[Span]


@st.composite
def calls(draw: st.DrawFn) -> Calls:
    """Draw services that call each other, each call a client and a server, with work of their own in between."""
    root = make_span(0, None, draw(TICKS), service="service 0", kind="SERVER")
    apart, sharing = [root], [root]
    places = [(root, root)]
    for number in range(1, draw(st.integers(1, 8))):
        above, above_sharing = draw(st.sampled_from(places))
        client: dict[str, Any] = {
            "kind": "CLIENT",
            "name": f"call {number}",
            "service": above.service,
            "start": draw(TICKS),
        }
        server: dict[str, Any] = {
            "kind": "SERVER",
            "name": f"serve {number}",
            "service": f"service {number}",
            "start": draw(TICKS),
        }
        work: dict[str, Any] = {"name": f"work {number}", "service": server["service"], "start": draw(TICKS)}
        over, over_sharing = number_of(above), number_of(above_sharing)
        ids = (3 * number, 3 * number + 1, 3 * number + 2)
        apart += [make_span(ids[0], over, **client), make_span(ids[1], ids[0], **server)]
        apart.append(make_span(ids[2], ids[1], **work))
        named = draw(st.sampled_from([over_sharing, ids[0], None]))
        sharing += [make_span(ids[0], over_sharing, **client), make_span(ids[0], named, **server)]
        sharing.append(make_span(ids[2], ids[0], **work))
        places += [(apart[-2], sharing[-2]), (apart[-1], sharing[-1])]
    return Calls(apart, sharing)


def number_of(span: Span) -> int:
    return int(span.span_id, 16) - 1


@st.composite
def tangles(draw: st.DrawFn) -> list[Span]:
    """Draw spans whose parent may be any span: a later one, one that is not there, or itself."""
    count = draw(st.integers(1, 12))
    parents = [draw(st.one_of(st.none(), st.integers(0, count))) for _ in range(count)]
    return [make_span(number, parent, draw(st.integers(0, 6))) for number, parent in enumerate(parents)]


def expected_trace(spans: list[Span], logs: list[LogEntry]) -> Trace:
    """Build the trace of distinct spans without cycles by recursion and brute force, but for all that it says."""
    known = {span.span_id for span in spans}
    ghosts = expected_ghosts(spans, [line for line in logs if line.span_id and line.span_id not in known])
    starts = {ghost.span_id: (ghost.start, ghost.span_id) for ghost in ghosts}
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
                orphan=parent is None and span.parent_span_id is not None,
            )
        )
        for child in children:
            add(child, index, depth + 1)
        nodes[index] = msgspec.structs.replace(nodes[index], descendants=len(nodes) - index - 1)

    tops = in_order(span for span in spans if span.parent_span_id not in known)
    for top in sorted(tops, key=lambda span: starts.get(span.parent_span_id or "", (span.start, ""))):
        add(top, None, 0)
    places = {line.id: place_of(line, nodes) for line in logs}
    held = [tuple(sorted((line for line in logs if places[line.id] == node.index), key=by_time)) for node in nodes]
    unplaced = (line for line in logs if line.span_id is None and places[line.id] is None)
    return Trace(
        trace_id=TRACE,
        nodes=tuple(msgspec.structs.replace(node, logs=lines) for node, lines in zip(nodes, held, strict=True)),
        unplaced_logs=tuple(sorted(unplaced, key=by_time)),
        ghosts=tuple(ghosts),
    )


def place_of(line: LogEntry, nodes: list[Node]) -> int | None:
    if line.span_id is not None:
        return next((node.index for node in nodes if node.span.span_id == line.span_id), None)
    around = [node for node in nodes if node.span.service == line.service] if line.time else []
    around = [node for node in around if node.span.start <= line.time <= node.span.end]
    by_start = {span.span_id: place for place, span in enumerate(in_order(node.span for node in around))}
    deepest = max(around, key=lambda node: (node.depth, by_start[node.span.span_id]), default=None)
    return deepest.index if deepest else None


def expected_ghosts(spans: list[Span], adrift: list[LogEntry]) -> list[Ghost]:
    known = {span.span_id for span in spans}
    missing = {span.parent_span_id for span in spans if span.parent_span_id} - known
    ghosts = []
    for span_id in {line.span_id or "" for line in adrift} | {each for each in missing if each}:
        children = in_order(span for span in spans if span.parent_span_id == span_id)
        lines = sorted((line for line in adrift if line.span_id == span_id), key=by_time)
        times = [line.time for line in lines if line.time or (not children and not any(each.time for each in lines))]
        services = {line.service for line in lines} or {span.service for span in children}
        ghosts.append(
            Ghost(
                span_id=span_id,
                service=services.pop() if len(services) == 1 else None,
                start=min(times + [span.start for span in children]),
                end=max(times + [span.end for span in children]),
                children=tuple(span.span_id for span in children),
                logs=tuple(lines),
            )
        )
    return sorted(ghosts, key=lambda ghost: (ghost.start, ghost.span_id))


def silent(trace: Trace) -> Trace:
    """Return a trace as it was built: less what it says about itself in words, and less its critical path."""
    nodes = tuple(msgspec.structs.replace(node, critical=False) for node in trace.nodes)
    ghosts = tuple(msgspec.structs.replace(ghost, text="") for ghost in trace.ghosts)
    return msgspec.structs.replace(trace, nodes=nodes, ghosts=ghosts, critical_path=(), findings=())


def in_order(spans: Any) -> list[Span]:
    return sorted(spans, key=lambda span: (span.start, -span.duration, span.span_id))


def by_time(line: LogEntry) -> tuple[int, str]:
    return (line.time, line.id)


def self_time(span: Span, children: list[Span]) -> int:
    """Count every ns of a span in which none of its children was running."""
    covered = {time for child in children for time in range(child.start, child.end)}
    return sum(time not in covered for time in range(span.start, span.end))
