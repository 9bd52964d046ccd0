"""The long forms of what is tested shortly beside: hundreds of kills, a thousand forks, every byte of a spool.

Run them with `pytest tests/faults/test_soak.py -m soak`; together they take about a quarter of an hour. A seed stands
in the name of each test that draws lots, and `SOAK_SEED` sets it.
"""

from __future__ import annotations

import os
import random
import signal
from pathlib import Path

import pytest
from nodes import Node

from tracelog.ship import sender as sender_module

from . import programs
from .damage import cut, flip, leave_spool, send_damaged
from .emitter import spawn_emitter
from .programs import ADOPTING, POINTS, shipping_env
from .proxy import FaultProxy
from .shipping import Shipping
from .test_kills import assert_all_was_left_behind, fork_under_load, kill_in_turn, ship_through_kills_of

pytestmark = [pytest.mark.soak, pytest.mark.slow, pytest.mark.timeout(900)]

SEED = int(os.environ.get("SOAK_SEED", random.randrange(2**32)))
TIMES = range(1, 6)


@pytest.mark.elasticsearch
def test_row_02_a_node_that_is_killed_twenty_times_loses_and_doubles_nothing(
    node_of_its_own: Node, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender_module, "_pause", lambda attempts, error: 0.2)
    with FaultProxy(node_of_its_own.url) as proxy:
        shipping = Shipping(proxy.url, namespace, node=node_of_its_own.url)
        ship_through_kills_of(node_of_its_own, shipping, proxy, kills=20)


@pytest.mark.elasticsearch
@pytest.mark.parametrize("seed", [SEED], ids=lambda seed: f"seed={seed}")
def test_row_15_two_hundred_processes_that_are_killed_at_random_lose_nothing_that_had_returned(
    seed: int, elasticsearch_url: str, namespace: str
) -> None:
    emitters = kill_in_turn(200, elasticsearch_url, namespace, seed)
    assert_all_was_left_behind(elasticsearch_url, namespace, emitters)


@pytest.mark.elasticsearch
@pytest.mark.parametrize("point", [*POINTS, *ADOPTING])
def test_row_15_processes_that_are_killed_at_a_point_the_first_time_and_later_ones_lose_nothing(
    point: str, elasticsearch_url: str, namespace: str
) -> None:
    env, emitters = shipping_env(elasticsearch_url, namespace), []
    for time in TIMES:
        arguments = {"args": [point, str(time)], "env": env, "name": f"e{time}"}
        with spawn_emitter(programs.log_until_a_point, **arguments) as emitter:  # type: ignore[arg-type]
            assert emitter.wait() in (0, -signal.SIGKILL), emitter.stderr  # 0: it never came so far
        emitters.append(emitter)
    assert_all_was_left_behind(elasticsearch_url, namespace, emitters)


@pytest.mark.elasticsearch
def test_row_18_a_thousand_forks_under_load_neither_hang_nor_lose_nor_double_a_line(
    elasticsearch_url: str, namespace: str
) -> None:
    fork_under_load(1000, elasticsearch_url, namespace)


def test_row_16_every_byte_that_is_flipped_costs_the_record_that_it_is_in_at_most(tmp_path: Path) -> None:
    left = leave_spool(tmp_path / "left")
    for offset in range(len(left.content)):
        send_damaged(left, flip(left.content, offset), left.spoilt(offset, offset + 1), tmp_path / str(offset))


def test_row_16_a_spool_that_is_cut_off_anywhere_costs_the_records_behind_at_most(tmp_path: Path) -> None:
    left = leave_spool(tmp_path / "left")
    for offset in range(len(left.content)):
        spoilt = left.spoilt(offset, len(left.content))
        send_damaged(left, cut(left.content, offset), spoilt, tmp_path / str(offset))
