"""What `show` checks and writes: findings that fail a build, and files that other tools read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from asking import Ask, stored
from otlp_lines import logs_line, record, span, spans_line

from tracelog.cli import run

TRACE, PLAIN, SECRET = "4bf92f3577b34da6a3ce929d0e0e4736", "a" * 32, "b" * 32
CALL: dict[str, Any] = {"kind": 3, "status": {"code": 2}}
STORED = [
    spans_line(
        "shop", span(TRACE, 1, None, 1000, "POST /orders", kind=2), span(TRACE, 4, 1, 9, "GET /me", at=1),
        span(TRACE, 2, 1, 200, "POST /stock", at=10, **CALL), span(TRACE, 3, 1, 200, "POST /stock", at=220, **CALL),
    ),
    logs_line("shop", record(TRACE, 1, 450, "lock \x1b[31mtaken", 17), record(TRACE, 1, 990, "done")),
    spans_line("shop", span(PLAIN, 11, None, 9, "POST /orders", kind=2)),
    logs_line("shop", *(record(PLAIN, 11, n, f"detail {n}", 5) for n in range(6))),
    spans_line("shop", span(SECRET, 21, None, 9, "login", status={"code": 2, "message": "password=hunter2"})),
    logs_line("shop", record(SECRET, 21, 1, "connecting with password=hunter2")),
]  # fmt: skip


class Said(NamedTuple):
    code: int
    out: str
    err: list[str]


Show = Callable[..., Said]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    return stored(STORED, tmp_path_factory.mktemp("show"))


@pytest.fixture
def show(ask: Ask) -> Show:
    """Show with these arguments; return what was said, without where the id was found."""

    def shown(*arguments: str) -> Said:
        code, out, err = ask("show", *arguments)
        return Said(code, out, [line for line in err.splitlines() if not line.startswith("found as")])

    return shown


RETRY = "retry: shop tried POST /stock 2 times in 410 ms, each time in vain"
GAP = r"gap: 540 ms in shop POST /orders between 'lock \x1b[31mtaken' and 'done'"


def test_debug_lines_are_folded_unless_all_is_wanted(show: Show) -> None:
    folded, whole = (show(PLAIN, *arguments).out.splitlines() for arguments in ((), ("--all",)))
    assert [line.strip() for line in folded[6:]] == ["+0 ns    …     6 lines at DEBUG"]
    assert [line.rpartition("DEBUG ")[2] for line in whole[6:]] == [f"detail {n}" for n in range(6)]


def test_findings_that_are_not_wanted_are_named_on_stderr_and_the_exit_code_says_so(show: Show) -> None:
    assert show(TRACE, "--fail-on", "retry")[::2] == (3, [RETRY])
    assert show(TRACE, "--fail-on", "repeated, gap,retry", "--no-logs")[::2] == (3, [RETRY, GAP])
    code, out, err = show(TRACE, "--json", "--fail-on", "gap")
    assert (code, [finding["kind"] for finding in json.loads(out)["findings"]], err) == (3, ["retry", "gap"], [GAP])


def test_where_none_of_them_is_found_the_trace_is_shown_and_that_is_all(show: Show) -> None:
    assert show(TRACE, "--fail-on", "repeated,serial")[::2] == (0, [])
    code, out, err = show(PLAIN, "--fail-on", "retry,gap")
    assert (code, out.splitlines()[0], err) == (0, "POST /orders  shop", [])


@pytest.mark.parametrize("kinds", ["nonsense", "retry,nonsense", "retry,,gap"])
def test_an_unknown_kind_is_wrong_use_and_all_kinds_are_named(kinds: str, show: Show) -> None:
    code, out, (said,) = show(TRACE, "--fail-on", kinds)
    assert (code, out) == (2, "")
    assert "expected some of retry, gap, hidden, unlogged, repeated, serial, orphan, ghost, arriving, cycle" in said


def test_a_trace_is_written_to_files_and_the_timeline_is_not_printed(show: Show, tmp_path: Path) -> None:
    otlp, perfetto = tmp_path / "trace.jsonl", tmp_path / "trace.json"
    said = show(TRACE, "--otlp", str(otlp), "--perfetto", str(perfetto), "--fail-on", "retry")
    assert said == (3, "", [f"written: {otlp}", f"written: {perfetto}", RETRY])
    assert sum("resourceSpans" in line for line in otlp.read_text().splitlines()) == 1
    events = json.loads(perfetto.read_bytes())["traceEvents"]
    assert [event["name"] for event in events if event["ph"] == "X"] == [
        "POST /orders", "GET /me", "POST /stock", "POST /stock",
    ]  # fmt: skip


def test_a_file_of_a_dash_is_standard_output_and_what_is_imported_from_it_is_there_already(
    show: Show, tmp_path: Path, store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = show(TRACE, "--otlp", "-")
    assert (code, err, len(out.splitlines())) == (0, [], 2)
    (tmp_path / "again.jsonl").write_text(out)
    assert run(["import", f"{tmp_path}/again.jsonl", "--store", store]) == 0
    assert capsys.readouterr().err.endswith(
        "stored 0 spans (4 were there already), 0 log lines (2 were there already)\n"
    )


def test_a_page_is_written_beside_other_forms_and_what_it_shows_is_in_it(show: Show, tmp_path: Path) -> None:
    page, otlp = tmp_path / "trace.html", tmp_path / "trace.jsonl"
    assert show(TRACE, "--html", str(page), "--otlp", str(otlp)) == (
        0, "", [f"written: {page}", f"written: {otlp}"],
    )  # fmt: skip
    html = page.read_text(encoding="utf-8")
    assert html.startswith("<!doctype html>")
    assert all(text in html for text in (TRACE, "POST /stock", r"lock \u001b[31mtaken"))
    code, out, err = show(TRACE, "--html", "-")
    assert (code, out, err) == (0, html, [])


@pytest.mark.parametrize("form", [(), ("--json",), ("--html", "-"), ("--otlp", "-"), ("--perfetto", "-")])
def test_secrets_that_are_stored_are_hidden_in_whatever_is_shown(form: tuple[str, ...], show: Show) -> None:
    assert "hunter2" in show(SECRET, *form).out
    code, out, err = show(SECRET, *form, "--redact")
    assert (code, "hunter2" in out, "[redacted]" in out, err) == (0, False, True, ["secrets hidden: 2"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--otlp", "/no/such/folder/x"), "tracelog: /no/such/folder/x: No such file or directory"),
        (("--otlp", "-", "--perfetto", "-"), "leave out the rest"),
        (("--html", "-", "--otlp", "-"), "leave out the rest"),
        (("--html", "-", "--level", "error"), "leave out the rest"),
        (("--otlp", "-", "--json"), "leave out the rest"),
        (("--otlp", "-", "--list"), "leave out the rest"),
        (("--perfetto", "-", "--no-logs"), "leave out the rest"),
        (("--fail-on", "gap", "--list"), "leave out --list"),
    ],
)
def test_what_cannot_be_written_or_checked_together_is_wrong_use(
    arguments: tuple[str, ...], said: str, show: Show
) -> None:
    code, out, err = show(TRACE, *arguments)
    assert (code, out, len(err), said in err[-1]) == (2, "", 1, True)
