"""What only the embedded store has to get right: one file, many processes, and files that are not its own."""

from __future__ import annotations

import gc
import multiprocessing
import os
import sqlite3
import threading
import tracemalloc
from pathlib import Path

import pytest
from documents import MS, START, keep, make_line, make_span, span_id, trace_id

from tracelog.errors import StoreRejectedError, StoreUnavailableError
from tracelog.model import LogEntry, Span, SpanLink
from tracelog.schema import otel
from tracelog.store import open_store, sqlite_queries
from tracelog.store.base import WriteResult
from tracelog.store.query import log_query, span_query
from tracelog.store.sqlite import SQLiteStore
from tracelog.store.sqlite_queries import IN_ANY_RUN, OF_TRACE

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


def test_a_fork_does_not_wait_while_another_process_writes(tmp_path: Path) -> None:
    path, asked = tmp_path / "shared.db", threading.Event()
    with open_store(f"sqlite:{path}") as store:
        assert isinstance(store, SQLiteStore)
        keep(store, make_line(1, "before", at=1))
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        assert store._writer is not None
        store._writer.set_trace_callback(lambda _: asked.set())
        writer = threading.Thread(target=keep, args=(store, make_line(2, "waited", at=2)))
        writer.start()
        assert asked.wait(60)
        child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
        assert writer.is_alive()
        other.execute("COMMIT")
        other.close()
        writer.join(60)
        assert [line.body for line in store.logs()] == ["before", "waited"]


def test_another_process_is_not_waited_for_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "shared.db"
    monkeypatch.setattr("tracelog.store.sqlite._BUSY_MS", 0)
    with open_store(f"sqlite:{path}") as store:
        keep(store, make_line(1, "before", at=1))
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailableError, match="database is locked"):
            keep(store, make_line(2, "waited", at=2))
        other.close()
        keep(store, make_line(3, "after", at=3))
        assert [line.body for line in store.logs()] == ["before", "after"]


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


def test_an_empty_file_holds_nothing_yet(tmp_path: Path) -> None:
    path = tmp_path / "empty.db"
    path.touch()
    with open_store(f"sqlite:{path}") as store:
        with pytest.raises(StoreUnavailableError) as caught:
            list(store.logs())
        assert str(caught.value) == f"sqlite:{path} holds nothing yet (what waits to be sent: tracelog spool)"
        keep(store, make_line(1, "first"))
        assert [line.body for line in store.logs()] == ["first"]


def test_in_a_folder_that_may_not_be_written_to_nothing_is_made_by_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "what? 100%.db"
    with open_store(f"sqlite:{path}") as store:
        keep(store, make_line(1, "kept"))
    monkeypatch.setattr(os, "access", lambda *_: False)
    with open_store(f"sqlite:{path}") as store:
        assert [line.body for line in store.logs()] == ["kept"]
        assert list(tmp_path.iterdir()) == [path]


def test_in_a_folder_that_may_not_be_written_to_a_file_of_the_first_layout_is_left_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_first_layout(tmp_path / "old.db", [make_span(1)], [])
    before = (tmp_path / "old.db").read_bytes()
    monkeypatch.setattr(os, "access", lambda *_: False)
    with open_store(f"sqlite:{tmp_path}/old.db") as store, pytest.raises(StoreUnavailableError, match="is read-only"):
        list(store.logs())
    assert (tmp_path / "old.db").read_bytes() == before


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


FIRST_LAYOUT = """
CREATE TABLE spans (
    id TEXT NOT NULL, trace_id TEXT NOT NULL, span_id TEXT NOT NULL,
    service TEXT NOT NULL, name TEXT NOT NULL, kind TEXT NOT NULL, status TEXT NOT NULL,
    start INTEGER NOT NULL, duration INTEGER NOT NULL,
    root INTEGER NOT NULL, entry INTEGER NOT NULL, document TEXT NOT NULL);
CREATE UNIQUE INDEX spans_id ON spans (id);
CREATE INDEX spans_start ON spans (start);
CREATE TABLE logs (
    id TEXT NOT NULL, trace_id TEXT, span_id TEXT, service TEXT NOT NULL,
    time INTEGER NOT NULL, severity INTEGER, event INTEGER NOT NULL, document TEXT NOT NULL);
CREATE UNIQUE INDEX logs_id ON logs (id);
CREATE TABLE links (trace_id TEXT NOT NULL, span INTEGER NOT NULL);
CREATE INDEX links_trace ON links (trace_id, span);
CREATE TABLE id_terms (
    value TEXT NOT NULL, key TEXT NOT NULL, trace_id TEXT NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (value, key, trace_id)) WITHOUT ROWID;
PRAGMA user_version = 1;
"""


