"""A cluster of real Elasticsearch nodes on this machine, any of which may be killed and started again.

    with Cluster("9.5.3", tmp_path) as cluster:
        cluster.kill(0)
        cluster.start(0)

The nodes boot at the same time, for none is up before most of them have found one another. A node that was killed keeps
its URL and its data, so `urls` are the same throughout. Shards have a replica unless an index says otherwise, but not
at once: `await_green` after an index was made, and only then is nothing lost with the first node that is killed.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from nodes import Node, free_port, resolve_jars

if TYPE_CHECKING:
    from typing_extensions import Self

GREEN_SECONDS = 120


class Cluster:
    """Nodes of one version, up and green within `with`. `home`: an empty folder; `heap`: the memory of each node."""

    def __init__(self, version: str, home: Path, *, size: int = 3, heap: str = "384m") -> None:
        self.version = version
        self._home = home
        self._heap = heap
        self._ports = [str(free_port()) for _ in range(size)]
        self._nodes: list[Node] = []
        self._alive: set[int] = set()

    @property
    def urls(self) -> list[str]:
        """The URLs of all nodes, those that are down as well."""
        return [node.url for node in self._nodes]

    def kill(self, number: int) -> None:
        """End a node at once, with SIGKILL."""
        self._alive.discard(number)
        self._nodes[number].kill()

    def start(self, number: int) -> None:
        """Start a node that was killed, with the data that it had, and wait until all have joined and all is green."""
        self._nodes[number].start()
        self._alive.add(number)
        self.await_green()

    def await_green(self, timeout: float = GREEN_SECONDS) -> None:
        """Wait until all nodes that live have joined and all shards have their copies: with one down after a minute."""
        query = f"wait_for_nodes={len(self._alive)}&wait_for_status=green&wait_for_no_relocating_shards=true"
        url = f"{self._nodes[min(self._alive)].url}/_cluster/health?{query}&timeout={timeout:.0f}s"
        try:
            with urllib.request.urlopen(url, timeout=timeout + 10) as answer:
                answer.read()
        except urllib.error.HTTPError as error:
            with error:
                raise TimeoutError(f"not green after {timeout:.0f} s: {json.load(error)}") from None

    def __enter__(self) -> Self:
        resolve_jars(self.version)  # once, rather than by all nodes at once
        with ThreadPoolExecutor(len(self._ports)) as pool:
            booting = [pool.submit(self._boot, number) for number in range(len(self._ports))]
        self._nodes = [future.result() for future in booting if not future.exception()]
        try:
            for future in booting:
                future.result()
            self._alive = set(range(len(self._nodes)))
            self.await_green()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        with ThreadPoolExecutor(len(self._ports)) as pool:
            for node in self._nodes:
                pool.submit(node.stop)

    def _boot(self, number: int) -> Node:
        names = [f"node-{position}" for position in range(len(self._ports))]
        settings = {
            "cluster.name": f"tracelog-{self._ports[0]}",
            "node.name": names[number],
            "transport.port": self._ports[number],
            "discovery.seed_hosts": ",".join(f"127.0.0.1:{port}" for port in self._ports),
            "cluster.initial_master_nodes": ",".join(names),
        }
        return Node(self.version, self._home / names[number], heap=self._heap, settings=settings)

    def __repr__(self) -> str:
        return f"<Cluster {self.version} {self.urls}>"
