"""Traces of any size and shape: whole, however deep or wide, and no line of the output wider than the terminal.

Nothing recurses, and nothing takes more than in proportion: with what grows by the square these tests would run
into their time limit.
"""

from __future__ import annotations

import io
import json
import random
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from rich.cells import cell_len

from tracelog.model import LogEntry, Span, Trace
from tracelog.read.clocks import adjust_clocks
from tracelog.read.tree import build_trace
from tracelog.schema import otel
from tracelog.show import console, json_output
from tracelog.show.folding import HUGE
from tracelog.show.timeline import timeline_rows
from tracelog.store import open_store

TRACE = f"{1:032x}"
DEEP, WIDE = 30_000, 20_000
NOW = 10**18
WIDTH = 100

pytestmark = pytest.mark.slow


class Shape(NamedTuple):
    """A trace by the parents of its spans, and what its tree is to look like."""

    spans: list[Span]
    lines: list[LogEntry]
    depth: int
    ghosts: int = 0
    findings: int = 0


def span_id(number: int) -> str:
    return f"{number + 1:016x}"


def make_span(number: int, parent: int | None, **rest: Any) -> Span:
    known: dict[str, Any] = {"service": f"service {number % 5}", "kind": ("CLIENT", "SERVER")[number % 2]}
    return Span(
        trace_id=TRACE,
        span_id=span_id(number),
        parent_span_id=None if parent is None else span_id(parent),
        name=f"call {number}",
        **{"start": number, "duration": 2 * DEEP - 2 * number, **known, **rest},
    )


def make_lines(count: int, span: int | None = 0) -> list[LogEntry]:
    """Make lines: the span with the given number wrote the first, those behind it the others, or nobody says who."""
    return [
        LogEntry(
            id=f"{n:09d}", time=n, observed_time=n, body=f"line {n}", service=f"service {n % 5}", trace_id=TRACE,
            span_id=None if span is None else span_id(span + n),
        )
        for n in range(count)
    ]  # fmt: skip


def chain() -> Shape:
    return Shape([make_span(n, n - 1 if n else None) for n in range(DEEP)], make_lines(DEEP), DEEP - 1)


def chain_with_guesses() -> Shape:
    return chain()._replace(lines=make_lines(DEEP, None))


def circle() -> Shape:
    return Shape([make_span(n, (n - 1) % DEEP) for n in range(DEEP)], make_lines(DEEP), DEEP - 1, findings=1)


def circles_of_two() -> Shape:
    return Shape([make_span(n, n ^ 1) for n in range(WIDE)], make_lines(WIDE), 1, findings=1)


def fan() -> Shape:
    return Shape([make_span(n, 0 if n else None) for n in range(WIDE)], make_lines(WIDE), 1)


def orphans() -> Shape:
    spans = [make_span(n, n + WIDE) for n in range(WIDE)]
    return Shape(spans, make_lines(WIDE, 2 * WIDE), 0, ghosts=2 * WIDE, findings=2)


