"""Following: every line once, in order where the store is not too late, whatever the store's delays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracelog.errors import StoreUnavailableError
from tracelog.model import LogEntry
from tracelog.read import tail
from tracelog.read.tail import HELD, LATE, SECOND, Tail


def line(at: float, name: str = "", event: str | None = None) -> LogEntry:
    return LogEntry(time=round(at * SECOND), body=name or f"{at}", id=name or f"{at}", event_name=event)


class Slowly:
    """A store of lines, each of which can be seen some seconds after it was written."""

    def __init__(self, *lines: tuple[LogEntry, float]) -> None:
        self.lines = lines
        self.now = 0.0

    def ask(self, since: int | None) -> Iterable[LogEntry]:
        visible = (entry for entry, delay in self.lines if entry.time + delay * SECOND <= self.now * SECOND)
        return sorted((entry for entry in visible if entry.time >= (since or 0)), key=lambda entry: entry.time)

    def follow(self, since: float | None, *until: float) -> list[list[str]]:
        """Ask at these moments; return what was given at each of them."""
        followed = Tail(self.ask, None if since is None else round(since * SECOND))
        said = []
        for self.now in until:
            said.append([entry.id for entry in followed.poll(round(self.now * SECOND))])
        return said


def test_a_line_is_given_once_it_was_held_for_a_moment() -> None:
    assert Slowly((line(10), 0)).follow(0, 10.5, 11.5, 12.6, 13.6) == [[], [], ["10"], []]


def test_what_was_there_before_is_given_at_once() -> None:
    assert Slowly((line(10), 0), (line(11), 0)).follow(None, 100) == [["10", "11"]]
    assert Slowly((line(10), 0), (line(11), 0)).follow(11, 100) == [["11"]]


def test_lines_that_one_store_shows_later_than_another_are_given_in_order() -> None:
    assert Slowly((line(10.0, "late"), 1.8), (line(10.5, "soon"), 0.1)).follow(0, 10.7, 11.9, 12.8) == [
        [], [], ["late", "soon"],
    ]  # fmt: skip


def test_a_line_that_comes_later_than_that_is_given_all_the_same() -> None:
    said = Slowly((line(10.0, "very late"), 50), (line(10.5, "soon"), 0)).follow(0, 11, 13, 14, 61, 63.1, 64)
    assert said == [[], ["soon"], [], [], ["very late"], []]


def test_a_host_whose_clock_is_ahead_keeps_no_other_waiting() -> None:
    said = Slowly((line(500.0, "ahead"), -490), (line(11), 0), (line(12), 0)).follow(0, 11, 12.1, 13.2, 14.3)
    assert said == [[], [], ["11", "12", "ahead"], []]


def test_a_span_event_that_is_stored_as_record_too_is_given_once() -> None:
    event, record = line(10, "1", "retry"), line(10, "2", "retry")
    assert Slowly((event, 0), (record, 1)).follow(0, 10.5, 11.5, 13, 14) == [[], [], ["1"], []]


def test_what_arrives_while_the_store_does_not_answer_is_not_missed() -> None:
    store = Slowly((line(10), 0), (line(200), 0))
    answers = iter([True, False, True])

    def ask(since: int | None) -> Iterable[LogEntry]:
        if not next(answers):
            raise StoreUnavailableError("it is gone")
        return store.ask(since)

    followed = Tail(ask, 0)
    store.now = 11
    followed.poll(11 * SECOND)
    store.now = 300
    with pytest.raises(StoreUnavailableError):
        followed.poll(250 * SECOND)
    assert [entry.id for entry in [*followed.poll(300 * SECOND), *followed._due(303 * SECOND)]] == ["10", "200"]


def test_trouble_is_told_once_and_lines_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail, "PAUSE", 0)
    monkeypatch.setattr(tail, "HELD", 0)
    answers: Iterator[list[LogEntry] | None] = iter([[line(1)], None, None, [line(2)], None, [line(3)]])

    def ask(_since: int | None) -> Iterable[LogEntry]:
        found = next(answers)
        if found is None:
            raise StoreUnavailableError("it is gone")
        return found

    told: list[str] = []
    followed = tail.follow(Tail(ask, 0), told.append)
    assert [next(followed).id for _ in range(3)] == ["1", "2", "3"]
    assert told == ["it is gone: asking again until it answers"] * 2


def test_a_store_that_never_answered_is_not_waited_for() -> None:
    def ask(_since: int | None) -> Iterable[LogEntry]:
        raise StoreUnavailableError("it is not there")

    told: list[str] = []
    with pytest.raises(StoreUnavailableError, match="it is not there"):
        next(tail.follow(Tail(ask, 0), told.append))
    assert told == []


delays = st.floats(0, LATE / SECOND - 5, allow_nan=False)


@given(st.lists(st.tuples(st.integers(0, 200), delays), max_size=30), st.integers(1, 7))
def test_every_line_is_given_exactly_once(lines: list[tuple[int, float]], pause: int) -> None:
    store = Slowly(*((line(at, f"{n}"), delay) for n, (at, delay) in enumerate(lines)))
    said = store.follow(0, *range(0, 300, pause))
    assert sorted(name for names in said for name in names) == sorted(f"{n}" for n in range(len(lines)))


@given(st.lists(st.tuples(st.integers(0, 100), st.floats(0, HELD / SECOND - 1)), max_size=30))
def test_lines_are_given_in_order_where_no_delay_is_longer_than_they_are_held(lines: list[tuple[int, float]]) -> None:
    store = Slowly(*((line(at, f"{at:03}-{n:02}"), delay) for n, (at, delay) in enumerate(lines)))
    said = [name for names in store.follow(0, *range(120)) for name in names]
    assert said == sorted(said)


def test_what_is_remembered_does_not_grow() -> None:
    store = Slowly(*((line(at), 0) for at in range(1000)))
    followed = Tail(store.ask, 0)
    for store.now in range(1000):
        followed.poll(round(store.now * SECOND))
    assert len(followed._given) < 100
    assert len(followed._held) < 10
