"""What `read.py` measures, each job in a process of its own: its answer are figures by name, one of each round.

Figures are seconds: `name` by the clock on the wall, `name, CPU` of the whole process. Contenders take turns in a
process, and the collector has nothing left of one when the next begins.
"""

from __future__ import annotations

import gc
import io
import json
import random
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.targets import answer
from benchmarks.traces import Traces, documents, eliot_messages
from tracelog.read.tree import build_trace
from tracelog.schema import otel
from tracelog.schema.otel import Destination, Document
from tracelog.show import console
from tracelog.store import Store, open_store

Figures = dict[str, list[float]]
_BATCH = 1000


class Rounds:
    """Figures of contenders that take turns."""

    def __init__(self) -> None:
        self.figures: Figures = defaultdict(list)

    def time(self, name: str, work: Callable[[], object], *, collect: bool = True) -> None:
        """Do some work, and note what it took; `collect` what others left before."""
        if collect:
            gc.collect()
        used, begin = time.process_time(), time.perf_counter()
        found = work()
        self.figures[name].append(time.perf_counter() - begin)
        self.figures[f"{name}, CPU"].append(time.process_time() - used)
        del found


def fill(store: Store, namespace: str, *, spans: int, logs: int) -> str:
    """Store one trace that no other store or namespace has; return its id."""
    trace_id, made, lines = Traces(uuid.uuid4().int).trace(spans, logs)
    waiting = documents(made, lines, Destination(namespace=namespace))
    while batch := list(islice(waiting, _BATCH)):
        assert not store.write(batch).again
    store.refresh()
    return trace_id


def large(*, url: str, namespace: str, spans: int, logs: int, rounds: int) -> None:
    """Read one large trace from Elasticsearch: whole and as a tree, and as dicts by `helpers.scan`."""
    client, scan = _client(url), import_module("elasticsearch.helpers").scan
    with open_store(url, namespace=namespace) as store:
        trace_id = fill(store, namespace, spans=spans, logs=logs)
        where = {"index": f"*-*-{namespace}", "query": {"query": {"term": {"trace_id": trace_id}}}}
        found = Rounds()
        for _ in range(rounds):
            found.time("helpers.scan, 1,000 a page", lambda: list(scan(client, **where)))
            found.time("helpers.scan, 10,000 a page", lambda: list(scan(client, **where, size=10_000)))
            found.time("store.trace", lambda: store.trace(trace_id))
        trace = store.trace(trace_id)
    assert (len(trace.nodes), len(trace.logs)) == (spans, logs)
    answer(found.figures)


def small(*, url: str, namespace: str, rounds: int) -> None:
    """Read a small trace from Elasticsearch: as a tree, and as the answer to the same two searches."""
    client = _client(url)
    with open_store(url, namespace=namespace) as store:
        trace_id = fill(store, namespace, spans=20, logs=20)
        search = {"query": {"term": {"trace_id": trace_id}}, "sort": ["@timestamp"], "size": 10_000}
        searches = [
            part for kind in ("traces", "logs") for part in ({"index": f"{kind}-*-{namespace}"}, search)
        ]  # fmt: skip
        found = Rounds()
        for _ in range(rounds):
            found.time("_msearch", lambda: client.msearch(searches=searches))
            found.time("store.trace", lambda: store.trace(trace_id))
    answer(found.figures)


def build(*, spans: int, rounds: int) -> None:
    """Build the tree of many spans, beside what it takes to parse their documents."""
    loads = import_module("orjson").loads
    trace_id, made, _ = Traces().trace(spans, 0)
    random.Random(1).shuffle(made)
    bodies = [otel.encode_span(span).body for span in made]
    found = Rounds()
    for _ in range(rounds):
        found.time("orjson.loads", lambda: [loads(body) for body in bodies])
        found.time("decode", lambda: [otel.decode_span(body) for body in bodies])
        found.time("build_trace", lambda: build_trace(trace_id, made, []))
    trace = build_trace(trace_id, made, [])
    found.time("print_trace", lambda: console.print_trace(console.make_console(io.StringIO(), width=120), trace))
    answer(found.figures)


