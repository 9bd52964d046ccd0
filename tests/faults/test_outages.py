"""Rows 1, 3 and 5 of the fault table: a node that is away, silent, slow or cut off costs neither a line nor a call.

No call is timed: all of them return while the node is still out of reach, which is seen by what the proxy holds.
"""

from __future__ import annotations

import gc
import random
import threading
import tracemalloc
from collections.abc import Iterator

import pytest
from capture.telemetry import make_tracer
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from ship.stores import assert_balanced

from tracelog import StoreHandler, StoreSpanExporter
from tracelog.ship import pipeline as pipeline_module
from tracelog.ship.pipeline import Stats
from tracelog.store import open_store

from .bulk_items import FailItems
from .exchange import Fault
from .proxy import FaultProxy, RandomFaults, Script
from .replies import (
    BlackHole,
    DropReply,
    Garbage,
    HtmlPage,
    HttpStatus,
    InvalidJson,
    Redirect,
    Refuse,
    ResetReply,
    ResetRequest,
    Throttle,
    TruncatedReply,
)
from .shipping import Shipping

pytestmark = [pytest.mark.slow, pytest.mark.elasticsearch]

LINES = 2000


def test_row_01_a_node_that_is_down_at_the_start_gets_everything_later_and_raises_nothing(
    shipping: Shipping, proxy: FaultProxy, capsys: pytest.CaptureFixture[str]
) -> None:
    with proxy.refusing():
        shipping.log(LINES)
        assert not shipping.sender.flush(0.1)
        assert shipping.stats.in_spool == LINES
        assert shipping.handler.state.startswith(f"{proxy.url}: cannot be reached")
    assert shipping.assert_stored_once().stored == LINES
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_row_01_making_a_handler_asks_the_network_nothing(proxy: FaultProxy, namespace: str) -> None:
    before = set(threading.enumerate())
    handler = StoreHandler(proxy.url, namespace=namespace)
    assert (proxy.counts["connections"], set(threading.enumerate()) - before) == (0, set())
    assert handler.stats() == Stats()


@pytest.fixture
def _traced_memory() -> Iterator[None]:
    """Trace what is held, without a collector that comes by now and then."""
    gc.disable()
    tracemalloc.start()
    yield
    tracemalloc.stop()
    gc.enable()


@pytest.mark.usefixtures("_traced_memory")
def test_row_01_an_outage_under_load_needs_no_more_memory_the_longer_it_lasts(
    shipping: Shipping, proxy: FaultProxy
) -> None:
    shipping.log(10)
    shipping.settle()
    with proxy.refusing():
        shipping.log(LINES // 2)
        assert not shipping.sender.flush(0.2)
        before, _ = tracemalloc.get_traced_memory()
        shipping.log(2 * LINES)
        assert not shipping.sender.flush(0.5)
        after, _ = tracemalloc.get_traced_memory()
        assert after - before < 1_500_000  # a batch on its way or not; 2 MB are logged, and tried again ten times
    assert shipping.assert_stored_once().retries > 10


def test_row_03_a_reply_that_was_lost_after_the_node_indexed_doubles_nothing(
    shipping: Shipping, proxy: FaultProxy
) -> None:
    proxy.fault = Script(DropReply(), None, DropReply())
    shipping.log(LINES)
    stats = shipping.assert_stored_once()
    assert proxy.counts["DropReply"] == 2, proxy
    assert stats.duplicate_suppressed > 0
    assert stats.stored + stats.duplicate_suppressed == LINES


def test_row_03_spans_are_not_doubled_either(proxy: FaultProxy, elasticsearch_url: str, namespace: str) -> None:
    exporter = StoreSpanExporter(proxy.url, namespace=namespace)
    tracer = make_tracer(SimpleSpanProcessor(exporter))
    proxy.fault = Script(DropReply(), None, DropReply())
    for number in range(LINES // 10):
        with tracer.start_as_current_span("checkout") as span:
            span.add_event(f"step {number}")
    assert exporter.force_flush(60_000), proxy
    stats = exporter.stats()
    assert_balanced(stats)
    assert stats.stored + stats.duplicate_suppressed == 2 * LINES // 10
    assert stats.duplicate_suppressed > 0
    with open_store(elasticsearch_url, namespace=namespace) as store:
        store.refresh()
        assert len({span.span_id for span in store.spans()}) == len(list(store.spans())) == LINES // 10
        assert len(list(store.logs())) == LINES // 10


CONNECTIONS = [
    Refuse(0.2),
    ResetRequest(0),
    ResetRequest(1000),
    ResetReply(0),
    ResetReply(20),
    TruncatedReply(0),
    TruncatedReply(20),
    InvalidJson(forward=True),
    InvalidJson(forward=False),
    Garbage(forward=True),
    HtmlPage(502, forward=True),
    HtmlPage(200),
]


@pytest.mark.parametrize("fault", CONNECTIONS, ids=repr)
def test_row_05_what_was_cut_off_or_answered_wrongly_is_sent_again_under_the_same_ids(
    fault: Fault, shipping: Shipping, proxy: FaultProxy
) -> None:
    proxy.fault = Script(fault, fault)
    shipping.log(LINES // 2)
    stats = shipping.assert_stored_once()
    assert proxy.counts[fault.name] == 2, proxy
    assert (stats.stored + stats.duplicate_suppressed, stats.lost, stats.refused) == (shipping.logged, 0, 0)


@pytest.mark.parametrize("fault", [BlackHole(), BlackHole(forward=True), Throttle(1000)], ids=repr)
def test_row_05_no_call_waits_for_a_node_that_is_silent_or_slow(
    fault: Fault, shipping: Shipping, proxy: FaultProxy
) -> None:
    proxy.fault = fault
    shipping.log(1000)
    proxy.counts.wait_for(fault.name)
    requests, answered = proxy.counts["requests"], proxy.counts["bytes_out"]
    shipping.log(LINES)
    assert shipping.stats.in_spool == shipping.logged
    assert (proxy.counts["requests"], proxy.counts["bytes_out"]) == (requests, answered)  # all the while
    proxy.fault = None
    shipping.assert_stored_once()


def test_row_05_a_redirect_is_not_followed(shipping: Shipping, proxy: FaultProxy, elasticsearch_url: str) -> None:
    with FaultProxy(elasticsearch_url) as other:
        for status in (301, 302, 307, 308):
            proxy.fault = Script(Redirect(other.url, status))
            shipping.log(10)
            shipping.settle()
        assert (proxy.counts["Redirect"], other.counts["connections"]) == (4, 0)
    shipping.assert_stored_once()


def test_row_05_any_mixture_of_faults_loses_and_doubles_nothing(
    shipping: Shipping, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline_module, "BATCH", 50)
    seed = random.randrange(2**32)
    some = FailItems(probability=0.3, status=429, seed=seed)
    faults = [*CONNECTIONS[1:], DropReply(), HttpStatus(429), HttpStatus(503, forward=True), some]
    proxy.fault = RandomFaults(seed, faults, probability=0.4)
    shipping.log(LINES)
    assert shipping.sender.flush(60), proxy
    proxy.fault = None
    stats = shipping.assert_stored_once()
    assert (stats.stored + stats.duplicate_suppressed, stats.lost, stats.refused) == (LINES, 0, 0), f"seed={seed}"
