"""The tables of the embedded store, and the connections to its file.

`documents` holds each document as it came, by its number, in the order of arrival; `spans` and `logs` hold, under the
same number, the few columns that questions are asked of, so that a question may read all of these and none of those.

Every index grows where the latest documents are, so that a batch touches few pages however large the file is. Traces
have numbers too, and documents are found by them; what else has no order (span ids, values that people paste, the
durations of those spans that `slow` ranks, which `place` marks) is kept in runs of 16,384 documents, each ordered by
itself: who looks for such a value looks into every run.
"""

from __future__ import annotations

import os
import sqlite3
import stat
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
    """Open the file for this thread. Raise StoreUnavailableError where it is absent and not to be created.

    A store in a folder that may not be written to is read as it is now: SQLite would make files beside it otherwise.
    """
    _look_at(path, create=create)
    real = path.resolve()
    read_only = not create and not os.access(real.parent, os.W_OK)
    as_it_is = read_only and not os.path.lexists(f"{real}-wal")  # else somebody writes, or was killed while writing
    target = f"{real.as_uri()}?immutable=1" if as_it_is else path
    connection = sqlite3.connect(
        target, uri=as_it_is, timeout=busy_ms / 1000, isolation_level=None, check_same_thread=False
    )
    try:
        _check(connection, path, create=create, read_only=read_only)
        if create:
            _prepare(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _look_at(path: Path, *, create: bool) -> None:
    """Raise StoreUnavailableError where there is no file or, where it is to be created, no folder for it."""
    try:
        mode = (path.parent if create else path).stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        mode = 0
    except OSError as error:
        raise StoreUnavailableError(f"sqlite:{path}: {error.strerror}") from error
    if create and not stat.S_ISDIR(mode):
        raise StoreUnavailableError(f"sqlite:{path}: there is no folder {path.parent}")
    if not create and not stat.S_ISREG(mode):
        raise StoreUnavailableError(
            f"no store at sqlite:{path} (write to it first, or name another with --store or TRACELOG_STORE)"
        )


def _check(connection: sqlite3.Connection, path: Path, *, create: bool, read_only: bool) -> None:
    """Raise StoreError where the file is none that this version of tracelog can work with."""
    try:
        connection.execute("PRAGMA synchronous = NORMAL")
        version = _version(connection)
    except sqlite3.OperationalError as error:
        if not read_only:
            raise
        raise StoreUnavailableError(
            f"sqlite:{path}: {error} (its folder is read-only, but what a writer left in {path.name}-wal can only be"
            " read by writing beside it: copy both files to a folder of your own)"
        ) from error
    if version == 0 and not create:
        raise StoreUnavailableError(f"sqlite:{path} holds nothing yet (what waits to be sent: tracelog spool)")
    if version is None:
        raise StoreRejectedError(f"sqlite:{path}: not a tracelog store")
    if version > VERSION:
        raise StoreRejectedError(
            f"sqlite:{path}: written by another version of tracelog (layout {version}, expected {VERSION})"
        )
    if version == sqlite_migration.FROM and read_only:
        raise StoreUnavailableError(
            f"sqlite:{path}: written by an earlier version of tracelog, and is brought up to date where it is first"
            " read; its folder is read-only (copy the file to a folder of your own)"
        )


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
