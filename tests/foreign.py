"""Indices as others make them: the mappings that their writers install, and documents in them, on a shared node.

The mappings are cut from the writers' sources to what a node without Elastic's own field types knows: for
`match_only_text`, `scaled_float`, `wildcard` and `constant_keyword` stand the nearest of those.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest

from tracelog.cli import run
from tracelog.store.elasticsearch import ElasticsearchStore

Ask = Callable[..., tuple[int, str, str]]

Mappings = Mapping[str, Any]

KEYWORD = {"type": "keyword", "ignore_above": 1024}
SHORT_KEYWORD = {"type": "keyword", "ignore_above": 256}
LONG, DATE, TEXT = {"type": "long"}, {"type": "date"}, {"type": "text"}
KEY_VALUES = {
    "type": "nested",
    "dynamic": False,
    "properties": {"key": SHORT_KEYWORD, "value": SHORT_KEYWORD, "type": SHORT_KEYWORD},
}
STRINGS: Mappings = {"match_mapping_type": "string", "mapping": KEYWORD}


def _alias(path: str) -> Mappings:
    return {"type": "alias", "path": path}


_OTEL: Mappings = {
    "@timestamp": DATE,
    "trace_id": KEYWORD,
    "span_id": KEYWORD,
    "trace": {"properties": {"id": _alias("trace_id")}},
    "attributes": {"type": "passthrough", "dynamic": True, "priority": 20},
    "resource": {"properties": {"attributes": {"type": "passthrough", "dynamic": True, "priority": 40}}},
    "scope": {"properties": {"name": KEYWORD}},
}
_OTEL_STRINGS = [{"strings": {"path_match": ["attributes.*", "resource.attributes.*"], **STRINGS}}]
COLLECTOR_TRACES: Mappings = {
    "dynamic": False,
    "date_detection": False,
    "dynamic_templates": _OTEL_STRINGS,
    "properties": {
        **_OTEL,
        "span": {"properties": {"id": _alias("span_id"), "name": _alias("name")}},
        "parent_span_id": KEYWORD,
        "name": KEYWORD,
        "kind": KEYWORD,
        "duration": LONG,
        "links": {"properties": {"trace_id": KEYWORD, "span_id": KEYWORD}},
        "status": {"properties": {"message": KEYWORD, "code": KEYWORD}},
    },
}
COLLECTOR_LOGS: Mappings = {
    "dynamic": False,
    "date_detection": False,
    "dynamic_templates": _OTEL_STRINGS,
    "properties": {
        **_OTEL,
        "span": {"properties": {"id": _alias("span_id")}},
        "observed_timestamp": {"type": "date_nanos"},
        "severity_number": {"type": "byte"},
        "severity_text": KEYWORD,
        "log": {"properties": {"level": _alias("severity_text")}},
        "body": {"properties": {"text": TEXT, "structured": {"type": "flattened"}}},
        "message": _alias("body.text"),
        "event_name": KEYWORD,
    },
}
_ECS_TEMPLATES = [
    {"timestamp": {"match": "@timestamp", "mapping": DATE}},
    {"messages": {"path_match": ["message", "*.message"], "match_mapping_type": "string", "mapping": TEXT}},
    {"strings": STRINGS},
]
ECS: Mappings = {"date_detection": False, "dynamic_templates": _ECS_TEMPLATES}
APM_TRACES: Mappings = {
    **ECS,
    "properties": {
        "@timestamp": DATE,
        "processor": {"properties": {"event": {"type": "keyword"}}},
        "span": {
            "properties": {
                "duration": {"properties": {"us": LONG}},
                "stacktrace": {"type": "object", "dynamic": False},
            }
        },
        "transaction": {
            "properties": {
                "duration": {"properties": {"us": LONG}},
                "custom": {"type": "object", "dynamic": False},
            }
        },
    },
}
APM_ERRORS: Mappings = {
    **ECS,
    "properties": {
        "@timestamp": DATE,
        "error": {
            "properties": {
                "custom": {"type": "object", "dynamic": False},
                "exception": {"properties": {"stacktrace": {"type": "object", "dynamic": False}}},
                "log": {"properties": {"stacktrace": {"type": "object", "dynamic": False}}},
            }
        },
    },
}
APM_7: Mappings = {
    **ECS,
    "properties": {
        **APM_TRACES["properties"],
        **APM_ERRORS["properties"],
        "timestamp": {"properties": {"us": LONG}},
    },
}
JAEGER: Mappings = {
    "dynamic_templates": [
        {"span_tags_map": {"path_match": "tag.*", "mapping": SHORT_KEYWORD}},
        {"process_tags_map": {"path_match": "process.tag.*", "mapping": SHORT_KEYWORD}},
    ],
    "properties": {
        **dict.fromkeys(("traceID", "spanID", "parentSpanID", "operationName"), SHORT_KEYWORD),
        "startTime": LONG,
        "startTimeMillis": {"type": "date", "format": "epoch_millis"},
        "duration": LONG,
        "flags": {"type": "integer"},
        "logs": {"type": "nested", "dynamic": False, "properties": {"timestamp": LONG, "fields": KEY_VALUES}},
        "process": {
            "properties": {"serviceName": SHORT_KEYWORD, "tag": {"type": "object"}, "tags": KEY_VALUES},
        },
        "references": {
            "type": "nested",
            "dynamic": False,
            "properties": {"refType": SHORT_KEYWORD, "traceID": SHORT_KEYWORD, "spanID": SHORT_KEYWORD},
        },
        "tag": {"type": "object"},
        "tags": KEY_VALUES,
    },
}
JAEGER_STREAM: Mappings = {**JAEGER, "properties": {"@timestamp": {"type": "date_nanos"}, **JAEGER["properties"]}}

INSTALLED: Mapping[str, Mappings] = {
    "traces-shop.otel-{}": COLLECTOR_TRACES,
    "logs-shop.otel-{}": COLLECTOR_LOGS,
    "traces-apm-{}": APM_TRACES,
    "logs-apm.error-{}": APM_ERRORS,
    "logs-apm.app.shop-{}": ECS,
    "apm-7.17.0-{}": APM_7,
    "logs-nginx-{}": ECS,
    "filebeat-{}": ECS,
    "jaeger-span-{}": JAEGER,
    "{}-jaeger.spans": JAEGER_STREAM,
}
"""The mapping that the writer of an index installs, by the name of the index but for what makes it one of a test."""


class Cluster:
    """Indices that one test makes, each with a name that is its own, all matched by `pattern`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.own = uuid.uuid4().hex
        self.pattern = f"*{self.own}*"
        self._store = ElasticsearchStore.open(url)
        self._indices: set[str] = set()

    def ask(self, method: str, path: str, body: Any = None, **params: Any) -> Any:
        return self._store._request(method, path, body, **params)

    def put(self, name: str, documents: Iterable[Any], mappings: Mappings | None = None) -> list[str]:
        """Index documents under a mapping or, without one, under what they are mapped to by themselves."""
        index = name.format(self.own)
        if index not in self._indices:
            settings = {"number_of_shards": 1, "number_of_replicas": 0, "mapping.total_fields.limit": 5000}
            self.ask("PUT", f"/{index}", {"settings": settings, **({"mappings": mappings} if mappings else {})})
            self._indices.add(index)
        return self.add(index, documents)

    def add(self, index: str, documents: Iterable[Any], *, action: str = "index") -> list[str]:
        """Index documents and return their ids. One as text or bytes is sent as it is."""
        lines = b""
        for document in documents:
            raw = document if isinstance(document, bytes) else msgspec.json.encode(document)
            lines += b'{"%s":{}}\n%s\n' % (action.encode(), raw)
        if not lines:
            return []
        answer = self.ask("POST", f"/{index}/_bulk", lines, refresh=True)
        results = [item[action] for item in answer["items"]]
        refused = [result["error"] for result in results if "error" in result]
        assert refused == []
        return [result["_id"] for result in results]

    def close(self) -> None:
        for index in self._indices:
            self.ask("DELETE", f"/{index}")
        self._store.close()


