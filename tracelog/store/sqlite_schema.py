"""The tables of the embedded store, and how a row is made of a span or a log entry.

`root` and `entry` mark the spans that `slow` ranks, each with a partial index by duration, so that the slowest are
read from its end. The index over service, name, kind and duration holds all that `ops` needs.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from tracelog.errors import StoreRejectedError, StoreUnavailableError
from tracelog.model import LEVELS, LogEntry, Span
from tracelog.store.query import ENTRY_KINDS
from tracelog.store.terms import may_hold

VERSION = 1

_TABLES = """
CREATE TABLE IF NOT EXISTS spans (
    id TEXT NOT NULL, trace_id TEXT NOT NULL, span_id TEXT NOT NULL,
    service TEXT NOT NULL, name TEXT NOT NULL, kind TEXT NOT NULL, status TEXT NOT NULL,
    start INTEGER NOT NULL, duration INTEGER NOT NULL,
    root INTEGER NOT NULL, entry INTEGER NOT NULL, document TEXT NOT NULL);
CREATE UNIQUE INDEX IF NOT EXISTS spans_id ON spans (id);
CREATE INDEX IF NOT EXISTS spans_trace ON spans (trace_id);
CREATE INDEX IF NOT EXISTS spans_span ON spans (span_id);
CREATE INDEX IF NOT EXISTS spans_start ON spans (start);
CREATE INDEX IF NOT EXISTS spans_root ON spans (duration) WHERE root;
CREATE INDEX IF NOT EXISTS spans_entry ON spans (duration) WHERE entry;
CREATE INDEX IF NOT EXISTS spans_operation ON spans (service, name, kind, duration, status, start);

CREATE TABLE IF NOT EXISTS logs (
    id TEXT NOT NULL, trace_id TEXT, span_id TEXT, service TEXT NOT NULL,
    time INTEGER NOT NULL, severity INTEGER, event INTEGER NOT NULL, document TEXT NOT NULL);
CREATE UNIQUE INDEX IF NOT EXISTS logs_id ON logs (id);
CREATE INDEX IF NOT EXISTS logs_trace ON logs (trace_id, time) WHERE trace_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS logs_span ON logs (span_id) WHERE span_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS logs_time ON logs (time);
CREATE INDEX IF NOT EXISTS logs_service ON logs (service, time);

CREATE TABLE IF NOT EXISTS links (trace_id TEXT NOT NULL, span INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS links_trace ON links (trace_id, span);

CREATE TABLE IF NOT EXISTS id_terms (
    value TEXT NOT NULL, key TEXT NOT NULL, trace_id TEXT NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (value, key, trace_id)) WITHOUT ROWID;
"""

INSERT_SPAN = "INSERT INTO spans VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
INSERT_LOG = "INSERT INTO logs VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
INSERT_TERM = "INSERT INTO id_terms VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count"


def connect(path: Path, *, create: bool, busy_ms: int) -> sqlite3.Connection:
    """Open the file for this thread. Raise StoreUnavailableError where it is absent and not to be created."""
    if not create and not path.is_file():
        raise StoreUnavailableError(
            f"no store at sqlite:{path} (write to it first, or name another with --store or TRACELOG_STORE)"
        )
    connection = sqlite3.connect(path, timeout=busy_ms / 1000, isolation_level=None, check_same_thread=False)
    try:
        connection.create_function("may_hold", 2, may_hold, deterministic=True)
        connection.execute("PRAGMA synchronous = NORMAL")
        version = _version(connection)
        if version is None or (version == 0 and not create):
            raise StoreRejectedError(f"sqlite:{path}: not a tracelog store")
        if version not in (0, VERSION):
            raise StoreRejectedError(
                f"sqlite:{path}: written by another version of tracelog (layout {version}, expected {VERSION})"
            )
    except BaseException:
        connection.close()
        raise
    return connection


def ensure(connection: sqlite3.Connection) -> None:
    """Create the tables within the transaction that is open, where they are absent."""
    if _version(connection) == 0:
        for statement in _TABLES.split(";"):
            if statement.strip():
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {VERSION}")


def prepare(connection: sqlite3.Connection) -> None:
    """Switch the file to write-ahead logging, which stays with it; readers then never wait for a writer."""
    if _version(connection) == 0:
        connection.execute("PRAGMA journal_mode = WAL")


def span_row(document_id: str, span: Span, document: str) -> tuple[Any, ...]:
    """Return the columns of a span."""
    root = span.parent_span_id is None
    return (
        document_id, span.trace_id, span.span_id, span.service, span.name, span.kind, span.status,
        _integer(span.start), _integer(span.duration), root, not root and span.kind in ENTRY_KINDS, document,
    )  # fmt: skip


def log_row(document_id: str, entry: LogEntry, document: str) -> tuple[Any, ...]:
    """Return the columns of a log entry; its severity is the number, else the number of its level."""
    severity = entry.severity_number or LEVELS.get(entry.level or "")
    return (
        document_id, entry.trace_id, entry.span_id, entry.service, _integer(entry.time), severity,
        entry.is_span_event, document,
    )  # fmt: skip


def _version(connection: sqlite3.Connection) -> int | None:
    """Return the version of the layout, 0 for an empty file, None for the database of another program.

    One statement, for another process may be creating the tables at this moment.
    """
    version, used = connection.execute(
        "SELECT user_version, EXISTS (SELECT 1 FROM sqlite_master) FROM pragma_user_version"
    ).fetchone()
    return None if used and not version else int(version)


def _integer(value: int) -> int:
    """Keep a number within SQLite's 64 bits."""
    return min(max(value, -(2**63)), 2**63 - 1)
