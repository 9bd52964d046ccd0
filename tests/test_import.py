"""Files of every sort and damage into the store: what is good is stored once, what is not is counted."""

from __future__ import annotations

import gzip
import io
import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from otlp_lines import MS, START, logs_line, record, span, spans_line

from tracelog.cli import run
from tracelog.errors import InputError
from tracelog.schema.otel import Destination
from tracelog.ship.imports import ImportReport, Tally, import_file
from tracelog.store import Store, open_store

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
EVENT = {"timeUnixNano": "1776608581200000005", "name": "retry"}
SPANS = spans_line("shop", span(TRACE, 1, None, 9, "GET /", events=[EVENT]), span(TRACE, 2, 1, 5, "call"))
LOGS = logs_line("shop", record(TRACE, 1, 1, "tick"), record(TRACE, 1, 1, "tick"), record(TRACE, 2, 2, "tock"))
LINE = (
    json.dumps({"time": "2026-04-19T14:23:01.203Z", "message": "said as JSON", "trace_id": TRACE, "level": "info"})
    + "\n"
)
WHOLE = ImportReport(spans=Tally(2), span_events=Tally(1), logs=Tally(4))
EXPECTED = "expected OTLP/JSON lines (resourceSpans, resourceLogs) or JSON log lines with a time"

Import = Callable[..., ImportReport]


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:{tmp_path}/import.db") as store:
        yield store


@pytest.fixture
def imported(tmp_path: Path, embedded: Store) -> Import:
    """Import what is given, by way of a file, and return the report."""

    def import_content(content: str | bytes, name: str = "file.jsonl") -> ImportReport:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return import_file(str(path), embedded, Destination())

    return import_content


GO_ZERO = "-6795364578871345152"
"""What collectors in Go write where a record has no time: 1754-08-30T22:43:41.128654848Z."""


def bodies(store: Store) -> list[str]:
    return [entry.message for entry in store.logs()]


def test_spans_their_events_and_lines_of_both_sorts_are_stored(imported: Import, embedded: Store) -> None:
    assert imported(SPANS + LINE + "\n" + LOGS) == WHOLE
    assert bodies(embedded) == ["retry", "tick", "tick", "tock", "said as JSON"]
    assert [each.name for each in embedded.trace(TRACE).spans] == ["GET /", "call"]


def test_the_last_line_needs_no_end(imported: Import, embedded: Store) -> None:
    assert imported(SPANS + LOGS + LINE.strip()) == WHOLE


def test_importing_again_stores_nothing_new(imported: Import, embedded: Store) -> None:
    imported(SPANS + LOGS + LINE)
    assert imported(LINE + LOGS + SPANS, "renamed.jsonl") == ImportReport(
        spans=Tally(duplicates=2), span_events=Tally(duplicates=1), logs=Tally(duplicates=4)
    )
    assert len(bodies(embedded)) == 5


@pytest.mark.parametrize("name", ["file.jsonl.gz", "file.without.suffix"])
def test_gzip_is_known_by_its_content(name: str, imported: Import) -> None:
    assert imported(gzip.compress((SPANS + LOGS + LINE).encode()), name) == WHOLE


def test_gzip_of_several_parts_is_read_to_its_end(imported: Import) -> None:
    assert imported(gzip.compress((SPANS + LOGS).encode()) + gzip.compress(LINE.encode())) == WHOLE


@pytest.mark.parametrize(
    ("damaged", "reason"),
    [
        (b"{", "Input data was truncated"),
        (b"Traceback (most recent call last):", "JSON is malformed: invalid character (byte 0)"),
        (b'{"message": "no time"}', "no time (expected one of @timestamp, timestamp, time, ts, asctime)"),
        (b'{"resourceSpans": 1}', "Expected `array | null`, got `int` - at `$.resourceSpans`"),
        (b"\xff\xfe\x00", "JSON is malformed: invalid character (byte 0)"),
        (spans_line("shop", span("0" * 32, 1, None, 1, "no ids")).strip().encode(),
         f"a span without valid ids: '{'0' * 32}', '{1:016x}'"),
    ],
)  # fmt: skip
def test_a_damaged_line_is_counted_with_its_number_and_the_rest_goes_on(
    damaged: bytes, reason: str, imported: Import
) -> None:
    report = imported(SPANS.encode() + b"\n" + damaged + b"\n" + LOGS.encode() + LINE.encode())
    assert report == ImportReport(
        spans=Tally(2), span_events=Tally(1), logs=Tally(4), damaged=1, damage=[(3, reason)]
    )  # fmt: skip


