"""A real incident, imported and asked: every span and line is there once, each line on the span that wrote it.

The recordings stand beside the repository, in `../shared/incidents`, or where TRACELOG_INCIDENTS says. Where there
are none, a generated file with the same traits stands in: spans sent twice, and lines equal in every field.
"""

from __future__ import annotations

import gzip
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from otlp_lines import logs_line, record, span, spans_line

from tracelog.cli import run
from tracelog.store import Store, open_store

NAME = "incident-00.jsonl.gz"
BESIDE = Path(__file__).parents[1].parent / "shared" / "incidents"

pytestmark = pytest.mark.slow

Key = tuple[str, str]


class Incident(NamedTuple):
    """What a recording holds, read without tracelog: spans by id with what makes them, and the lines."""

    path: Path
    spans: dict[Key, dict[str, Any]]
    sent: int
    lines: Counter[tuple[str, str, str, str]]

    @property
    def roots(self) -> dict[str, int]:
        return {key[0]: duration(each) for key, each in self.spans.items() if not each.get("parentSpanId")}


def duration(raw: dict[str, Any]) -> int:
    return int(raw["endTimeUnixNano"]) - int(raw["startTimeUnixNano"])


def generated(path: Path) -> None:
    text = ""
    for number in range(1, 40):
        trace = f"{number:032x}"
        spans = [
            span(trace, number * 10 + n, number * 10 if n else None, 500 * number - n, f"step {n}") for n in range(4)
        ]
        lines = [record(trace, number * 10 + n, n, f"at step {n}", 17 if n == 3 else 9) for n in range(4)]
        text += spans_line("shop", *spans) + logs_line("shop", *lines, lines[0]) + spans_line("shop", spans[1])
    path.write_bytes(gzip.compress(text.encode()))


def read(path: Path) -> Incident:
    spans: dict[Key, dict[str, Any]] = {}
    lines: Counter[tuple[str, str, str, str]] = Counter()
    sent = 0
    for line in gzip.decompress(path.read_bytes()).splitlines():
        held = json.loads(line)
        for each in (
            e for group in held.get("resourceSpans", ()) for part in group["scopeSpans"] for e in part["spans"]
        ):
            spans[each["traceId"], each["spanId"]] = each
            sent += 1
        for each in (
            e for group in held.get("resourceLogs", ()) for part in group["scopeLogs"] for e in part["logRecords"]
        ):
            lines[each["traceId"], each["spanId"], each["timeUnixNano"], each["body"]["stringValue"]] += 1
    return Incident(path, spans, sent, lines)


@pytest.fixture(scope="module")
def incident(tmp_path_factory: pytest.TempPathFactory) -> Incident:
    path = Path(os.environ.get("TRACELOG_INCIDENTS") or BESIDE) / NAME
    if not path.is_file():
        path = tmp_path_factory.mktemp("generated") / NAME
        generated(path)
    return read(path)


@pytest.fixture(scope="module")
def url(incident: Incident, tmp_path_factory: pytest.TempPathFactory) -> str:
    url = f"sqlite:{tmp_path_factory.mktemp('incident')}/incident.db"
    assert run(["import", str(incident.path), "--store", url]) == 0
    return url


@pytest.fixture
def recorded(url: str) -> Iterator[Store]:
    with open_store(url) as store:
        yield store


Ask = Callable[..., tuple[int, str, str]]


@pytest.fixture
def ask(url: str, capsys: pytest.CaptureFixture[str]) -> Ask:
    def asked(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        return (run([*arguments, "--store", url]), *capsys.readouterr())

    return asked


def test_the_recording_has_the_traits_that_this_test_is_about(incident: Incident) -> None:
    assert incident.sent > len(incident.spans)
    assert max(incident.lines.values()) > 1
    if incident.path.parent == BESIDE:
        assert (len(incident.spans), incident.sent, incident.lines.total()) == (14_260, 14_460, 7_852)


def test_every_span_is_stored_once_and_every_line_as_often_as_it_was_written(
    incident: Incident, recorded: Store
) -> None:
    stored = {(each.trace_id, each.span_id): each.duration for each in recorded.spans()}
    assert stored == {key: duration(each) for key, each in incident.spans.items()}
    assert sum(1 for _ in recorded.spans()) == len(incident.spans)
    lines = Counter((each.trace_id, each.span_id, str(each.time), each.body) for each in recorded.logs())
    assert lines == incident.lines


def test_importing_it_again_adds_nothing(incident: Incident, url: str, recorded: Store, ask: Ask) -> None:
    said = ask("import", str(incident.path))
    spans, lines = f"{incident.sent:,}", f"{incident.lines.total():,}"
    known = f"stored 0 spans ({spans} were there already), 0 log lines ({lines} were there already)"
    assert said == (0, "", f"{incident.path}: {known}\n")
    assert sum(1 for _ in recorded.logs()) == incident.lines.total()


def test_every_line_stands_on_the_span_that_wrote_it_in_every_trace(incident: Incident, recorded: Store) -> None:
    placed: Counter[tuple[str, str, str, str]] = Counter()
    nodes = 0
    for trace_id in {key[0] for key in incident.spans}:
        trace = recorded.trace(trace_id)
        assert trace.unplaced_logs == ()
        nodes += len(trace.nodes)
        placed.update(
            (trace_id, node.span.span_id, str(line.time), line.body) for node in trace.nodes for line in node.logs
        )
    assert (nodes, placed) == (len(incident.spans), incident.lines)


def test_slow_ranks_the_traces_by_their_roots(incident: Incident, ask: Ask) -> None:
    code, out, err = ask("slow", "--json", "--limit", "10")
    rows = [
        (row["trace_id"], row["measure"], round(row["duration_ms"] * 1_000_000))
        for row in map(json.loads, out.splitlines())
    ]
    slowest = sorted(incident.roots.items(), key=lambda item: -item[1])[:10]
    assert (code, rows, err) == (
        0,
        [(trace, "root", length) for trace, length in slowest],
        "window: all that is stored\n",
    )


def test_show_prints_the_slowest_with_a_row_for_each_span_and_line(incident: Incident, ask: Ask) -> None:
    slowest = max(incident.roots, key=lambda trace: incident.roots[trace])
    spans = {key[1] for key in incident.spans if key[0] == slowest}
    lines = sum(count for key, count in incident.lines.items() if key[0] == slowest)
    code, out, _ = ask("show", slowest, "--json")
    trace = json.loads(out)
    assert (code, trace["span_count"], trace["log_count"], trace["complete"]) == (0, len(spans), lines, True)
    assert {each["span_id"] for each in trace["spans"]} == spans
    code, out, err = ask("show", slowest)
    assert (code, out.count(" INFO ") + out.count(" ERROR ") + out.count(" WARN ") >= lines) == (0, True)
    assert err == f"found as trace_id in {len(spans) + lines:,} documents of trace {slowest}\n"


def test_logs_prints_exactly_the_errors(incident: Incident, recorded: Store, ask: Ask) -> None:
    code, out, _ = ask("logs", "--level", "error", "--json")
    rows = [json.loads(line) for line in out.splitlines()]
    errors = [entry for entry in recorded.logs() if (entry.severity_number or 0) >= 17]
    assert (code, {row["level"] for row in rows}, len(rows)) == (0, {"ERROR"}, len(errors))
