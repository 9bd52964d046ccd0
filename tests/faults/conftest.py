"""What tests of faults share: all of them ship through a proxy."""

from __future__ import annotations

from collections.abc import Iterator
from weakref import WeakSet

import pytest
from conftest import VERSIONS
from nodes import Node

from tracelog.ship import sender, senders

from .proxy import FaultProxy
from .shipping import Shipping


@pytest.fixture(autouse=True)
def _own_senders(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give each test an empty registry of senders that hardly pause, and close at the end what it made."""
    monkeypatch.setattr(senders, "_senders", {})
    monkeypatch.setattr(senders, "_made", WeakSet())
    monkeypatch.setattr(sender, "_pause", lambda attempts, error: 0.02)
    for name in ("TRACELOG_STORE", "TRACELOG_DATASET", "TRACELOG_NAMESPACE"):
        monkeypatch.delenv(name, raising=False)
    yield
    senders.shutdown(timeout=0)


@pytest.fixture
def proxy(elasticsearch_url: str) -> Iterator[FaultProxy]:
    """A fault proxy before the node that tests share."""
    with FaultProxy(elasticsearch_url) as running:
        yield running


@pytest.fixture
def shipping(proxy: FaultProxy, elasticsearch_url: str, namespace: str) -> Shipping:
    """A logger of this process whose lines go to the node, through the proxy."""
    return Shipping(proxy.url, namespace, node=elasticsearch_url)


@pytest.fixture(scope="session")
def node_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node that a test may kill, if it starts it again; it takes no request of more than 1 MB."""
    if "://" in VERSIONS[-1]:
        pytest.skip("a node that runs already may not be killed")
    home = tmp_path_factory.mktemp("nodes") / "own"
    node = Node(VERSIONS[-1], home, settings={"http.max_content_length": "1mb"})
    try:
        yield node
    finally:
        node.stop()


@pytest.fixture
def small_node(node_of_its_own: Node) -> str:
    """The URL of a node that takes no request of more than 1 MB."""
    return node_of_its_own.url
