"""What tests of several rooms share: stores to test against, and the real nodes behind some of them."""

from __future__ import annotations

import itertools
import os
import uuid
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
from hypothesis import settings
from nodes import Node, NodeURL

from tracelog.store import Store, open_store

_OLD, _NEW = "8.19.21", "9.5.3"
RUNNING = os.environ.get("TRACELOG_TEST_ELASTICSEARCH")
VERSIONS = (RUNNING,) if RUNNING else (_NEW,) if version("elasticsearch").startswith("9.") else (_OLD, _NEW)
"""The nodes to test against, in versions; a URL stands for a node that runs already. One may be asked for."""

pytest_plugins = ["asking", "browsing", "foreign", "running_shop"]

OpenStore = Callable[[], Store]

settings.register_profile("tracelog", deadline=None)  # a busy machine is no failure
settings.load_profile("tracelog")

_ELASTICSEARCH = [pytest.param(name, marks=pytest.mark.elasticsearch, id=f"elasticsearch-{name}") for name in VERSIONS]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave fixtures out of the time limit where nodes are used: the first boot ever downloads the server.

    Leave out what takes minutes, unless `-m` names it. A default for `-m` would not: the command line replaces that.
    """
    for item in items:
        if item.get_closest_marker("elasticsearch") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(180, func_only=True))
    long = [item for item in items if item.get_closest_marker("soak")]
    if long and "soak" not in config.option.markexpr:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]


@pytest.fixture(autouse=True)
def _own_spools(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the spools of tests, and of the processes that they start, apart from each other and from the user's own."""
    monkeypatch.setenv("TRACELOG_SPOOL", str(tmp_path_factory.mktemp("spool")))


@pytest.fixture(scope="session")
def node_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeURL]:
    """Return the URL of a node of a version, which is started when it is first asked for."""
    nodes: dict[str, Node] = {}

    def start(name: str) -> str:
        if "://" in name:
            return name
        if name not in nodes:
            nodes[name] = Node(name, tmp_path_factory.mktemp("nodes") / name)
        return nodes[name].url

    try:
        yield start
    finally:
        for node in nodes.values():
            node.stop()


@pytest.fixture(scope="session", params=_ELASTICSEARCH)
def elasticsearch_url(request: pytest.FixtureRequest, node_url: NodeURL) -> str:
    """A real node, one after the other, that the installed client may talk to."""
    return node_url(request.param)


@pytest.fixture
def namespace() -> str:
    """A namespace that no other test writes to or reads from, on a node that they share."""
    return uuid.uuid4().hex


@pytest.fixture(params=["sqlite", *_ELASTICSEARCH])
def new_store(request: pytest.FixtureRequest, tmp_path: Path, node_url: NodeURL) -> Iterator[OpenStore]:
    """Return a function that opens an empty store of its own, of each kind in turn; all are closed at the end."""
    opened: list[Store] = []
    numbers = itertools.count()

    def open_one() -> Store:
        if request.param == "sqlite":
            store = open_store(f"sqlite:{tmp_path}/{next(numbers)}.db")
        else:
            store = open_store(node_url(request.param), namespace=uuid.uuid4().hex)
        opened.append(store)
        return store

    yield open_one
    for store in opened:
        store.close()


@pytest.fixture
def store(new_store: OpenStore) -> Store:
    """An empty store, of each kind in turn."""
    return new_store()
