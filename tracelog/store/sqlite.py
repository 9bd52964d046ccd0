"""The embedded store: one SQLite file, written by any number of processes.

Each document is kept as it is, beside the few columns that questions are asked of. WAL lets readers and one writer
work at once; a batch is one transaction, and a writer waits for another's. An `id_terms` row per trace and value
of an id-like attribute answers "which trace holds this order id" by index.
"""

from __future__ import annotations

import heapq
import os
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakSet, finalize

import msgspec

from tracelog import ids
from tracelog.errors import StoreRejectedError, StoreUnavailableError
from tracelog.model import Coverage, LogEntry, Match, Operation, Span, SpanOutline
from tracelog.read.latency import operations
from tracelog.schema import otel
from tracelog.schema.otel import Document
from tracelog.schema.otel_columns import read_outline, read_said
from tracelog.store import sqlite_coverage, sqlite_queries, sqlite_schema
from tracelog.store.base import Store, TraceContents, WriteResult
from tracelog.store.constraints import comparisons, decided, meets
from tracelog.store.forks import before_fork, no_fork
from tracelog.store.query import LogQuery, SpanQuery, Time, moment
from tracelog.store.slowest import Totals
from tracelog.store.sqlite_queries import IN_ANY_RUN, LOGS, OF_TRACE, SPANS, chunks
from tracelog.store.sqlite_writing import Rows
from tracelog.store.terms import keys_of, said_in, words_pattern

_BUSY_MS = 30_000
"""How long another process is waited for."""
_TURN_MS = 50
"""How long at once, by who writes: until then a fork has to wait as well."""
_IS_BUSY = "database is locked"
_PAUSE = 0.01
"""How long forks go first then, s."""
_Decoded = TypeVar("_Decoded")
_Result = TypeVar("_Result")
_inherited: list[sqlite3.Connection] = []
"""Connections of the parent that a forked child must neither use nor close."""
_stores: WeakSet[SQLiteStore] = WeakSet()


def _close_writers() -> None:
    """Leave a child nothing to inherit that writes.

    SQLite takes the locks of an inherited connection for the child's own, of which the system knows nothing: the
    parent then removes the write-ahead log that the child goes on writing to (https://sqlite.org/howtocorrupt.html).
    """
    for store in list(_stores):
        store._close_writer()  # noqa: SLF001 - the stores of this module


before_fork.append(_close_writers)


def _close_forgotten(connections: list[sqlite3.Connection], owner: int) -> None:
    """Close what a store still had open that nobody closed, in the process that opened it."""
    if os.getpid() == owner:
        for connection in connections:
            connection.close()


