"""Lines without a span id: where they are guessed to belong, and where nothing is guessed."""

from __future__ import annotations

import time

import pytest
from trees import TRACE, make_line, make_span

from tracelog.read.tree import build_trace

SPANS = [
    make_span(0, None, start=0, duration=100),
    make_span(1, 0, start=10, duration=50),
    make_span(2, 1, start=20, duration=10, service="cards"),
    make_span(3, 0, start=55, duration=20),
    make_span(4, 0, start=58, duration=20),
]


@pytest.mark.parametrize(
    ("at", "service", "name"),
    [
        (1, "shop", "call 0"),
        (0, "shop", None),  # whose time is not known
        (5, "shop", "call 0"),
        (10, "shop", "call 1"),
        (25, "shop", "call 1"),
        (25, "cards", "call 2"),
        (30, "cards", "call 2"),
        (56, "shop", "call 3"),
        (60, "shop", "call 4"),
        (77, "shop", "call 4"),
        (79, "shop", "call 0"),
        (100, "shop", "call 0"),
        (101, "shop", None),
        (-1, "shop", None),
        (19, "cards", None),
        (31, "cards", None),
        (25, "cron", None),
    ],
)
def test_a_line_without_a_span_id_is_the_deepest_open_spans_of_its_service(
    at: int, service: str, name: str | None
) -> None:
    line = make_line(1, None, at, service=service)
    trace = build_trace(TRACE, SPANS, [line])
    assert [node.span.name for node in trace.nodes if node.logs] == ([name] if name else [])
    assert trace.unplaced_logs == (() if name else (line,))


def test_a_guess_is_known_for_one_and_a_line_that_names_its_span_is_none() -> None:
    known, guessed = make_line(1, 0, 3), make_line(2, None, 2)
    node = build_trace(TRACE, SPANS, [known, guessed]).nodes[0]
    assert [(line, node.is_guess(line)) for line in node.logs] == [(guessed, True), (known, False)]


def test_a_line_with_the_id_of_a_span_that_never_arrived_is_not_guessed_to_another() -> None:
    trace = build_trace(TRACE, SPANS, [make_line(1, 99, 5)])
    assert not any(node.logs for node in trace.nodes)
    assert len(trace.ghosts) == 1


@pytest.mark.slow
def test_100_000_lines_among_20_000_spans_are_placed_in_seconds() -> None:
    spans = [make_span(n, n - 1 if n else None, start=n, duration=10**6) for n in range(20_000)]
    lines = [make_line(n, None, 20_000 + n) for n in range(100_000)]
    began = time.process_time()
    trace = build_trace(TRACE, spans, lines)
    assert time.process_time() - began < 20
    assert len(trace.nodes[-1].logs) == len(lines)
