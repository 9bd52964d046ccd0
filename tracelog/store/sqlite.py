"""The embedded store: one SQLite file, written by any number of processes.

Each document is kept as it is, beside the few columns that questions are asked of. WAL lets readers and one writer
work at once; a batch is one transaction, and a writer waits for another's. An `id_terms` row per trace and value
of an id-like attribute answers "which trace holds this order id" by index.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakSet, finalize

import msgspec

from tracelog import ids
from tracelog.errors import StoreRejectedError, StoreUnavailableError
from tracelog.model import LogEntry, Match, Operation, Span
from tracelog.read.latency import nearest_rank
from tracelog.schema import otel
from tracelog.schema.otel import Document
from tracelog.store import sqlite_schema
from tracelog.store.base import Store, Totals, TraceContents, WriteResult
from tracelog.store.forks import before_fork, no_fork
from tracelog.store.query import LogQuery, SpanQuery, Time, moment
from tracelog.store.sqlite_writing import chunks, insert_logs, insert_spans, rows_of
from tracelog.store.terms import matches_attributes, rough_words, values_of, words_pattern

_BUSY_MS = 30_000
_Decoded = TypeVar("_Decoded")
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
        with no_fork, _translated(self.path):
            connection = self._connect_writer()
            with _transaction(connection):
                sqlite_schema.ensure(connection)
        return [f"{self.path}: ready"]

    def write(self, documents: Sequence[Document]) -> WriteResult:
        """Store a batch in one transaction."""
        with no_fork, _translated(self.path):
            connection = self._connect_writer()
            spans, logs, refused = rows_of(documents)
            with _transaction(connection):
                sqlite_schema.ensure(connection)
                stored = insert_spans(connection, spans) + insert_logs(connection, logs)
        return WriteResult(stored, len(documents) - stored - len(refused), refused)

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

    def operations(
        self, *, service: str | None = None, since: Time | None = None, until: Time | None = None
    ) -> list[Operation]:
        """Return the latency of each operation, exactly, from one ordered scan of an index."""
        where = _Where()
        where.add("service = ?", service)
        where.add("start >= ?", moment(since))
        where.add("start < ?", moment(until))
        rows = self._select(
            f"SELECT service, name, kind, duration, status FROM spans {where} ORDER BY service, name, kind, duration",
            where.values,
        )
        grouped = groupby(rows, key=lambda row: row[:3])
        found = [self._operation(key, [row[3:] for row in group], where) for key, group in grouped]
        return sorted(found, key=lambda operation: (-operation.count, operation.service, operation.name))

    def _operation(self, key: tuple[str, str, str], spans: list[tuple[int, str]], window: _Where) -> Operation:
        durations = [duration for duration, _ in spans]
        figures = {f"p{rank}": nearest_rank(durations, rank) for rank in (50, 95, 99)}
        where = " ".join((f"{window} AND" if window.values else "WHERE", "service = ? AND name = ? AND kind = ?"))
        examples = {}
        for figure, duration in figures.items():
            (trace_id,) = next(
                self._select(
                    f"SELECT trace_id FROM spans {where} AND duration = ? LIMIT 1",
                    (*window.values, *key, duration),
                )
            )
            examples[figure] = trace_id
        return Operation(
            service=key[0],
            name=key[1],
            kind=key[2],
            count=len(spans),
            error_count=sum(status == "ERROR" for _, status in spans),
            max=durations[-1],
            examples=examples,
            **figures,
        )

    def _search_spans(self, query: SpanQuery, *, longest_first: bool) -> Iterator[Span]:
        where = _Where()
        if query.place == "root":
            where.literal("root")
        elif query.place == "entry":
            where.literal("entry")
        where.add("service = ?", query.service)
        where.add("name = ?", query.name)
        where.add("kind = ?", query.kind)
        where.add("status = ?", query.status)
        where.add("duration >= ?", query.min_duration)
        where.add("duration <= ?", query.max_duration)
        where.add("start >= ?", query.since)
        where.add("start < ?", query.until)
        for key, value in query.attributes.items():
            for part in (*key.split("."), value):  # a dot may stand in the key or between a map and its key
                where.add("instr(document, ?)", _json_text(part))
        order = "duration DESC" if longest_first else "start"
        rows = self._select(f"SELECT document FROM spans {where} ORDER BY {order}", where.values)
        for span in self._decoded(otel.decode_span, rows):
            if matches_attributes(span.attributes, query.attributes):
                yield span

    def _search_logs(self, query: LogQuery) -> Iterator[LogEntry]:
        where = _Where()
        where.add("trace_id = ?", query.trace_id)
        where.add("span_id = ?", query.span_id)
        where.add("service = ?", query.service)
        where.add("severity >= ?", query.severity)
        where.add("time >= ?", query.since)
        where.add("time < ?", query.until)
        pattern = words_pattern(query.text) if query.text else None
        if pattern:
            where.add("may_hold(document, ?)", rough_words(query.text or ""))
        rows = self._select(f"SELECT document, id FROM logs {where} ORDER BY time", where.values)
        for entry in self._decoded(otel.decode_log, rows):
            if pattern is None or pattern.search(entry.message):
                yield entry

    def _contents(self, trace_id: str) -> TraceContents:
        spans = self._select("SELECT document FROM spans WHERE trace_id = ? ORDER BY start", (trace_id,))
        logs = self._select("SELECT document, id FROM logs WHERE trace_id = ? ORDER BY time", (trace_id,))
        linking = self._select(
            "SELECT document FROM spans WHERE rowid IN (SELECT span FROM links WHERE trace_id = ?) ORDER BY start",
            (trace_id,),
        )
        return TraceContents(
            list(self._decoded(otel.decode_span, spans)),
            list(self._decoded(otel.decode_log, logs)),
            list(self._decoded(otel.decode_span, linking)),
        )

    def _totals(self, trace_ids: Collection[str]) -> Mapping[str, Totals]:
        totals: dict[str, Totals] = {}
        for chunk, marks in chunks(trace_ids):
            lines = dict(
                self._select(
                    f"SELECT trace_id, sum(NOT event) FROM logs WHERE trace_id IN ({marks}) GROUP BY trace_id",
                    chunk,
                )
            )
            rows = self._select(
                "SELECT trace_id, count(*), sum(status = 'ERROR'), min(start), max(start + duration),"
                f" max(CASE WHEN root THEN duration END) FROM spans WHERE trace_id IN ({marks}) GROUP BY trace_id",
                chunk,
            )
            for trace_id, spans, errors, start, end, root in rows:
                totals[trace_id] = Totals(spans, lines.get(trace_id, 0), errors, start, end, root)
        return totals

    def _find_ids(self, wanted: ids.Candidates) -> list[Match]:
        for field, column, value in (
            ("trace_id", "trace_id", wanted.trace_id),
            ("span_id", "span_id", wanted.span_id),
        ):
            if value is None:
                continue
            found: Counter[str] = Counter()
            for table in ("spans", "logs"):
                rows = self._select(
                    f"SELECT trace_id, count(*) FROM {table} WHERE {column} = ? AND trace_id IS NOT NULL"
                    " GROUP BY trace_id",
                    (value,),
                )
                found.update(dict(rows))
            if found:
                return [Match(trace_id, field, value, count) for trace_id, count in found.items()]
        return []

    def _find_value(self, value: str) -> list[Match]:
        rows = self._select(
            "SELECT trace_id, key, sum(count) FROM id_terms WHERE value = ? GROUP BY trace_id, key", (value,)
        )
        matches = [Match(trace_id, key, value, count) for trace_id, key, count in rows]
        return _one_per_trace(matches or self._scan(value))

    def _scan(self, value: str) -> list[Match]:
        """Look for a value in every attribute and, where none holds it, in the text of every line."""
        held: Counter[tuple[str, str]] = Counter()
        said: Counter[tuple[str, str]] = Counter()
        pattern = words_pattern(value)
        spans = self._select("SELECT document FROM spans WHERE instr(document, ?)", (_json_text(value),))
        for span in self._decoded(otel.decode_span, spans):
            held.update((span.trace_id, key) for key, text in set(values_of(span.attributes)) if text == value)
        logs = self._select(
            "SELECT document, id FROM logs WHERE trace_id IS NOT NULL"
            " AND (may_hold(document, ?) OR instr(document, ?))",
            (rough_words(value), _json_text(value)),
        )
        for entry in self._decoded(otel.decode_log, logs):
            trace_id = entry.trace_id or ""
            held.update((trace_id, key) for key, text in set(values_of(entry.attributes)) if text == value)
            if pattern.search(entry.message):
                said[trace_id, "message"] += 1
        return [Match(trace_id, field, value, count) for (trace_id, field), count in (held or said).items()]

    def _decoded(self, decode: Callable[..., _Decoded], rows: Iterable[Sequence[Any]]) -> Iterator[_Decoded]:
        for row in rows:
            try:
                yield decode(*row)
            except (msgspec.MsgspecError, ValueError):
                self.skipped += 1

    def _select(self, statement: str, values: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        with _translated(self.path):
            for row in self._connect().execute(statement, values):  # noqa: UP028 - a cursor has a close
                yield row

    def _connect_writer(self) -> sqlite3.Connection:
        """Return the connection that all threads write with, in turn: each holds `no_fork`."""
        self._forget_parent()
        if self._writer is None:
            self._writer = sqlite_schema.connect(self.path, create=True, busy_ms=_BUSY_MS)
            self._connections.append(self._writer)
            sqlite_schema.prepare(self._writer)
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
        return connection


class _Where:
    """A WHERE clause under construction: conditions and the values they are bound to."""

    def __init__(self) -> None:
        self.conditions: list[str] = []
        self.values: list[Any] = []

    def literal(self, condition: str) -> None:
        self.conditions.append(condition)

    def add(self, condition: str, value: Any) -> None:
        if value is not None:
            self.conditions.append(condition)
            self.values.append(value)

    def __str__(self) -> str:
        return "WHERE " + " AND ".join(self.conditions) if self.conditions else ""


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into those of a store, in one line that names the file."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise StoreUnavailableError(f"sqlite:{path}: {error}") from error
    except sqlite3.DatabaseError as error:
        raise StoreRejectedError(f"sqlite:{path}: {error}") from error


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _json_text(value: str) -> str:
    """Return a text as it stands within the quotes of a stored document."""
    return msgspec.json.encode(value.encode(errors="replace").decode())[1:-1].decode()


def _one_per_trace(matches: list[Match]) -> list[Match]:
    """Keep, for each trace, the field that holds the value most often."""
    best: dict[str, Match] = {}
    for match in sorted(matches, key=lambda match: (match.trace_id, match.field)):
        if match.trace_id not in best or match.count > best[match.trace_id].count:
            best[match.trace_id] = match
    return list(best.values())