def test_of_many_damaged_lines_the_first_are_told_and_all_are_counted(imported: Import) -> None:
    report = imported("{\n" * 100 + LINE)
    assert (report.logs, report.damaged) == (Tally(1), 100)
    assert report.damage == [(number, "Input data was truncated") for number in range(1, 6)]


@pytest.mark.parametrize("depth", [300, 900, 950, 990, 100_000])
def test_a_line_nested_without_end_is_counted_or_stored_and_never_ends_the_import(
    depth: int, imported: Import, embedded: Store
) -> None:
    report = imported('{"time": 1, "deep": ' + '{"a":' * depth + "1" + "}" * depth + "}\n" + LINE)
    assert report.logs.stored + report.logs.refused + report.damaged == 2
    assert report.logs.stored >= 1
    assert len(bodies(embedded)) + embedded.skipped == report.logs.stored


def test_a_number_beyond_64_bits_is_stored_or_counted_and_never_ends_the_import(imported: Import) -> None:
    huge = spans_line("shop", span(TRACE, 3, 1, 5, "call", endTimeUnixNano="9" * 30))
    report = imported(huge + '{"time": 1e300}\n{"time": 1e999}\n{"time": 1, "n": ' + "9" * 40 + "}\n" + LINE)
    assert (report.spans, report.logs, report.damaged) == (Tally(1), Tally(2), 2)


