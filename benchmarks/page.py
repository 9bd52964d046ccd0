"""What the page of a large trace costs: run this, with or without a number of spans (100,000), each with a line.

write     the trace to the page, s of this process
size      of the file, MB
open      from the start of the navigation until the first rows are drawn, s
scroll    the longest task while it was scrolled through, ms of the renderer's own processor time
filter    the same while a text was looked for in everything
by clock  both by the clock, which on a machine that does other work too counts that as well
memory    the renderer's resident memory, MB, and the part of it that scripts hold

Traces are those of `explain`. Each is opened in Chromium (/usr/bin/chromium, or CHROMIUM), folded as it opens, and
unfolded whole; how long tasks are is read from the browser's own trace.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.explain import SHAPES, TRACE, line
from tracelog.model import Trace
from tracelog.read.tree import build_trace
from tracelog.show.page import page_html

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
OPEN_S, BUSY_MS, MEMORY_MB = 3.0, 50.0, 500.0
"""What is wanted: less than that."""
WHEELS = 120
_FIRST_ROWS = """new MutationObserver((_, observer) => {
  if (!document.querySelector("#tree .body [role=row]")) return;
  observer.disconnect();
  requestAnimationFrame(() => setTimeout(() => performance.mark("first rows")));
}).observe(document, { childList: true, subtree: true })"""
"""Marks when the first rows have been drawn."""

NAMES = ("write", "size", "open", "scroll", "by clock", "filter", "by clock", "memory", "scripts")


class Cost(NamedTuple):
    """What one page costs, in the units of the table."""

    write: float
    size: float
    open: float
    scroll: float
    by_clock: float
    filter: float
    by_clock_too: float
    memory: float
    scripts: float


class Task(NamedTuple):
    """How long a task was, ms: by the processor, and by the clock."""

    own: float = 0.0
    clock: float = 0.0


def busiest(page: Page, work: Callable[[], None]) -> Task:
    """Return the longest task of the renderer's main thread while work is done: the longest of either kind."""
    session = page.context.new_cdp_session(page)
    events: list[dict[str, Any]] = []
    session.on("Tracing.dataCollected", lambda data: events.extend(data["value"]))
    done: list[bool] = []
    session.on("Tracing.tracingComplete", lambda _: done.append(True))
    session.send("Tracing.start", {"transferMode": "ReportEvents", "categories": "toplevel,__metadata"})
    work()
    session.send("Tracing.end")
    while not done:
        page.wait_for_timeout(20)
    main = {(each["pid"], each["tid"]) for each in events
            if each["name"] == "thread_name" and each["args"]["name"] == "CrRendererMain"}  # fmt: skip
    tasks = [each for each in events
             if each.get("ph") == "X" and (each["pid"], each["tid"]) in main and "RunTask" in each["name"]]  # fmt: skip
    session.detach()
    return Task(*(max((each.get(name, 0) / 1000 for each in tasks), default=0.0) for name in ("tdur", "dur")))


def until(page: Page, condition: str) -> None:
    """Wait for a condition, which is evaluated from outside: the page's policy lets nothing evaluate within."""
    while not page.evaluate(condition):
        page.wait_for_timeout(20)


def scroll(page: Page) -> None:
    """Scroll by the wheel, then in leaps to all places, then along the lines beside."""
    for selector in ("#tree", "#lines-list"):
        box = page.locator(selector).bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        for _ in range(WHEELS):
            page.mouse.wheel(0, 400)
            page.wait_for_timeout(8)
        for step in range(40):
            page.eval_on_selector(selector, "(e, share) => { e.scrollTop = e.scrollHeight * share }", step / 40)
            page.wait_for_timeout(8)


def look_for(page: Page, text: str) -> None:
    page.fill("#filter-text", text)
    until(page, "document.querySelector('#found').textContent !== ''")
    page.wait_for_timeout(300)


def resident(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    return int(found[1]) / 1000 if found else 0.0


def renderers(session: CDPSession) -> list[int]:
    processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
    return [each["id"] for each in processes if each["type"] == "renderer"]


def measure(browser: Browser, path: Path, trace: Trace) -> Cost:
    began = time.process_time()
    path.write_bytes(b"".join(page_html(trace)))
    written = time.process_time() - began
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    page.add_init_script(_FIRST_ROWS)
    page.goto(path.as_uri())
    until(page, "performance.getEntriesByName('first rows').length")
    opened = page.evaluate("performance.getEntriesByName('first rows')[0].startTime") / 1000
    folded = busiest(page, lambda: scroll(page))
    page.keyboard.press("]")
    page.wait_for_timeout(500)
    whole = busiest(page, lambda: scroll(page))
    scrolled = Task(max(folded.own, whole.own), max(folded.clock, whole.clock))
    looked = busiest(page, lambda: look_for(page, "working"))
    memory = max(map(resident, renderers(browser.new_browser_cdp_session())))
    scripts = page.evaluate("performance.memory.usedJSHeapSize") / 1e6
    page.context.close()
    return Cost(written, path.stat().st_size / 1e6, opened, *scrolled, *looked, memory, scripts)


def main(count: int = 100_000) -> int:
    print(f"{f'{count:,} spans, a line each':28}" + "".join(f"{name:>9}" for name in NAMES))
    costs = []
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        for name, shape in SHAPES.items():
            spans = shape(count)
            trace = build_trace(TRACE, spans, [line(span) for span in spans])
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            cost = measure(browser, Path(folder) / "page.html", trace)
            browser.close()
            costs.append(cost)
            print(f"{name:28}" + "".join(f"{figure:9.{2 if place < 3 else 0}f}" for place, figure in enumerate(cost)))
    small = all(cost.open < OPEN_S and cost.memory < MEMORY_MB for cost in costs)
    by_clock = all(cost.by_clock < BUSY_MS for cost in costs)
    own = all(cost.scroll < BUSY_MS for cost in costs)
    print(f"\nwanted: open below {OPEN_S:.0f} s, memory below {MEMORY_MB:.0f} MB: {small}")
    print(f"wanted: no task of {BUSY_MS:.0f} ms while scrolling: by the clock {by_clock}, of processor time {own}")
    return int(not (small and by_clock))


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:2])))
