"""What `show` says of clocks, and that it moves nothing unasked."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from checkout import START, TRACE, make_line, make_span

from tracelog.cli import run
from tracelog.model import Span
from tracelog.schema import otel
from tracelog.schema.times import format_iso
from tracelog.store import open_store

CLIENT = make_span(1, None, (0, 100), "POST /pay", "shop", kind="CLIENT")
SERVER = make_span(2, 1, (-1000, 80), "POST /pay", "cards", kind="SERVER")
RIGHT = make_span(2, 1, (10, 80), "POST /pay", "cards", kind="SERVER")
Show = Callable[..., tuple[dict[str, Any], str]]


@pytest.fixture
def show(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Show:
    """Store a call and a line of its server; show it as JSON; return that and the last line that was said."""

    def shown(server: Span, *arguments: str) -> tuple[dict[str, Any], str]:
        url = f"sqlite:{tmp_path / 'traces.db'}"
        line = make_line(2, (server.start - START) / 1e6 + 1, "charging", "cards")
        with open_store(url) as store:
            store.setup()
            store.write([*map(otel.encode_span, (CLIENT, server)), otel.encode_log(line)])
        capsys.readouterr()
        assert run(["show", TRACE, "--json", "--store", url, *arguments]) == 0
        out, err = capsys.readouterr()
        return json.loads(out), err.splitlines()[-1]

    return shown


def times(trace: dict[str, Any]) -> list[str]:
    spans = trace["spans"]
    return [span["start_time"] for span in spans] + [line["time"] for span in spans for line in span["logs"]]


def at(*milliseconds: int) -> list[str]:
    return [format_iso(START + ms * 1_000_000) for ms in milliseconds]


def test_clocks_that_differ_are_said_to_and_left_alone(show: Show) -> None:
    trace, last = show(SERVER)
    assert last == "clocks contradict each other: --adjust-clocks moves the times of those that are off"
    assert ([finding["kind"] for finding in trace["findings"]], times(trace)) == (["skew"], at(0, -1000, -999))


def test_clocks_are_adjusted_where_it_is_asked_for(show: Show) -> None:
    trace, last = show(SERVER, "--adjust-clocks")
    assert last.startswith("found as trace_id")
    assert times(trace) == at(0, 10, 11)
    assert [finding["text"] for finding in trace["findings"]] == [
        "clock adjusted: the times of service cards are shown 1,010 ms later than they were written"
    ]


def test_where_there_is_nothing_to_adjust_that_is_said(show: Show) -> None:
    trace, last = show(RIGHT, "--adjust-clocks")
    assert (last, times(trace)) == ("no clocks contradict each other: no times were moved", at(0, 10, 11))
    assert show(RIGHT)[1].startswith("found as trace_id")
