"""What is sent to a cluster for each question, whole, for each layout under its writer's mapping and under none.

TRACELOG_UPDATE_SNAPSHOTS=1 writes the files anew.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import msgspec
import pytest
from documents import MS, START, make_line, make_span, span_id, trace_id
from encoders import WRITERS, Writer
from foreign import INSTALLED, dynamic_types, flat_types

from tracelog.model import LogEntry, Span, SpanEvent, SpanLink
from tracelog.schema import otel
from tracelog.store.elastic.templates import templates
from tracelog.store.elasticsearch import ElasticsearchStore
from tracelog.store.query import span_query

SNAPSHOTS = Path(__file__).parent / "snapshots"
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TypesOf = Mapping[str, Mapping[str, str]]


class Recorded(ElasticsearchStore):
    """A store that sends nothing: it keeps what it would send, and answers as a cluster with these indices does."""

    types: TypesOf
    hits: Mapping[str, list[Any]]
    sent: list[Any]

    def _request(self, method: str, path: str, body: Any = None, *, answer: Any = None, **params: Any) -> Any:
        lines = [json.loads(line) for line in body.splitlines()] if isinstance(body, bytes) else body
        request = {"request": f"{method} {path}", **({"params": params} if params else {})}
        self.sent.append({**request, **({} if lines is None else {"body": json.loads(msgspec.json.encode(lines))})})
        return msgspec.json.decode(msgspec.json.encode(self._answer(path, lines)), type=answer or Any)

    def _answer(self, path: str, body: Any) -> Any:
        if path.startswith("/_resolve"):
            return {"indices": [{"name": name} for name in self.types]}
        if path.endswith("_field_caps"):
            return self._capabilities(path, body["fields"])
        if path == "/_msearch":
            return {"responses": [self._found(index["index"], search) for index, search in pairs(body)]}
        if path.endswith("/_pit"):
            return {"id": "a point in time"}
        return {}

    def _found(self, index: str, search: Any) -> Any:
        hits = next((hits for start, hits in self.hits.items() if index.startswith(start)), [])
        page = [{"_id": f"{n}", "_source": hit, "sort": [n + 1]} for n, hit in enumerate(hits)]
        return {"hits": {"hits": page[: search.get("size", 10)]}}

    def _capabilities(self, path: str, asked: list[str]) -> Any:
        patterns = path.removesuffix("/_field_caps").lstrip("/").split(",")
        wanted, excluded = ([one.lstrip("-") for one in patterns if (one[0] == "-") is out] for out in (False, True))
        names = [name for name in self.types if is_one(name, wanted) and not is_one(name, excluded)]
        fields: dict[str, dict[str, Any]] = {}
        for name in names:
            for field, kind in self.types[name].items():
                if field in asked or asked == ["*"]:
                    known = {"type": kind, "searchable": kind not in OBJECTS, "aggregatable": kind not in NO_COLUMN}
                    fields.setdefault(field, {}).setdefault(kind, {**known, "indices": []})["indices"].append(name)
        return {"indices": names, "fields": fields}


OBJECTS = {"object", "nested"}
NO_COLUMN = {"text", *OBJECTS}


def is_one(name: str, patterns: list[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def pairs(lines: list[Any]) -> Iterator[tuple[Any, Any]]:
    return zip(lines[::2], lines[1::2], strict=True)


QUESTIONS: dict[str, Callable[[ElasticsearchStore], object]] = {
    "where there is what": lambda store: list(store.spans(name="warm-up")),
    "spans": lambda store: list(store.spans()),
    "spans, narrowed": lambda store: list(
        store.spans(
            service="shop", name="GET /", kind="server", status="error", min_duration=MS, max_duration=2 * MS,
            attributes={"order_id": "A-1"}, since=START + 1, until=START + MS,
        )
    ),
    "spans of no kind, status or service": lambda store: list(
        store.spans(kind="unspecified", status="unset", service="unknown_service", max_duration=MS)
    ),
    "logs": lambda store: list(store.logs()),
    "logs, narrowed": lambda store: list(
        store.logs(
            trace_id=TRACE, span_id=SPAN, service="shop", level="error", text="declined, again",
            since=START, until=START + 1,
        )
    ),
    "logs, by text": lambda store: list(store.logs(text="a*b OR \"c\"", service="unknown_service")),
    "slowest": lambda store: store.slowest(),
    "slowest that failed": lambda store: store.slowest(errors=True),
    "slowest, narrowed": lambda store: store.slowest(service="shop", operation="GET /", since=START, limit=2),
    "a trace": lambda store: store._contents(TRACE),
    "a trace with a short id": lambda store: store._contents("0" * 17 + "a" * 15),
    "totals": lambda store: store._totals({TRACE, "b" * 32}),
    "an id": lambda store: store.find(SPAN),
    "a value": lambda store: store.find("A-1"),
    "a number": lambda store: store.find("42"),
    "operations": lambda store: store.operations(),
    "operations of a service": lambda store: store.operations(service="shop", since=START, until=START + MS),
    "operations by time": lambda store: store.operations(operation="GET /", kind="server", by="5m"),
    "dependencies": lambda store: store.dependencies(),
    "dependencies of a window": lambda store: store.dependencies(since=START, until=START + MS),
    "what traces have outside the window": lambda store: list(
        store._outlines_around(frozenset({TRACE, "b" * 32}), span_query(since=START, until=START + MS))
    ),
}  # fmt: skip


def sample_of(writer: Writer) -> dict[str, list[Any]]:
    """Return documents with a value in each field that the encoders fill, by index."""
    more: dict[str, Any] = {"attributes": {"order_id": "A-1"}, "links": (SpanLink(trace_id(9), span_id(9)),)}
    events = (SpanEvent(START, "retry"),)
    spans: list[Span] = [
        make_span(1, parent=2, kind=kind, status="ERROR", events=events, **more) for kind in ("SERVER", "CLIENT")
    ]
    line: LogEntry = make_line(1, "paid", span=1, severity_text="INFO", attributes={"order_id": "A-1"})
    held: dict[str, list[Any]] = {}
    for part in (*map(writer.span, spans), writer.line(line)):
        for index, document in part:
            held.setdefault(index, []).append(document)
    return held


def clusters() -> dict[str, TypesOf]:
    """Return the types of fields by index, for each layout under two mappings, and for tracelog's own."""
    found: dict[str, TypesOf] = {
        "own": {
            f"{name.partition('-')[0]}-tracelog.otel-default": flat_types(template["template"]["mappings"])
            for name, template in templates(otel.DATASET).items()
        }
    }
    for writer in WRITERS:
        held = sample_of(writer)
        found[f"{writer.name}-installed"] = {
            index.format("x"): flat_types(INSTALLED.get(index, {})) or dynamic_types(documents)
            for index, documents in held.items()
        }
        found[f"{writer.name}-dynamic"] = {
            index.format("x"): dynamic_types(documents) for index, documents in held.items()
        }
    return found


