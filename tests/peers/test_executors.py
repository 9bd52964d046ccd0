"""Threads, timers and pools: OpenTelemetry's context does not follow, and neither do the ids that are read from it.

`tests/capture/test_execution.py` has what `wrap` and the executor do beyond that.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from capture.telemetry import SPAN, TRACE, RecordList, make_logger
from opentelemetry.trace import Tracer

import tracelog
from tracelog import ContextThreadPoolExecutor

from .outcomes import ids_of

pytestmark = pytest.mark.skipif(
    bool(getattr(sys.flags, "thread_inherit_context", False)), reason="this interpreter hands contexts to threads"
)

Call = Callable[[], None]
OURS = (TRACE, SPAN, "01")


def in_a_thread(call: Call) -> None:
    thread = threading.Thread(target=call)
    thread.start()
    thread.join(30)


def in_a_timer(call: Call) -> None:
    timer = threading.Timer(0, call)
    timer.start()
    timer.join(30)


def in_a_pool(call: Call) -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(call).result(30)


def in_run_in_executor(call: Call) -> None:
    async def main() -> None:
        await asyncio.get_running_loop().run_in_executor(None, call)

    asyncio.run(main())


def logged(tracer: Tracer, run: Callable[[Call], None], wrapped: Callable[[Call], Call] = lambda call: call) -> object:
    """Log once within a span by way of something that runs it elsewhere; return the peer's trace id and our ids."""
    tracelog.install()
    kept = RecordList()
    logger = make_logger(kept)
    with tracer.start_as_current_span("checkout"):
        run(wrapped(lambda: logger.info("placed")))
    (record,) = kept.records
    return vars(record)["otelTraceID"], ids_of(record)


@pytest.mark.usefixtures("injected")
@pytest.mark.parametrize("run", [in_a_thread, in_a_timer, in_a_pool, in_run_in_executor])
def test_a_line_of_another_thread_has_no_ids_until_the_call_is_wrapped(
    tracer: Tracer, run: Callable[[Call], None]
) -> None:
    """open-telemetry/opentelemetry-python-contrib#1009 and #737, python/cpython#78195

    `wrap` hands on the whole context, so that the peer's ids are right then too.
    """
    assert logged(tracer, run) == ("0", None)
    assert logged(tracer, run, tracelog.wrap) == (f"{2:032x}", (f"{2:032x}", f"{2:016x}", "01"))


@pytest.mark.usefixtures("injected")
def test_a_pool_that_lives_for_long_serves_each_call_in_its_own_span(tracer: Tracer) -> None:
    """A worker thread keeps the context it was started in. open-telemetry/opentelemetry-python-contrib#1009"""
    tracelog.install()
    kept = RecordList()
    logger = make_logger(kept)
    with ThreadPoolExecutor(1) as standard, ContextThreadPoolExecutor(1) as ours:
        for name in ("one", "two"):
            with tracer.start_as_current_span(name):
                standard.submit(logger.info, name).result(30)
                ours.submit(logger.info, name).result(30)
    assert [vars(record)["otelTraceID"] for record in kept.records[::2]] == ["0", "0"]
    assert [ids_of(record) for record in kept.records[1::2]] == [OURS, (f"{2:032x}", f"{2:016x}", "01")]


def log_in_a_pool_of(executor: type[ThreadPoolExecutor], logger: logging.Logger) -> None:
    async def main() -> None:
        with executor(1) as pool:
            await asyncio.get_running_loop().run_in_executor(pool, logger.info, "placed")

    asyncio.run(main())


@pytest.mark.usefixtures("injected")
def test_run_in_executor_keeps_the_ids_in_the_executor_of_tracelog(tracer: Tracer) -> None:
    """python/cpython#78195"""
    tracelog.install()
    kept = RecordList()
    with tracer.start_as_current_span("checkout"):
        log_in_a_pool_of(ThreadPoolExecutor, make_logger(kept))
        log_in_a_pool_of(ContextThreadPoolExecutor, make_logger(kept))
    assert [(vars(record)["otelTraceID"], ids_of(record)) for record in kept.records] == [("0", None), (TRACE, OURS)]
