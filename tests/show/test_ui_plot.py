"""The plot: every trace at its time and duration, every percentile during its stretch of time, ticks that are round."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tracelog.model import Operation, TraceSummary
from tracelog.show.ui.found import Found, stretch_of
from tracelog.show.ui.plot import Mark, Step, Tick, plot_of

MS, SECOND = 10**6, 10**9
MINUTE = 60 * SECOND
NOON = 1_776_600_000 * SECOND
"""2026-04-19T12:00:00Z in ns."""
AT = "POST /orders (shop) at 2026-04-19T12:00"


def summary(trace_id: str, start: int, duration: int, errors: int = 0) -> TraceSummary:
    return TraceSummary(
        trace_id=trace_id, service="shop", name="POST /orders", measure="root", start=start, duration=duration,
        trace_duration=duration, span_count=1, log_count=0, error_count=errors,
    )  # fmt: skip


def operation(bucket: int, **figures: Any) -> Operation:
    return Operation(
        service="shop", name="POST /orders", kind="SERVER", count=7, error_count=0, bucket=bucket, **figures
    )


FOUND = Found(
    traces=[summary("a" * 32, NOON + 30 * SECOND, SECOND, errors=1), summary("b" * 32, NOON, 10 * MS)],
    percentiles=[
        operation(
            NOON, p50=10 * MS, p95=100 * MS, p99=SECOND, max=SECOND, examples={"p50": "b" * 32, "p99": "a" * 32},
            estimated=("p99",),
        )
    ],
    since=NOON, until=NOON + MINUTE, stretch=MINUTE // 2,
)  # fmt: skip


def test_there_is_no_plot_of_nothing() -> None:
    assert plot_of(Found()) is None


def test_a_trace_is_at_its_time_and_duration_and_says_what_it_is() -> None:
    plot = plot_of(FOUND)
    assert plot is not None
    assert plot.marks[2:] == [
        Mark(kind="trace", x=5, y=90, trace_id="b" * 32, words=f"10.0 ms {AT}:00.000Z"),
        Mark(kind="failed", x=52, y=4, trace_id="a" * 32, words=f"1.00 s {AT}:30.000Z"),
    ]  # fmt: skip


def test_a_percentile_is_a_step_with_an_example_in_its_middle() -> None:
    plot = plot_of(FOUND)
    assert plot is not None
    assert plot.steps == [
        Step(kind="p50", begin=5, end=52, y=90),
        Step(kind="p95", begin=5, end=52, y=47),
        Step(kind="p99", begin=5, end=52, y=4),
    ]
    assert plot.marks[:2] == [
        Mark(kind="p50", x=28.5, y=90, trace_id="b" * 32, words="p50 10.0 ms of 7 in 30.0 s: a trace near it"),
        Mark(kind="p99", x=28.5, y=4, trace_id="a" * 32, words="p99 about 1.00 s of 7 in 30.0 s: a trace near it"),
    ]


def test_ticks_are_round() -> None:
    plot = plot_of(FOUND)
    assert plot is not None
    assert [tick.words for tick in plot.durations] == [
        "10.0 ms", "20.0 ms", "50.0 ms", "100 ms", "200 ms", "500 ms", "1.00 s",
    ]  # fmt: skip
    assert plot.times[:2] == [Tick(at=5, words="12:00:00"), Tick(at=20.67, words="12:00:10")]
    assert plot.times[2:] == [Tick(at=round(5 + n * 94 / 6, 2), words=f"12:00:{n}0") for n in (2, 3, 4, 5)] + [
        Tick(at=99, words="12:01:00")
    ]


def ticks(first: int, last: int) -> list[str]:
    plot = plot_of(Found(traces=[summary("a" * 32, first, SECOND)], since=first, until=last))
    assert plot is not None
    return [tick.words for tick in plot.times]


def test_the_time_axis_says_minutes_or_days_where_these_are_told_apart() -> None:
    hour = 60 * MINUTE
    assert ticks(NOON + MINUTE, NOON + hour) == ["12:10", "12:20", "12:30", "12:40", "12:50", "13:00"]
    days = [f"04-{day} {clock}" for day in (19, 20, 21, 22) for clock in ("00:00", "12:00")]
    assert ticks(NOON, NOON + 72 * hour) == days[1:]


@given(
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**13)), min_size=1, max_size=20), st.integers(1, 10**6)
)
def test_everything_is_within_the_plot(traces: list[tuple[int, int]], seconds: int) -> None:
    summaries = [summary(f"{n:032x}", NOON + at * SECOND, length) for n, (at, length) in enumerate(traces)]
    plot = plot_of(Found(traces=summaries, since=NOON, until=NOON + seconds * SECOND))
    assert plot is not None
    assert len(plot.marks) == len(traces)
    places = [(mark.x, mark.y) for mark in plot.marks] + [(tick.at, tick.at) for tick in (*plot.durations, *plot.times)]
    assert all(0 <= place <= 100 for pair in places for place in pair)
    assert 1 <= len(plot.durations) <= 20
    assert len(plot.times) <= 7


@given(st.integers(1, 10**18))
def test_a_window_is_divided_into_about_sixty_stretches(window: int) -> None:
    assert window / stretch_of(window) <= 60 or stretch_of(window) == stretch_of(10**19)
