"""What the flight recorder costs: `pip install -e '.[bench]'`, then run this.

A DEBUG line that is recorded and then forgotten, as its trace went well, beside the same line that is switched off, one
whose record is made and goes nowhere, and one that is formatted; through stdlib logging and through structlog. Rounds
are interleaved; each is one trace, whose decision is part of the round. What is wanted is held against the minima. Then
memory with 10,000 open traces, decisions a second, and memory while a million traces go by. `--quick`: a tenth of that.
"""

from __future__ import annotations

import argparse
import gc
import io
import logging
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import structlog
from opentelemetry.sdk.trace import TracerProvider

import tracelog
from tracelog.keep.policies import StatusCode
from tracelog.keep.recorder import Recorder

ROUNDS, CALLS = 60, 1000
POLICIES: list[dict[str, Any]] = [{"name": "failed", "type": "status_code", "status_code": "ERROR"}]
Call = Callable[[], object]


class Nowhere(logging.Handler):
    """Does nothing with a record: what is left is the record's own cost."""

    def handle(self, record: logging.LogRecord) -> bool:
        return bool(record)


class Formatting(logging.Handler):
    """Makes the line, and forgets it."""

    def emit(self, record: logging.LogRecord) -> None:
        self.format(record)


def logger(name: str, level: str, handler: logging.Handler) -> logging.Logger:
    made = logging.getLogger(f"keep.{name}")
    made.propagate = False
    made.setLevel(level)
    made.addHandler(handler)
    return made


def through_stdlib(url: str, keep: tracelog.Keep) -> dict[str, Call]:
    """Return the calls of stdlib loggers, by what becomes of the line."""
    formatting = Formatting()
    formatting.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    loggers = {
        "stdlib: switched off": logger("off", "INFO", Nowhere()),
        "stdlib: record made": logger("made", "DEBUG", Nowhere()),
        "stdlib: recorded, forgotten": logger("recorded", "DEBUG", tracelog.StoreHandler(url, keep=keep, spool=False)),
        "stdlib: formatted": logger("formatted", "DEBUG", formatting),
    }
    return {name: partial(log.debug, "reserving item %d of %s", 7, "A-1234") for name, log in loggers.items()}


def through_structlog(url: str, keep: tracelog.Keep) -> dict[str, Call]:
    """Return the calls of structlog's own loggers."""
    start = [structlog.contextvars.merge_contextvars, structlog.processors.add_log_level]
    renderer = tracelog.StoreRenderer(url, keep=keep, spool=False)
    to_json = [*start, structlog.processors.TimeStamper(fmt="iso"), structlog.processors.JSONRenderer()]
    chains: dict[str, tuple[list[Any], type[Any]]] = {
        "structlog: switched off": (to_json, structlog.make_filtering_bound_logger("INFO")),
        "structlog: recorded, forgotten": ([*start, renderer], tracelog.make_recording_bound_logger("INFO")),
        "structlog: formatted": (to_json, structlog.make_filtering_bound_logger("DEBUG")),
    }
    calls: dict[str, Call] = {}
    for name, (processors, wrapper) in chains.items():
        sink = structlog.PrintLogger(_Sink())
        log = structlog.wrap_logger(sink, processors=processors, wrapper_class=wrapper, context_class=dict)
        calls[name] = partial(log.bind(order="A-1234").debug, "reserving", item=7)
    return calls


class _Sink(io.StringIO):
    def write(self, _text: str) -> int:
        return 0


def costs(rounds: int) -> None:
    """Print what a call costs, µs."""
    keep, url = tracelog.Keep(POLICIES), "sqlite:unused.db"
    provider = TracerProvider()
    provider.add_span_processor(tracelog.KeptSpans(tracelog.StoreSpanExporter(url, spool=False), keep))
    tracer = provider.get_tracer("bench")
    calls = {**through_stdlib(url, keep), **through_structlog(url, keep)}
    took: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            with calm():
                begin = time.perf_counter()
                with tracer.start_as_current_span("order"):
                    for _ in range(CALLS):
                        call()
                took[name].append((time.perf_counter() - begin) / CALLS * 1e6)
    print(f"{'µs a line':<34}{'min':>8}{'median':>8}")
    for name, figures in took.items():
        print(f"{name:<34}{min(figures):8.2f}{statistics.median(figures):8.2f}")
    recorded, made = (min(took[f"stdlib: {what}"]) for what in ("recorded, forgotten", "record made"))
    print(f"\nstdlib, recorded to record made: {recorded / made:.2f} (wanted: 1.3 at most)")
    print(f"structlog, recorded: {min(took['structlog: recorded, forgotten']):.2f} µs (wanted: 2.5 at most)\n")
    assert keep.stats()["undecided"] == 0


def many(traces: int) -> None:
    """Print how much memory open traces take, and how many are decided a second."""
    recorder = Recorder([StatusCode("failed")])
    before = memory()
    for trace_id in range(10_000):
        recorder.span_started(trace_id, is_local_root=True)
        for n in range(5):
            record = logging.LogRecord("shop", 10, "shop.py", 7, "reserving item %d of %s", (n, "A-1234"), None)
            recorder.line(trace_id, 5, record, print, 600, logged=False)
    print(f"10,000 open traces of 5 lines each: {memory() - before:.0f} MiB")
    recorder.close()
    del recorder
    recorder = Recorder([StatusCode("failed")])
    sizes: list[float] = []
    begin = time.perf_counter()
    for trace_id in range(traces):
        recorder.span_started(trace_id, is_local_root=True)
        recorder.line(trace_id, 5, "reserving", print, 600, logged=False)
        recorder.span_ended(trace_id, "span", print, 2000, is_local_root=True, failed=False, duration=1)
        if trace_id % (traces // 10) == traces // 10 - 1:
            sizes.append(memory())
    took = time.perf_counter() - begin
    print(f"{traces:,} traces begun, decided and forgotten: {traces / took:,.0f} a second")
    print(f"memory after each tenth of them, MiB: {' '.join(f'{size:.0f}' for size in sizes)}")


def memory() -> float:
    """Return how much memory this process has, MiB."""
    gc.collect()
    with Path("/proc/self/status").open() as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmRSS"))


@contextmanager
def calm() -> Iterator[None]:
    """Keep the collector out of a round."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    tracelog.install()
    costs(ROUNDS // 10 if quick else ROUNDS)
    many(100_000 if quick else 1_000_000)


if __name__ == "__main__":
    main()
