"""Three real nodes as one cluster; any one is killed while lines are logged: none is lost, none is there twice.

Run it with `pytest tests/faults/test_cluster.py -m soak`; it takes about two minutes.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import VERSIONS

from tracelog.ship import sender as sender_module

from .cluster import Cluster
from .shipping import Shipping

pytestmark = [pytest.mark.soak, pytest.mark.slow, pytest.mark.elasticsearch, pytest.mark.timeout(900)]

_PAUSE_SECONDS = 0.01


@contextmanager
def load(shipping: Shipping) -> Iterator[None]:
    """Log, in a thread, as long as the block lasts: about 2,000 lines a second."""
    is_done = threading.Event()

    def work() -> None:
        while not is_done.wait(_PAUSE_SECONDS):
            shipping.log(20)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        is_done.set()
        thread.join()


def settle(shipping: Shipping) -> None:
    assert shipping.sender.flush(120), (shipping.handler.state, shipping.stats)


@pytest.mark.skipif("://" in VERSIONS[-1], reason="a node that runs already is not a cluster that may be killed")
def test_row_02_a_cluster_of_which_one_node_after_the_other_is_killed_loses_and_doubles_nothing(
    tmp_path: Path, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender_module, "_pause", lambda attempts, error: 0.2)
    with Cluster(VERSIONS[-1], tmp_path) as cluster:
        shipping = Shipping(",".join(cluster.urls), namespace, node=cluster.urls[0])
        shipping.log(100)
        shipping.settle()
        cluster.await_green()
        for number in range(len(cluster.urls)):
            with load(shipping):
                stored = shipping.stats.stored
                cluster.kill(number)
                while shipping.stats.stored < stored + 5000:  # which takes the two that are left
                    settle(shipping)
                cluster.start(number)
        stats = shipping.assert_stored_once()
        assert (stats.stored + stats.duplicate_suppressed, stats.lost, stats.refused) == (shipping.logged, 0, 0)
