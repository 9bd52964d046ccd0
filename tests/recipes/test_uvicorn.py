"""uvicorn, as a process of its own: what it says of a crash, with the middleware and without."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tracelog import open_store

from .processes import environment, run_example, serve

pytestmark = pytest.mark.slow

both_implementations = pytest.mark.parametrize("http", ["h11", "httptools"])


def crash_lines(http: str, app: str, directory: Path) -> dict[str, dict[str, Any]]:
    script = Path(__file__).parent / "servers" / "crashing_asgi.py"
    subprocess.run([sys.executable, str(script)], cwd=directory, env=environment(), check=True, timeout=60)
    options = ["--http", http, "--uds", "server.sock", "--log-config", "logging.json", "--lifespan", "off"]
    command = ["uvicorn", f"crashing_asgi:{app}", *options]
    # After a SIGTERM uvicorn kills itself by the same signal, past Python's own end.
    lines = serve(command, directory, "Uvicorn running", ["/crash"], signal.SIGINT)
    return {
        "traceback": next(line for line in lines if line["message"].startswith("Exception in ASGI")),
        "access": next(line for line in lines if line["logger"] == "uvicorn.access"),
    }


def server_span(directory: Path) -> tuple[str, str]:
    with open_store(f"sqlite:{directory}/tracelog.db") as store:
        (span,) = store.spans(kind="SERVER")
    return span.trace_id, span.span_id


@both_implementations
def test_the_middleware_gives_the_traceback_and_the_access_line_the_ids_of_the_request(
    http: str, tmp_path: Path
) -> None:
    lines = crash_lines(http, "app", tmp_path)
    for line in lines.values():
        assert (line["trace_id"], line["span_id"]) == server_span(tmp_path)
        assert line["tracelog.after_end"] is True


@both_implementations
def test_without_it_only_the_exception_leads_to_the_ids(http: str, tmp_path: Path) -> None:
    lines = crash_lines(http, "bare", tmp_path)
    assert (lines["traceback"]["trace_id"], lines["traceback"]["span_id"]) == server_span(tmp_path)
    assert not {"trace_id", "span_id", "tracelog.after_end"} & set(lines["access"])


@both_implementations
def test_the_example_shows_both_lines_in_the_trace(http: str, tmp_path: Path) -> None:
    assert run_example("uvicorn_crash_lines", tmp_path, http) == [
        "500",
        'uvicorn.access "GET /orders?id=A-1234 HTTP/1.1" 500 True',
        "uvicorn.error Exception in ASGI application True",
    ]
