"""Every incident, imported: `ops` and `deps` say what an independent count of the recordings says, on either store.

The recordings stand beside the repository, as `test_incidents` says; where there are none, a generated file stands in.
The node has one incident, and all of them where `-m soak` asks for it.
"""

from __future__ import annotations

import gzip
import json
import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from otlp_lines import span, spans_line

from tracelog.schema import otel
from tracelog.schema.otlp import OtlpDecoder
from tracelog.store import Store, open_store

FOLDER = Path(os.environ.get("TRACELOG_INCIDENTS") or Path(__file__).parents[1].parent / "shared" / "incidents")
NAME = "incident-00.jsonl.gz"
AT_ONCE = 2000

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


class Recorded(NamedTuple):
    """A span as it was recorded, read without tracelog. Times in ns."""

    trace: str
    id: str
    parent: str
    service: str
    name: str
    duration: int


def generated(path: Path) -> None:
    """Write requests that go through three services without kinds, one of them called in a loop, some spans twice."""
    text = ""
    for n in range(1, 40):
        trace, first = f"{n:032x}", 10 * n
        web = [span(trace, first, None, 100 + n, "GET /"), span(trace, first + 1, first, 90 + n, "page", at=1)]
        loop = [span(trace, first + k, first + 1, 3 * n + k, "load", at=2 * k) for k in range(2, 5)]
        data = span(trace, first + 5, first + 2, n, "SELECT", at=5)
        text += spans_line("web", *web) + spans_line("cart", *loop, loop[0]) + spans_line("data", data)
    path.write_bytes(gzip.compress(text.encode()))


def recorded(path: Path) -> Iterator[Recorded]:
    for line in gzip.decompress(path.read_bytes()).splitlines():
        for group in json.loads(line).get("resourceSpans", ()):
            (service,) = (a["value"] for a in group["resource"]["attributes"] if a["key"] == "service.name")
            for each in (each for part in group["scopeSpans"] for each in part["spans"]):
                duration = int(each["endTimeUnixNano"]) - int(each["startTimeUnixNano"])
                ids = (each["traceId"], each["spanId"], each.get("parentSpanId", ""))
                yield Recorded(*ids, service["stringValue"], each["name"], duration)


def figures(durations: list[int]) -> dict[int, int]:
    """Return percentiles by nearest rank."""
    ordered = sorted(durations)
    return {percent: ordered[max(-(-len(ordered) * percent // 100), 1) - 1] for percent in (50, 95, 99, 100)}


class Counted:
    """What there is to be found: of each operation and each edge, as `measured` has them."""

    def __init__(self, paths: list[Path]) -> None:
        self.spans = {(each.trace, each.id): each for path in paths for each in recorded(path)}
        named: dict[tuple[str, str], list[int]] = defaultdict(list)
        calls: dict[tuple[str, str], list[int]] = defaultdict(list)
        entries: dict[tuple[str, str], set[str]] = defaultdict(set)
        for each in self.spans.values():
            named[each.service, each.name].append(each.duration)
            parent = self.spans.get((each.trace, each.parent))
            if parent is not None and parent.service != each.service:
                calls[parent.service, each.service].append(each.duration)
                entries[parent.service, each.service].add(self.entry(parent).id)
        self.operations = {key: (len(held), *figures(held).values()) for key, held in named.items()}
        self.edges = {
            key: (len(held), len(held) / len(entries[key]), figures(held)[50], figures(held)[99])
            for key, held in calls.items()
        }

    def entry(self, at: Recorded) -> Recorded:
        """Return the topmost span that is reached without leaving the service."""
        above = self.spans.get((at.trace, at.parent))
        while above is not None and above.service == at.service:
            at, above = above, self.spans.get((above.trace, above.parent))
        return at


def import_spans(store: Store, paths: list[Path]) -> None:
    decoder = OtlpDecoder()
    for path in paths:
        spans = [span for line in gzip.decompress(path.read_bytes()).splitlines() for span in decoder.decode(line)[0]]
        for start in range(0, len(spans), AT_ONCE):
            assert not store.write(list(otel.encode_spans(spans[start : start + AT_ONCE]))).refused
    store.refresh()


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    found = sorted(FOLDER.glob("incident-*.jsonl.gz"))
    if not found:
        found = [tmp_path_factory.mktemp("generated") / NAME]
        generated(found[0])
    return found


def check(store: Store, paths: list[Path]) -> None:
    import_spans(store, paths)
    counted = Counted(paths)
    rows = store.operations()
    assert counted.operations == {
        (row.service, row.name): (row.count, row.p50, row.p95, row.p99, row.max) for row in rows
    }
    durations: dict[Any, set[int]] = defaultdict(set)
    for each in counted.spans.values():
        durations[each.trace, each.service, each.name].add(each.duration)
    for row in rows:
        assert all(
            getattr(row, figure) in durations[row.examples[figure], row.service, row.name]
            for figure in ("p50", "p95", "p99", "max")
        )
    edges = store.dependencies()
    assert counted.edges == {
        (row.caller, row.callee): (row.calls, row.calls_per_parent, row.p50, row.p99) for row in edges
    }
    by_trace: dict[Any, int] = defaultdict(int)
    for each in counted.spans.values():
        by_trace[each.trace, each.service] = max(by_trace[each.trace, each.service], each.duration)
    assert all(row.p99 <= by_trace[row.example, row.callee] for row in edges)


def test_all_incidents_are_counted_as_by_hand_in_the_embedded_store(paths: list[Path], tmp_path: Path) -> None:
    with open_store(f"sqlite:{tmp_path}/incidents.db") as store:
        check(store, paths)


@pytest.mark.elasticsearch
def test_an_incident_is_counted_as_by_hand_on_a_node(paths: list[Path], elasticsearch_url: str, namespace: str) -> None:
    with open_store(elasticsearch_url, namespace=namespace) as store:
        check(store, paths[:1])


@pytest.mark.elasticsearch
@pytest.mark.soak
def test_all_incidents_are_counted_as_by_hand_on_a_node(
    paths: list[Path], elasticsearch_url: str, namespace: str
) -> None:
    with open_store(elasticsearch_url, namespace=namespace) as store:
        check(store, paths)
