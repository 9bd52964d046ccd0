"""What is proven of spans that never arrived, and what is not."""

from __future__ import annotations

from typing import Any

import pytest
from trees import TRACE, make_line, make_span, span_id

from tracelog.model import Ghost, LogEntry, Span
from tracelog.read.tree import build_trace


def ghost_of(spans: list[Span], logs: list[LogEntry]) -> Ghost:
    (ghost,) = build_trace(TRACE, spans, logs).ghosts
    return ghost


def test_orphans_and_lines_of_one_span_are_one_ghost_with_the_bounds_that_they_prove() -> None:
    spans = [make_span(0), make_span(1, 9, start=5), make_span(2, 9, start=30, duration=2)]
    lines = [make_line(1, 9, 3), make_line(2, 9, 40)]
    text = f"parent {span_id(9)} never arrived; 2 lines of service shop carry its id"
    assert ghost_of(spans, lines) == Ghost(
        span_id=span_id(9),
        start=3,
        end=40,
        service="shop",
        children=(span_id(1), span_id(2)),
        logs=tuple(lines),
        state="never arrived",
        text=text,
    )


def test_the_children_of_a_ghost_stand_together_where_it_begins() -> None:
    spans = [make_span(0, None, start=4), make_span(1, 9, start=5), make_span(2, 8, start=6), make_span(3, 9, start=7)]
    spans.append(make_span(4, 1, start=8))
    trace = build_trace(TRACE, spans, [make_line(1, 9, 3)])
    assert [(node.span.name, node.depth) for node in trace.nodes] == [
        ("call 1", 0), ("call 4", 1), ("call 3", 0), ("call 0", 0), ("call 2", 0),
    ]  # fmt: skip
    assert [ghost.span_id for ghost in trace.ghosts] == [span_id(9), span_id(8)]


@pytest.mark.parametrize(
    ("kinds", "services", "proven"),
    [
        (["INTERNAL"], ["shop"], "shop"),
        (["CLIENT", "PRODUCER"], ["shop", "shop"], "shop"),
        (["SERVER"], ["shop"], None),
        (["CONSUMER"], ["shop"], None),
        (["SERVER", "INTERNAL"], ["cards", "shop"], "shop"),
        (["INTERNAL", "CLIENT"], ["cards", "shop"], None),
    ],
)
def test_its_service_is_that_of_children_that_are_called_within_a_process(
    kinds: list[str], services: list[str], proven: str | None
) -> None:
    held: list[dict[str, Any]] = [{"kind": k, "service": s} for k, s in zip(kinds, services, strict=True)]
    spans = [make_span(n, 9, **rest) for n, rest in enumerate(held)]
    assert ghost_of(spans, []).service == proven


@pytest.mark.parametrize(("services", "proven"), [(["cart", "cart"], "cart"), (["cart", "shop"], None)])
def test_its_service_is_that_of_its_lines_where_they_agree(services: list[str], proven: str | None) -> None:
    lines = [make_line(n, 9, service=service) for n, service in enumerate(services)]
    assert ghost_of([make_span(1, 9)], lines).service == proven


def test_a_span_that_is_there_is_no_ghost_nor_is_one_that_a_circle_ends_at() -> None:
    spans = [make_span(0), make_span(1, 0, start=1), make_span(2, 3, start=2), make_span(3, 2, start=3)]
    assert build_trace(TRACE, spans, [make_line(n, n) for n in range(4)]).ghosts == ()


GO_ZERO = -6_795_364_578_871_345_152
"""What collectors in Go write where a record has no time: 1754-08-30T22:43:41.128654848Z."""


def test_a_line_whose_time_is_not_known_proves_no_bounds_of_a_ghost_or_a_trace() -> None:
    untimed = make_line(1, 9, GO_ZERO)
    ghost = ghost_of([make_span(1, 9, start=5)], [untimed])
    assert (ghost.start, ghost.end, ghost.logs) == (5, 15, (untimed,))
    ghost = ghost_of([], [untimed, make_line(2, 9, 40), make_line(3, 9, 60)])
    assert (ghost.start, ghost.end, len(ghost.logs)) == (40, 60, 3)
    assert ghost_of([], [untimed]).start == GO_ZERO
    trace = build_trace(TRACE, [], [untimed, make_line(2, 9, 40), make_line(3, 9, 60)])
    assert (trace.start, trace.duration) == (40, 20)
    assert build_trace(TRACE, [], [untimed]).duration == 0
