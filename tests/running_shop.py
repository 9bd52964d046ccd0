"""The example shop, run once on each kind of store: seven processes, thirty checkouts, one of them slow."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import pytest
from nodes import NodeURL

from tracelog.demo.shop import ShopResult, run_shop
from tracelog.model import Trace
from tracelog.store import Store, open_store

CHECKOUTS = 30


class ShopRun(NamedTuple):
    """What the shop did, as it says itself, and what is stored of it. `namespace`: where, on Elasticsearch."""

    result: ShopResult
    progress: list[int]
    store: Store
    namespace: str
    slow: Trace

    @property
    def environment(self) -> dict[str, str]:
        """Variables with which a process writes to the store, and reads from it."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("TRACELOG_", "OTEL_"))}
        return {**kept, "TRACELOG_STORE": self.store.url, "TRACELOG_NAMESPACE": self.namespace, "COLUMNS": "140"}

    def tracelog(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command on the store."""
        command = [sys.executable, "-m", "tracelog", *arguments]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="session", params=["sqlite", pytest.param("elasticsearch", marks=pytest.mark.elasticsearch)])
def shop_run(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, node_url: NodeURL
) -> Iterator[ShopRun]:
    """The shop, run once on each kind of store, which must give the same answers."""
    from conftest import VERSIONS

    directory, namespace = tmp_path_factory.mktemp("demo"), uuid.uuid4().hex
    url = f"sqlite:{directory}/shop.db" if request.param == "sqlite" else node_url(VERSIONS[-1])
    progress: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRACELOG_NAMESPACE", namespace)
        patch.setenv("TRACELOG_SPOOL", str(directory / "spool"))
        patch.setenv("OTEL_SDK_DISABLED", "true")
        store = open_store(url)
        with ThreadPoolExecutor(1) as elsewhere:  # where a browser has this thread's event loop, there is another
            result = elsewhere.submit(run_shop, url, CHECKOUTS, progress.append).result()
    with store:
        yield ShopRun(result, progress, store, namespace, store.trace(result.slow_order_id))
