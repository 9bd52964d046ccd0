"""A random trace, written in each layout, shuffled, partly lost, partly sent twice: the same tree of what is left."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec
import pytest
from documents import MS, START
from encoders import WRITERS, Writer
from foreign import INSTALLED, cluster_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tracelog.model import LogEntry, Span, SpanEvent, SpanLink, Trace
from tracelog.read.tree import build_trace
from tracelog.schema.conventions import SPAN_KINDS
from tracelog.schema.layout_fields import LogDocuments, SpanDocuments
from tracelog.schema.layouts import LAYOUTS
from tracelog.store import open_store

TRACE, ELSEWHERE = "4bf92f3577b34da6a3ce929d0e0e4736", "a" * 32
SERVICES = st.sampled_from(["shop", "cards"])
TICKS = st.integers(0, 12)


class Arrived(NamedTuple):
    """What is left of a trace, and in which order, some of it twice, it arrived."""

    spans: list[Span]
    lines: list[LogEntry]
    sent_spans: list[Span]
    sent_lines: list[LogEntry]


def span_id(number: int) -> str:
    return f"{number + 1:016x}"


@st.composite
def traces(draw: st.DrawFn) -> Arrived:
    count = draw(st.integers(1, 12))
    parents = [None, *(draw(st.none() | st.integers(0, number - 1)) for number in range(1, count))]
    spans = [draw(a_span(number, parent)) for number, parent in enumerate(parents)]
    lines = [draw(a_line(number, count)) for number in range(draw(st.integers(0, 8)))]
    kept = [span for span in spans if draw(st.booleans()) or draw(st.booleans())]
    twice = kept + [span for span in kept if draw(st.booleans())]
    heard = [line for line in lines if draw(st.booleans()) or draw(st.booleans())]
    return Arrived(kept, heard, draw(st.permutations(twice)), draw(st.permutations(heard)))


@st.composite
def a_span(draw: st.DrawFn, number: int, parent: int | None) -> Span:
    start = START + draw(TICKS) * MS + draw(st.integers(0, 999)) * 1_000
    names = draw(st.lists(st.sampled_from(["retry", "paid"]), unique=True, max_size=2))
    return Span(
        trace_id=TRACE,
        span_id=span_id(number),
        parent_span_id=None if parent is None else span_id(parent),
        name=f"call {number}",
        service=draw(SERVICES),
        start=start,
        duration=draw(TICKS) * MS + draw(st.integers(0, 999)) * 1_000,
        kind=draw(st.sampled_from(SPAN_KINDS)),
        status=draw(st.sampled_from(["UNSET", "OK", "ERROR"])),
        attributes=draw(st.dictionaries(st.sampled_from(["order", "tenant"]), st.sampled_from(["a", "b"]))),
        events=tuple(SpanEvent(start + place * MS, name) for place, name in enumerate(names)),
        links=draw(st.sampled_from([(), (SpanLink(ELSEWHERE, span_id(99)),)])),
    )


@st.composite
def a_line(draw: st.DrawFn, number: int, spans: int) -> LogEntry:
    owner = draw(st.none() | st.integers(0, spans))
    return LogEntry(
        time=START + draw(TICKS) * MS,
        body=f"line {number}",
        observed_time=START,
        severity_text=draw(st.sampled_from([None, "INFO", "ERROR"])),
        service=draw(SERVICES),
        trace_id=TRACE,
        span_id=None if owner is None else span_id(owner),
    )


def outline(trace: Trace) -> Any:
    """Return of a trace what every layout can say, less the order of lines of one time."""
    nodes = [
        (
            node.depth,
            msgspec.structs.replace(
                node.span,
                attributes={key: node.span.attributes.get(key) for key in ("order", "tenant")},
                resource={},
                events=tuple(SpanEvent(event.time, event.name) for event in node.span.events),
                links=tuple(SpanLink(link.trace_id, link.span_id) for link in node.span.links),
            ),
            sorted(map(said, node.logs)),
        )
        for node in trace.nodes
    ]
    ghosts = [(ghost.span_id, ghost.children, sorted(map(said, ghost.logs))) for ghost in trace.ghosts]
    return nodes, sorted(map(said, trace.unplaced_logs)), ghosts


def said(line: LogEntry) -> tuple[Any, ...]:
    return (line.time, line.message, line.level, line.service, line.trace_id, line.span_id or "")


def expected(arrived: Arrived) -> Any:
    numbered = [msgspec.structs.replace(line, id=f"{number}") for number, line in enumerate(arrived.lines)]
    return outline(build_trace(TRACE, arrived.spans, numbered))


def documents_at(name: str) -> Iterator[SpanDocuments | LogDocuments]:
    parts = [part for layout in LAYOUTS for part in (layout.spans, layout.logs)]
    return (part for part in parts if part is not None and part.hold(name.format("x")))


@settings(max_examples=60)
@pytest.mark.parametrize("writer", WRITERS, ids=lambda writer: writer.name)
@given(arrived=traces())
def test_each_layout_holds_the_same_tree(writer: Writer, arrived: Arrived) -> None:
    spans: list[Span] = []
    lines: dict[bytes, LogEntry] = {}
    for index, document in all_of(writer, arrived):
        raw = msgspec.json.encode(document)
        (part,) = documents_at(index)
        if isinstance(part, SpanDocuments):
            spans.append(part.decode(raw))
        elif raw not in lines:
            lines[raw] = part.decode(raw, f"{len(lines)}")
    assert outline(build_trace(TRACE, spans, lines.values())) == expected(arrived)


def all_of(writer: Writer, arrived: Arrived) -> Iterator[tuple[str, dict[str, Any]]]:
    for span in arrived.sent_spans:
        yield from writer.span(span)
    for line in arrived.sent_lines:
        yield from writer.line(line)


@pytest.mark.elasticsearch
@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.parametrize("mapping", ["installed", "dynamic"])
@pytest.mark.parametrize("writer", WRITERS, ids=lambda writer: writer.name)
@given(arrived=traces().filter(lambda arrived: arrived.spans))
def test_a_node_returns_the_same_tree(writer: Writer, mapping: str, arrived: Arrived, elasticsearch_url: str) -> None:
    held: dict[str, list[dict[str, Any]]] = {}
    for index, document in all_of(writer, arrived):
        known = held.setdefault(index, [])
        if index.startswith(("traces", "jaeger")) or document not in known:
            known.append(document)
    with cluster_of(elasticsearch_url) as cluster, open_store(elasticsearch_url, index=cluster.pattern) as store:
        for index, documents in held.items():
            cluster.put(index, documents, INSTALLED.get(index) if mapping == "installed" else None)
        assert outline(store.trace(TRACE)) == expected(arrived)
        assert (store.skipped, [note for note in store.notes if "passed over" in note]) == (0, [])