class SQLiteStore(Store):
    """A store in one file. It is created by the first write; reading one that does not exist is an error."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.url = f"sqlite:{path}"
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._writer: sqlite3.Connection | None = None
        self._owner = os.getpid()
        _stores.add(self)
        finalize(self, _close_forgotten, self._connections, self._owner).atexit = False

    def setup(self) -> list[str]:
        """Create the file and its tables where they are absent."""
        self._in_transaction(lambda _: None)
        return [f"{self.path}: ready"]

    def write(self, documents: Sequence[Document]) -> WriteResult:
        """Store a batch in one transaction."""
        rows = Rows(documents)
        stored = self._in_transaction(rows.insert)
        return WriteResult(stored, len(documents) - stored - len(rows.refused), rows.refused)

    def refresh(self) -> None:
        """Do nothing: a committed transaction is visible at once."""

    def close(self) -> None:
        """Close the connections of all threads."""
        with no_fork:
            self._forget_parent()
            self._close_writer()
            for connection in self._connections:
                connection.close()
            self._connections.clear()
            self._local = threading.local()

    def coverage(self, *, since: Time | None = None, until: Time | None = None) -> list[Coverage]:
        """Return what is stored of each service, and how much of it has ids."""
        return sqlite_coverage.coverage(self._select, moment(since), moment(until))

    def _search_spans(self, query: SpanQuery, *, longest_first: bool) -> Iterator[Span]:
        rows = self._longest_first(query) if longest_first else self._select(*sqlite_queries.spans(query))
        asked = query.attributes
        spans = self._decoded(otel.decode_span, rows)
        return decided(spans, lambda span: meets(span, asked), comparisons(asked), self._notes)

    def _longest_first(self, query: SpanQuery) -> Iterator[tuple[str]]:
        """Merge the spans of all runs, of each of which they come by duration; those of a few traces need no runs."""
        if query.trace_ids is not None:
            yield from self._select(*sqlite_queries.longest_of_traces(query))
            return
        runs = [run for (run,) in self._select(*sqlite_queries.runs_of(query))]
        spans = (self._select(*sqlite_queries.longest_spans(query, run)) for run in runs)
        for document, _ in heapq.merge(*spans, key=lambda row: -row[1]):
            yield (document,)

    def _operations(self, query: SpanQuery, by: int | None) -> list[Operation]:
        """Return the latency of each operation, exactly, from one scan of the columns."""
        return operations(self._select(*sqlite_queries.operations(query)), cache(self._trace_of), by)

    def _trace_of(self, trace: int) -> str:
        ((trace_id,),) = self._select("SELECT trace_id FROM traces WHERE trace = ?", (trace,))
        return str(trace_id)

    def _outlines(self, query: SpanQuery, *, names: bool) -> Iterator[Sequence[SpanOutline]]:  # noqa: ARG002
        spans = self._decoded(read_outline, self._select(*sqlite_queries.outlines(query)))
        for _, trace in groupby(spans, attrgetter("trace_id")):
            yield list(trace)

    def _outlines_around(self, trace_ids: frozenset[str], query: SpanQuery) -> Iterator[SpanOutline]:
        return self._decoded(read_outline, self._select(*sqlite_queries.outlines_around(trace_ids, query)))

    def _outlines_of(self, names: Collection[tuple[str, str]]) -> Iterator[SpanOutline]:
        for name in names:
            yield from self._decoded(read_outline, self._select(f"{SPANS} WHERE {OF_TRACE} AND span_id = ?", name))

    def _search_logs(self, query: LogQuery) -> Iterator[LogEntry]:
        rows = self._select(*sqlite_queries.logs(query))
        asked, pattern = query.attributes, words_pattern(query.text) if query.text else None

        def matches(entry: LogEntry) -> bool:
            return (pattern is None or said_in(entry, pattern) is not None) and meets(entry, asked)

        return decided(self._decoded(otel.decode_log, rows), matches, comparisons(asked), self._notes)

    def _contents(self, trace_id: str) -> TraceContents:
        spans = self._select(f"{SPANS} WHERE {OF_TRACE}", (trace_id,))
        logs = self._select(f"{LOGS} WHERE {OF_TRACE}", (trace_id,))
        linking = self._select(f"{SPANS} WHERE number IN (SELECT number FROM links WHERE trace_id = ?)", (trace_id,))
        return TraceContents(
            list(self._decoded(otel.decode_span, spans)),
            list(self._decoded(otel.decode_log, logs)),
            list(self._decoded(otel.decode_span, linking)),
        )

    def _totals(self, trace_ids: Collection[str]) -> Mapping[str, Totals]:
        totals: dict[str, Totals] = {}
        for chunk, marks in chunks(trace_ids):
            which = f"USING (trace) WHERE trace_id IN ({marks}) GROUP BY trace"
            select = f"SELECT trace_id, sum(NOT event) FROM traces CROSS JOIN logs {which}"
            lines = dict(self._select(select, chunk))
            rows = self._select(
                "SELECT trace_id, count(*), sum(status = 'ERROR'), min(start), max(start + duration),"
                f" max(CASE place WHEN 'root' THEN duration END) FROM traces CROSS JOIN spans {which}",
                chunk,
            )
            for trace_id, spans, errors, start, end, root in rows:
                totals[trace_id] = Totals(spans, lines.get(trace_id, 0), errors, start, end, root)
        return totals

    def _find_ids(self, wanted: ids.Candidates) -> list[Match]:
        for field, condition, value in (
            ("trace_id", OF_TRACE, wanted.trace_id),
            ("span_id", f"span_id = ? AND {IN_ANY_RUN} AND trace_id != ''", wanted.span_id),
        ):
            found: Counter[str] = Counter()
            for table in ("spans", "logs") if value else ():
                select = f"SELECT trace_id, count(*) FROM {table} CROSS JOIN traces USING (trace) WHERE {condition}"
                found.update(dict(self._select(f"{select} GROUP BY trace", (value,))))
            if found:
                return [Match(trace_id, field, value or "", count) for trace_id, count in found.items()]
        return []

    def _find_value(self, value: str) -> list[Match]:
        rows = self._select(
            "SELECT trace_id, key, sum(count) FROM id_terms CROSS JOIN traces USING (trace)"
            " WHERE run IN runs AND value = ? GROUP BY trace, key",
            (value,),
        )
        matches = [Match(trace_id, key, value, count) for trace_id, key, count in rows]
        return _one_per_trace(matches or self._scan(value))

    def _scan(self, value: str) -> list[Match]:
        """Look for a value in every attribute and, where none holds it, in the text of every line."""
        held: Counter[tuple[str, str]] = Counter()
        texts: Counter[tuple[str, str]] = Counter()
        pattern = words_pattern(value)
        for said in self._decoded(read_said, self._select(*sqlite_queries.documents_with(value))):
            if said.trace_id:
                held.update((said.trace_id, key) for key in keys_of(value, said.attributes))
                part = said_in(said, pattern)
                if part is not None:
                    texts[said.trace_id, part] += 1
        return [Match(*found, value, count) for found, count in (held or texts).items()]

    def _root_durations(self, trace_ids: Collection[str]) -> Mapping[str, int]:
        durations: dict[str, int] = {}
        for chunk, marks in chunks(trace_ids):
            # The plus has SQLite read the spans of these traces, rather than every root.
            which = f"trace_id IN ({marks}) AND +place = 'root' GROUP BY trace"
            select = f"SELECT trace_id, max(duration) FROM traces CROSS JOIN spans USING (trace) WHERE {which}"
            durations.update(dict(self._select(select, chunk)))
        return durations

    def _decoded(self, decode: Callable[..., _Decoded], rows: Iterable[Sequence[Any]]) -> Iterator[_Decoded]:
        for row in rows:
            try:
                yield decode(*row)
            except (msgspec.MsgspecError, ValueError, RecursionError):
                self.skipped += 1

    def _select(self, statement: str, values: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        with _translated(self.path):
            for row in self._connect().execute(statement, values):  # noqa: UP028 - a cursor has a close
                yield row

    def _in_transaction(self, work: Callable[[sqlite3.Connection], _Result]) -> _Result:
        """Do some work in one transaction. A fork waits for that, and not for the transaction of another process."""
        deadline = time.monotonic() + _BUSY_MS / 1000
        while True:
            with no_fork, _translated(self.path):
                connection = self._begin(deadline)
                if connection is not None:
                    return _completed(connection, work)
            time.sleep(_PAUSE)

    def _begin(self, deadline: float) -> sqlite3.Connection | None:
        """Return the writer with a transaction open; None where, before the deadline, another process has one."""
        try:
            connection = self._connect_writer()
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if str(error) == _IS_BUSY and time.monotonic() < deadline:
                return None
            raise
        return connection

    def _connect_writer(self) -> sqlite3.Connection:
        """Return the connection that all threads write with, in turn: each holds `no_fork`."""
        self._forget_parent()
        if self._writer is None:
            self._writer = sqlite_schema.connect(self.path, create=True, busy_ms=_TURN_MS)
            self._connections.append(self._writer)
        return self._writer

    def _close_writer(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._connections.remove(self._writer)
            self._writer = None

    def _forget_parent(self) -> None:
        if os.getpid() != self._owner:
            _inherited.extend(self._connections)
            self._owner, self._connections, self._local, self._writer = os.getpid(), [], threading.local(), None

    def _connect(self) -> sqlite3.Connection:
        """Return the connection that this thread reads with; a forked child opens its own."""
        self._forget_parent()
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite_schema.connect(self.path, create=False, busy_ms=_BUSY_MS)
            self._local.connection = connection
            self._connections.append(connection)
            if sqlite_schema.is_old(connection):
                self.setup()
        return connection


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into those of a store, in one line that names the file."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise StoreUnavailableError(f"sqlite:{path}: {error}") from error
    except sqlite3.DatabaseError as error:
        raise StoreRejectedError(f"sqlite:{path}: {error}") from error


def _completed(connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], _Result]) -> _Result:
    """Do some work on the tables in the transaction that is open, and end it; what fails leaves nothing behind."""
    try:
        sqlite_schema.ensure(connection)
        result = work(connection)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return result


def _one_per_trace(matches: list[Match]) -> list[Match]:
    """Keep, for each trace, the field that holds the value most often."""
    best: dict[str, Match] = {}
    for match in sorted(matches, key=lambda match: (match.trace_id, match.field)):
        if match.trace_id not in best or match.count > best[match.trace_id].count:
            best[match.trace_id] = match
    return list(best.values())
