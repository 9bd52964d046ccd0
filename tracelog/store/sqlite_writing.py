"""A batch of documents -> rows of the embedded store, those that it does not hold yet."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from tracelog.model import LogEntry, Span
from tracelog.schema import otel
from tracelog.schema.otel import Document
from tracelog.store import sqlite_schema
from tracelog.store.base import Refusal
from tracelog.store.terms import id_terms

_VARIABLES = 500
"""How many parameters a statement gets at most: fewer than any build of SQLite takes."""


def rows_of(documents: Sequence[Document]) -> tuple[dict[str, Any], dict[str, Any], list[Refusal]]:
    """Decode a batch into rows by id, spans and logs apart, and refuse what cannot be decoded."""
    spans: dict[str, tuple[Span, str]] = {}
    logs: dict[str, tuple[LogEntry, str]] = {}
    refused = []
    for document in documents:
        try:
            if document.stream == otel.TRACES:
                spans[document.id] = (otel.decode_span(document.body), document.body.decode())
            else:
                logs[document.id] = (otel.decode_log(document.body, document.id), document.body.decode())
        except (msgspec.MsgspecError, ValueError) as error:
            refused.append(Refusal(document, str(error)))
    return spans, logs, refused


def insert_spans(connection: sqlite3.Connection, rows: dict[str, tuple[Span, str]]) -> int:
    """Insert the spans that are not there, with their links and id terms; return how many."""
    fresh = _fresh(connection, "spans", rows)
    for document_id in fresh:
        span, text = rows[document_id]
        cursor = connection.execute(sqlite_schema.INSERT_SPAN, sqlite_schema.span_row(document_id, span, text))
        if span.links:
            connection.executemany(
                "INSERT INTO links (trace_id, span) VALUES (?, ?)",
                {(link.trace_id, cursor.lastrowid) for link in span.links},
            )
    _insert_terms(connection, ((span.trace_id, span.attributes) for span, _ in map(rows.__getitem__, fresh)))
    return len(fresh)


def insert_logs(connection: sqlite3.Connection, rows: dict[str, tuple[LogEntry, str]]) -> int:
    """Insert the log entries that are not there, with their id terms; return how many."""
    fresh = _fresh(connection, "logs", rows)
    connection.executemany(
        sqlite_schema.INSERT_LOG,
        (sqlite_schema.log_row(document_id, *rows[document_id]) for document_id in fresh),
    )
    traced = (entry for entry, _ in map(rows.__getitem__, fresh) if entry.trace_id)
    _insert_terms(connection, ((entry.trace_id or "", entry.attributes) for entry in traced))
    return len(fresh)


def _insert_terms(connection: sqlite3.Connection, held: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
    terms: Counter[tuple[str, str, str]] = Counter()
    for trace_id, attributes in held:
        if attributes:
            terms.update((value, key, trace_id) for key, value in id_terms(attributes))
    connection.executemany(sqlite_schema.INSERT_TERM, ((*term, count) for term, count in sorted(terms.items())))


def _fresh(connection: sqlite3.Connection, table: str, rows: Mapping[str, Any]) -> list[str]:
    """Return the ids that the table does not hold yet, in the order of the batch."""
    known: set[str] = set()
    for chunk, marks in chunks(rows):
        known.update(row[0] for row in connection.execute(f"SELECT id FROM {table} WHERE id IN ({marks})", chunk))
    return [document_id for document_id in rows if document_id not in known]


def chunks(values: Collection[str]) -> Iterator[tuple[list[str], str]]:
    """Yield values in runs that SQLite takes as parameters, each with its question marks."""
    everything = list(values)
    for start in range(0, len(everything), _VARIABLES):
        chunk = everything[start : start + _VARIABLES]
        yield chunk, ",".join("?" * len(chunk))
