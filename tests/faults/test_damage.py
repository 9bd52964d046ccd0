"""Row 16 of the fault table: whatever became of a spool's bytes, start-up goes on and only damaged records are lost.

Some bytes are tried here, all of them in `test_soak`. How records and segments are read is tested in `tests/ship`.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tracelog.ship.segment import START

from .damage import Left, cut, flip, leave_spool, send_damaged


@pytest.fixture
def left(tmp_path: Path) -> Left:
    return leave_spool(tmp_path / "left")


def some(offsets: range) -> Iterator[int]:
    """Yield an offset out of every hundred."""
    start = random.randrange(100)
    yield from offsets[start::100]


def test_row_16_a_flipped_byte_costs_the_record_that_it_is_in_at_most(left: Left, tmp_path: Path) -> None:
    for offset in some(range(len(left.content))):
        send_damaged(left, flip(left.content, offset), left.spoilt(offset, offset + 1), tmp_path / str(offset))


def test_row_16_a_spool_that_is_cut_off_costs_the_records_behind_at_most(left: Left, tmp_path: Path) -> None:
    for offset in some(range(len(left.content))):
        spoilt = left.spoilt(offset, len(left.content))
        send_damaged(left, cut(left.content, offset), spoilt, tmp_path / str(offset))


def test_row_16_a_spool_without_its_first_page_is_sent_as_a_whole(left: Left, tmp_path: Path) -> None:
    send_damaged(left, bytes(START) + left.content[START:], (), tmp_path / "again")


def test_row_16_garbage_for_a_spool_costs_no_start_up(left: Left, tmp_path: Path) -> None:
    everything = left.spoilt(0, len(left.content))
    for size in (0, 1, 100, START, 3 * START):
        send_damaged(left, random.randbytes(size), everything, tmp_path / str(size))
