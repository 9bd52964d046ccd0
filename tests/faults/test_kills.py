"""Rows 2, 15 and 18 of the fault table: processes that are killed, at any moment and at the worst, and forked ones.

Killed are the node, with SIGKILL, and the processes that log. What they leave is sent by the next one, or by
`tracelog spool send`, and held against the lines whose calls had returned. The long forms are in `test_soak`.
"""

from __future__ import annotations

import os
import random
import signal
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import httpx
import pytest
from nodes import Node

from tracelog.ship import sender as sender_module
from tracelog.ship.segment_files import SUFFIX

from . import programs
from .emitter import LANE, Emitter, spawn_emitter
from .programs import ADOPTING, LINES_OF_A_REQUEST, POINTS, SOCKET, shipping_env
from .proxy import FaultProxy
from .shipping import Shipping, assert_stored_once, send_left

pytestmark = [pytest.mark.slow, pytest.mark.elasticsearch]

LINES = 3000
PRELOAD = f"{__package__}.gunicorn_preload"  # which cannot be imported here, for it sets up at once


def acknowledged(emitters: Iterable[Emitter]) -> Mapping[str, Sequence[int]]:
    return {emitter.name: emitter.acknowledged for emitter in emitters}


def assert_all_was_left_behind(url: str, namespace: str, emitters: Iterable[Emitter]) -> None:
    """Send what is left, and see that nothing was lost, that nothing is there twice, and that no spool remains."""
    stats = send_left(url, namespace)
    assert (stats.lost, stats.refused, stats.in_spool) == (0, 0, 0), stats
    assert_stored_once(url, namespace, acknowledged(emitters))
    assert not list(Path(os.environ["TRACELOG_SPOOL"]).rglob(f"*{SUFFIX}"))


def ship_through_kills_of(node: Node, shipping: Shipping, proxy: FaultProxy, kills: int) -> None:
    """Log before, while and after a node is down, which is killed in the middle of a bulk; again and again."""
    for _ in range(kills):
        bulks = proxy.counts["matched"]
        shipping.log(LINES)
        proxy.counts.wait_for("matched", bulks + 1)
        node.kill()
        try:
            shipping.log(LINES)
            assert shipping.stats.in_spool > 0
        finally:
            node.start()
    shipping.log(LINES)
    stats = shipping.assert_stored_once()
    assert (stats.stored + stats.duplicate_suppressed, stats.refused, stats.lost) == (shipping.logged, 0, 0)


@pytest.mark.timeout(180)
def test_row_02_a_node_that_is_killed_in_the_middle_of_a_bulk_loses_and_doubles_nothing(
    node_of_its_own: Node, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender_module, "_pause", lambda attempts, error: 0.2)
    with FaultProxy(node_of_its_own.url) as proxy:
        shipping = Shipping(proxy.url, namespace, node=node_of_its_own.url)
        ship_through_kills_of(node_of_its_own, shipping, proxy, kills=2)


@pytest.mark.parametrize("point", POINTS)
def test_row_15_a_process_that_is_killed_at_the_worst_moments_loses_nothing_that_had_returned(
    point: str, elasticsearch_url: str, namespace: str
) -> None:
    env = shipping_env(elasticsearch_url, namespace)
    with spawn_emitter(programs.log_until_a_point, args=[point], env=env) as emitter:
        assert emitter.wait() == -signal.SIGKILL, emitter.stderr
    assert_all_was_left_behind(elasticsearch_url, namespace, [emitter])


@pytest.mark.parametrize("point", ADOPTING)
def test_row_15_a_process_that_is_killed_while_it_adopts_loses_nothing_of_either(
    point: str, elasticsearch_url: str, namespace: str
) -> None:
    env = shipping_env(elasticsearch_url, namespace)
    with spawn_emitter(programs.log_until_a_point, name="a", args=["before send"], env=env) as first:
        assert first.wait() == -signal.SIGKILL, first.stderr
    with spawn_emitter(programs.log_until_a_point, name="b", args=[point], env=env) as second:
        assert second.wait() == -signal.SIGKILL, second.stderr
    assert_all_was_left_behind(elasticsearch_url, namespace, [first, second])


DEATHS = (signal.SIGKILL, signal.SIGABRT, signal.SIGTERM, None)
"""The signals that end an emitter; None for one that calls `os._exit`."""


def end_at_random(death: signal.Signals | None, name: str, env: Mapping[str, str], chance: random.Random) -> Emitter:
    with spawn_emitter(programs.log_on, name=name, env=env) as emitter:
        emitter.wait_for(chance.randrange(1, 2000))
        if death is None:
            emitter.tell("leave")
            assert emitter.wait() == 3
        else:
            assert emitter.kill(death) == -death
    return emitter


def kill_in_turn(rounds: int, url: str, namespace: str, seed: int) -> list[Emitter]:
    """Start one emitter after the other, each of which adopts what was left, and kill it at a random moment."""
    chance, env = random.Random(seed), shipping_env(url, namespace)
    return [end_at_random(DEATHS[number % len(DEATHS)], f"e{number}", env, chance) for number in range(rounds)]


def test_row_15_processes_that_are_killed_at_random_lose_nothing_that_had_returned(
    elasticsearch_url: str, namespace: str
) -> None:
    emitters = kill_in_turn(2 * len(DEATHS), elasticsearch_url, namespace, random.randrange(2**32))
    assert_all_was_left_behind(elasticsearch_url, namespace, emitters)


def test_row_18_several_processes_on_one_spool_store_each_line_once(elasticsearch_url: str, namespace: str) -> None:
    env = shipping_env(elasticsearch_url, namespace)
    with (
        spawn_emitter(programs.log_some, name="a", args=["3000"], env=env) as one,
        spawn_emitter(programs.log_some, name="b", args=["3000"], env=env) as other,
        spawn_emitter(programs.log_on, name="c", env=env) as killed,
    ):
        killed.wait_for(1000)
        killed.kill()
        assert (one.wait(), other.wait(), one.stderr, other.stderr) == (0, 0, "", "")
    assert_all_was_left_behind(elasticsearch_url, namespace, [one, other, killed])


def fork_under_load(children: int, url: str, namespace: str) -> None:
    env = shipping_env(url, namespace)
    with spawn_emitter(programs.fork_under_load, args=[str(children)], env=env) as emitter:
        assert (emitter.wait(600), emitter.stderr) == (0, "")
    lanes = {number // LANE for number in emitter.acknowledged}
    assert lanes == set(range(children + 1))
    assert_all_was_left_behind(url, namespace, [emitter])


def test_row_18_forks_under_load_neither_hang_nor_lose_nor_double_a_line(
    elasticsearch_url: str, namespace: str
) -> None:
    fork_under_load(50, elasticsearch_url, namespace)


def test_row_18_workers_that_gunicorn_forks_after_the_set_up_store_each_line_once(
    elasticsearch_url: str, namespace: str, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "gunicorn", "-c", f"python:{PRELOAD}", f"{PRELOAD}:application"]
    with spawn_emitter(command, env=shipping_env(elasticsearch_url, namespace), cwd=tmp_path) as emitter:
        assert emitter.ready.wait(60), emitter.stderr
        transport = httpx.HTTPTransport(uds=str(tmp_path / SOCKET))
        with httpx.Client(transport=transport, base_url="http://shop", timeout=30) as client:
            answers = [client.get("/").text for _ in range(30)]
        emitter.kill(signal.SIGTERM)
    assert len(set(answers)) > 8  # processes
    assert len(emitter.acknowledged) == 30 * LINES_OF_A_REQUEST
    assert_all_was_left_behind(elasticsearch_url, namespace, [emitter])
