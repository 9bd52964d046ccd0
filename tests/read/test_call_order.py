"""The order of lines: by time, and by the calls of a process where its clock cannot be trusted."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tracelog.model import LogEntry, in_call_order

SECOND = 1_000_000_000
ONE, TWO = "0af7651916cd43dd", "b7ad6b7169203331"


def line(number: int, seconds: float, process: str = ONE, event: float | None = None) -> LogEntry:
    """A record emitted at a time; a mirrored span event has its own time too."""
    emitted = round(seconds * SECOND)
    time = emitted if event is None else round(event * SECOND)
    return LogEntry(id=f"{process}-{number:012x}", time=time, observed_time=emitted, body=f"{process[0]}{number}")


def bodies(lines: list[LogEntry]) -> list[str]:
    return [entry.message for entry in in_call_order(lines)]


def test_lines_stand_by_time() -> None:
    assert bodies([line(2, 3.0), line(1, 1.0), line(1, 2.0, TWO)]) == ["01", "b1", "02"]


def test_after_a_clock_was_set_back_the_order_of_the_calls_holds() -> None:
    lines = [line(1, 100.0), line(2, 101.0), line(3, 41.0), line(4, 42.0), line(5, 12.0)]
    assert bodies(lines[::-1]) == ["01", "02", "03", "04", "05"]


def test_a_clock_that_was_set_back_moves_the_lines_of_no_other_process() -> None:
    lines = [line(1, 100.0), line(2, 40.0), line(1, 99.0, TWO), line(2, 101.0, TWO)]
    assert bodies(lines) == ["b1", "01", "02", "b2"]


def test_threads_that_overtake_each_other_are_no_clock_that_was_set_back() -> None:
    assert bodies([line(1, 1.004), line(2, 1.0), line(3, 1.002)]) == ["02", "03", "01"]


def test_a_record_that_was_made_long_before_it_was_emitted_stands_where_it_was_made() -> None:
    assert bodies([line(1, 1.0), line(2, 5.0), line(3, 5.1, event=0.5)]) == ["03", "01", "02"]


def test_lines_of_others_stand_by_their_time() -> None:
    foreign = [LogEntry(id=name, time=time, observed_time=time, body=name) for name, time in (("x-2", 1), ("x-1", 2))]
    assert bodies(foreign) == ["x-2", "x-1"]


@given(st.lists(st.integers(0, 10**6), max_size=30))
def test_no_line_is_lost_or_doubled_whatever_the_clock_does(times: list[int]) -> None:
    lines = [line(number, time) for number, time in enumerate(times)]
    assert sorted(bodies(lines)) == sorted(entry.message for entry in lines)
