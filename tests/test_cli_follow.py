"""`tracelog logs --follow`: a real process, beside another that writes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from otlp_lines import logs_line, record, span, spans_line

from tracelog.cli import run
from tracelog.model import LogEntry
from tracelog.schema.otel import encode_log
from tracelog.store import Store, open_store

TRACE, OTHER = "4bf92f3577b34da6a3ce929d0e0e4736", "a" * 32
EARLIER = [
    spans_line("shop", span(TRACE, 1, None, 9, "POST /orders", kind=2)),
    logs_line("shop", record(TRACE, 1, 1, "taken"), record(OTHER, 1, 2, "another's")),
]


@pytest.fixture
def orders(tmp_path: Path) -> Iterator[Store]:
    """A store with lines of two traces."""
    (tmp_path / "earlier.jsonl").write_text("".join(EARLIER))
    assert run(["import", f"{tmp_path}/earlier.jsonl", "--store", f"sqlite:{tmp_path}/follow.db"]) == 0
    with open_store(f"sqlite:{tmp_path}/follow.db") as opened:
        yield opened


@contextmanager
def following(store: Store, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Follow in a process of its own, whose output is a pipe; it must end as soon as it is interrupted."""
    command = [sys.executable, "-m", "tracelog", "logs", "--follow", "--store", store.url, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            for line in process.stderr:
                if line.startswith("following"):
                    break
            yield process
            process.send_signal(signal.SIGINT)
            assert process.wait(10) == 130
        finally:
            process.kill()


def write(store: Store, at: int, body: str, trace_id: str = TRACE) -> None:
    line = LogEntry(time=at, observed_time=at, body=body, id=body, service="shop", trace_id=trace_id, severity_number=9)
    store.write([encode_log(line)])


def read(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def test_what_was_written_before_is_printed_and_then_what_arrives(orders: Store) -> None:
    with following(orders, TRACE) as process:
        assert "taken" in read(process)
        write(orders, 1_776_608_581_300_000_000, "paid")
        write(orders, 1_776_608_581_250_000_000, "packed")
        write(orders, 1_776_608_581_350_000_000, "another's too", OTHER)
        write(orders, 1_776_608_581_400_000_000, "sent")
        assert [read(process).rsplit("shop ")[-1].strip() for _ in range(3)] == ["packed", "paid", "sent"]


def test_a_trace_that_is_not_there_yet_is_waited_for(store: Store) -> None:
    write(store, 1_776_608_581_200_000_000, "another's")
    with following(store, trace_id := uuid.uuid4().hex, "--json") as process:
        write(store, 1_776_608_581_300_000_000, "paid", trace_id)
        assert json.loads(read(process))["message"] == "paid"


def test_everything_is_followed_from_now_on(orders: Store) -> None:
    with following(orders) as process:
        write(orders, time.time_ns(), "now")
        assert "now" in read(process)


def test_a_store_that_is_not_there_is_not_waited_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for trace_id in ([], [TRACE]):
        assert run(["logs", *trace_id, "--follow", "--store", f"sqlite:{tmp_path}/none.db"]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"tracelog: no store at sqlite:{tmp_path}/none.db ")


def test_following_has_no_end(orders: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["logs", "--follow", "--until", "5m", "--store", orders.url]) == 2
    assert "--follow goes on and on: leave out --until" in capsys.readouterr().err


def test_a_value_that_is_nowhere_is_not_waited_for(orders: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["logs", "A-1234", "--follow", "--store", orders.url]) == 1
    said = f"tracelog: nothing found for 'A-1234' in {orders.url} (only a whole trace id is waited for)\n"
    assert capsys.readouterr().err == said
