"""What it costs to ship log records, beside the peers: `pip install -e '.[bench]'`, then run this.

latency      what the calling thread waits for, each call by `perf_counter_ns`, in three ways: a burst of calls; a burst
             beside two busy Python threads; a call every millisecond
end to end   the burst once more, from its first call until the last document is acknowledged: documents per second,
             CPU seconds of the whole process per 100,000 documents (the row `nothing` is what the records themselves
             cost), its largest memory, and which lines the node has not, or has twice, counted there by their numbers;
             python-logstash-async gets a twentieth of the lines here, for it takes seconds for a thousand
ready        100,000 ready documents: as bytes of bulks by one and by two threads, which is the ceiling; as dicts by
             `helpers.bulk`; and as the spool that a dead process left (`os._exit` while it could reach nothing)

Everything is measured in a process of its own against one real node on the same machine. Rounds are interleaved, so
that a drifting machine drifts for all; printed are medians of the rounds, but of `max` the largest, and of lines the
sums. Nothing fails because of a figure: the ratios are printed at the end, beside what was wanted.
"""

from __future__ import annotations

import argparse
import errno
import json
import logging
import os
import socket
import statistics
import sys
import tempfile
import threading
import time
import uuid
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib import import_module
from math import ceil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "tests"))

import tracelog  # noqa: E402 - that of this folder
from benchmarks.contenders import (  # noqa: E402
    LONGEST,
    Contender,
    Place,
    active_span,
    contender,
    installed,
    log_line,
    make_logger,
)
from benchmarks.targets import Job, Sink, Stored, answer, await_true, running_node  # noqa: E402

ROUNDS, CALLS, DOCUMENTS = 3, 30_000, 100_000
WAYS = {"burst": 1.0, "busy": 1.0, "paced": 1 / 30}
"""How contenders are called, and the share of the lines of a burst that each way gets."""
_PACE = 0.001
_BULK = 1000
_PERCENTILES = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999, "max": 1.0}
Figures = dict[str, float]


# In a process of its own: one contender, one way of calling it.


def call(*, name: str, way: str, url: str, stream: str, folder: str, calls: int) -> None:
    """Log lines and answer with the figures: of a burst, those of its way to the store too."""
    shipping = contender(name).start(Place(url, stream, folder))
    logger = make_logger(shipping.handler)
    times = array("q", bytes(8 * calls))
    with active_span():
        logger.info("warm up")
        shipping.finish()
        with beside_busy_threads(2 if way == "busy" else 0):
            begin, used = time.perf_counter(), time.process_time()
            log_lines(logger, times, _PACE if way == "paced" else 0.0)
    if way != "burst":
        answer(latencies(times))
        os._exit(0)
    shipping.finish()
    seconds, cpu = time.perf_counter() - begin, time.process_time() - used
    answer({**latencies(times), "seconds": seconds, "cpu": cpu, "peak": peak_memory()})


def log_lines(logger: logging.Logger, times: array[int], pause: float) -> None:
    """Log as many lines as there is room for their times, ns."""
    clock = time.perf_counter_ns
    for number in range(len(times)):
        if pause:
            time.sleep(pause)
        begin = clock()
        log_line(logger, number)
        times[number] = clock() - begin


@contextmanager
def beside_busy_threads(count: int) -> Iterator[None]:
    """Have threads that do nothing but compute."""
    done = threading.Event()

    def compute() -> None:
        while not done.is_set():
            sum(number * number for number in range(1000))

    threads = [threading.Thread(target=compute, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        done.set()
        for thread in threads:
            thread.join()


def latencies(times: Iterable[int]) -> Figures:
    """Return the percentiles of durations in ns, µs, and how many of 100,000 were longer than a millisecond."""
    ordered = sorted(times)
    count = len(ordered)
    ranks = {name: ordered[ceil(share * count) - 1] / 1000 for name, share in _PERCENTILES.items()}
    return {**ranks, "stalls": sum(1 for one in ordered if one > 1_000_000) / count * 100_000}


def peak_memory() -> float:
    """Return the largest memory of this process, MiB; `ru_maxrss` would be that of its parent, if that has more."""
    with Path("/proc/self/status").open() as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))