def shared_ids() -> Shape:
    spans = [make_span(n // 1000, None, start=n, service=f"service {n}") for n in range(WIDE)]
    return Shape(spans, make_lines(WIDE // 1000), 0)


def contradicting_clocks() -> Shape:
    """Make calls to servers each of which has a clock of its own that is behind."""
    spans = []
    for n in range(0, WIDE, 2):
        spans.append(make_span(n, None, start=n * 10**9, duration=10**7, service="client"))
        spans.append(make_span(n + 1, n, start=n * 10**9 - 5 * 10**8, duration=10**7, service=f"server {n}"))
    return Shape(spans, make_lines(WIDE), 1, findings=WIDE // 2)


SHAPES = (chain, chain_with_guesses, circle, circles_of_two, fan, orphans, shared_ids, contradicting_clocks)


@pytest.fixture(params=SHAPES, ids=lambda shape: shape.__name__)
def shape(request: pytest.FixtureRequest) -> Shape:
    made: Shape = request.param()
    random.Random(1).shuffle(made.spans)
    random.Random(2).shuffle(made.lines)
    return made


def test_a_trace_of_any_shape_is_built_judged_adjusted_encoded_and_printed_whole(shape: Shape) -> None:
    trace = build_trace(TRACE, shape.spans, shape.lines, now=NOW)
    assert max(node.depth for node in trace.nodes) == shape.depth
    assert (len(trace.ghosts), len(trace.findings)) == (shape.ghosts, shape.findings)
    for each in (trace, adjust_clocks(trace)):
        check_whole(each, shape)
    check_json(trace, shape)
    check_printed(trace)


def check_whole(trace: Trace, shape: Shape) -> None:
    assert sorted(node.index for node in trace.nodes) == list(range(len(shape.spans)))
    assert {(span.span_id, span.service) for span in trace.spans} == {
        (span.span_id, span.service) for span in shape.spans
    }
    assert sorted(line.id for line in trace.logs) == sorted(line.id for line in shape.lines)
    assert sum(node.descendants for node in trace.nodes) == sum(node.depth for node in trace.nodes)


def check_json(trace: Trace, shape: Shape) -> None:
    held = json.loads(json_output.encode(json_output.trace_object(trace)))
    assert (held["span_count"], held["log_count"]) == (len(shape.spans), len(shape.lines))
    assert len(held["spans"]) == len(shape.spans)


def check_printed(trace: Trace) -> None:
    printed, folded = (_printed(trace, whole=whole) for whole in (True, False))
    assert len(printed) >= sum(1 for _ in timeline_rows(trace))
    assert max(map(cell_len, printed + folded)) <= WIDTH
    assert len(folded) < HUGE
    assert {name for line in printed for name in re.findall(r"\bcall \d+", line)} == {span.name for span in trace.spans}


def _printed(trace: Trace, *, whole: bool) -> list[str]:
    out = io.StringIO()
    console.print_trace(console.make_console(out, width=WIDTH, color=False), trace, whole=whole)
    return out.getvalue().splitlines()


def test_a_deep_trace_is_stored_and_read_whole_where_hardly_any_recursion_is_allowed(tmp_path: Path) -> None:
    made = chain()
    with open_store(f"sqlite:{tmp_path}/deep.db") as store:
        store.write([*map(otel.encode_span, made.spans), *map(otel.encode_log, made.lines)])
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(200)
        try:
            trace = store.trace(TRACE)
        finally:
            sys.setrecursionlimit(limit)
    check_whole(trace, made)
    assert trace.spans == tuple(made.spans)


MILLION = 1_000_000


def documents_of_a_million() -> Iterator[otel.Document]:
    """Make spans of which each calls ten others, from the last to the first, and a line for every tenth."""
    for n in reversed(range(MILLION)):
        yield otel.encode_span(make_span(n, (n - 1) // 10 if n else None, duration=MILLION - n))
        if n % 10 == 0:
            line = LogEntry(id=f"{n:09d}", time=n, observed_time=n, body="a", trace_id=TRACE, span_id=span_id(n))
            yield otel.encode_log(line)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_a_million_spans_are_stored_read_and_built_whole(tmp_path: Path) -> None:
    with open_store(f"sqlite:{tmp_path}/million.db") as store:
        batch: list[otel.Document] = []
        for document in documents_of_a_million():
            batch.append(document)
            if len(batch) == 10_000:
                assert store.write(batch).stored == len(batch)
                batch = []
        assert store.write(batch).stored == len(batch)
        assert store.write(batch).duplicates == len(batch)
        trace = store.trace(TRACE)
    assert (len(trace.nodes), len(trace.logs), trace.complete) == (MILLION, MILLION // 10, True)
    assert [node.index for node in trace.nodes] == list(range(MILLION))
    assert max(node.depth for node in trace.nodes) == 6
    assert (trace.nodes[0].descendants, trace.findings) == (MILLION - 1, ())
    for node in trace.nodes:
        number = int(node.span.span_id, 16) - 1
        parent = None if node.parent is None else int(trace.nodes[node.parent].span.span_id, 16) - 1
        assert parent == ((number - 1) // 10 if number else None)
        assert len(node.logs) == (number % 10 == 0)
