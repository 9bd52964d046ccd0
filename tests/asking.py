"""Commands, asked of a store in the process of the test: what they print, where, and with which exit code.

A module whose tests `ask` has a fixture `store`: the URL of what they ask.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tracelog.cli import run


class Said(NamedTuple):
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


Ask = Callable[..., Said]
COLUMNS = "100"


def stored(lines: Iterable[str], folder: Path) -> str:
    """Import lines of OTLP/JSON into a store of their own, and return its URL."""
    (folder / "stored.jsonl").write_text("".join(lines))
    assert run(["import", f"{folder}/stored.jsonl", "--store", f"sqlite:{folder}/cli.db"]) == 0
    return f"sqlite:{folder}/cli.db"


@pytest.fixture
def ask(store: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Run a command against the store, on a terminal of 100 columns."""
    monkeypatch.setenv("TRACELOG_STORE", store)
    monkeypatch.setenv("COLUMNS", COLUMNS)
    capsys.readouterr()

    def asked(*arguments: str) -> Said:
        code = run(list(arguments))
        return Said(code, *capsys.readouterr())

    return asked
