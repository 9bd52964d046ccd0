"""Rows 6 to 10 of the fault table: a node that is busy, closed, choosy or small gets all that it can take, in the end.

Blocks, the forbidden index and the limit of a request are those of a real node, the other answers are the proxy's.
"""

from __future__ import annotations

import json
import random
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from tracelog.errors import StoreError
from tracelog.ship import sender as sender_module
from tracelog.ship.refused import read_refused
from tracelog.ship.sender import _pause

from .bulk_items import FailItems, Item, UseFailureStore
from .exchange import Fault
from .proxy import FaultProxy, Script
from .replies import HttpStatus, TooLarge
from .shipping import Shipping

pytestmark = [pytest.mark.slow, pytest.mark.elasticsearch]

LINES = 500
ALL_LINES = b'"line a '


class Busy(FailItems):
    """Too busy for some items; it remembers which came, and which of them it was too busy for."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.came: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()

    def pick(self, items: Sequence[Item]) -> set[int]:
        picked = super().pick(items)
        ids = [item.target["_id"] for item in items]
        self.came.update(ids)
        self.failed.update(ids[position] for position in picked)
        return picked


def test_row_06_only_the_items_that_the_node_was_too_busy_for_go_again(shipping: Shipping, proxy: FaultProxy) -> None:
    busy = Busy(probability=0.3, status=429, seed=random.randrange(2**32))
    proxy.fault = busy
    shipping.log(LINES)
    assert shipping.sender.flush(60), proxy
    assert busy.failed, proxy
    assert busy.came == busy.failed + Counter(list(busy.came)), proxy
    stats = shipping.assert_stored_once()
    assert (stats.stored, stats.duplicate_suppressed, stats.refused) == (LINES, 0, 0)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that the sender would have made, s."""
    asked: list[float] = []

    def pause(attempts: int, error: StoreError) -> float:
        asked.append(_pause(attempts, error))
        return 0.001

    monkeypatch.setattr(sender_module, "_pause", pause)
    return asked


BUSY = [*(HttpStatus(status) for status in (429, 502, 503, 504)), FailItems(status=429, containing=ALL_LINES)]


@pytest.mark.parametrize("fault", BUSY, ids=lambda fault: fault.name)
def test_row_06_the_pauses_of_a_sender_grow_with_jitter_and_end_nowhere(
    fault: Fault, shipping: Shipping, proxy: FaultProxy, pauses: list[float]
) -> None:
    proxy.fault = fault
    shipping.log(1)
    proxy.counts.wait_for(fault.name, 8)
    proxy.fault = None
    assert shipping.assert_stored_once().refused == 0
    longest = [min(0.1 * 2**attempt, 10.0) for attempt in range(1, len(pauses) + 1)]
    assert all(most / 2 <= pause <= most for pause, most in zip(pauses, longest, strict=True)), pauses
    assert len({pause / most for pause, most in zip(pauses, longest, strict=True)}) > len(pauses) / 2, pauses


def test_row_06_a_node_that_says_when_to_come_back_is_left_alone_until_then(
    shipping: Shipping, proxy: FaultProxy, pauses: list[float]
) -> None:
    proxy.fault = Script(HttpStatus(429, retry_after=40), HttpStatus(503, retry_after="Wed, 21 Oct 2026 07:28:00 GMT"))
    shipping.log(1)
    shipping.assert_stored_once()
    assert pauses[0] == 40
    assert 0 < pauses[1] < 1


def ask(method: str, url: str, body: Any = None) -> None:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"content-type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        answer.read()


BLOCKS = {"flood stage": "read_only_allow_delete", "write block": "write", "read only": "read_only"}


@pytest.mark.parametrize("block", BLOCKS.values(), ids=BLOCKS)
def test_row_06_what_is_written_while_the_index_is_blocked_is_stored_afterwards(
    block: str, shipping: Shipping, elasticsearch_url: str
) -> None:
    settings = f"{elasticsearch_url}/logs-tracelog.otel-{shipping.namespace}/_settings"
    shipping.log(10)
    shipping.settle()
    ask("PUT", settings, {f"index.blocks.{block}": True})
    shipping.log(LINES)
    assert not shipping.sender.flush(0.3)
    assert shipping.stats.in_spool == LINES
    ask("PUT", settings, {f"index.blocks.{block}": None})
    stats = shipping.assert_stored_once()
    assert (stats.stored, stats.refused, stats.lost, shipping.handler.state) == (10 + LINES, 0, 0, "ready")


CLOSED = [
    HttpStatus(401),
    HttpStatus(403),
    FailItems(status=401, containing=ALL_LINES),
    FailItems(status=403, containing=ALL_LINES),
    FailItems(status=403, error="cluster_block_exception", containing=ALL_LINES),
    FailItems(status=404, error="index_not_found_exception", containing=ALL_LINES),
]