def write_first_layout(path: Path, spans: list[Span], lines: list[LogEntry]) -> None:
    """Write a file as the first layout had it."""
    connection = sqlite3.connect(path)
    connection.executescript(FIRST_LAYOUT)
    for span in spans:
        root = span.parent_span_id is None
        place = (root, not root and span.kind == "SERVER")
        document = otel.encode_span(span)
        text = (span.trace_id, span.span_id, span.service, span.name, span.kind, span.status)
        row = (document.id, *text, span.start, span.duration, *place, document.body.decode())
        inserted = connection.execute(f"INSERT INTO spans VALUES ({', '.join('?' * len(row))})", row)
        connection.executemany(
            "INSERT INTO links VALUES (?, ?)", ((link.trace_id, inserted.lastrowid) for link in span.links)
        )
    for line in lines:
        document = otel.encode_log(line)
        whose = (line.id, line.trace_id, line.span_id, line.service)
        values = (*whose, line.time, line.severity_number, False, document.body.decode())
        connection.execute("INSERT INTO logs VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)
    connection.execute("INSERT INTO id_terms VALUES ('A-1', 'order.id', ?, 1)", (spans[0].trace_id,))
    connection.commit()
    connection.close()


@pytest.mark.parametrize("first", ["read", "write"])
def test_a_file_of_the_first_layout_answers_as_one_of_today_does(first: str, tmp_path: Path) -> None:
    spans = [
        make_span(1, ms=90, kind="SERVER", attributes={"order.id": "A-1"}),
        make_span(2, parent=1, at=MS, kind="SERVER", status="ERROR", service="cart"),
        make_span(3, trace=2, at=2 * MS, links=(SpanLink(trace_id(1), span_id(2)),)),
    ]
    lines = [make_line(1, "paid", span=1), make_line(2, "tick", trace=None, at=1), make_line(3, "odd", span=2, at=2)]
    write_first_layout(tmp_path / "old.db", spans, lines)
    with open_store(f"sqlite:{tmp_path}/old.db") as old, open_store(f"sqlite:{tmp_path}/new.db") as new:
        keep(new, *spans, *lines)
        if first == "write":
            again = [*otel.encode_spans(spans), *map(otel.encode_log, lines)]
            assert old.write(again) == WriteResult(0, 6, [])
        answers = [
            (
                list(store.spans()), list(store.logs()), store.trace(trace_id(1)), store.slowest(),
                store.slowest(errors=True), store.operations(), store.find("A-1"), store.find(span_id(2)),
                list(store.logs(span_id=span_id(2))),
            )
            for store in (old, new)
        ]  # fmt: skip
        assert answers[0] == answers[1]
        keep(old, make_line(4, "after", at=9))
        assert [line.body for line in old.logs()] == ["paid", "tick", "odd", "after"]
        assert [line.body for line in open_store(old.url).logs()] == ["paid", "tick", "odd", "after"]


def test_what_is_kept_by_runs_is_found_in_each_of_them(tmp_path: Path) -> None:
    with open_store(f"sqlite:{tmp_path}/runs.db") as store:
        for number in range(1, 5):
            span = make_span(7, trace=number, attributes={"order.id": "A-1"})
            keep(store, span, make_line(number, "a", trace=number, span=7))
            connection = sqlite3.connect(tmp_path / "runs.db")
            with connection:
                connection.execute("INSERT INTO documents VALUES (?, '')", (number * 2**15,))
            connection.close()
        assert {(match.trace_id, match.count) for match in store.find("A-1")} == {(trace_id(n), 1) for n in range(1, 5)}
        assert {(match.trace_id, match.count) for match in store.find(span_id(7))} == {
            (trace_id(n), 2) for n in range(1, 5)
        }
        assert len(list(store.logs(span_id=span_id(7)))) == 4
        keep(store, *(make_span(n, trace=n, at=n, ms=n * 7 % 40) for n in range(10, 15)))
        lasting = {1: 10, 2: 10, 3: 10, 4: 10, 10: 30, 11: 37, 12: 4, 13: 11, 14: 18}
        by_length = sorted(lasting.values(), reverse=True)
        assert [row.duration // MS for row in store.slowest()] == by_length
        assert [row.duration // MS for row in store.slowest(limit=3)] == by_length[:3]
        assert [row.duration // MS for row in store.slowest(since=START + 12)] == [18, 11, 4]


@pytest.mark.parametrize(
    ("text", "body"),
    [
        ("größe", "GRÖSSE: GRÖßE 42"),
        ("привет мир", "ПРИВЕТ, мир!"),
        ("注文", "新しい 注文 です"),
        ("100_%", "it is 100_ % sure"),
        ('back\\slash "quoted"', 'a back\\slash\n\t"Quoted"'),
        ("x" * 3000, "X" * 3000),
    ],
)
def test_words_are_found_in_any_case_whatever_stands_between(text: str, body: str, tmp_path: Path) -> None:
    with open_store(f"sqlite:{tmp_path}/words.db") as store:
        keep(store, make_line(1, body), make_line(2, "something else"))
        assert [line.body for line in store.logs(text=text)] == [body]
        assert [match.field for match in store.find(text)] == ["message"]


STREAMING = {
    "all lines": sqlite_queries.logs(log_query()),
    "lines of a service": sqlite_queries.logs(log_query(service="shop", level="error", until=START)),
    "lines with words": sqlite_queries.logs(log_query(text="order paid", since=START)),
    "all spans": sqlite_queries.spans(span_query()),
    "spans with an attribute": sqlite_queries.spans(span_query(attributes={"a": "b"})),
    "slow spans of a service": sqlite_queries.spans(span_query(service="a", min_duration=5)),
    "slowest roots": sqlite_queries.longest_spans(span_query(place="root", failed=True), 3),
    "slowest entries": sqlite_queries.longest_spans(span_query(place="entry", name="a", since=START), 0),
}


@pytest.mark.parametrize("question", STREAMING)
def test_what_is_iterated_over_comes_in_its_order_from_an_index_and_is_not_sorted_first(
    question: str, tmp_path: Path
) -> None:
    with open_store(f"sqlite:{tmp_path}/plans.db") as store:
        store.setup()
    connection = sqlite3.connect(tmp_path / "plans.db")
    text, values = STREAMING[question]
    steps = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {text}", values)]
    connection.close()
    assert "USING" in steps[0]
    assert [step for step in steps if "TEMP B-TREE" in step] == []


@pytest.mark.parametrize(
    ("question", "index"),
    [
        (f"SELECT number FROM spans WHERE {OF_TRACE}", "spans_identity"),
        (f"SELECT number FROM logs WHERE {OF_TRACE}", "logs_identity"),
        (f"SELECT trace FROM spans WHERE span_id = ? AND {IN_ANY_RUN}", "spans_of_run"),
        (f"SELECT trace FROM logs WHERE span_id = ? AND {IN_ANY_RUN}", "logs_of_run"),
        ("SELECT trace FROM id_terms WHERE run IN runs AND value = ?", "id_terms"),
    ],
)
def test_an_id_is_looked_up_in_an_index(question: str, index: str, tmp_path: Path) -> None:
    with open_store(f"sqlite:{tmp_path}/plans.db") as store:
        store.setup()
    connection = sqlite3.connect(tmp_path / "plans.db")
    steps = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {question}", ("a",))]
    connection.close()
    assert steps[0].startswith("SEARCH")
    assert index in steps[0]


def test_reading_all_keeps_nothing_of_what_was_read(tmp_path: Path) -> None:
    with open_store(f"sqlite:{tmp_path}/many.db") as store:
        keep(store, *(make_line(n, "x" * 1000, at=n) for n in range(5000)))
        keep(store, *(make_span(n, at=n, attributes={"a": "x" * 1000}) for n in range(1, 5000)))
        for read in (store.logs, store.spans):
            tracemalloc.start()
            assert sum(1 for _ in read()) >= 4999
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert peak < 500_000


def test_a_folder_that_does_not_exist_is_unavailable(tmp_path: Path) -> None:
    with open_store(f"sqlite:{tmp_path}/no/such/folder.db") as store, pytest.raises(StoreUnavailableError) as caught:
        store.write([otel.encode_log(make_line(1))])
    assert str(caught.value) == f"sqlite:{tmp_path}/no/such/folder.db: there is no folder {tmp_path}/no/such"


def test_a_span_without_valid_ids_is_refused(tmp_path: Path) -> None:
    document = otel.encode_span(make_span(0, trace=0))
    with open_store(f"sqlite:{tmp_path}/refusing.db") as store:
        result = store.write([document])
    assert result == WriteResult(0, 0, result.refused)
    assert [refusal.document for refusal in result.refused] == [document]


def test_a_document_that_is_nested_too_deeply_is_refused_and_its_neighbours_are_stored(tmp_path: Path) -> None:
    before, deep, after = (otel.encode_log(make_line(n, str(n), at=n)) for n in range(3))
    nested = b'{"@timestamp":0,"attributes":{"order.id":%s}}' % (b"[" * 100_000 + b"]" * 100_000)
    with open_store(f"sqlite:{tmp_path}/deep.db") as store:
        result = store.write([before, deep._replace(body=nested), after])
        assert (result.stored, [refusal.document.id for refusal in result.refused]) == (2, [deep.id])
        assert [line.body for line in store.logs()] == ["0", "2"]


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
