"""The tables of the embedded store, and the connections to its file.

`documents` holds each document as it came, by its number, in the order of arrival; `spans` and `logs` hold, under the
same number, the few columns that questions are asked of, so that a question may read all of these and none of those.

Every index grows where the latest documents are, so that a batch touches few pages however large the file is. Traces
have numbers too, and documents are found by them; what else has no order (span ids, values that people paste, the
durations of those spans that `slow` ranks, which `place` marks) is kept in runs of 16,384 documents, each ordered by
itself: who looks for such a value looks into every run.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from tracelog.errors import StoreRejectedError, StoreUnavailableError
from tracelog.store import sqlite_migration

VERSION = 2
_RUN_BITS = 14
RUN = f"number >> {_RUN_BITS}"
"""The run that a document is in."""

TABLES = f"""
CREATE TABLE documents (number INTEGER PRIMARY KEY, document TEXT NOT NULL);

CREATE TABLE traces (trace INTEGER PRIMARY KEY, trace_id TEXT NOT NULL UNIQUE);

CREATE TABLE spans (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL, trace INTEGER NOT NULL, span_id TEXT NOT NULL,
    service TEXT NOT NULL, name TEXT NOT NULL, kind TEXT NOT NULL, status TEXT NOT NULL,
    start INTEGER NOT NULL, duration INTEGER NOT NULL, place TEXT);
CREATE UNIQUE INDEX spans_identity ON spans (trace, id);
CREATE INDEX spans_of_run ON spans ({RUN}, span_id);
CREATE INDEX spans_start ON spans (start);
CREATE INDEX spans_place ON spans ({RUN}, place, duration) WHERE place IS NOT NULL;
CREATE INDEX spans_failed ON spans (trace) WHERE status = 'ERROR';

CREATE TABLE logs (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL, trace INTEGER NOT NULL, span_id TEXT, service TEXT NOT NULL,
    time INTEGER NOT NULL, severity INTEGER, event INTEGER NOT NULL);
CREATE UNIQUE INDEX logs_identity ON logs (trace, id);
CREATE INDEX logs_of_run ON logs ({RUN}, span_id) WHERE span_id IS NOT NULL;
CREATE INDEX logs_time ON logs (time);

CREATE TABLE links (trace_id TEXT NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (trace_id, number)) WITHOUT ROWID;

CREATE TABLE id_terms (
    run INTEGER NOT NULL, value TEXT NOT NULL, key TEXT NOT NULL, trace INTEGER NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (run, value, key, trace)) WITHOUT ROWID;

CREATE VIEW runs (run) AS WITH RECURSIVE each_run (run) AS (
    SELECT 0 UNION ALL SELECT run + 1 FROM each_run WHERE run < (SELECT max(number) >> {_RUN_BITS} FROM documents))
    SELECT run FROM each_run;
"""
"""Lines of no trace have a trace too, whose id is '': of each id there is one such line."""

_PAGE = 8192
_CHECKPOINT_PAGES = 4000
"""How large the write-ahead log grows before it is written back: rarely, for each time the same pages are written."""
_CACHE_KIB = 16_384
"""What a writer keeps in memory: the pages that the next batch touches again."""


def connect(path: Path, *, create: bool, busy_ms: int) -> sqlite3.Connection:
    """Open the file, with `create` to write to it; without it, raise StoreUnavailableError where it is absent."""
    if not create and not path.is_file():
        raise StoreUnavailableError(
            f"no store at sqlite:{path} (write to it first, or name another with --store or TRACELOG_STORE)"
        )
    connection = sqlite3.connect(path, timeout=busy_ms / 1000, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA synchronous = NORMAL")
        version = _version(connection)
        if version is None or (version == 0 and not create):
            raise StoreRejectedError(f"sqlite:{path}: not a tracelog store")
        if version > VERSION:
            raise StoreRejectedError(
                f"sqlite:{path}: written by another version of tracelog (layout {version}, expected {VERSION})"
            )
        if create:
            _prepare(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection) -> None:
    """Make a connection one that writes; a new file gets write-ahead logging, so that readers never wait for it."""
    if _version(connection) == 0:
        connection.execute(f"PRAGMA page_size = {_PAGE}")
        connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")


def ensure(connection: sqlite3.Connection) -> None:
    """Create the tables within the transaction that is open, where they are absent or an earlier version's."""
    version = _version(connection)
    if version == VERSION:
        return
    if version == sqlite_migration.FROM:
        sqlite_migration.put_aside(connection)
    for statement in TABLES.split(";"):
        if statement.strip():
            connection.execute(statement)
    if version == sqlite_migration.FROM:
        sqlite_migration.bring_back(connection)
    connection.execute(f"PRAGMA user_version = {VERSION}")


def is_old(connection: sqlite3.Connection) -> bool:
    """Say whether the file has the layout of an earlier version, which whoever opens it brings up to date."""
    return _version(connection) == sqlite_migration.FROM


def run_of(number: int) -> int:
    """Return the run that the document with a number is in."""
    return number >> _RUN_BITS


def _version(connection: sqlite3.Connection) -> int | None:
    """Return the version of the layout, 0 for an empty file, None for the database of another program.

    One statement, for another process may be creating the tables at this moment.
    """
    version, used = connection.execute(
        "SELECT user_version, EXISTS (SELECT 1 FROM sqlite_master) FROM pragma_user_version"
    ).fetchone()
    return None if used and not version else int(version)
