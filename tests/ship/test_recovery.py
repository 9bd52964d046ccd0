"""What a process that is gone has left: found by the next one, whatever happened to the bytes, and sent once."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import tracelog
from tracelog.ship.drain import AdoptedSpool
from tracelog.ship.folder import DestinationFolder
from tracelog.ship.records import SLOT_SIZE
from tracelog.ship.segment import START, records_at
from tracelog.store import open_store

from .stores import (
    destination_folder,
    files_below,
    numbers_of,
    open_files,
    record_of,
    settle_all,
    singly,
    write_segment,
)

RECORD = len(record_of(0))
RECORDS = records_at(3)
"""Where the records of a segment of three begin."""


@pytest.fixture
def folder(tmp_path: Path) -> DestinationFolder:
    return destination_folder(tmp_path / "spool")


def leave(folder: DestinationFolder, **segments: list[int]) -> Path:
    """Leave segments, by name, as a process that is gone; return its folder."""
    process = folder.claim(f"dead-{len(folder.processes())}")
    for name, numbers in segments.items():
        write_segment(process.path / f"{name}.seg", *numbers)
    process.release()
    return process.path


def adopt(folder: DestinationFolder) -> AdoptedSpool:
    (process,) = folder.abandoned()
    return AdoptedSpool(process)


def numbers(drain: AdoptedSpool) -> list[int]:
    """Take all records, and return their numbers."""
    found = []
    while taken := drain.take(1000, 10**9):
        found += numbers_of(taken)
    return found


def test_records_come_in_the_order_of_their_numbers_whatever_the_names_of_their_segments(
    folder: DestinationFolder,
) -> None:
    leave(folder, a=[5, 6], b=[0, 1], c=[3])
    adopted = adopt(folder)
    assert (adopted.adopted, adopted.damaged, numbers(adopted)) == (5, 0, [0, 1, 3, 5, 6])
    adopted.close()


def test_a_spool_that_is_sent_is_deleted_segment_by_segment_and_then_as_a_whole(folder: DestinationFolder) -> None:
    process = leave(folder, a=[0, 1], b=[2, 3])
    adopted = adopt(folder)
    adopted.settle(adopted.take(3, 10**9))
    assert (files_below(process), adopted.waiting) == (["b-2.seg", "lock"], 1)
    settle_all(adopted)
    adopted.close()
    assert (adopted.waiting, process.exists()) == (0, False)


def test_what_was_sent_before_the_successor_died_too_is_not_sent_again(folder: DestinationFolder) -> None:
    leave(folder, a=[0, 1, 2, 3])
    for expected in ([0, 1, 2, 3], [2, 3]):
        adopted = adopt(folder)
        taken = singly(adopted.take(1000, 10**9))
        assert numbers_of(taken) == expected
        adopted.settle(taken[:2])
        adopted.close()
    assert files_below(folder.path) == ["about.json"]


def test_a_segment_without_records_is_removed_and_one_that_cannot_be_opened_is_left(
    folder: DestinationFolder, tmp_path: Path
) -> None:
    process = leave(folder, a=[], b=[0])
    (process / "c.seg").symlink_to(tmp_path)
    adopted = adopt(folder)
    assert (numbers(adopted), adopted.waiting) == ([0], 1)
    adopted.close()
    assert files_below(process) == ["b-1.seg", "c.seg", "lock"]


def test_adopting_much_keeps_neither_bytes_nor_files_open(folder: DestinationFolder) -> None:
    for _ in range(3):
        leave(folder, **{f"{number}": [2 * number, 2 * number + 1] for number in range(20)})
    before = open_files()
    adopted = [AdoptedSpool(process) for process in folder.abandoned()]
    assert len(open_files() - before) == 3  # the locks
    assert sum(len(segment.buffer) for one in adopted for segment in one._found) == 0
    assert [numbers_of(one.take(1, 10**9)) for one in adopted] == [[0], [0], [0]]
    assert sum(len(segment.buffer) for one in adopted for segment in one._found) == 0
    for one in adopted:
        one.close()
    assert open_files() == before


LENGTH = RECORDS + 3 * RECORD
every = partial(pytest.param, marks=[pytest.mark.slow, pytest.mark.timeout(600)])


@pytest.mark.parametrize(
    "lengths", [range(START - 9, LENGTH + 1), every(range(0, START - 9, 7))], ids=["records", "head"]
)
def test_a_segment_that_is_cut_anywhere_has_the_records_that_are_whole(
    folder: DestinationFolder, lengths: range
) -> None:
    process = leave(folder, a=[0, 1, 2])
    content = (process / "a-3.seg").read_bytes()
    for length in lengths:
        adopted = adopt_with(process, content[:length])
        whole = [number for number in range(3) if RECORDS + (number + 1) * RECORD <= length]
        slots = min(max(length - START, 0) // SLOT_SIZE, 3)
        lost = slots - len(whole) + (0 < length < RECORDS)  # of what had a slot that is gone, nobody knows how many
        assert (numbers(adopted), adopted.damaged) == (whole, lost), length
        adopted.close()


@pytest.mark.parametrize("change", [0x01, 0x80, 0xFF])
@pytest.mark.parametrize(
    "places", [range(START, LENGTH), range(40), every(range(40, START, 5))], ids=["r", "head", "rest"]
)
def test_a_flipped_byte_costs_the_record_that_it_is_in_and_none_where_it_is_in_none(
    folder: DestinationFolder, places: range, change: int
) -> None:
    process = leave(folder, a=[0, 1, 2])
    content = (process / "a-3.seg").read_bytes()
    for place in places:
        damaged = bytearray(content)
        damaged[place] ^= change
        adopted = adopt_with(process, bytes(damaged))
        number, within = divmod(place - START, SLOT_SIZE)
        costs = within < SLOT_SIZE - 2  # its weight and whether it was sent are nobody's loss
        if place >= RECORDS:
            number, costs = (place - RECORDS) // RECORD, True
        left = [other for other in range(3) if other != number or not costs]
        assert (numbers(adopted), adopted.damaged, adopted.adopted) == (left, 3 - len(left), 3), place
        adopted.close()


def adopt_with(process: Path, content: bytes) -> AdoptedSpool:
    """Adopt the folder of a process that has left one segment."""
    process.mkdir(exist_ok=True)
    (process / "lock").touch()
    (process / "a-3.seg").write_bytes(content)
    (found,) = DestinationFolder.all(process.parents[1])
    return adopt(found)


@pytest.mark.parametrize("size", [0, 7, 5000, 100_000])
def test_garbage_in_place_of_a_segment_is_one_loss_and_keeps_nothing_from_starting(
    folder: DestinationFolder, size: int
) -> None:
    process = leave(folder, a=[0], b=[1])
    (process / "a-1.seg").write_bytes(random.Random(size).randbytes(size))
    adopted = adopt(folder)
    assert (numbers(adopted), adopted.damaged) == ([1], int(size > 0))
    settle_all(adopted)
    adopted.close()


PROGRAM = """
import logging, os, sys, threading
import tracelog
url, name, last, end = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
logger = logging.getLogger("shop")
logger.addHandler(tracelog.StoreHandler(url))
logger.setLevel("INFO")
def work(thread):
    number = 0
    while True:
        logger.info("%s %s %d", name, thread, number)
        number += 1
        os.write(1, thread.encode())
        if number == last:
            {"_exit": lambda: os._exit(3), "abort": os.abort}.get(end, lambda: None)()