CLUSTERS = clusters()


def opened(types: TypesOf) -> Recorded:
    store = Recorded.open("http://localhost:9200")
    assert isinstance(store, Recorded)
    store.types, store.hits, store.sent = types, {}, []
    return store


@pytest.mark.parametrize("name", CLUSTERS)
def test_every_question_is_sent_as_it_was(name: str) -> None:
    with opened(CLUSTERS[name]) as store:
        said = {}
        for question, ask in QUESTIONS.items():
            store.sent.clear()
            ask(store)
            said[question] = list(store.sent)
    assert_as_before(name, said)


def test_a_large_read_is_sliced_at_one_point_in_time() -> None:
    with opened(CLUSTERS["own"]) as store:
        store.hits = {"logs": [json.loads(otel.encode_log(make_line(1)).body)] * 1000}
        list(store.logs())
        store._contents(trace_id(1))
        sent = sorted(store.sent, key=lambda request: json.dumps(request, sort_keys=True))
        assert_as_before("large", {"all log entries, then a trace": sent})


@pytest.mark.parametrize("operations", [False, True])
def test_many_spans_are_read_as_rows_where_that_is_enough(operations: bool) -> None:
    with opened(CLUSTERS["own"]) as store:
        store.hits = {"traces": [json.loads(otel.encode_span(make_span(1)).body)] * 1000}
        store.dependencies(since=START, operations=operations)
        sent = sorted(store.sent, key=lambda request: json.dumps(request, sort_keys=True))
        assert_as_before(f"rows{'-of-operations' * operations}", {"dependencies": sent})


def assert_as_before(name: str, sent: Mapping[str, list[Any]]) -> None:
    """Hold requests against a file that has each below its question, as it is sent: a line for each value of a body."""
    file = SNAPSHOTS / f"{name}.txt"
    written = "\n".join(f"# {question}\n{''.join(map(as_text, requests))}" for question, requests in sent.items())
    if os.environ.get("TRACELOG_UPDATE_SNAPSHOTS"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(written, encoding="utf-8")
    assert file.read_text(encoding="utf-8") == written


def as_text(request: Mapping[str, Any]) -> str:
    body = request.get("body", [])
    params = "&".join(f"{name}={value}" for name, value in request.get("params", {}).items())
    lines = [compact(value) for value in (body if isinstance(body, list) else [body])]
    return "\n".join([f"{request['request']} {params}".rstrip(), *lines, ""])


def compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
