"""Emitters are believed to the last number, and the oracle finds every line that is lost, doubled or out of order."""

from __future__ import annotations

import itertools
import logging
import random
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import elasticsearch
import pytest

import tracelog
from tracelog.model import LogEntry
from tracelog.schema import otel
from tracelog.schema.otel import Document
from tracelog.store import open_store

from .emitter import LANE, Emitting, spawn_emitter
from .oracle import Line, Verdict, compare, raw_lines, read_lines

ENDLESS = "emitting.emit(lambda line: None, 10**9)"


def messages(emitter: str, numbers: Sequence[int]) -> list[str]:
    return [f"line {emitter} {number}" for number in numbers]


def test_what_is_stored_once_and_in_order_is_nothing_to_complain_about() -> None:
    mixed = ["line a 0", "line b 0", "started", "line a 1", f"line a {LANE}", "line b 1", "line a 2", "line c x"]
    assert compare({"a": [0, 1, 2, LANE], "b": range(2)}, mixed) == Verdict()
    assert compare({}, []) == Verdict()


def test_what_was_acknowledged_and_is_not_stored_is_lost_but_not_the_other_way_round() -> None:
    assert compare({"a": [0, 1, 2], "b": [0]}, ["line a 0", "line a 2", "line a 3"]).lost == (
        Line("a", 1),
        Line("b", 0),
    )
    assert compare({"a": [0]}, messages("a", [0, 1])) == Verdict()


def test_what_is_stored_twice_is_doubled_and_not_also_out_of_order() -> None:
    verdict = compare({"a": range(3)}, messages("a", [0, 1, 0, 2, 1, 0]))
    assert verdict == Verdict(doubled=(Line("a", 0), Line("a", 1)))


def test_a_line_after_a_later_one_of_its_own_lane_is_out_of_order() -> None:
    stored = messages("a", [0, 2, 1, LANE + 1, 3, LANE])
    assert compare({}, [*messages("b", [5]), *stored]) == Verdict(out_of_order=(Line("a", 1), Line("a", LANE)))


def test_any_number_of_lines_lost_doubled_and_swapped_is_found() -> None:
    chosen = random.sample(range(1000), 60)
    lost, doubled, swapped = set(chosen[:20]), chosen[20:40], [number for number in chosen[40:] if number % 2]
    stored = [number for number in range(1000) if number not in lost]
    for number in swapped:
        if {number, number + 1} <= set(stored):
            place = stored.index(number)
            stored[place : place + 2] = [number + 1, number]
    late = {number for number, after in itertools.pairwise(stored) if number > after}
    verdict = compare({"a": range(1000)}, messages("a", [*stored, *doubled]))
    assert {line.number for line in verdict.lost} == lost
    assert {line.number for line in verdict.doubled} == set(doubled)
    assert {line.number + 1 for line in verdict.out_of_order} == late


def test_a_verdict_shows_how_many_lines_and_the_first_of_them() -> None:
    lines = tuple(Line("a", number) for number in range(500))
    first = "a 0, a 1, a 2, a 3, a 4, a 5, a 6, a 7, a 8, a 9, ..."
    assert repr(Verdict(lost=lines, doubled=lines[:1])) == f"<Verdict 500 lost: {first}; 1 doubled: a 0>"
    assert repr(Verdict()) == "<Verdict nothing lost, doubled or out of order>"


@pytest.mark.slow
def test_a_killed_emitter_is_believed_to_its_last_number() -> None:
    with spawn_emitter(ENDLESS) as emitter:
        emitter.wait_for(1000)
        assert emitter.ready.is_set()
        assert emitter.kill() == -signal.SIGKILL
        assert emitter.acknowledged == list(range(len(emitter.acknowledged)))
        assert len(emitter.acknowledged) >= 1000


@pytest.mark.slow
def test_a_number_that_was_cut_off_is_passed_over() -> None:
    with spawn_emitter('emitting.emit(print, 3); import os; os.write(emitting._pipe, b"abcde"); os.abort()') as emitter:
        assert emitter.wait() == -signal.SIGABRT
        assert emitter.acknowledged == [0, 1, 2]


@pytest.mark.slow
def test_a_line_whose_call_did_not_return_is_not_acknowledged() -> None:
    program = "def fail(line): raise OSError(line)\nemitting.emit(print); emitting.emit(fail)"
    with spawn_emitter(program, name="shop") as emitter:
        assert emitter.wait() == 1
        assert emitter.acknowledged == [0]
    assert emitter.stdout == "line shop 0\n"
    assert emitter.stderr.endswith("OSError: line shop 1\n")


def emit_by_function(emitting: Emitting) -> None:
    emitting.ready()
    emitting.emit(print, int(emitting.hear()))


@pytest.mark.slow
def test_an_emitter_may_be_a_function_that_hears_what_the_test_tells_it() -> None:
    with spawn_emitter(emit_by_function) as emitter:
        assert emitter.ready.wait(60)
        assert emitter.acknowledged == []
        emitter.tell("5")
        assert (emitter.wait(), emitter.acknowledged, emitter.stderr) == (0, [0, 1, 2, 3, 4], "")


