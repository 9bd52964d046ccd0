"""gunicorn, as processes of its own: crash lines of its workers, and the recipe with preload and Flask."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tracelog import open_store

from .processes import run_example, serve

pytestmark = pytest.mark.slow

WORKERS = [["sync"], ["gthread", "--threads", "2"]]


def last_words(worker: list[str], app: str, directory: Path) -> list[dict[str, Any]]:
    command = ["gunicorn", "-c", "python:crashing_wsgi", f"crashing_wsgi:{app}", "--worker-class", *worker]
    lines = serve(command, directory, "ready", ["/fine", "/crash"])
    wanted = ("gunicorn.access", "gunicorn.error")
    return [line for line in lines if line["logger"] == wanted[0] or "/crash" in line["message"]]


def ids(line: dict[str, Any]) -> tuple[object, object, object]:
    return line.get("trace_id"), line.get("span_id"), line.get("tracelog.after_end")


@pytest.mark.parametrize("worker", WORKERS, ids=["sync", "gthread"])
def test_the_middleware_gives_the_last_words_on_each_request_its_ids(worker: list[str], tmp_path: Path) -> None:
    lines = last_words(worker, "app", tmp_path)
    with open_store(f"sqlite:{tmp_path}/tracelog.db") as store:
        fine, crash = sorted(store.spans(kind="SERVER"), key=lambda span: span.start)
    assert [line["logger"] for line in lines] == ["gunicorn.access", "gunicorn.error", "gunicorn.access"]
    assert [ids(line) for line in lines] == [(span.trace_id, span.span_id, True) for span in (fine, crash, crash)]


@pytest.mark.parametrize("worker", WORKERS, ids=["sync", "gthread"])
def test_without_it_only_the_traceback_has_ids(worker: list[str], tmp_path: Path) -> None:
    lines = last_words(worker, "bare", tmp_path)
    assert [ids(line)[2] for line in lines] == [None, True, None]


def test_the_recipe_stores_every_line_once_with_its_ids(tmp_path: Path) -> None:
    assert run_example("gunicorn_preload", tmp_path) == [
        "20 requests: [('billing', 20), ('gunicorn.access', 20)]",
        "every line has its span: True",
    ]
