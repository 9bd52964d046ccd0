"""The four moments that tracelog is for, from beginning to end, in real processes, on each kind of store."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page
from running_shop import ShopRun

pytestmark = pytest.mark.slow

SERVICE = """
import logging, logging.config, threading, tracelog
CONFIGURED
from opentelemetry.sdk.trace import TracerProvider
tracer = TracerProvider().get_tracer("billing")
log = logging.getLogger("billing.invoices")
def bill(number):
    with tracer.start_as_current_span("POST /invoices"):
        log.info("invoice %d created", number)
        try:
            raise ValueError("no such customer")
        except ValueError:
            log.exception("invoice %d was not sent", number)
threads = [threading.Thread(target=bill, args=(number,)) for number in range(20)]
for thread in threads: thread.start()
for thread in threads: thread.join()
tracelog.flush(60)  # a busy machine is no failure
"""
THREE_LINES = """
import tracelog
logging.getLogger().addHandler(tracelog.StoreHandler(service="SERVICE"))
logging.getLogger().setLevel("INFO")
"""
DICT_CONFIG = """
logging.config.dictConfig({
    "version": 1,
    "handlers": {"store": {"class": "tracelog.StoreHandler", "service": "SERVICE"}},
    "root": {"handlers": ["store"], "level": "INFO"},
})
"""


def rows(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("configured", [THREE_LINES, DICT_CONFIG], ids=["three lines", "dictConfig"])
def test_moment_1_a_logging_handler_and_every_line_carries_ids(
    configured: str, shop_run: ShopRun, tmp_path: Path
) -> None:
    service = f"billing-{uuid.uuid4().hex}"
    program = SERVICE.replace("CONFIGURED", configured.replace("SERVICE", service))
    environment = shop_run.environment | {"TRACELOG_SPOOL": str(tmp_path)}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)
    shop_run.store.refresh()
    found = rows(shop_run.tracelog("logs", "--service", service, "--json"))
    lines = [line for line in found if line["attributes"]["code.function.name"] == "bill"]
    assert len(lines) >= 40
    assert all(line["trace_id"] and line["span_id"] for line in lines)
    assert {line["exception"]["message"] for line in lines if "exception" in line} == {"no such customer"}


def test_moment_2_any_id_leads_to_the_lines_of_the_trace(shop_run: ShopRun) -> None:
    slow = shop_run.slow
    assert slow.root is not None
    span = slow.spans[-1].span_id
    expected = [line.message for line in slow.logs]
    for any_id in (
        slow.trace_id, slow.trace_id.upper(), span, f"00-{slow.trace_id}-{span}-01", shop_run.result.slow_order_id,
    ):  # fmt: skip
        found = rows(shop_run.tracelog("logs", any_id, "--json"))
        assert {line["trace_id"] for line in found} == {slow.trace_id}
        assert [message for message in expected if message not in {line["message"] for line in found}] == []


def test_moment_3_from_the_slowest_trace_to_the_lines_of_its_slow_span(shop_run: ShopRun) -> None:
    (slowest,) = rows(shop_run.tracelog("slow", "--service", "api-gateway", "--limit", "1", "--json"))
    trace = json.loads(shop_run.tracelog("show", slowest["trace_id"], "--json").stdout)
    path = [span for span in trace["spans"] if span["critical"] and span["service"] == "inventory-service"]
    reserve = next(span for span in path if span["name"] == "POST /reserve")
    shown = shop_run.tracelog("show", slowest["trace_id"], "--span", reserve["span_id"])
    assert "external-wms timed out after 2.5 s, giving up" in shown.stdout
    assert "lock of bin B-cust-4711 taken after 3.0 s" in shown.stdout  # of what it called, in another service
    assert "POST /charge" not in shown.stdout


def test_moment_4_one_checkout_took_eight_seconds_and_one_command_says_why(shop_run: ShopRun) -> None:
    done = shop_run.tracelog("show", shop_run.result.slow_order_id)
    assert done.returncode == 0
    said = " ".join(done.stdout.split())
    assert "inventory-service tried POST /stock 3 times" in said
    assert "bin B-cust-4711 is locked by nightly-recount, waiting for the lock" in said
    for service in shop_run.slow.services:
        assert service in said
    failed = shop_run.tracelog("show", shop_run.result.slow_order_id, "--fail-on", "retry,gap")
    assert failed.returncode == 3


@pytest.fixture
def page(shop_run: ShopRun, browser: Browser) -> Iterator[Page]:
    """`tracelog ui` of the shop's store, opened in a browser at all that is stored."""
    command = [sys.executable, "-m", "tracelog", "ui", "--port", "0"]
    with subprocess.Popen(command, env=shop_run.environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        context = browser.new_context(viewport={"width": 1400, "height": 900}, reduced_motion="reduce")
        try:
            opened = context.new_page()
            opened.goto(f"{process.stdout.readline().strip()}?since=&service=api-gateway")
            yield opened
        finally:
            context.close()
            process.terminate()


@pytest.mark.browser
def test_moment_3_in_a_browser(shop_run: ShopRun, page: Page) -> None:
    page.locator("#slowest ~ .table tbody a").first.click()
    page.wait_for_url(f"**/trace/{shop_run.slow.trace_id}*")
    page.locator("#tree .body .row.critical", has_text="POST /reserve").first.click()
    page.keyboard.press("l")
    lines = page.locator("#lines-list .body").inner_text()
    assert "external-wms timed out after 2.5 s" in lines
    assert "is locked by nightly-recount" in lines


@pytest.mark.browser
def test_moment_4_in_a_browser(shop_run: ShopRun, page: Page) -> None:
    page.get_by_label("Trace id, span id").fill(shop_run.result.slow_order_id)
    page.keyboard.press("Enter")
    page.locator("tbody a").first.click()  # the checkout; the others are what the worker did with the order
    page.wait_for_url(f"**/trace/{shop_run.slow.trace_id}*")
    page.locator("#findings button", has_text="tried POST /stock 3 times").click()
    selected = page.locator("#tree [aria-selected=true]")
    assert "POST /stock" in selected.inner_text()
    page.keyboard.press("e")
    assert page.locator("#details").inner_text().startswith(("POST /stock", "warning", "error", "event"))
