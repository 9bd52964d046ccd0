"""A search's answer as a plot of durations by time: a dot per trace, a step per percentile and stretch of time.

Places are per cent of the plot's width and height, from its upper left, so that it fits any window. The axis of the
durations is logarithmic: the median and the slowest are both to be seen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import msgspec

from tracelog.schema.times import format_iso
from tracelog.show.text import duration
from tracelog.show.ui.found import Found, stretch_of

_TICKS = 6
_MINUTE, _DAY = 60 * 10**9, 86_400 * 10**9
_LOWEST = 1_000
"""The shortest duration that an axis ends at, ns."""
_TOP, _BOTTOM = 4.0, 90.0
"""Where the longest and the shortest duration are drawn, per cent; below are the words of the time axis."""
_LEFT, _RIGHT = 5.0, 99.0


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """A trace at its place, or an example of a percentile. `kind`: `trace`, `failed`, or the percentile's name."""

    kind: str
    x: float
    y: float
    trace_id: str
    words: str


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A percentile during a stretch of time."""

    kind: str
    begin: float
    end: float
    y: float


class Tick(msgspec.Struct, frozen=True, kw_only=True):
    """A place on an axis, and what is written there."""

    at: float
    words: str


class Plot(msgspec.Struct, frozen=True, kw_only=True):
    """All that is drawn."""

    marks: list[Mark]
    steps: list[Step]
    durations: list[Tick]
    times: list[Tick]


def plot_of(found: Found) -> Plot | None:
    """Draw an answer; None where there is nothing in it."""
    lengths = [trace.duration for trace in found.traces]
    lengths += [figure for row in found.percentiles for figure in (row.p50, row.p99)]
    if not lengths:
        return None
    lowest = 10 ** math.floor(math.log10(max(min(lengths), _LOWEST)))
    highest = max(*lengths, lowest * 10)
    down, across = _logarithmic(lowest, highest), _linear(found.since, found.until)
    examples, steps = _percentiles(found, across, down)
    return Plot(
        marks=[*examples, *_trace_marks(found, across, down)],
        steps=steps,
        durations=[Tick(at=down(length), words=duration(length)) for length in _lengths(lowest, highest)],
        times=list(_times(found.since, found.until, across)),
    )


def _trace_marks(found: Found, across: Callable[[int], float], down: Callable[[int], float]) -> Iterator[Mark]:
    for trace in reversed(found.traces):  # the slowest are drawn last, above the others
        words = f"{duration(trace.duration)} {trace.name} ({trace.service}) at {format_iso(trace.start, digits=3)}"
        yield Mark(
            kind="failed" if trace.error_count else "trace",
            x=across(trace.start), y=down(trace.duration), trace_id=trace.trace_id, words=words,
        )  # fmt: skip


def _percentiles(
    found: Found, across: Callable[[int], float], down: Callable[[int], float]
) -> tuple[list[Mark], list[Step]]:
    """Return the examples of percentiles, each in the middle of its step, and the steps."""
    marks, steps = [], []
    for row in found.percentiles:
        begin = row.bucket or 0
        for kind, figure in (("p50", row.p50), ("p95", row.p95), ("p99", row.p99)):
            steps.append(Step(kind=kind, begin=across(begin), end=across(begin + found.stretch), y=down(figure)))
            about = "about " if kind in row.estimated else ""
            words = f"{kind} {about}{duration(figure)} of {row.count:,} in {duration(found.stretch)}: a trace near it"
            if kind in row.examples:
                x, y = across(begin + found.stretch // 2), down(figure)
                marks.append(Mark(kind=kind, x=x, y=y, trace_id=row.examples[kind], words=words))
    return marks, steps


def _linear(first: int, last: int) -> Callable[[int], float]:
    scale = (_RIGHT - _LEFT) / max(last - first, 1)
    return lambda time: round(min(max(_LEFT + (time - first) * scale, _LEFT), _RIGHT), 2)


def _logarithmic(lowest: int, highest: int) -> Callable[[int], float]:
    base = math.log10(lowest)
    scale = (_BOTTOM - _TOP) / (math.log10(highest) - base)
    return lambda length: round(_BOTTOM - (math.log10(max(length, lowest)) - base) * scale, 2)


def _lengths(lowest: int, highest: int) -> Iterator[int]:
    """Yield the durations that are written at the axis: 1, 10, 100, and 2 and 5 of these where there is room."""
    decades = math.log10(highest / lowest)
    steps = (1, 2, 5) if decades <= 2 else (1,)  # noqa: PLR2004 - decades
    length = lowest
    while length <= highest:
        yield from (length * step for step in steps if length * step <= highest)
        length *= 10


def _times(first: int, last: int, across: Callable[[int], float]) -> Iterator[Tick]:
    """Yield the moments that are written at the axis: round ones, with the day or the second where it matters."""
    step = stretch_of(last - first, _TICKS)
    by_day, by_second = last - first > _DAY, step < _MINUTE
    for time in range(-(-first // step) * step, last + 1, step):
        day, _, clock = format_iso(time, digits=0).rstrip("Z").partition("T")
        yield Tick(at=across(time), words=f"{day[5:]} {clock[:5]}" if by_day else clock if by_second else clock[:5])
