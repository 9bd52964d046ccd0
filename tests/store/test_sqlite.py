"""What only the embedded store has to get right: one file, many processes, and files that are not its own."""

from __future__ import annotations

import gc
import multiprocessing
import os
import sqlite3
import threading
from pathlib import Path

import pytest
from documents import keep, make_line, make_span

from tracelog.errors import StoreRejectedError, StoreUnavailableError
from tracelog.schema import otel
from tracelog.store import open_store
from tracelog.store.base import WriteResult
from tracelog.store.sqlite import SQLiteStore

_SPAWN = multiprocessing.get_context("spawn")


def write_lines(path: Path, first: int, last: int, go: threading.Event) -> None:
    go.wait(60)
    with open_store(f"sqlite:{path}") as store:
        for number in range(first, last, 10):
            store.write([otel.encode_log(make_line(n, str(n), at=n)) for n in range(number, number + 10)])


@pytest.mark.slow
def test_processes_that_write_at_once_lose_nothing_and_store_nothing_twice(tmp_path: Path) -> None:
    path, go = tmp_path / "shared.db", _SPAWN.Event()
    spans = [(start, start + 600) for start in (0, 300, 600, 900)]  # each line is written by two, but for the ends
    writers = [_SPAWN.Process(target=write_lines, args=(path, *span, go)) for span in spans]
    for writer in writers:
        writer.start()
    go.set()
    for writer in writers:
        writer.join(120)
    assert [writer.exitcode for writer in writers] == [0, 0, 0, 0]
    with open_store(f"sqlite:{path}") as store:
        assert list(store.logs()) == [make_line(n, str(n), at=n) for n in range(1500)]


def test_a_forked_child_uses_a_connection_of_its_own(tmp_path: Path) -> None:
    with open_store(f"sqlite:{tmp_path}/forked.db") as store:
        keep(store, make_line(1, "parent", at=1))
        child = os.fork()
        if child == 0:
            code = 1
            try:
                keep(store, make_line(2, "child", at=2))
                code = 0
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        keep(store, make_line(3, "parent again", at=3))
        assert [line.body for line in store.logs()] == ["parent", "child", "parent again"]


def test_threads_share_a_store(tmp_path: Path) -> None:
    with open_store(f"sqlite:{tmp_path}/threads.db") as store:
        lines = [make_line(n, str(n), at=n) for n in range(40)]
        threads = [threading.Thread(target=keep, args=(store, line)) for line in lines]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert list(store.logs()) == lines


def test_a_file_that_is_not_there_is_unavailable_and_is_not_made_by_asking(tmp_path: Path) -> None:
    path = tmp_path / "absent.db"
    with open_store(f"sqlite:{path}") as store, pytest.raises(StoreUnavailableError) as caught:
        list(store.spans())
    assert str(caught.value) == (
        f"no store at sqlite:{path} (write to it first, or name another with --store or TRACELOG_STORE)"
    )
    assert not path.exists()


def test_a_file_that_is_no_database_is_rejected_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("dear diary, " * 100)
    with open_store(f"sqlite:{path}") as store:
        for attempt in (lambda: list(store.spans()), lambda: store.write([otel.encode_log(make_line(1))])):
            with pytest.raises(StoreRejectedError) as caught:
                attempt()
            assert str(caught.value) == f"sqlite:{path}: file is not a database"
    assert path.read_text() == "dear diary, " * 100


def make_database(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(statement)
    connection.close()


def test_a_database_of_another_program_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    make_database(path, "CREATE TABLE spans (theirs)")
    with open_store(f"sqlite:{path}") as store, pytest.raises(StoreRejectedError) as caught:
        list(store.spans())
    assert str(caught.value) == f"sqlite:{path}: not a tracelog store"


def test_a_database_of_another_program_is_not_written_to(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    make_database(path, "CREATE TABLE theirs (a)")
    with open_store(f"sqlite:{path}") as store, pytest.raises(StoreRejectedError) as caught:
        store.write([otel.encode_log(make_line(1))])
    assert str(caught.value) == f"sqlite:{path}: not a tracelog store"
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("theirs",)]
    connection.close()


def test_a_store_of_another_version_is_rejected_for_reading_and_for_writing(tmp_path: Path) -> None:
    path = tmp_path / "later.db"
    make_database(path, "PRAGMA user_version = 99")
    with open_store(f"sqlite:{path}") as store:
        for attempt in (lambda: list(store.logs()), lambda: store.write([otel.encode_span(make_span(1))])):
            with pytest.raises(StoreRejectedError) as caught:
                attempt()
            assert str(caught.value) == (
                f"sqlite:{path}: written by another version of tracelog (layout 99, expected 2)"
            )


def test_a_folder_that_does_not_exist_is_unavailable(tmp_path: Path) -> None:
    with open_store(f"sqlite:{tmp_path}/no/such/folder.db") as store, pytest.raises(StoreUnavailableError) as caught:
        store.write([otel.encode_log(make_line(1))])
    assert str(caught.value) == f"sqlite:{tmp_path}/no/such/folder.db: unable to open database file"


def test_a_span_without_valid_ids_is_refused(tmp_path: Path) -> None:
    document = otel.encode_span(make_span(0, trace=0))
    with open_store(f"sqlite:{tmp_path}/refusing.db") as store:
        result = store.write([document])
    assert result == WriteResult(0, 0, result.refused)
    assert [refusal.document for refusal in result.refused] == [document]


def test_a_store_that_nobody_closed_closes_its_connections_when_it_is_forgotten(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "forgotten.db")
    store.write([])
    assert list(store.logs()) == []
    connections = list(store._connections)
    del store
    gc.collect()
    assert len(connections) == 2
    for connection in connections:
        with pytest.raises(sqlite3.ProgrammingError):
            connection.execute("SELECT 1")
