"""What explaining a trace costs beside building its tree: run this, with or without a number of spans (100,000).

tree      the spans and lines to a tree alone, each line on its span
path      of all, the critical path
findings  of all, where the time went, what failed and what is missing
all       the tree with its path and its findings, as a store returns it
ratio     all of it by the tree alone, which is to stay below 2

The traces are of the worst shapes: spans all below each other, all beside each other and at once, all waited for one
after the other, at random, and a loop of calls with attributes. Each is measured in a process of its own, as a command
is one. Printed is the minimum of the rounds, in turn, s of the process, with the garbage collector paused, as it is
while a store builds a trace.
"""

from __future__ import annotations

import gc
import random
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from tracelog.model import LogEntry, Span
from tracelog.read.critical import critical_path, no_path
from tracelog.read.findings import judged
from tracelog.read.tree import planned, planted
from tracelog.store.collecting import collector_paused

ROUNDS = 9
TRACE = "f" * 32
MOST = 2.0


def span(number: int, parent: int | None, start: int, end: int, **rest: object) -> Span:
    parent_id = None if parent is None else f"{parent + 1:016x}"
    held = {"name": f"call {number % 50}", "service": f"service {number % 7}", "kind": "CLIENT", **rest}
    return Span(
        trace_id=TRACE, span_id=f"{number + 1:016x}", parent_span_id=parent_id, start=start, duration=end - start,
        **held,  # type: ignore[arg-type] # as they are given
    )  # fmt: skip


def below(count: int) -> list[Span]:
    return [span(n, n - 1 if n else None, n, 2 * count - n) for n in range(count)]


def beside(count: int) -> list[Span]:
    return [span(n, 0 if n else None, n, 2 * count - n) for n in range(count)]


def in_a_row(count: int) -> list[Span]:
    return [span(n, 0 if n else None, n, n + 1 if n else count) for n in range(count)]


def at_random(count: int) -> list[Span]:
    chosen = random.Random(0)
    return [
        span(n, chosen.randrange(max(n - 500, 0), n) if n else None, n * 1000, (n + chosen.randrange(1, 500)) * 1000)
        for n in range(count)
    ]


def loop(count: int) -> list[Span]:
    """Make a trace of many passes: each a query, a call that fails now and then, and the server that answers it."""
    end = count * 1_000_000
    spans = [span(0, None, 0, end, name="GET /orders")]
    for n in range(1, count - 2, 3):
        start = n * 1_000_000
        query = {"db.query.text": "SELECT * FROM items WHERE id = ?", "db.system.name": "postgresql"}
        asked = {"http.request.method": "GET", "url.full": f"http://stock:80/stock/{n}"}
        shop, stock = {"service": "shop"}, {"service": "stock", "kind": "SERVER", "name": "GET /stock/{id}"}
        call = {**shop, "name": "GET", "attributes": asked, "status": "UNSET" if n % 97 else "ERROR"}
        spans += [
            span(n, 0, start, start + 900_000, name="SELECT items", attributes=query, **shop),
            span(n + 1, 0, start + 1_000_000, start + 2_900_000, **call),
            span(n + 2, n + 1, start + 1_100_000, start + 2_500_000, **stock),
        ]
    return spans


SHAPES = {"below": below, "beside": beside, "in a row": in_a_row, "at random": at_random, "a loop": loop}


def line(span: Span) -> LogEntry:
    return LogEntry(
        id=span.span_id, time=span.start, observed_time=span.start, body="working", severity_number=9,
        service=span.service, trace_id=TRACE, span_id=span.span_id,
    )  # fmt: skip


def tree_alone(spans: list[Span], lines: list[LogEntry]) -> float:
    """Build a tree without anything else; return how long it took, s of this process."""
    began = time.process_time()
    tree = planted(TRACE, planned(spans, lines, {}), no_path(spans))
    took = time.process_time() - began
    del tree
    return took


def explained(spans: list[Span], lines: list[LogEntry]) -> tuple[float, float, float]:
    """Build a trace as `build_trace` does; return how long the path, the findings and all of it took."""
    times = [time.process_time()]
    plan = planned(spans, lines, {})
    times.append(time.process_time())
    path = critical_path(plan.spans, plan.children, plan.root)
    times.append(time.process_time())
    tree = planted(TRACE, plan, path)
    times.append(time.process_time())
    trace = judged(tree)
    times.append(time.process_time())
    del trace
    return times[2] - times[1], times[4] - times[3], times[4] - times[0]


def measure(spans: list[Span], lines: list[LogEntry]) -> list[float]:
    """Return the least time of each step, s."""
    rounds = []
    for _ in range(ROUNDS):
        gc.collect()
        with collector_paused():
            rounds.append((tree_alone(spans, lines), *explained(spans, lines)))
    return [min(times) for times in zip(*rounds, strict=True)]


def measure_shape(name: str, count: int) -> list[tuple[str, list[float]]]:
    """Measure a shape without lines, and with a line on each span."""
    spans = SHAPES[name](count)
    return [(name, measure(spans, [])), (f"{name}, a line each", measure(spans, [line(span) for span in spans]))]


def main(count: int = 100_000) -> int:
    print(f"{f'{count:,} spans':32}    tree    path findings     all   ratio")
    worst = 0.0
    for shape in SHAPES:
        with ProcessPoolExecutor(1, get_context("spawn")) as alone:
            measured = alone.submit(measure_shape, shape, count).result()
        for name, (tree, path, findings, everything) in measured:
            worst = max(worst, everything / tree)
            print(f"{name:32} {tree:7.3f} {path:7.3f} {findings:8.3f} {everything:7.3f} {everything / tree:7.2f}")
    print(f"\nthe worst ratio: {worst:.2f} (wanted: at most {MOST:.2f})")
    return int(worst > MOST)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:2])))
