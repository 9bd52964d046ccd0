"""Rows 4 and 25 of the fault table: a rollover between two sends of a batch, and a wall clock that is set back.

In both, what is stored is not quite what was meant: readers make good for it. A list of lines is sorted by time, for it
has no end; the lines of a trace stay in the order of their calls.
"""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Callable

import pytest
from capture.telemetry import TRACE, make_tracer

from tracelog.store import open_store

from .oracle import Verdict, compare
from .proxy import FaultProxy, Script
from .replies import BlackHole, DropReply
from .shipping import Shipping, verdicts

pytestmark = [pytest.mark.slow, pytest.mark.elasticsearch]

LINES = 500
SECOND = 1_000_000_000


def roll_over(shipping: Shipping) -> None:
    url = f"{shipping.node}/logs-tracelog.otel-{shipping.namespace}/_rollover"
    with urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=60) as answer:
        answer.read()


def test_row_04_after_a_rollover_before_the_resend_a_reader_sees_each_line_once(
    shipping: Shipping, proxy: FaultProxy
) -> None:
    proxy.fault = Script(DropReply(), BlackHole())
    shipping.log(LINES)
    proxy.counts.wait_for("held")
    roll_over(shipping)
    proxy.release()
    stats = shipping.settle()
    assert (stats.stored, stats.duplicate_suppressed) == (LINES, 0)
    raw, read = verdicts(shipping.node, shipping.namespace, {"a": range(LINES)})
    assert read == Verdict()
    assert raw.doubled
    assert raw == Verdict(doubled=raw.doubled)


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Set the wall clock of this process by so many seconds."""
    shift = [0]
    clock, clock_ns = time.time, time.time_ns
    monkeypatch.setattr(time, "time", lambda: clock() + shift[0])
    monkeypatch.setattr(time, "time_ns", lambda: clock_ns() + shift[0] * SECOND)

    def set_by(seconds: int) -> None:
        shift[0] += seconds

    return set_by


def test_row_25_after_the_clock_is_set_back_the_lines_of_a_trace_are_in_the_order_of_their_calls(
    shipping: Shipping, set_clock: Callable[[int], None]
) -> None:
    with make_tracer().start_as_current_span("checkout"):
        for seconds in (0, -3600, -1, 7200, -5):
            set_clock(seconds)
            shipping.log(100)
    assert shipping.settle().stored == 500
    with open_store(shipping.node, namespace=shipping.namespace) as store:
        store.refresh()
        lines = store.trace(TRACE).logs
        listed = list(store.logs())
    assert [line.message for line in lines] == [f"line a {number}" for number in range(500)]
    assert [line.id for line in lines] == sorted({line.id for line in lines})
    assert [line.time for line in listed] == sorted(line.time for line in lines)
    by_time = compare({"a": range(500)}, (line.message for line in listed))
    assert by_time == Verdict(out_of_order=by_time.out_of_order)