@pytest.mark.slow
def test_an_emitter_may_be_a_command_that_finds_its_settings_in_the_environment() -> None:
    module = Emitting.__module__
    program = f"import sys, os; from {module} import Emitting; print(sys.argv[1], os.environ['TRACELOG_STORE'])"
    command = [sys.executable, "-c", f"{program}; Emitting.inherit().emit(print)"]
    with spawn_emitter(command, args=["given"], env={"TRACELOG_STORE": "sqlite:here"}) as emitter:
        assert (emitter.wait(), emitter.acknowledged) == (0, [0])
        assert emitter.stdout == "given sqlite:here\nline a 0\n"


@pytest.mark.slow
def test_forked_children_emit_in_lanes_of_their_own_and_the_end_is_when_all_have_ended() -> None:
    program = """
import os
for lane in range(1, 4):
    if not os.fork():
        emitting.lane(lane).emit(lambda line: None, 100)
        os._exit(0)
emitting.emit(lambda line: None, 100)
"""
    with spawn_emitter(program) as emitter:
        assert emitter.wait() == 0
    assert sorted(emitter.acknowledged) == [lane * LANE + number for lane in range(4) for number in range(100)]


@pytest.mark.slow
def test_at_the_end_of_the_block_the_emitter_and_its_children_are_gone() -> None:
    with spawn_emitter(f"import os\nos.fork()\n{ENDLESS}") as emitter:
        emitter.wait_for(1000)
        with pytest.raises(TimeoutError, match="a child of emitter a lives on"):
            emitter.kill(timeout=1)
    assert emitter.wait(timeout=0) == -signal.SIGKILL  # would tell if a child lived on


@pytest.mark.slow
def test_waiting_for_lines_that_do_not_come_ends_with_what_the_emitter_said() -> None:
    program = "emitting.emit(print); raise SystemExit('no more')"
    with spawn_emitter(program) as emitter, pytest.raises(TimeoutError, match="1 lines acknowledged, not 2: no more"):
        emitter.wait_for(2)


def log_into_store(emitting: Emitting) -> None:
    """Log 1000 lines and wait until they are stored."""
    logger = logging.getLogger("shop")
    logger.addHandler(tracelog.StoreHandler(store=sys.argv[1]))
    logger.setLevel("INFO")
    emitting.emit(logger.info, 1000)
    assert tracelog.flush(60)


@pytest.mark.slow
def test_emitters_that_end_properly_lose_nothing_in_the_embedded_store(tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path}/tracelog.db"
    with (
        spawn_emitter(log_into_store, name="a", args=[url]) as one,
        spawn_emitter(log_into_store, name="b", args=[url]) as other,
    ):
        assert (one.wait(), one.stderr, other.wait(), other.stderr) == (0, "", 0, "")
    acknowledged = {emitter.name: emitter.acknowledged for emitter in (one, other)}
    assert {name: len(numbers) for name, numbers in acknowledged.items()} == {"a": 1000, "b": 1000}
    with open_store(url) as store:
        assert compare(acknowledged, read_lines(store)) == Verdict()
    assert compare(acknowledged, raw_lines(url)) == Verdict()
    assert compare({**acknowledged, "c": [7]}, raw_lines(url)) == Verdict(lost=(Line("c", 7),))


def document(number: int, document_id: str) -> Document:
    """Return a line's document; one of the same id is the same line, one of another id is a second one."""
    time = 1_776_608_580_000_000_000 + number
    return otel.encode_log(LogEntry(id=document_id, time=time, observed_time=time, body=f"line a {number}"))


def test_what_the_embedded_store_holds_under_two_ids_is_doubled(tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path}/tracelog.db"
    with open_store(url) as store:
        store.write([document(1, "one"), document(0, "zero"), document(1, "again"), document(1, "one")])
        for lines in (read_lines(store), raw_lines(url)):
            assert lines == messages("a", [0, 1, 1])
            assert compare({"a": [0, 1]}, lines) == Verdict(doubled=(Line("a", 1),))


def test_a_copy_after_a_rollover_is_in_the_raw_documents_though_readers_see_one_line(
    elasticsearch_url: str, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("faults.oracle._PAGE", 3)
    with (
        open_store(elasticsearch_url, namespace=namespace) as store,
        elasticsearch.Elasticsearch(elasticsearch_url) as client,
    ):
        assert raw_lines(elasticsearch_url, namespace) == []
        store.write([document(number, f"id-{number}") for number in range(10)])
        client.indices.rollover(alias=f"logs-tracelog.otel-{namespace}")
        store.write([document(number, f"id-{number}") for number in range(8, 12)])
        store.refresh()
        acknowledged = {"a": range(12)}
        assert compare(acknowledged, read_lines(store)) == Verdict()
        raw = raw_lines(elasticsearch_url, namespace)
        assert compare(acknowledged, raw) == Verdict(doubled=(Line("a", 8), Line("a", 9)))
