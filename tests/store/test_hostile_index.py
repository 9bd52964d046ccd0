"""Indices with whatever somebody wrote into them: no read ends early, and what was passed over is counted and said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from foreign import INSTALLED, KEYWORD, LONG, TEXT, Ask, Cluster
from layout_traps import (
    APM_ERRORS,
    APM_SPANS,
    ISO,
    JAEGER_SPANS,
    OTEL_LOGS,
    OTEL_SPANS,
    TRACE,
    A,
    B,
    C,
    jaeger,
    otel,
    otel_log,
    span,
    transaction,
)
from layout_traps import error as apm_error

from tracelog.store import open_store

pytestmark = pytest.mark.elasticsearch

SCALAR: list[Any] = [None, "", "zz", "0", "f" * 33, 7, 1.5, True, [], {}, ["a", "b"], {"a": {"b": 1}}, [None], -(2**63)]
DEEP = b'{"a":' * 990 + b"1" + b"}" * 990
Document = dict[str, Any]


def odd(good: Document, *fields: str) -> Iterator[Document]:
    """Yield a document again and again, each time with something else in one of its fields, or without it."""
    for field in fields:
        yield {key: value for key, value in good.items() if key != field}
        yield from ({**good, field: value} for value in SCALAR)


OTEL_FIELDS = (
    "@timestamp", "trace_id", "span_id", "parent_span_id", "name", "kind", "duration", "attributes", "links", "status",
    "resource", "scope", "trace_state", "service",
)  # fmt: skip
LOG_FIELDS = (
    "@timestamp", "observed_timestamp", "trace_id", "span_id", "body", "severity_text", "severity_number", "event_name",
    "attributes", "resource", "scope",
)  # fmt: skip
APM_FIELDS = (
    "@timestamp", "timestamp", "trace", "span", "transaction", "parent", "child", "processor", "event", "service",
    "labels",
)  # fmt: skip
JAEGER_FIELDS = (
    "traceID", "spanID", "parentSpanID", "references", "operationName", "startTime", "startTimeMillis", "duration",
    "tags", "tag", "logs", "process", "flags",
)  # fmt: skip

CIRCLE = [
    otel("1" * 16, parent_span_id="2" * 16),
    otel("2" * 16, parent_span_id="1" * 16),
    otel("3" * 16, parent_span_id="3" * 16),
]
HOSTILE: dict[str, list[Any]] = {
    OTEL_SPANS: [otel(A, "good"), *odd(otel(B), *OTEL_FIELDS), *CIRCLE],
    OTEL_LOGS: [otel_log(A, body={"text": "good"}), *odd(otel_log(A, body={"text": "odd"}), *LOG_FIELDS)],
    APM_SPANS: [transaction("4" * 16, "good"), *odd(span(B, A), *APM_FIELDS), *odd(transaction(C), *APM_FIELDS)],
    APM_ERRORS: [*odd(apm_error(A, error={"log": {"message": "a"}}), "error", "parent", "@timestamp", "processor")],
    JAEGER_SPANS: [jaeger("5" * 16, "good"), *odd(jaeger(B), *JAEGER_FIELDS)],
}  # fmt: skip
TRACE_ONLY = {"traceID": KEYWORD, "trace_id": KEYWORD, "trace": {"properties": {"id": KEYWORD}}}
FLAT = {"type": "flattened"}
MAPPINGS: dict[str, Document] = {
    "the trace id alone": {"dynamic": False, "properties": TRACE_ONLY},
    "nothing at all": {"dynamic": False},
    "as text": {
        "dynamic": False,
        "properties": dict.fromkeys(("@timestamp", "duration", "name", "kind", "span_id", "trace_id", "traceID"), TEXT),
    },
    "as objects": {"dynamic": False, "properties": dict.fromkeys(("trace", "span", "tags"), FLAT)},
}  # fmt: skip
COMMANDS = (
    ("show", TRACE, "--json"),
    ("show", A, "--list"),
    ("show", "nowhere", "--list"),
    ("logs", "--json"),
    ("logs", TRACE, "--level", "error"),
    ("logs", "--text", "good", "--since", "2026-04-19"),
    ("slow", "--json"),
    ("slow", "--service", "shop", "--operation", "good", "--errors", "--attr", "a=b", "--since", "2026-04-19"),
    ("ops", "--json"),
    ("ops", "--service", "shop", "--until", "2100-01-01"),
)


@pytest.mark.parametrize("mapping", MAPPINGS)
def test_no_command_fails_whatever_is_stored_and_mapped(mapping: str, cluster: Cluster, ask_cluster: Ask) -> None:
    for index, documents in HOSTILE.items():
        raw = [json.dumps(document).encode() for document in documents]
        nested = raw[0][:-1] + b', "deep": ' + DEEP + b"}"
        kept = [each for each in [*raw, nested] if b'"_' not in each]
        cluster.put(index, [], MAPPINGS[mapping])
        put_leniently(cluster, index, kept)
    said = {arguments: ask_cluster(*arguments) for arguments in COMMANDS}
    assert {code for code, _, _ in said.values()} <= {0, 1}
    assert {err for code, _, err in said.values() if "Traceback" in err or err.startswith("tracelog: http")} == set()
    lines = [json.loads(line) for line in said["logs", "--json"][1].splitlines()]
    assert "good" in [line["message"] for line in lines]
    assert "stored documents could not be read and were passed over" in said["logs", "--json"][2]
    if mapping == "the trace id alone":
        trace = json.loads(said["show", TRACE, "--json"][1])
        assert [each["name"] for each in trace["spans"]].count("good") == 3
        assert "stored documents could not be read and were passed over" in said["show", TRACE, "--json"][2]
    slow = [json.loads(line)["trace_id"] for line in said["slow", "--json"][1].splitlines()]
    assert TRACE in slow or "no trace id is mapped" in said["slow", "--json"][2]


def put_leniently(cluster: Cluster, index: str, documents: list[bytes]) -> None:
    """Index what the cluster takes; what it refuses nobody can have stored."""
    name = index.format(cluster.own)
    lines = b"".join(b'{"index":{}}\n%s\n' % document for document in documents)
    answer = cluster.ask("POST", f"/{name}/_bulk", lines, refresh=True)
    taken = sum("error" not in item["index"] for item in answer["items"])
    assert taken > 0.8 * len(documents)


CONFLICTS: dict[str, Document] = {
    "text beside keyword": {"properties": dict.fromkeys(("trace_id", "span_id", "name", "kind"), TEXT)},
    "a date as number": {"properties": {"@timestamp": LONG}},
    "a date in ns": {"properties": {"@timestamp": {"type": "date_nanos"}}},
    "a date as text": {"properties": {"@timestamp": TEXT}},
    "a duration as text": {"properties": {"duration": TEXT}},
    "a duration as float": {"properties": {"duration": {"type": "float"}}},
    "ids without columns": {"properties": {"trace_id": {"type": "keyword", "doc_values": False}}},
}


@pytest.mark.parametrize("conflict", CONFLICTS)
def test_indices_that_map_a_field_differently_are_read_as_one(
    conflict: str, cluster: Cluster, ask_cluster: Ask
) -> None:
    """One index as the collector makes it, one with a field that would make a search of both fail."""
    number = conflict == "a date as number"
    late = {"@timestamp": 1_776_608_581_201} if number else {"@timestamp": "2026-04-19T14:23:01.201Z"}
    cluster.put(OTEL_SPANS, [otel(A, "first", kind="Server", duration=50_000_000)], INSTALLED[OTEL_SPANS])
    cluster.put(
        "traces-other.otel-{}", [otel(B, "second", parent_span_id=A, kind="Client", **late)], CONFLICTS[conflict]
    )
    cluster.put(
        "traces-third.otel-{}", [otel(C, "third", parent_span_id=B, **{"@timestamp": ISO.replace("200", "202")})]
    )
    trace = json.loads(ask_cluster("show", TRACE, "--json")[1])
    assert [(each["name"], each["depth"]) for each in trace["spans"]] == [("first", 0), ("second", 1), ("third", 2)]
    (row,) = map(json.loads, ask_cluster("slow", "--json")[1].splitlines())
    assert (row["name"], row["span_count"]) == ("first", 3)
    code, out, err = ask_cluster("show", B, "--list", "--json")
    assert (code, json.loads(out)["trace_id"], json.loads(out)["count"], err) == (0, TRACE, 1, "")
    operations = {json.loads(line)["name"] for line in ask_cluster("ops", "--json")[1].splitlines()}
    assert operations >= {"first", "third"}


def test_what_is_done_otherwise_is_said_once(cluster: Cluster, ask_cluster: Ask) -> None:
    fields = dict.fromkeys(("@timestamp", "name", "duration", "trace_id"), TEXT)
    cluster.put("traces-other.otel-{}", [otel(A, "GET /cart"), otel(B, "GET /")], {"properties": fields})
    index = f"traces-other.otel-{cluster.own}"
    with open_store(cluster.url, index=cluster.pattern) as store:
        for _ in range(2):
            assert [span.name for span in store.spans(name="GET /", min_duration=5)] == ["GET /"]
        assert list(store.notes) == [
            f"{index}: duration is compared but roughly there, as it is mapped, and decided on here",
            f"{index}: name is compared but roughly there, as it is mapped, and decided on here",
            f"{index}: times are not mapped as such, so that all is read and sorted here",
        ]
    code, out, err = ask_cluster("slow", "--json", "--operation", "GET /")
    assert (code, json.loads(out)["name"], err.splitlines()[1:]) == (
        0,
        "GET /",
        [
            f"{index}: name is compared but roughly there, as it is mapped, and decided on here",
            f"{index}: durations are not mapped as numbers, so that all are read and sorted here",
        ],
    )
