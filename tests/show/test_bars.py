"""The bar of a span: which cells it takes, and which of them are heavy."""

from __future__ import annotations

from fractions import Fraction

import pytest
from checkout import make_span
from hypothesis import given
from hypothesis import strategies as st

from tracelog.model import Segment
from tracelog.show.bars import HEAVY, LIGHT, Axis

SPAN = make_span(1, None, (0, 1), "any", "any")
TIMES = st.integers(0, 40)


def own(*stretches: tuple[int, int]) -> list[Segment]:
    return [Segment(SPAN, start, end) for start, end in stretches]


@pytest.mark.parametrize(
    ("span", "segments", "bar"),
    [
        ((0, 100), [], "──────────"),
        ((0, 100), [(0, 100)], "━━━━━━━━━━"),
        ((0, 100), [(0, 20), (70, 100)], "━━─────━━━"),
        ((0, 100), [(0, 4), (35, 40), (96, 100)], "───━──────"),
        ((12, 18), [(12, 15)], "━"),
        ((12, 18), [(12, 14)], "─"),
        ((50, 50), [], "─"),
        ((8, 22), [(8, 22)], "━━━"),
    ],
    ids=["not waited for", "all of it", "its ends", "half a cell", "half of it", "less", "no time", "parts of cells"],
)
def test_a_cell_is_heavy_where_the_span_was_waited_for_in_half_of_its_time_there(
    span: tuple[int, int], segments: list[tuple[int, int]], bar: str
) -> None:
    assert Axis(0, 100, 10).drawn(*span, own(*segments)) == bar


def test_what_lies_beside_the_axis_is_drawn_at_its_ends() -> None:
    axis = Axis(100, 100, 10)
    assert (axis.cells(0, 50), axis.cells(500, 600), axis.cells(0, 999)) == ((0, 1), (9, 10), (0, 10))
    assert axis.drawn(0, 50, own((0, 50))) == LIGHT
    assert axis.drawn(0, 999, own((0, 999))) == HEAVY * 10


@given(st.integers(1, 30), st.integers(1, 12), TIMES, TIMES, st.lists(st.tuples(TIMES, TIMES), max_size=4))
def test_bars_are_as_counting_every_part_of_every_cell_has_it(
    total: int, width: int, start: int, length: int, cuts: list[tuple[int, int]]
) -> None:
    axis = Axis(3, total, width)
    end = start + length
    edges = sorted({min(max(time, start), end) for cut in cuts for time in cut})
    segments = own(*zip(edges[::2], edges[1::2], strict=False))
    first, behind = axis.cells(start, end)
    drawn = axis.drawn(start, end, segments)
    assert 0 <= first < behind <= width
    assert len(drawn) == behind - first
    for cell, character in enumerate(drawn, first):
        held = part(axis, cell, start, end)
        waited = sum((part(axis, cell, each.start, each.end) for each in segments), Fraction(0))
        assert character == (HEAVY if waited and 2 * waited >= held else LIGHT)


def part(axis: Axis, cell: int, start: int, end: int) -> Fraction:
    """Return how much of a stretch lies in a cell, ns."""
    size = Fraction(axis.total, axis.width)
    begin, behind = Fraction(start - axis.start), Fraction(end - axis.start)
    return max(min(behind, (cell + 1) * size) - max(begin, cell * size), Fraction(0))