threading.Thread(target=work, args=("b",), daemon=True).start()
work("a")
"""


def log_until_killed(url: str, name: str, lines: int, end: str) -> Counter[str]:
    """Run a process that logs from two threads until it is killed; return how many calls of each have returned."""
    paths = os.pathsep.join([str(Path(tracelog.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, url, name, str(lines), end],
        env={**os.environ, "PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdout is not None
        returned = process.stdout.read(lines)
        if end.startswith("SIG"):
            process.send_signal(signal.Signals[end])
        returned += process.stdout.read()
        assert process.wait(30) != 0
    return Counter(returned.decode())


def stored(url: str) -> Counter[Any]:
    """Send what was left, and return how often each line is stored."""
    handler = tracelog.StoreHandler(url)
    handler._sender.drain(60)
    assert handler.stats().in_spool == 0
    with open_store(url) as store:
        return Counter(entry.body for entry in store.logs())


def assert_each_line_is_there_once(found: Counter[Any], name: str, returned: Counter[str]) -> None:
    """Hold what is stored against the calls that returned; one more may have been under way."""
    for thread, count in returned.items():
        lines = {f"{name} {thread} {number}": 1 for number in range(count)}
        mine = {line: times for line, times in found.items() if str(line).startswith(f"{name} {thread} ")}
        mine.pop(f"{name} {thread} {count}", None)
        assert mine == lines


ENDS = ("SIGKILL", "SIGTERM", "SIGABRT", "_exit", "abort")


@pytest.mark.slow
def test_every_line_of_processes_that_were_killed_while_the_store_was_away_is_stored_once(tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path}/later/tracelog.db"
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    killed = {}
    for number, end in enumerate(ENDS * 2):
        name = f"{number}-{end}"
        killed[name] = log_until_killed(url, name, chance.randrange(1, 2000), end)
    (tmp_path / "later").mkdir()
    found = stored(url)
    for name, returned in killed.items():
        assert_each_line_is_there_once(found, name, returned)
    assert set(found.values()) == {1}, f"seed {seed}"


@pytest.mark.slow
def test_every_line_of_processes_that_were_killed_while_they_sent_and_adopted_is_stored_once(tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path}/tracelog.db"
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    killed = {}
    for number in range(5):
        name = f"{number}"
        killed[name] = log_until_killed(url, name, chance.randrange(1, 20_000), "SIGKILL")
    found = stored(url)
    for name, returned in killed.items():
        assert_each_line_is_there_once(found, name, returned)
    assert set(found.values()) == {1}, f"seed {seed}"
