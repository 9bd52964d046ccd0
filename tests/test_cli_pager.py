"""The pager: for who sits before a terminal, and for nobody else. The terminal is a real one (a pty)."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from otlp_lines import logs_line, record, span, spans_line

from tracelog.cli import run

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
LINES = 400


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("paged")
    lines = [record(TRACE, 1, n, f"item {n} taken from the shelf") for n in range(LINES)]
    (folder / "lines.jsonl").write_text(
        spans_line("shop", span(TRACE, 1, None, 9, "GET /")) + logs_line("shop", *lines)
    )
    url = f"sqlite:{folder}/tracelog.db"
    assert run(["import", f"{folder}/lines.jsonl", "--store", url]) == 0
    return url


def on_terminal(store: str, *arguments: str, pager: str, **environment: str) -> tuple[str, int]:
    """Run a command on a terminal of its own; return what stood on it and the exit code."""
    ours, theirs = pty.openpty()
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "LESS", "COLORTERM")}
    with subprocess.Popen(
        [sys.executable, "-m", "tracelog", *arguments, "--store", store],
        stdin=theirs, stdout=theirs, stderr=subprocess.DEVNULL, start_new_session=True,
        env={**kept, "TERM": "xterm-256color", "COLUMNS": "100", "PAGER": pager, **environment},
    ) as process:  # fmt: skip
        os.close(theirs)
        seen = b""
        try:
            while part := os.read(ours, 65536):
                seen += part
        except OSError:  # the terminal's other side is closed
            pass
        os.close(ours)
        return seen.decode().replace("\r\n", "\n"), process.wait(30)


@pytest.fixture
def page(tmp_path: Path) -> str:
    """A pager that shouts what it is given, and says what LESS is."""
    (tmp_path / "page.py").write_text(
        "import os, sys\nprint('LESS', os.environ['LESS'])\nsys.stdout.write(sys.stdin.read().upper())\n"
    )
    return f"{sys.executable} {tmp_path}/page.py"


@pytest.mark.parametrize(
    "arguments", [("show", TRACE), ("logs", TRACE), ("slow",), ("ops",), ("show", "--list", TRACE)]
)
def test_what_is_printed_on_a_terminal_goes_through_the_pager(
    store: str, page: str, arguments: tuple[str, ...]
) -> None:
    plain, code = on_terminal(store, *arguments, pager="cat")
    assert (plain.count("LESS"), code) == (0, 0)
    assert on_terminal(store, *arguments, pager=page) == (f"LESS FRX\n{plain.upper()}", 0)


def test_colours_are_kept_behind_the_pager_and_no_color_is_too(store: str, page: str) -> None:
    assert "\x1b[" in on_terminal(store, "show", TRACE, pager=page)[0].lower()
    assert "\x1b[" not in on_terminal(store, "show", TRACE, pager=page, NO_COLOR="1")[0].lower()


def test_who_ends_the_pager_early_has_seen_enough(store: str) -> None:
    seen, code = on_terminal(store, "logs", TRACE, pager="head -2", NO_COLOR="1")
    assert (seen.count("\n"), code) == (2, 0)


@pytest.mark.parametrize("pager", ["", "cat", "no-such-pager -x"])
def test_no_pager_is_no_trouble(store: str, pager: str) -> None:
    seen, code = on_terminal(store, "logs", TRACE, pager=pager)
    assert (seen.count("\n"), code) == (LINES, 0)


def test_json_and_what_goes_into_a_pipe_is_not_paged(
    store: str, page: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert "LESS" not in on_terminal(store, "logs", TRACE, "--json", pager=page)[0]
    monkeypatch.setenv("PAGER", page)
    assert run(["logs", TRACE, "--store", store]) == 0
    assert "LESS" not in capfd.readouterr().out


def test_words_are_completed_for_a_shell() -> None:
    script = """
    eval "$(_TRACELOG_COMPLETE=bash_source tracelog)" || exit 1
    tried() {
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
        _tracelog_completion tracelog
        echo "${COMPREPLY[@]}"
    }
    tried tracelog sh
    tried tracelog slow --kind se
    tried tracelog slow --err
    tried tracelog show A-1 --fail-on re
    tried tracelog show A-1 --fail-on gap,o
    """
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script], env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
    )
    completed = ["show", "server", "--errors --errors-first", "retry repeated", "gap,orphan"]
    assert (done.stdout.splitlines(), done.stderr, done.returncode) == (completed, "", 0)


def test_without_a_command_the_help_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 0
    assert capsys.readouterr().out.startswith("Usage: tracelog [OPTIONS] [COMMAND] [ARGS]...\n")