def timed(work: Callable[[], object]) -> None:
    """Do some work and answer with what it took."""
    begin, used = time.perf_counter(), time.process_time()
    work()
    answer({"seconds": time.perf_counter() - begin, "cpu": time.process_time() - used})


def make_documents(count: int, name: str) -> list[bytes]:
    """Return the documents of lines as tracelog stores them."""
    from tracelog.capture.record import read_record
    from tracelog.schema.otel import Destination, encode_log

    bodies: list[bytes] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            entry = read_record(record, {"service.name": "benchmark"})
            bodies.append(encode_log(entry, Destination(namespace=name)).body)

    logger = make_logger(Keep())
    with active_span():
        for number in range(count):
            log_line(logger, number)
    return bodies


def send_bytes(url: str, stream: str, name: str, count: int, threads: int) -> None:
    """Send ready bulks."""
    client = import_module("elasticsearch").Elasticsearch(url, request_timeout=60)
    documents = make_documents(count, name)
    parts = [documents[start : start + _BULK] for start in range(0, count, _BULK)]
    bulks = [b"".join(b'{"create":{}}\n%s\n' % document for document in part) for part in parts]

    def send(body: bytes) -> object:
        return client.bulk(index=stream, operations=body, filter_path="errors,items.*.status")

    send(bulks.pop())
    with ThreadPoolExecutor(threads) as pool:
        timed(lambda: list(pool.map(send, bulks)))


def send_dicts(url: str, stream: str, name: str, count: int) -> None:
    """Send ready dicts with `helpers.bulk`."""
    library = import_module("elasticsearch")
    helpers = import_module("elasticsearch.helpers")
    client = library.Elasticsearch(url, request_timeout=60)
    ready = [{"_op_type": "create", **json.loads(body)} for body in make_documents(count, name)]
    helpers.bulk(client, [ready.pop()], index=stream)
    timed(lambda: helpers.bulk(client, ready, index=stream))


def leave_spool(url: str, name: str, count: int, folder: str) -> None:
    """Log lines while nothing can be reached, and end without a word."""
    socket.socket.connect = refuse  # type: ignore[method-assign]
    logger = make_logger(contender("tracelog, durable").start(Place(url, name, folder)).handler)
    with active_span():
        for number in range(count):
            log_line(logger, number)
    os._exit(0)


def refuse(*_: object) -> None:
    """Answer as a port does that nobody listens on."""
    raise ConnectionRefusedError(errno.ECONNREFUSED, "refused")


def send_spool(url: str, name: str, count: int, folder: str) -> None:
    """Send what another process left, as any process does that logs to the same place.

    As for the others, what a process does but once is done before: a line is sent to another stream.
    """
    first = contender("tracelog, durable").start(Place(url, f"{name}-first", folder)).handler
    make_logger(first).info("first")
    assert tracelog.flush()
    handler = contender("tracelog, durable").start(Place(url, name, folder)).handler
    assert isinstance(handler, tracelog.StoreHandler)

    def send() -> None:
        make_logger(handler).info("here again")
        if not await_true(lambda: handler.stats().stored > count, LONGEST):
            print(handler.state, handler.stats(), file=sys.stderr)

    timed(send)


JOBS: dict[str, Callable[..., None]] = {
    work.__name__: work for work in (call, send_bytes, send_dicts, leave_spool, send_spool)
}


# In the process that was started: one after the other, and what they found.