def test_a_gzip_file_that_breaks_off_is_counted_and_what_came_before_is_stored(imported: Import) -> None:
    lines = "".join(
        json.dumps({"time": n + 1, "message": f"line {n} {n * 7919 % 10_007}"}) + "\n" for n in range(20_000)
    )
    packed = gzip.compress(lines.encode())
    report = imported(packed[: len(packed) // 2])
    assert report.logs.stored > 5000
    assert report.damaged == 1
    assert report.damage == [(report.logs.stored + 1, report.damage[0][1])]
    assert "ended before" in report.damage[0][1]


def test_an_empty_file_is_an_empty_report(imported: Import) -> None:
    assert [imported(""), imported("\n \n"), imported(gzip.compress(b""))] == [ImportReport()] * 3


@pytest.mark.parametrize(
    "content",
    [
        b"dear diary\n" * 50,
        bytes(range(256)) * 40,
        b"\x89PNG\r\n\x1a\n",
        b"[]\n",
        b"{}\n",
        b"\x1f\x8b",
        b"\x1f\x8b\x08garbage",
    ],
)
def test_a_file_of_which_nothing_can_be_read_is_said_to_be_something_else(content: bytes, imported: Import) -> None:
    with pytest.raises(InputError) as caught:
        imported(content)
    assert str(caught.value).endswith(f"({EXPECTED})")
    assert ": line 1: " in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_and_a_file_that_is_not_there_are_said_in_words(tmp_path: Path, embedded: Store) -> None:
    for path, reason in ((tmp_path, "Is a directory"), (tmp_path / "absent", "No such file or directory")):
        with pytest.raises(InputError) as caught:
            import_file(str(path), embedded, Destination())
        assert str(caught.value) == f"{path}: {reason}"


def test_how_far_a_file_is_read_adds_up_to_its_size(tmp_path: Path, embedded: Store) -> None:
    path = tmp_path / "file.jsonl.gz"
    path.write_bytes(gzip.compress((SPANS + LOGS).encode()))
    read: list[int] = []
    import_file(str(path), embedded, Destination(), read.append)
    assert sum(read) == path.stat().st_size


def test_the_command_takes_several_files_and_standard_input_and_says_what_became_of_each(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TRACELOG_STORE", raising=False)
    Path("spans.jsonl").write_text(SPANS)
    Path("logs.jsonl.gz").write_bytes(gzip.compress(f"{LOGS}oops\n".encode()))
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(LINE.encode())))
    assert run(["import", "spans.jsonl", "logs.jsonl.gz", "-", "spans.jsonl"]) == 0
    out, err = capsys.readouterr()
    assert (out, err.splitlines()) == (
        "",
        [
            "spans.jsonl: stored 2 spans, 1 span events, 0 log lines",
            "logs.jsonl.gz: stored 0 spans, 3 log lines",
            "logs.jsonl.gz: line 2 is damaged: JSON is malformed: invalid character (byte 0)",
            "-: stored 0 spans, 1 log lines",
            "spans.jsonl: stored 0 spans (2 were there already), 0 span events (1 were there already), 0 log lines",
        ],
    )
    with open_store("sqlite:tracelog.db") as store:
        assert len(bodies(store)) == 5


def test_a_file_that_cannot_be_read_keeps_none_of_the_others_from_being_imported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRACELOG_STORE", "sqlite:tracelog.db")
    Path("spans.jsonl").write_text(SPANS)
    Path("line.jsonl").write_text(LINE)
    assert run(["import", "spans.jsonl", "absent.jsonl", "line.jsonl"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "spans.jsonl: stored 2 spans, 1 span events, 0 log lines",
        "line.jsonl: stored 0 spans, 1 log lines",
        "tracelog: absent.jsonl: No such file or directory",
    ]


def test_the_command_says_by_its_exit_code_that_a_file_held_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").write_text("")
    assert run(["import", f"{tmp_path}/empty", "--store", f"sqlite:{tmp_path}/import.db"]) == 1
    assert capsys.readouterr() == ("", f"{tmp_path}/empty: stored 0 spans, 0 log lines\n")


def test_what_came_without_a_time_is_stored_counted_and_shown_as_such(tmp_path: Path, store: Store) -> None:
    path = tmp_path / "timeless.jsonl"
    observed = str(START + 5 * MS)
    path.write_text(
        spans_line("shop", span(TRACE, 1, None, 9, "GET /", startTimeUnixNano=GO_ZERO, events=[{"name": "retry"}]))
        + logs_line(
            "shop",
            record(TRACE, 1, 0, "signed", timeUnixNano=GO_ZERO),
            record(TRACE, 1, 0, "unsigned", timeUnixNano=str(2**64 + int(GO_ZERO))),
            record(TRACE, 1, 0, "none", timeUnixNano="0"),
            record(TRACE, 1, 0, "guessed at by no time", timeUnixNano="0", spanId=""),
            record(TRACE, 1, 0, "seen", timeUnixNano=GO_ZERO, observedTimeUnixNano=observed),
        )
        + json.dumps({"time": "0001-01-01T00:00:00Z", "message": "year one", "trace_id": TRACE})
        + "\n"
        + json.dumps({"time": "2300-01-01T00:00:00Z", "message": "too late", "trace_id": TRACE})
        + "\n"
    )
    report = import_file(str(path), store, Destination())
    assert report == ImportReport(spans=Tally(1), span_events=Tally(1), logs=Tally(7), timeless=6)
    assert f"{path}: 6 spans or log lines came without a time" in report.words(str(path))
    store.refresh()
    trace = store.trace(TRACE)
    assert trace.root is not None
    assert {line.message for line in trace.logs if not line.has_time} == {
        "signed", "unsigned", "none", "guessed at by no time", "year one", "too late",
    }  # fmt: skip
    assert {line.message for line in trace.logs_of(trace.root)} == {"signed", "unsigned", "none", "seen"}
    assert (trace.start, trace.duration) == (START + 9 * MS, 0)
    assert [event.time for event in trace.root.events] == [trace.start]


def test_what_a_node_refuses_is_stored_repaired_once_and_counted(tmp_path: Path, elasticsearch_url: str) -> None:
    path = tmp_path / "refused.jsonl"
    path.write_text(json.dumps({"time": START // MS, "message": "no name for a field", "a\0b": 1}) + "\n" + LINE)
    with open_store(elasticsearch_url, namespace=uuid.uuid4().hex) as store:
        report = import_file(str(path), store, Destination())
        assert report == ImportReport(logs=Tally(2), repaired=1)
        assert report.words("f")[1:] == [
            "f: 1 documents were repaired; `tracelog.repaired` says why the store refused them"
        ]
        assert import_file(str(path), store, Destination()) == ImportReport(logs=Tally(duplicates=2))
        store.refresh()
        (line,) = (line for line in store.logs() if line.message == "no name for a field")
        assert json.loads(line.attributes["tracelog.original"]) == {"a\0b": 1}


def test_lines_without_a_time_are_in_no_window_and_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url, path = f"sqlite:{tmp_path}/t.db", tmp_path / "timeless.jsonl"
    path.write_text(logs_line("shop", record(TRACE, 1, 0, "when", timeUnixNano=GO_ZERO), record(TRACE, 1, 0, "then")))
    assert run(["import", str(path), "--store", url]) == 0
    for window, lines, said in ((["--since", "2026-01-01"], ["then"], 1), ([], ["when", "then"], 0)):
        capsys.readouterr()
        assert run(["logs", *window, "--store", url]) == 0
        printed = capsys.readouterr()
        assert [line.rpartition("  ")[0].split()[-1] for line in printed.out.splitlines()] == lines
        assert printed.err.count("in no window, for their time is not known: 1 line") == said