def eliot(*, actions: int) -> None:
    """Build and print the tree of one task: eliot-tree's way and tracelog's."""
    eliottree = import_module("eliottree")
    messages = eliot_messages(actions)
    trace_id, made, _ = Traces().trace(actions, 0)
    found = Rounds()

    def theirs() -> None:
        eliottree.render_tasks(io.StringIO().write, list(eliottree.tasks_from_iterable(messages)))

    def ours() -> None:
        console.print_trace(console.make_console(io.StringIO(), width=120), build_trace(trace_id, made, []))

    found.time("eliot-tree", theirs)
    found.time("tracelog", ours)
    answer(found.figures)


def million(*, spans: int, rounds: int) -> None:
    """Build the tree of very many spans, and say how much memory the first one takes."""
    trace_id, made, _ = Traces().trace(spans, 0)
    random.Random(1).shuffle(made)
    found = Rounds()
    before = memory()
    kept = build_trace(trace_id, made, [])
    found.figures["memory"].append(memory() - before)
    del kept
    for _ in range(rounds):
        found.time("build_trace", lambda: build_trace(trace_id, made, []))
    answer(found.figures)


def embedded(*, path: str, count: int, asked: int) -> None:
    """Store many documents in batches, then read traces by id, each once."""
    with open_store(f"sqlite:{path}") as store:
        ids = store_batches(store.write, count, seed=1)
        read_each(ids, asked, store.trace)


def duck(*, path: str, count: int, asked: int) -> None:
    """Do the same with DuckDB, a table of documents with an index by trace; they are decoded and built as well."""
    connection = import_module("duckdb").connect(path)
    connection.execute("CREATE TABLE documents (id VARCHAR PRIMARY KEY, trace_id VARCHAR, span BOOLEAN, body VARCHAR)")
    connection.execute("CREATE INDEX documents_trace ON documents (trace_id)")
    insert = "INSERT INTO documents SELECT unnest(?), unnest(?), unnest(?), unnest(?) ON CONFLICT DO NOTHING"

    def write(batch: list[Document]) -> None:
        ids = [json.loads(document.body)["trace_id"] for document in batch]
        kinds = [document.stream == otel.TRACES for document in batch]
        columns = ([document.id for document in batch], ids, kinds, [document.body.decode() for document in batch])
        connection.execute(insert, list(columns))

    def read(trace_id: str) -> object:
        select = "SELECT span, body, id FROM documents WHERE trace_id = ?"
        rows = connection.execute(select, [trace_id]).fetchall()
        spans = [otel.decode_span(body.encode()) for span, body, _ in rows if span]
        return build_trace(
            trace_id, spans, [otel.decode_log(body.encode(), key) for span, body, key in rows if not span]
        )

    read_each(store_batches(write, count, seed=1), asked, read)


def store_batches(write: Callable[[list[Document]], object], count: int, seed: int) -> list[str]:
    """Store documents, answer with what that took, and return the trace ids."""
    ids: list[str] = []
    wall = cpu = 0.0
    waiting = _stream(Traces(seed), ids, count)
    while batch := list(islice(waiting, _BATCH)):
        used, begin = time.process_time(), time.perf_counter()
        write(batch)
        wall, cpu = wall + time.perf_counter() - begin, cpu + time.process_time() - used
    answer({"stored": [wall], "stored, CPU": [cpu]})
    return ids


def read_each(ids: list[str], asked: int, read: Callable[[str], object]) -> None:
    """Read some traces, and answer with what each took."""
    chosen = random.Random(2).sample(ids, min(asked, len(ids)))
    for trace_id in chosen[:100]:
        read(trace_id)
    figures = Rounds()
    for trace_id in chosen[100:]:
        figures.time("read", lambda: read(trace_id), collect=False)  # noqa: B023 - called at once
    answer(figures.figures)


def memory() -> float:
    """Return how much memory this process has, MiB."""
    with Path("/proc/self/status").open() as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmRSS"))


def _stream(traces: Traces, ids: list[str], count: int) -> Iterator[Document]:
    """Yield the documents of traces of ten spans and ten lines, and note the ids of these traces."""
    for _ in range(count // 20):
        trace_id, spans, lines = traces.trace(10, 10)
        ids.append(trace_id)
        yield from documents(spans, lines)


def _client(url: str) -> Any:
    return import_module("elasticsearch").Elasticsearch(url, request_timeout=60)


JOBS: dict[str, Callable[..., None]] = {
    work.__name__: work for work in (large, small, build, eliot, million, embedded, duck)
}