class Bench:
    """Runs jobs against one node, each with a data stream and a folder of its own."""

    def __init__(self, url: str, folder: Path) -> None:
        self._url = url
        self._folder = folder
        self._stored = Stored(url)

    def call(self, one: Contender, way: str, calls: int) -> Figures:
        """Have a contender called, and return its figures and, of a burst, what became of the lines."""
        name, stream, folder = self._place(one.stream)
        with Sink() as sink:
            url = self._url if stream else sink.url
            given = {"url": url, "stream": name, "folder": str(folder), "calls": calls}
            job = Job(__file__, folder, work="call", name=one.name, way=way, **given)
            figures: Figures = job.answer()
            job.wait()
            lines = sink.settled()
        if way != "burst":
            return figures
        lines = self._stored.lines(stream) if stream else lines
        return completed(figures, Counter(range(calls)) if one.name == "nothing" else lines, calls)

    def ready(self, work: str, count: int, **given: object) -> Figures:
        """Have ready documents sent."""
        name, stream, folder = self._place(contender("tracelog, durable").stream)
        job = Job(__file__, folder, work=work, url=self._url, stream=stream, name=name, count=count, **given)
        figures: Figures = job.answer()
        job.wait()
        return completed(figures, self._stored.lines(stream), count)

    def spool(self, count: int) -> Figures:
        """Have a spool left, and sent by another process."""
        name, stream, folder = self._place(contender("tracelog, durable").stream)
        given = {"url": self._url, "name": name, "count": count, "folder": str(folder)}
        Job(__file__, folder, work="leave_spool", **given).wait()
        job = Job(__file__, folder, work="send_spool", **given)
        figures: Figures = job.answer()
        job.wait()
        return completed(figures, self._stored.lines(stream), count)

    def _place(self, pattern: str | None) -> tuple[str, str, Path]:
        """Return a name of its own, the data stream of that name, if there is to be one, and a folder."""
        name = uuid.uuid4().hex
        stream = pattern.format(name) if pattern else ""
        if stream:
            self._stored.create(stream)
        return name, stream, self._folder / name

    def close(self) -> None:
        """Close the connections."""
        self._stored.close()


def completed(figures: Figures, lines: Counter[int], emitted: int) -> Figures:
    """Return figures with what is said per document that arrived, and what is lost, and there more than once."""
    stored = max(len(lines), 1)
    return {
        **figures,
        "emitted": emitted,
        "lost": emitted - len(lines),
        "doubled": lines.total() - len(lines),
        "rate": stored / figures["seconds"],
        "cpu_per_call": figures["cpu"] / emitted,
        "cpu_per_document": figures["cpu"] / stored,
        "calls_per_document": emitted / stored,
    }


READY: dict[str, Callable[[Bench, int], Figures]] = {
    "bytes, one thread": lambda bench, count: bench.ready("send_bytes", count, threads=1),
    "bytes, two threads": lambda bench, count: bench.ready("send_bytes", count, threads=2),
    "dicts, helpers.bulk": lambda bench, count: bench.ready("send_dicts", count),
    "tracelog, a spool that was left": Bench.spool,
}


def measure(bench: Bench, rounds: int, calls: int, documents: int) -> dict[tuple[str, str], list[Figures]]:
    """Return the figures of all rounds, by way and contender."""
    found: dict[tuple[str, str], list[Figures]] = defaultdict(list)
    contenders = installed()
    for number in range(rounds):
        for way, share in WAYS.items():
            for one in contenders:
                lines = int(calls * share * (one.share if way == "burst" else 1.0))
                found[way, one.name].append(bench.call(one, way, lines))
        for name, send in READY.items():
            found["ready", name].append(send(bench, documents))
        print(f"round {number + 1} of {rounds} is done", file=sys.stderr)
    return found


def middle(figures: list[Figures]) -> Figures:
    """Return the medians of rounds, the largest `max`, and the sums of what was counted."""
    how: dict[str, Callable[[list[float]], float]] = {"max": max, "emitted": sum, "lost": sum, "doubled": sum}
    return {key: how.get(key, statistics.median)([one[key] for one in figures]) for key in figures[0]}


Table = dict[tuple[str, str], Figures]