@contextmanager
def cluster_of(url: str) -> Iterator[Cluster]:
    cluster = Cluster(url)
    try:
        yield cluster
    finally:
        cluster.close()


def flat_types(mappings: Mappings, prefix: str = "") -> dict[str, str]:
    """Return the types of all fields of a mapping, by dotted names, as the cluster tells them."""
    found: dict[str, str] = {}
    for name, field in mappings.get("properties", {}).items():
        kind = field.get("type", "object")
        if kind == "alias":
            continue
        found[prefix + name] = "object" if kind == "passthrough" else kind
        found |= flat_types(field, f"{prefix}{name}.")
        found |= flat_types({"properties": field.get("fields", {})}, f"{prefix}{name}.")
    return found


def dynamic_types(documents: Iterable[Mapping[str, Any]], prefix: str = "") -> dict[str, str]:
    """Return what fields are mapped to by the first values that they have, as dynamic mapping does."""
    found: dict[str, str] = {}
    for document in documents:
        for name, value in document.items():
            for each in value if isinstance(value, list) else [value]:
                if isinstance(each, dict):
                    found = {prefix + name: "object", **dynamic_types([each], f"{prefix}{name}."), **found}
                elif each is not None:
                    found = {**_dynamic(prefix + name, each), **found}
    return found


def _dynamic(name: str, value: Any) -> dict[str, str]:
    if isinstance(value, bool | int | float):
        return {name: "boolean" if isinstance(value, bool) else "long" if isinstance(value, int) else "float"}
    if re.fullmatch(r"\d{4}-\d\d-\d\d(T.*)?", value):
        return {name: "date"}
    return {name: "text", f"{name}.keyword": "keyword"}


@pytest.fixture
def cluster(elasticsearch_url: str) -> Iterator[Cluster]:
    """Indices of a test's own on a real node, to be filled as others would."""
    with cluster_of(elasticsearch_url) as cluster:
        yield cluster


@pytest.fixture
def ask_cluster(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Run a command on these indices; return its exit code and what it printed."""

    def asked(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        return (run([*arguments, "--store", cluster.url, "--index", cluster.pattern]), *capsys.readouterr())

    return asked
