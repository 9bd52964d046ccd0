"""Where the contenders ship to, what has arrived there, and the processes that they run in.

Elasticsearch is a real node, started from packages as the tests do it; peers write to data streams whose mapping costs
the node about as much as tracelog's. python-logstash-async writes to a TCP socket that counts.
"""

from __future__ import annotations

import json
import os
import re
import socketserver
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import elasticsearch
from elasticsearch import Elasticsearch
from nodes import Node

from tracelog.store import open_store

if TYPE_CHECKING:
    from typing_extensions import Self

_VERSION = "9.5.3" if elasticsearch.__version__[0] == 9 else "8.19.21"
_HEAP = "1g"
_PAGE = 10_000
_LINE = re.compile(r"order (\d+) placed")
_LONGEST = 300.0
_ACCEPT_SECONDS, _SETTLE_SECONDS = 0.1, 5.0
PEERS = {
    "index_patterns": ["logs-peer-*"],
    "data_stream": {},
    "priority": 500,
    "template": {
        "settings": {"index": {"mode": "standard"}},
        "mappings": {
            "properties": {"message": {"type": "text", "norms": False}},
            "dynamic_templates": [{"words": {"match_mapping_type": "string", "mapping": {"type": "keyword"}}}],
        },
    },
}


@contextmanager
def running_node(url: str | None, folder: Path) -> Iterator[tuple[str, Node | None]]:
    """Give the URL of a node with all templates, and the node, unless it is somebody else's."""
    node = None if url else Node(_VERSION, folder / "node", heap=_HEAP)
    try:
        address = url or (node.url if node else "")
        with Elasticsearch(address) as client, open_store(address) as store:
            store.setup()
            client.indices.put_index_template(name="logs-peer", **PEERS)  # type: ignore[arg-type] # a dict of options
        yield address, node
    finally:
        if node is not None:
            node.stop()


class Stored:
    """What is stored on a node."""

    def __init__(self, url: str) -> None:
        self._client = Elasticsearch(url, request_timeout=60)

    def create(self, stream: str) -> None:
        """Make a data stream, so that nobody's first document has to; the API that does just that is a module."""
        self._client.bulk(index=stream, operations=[{"create": {}}, {"@timestamp": datetime.now(timezone.utc)}])

    def lines(self, stream: str) -> Counter[int]:
        """Return how often each line is stored, by its number."""
        self._client.indices.refresh(index=stream)
        point = self._client.open_point_in_time(index=stream, keep_alive="2m")["id"]
        found: Counter[int] = Counter()
        after: list[Any] | None = None
        while True:
            hits = self._page(point, after)
            for hit in hits:
                source = hit["_source"]
                found.update(_numbers(source.get("message") or source.get("body", {}).get("text", "")))
            if len(hits) < _PAGE:
                break
            after = hits[-1]["sort"]
        self._client.close_point_in_time(id=point)
        return found

    def _page(self, point: str, after: list[Any] | None) -> list[Any]:
        hits: list[Any] = self._client.search(
            pit={"id": point, "keep_alive": "2m"},
            size=_PAGE,
            sort=["_shard_doc"],
            search_after=after,
            source_includes=["message", "body.text"],
            track_total_hits=False,
        )["hits"]["hits"]
        return hits

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


class Sink:
    """A TCP server that counts lines, within `with`."""

    def __init__(self) -> None:
        self._lines: Counter[int] = Counter()
        self._port = 0
        self._listen()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"tcp://127.0.0.1:{self._port}"

    def settled(self) -> Counter[int]:
        """Return how often each line has come, once nobody is connected."""
        time.sleep(_ACCEPT_SECONDS)
        await_true(lambda: not self._accepted, _SETTLE_SECONDS)
        return Counter(self._lines)

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """Let go of all connections and refuse new ones, on the same port, until the block is left."""
        self._stop()
        try:
            yield
        finally:
            self._listen()

    def _listen(self) -> None:
        sink, accepted = self, set[Any]()

        class Count(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                accepted.add(self.connection)
                with suppress(OSError):
                    for line in self.rfile:
                        sink._lines.update(_numbers(line.decode()))
                accepted.discard(self.connection)

        self._server = _Server(("127.0.0.1", self._port), Count)
        self._accepted = accepted
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def _stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        for connection in list(self._accepted):
            with suppress(OSError):
                connection.shutdown(2)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False


def _numbers(text: str) -> list[int]:
    return [int(number) for number in _LINE.findall(text)]


class Job:
    """A process that runs a script with `--job` and its arguments as JSON. One that hangs is killed.

    `folder`: for its spools, and for what it says on stderr.
    """

    def __init__(self, script: str, folder: Path, /, **arguments: Any) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._errors = folder / "stderr"
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "TRACELOG_"))}
        with self._errors.open("ab") as errors:
            self.process = subprocess.Popen(
                [sys.executable, script, "--job", json.dumps(arguments)],
                env={**kept, "TRACELOG_SPOOL": str(folder / "spool")},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
            )
        self._end = threading.Timer(_LONGEST, self.process.kill)
        self._end.daemon = True
        self._end.start()

    def tell(self) -> None:
        """Have it go on."""
        assert self.process.stdin
        with suppress(BrokenPipeError):
            self.process.stdin.write(b"\n")
            self.process.stdin.flush()

    def answer(self) -> Any:
        """Return the next value that it prints. Raise RuntimeError where it ends instead."""
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"a process ended too early: {self._errors.read_text(errors='replace')[-2000:]}")
        return json.loads(line)

    def wait(self) -> None:
        """Wait until it has ended."""
        assert self.process.stdin
        assert self.process.stdout
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait()
        self._end.cancel()
        self.process.stdout.close()


def answer(value: object) -> None:
    """Print a value for the process that started this job."""
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def await_true(what: Callable[[], object], timeout: float) -> bool:
    """Wait until a call says yes; False when `timeout` seconds ran out."""
    deadline = time.monotonic() + timeout
    while not what():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True
