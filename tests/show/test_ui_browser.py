"""`tracelog ui` in a real Chromium: from the plot to the line, for everyone, asking for nothing elsewhere."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from browsing import PHONE
from documents import MS, keep, make_line, make_span, trace_id
from playwright.sync_api import Browser, Page

from tracelog.model import SpanLink
from tracelog.show.ui.server import application
from tracelog.store import Store, open_store

pytestmark = pytest.mark.browser

SECOND = 10**9
ALL = "since=&until="


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store of forty orders, of which one took two seconds and failed; it is linked with the first."""
    with open_store(f"sqlite:{tmp_path_factory.mktemp('browsed')}/shop.db") as store:
        for n in range(1, 41):
            slow = n == 30
            links = (SpanLink(trace_id(1), f"{1:016x}"),) if slow else ()
            keep(
                store,
                make_span(1, trace=n, at=n * SECOND, ms=2000 if slow else 10 + n, name="POST /orders", kind="SERVER",
                          status="ERROR" if slow else "OK", links=links),
                make_span(2, trace=n, parent=1, at=n * SECOND, ms=1900 if slow else 5, name="reserve", service="stock"),
                make_line(n, f"stock of {n} is locked", trace=n, span=2, at=n * SECOND + MS),
            )  # fmt: skip
        yield store


@pytest.fixture(scope="module")
def address(shop: Store) -> Iterator[str]:
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(application(shop), log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    thread.join(30)
    listening.close()


@pytest.fixture
def complaints() -> Iterator[list[str]]:
    """What pages complain of, and what they ask for elsewhere: at the end, nothing."""
    found: list[str] = []
    yield found
    assert found == []


@pytest.fixture
def visit(browser: Browser, address: str, complaints: list[str]) -> Iterator[Any]:
    contexts = []

    def open_one(path: str, **options: Any) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1400, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: complaints.append(said.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "request", lambda asked: None if asked.url.startswith((address, "data:")) else complaints.append(asked.url)
        )
        page.goto(address + path)
        return page

    yield open_one
    for context in contexts:
        context.close()


def test_three_clicks_lead_from_the_plot_at_p99_to_the_line(visit: Any) -> None:
    page = visit(f"/?{ALL}&service=shop&operation=POST+/orders")
    page.locator(f'.plot a[href="/trace/{trace_id(30)}"] circle.p99').first.click()
    page.locator("#tree .body .row", has_text="reserve").click()
    page.locator("#details").get_by_role("button", name="1 line here and below").click()
    assert page.locator("#lines-list [aria-selected=true]").inner_text().endswith("stock of 30 is locked")


def test_a_dot_is_a_trace_and_says_which(visit: Any) -> None:
    page = visit(f"/?{ALL}")
    dots = page.locator(".plot circle")
    assert dots.count() == 40
    assert page.locator(".plot circle.failed title").inner_html().startswith("2.00 s POST /orders (shop) at 2026-04-19")
    page.locator(".plot circle.failed").click()
    page.wait_for_url(f"**/trace/{trace_id(30)}*")


def test_the_fields_are_an_address_that_shows_the_same_again(visit: Any) -> None:
    page = visit(f"/?{ALL}")
    page.get_by_label("service").select_option("shop")
    page.get_by_label("at least").fill("1s")
    page.get_by_role("button", name="Search").click()
    assert page.locator("#slowest ~ .table tbody tr").count() == 1
    again = visit(page.url.partition("/?")[1] + page.url.partition("/?")[2])
    assert (
        again.locator("#slowest ~ .table tbody tr").inner_text()
        == page.locator("#slowest ~ .table tbody tr").inner_text()
    )


def test_any_id_leads_to_its_trace_and_the_trace_back_to_the_search(visit: Any) -> None:
    page = visit("/")
    page.get_by_label("Trace id, span id").fill(trace_id(7))
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/trace/{trace_id(7)}*")
    page.get_by_role("link", name="tracelog").click()
    page.wait_for_url("**/")


def test_a_link_leads_to_the_other_trace(visit: Any) -> None:
    page = visit(f"/trace/{trace_id(30)}#span={1:016x}")
    page.locator("#details .links a").click()
    page.wait_for_url(f"**/trace/{trace_id(1)}#span={1:016x}")


def test_figures_of_an_operation_lead_to_traces_near_them(visit: Any) -> None:
    page = visit(f"/?{ALL}")
    row = page.locator("#latency ~ .table tbody tr", has_text="reserve")
    assert row.locator("td").all_inner_texts()[1:] == ["40", "", "5.00 ms", "5.00 ms", "1.90 s", "1.90 s"]
    row.get_by_role("link", name="1.90 s").first.click()
    page.wait_for_url(f"**/trace/{trace_id(30)}*")


def test_it_can_be_used_by_keys_alone(visit: Any) -> None:
    page = visit(f"/?{ALL}&min=1s")
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.getAttribute('href')") == f"/trace/{trace_id(30)}":
            break
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/trace/{trace_id(30)}*")


@pytest.mark.parametrize("path", [f"/?{ALL}", f"/?{ALL}&service=shop&operation=POST+/orders", "/?min=x", "/find?q=zzz"])
@pytest.mark.parametrize(
    "options", [{"color_scheme": "light"}, {"color_scheme": "dark", **PHONE}], ids=["wide", "phone"]
)
def test_axe_finds_nothing_wrong_and_nothing_is_wider_than_the_window(
    path: str, options: dict[str, Any], visit: Any, complaints: list[str]
) -> None:
    page = visit(path, **options)
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    assert [f"{rule['id']}: {node['html'][:200]}" for rule in found for node in rule["nodes"]] == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    complaints[:] = [each for each in complaints if "400" not in each and "404" not in each]  # as it should answer
