"""The example shop: what it stores, on each kind of store, and how it starts and ends."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING

import pytest
from running_shop import CHECKOUTS

from tracelog.demo import shop
from tracelog.demo.shop import Shop, run_shop
from tracelog.errors import MissingExtraError, StoreError, TracelogError

if TYPE_CHECKING:
    from pathlib import Path

    from browsing import OpenPage
    from running_shop import ShopRun

    from tracelog.model import LogEntry, Node, Trace

pytestmark = pytest.mark.slow

SECOND = 1_000_000_000
SERVICES = ("api-gateway", "auth-service", "orders-service", "inventory-service", "external-wms")


def of(trace: Trace, service: str, name: str) -> list[Node]:
    return [node for node in trace.nodes if (node.span.service, node.span.name) == (service, name)]


def told(lines: tuple[LogEntry, ...]) -> list[tuple[str | None, str]]:
    return [(line.level, line.message) for line in lines]


def test_every_checkout_succeeds_and_is_reported_as_it_is_done(shop_run: ShopRun) -> None:
    assert (shop_run.result.checkouts, shop_run.result.failures) == (CHECKOUTS, 0)
    assert shop_run.progress == list(range(1, CHECKOUTS + 1))


def test_the_order_id_leads_to_a_checkout_of_seconds_among_quick_ones(shop_run: ShopRun) -> None:
    root = shop_run.slow.root
    assert root is not None
    assert (root.service, root.name, root.kind) == ("api-gateway", "POST /orders", "SERVER")
    assert root.duration > 5 * SECOND > shop_run.result.p50 * 10
    slowest, second = shop_run.store.slowest(service="api-gateway", limit=2)
    assert slowest.trace_id == shop_run.slow.trace_id
    assert second.duration < SECOND


def test_the_slow_checkout_is_one_whole_tree_over_all_services(shop_run: ShopRun) -> None:
    assert shop_run.slow.complete
    assert shop_run.slow.services == SERVICES
    assert {node.span.attributes.get("order.id") for node in shop_run.slow.nodes} == {shop_run.result.slow_order_id}


def test_inventory_asks_the_warehouse_three_times_in_vain(shop_run: ShopRun) -> None:
    asked = of(shop_run.slow, "inventory-service", "POST /stock")
    assert [node.span.status for node in asked] == ["ERROR"] * 3
    assert all(2 * SECOND < node.span.duration < 3 * SECOND for node in asked)
    assert len(of(shop_run.slow, "external-wms", "POST /stock")) == 3


def test_the_lines_of_the_reservation_tell_why_it_took_so_long(shop_run: ShopRun) -> None:
    (reserve,) = of(shop_run.slow, "inventory-service", "POST /reserve")
    assert told(reserve.logs) == [
        ("DEBUG", "stock not in the cache, asking external-wms"),
        ("DEBUG", "calling external-wms attempt 1/3"),
        ("WARNING", "external-wms timed out after 2.5 s, retrying"),
        ("DEBUG", "calling external-wms attempt 2/3"),
        ("WARNING", "external-wms timed out after 2.5 s, retrying"),
        ("DEBUG", "calling external-wms attempt 3/3"),
        ("WARNING", "external-wms timed out after 2.5 s, giving up"),
        ("WARNING", "external-wms gave no answer, reserving by estimate"),
        ("INFO", "stock reserved"),
    ]
    assert reserve.logs[2].attributes == {
        "attempt": 1,
        "sku": "sku-900",
        "customer": shop_run.result.slow_customer,
        "timeout_s": 2.5,
    }


def test_what_is_found_in_the_slow_checkout_is_the_retry_loop_and_the_stalled_call_between_its_lines(
    shop_run: ShopRun,
) -> None:
    retry, gap = shop_run.slow.findings
    assert (retry.kind, gap.kind) == ("retry", "gap")
    assert re.fullmatch(
        r"inventory-service tried POST /stock 3 times in [78]\.\d\d s, each time in vain: httpx\.ReadTimeout",
        retry.text,
    )
    assert re.fullmatch(
        r"[78]\.\d\d s in external-wms POST /stock, 3 times between 'bin B-cust-4711 is locked by nightly-recount,"
        r" waiting for the lock' and 'lock of bin B-cust-4711 taken after 3\.0 s'",
        gap.text,
    )
    asked = of(shop_run.slow, "inventory-service", "POST /stock")
    stalled = of(shop_run.slow, "external-wms", "POST /stock")
    assert retry.span_ids == tuple(node.span.span_id for node in asked)
    assert gap.span_ids == tuple(node.span.span_id for node in stalled)


def test_the_slow_checkout_waited_for_the_warehouse(shop_run: ShopRun) -> None:
    assert shop_run.slow.root is not None
    waited = {"external-wms": 0}
    for segment in shop_run.slow.critical_path:
        waited[segment.span.service] = waited.get(segment.span.service, 0) + segment.duration
    assert sum(waited.values()) == shop_run.slow.root.duration
    assert waited["external-wms"] > 7 * SECOND


def test_in_a_normal_checkout_nothing_is_found(shop_run: ShopRun) -> None:
    rows = shop_run.store.slowest(service="api-gateway", limit=CHECKOUTS)
    normal = [row for row in rows if row.duration < SECOND // 10] or rows[-1:]
    assert {row.trace_id: shop_run.store.trace(row.trace_id).findings for row in normal} == {
        row.trace_id: () for row in normal
    }


def test_each_service_logs_in_its_own_way_and_each_line_sits_on_its_span(shop_run: ShopRun) -> None:
    assert shop_run.slow.unplaced_logs == ()
    assert {line.service for node in shop_run.slow.nodes for line in node.logs} == set(SERVICES)
    assert all(line.service == node.span.service for node in shop_run.slow.nodes for line in node.logs)


def test_the_cache_miss_is_an_event_of_one_span_and_is_told_once(shop_run: ShopRun) -> None:
    missed = [(node.span.name, event) for node in shop_run.slow.nodes for event in node.span.events]
    misses = [(name, dict(event.attributes)) for name, event in missed if event.name == "cache_miss"]
    assert misses == [("cache get", {"cache.key": "stock:sku-900"})]
    assert not [line for line in shop_run.slow.logs if line.event_name == "cache_miss"]


def test_the_worker_takes_up_the_order_in_traces_that_link_back(shop_run: ShopRun) -> None:
    (published,) = of(shop_run.slow, "orders-service", "publish orders.placed")
    assert published.span.kind == "PRODUCER"
    names = {link.attributes["name"] for link in published.linked_from}
    assert names == {"process orders.placed", "settle batch"}
    processed = [shop_run.store.trace(link.trace_id) for link in published.linked_from]
    assert shop_run.slow.trace_id not in {trace.trace_id for trace in processed}
    batch = next(shop_run.store.spans(name="settle batch"))
    assert len({link.trace_id for link in batch.links}) == CHECKOUTS


@pytest.mark.browser
def test_the_page_of_the_slow_checkout_leads_from_the_slow_span_to_the_line_that_says_why(
    shop_run: ShopRun, open_page: OpenPage
) -> None:
    page = open_page(shop_run.slow)
    page.page.locator("#findings").get_by_role("button", name="gap").click()
    assert page.selected == "POST /stock external-wms"
    assert len({*page.texts("#lines-list .own")}) > 2
    page.press("z", "l")
    assert "stock query sku=sku-900" in page.selected
    page.press("j")
    assert "WARN bin B-cust-4711 is locked by nightly-recount, waiting for the lock" in page.selected
    again = open_page(shop_run.slow, page.hash)
    assert again.selected == page.selected
    again.fill("#filter-text", "locked by nightly-recount")
    assert again.text("#found") == "0 spans, 3 lines"


def test_no_process_is_left_running(tmp_path: Path) -> None:
    with Shop(f"sqlite:{tmp_path}/shop.db") as running:
        processes = running.processes
        assert len(processes) == 7
        for process in processes:
            os.kill(process, 0)
    for process in processes:
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)


def test_a_service_that_does_not_start_is_named_with_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shop, "MODULES", {**shop.MODULES, "external-wms": "no_such_module"})
    with pytest.raises(TracelogError, match=r"^external-wms did not start .*no_such_module[^\n]*$"):
        run_shop(f"sqlite:{tmp_path}/shop.db", 1)


def test_a_store_that_cannot_be_reached_is_an_error_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        run_shop(f"sqlite:{tmp_path}/missing/folder/shop.db", 1)


def test_missing_libraries_are_named_by_their_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(MissingExtraError, match=r"tracelog demo needs the extra 'demo'"):
        run_shop(f"sqlite:{tmp_path}/shop.db", 1)
