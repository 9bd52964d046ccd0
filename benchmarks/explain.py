"""What explaining a trace costs beside building its tree: run this, with or without a number of spans (100,000).

tree      the spans and lines to a tree, each line on its span
path      the critical path
findings  where the time went, what failed and what is missing
ratio     all of it by the tree alone, which is to stay below 2

The traces are of the worst shapes: spans all below each other, all beside each other and at once, all waited for one
after the other, at random, and a loop of calls with attributes. Printed is the minimum of the rounds, in turn, s of
this process, with the garbage collector paused, as it is while a store builds a trace.
"""

from __future__ import annotations

import gc
import random
import sys
import time
from collections.abc import Callable
from typing import TypeVar

from tracelog.model import LogEntry, Span
from tracelog.read.critical import with_critical_path
from tracelog.read.findings import judged
from tracelog.read.tree import unexplained
from tracelog.store.collecting import collector_paused

ROUNDS = 5
TRACE = "f" * 32
MOST = 2.0
_Result = TypeVar("_Result")


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


def timed(call: Callable[[], _Result]) -> tuple[float, _Result]:
    """Return how long a call took, s of this process, and what it returned."""
    gc.collect()
    with collector_paused():
        began = time.process_time()
        result = call()
        return time.process_time() - began, result


def measure(spans: list[Span], lines: list[LogEntry]) -> list[float]:
    """Return the least time of each step, s."""
    rounds = []
    for _ in range(ROUNDS):
        tree, bare = timed(lambda: unexplained(TRACE, spans, lines, {}))
        path, trace = timed(lambda: with_critical_path(bare))  # noqa: B023 - called at once
        findings, _ = timed(lambda: judged(trace))  # noqa: B023
        rounds.append((tree, path, findings))
    return [min(step) for step in zip(*rounds, strict=True)]


def main(count: int = 100_000) -> int:
    print(f"{f'{count:,} spans':32}    tree    path findings   ratio")
    worst = 0.0
    for name, shape in SHAPES.items():
        spans = shape(count)
        for lines in ([], [line(span) for span in spans]):
            tree, path, findings = measure(spans, lines)
            ratio = (tree + path + findings) / tree
            worst = max(worst, ratio)
            said = f"{name}, a line each" if lines else name
            print(f"{said:32} {tree:7.3f} {path:7.3f} {findings:8.3f} {ratio:7.2f}")
    print(f"\nthe worst ratio: {worst:.2f} (wanted: at most {MOST:.2f})")
    return int(worst > MOST)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:2])))