def print_latencies(found: Table) -> None:
    """Print what a call costs its thread."""
    said = {"burst": "a burst", "busy": "a burst beside two busy threads", "paced": "a call every millisecond"}
    for way, words in said.items():
        print(f"\n{'latency, µs: ' + words:44}{'p50':>9}{'p99':>9}{'p99.9':>9}{'max':>11}{'> 1 ms in 100,000':>20}")
        for name, one in rows(found, way):
            print(
                f"{name:44}{one['p50']:9.1f}{one['p99']:9.1f}{one['p99.9']:9.1f}{one['max']:11.0f}{one['stalls']:20.0f}"
            )


def print_end_to_end(found: Table) -> None:
    """Print what became of the bursts."""
    print(
        f"\n{'end to end: a burst':32}{'docs/s':>9}{'CPU s/100k':>12}{'less records':>14}"
        f"{'MiB':>6}{'emitted':>10}{'lost':>8}{'doubled':>9}"
    )
    records = found["burst", "nothing"]["cpu_per_call"]
    for name, one in rows(found, "burst"):
        own = one["cpu_per_document"] - records * one["calls_per_document"]
        print(
            f"{name:32}{one['rate']:9,.0f}{one['cpu_per_document'] * 1e5:12.2f}{own * 1e5:14.2f}"
            f"{one['peak']:6.0f}{one['emitted']:10,.0f}{one['lost']:8,.0f}{one['doubled']:9,.0f}"
        )


def print_ready(found: Table) -> None:
    """Print how fast ready documents are sent."""
    print(f"\n{'ready documents':44}{'docs/s':>9}{'CPU s/100k':>12}{'lost':>8}{'doubled':>9}")
    for name, one in rows(found, "ready"):
        cpu = one["cpu_per_document"] * 1e5
        print(f"{name:44}{one['rate']:9,.0f}{cpu:12.2f}{one['lost']:8,.0f}{one['doubled']:9,.0f}")


def rows(found: Table, way: str) -> Iterator[tuple[str, Figures]]:
    """Yield the figures of one way, by contender."""
    return ((name, one) for (its, name), one in found.items() if its == way)


def print_ratios(found: Table) -> None:
    """Print what was wanted, and what was found."""
    ours = "tracelog, durable"
    idle, busy = found["burst", ours], found["busy", ours]
    spool, dicts = found["ready", "tracelog, a spool that was left"], found["ready", "dicts, helpers.bulk"]
    shipped = idle["rate"] / found["burst", "OTel batch + es.bulk"]["rate"]
    print(f"\ndurable call, burst, p50: {idle['p50']:.1f} µs (wanted: 12 at most)")
    print(f"durable call, burst, p99.9: {idle['p99.9']:.0f} µs (wanted: below 500)")
    print(f"durable call beside two busy threads, p99: {busy['p99']:.0f} µs (wanted: below 100)")
    print(f"drain of a spool / helpers.bulk, documents per second: {spool['rate'] / dicts['rate']:.2f} (wanted: 3)")
    cpu = dicts["cpu_per_document"] / spool["cpu_per_document"]
    print(f"CPU of helpers.bulk / of the drain of a spool: {cpu:.1f} (wanted: 8)")
    print(f"end to end, durable / OTel batch + es.bulk: {shipped:.2f} (wanted: 2.5)")


def main() -> None:
    """Measure and print; or do one job of it."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition(":")[0])
    options.add_argument("--rounds", type=int, default=ROUNDS)
    options.add_argument("--calls", type=int, default=CALLS, help="lines in a burst")
    options.add_argument("--documents", type=int, default=DOCUMENTS, help="ready ones")
    options.add_argument("--url", help="a node that runs already")
    options.add_argument("--job", type=json.loads, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.job:
        JOBS[given.job.pop("work")](**given.job)
        return
    with tempfile.TemporaryDirectory() as folder, running_node(given.url, Path(folder)) as (url, _):
        bench = Bench(url, Path(folder))
        figures = measure(bench, given.rounds, given.calls, given.documents)
        bench.close()
    found = {key: middle(each) for key, each in figures.items()}
    for show in (print_latencies, print_end_to_end, print_ready, print_ratios):
        show(found)


if __name__ == "__main__":
    main()
