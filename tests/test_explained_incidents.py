"""Real incidents, explained: where the network of one service was slow, the gaps name that service.

The recordings and what was done to the services stand beside the repository, as `test_incidents` says.
"""

from __future__ import annotations

import gzip
import json
import os
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from tracelog.model import LogEntry, Span, Trace
from tracelog.read.gaps import Gap, find_gaps
from tracelog.read.tree import build_trace
from tracelog.schema.otlp import OtlpDecoder

FOLDER = Path(os.environ.get("TRACELOG_INCIDENTS") or Path(__file__).parents[1].parent / "shared" / "incidents")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (FOLDER / "labels.json").is_file(), reason="there are no recordings here"),
]


def traces(path: Path) -> list[Trace]:
    decoder = OtlpDecoder()
    spans: dict[str, list[Span]] = defaultdict(list)
    lines: dict[str, list[LogEntry]] = defaultdict(list)
    for raw in gzip.decompress(path.read_bytes()).splitlines():
        held, logged = decoder.decode(raw)
        for span in held:
            spans[span.trace_id].append(span)
        for line in logged:
            lines[line.trace_id or ""].append(line)
    return [build_trace(trace_id, spans[trace_id], lines[trace_id]) for trace_id in spans]


def called(trace: Trace, gap: Gap) -> str:
    """Return the service that was called in a gap, else the one that the gap is in."""
    services = (span.service for span in trace.children(gap.node.span))
    return next((service for service in services if service != gap.node.span.service), gap.node.span.service)


@pytest.mark.parametrize("number", [38, 42])
def test_where_the_network_of_a_service_was_slow_the_gaps_are_around_it(number: int) -> None:
    (incident,) = (each for each in json.loads((FOLDER / "labels.json").read_text()) if each["incident"] == number)
    assert incident["type"] == "network_delay"
    waited: Counter[str] = Counter()
    for trace in traces(FOLDER / incident["file"]):
        for gap in find_gaps(trace):
            waited[called(trace, gap)] += gap.duration
    (first, most), (_, second) = waited.most_common(2)
    assert (first, most > 10 * second) == (incident["service"], True)


def test_of_many_traces_most_have_few_findings() -> None:
    found = [len(trace.findings) for trace in traces(FOLDER / "normal-2023-01-29.jsonl.gz")]
    assert max(found) <= 4
    assert sum(found) < len(found)
