"""A batch of documents -> rows of the embedded store, those that it does not hold yet."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

import msgspec

from tracelog.model import CALLED
from tracelog.schema import otel, times
from tracelog.schema.otel import Document
from tracelog.schema.otel_columns import read_log, read_span
from tracelog.store.base import Refusal
from tracelog.store.sqlite_queries import chunks
from tracelog.store.sqlite_schema import run_of
from tracelog.store.terms import id_terms

_INSERT_TRACES = "INSERT INTO traces (trace_id) VALUES (?) ON CONFLICT DO NOTHING"
_INSERT_SPANS = "INSERT INTO spans VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (trace, id) DO NOTHING"
_INSERT_LOGS = "INSERT INTO logs VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (trace, id) DO NOTHING"
_INSERT_TERMS = "INSERT INTO id_terms VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count"

_Row = list[Any]
_TRACE = 2
"""Where the trace stands in the row of a span or line: its id, then its number."""


class Rows:
    """What a batch adds to each table. A row begins with the position of its document, which is to become a number."""

    def __init__(self, documents: Sequence[Document]) -> None:
        self.refused: list[Refusal] = []
        self._count = len(documents)
        self._documents: list[_Row] = []
        self._spans: list[_Row] = []
        self._logs: list[_Row] = []
        self._links: list[_Row] = []
        self._terms: list[tuple[int, str, list[tuple[str, str]]]] = []
        for position, document in enumerate(documents):
            add = self._add_span if document.stream == otel.TRACES else self._add_log
            try:
                text = document.body.decode()
                add(position, document)
            except (msgspec.MsgspecError, ValueError, RecursionError) as error:
                self.refused.append(Refusal(document, str(error)))
            else:
                self._documents.append([position, text])

    def insert(self, connection: sqlite3.Connection) -> int:
        """Insert what the store does not hold, within the transaction that is open; return how many documents."""
        (latest,) = connection.execute("SELECT ifnull(max(number), 0) FROM documents").fetchone()
        first = latest + 1
        traces = self._insert_traces(connection)
        stored = 0
        for statement, rows in ((_INSERT_SPANS, self._spans), (_INSERT_LOGS, self._logs)):
            for row in rows:
                row[_TRACE] = traces[row[_TRACE]]
            stored += max(connection.executemany(statement, _numbered(rows, first)).rowcount, 0)
        fresh: Container[int] = range(first, first + self._count)
        if stored < len(self._documents):
            fresh = _since(connection, first)
        self._insert_beside(connection, first, fresh, traces)
        return stored

    def _insert_traces(self, connection: sqlite3.Connection) -> Mapping[str, int]:
        """Insert the traces that the store does not know; return the numbers of all."""
        trace_ids = sorted({row[_TRACE] for row in chain(self._spans, self._logs)})
        connection.executemany(_INSERT_TRACES, ((trace_id,) for trace_id in trace_ids))
        numbers: dict[str, int] = {}
        for chunk, marks in chunks(trace_ids):
            numbers.update(connection.execute(f"SELECT trace_id, trace FROM traces WHERE trace_id IN ({marks})", chunk))
        return numbers

    def _insert_beside(
        self, connection: sqlite3.Connection, first: int, fresh: Container[int], traces: Mapping[str, int]
    ) -> None:
        """Insert the documents of the spans and lines that were inserted, with their links and id terms."""
        documents = (row for row in _numbered(self._documents, first) if row[0] in fresh)
        connection.executemany("INSERT INTO documents VALUES (?, ?)", documents)
        links = (row for row in _numbered(self._links, first) if row[0] in fresh)
        connection.executemany("INSERT INTO links (number, trace_id) VALUES (?, ?)", links)
        terms: Counter[tuple[str, str, int]] = Counter()
        for position, trace_id, held in self._terms:
            if first + position in fresh:
                terms.update((value, key, traces[trace_id]) for key, value in held)
        run = run_of(first)
        connection.executemany(_INSERT_TERMS, ((run, *term, count) for term, count in sorted(terms.items())))

    def _add_span(self, position: int, document: Document) -> None:
        span = read_span(document.body)
        self._add_terms(position, span.trace_id, span.attributes)
        place = "root" if span.is_root else "entry" if span.kind in CALLED else None
        self._spans.append(
            [position, document.id, span.trace_id, span.span_id, span.service, span.name, span.kind, span.status,
             times.within_64_bits(span.start), times.within_64_bits(span.duration), place]
        )  # fmt: skip
        self._links += ([position, trace_id] for trace_id in span.linked)

    def _add_log(self, position: int, document: Document) -> None:
        line = read_log(document.body)
        if line.trace_id:
            self._add_terms(position, line.trace_id, line.attributes)
        self._logs.append(
            [position, document.id, line.trace_id or "", line.span_id, line.service, times.within_64_bits(line.time),
             line.severity and times.within_64_bits(line.severity), line.is_span_event]
        )  # fmt: skip

    def _add_terms(self, position: int, trace_id: str, attributes: Mapping[str, Any]) -> None:
        held = id_terms(attributes)
        if held:
            self._terms.append((position, trace_id, held))


def _numbered(rows: Iterable[_Row], first: int) -> Iterator[_Row]:
    """Yield rows, which are inserted once, with their positions made numbers."""
    for row in rows:
        row[0] += first
        yield row


def _since(connection: sqlite3.Connection, first: int) -> set[int]:
    """Return the numbers of the spans and lines that were inserted since a number was free."""
    return {
        number
        for table in ("spans", "logs")
        for (number,) in connection.execute(f"SELECT number FROM {table} WHERE number >= ?", (first,))
    }
