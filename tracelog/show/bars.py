"""The bar of a span: heavy where it was waited for itself, light where it was open beside that.

A cell is heavy where the span's segments of the critical path take at least half of the time that the span has in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tracelog.model import Segment

HEAVY, LIGHT, TRACK = "━", "─", "┈"


class Axis:
    """The time axis of a timeline: `width` cells from `start` (ns) on, over `total` (ns)."""

    def __init__(self, start: int, total: int, width: int) -> None:
        self.start, self.total, self.width = start, max(total, 1), width

    def cells(self, start: int, end: int) -> tuple[int, int]:
        """Return the cells that a stretch of time has a part of, at least one: the first, and that behind the last."""
        first = min(max((start - self.start) * self.width // self.total, 0), self.width - 1)
        behind = -(-(end - self.start) * self.width // self.total)
        return first, min(max(behind, first + 1), self.width)

    def drawn(self, start: int, end: int, own: Sequence[Segment] = ()) -> str:
        """Return what to draw in the cells of a span. `own`: its segments of the critical path."""
        if own:
            return self.drawn_together([(start, end)], own)
        first, behind = self.cells(start, end)
        return LIGHT * (behind - first)

    def drawn_together(self, spans: Iterable[tuple[int, int]], own: Iterable[Segment]) -> str:
        """Return what to draw from the first cell of some spans to the last, with tracks where none is open."""
        open_for, waited = [0] * self.width, [0] * self.width
        for start, end in spans:
            for cell in range(*self.cells(start, end)):
                open_for[cell] += self._overlap(cell, start, end) or 1
        for segment in own:
            for cell in range(*self.cells(segment.start, segment.end)):
                waited[cell] += self._overlap(cell, segment.start, segment.end)
        drawn = "".join(
            TRACK if not time else HEAVY if waits and 2 * waits >= time else LIGHT
            for time, waits in zip(open_for, waited, strict=True)
        )
        return drawn.strip(TRACK)

    def _overlap(self, cell: int, start: int, end: int) -> int:
        """Return how much of a stretch lies in a cell, in ns by the number of cells, so that nothing is rounded."""
        begin, behind = cell * self.total, (cell + 1) * self.total
        return max(min((end - self.start) * self.width, behind) - max((start - self.start) * self.width, begin), 0)
