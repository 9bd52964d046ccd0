"""Pages in a real Chromium, as Debian has it, driven by Playwright; its own builds are not downloaded.

`TRACELOG_TEST_CHROMIUM` names the browser, and then it has to be there; else it is the one that is found, if one is. A
page is opened from a file, and watched for whatever it must never do: ask for anything, run into an error, be blocked.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from tracelog.model import Trace
from tracelog.show.page import page_html

CHROMIUM = os.environ.get("TRACELOG_TEST_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
_FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
WIDE = {"width": 1400, "height": 900}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "has_touch": True}
_PATIENCE = 10.0
_VIOLATIONS = """addEventListener("securitypolicyviolation", (event) =>
  console.error(`violates ${event.violatedDirective}: ${event.blockedURI} ${event.sample}`))"""


class Opened:
    """A page that is open. `complaints`: errors, words on the console, dialogs, and requests beside its own."""

    def __init__(self, browser: Browser, url: str, **options: Any) -> None:
        self.context = browser.new_context(**{"viewport": WIDE, "reduced_motion": "reduce", **options})
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", lambda said: self.complaints.append(f"{said.type}: {said.text}"))
        self.page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        self.page.on("dialog", lambda dialog: self.complaints.append(f"dialog: {dialog.message}"))
        self.page.on("request", lambda request: self._see(request.url, url))
        self.page.add_init_script(_VIOLATIONS)
        self.page.goto(url)

    def _see(self, asked: str, url: str) -> None:
        if asked.partition("#")[0] != url.partition("#")[0] and not asked.startswith("data:"):
            self.complaints.append(f"request: {asked}")

    def close(self) -> None:
        self.context.close()

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def texts(self, selector: str) -> list[str]:
        """Return what is read in the elements that match, those that are in sight and a few around them."""
        return [" ".join(text.split()) for text in self.page.locator(selector).all_inner_texts()]

    def text(self, selector: str) -> str:
        (text,) = self.texts(selector)
        return text

    def ask(self, expression: str) -> Any:
        """Evaluate in the page, from outside of its policy."""
        return self.page.evaluate(expression)

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something is so."""
        deadline = time.monotonic() + _PATIENCE
        while not condition():
            assert time.monotonic() < deadline, "it did not become so"
            self.page.wait_for_timeout(10)

    def fill(self, selector: str, text: str) -> None:
        """Fill in a field of the filter, and wait for what is found."""
        self.page.locator("#found").evaluate("(found) => { found.textContent = 'looking' }")
        self.page.fill(selector, text)
        self.until(lambda: self.text("#found") != "looking")

    @property
    def rows(self) -> list[str]:
        """The labels of the rows of the timeline, from the top."""
        rows = self.page.locator("#tree .body [role=row]")
        found = rows.evaluate_all("(rows) => rows.map((row) => [row.offsetTop, row.querySelector('.label').innerText])")
        return [" ".join(text.split()) for _, text in sorted(found)]

    @property
    def selected(self) -> str:
        """The label of the selected row; empty where none is."""
        return " ".join(self.texts("#tree [aria-selected=true] .label"))

    @property
    def said(self) -> str:
        return self.text("#said")

    @property
    def hash(self) -> str:
        found: str = self.ask("location.hash")
        return found


class OpenPage(Protocol):
    """Opens the page of a trace; `address` is what stands behind its name, options are those of a browser context."""

    def __call__(self, trace: Trace, address: str = "", **options: Any) -> Opened: ...


def launch(playwright: Playwright) -> Browser:
    """Start a browser without a window, with a profile of its own that goes when it ends."""
    return playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=_FLAGS)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser for the tests of one module, for while Playwright runs, its event loop is that of the thread."""
    if CHROMIUM is None:
        pytest.skip("no Chromium: apt-get install chromium, or name one in TRACELOG_TEST_CHROMIUM")
    with sync_playwright() as playwright:
        started = launch(playwright)
        yield started
        started.close()


@pytest.fixture
def open_page(browser: Browser, tmp_path: Path) -> Iterator[OpenPage]:
    """Return a function that opens the page of a trace; at the end, none of them may have complained or asked."""
    opened: list[Opened] = []

    def open_one(trace: Trace, address: str = "", **options: Any) -> Opened:
        file = tmp_path / "trace.html"
        file.write_bytes(b"".join(page_html(trace)))
        found = Opened(browser, file.as_uri() + address, **options)
        opened.append(found)
        return found

    yield open_one
    for each in opened:
        each.close()
    assert [each.complaints for each in opened if each.complaints] == []
