"""What an engineer on call would do next: latency per operation, the slowest trace, its timeline.

Each step prints the command that it stands for, to be tried on the store that the shop has filled.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tracelog.model import CALLED
from tracelog.schema.times import format_iso
from tracelog.show import console as show
from tracelog.show import tables
from tracelog.show.text import duration
from tracelog.store import DEFAULT_URL, resolve_url

if TYPE_CHECKING:
    from rich.console import Console

    from tracelog.demo.shop import ShopResult
    from tracelog.store import Store

SLOWEST = 3


def show_around(store: Store, result: ShopResult) -> None:
    """Print the way from "p99 is fine" to the lines that say why one customer waited."""
    out = show.make_console()
    since = format_iso(time.time_ns() - result.elapsed, digits=0)
    out.print(
        f"{result.checkouts:,} checkouts in {duration(result.elapsed)}, {result.failures} failed:"
        f" p50 {duration(result.p50)}, p99 {duration(result.p99)}. All is well?"
    )
    operations = [row for row in store.operations(since=since) if row.kind in CALLED]
    _say(out, store, f"ops --since {since}")
    tables.print_operations(out, operations)
    _say(out, store, f"slow --since {since} --limit {SLOWEST}")
    tables.print_slow(out, store.slowest(since=since, limit=SLOWEST))
    out.print(f"\nCustomer {result.slow_customer} asks why order {result.slow_order_id} took so long.")
    _say(out, store, f"show {result.slow_order_id}")
    show.print_trace(out, store.trace(result.slow_order_id))


def _say(out: Console, store: Store, command: str) -> None:
    here = "" if store.url == resolve_url(DEFAULT_URL) else f" --store {store.url}"
    out.print(f"\n$ tracelog {command}{here}", style="bold")