@pytest.mark.parametrize("fault", CLOSED, ids=lambda fault: f"{fault.name} {fault.error}".strip())
def test_row_07_a_closed_door_keeps_the_spool_and_is_said_once_in_five_minutes(
    fault: HttpStatus | FailItems,
    shipping: Shipping,
    proxy: FaultProxy,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [1000.0]
    monkeypatch.setattr(sender_module, "time", SimpleNamespace(monotonic=lambda: now[0]))
    proxy.fault = fault
    shipping.log(LINES)
    for seconds in (0, 299, 2):
        now[0] += seconds
        proxy.counts.wait_for(fault.name, proxy.counts[fault.name] + 3)
    said = capsys.readouterr().err.splitlines()
    stats = shipping.stats
    assert (stats.in_spool, stats.refused) == (LINES, 0)
    assert (fault.error or "security_exception") in shipping.handler.state
    assert len(said) == 2
    assert all(line.startswith(f"tracelog: {shipping.handler.state} (keeps trying; ") for line in said), said
    proxy.fault = None
    shipping.assert_stored_once()
    assert shipping.handler.state == "ready"


@contextmanager
def no_new_stream(node: str, namespace: str) -> Iterator[None]:
    """Forbid a node to make the data stream of the logs in a namespace, by a template before tracelog's own."""
    url = f"{node}/_index_template/closed-{namespace}"
    pattern = f"logs-tracelog.otel-{namespace}"
    ask("PUT", url, {"index_patterns": [pattern], "priority": 900, "data_stream": {}, "allow_auto_create": False})
    try:
        yield
    finally:
        ask("DELETE", url)


def test_row_07_an_index_that_may_not_be_made_keeps_the_spool_and_says_so(
    shipping: Shipping, proxy: FaultProxy, elasticsearch_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with no_new_stream(elasticsearch_url, shipping.namespace):
        shipping.log(LINES)
        proxy.counts.wait_for("matched", 5)
        assert (shipping.stats.in_spool, shipping.stats.refused) == (LINES, 0), shipping.stats
        assert "forbids index auto creation" in shipping.handler.state
        assert len(capsys.readouterr().err.splitlines()) == 1
    shipping.assert_stored_once()
    assert shipping.handler.state == "ready"


def test_row_08_a_document_that_the_node_refuses_is_repaired_and_all_others_are_stored(shipping: Shipping) -> None:
    shipping.log(LINES - 1)
    shipping.logger.info("no name for a field", extra={"a\0b": 1})
    stats = shipping.assert_stored_once()
    assert (stats.stored, stats.repaired, stats.refused) == (LINES, 1, 0)
    (found,) = (line for line in shipping.read() if line.body == "no name for a field")
    assert "reserved character" in found.attributes["tracelog.repaired"]
    assert json.loads(found.attributes["tracelog.original"])["a\0b"] == 1


def test_row_08_a_document_that_is_refused_even_repaired_is_set_aside_with_its_reason(
    shipping: Shipping, proxy: FaultProxy, capsys: pytest.CaptureFixture[str]
) -> None:
    proxy.fault = FailItems(status=400, containing=b"never taken")
    shipping.log(LINES - 1)
    shipping.logger.info("never taken")
    stats = shipping.assert_stored_once()
    assert (stats.stored, stats.repaired, stats.refused) == (LINES - 1, 0, 1)
    folder = shipping.sender.pipeline.spool.folder
    assert folder is not None
    (line,) = read_refused(folder.path)
    assert (line.reason, b"never taken" in bytes(line.document)) == (
        "document_parsing_exception: [1:2] failed to parse",
        True,
    )
    assert capsys.readouterr().err == f"tracelog: {proxy.url} refused 1 documents: {line.reason}\n"


def test_row_09_what_went_to_the_failure_store_is_counted_and_not_taken_for_stored(
    shipping: Shipping, proxy: FaultProxy
) -> None:
    proxy.fault = UseFailureStore(containing=b"cannot be mapped")
    for _ in range(10):
        shipping.log(LINES // 10)
        shipping.logger.info("cannot be mapped")
    stats = shipping.assert_stored_once()
    assert (stats.stored, stats.failure_stored, stats.refused) == (LINES, 10, 0)


def test_row_10_a_bulk_that_is_too_large_is_halved_until_it_is_taken(shipping: Shipping, proxy: FaultProxy) -> None:
    proxy.fault = TooLarge(100_000)
    shipping.log(4 * LINES)
    stats = shipping.assert_stored_once()
    assert 0 < proxy.counts["TooLarge"] < 16, proxy  # the size that is taken is remembered
    assert (stats.stored, stats.refused, stats.repaired) == (4 * LINES, 0, 0)


def test_row_10_a_message_larger_than_a_request_may_be_is_cut_and_says_how_long_it_was(
    small_node: str, namespace: str
) -> None:
    shipping = Shipping(small_node, namespace)
    shipping.log(LINES)
    shipping.logger.info("long %s", "x" * 20_000_000)
    shipping.log(LINES)
    stats = shipping.assert_stored_once()
    assert (stats.stored, stats.repaired, stats.refused) == (2 * LINES + 1, 1, 0)
    (cut,) = (line.message for line in shipping.read() if line.message.startswith("long "))
    assert cut.endswith("x [cut: 20,000,005 characters]")
    assert len(cut) > 100_000
