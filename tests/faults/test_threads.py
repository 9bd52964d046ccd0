"""Rows 19 and 20 of the fault table: busy threads, and handlers that hear all there is, in an outage and at the end.

How long a call takes beside busy threads is measured in `benchmarks/ship.py`; here it is what arrives that counts.
"""

from __future__ import annotations

import pytest

from tracelog.store import open_store

from . import programs
from .emitter import spawn_emitter
from .programs import shipping_env
from .proxy import FaultProxy
from .shipping import assert_stored_once, send_left

pytestmark = [pytest.mark.slow, pytest.mark.elasticsearch]

CLIENTS = ("elastic_transport", "urllib3", "elasticsearch")


def test_row_19_beside_four_busy_threads_nothing_is_lost(elasticsearch_url: str, namespace: str) -> None:
    env = shipping_env(elasticsearch_url, namespace)
    with spawn_emitter(programs.log_beside_busy_threads, args=["4"], env=env) as emitter:
        assert (emitter.wait(), emitter.stderr) == (0, "")
    assert_stored_once(elasticsearch_url, namespace, {"a": range(1000)})


def test_row_20_a_root_logger_at_debug_neither_loops_nor_makes_noise_while_the_node_is_down(
    proxy: FaultProxy, elasticsearch_url: str, namespace: str
) -> None:
    with spawn_emitter(programs.log_everything_of_all, env=shipping_env(proxy.url, namespace)) as emitter:
        with proxy.refusing():
            assert emitter.ready.wait(60)
            emitter.wait_for(30)
            assert proxy.counts["requests"] == 0
        emitter.tell()
        assert emitter.wait() == 0, emitter.stderr
    assert emitter.stderr.count("\n") == 1
    assert emitter.stderr.startswith(f"tracelog: {proxy.url}: cannot be reached")
    assert_stored_once(elasticsearch_url, namespace, {"a": emitter.acknowledged})
    printed = emitter.stdout.splitlines()
    of_clients = [line for line in printed if line.startswith(CLIENTS)]
    with open_store(elasticsearch_url, namespace=namespace) as store:
        stored = [f"{entry.logger}: {entry.message}" for entry in store.logs()]
    assert sorted(stored) == sorted(
        printed
    )  # those of the application's own client among them, and none of the sender's
    assert 1 <= len(of_clients) < 10, of_clients


def test_row_20_what_is_logged_while_a_process_ends_is_stored_without_a_wait(
    elasticsearch_url: str, namespace: str
) -> None:
    with spawn_emitter(programs.log_at_the_end, env=shipping_env(elasticsearch_url, namespace)) as emitter:
        assert (emitter.wait(), emitter.stderr) == (0, "")
    assert_stored_once(elasticsearch_url, namespace, {"a": range(3)})
    assert send_left(elasticsearch_url, namespace).adopted == 0


def test_row_20_what_is_logged_after_the_shutdown_is_left_to_the_next_process_without_noise(
    elasticsearch_url: str, namespace: str
) -> None:
    with spawn_emitter(programs.log_after_the_end, env=shipping_env(elasticsearch_url, namespace)) as emitter:
        assert (emitter.wait(), emitter.stderr) == (0, "")
    stats = send_left(elasticsearch_url, namespace)
    assert (stats.adopted, stats.stored) == (2, 2)
    assert_stored_once(elasticsearch_url, namespace, {"a": range(3)})
