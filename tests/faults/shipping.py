"""What ships: numbered lines of the test's own process, and what has to be in the store in the end, and in the books.

    shipping = Shipping(proxy.url, namespace, node=node_url)
    shipping.log(1000)
    shipping.assert_stored_once()

Lines of other processes are held against the same node by `assert_stored_once` of this module, once `send_left` or
another process has sent what they left behind.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from capture.telemetry import make_logger
from ship.stores import assert_balanced

from tracelog import StoreHandler
from tracelog.model import LogEntry
from tracelog.schema.otel import Destination
from tracelog.ship import spools
from tracelog.ship.folder import DestinationFolder
from tracelog.ship.pipeline import Stats
from tracelog.store import open_store

from .oracle import Verdict, compare, raw_lines, read_lines

SECONDS = 60.0
"""How long may be waited for lines to be stored, once nothing keeps them from it."""


class Shipping:
    """A logger whose handler ships to `url`, and the `node` behind it, which tells what arrived."""

    def __init__(self, url: str, namespace: str, *, node: str | None = None, **options: Any) -> None:
        self.namespace = namespace
        self.node = node or url
        self.handler = StoreHandler(url, service="shop", namespace=namespace, **options)
        self.logger = make_logger(self.handler)
        self.sender = self.handler._sender
        self.logged = 0

    def log(self, lines: int) -> None:
        """Log so many lines, numbered on from those before."""
        for number in range(self.logged, self.logged + lines):
            self.logger.info("line a %d", number)
            self.logged = number + 1

    @property
    def stats(self) -> Stats:
        """The books, which are right at any moment."""
        stats = self.handler.stats()
        assert_balanced(stats)
        return stats

    def settle(self) -> Stats:
        """Wait until everything is settled, and return the books."""
        assert self.sender.flush(SECONDS), (self.handler.state, self.stats)
        stats = self.stats
        assert stats.in_spool == 0, stats
        return stats

    def read(self) -> list[LogEntry]:
        """Return what a reader finds."""
        with open_store(self.node, namespace=self.namespace) as store:
            store.refresh()
            return list(store.logs())

    def assert_stored_once(self) -> Stats:
        """Wait until everything is settled, hold the store against what was logged, and return the books."""
        stats = self.settle()
        assert_stored_once(self.node, self.namespace, {"a": range(self.logged)})
        return stats


def verdicts(node: str, namespace: str, acknowledged: Mapping[str, Collection[int]]) -> tuple[Verdict, Verdict]:
    """Return what is wrong with the documents as they are stored, and with the lines as a reader gets them."""
    with open_store(node, namespace=namespace) as store:
        store.refresh()
        read = compare(acknowledged, read_lines(store))
    return compare(acknowledged, raw_lines(node, namespace)), read


def assert_stored_once(node: str, namespace: str, acknowledged: Mapping[str, Collection[int]]) -> None:
    """Hold what is stored, as it is and as a reader gets it, against the lines whose calls returned."""
    found = verdicts(node, namespace, acknowledged)
    assert found == (Verdict(), Verdict()), found


def send_left(url: str, namespace: str) -> Stats:
    """Send what processes that are gone have left for a destination; return the books, which are balanced."""
    root = Path(os.environ["TRACELOG_SPOOL"])
    stats = spools.send_left(DestinationFolder.of(root, url, Destination(namespace=namespace)), timeout=SECONDS)
    assert_balanced(stats)
    return stats
