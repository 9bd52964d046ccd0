"""Failures of the command line, in real processes: an exit code, one line on stderr, never a traceback."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from otlp_lines import logs_line, record, span, spans_line

ROOT = Path(__file__).parents[1]
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PYTHON = (sys.executable, "-X", "utf8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store of 2,000 lines in it, a file that is no database, and one that is no OTLP."""
    folder = tmp_path_factory.mktemp("failures")
    lines = [record(TRACE, 1, n, f"line {n} {'x' * 50}") for n in range(2000)]
    (folder / "stored.jsonl").write_text(
        spans_line("shop", span(TRACE, 1, None, 9, "GET /")) + logs_line("shop", *lines)
    )
    (folder / "notes.txt").write_text("dear diary, " * 100)
    assert tracelog(folder, "import", "stored.jsonl").returncode == 0
    return folder


def environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TRACELOG_", "OTEL_"))}
    return {**kept, "PYTHONPATH": str(ROOT), "COLUMNS": "100"}


def tracelog(folder: Path, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[str]:
    command = [*PYTHON, "-m", "tracelog", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment(), input=stdin, capture_output=True, check=False)
    return subprocess.CompletedProcess(command, done.returncode, done.stdout.decode(), done.stderr.decode())


def tracelog_without_rights(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command as somebody whom the rights of files and folders bind, root too."""
    bound = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    if bound and shutil.which("setpriv") is None:
        pytest.skip("root may read and write anywhere")
    command = [*bound, *PYTHON, "-m", "tracelog", *arguments]
    return subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, check=False)


NO_STORE = "no store at sqlite:{0}/absent.db (write to it first, or name another with --store or TRACELOG_STORE)"
FOUND = f"found as trace_id in 2,001 documents of trace {TRACE}"
KINDS = "retry, gap, hidden, unlogged, repeated, serial, orphan, ghost, arriving, cycle, unsampled, skew"
LEVELS = "'DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL'"
ELSEWHERE = "no trace holds it (lines outside of traces: logs --text, logs --attr; what resources say: slow --attr)"
EXPECTED = "expected OTLP/JSON lines (resourceSpans, resourceLogs) or JSON log lines with a time"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("show", "c" * 32), 1, f"nothing found for '{'c' * 32}' in sqlite:{{0}}/tracelog.db"),
        (("show", TRACE, "--span", "77"), 1, f"span '77' is not in trace {TRACE}"),
        (("logs", "no-such-order"), 1, f"nothing found for 'no-such-order' in sqlite:{{0}}/tracelog.db: {ELSEWHERE}"),
        (("show", "no such order"), 1, f"nothing found for 'no such order' in sqlite:{{0}}/tracelog.db: {ELSEWHERE}"),
        (("show", TRACE, "--store", "sqlite:absent.db"), 2, NO_STORE),
        (("slow", "--store", "sqlite:absent.db", "--json"), 2, NO_STORE),
        (("ops", "--store", "sqlite:notes.txt"), 2, "sqlite:{0}/notes.txt: file is not a database"),
        (("import", "stored.jsonl", "--store", "sqlite:notes.txt"), 2, "sqlite:{0}/notes.txt: file is not a database"),
        (("import", "notes.txt"), 2, f"notes.txt: line 1: JSON is malformed: invalid character (byte 0) ({EXPECTED})"),
        (("import", "absent.jsonl"), 2, "absent.jsonl: No such file or directory"),
        (("import", "."), 2, ".: Is a directory"),
        (("slow", "--store", "ftp://x"), 2, "cannot open the store 'ftp://x' (expected sqlite:PATH or http(s)://host:9200)"),
        (("slow", "--store", "sqlite:"), 2, "store URL 'sqlite:' names no file (expected sqlite:PATH)"),
        (("slow", "--since", "lunch"), 2, "not a time: 'lunch' (expected for example 15m, 2h or 2026-04-19T14:23)"),
        (("slow", "--attr", "=7"), 2, "not an attribute: '=7' (expected KEY, KEY=VALUE, or KEY with >, >=, < or <=)"),
        (("slow", "--min-duration", "7"), 2, "not a duration: '7' (expected for example 500ms, 1.5s or 2m)"),
        (("slow", "--attr", ""), 2, "not an attribute: '' (expected KEY, KEY=VALUE, or KEY with >, >=, < or <=)"),
        (("show", TRACE, "--fail-on", ""), 2,
         f"Invalid value for '--fail-on': unknown kind '' (expected some of {KINDS}) (see tracelog show --help)"),
        (("deps", "--dot", "--mermaid"), 2,
         "--dot and --mermaid are two ways to print: leave out one (see tracelog deps --help)"),
        (("ops", "--by", "often"), 2, "not a duration: 'often' (expected for example 500ms, 1.5s or 2m)"),
        (("logs", "--store", "sqlite:absent.db"), 2, NO_STORE),
        (("deps", "--store", "sqlite:absent.db"), 2, NO_STORE),
        (("doctor", "--store", "sqlite:absent.db"), 2, NO_STORE),
        (("logs", "--span", "zz"), 2, "not a span id: 'zz' (expected hex digits)"),
        (("frobnicate",), 2, "No such command 'frobnicate'. (see tracelog --help)"),
        (("show",), 2, "Missing argument 'ANY_ID'. (see tracelog show --help)"),
        (("show", TRACE, "--json", "--no-logs"), 2,
         "--json prints the whole trace: leave out --no-logs, --level and --span (see tracelog show --help)"),
        (("logs", "--level", "LOUD"), 2,
         f"Invalid value for '--level': 'LOUD' is not one of {LEVELS}. (see tracelog logs --help)"),
        (("slow", "--limit", "0"), 2,
         "Invalid value for '--limit': 0 is not in the range 1<=x<=10000. (see tracelog slow --help)"),
    ],
)  # fmt: skip
def test_a_failure_is_one_line_on_stderr_and_an_exit_code(
    arguments: tuple[str, ...], code: int, said: str, folder: Path
) -> None:
    done = tracelog(folder, *arguments)
    *above, line = done.stderr.splitlines()
    assert above in ([], [FOUND]), "only where an id was found may be said above"
    assert (done.returncode, done.stdout) == (code, "")
    assert line.lower() == f"tracelog: {said.format(folder)}".lower()  # click's versions differ in the case of choices
    assert not (folder / "absent.db").exists()


@pytest.fixture
def locked(folder: Path) -> Iterator[Path]:
    """A folder of its own with the store in it, whose rights the test may take away."""
    locked = folder / "locked"
    locked.mkdir()
    shutil.copy(folder / "tracelog.db", locked)
    yield locked
    locked.chmod(0o700)
    shutil.rmtree(locked)


@pytest.mark.slow
@pytest.mark.parametrize("command", ["slow", "logs", "setup"])
def test_a_store_in_a_folder_that_may_not_be_entered_is_one_line(command: str, folder: Path, locked: Path) -> None:
    locked.chmod(0)
    done = tracelog_without_rights(folder, command, "--store", "sqlite:locked/tracelog.db")
    said = done.stderr.splitlines()[-1]
    assert (done.returncode, done.stdout, "Traceback" in done.stderr) == (2, "", False)
    assert said.startswith(f"tracelog: sqlite:{locked}/tracelog.db: ")


@pytest.mark.slow
def test_a_store_in_a_folder_that_may_not_be_written_to_is_read(folder: Path, locked: Path) -> None:
    locked.chmod(0o500)
    done = tracelog_without_rights(folder, "show", TRACE, "--no-logs", "--store", "sqlite:locked/tracelog.db")
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "GET /  shop")


@pytest.mark.slow
def test_what_a_killed_writer_left_in_a_folder_that_may_not_be_written_to_is_said_to_need_writing(
    folder: Path, locked: Path
) -> None:
    (locked / "tracelog.db-wal").write_bytes(b"what was written last")
    locked.chmod(0o500)
    done = tracelog_without_rights(folder, "slow", "--store", "sqlite:locked/tracelog.db")
    said = done.stderr.splitlines()[-1]
    assert (done.returncode, done.stdout) == (2, "")
    assert "its folder is read-only, but what a writer left in tracelog.db-wal can only be read by" in said


@pytest.mark.slow
def test_data_goes_to_stdout_and_words_to_stderr(folder: Path) -> None:
    done = tracelog(folder, "show", TRACE, "--no-logs")
    assert (done.returncode, done.stderr) == (0, f"{FOUND}\n")
    assert done.stdout.startswith("GET /  shop\n")
    assert "\x1b" not in done.stdout


@pytest.mark.slow
def test_a_file_is_imported_from_standard_input(folder: Path) -> None:
    piped = tracelog(folder, "import", "-", "--store", "sqlite:piped.db", stdin=(folder / "stored.jsonl").read_bytes())
    assert (piped.returncode, piped.stdout, piped.stderr) == (0, "", "-: stored 1 spans, 2,000 log lines\n")


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [("logs", "--json"), ("logs",), ("show", TRACE)])
def test_a_reader_that_has_seen_enough_ends_the_command_quietly(arguments: tuple[str, ...], folder: Path) -> None:
    command = [*PYTHON, "-m", "tracelog", *arguments]
    with subprocess.Popen(
        command, cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline()
        process.stdout.close()
        said = process.stderr.read().decode()
        code = process.wait(60)
    assert (code, said.count("\n"), "Traceback" in said, "BrokenPipe" in said) == (141, 1, False, False)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
@pytest.mark.parametrize("arguments", [("show", TRACE), ("logs",), ("slow", "--json"), ("--help",)])
def test_where_the_answer_finds_no_room_that_is_one_line(arguments: tuple[str, ...], folder: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        command = [*PYTHON, "-m", "tracelog", *arguments]
        done = subprocess.run(
            command, cwd=folder, env=environment(), stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    said = done.stderr.splitlines()
    assert (done.returncode, said[-1]) == (2, "tracelog: standard output: No space left on device")
    assert len(said) <= 2  # the window used, or where the id was found, may be said above


HIDE = """
import sys
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == {missing!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Hidden())
sys.argv[1:] = {arguments!r}
import runpy
runpy.run_module("tracelog", run_name="__main__")
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("missing", "arguments"), [("click", ["--help"]), ("rich", ["show", TRACE]), ("rich", ["import", "-"])]
)
def test_without_the_extra_the_command_line_names_the_pip_command(
    missing: str, arguments: list[str], folder: Path
) -> None:
    source = HIDE.format(missing=missing, arguments=arguments)
    done = subprocess.run(
        [*PYTHON, "-c", source], cwd=folder, env=environment(), capture_output=True, text=True, input="", check=False
    )
    said = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (2, "")
    assert said[-1] == "tracelog: the command line needs the extra 'cli': pip install 'tracelog[cli]'"
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_on_a_terminal_of_ascii_the_timeline_is_printed_in_ascii(folder: Path) -> None:
    command = [sys.executable, "-X", "utf8=0", "-m", "tracelog", "show", TRACE, "--no-logs"]
    env = {**environment(), "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, check=False)
    assert (done.returncode, done.stdout.decode("ascii").splitlines()[0]) == (0, "GET /  shop")
