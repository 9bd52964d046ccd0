"""Where there is what in a cluster: found by names and by fields, with few rights, and again when something came."""

from __future__ import annotations

import uuid
from fnmatch import fnmatchcase
from typing import Any

import msgspec
import pytest
from foreign import INSTALLED, Cluster
from layout_traps import ISO, JAEGER_SPANS, OTEL_SPANS, TRACE, A, B, jaeger, otel, transaction

from tracelog.errors import ConfigurationError, StoreRejectedError
from tracelog.model import Span
from tracelog.schema.layouts import APM, ECS, JAEGER, LAYOUTS, OTEL
from tracelog.schema.otel import TRACES, Destination, encode_span
from tracelog.store import open_store
from tracelog.store.elastic.fields import Field, FieldCapabilities, Fields
from tracelog.store.elastic.sources import Sources


class Scripted:
    """Answers as a cluster with these indices, each with the types of its fields."""

    def __init__(self, **types: dict[str, str]) -> None:
        self.types = {name.replace("_", "-"): known for name, known in types.items()}
        self.asked: list[str] = []
        self.notes: list[str] = []
        self.refused: int | None = None

    def __call__(self, method: str, path: str, body: Any = None, *, answer: Any, **params: Any) -> Any:
        self.asked.append(path)
        if path.startswith("/_resolve"):
            if self.refused:
                raise StoreRejectedError("no", status=self.refused)
            return msgspec.convert({"indices": [{"name": name} for name in self.types]}, answer)
        parts = path.rpartition("/")[0].lstrip("/").split(",")
        names = [name for name in self.types if any(fnmatchcase(name, part) for part in parts)]
        fields = {field: {kind: {"type": kind}} for name in names for field, kind in self.types[name].items()}
        known = {
            field: {kind: {**one, "searchable": True, "aggregatable": True} for kind, one in kinds.items()}
            for field, kinds in fields.items()
        }
        return msgspec.convert({"indices": names, "fields": known}, answer)

    def sources(self, **options: Any) -> Sources:
        return Sources(self, self.notes.append, **options)


def named(sources: Sources) -> list[tuple[str, str, str]]:
    spans = [(source.layout.name, "spans", source.index) for source in sources.spans()]
    return spans + [(source.layout.name, "logs", source.index) for source in sources.logs()]


OTEL_TRACES = {"trace_id": "keyword", "duration": "long"}


def test_a_cluster_without_indices_holds_nothing_and_is_asked_again() -> None:
    cluster = Scripted()
    sources = cluster.sources()
    assert (named(sources), named(sources)) == ([], [])
    assert len(cluster.asked) == 4
    cluster.types = {"traces-a.otel-b": OTEL_TRACES}
    assert [place[:2] for place in named(sources)] == [("otel", "spans")]


def test_what_was_found_is_kept_for_some_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("tracelog.store.elastic.sources.time.monotonic", lambda: now[0])
    cluster = Scripted(traces_apm_default={"trace.id": "keyword"})
    sources = cluster.sources()
    for at, asked in ((100.0, 2), (109.0, 2), (111.0, 4)):
        now[0] = at
        sources.spans()
        assert len(cluster.asked) == asked
    sources.forget()
    sources.spans()
    assert len(cluster.asked) == 6


def test_what_found_nothing_looks_again_unless_that_was_just_now(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("tracelog.store.elastic.sources.time.monotonic", lambda: now[0])
    cluster = Scripted(traces_apm_default={"trace.id": "keyword"})
    sources = cluster.sources()
    sources.spans()
    cluster.types["traces-a.otel-b"] = OTEL_TRACES
    assert (sources.have_changed(), len(sources.spans())) == (False, 1)
    now[0] += 2
    assert (sources.have_changed(), len(sources.spans())) == (True, 2)
    now[0] += 2
    assert (sources.have_changed(), len(sources.spans())) == (False, 2)


def test_only_the_layouts_that_are_there_are_asked() -> None:
    cluster = Scripted(traces_apm_default={"trace.id": "keyword"}, orders={"a": "long"})
    assert [source.layout for source in cluster.sources().spans()] == [APM]
    assert [path for path in cluster.asked if path.endswith("_field_caps")] == [
        "/traces-apm*,apm-*,-traces-apm.sampled-*/_field_caps"
    ]


def test_who_may_not_list_indices_reads_all_the_same() -> None:
    cluster = Scripted(traces_apm_default={"trace.id": "keyword"}, jaeger_span_1={"traceID": "keyword"})
    cluster.refused = 403
    assert [source.layout for source in cluster.sources().spans()] == [APM, JAEGER]
    cluster.refused = 401
    with pytest.raises(StoreRejectedError):
        cluster.sources().spans()


def test_a_namespace_is_that_of_the_own_layout_alone() -> None:
    cluster = Scripted(**{"traces-a.otel-live": OTEL_TRACES, "traces-apm-default": {"trace.id": "keyword"}})
    assert named(cluster.sources(namespace="live")) == [
        ("otel", "spans", "traces-*.otel-live"),
        ("apm", "spans", "traces-apm*,apm-*,-traces-apm.sampled-*"),
    ]
    assert [place[0] for place in named(cluster.sources(namespace="test"))] == ["apm"]


def test_named_indices_are_read_alone() -> None:
    cluster = Scripted(**{"traces-a.otel-b": OTEL_TRACES, "traces-a.otel-c": OTEL_TRACES})
    assert named(cluster.sources(index="traces-*")) == [("otel", "spans", "traces-a.otel-b,traces-a.otel-c")]
    assert cluster.asked[0] == "/_resolve/index/traces-*"


@pytest.mark.parametrize(
    ("fields", "places"),
    [
        ({"trace_id": "keyword", "duration": "long"}, [("otel", "spans")]),
        ({"trace_id": "keyword", "body.text": "text"}, [("otel", "logs")]),
        ({"trace.id": "keyword", "span.duration.us": "long"}, [("apm", "spans"), ("apm", "logs")]),
        ({"traceID": "keyword", "duration": "long"}, [("jaeger", "spans")]),
        ({"message": "text", "@timestamp": "date"}, [("ecs", "logs")]),
        ({"price": "long"}, []),
    ],
)
def test_a_named_index_of_another_name_is_known_by_its_fields(
    fields: dict[str, str], places: list[tuple[str, str]]
) -> None:
    cluster = Scripted(mine=fields)
    assert [place[:2] for place in named(cluster.sources(index="mine"))] == places
    unknown = ["mine: neither name nor fields are those of a layout that is read"]
    assert cluster.notes[:1] == ([] if places else unknown)


def test_a_named_index_that_is_not_there_is_said() -> None:
    cluster = Scripted()
    cluster.refused = 404
    assert named(cluster.sources(index="absent")) == []
    assert cluster.notes[0] == "absent: no such index"


def test_of_several_indices_those_that_are_not_there_are_said_and_the_others_read(elasticsearch_url: str) -> None:
    destination = Destination(namespace=uuid.uuid4().hex)
    span = Span(trace_id=TRACE, span_id="a" * 16, name="call", service="shop", start=1, duration=1)
    with open_store(elasticsearch_url, namespace=destination.namespace) as written:
        written.write([encode_span(span, destination)])
        written.refresh()
    name = destination.stream(TRACES).name
    for index, absent in ((f"absent,{name}", "absent"), (f"{name},absent,gone-*", "absent"), ("gone-*", "gone-*")):
        with open_store(elasticsearch_url, index=index) as store:
            assert list(store.spans()) == ([span] if name in index else [])
            assert store.notes[0] == f"{absent}: no such index"


def test_a_file_has_no_indices(tmp_path: Any) -> None:
    with pytest.raises(ConfigurationError, match="has no indices"):
        open_store(f"sqlite:{tmp_path}/a.db", index="logs-*")


def test_indices_that_map_alike_are_one_and_others_are_apart() -> None:
    known = msgspec.convert(
        {
            "indices": ["a", "b", "c", "d"],
            "fields": {
                "name": {
                    "keyword": {"type": "keyword", "searchable": True, "aggregatable": True, "indices": ["a", "b"]},
                    "text": {"type": "text", "searchable": True, "aggregatable": False, "indices": ["c"]},
                },
                "duration": {"long": {"type": "long", "searchable": True, "aggregatable": True}},
            },
        },
        FieldCapabilities,
    )
    parts = [(indices, fields.get("name"), fields.get("duration")) for indices, fields in known.alike()]
    keyword, text, long = Field("keyword"), Field("text", aggregatable=False), Field("long")
    assert parts == [(["a", "b", "d"], keyword, long), (["c"], text, long)]


def test_a_field_that_cannot_say_is_replaced_by_its_twin_or_by_what_it_stands_in() -> None:
    fields = Fields(
        {
            "name": Field("text", aggregatable=False),
            "name.keyword": Field("keyword"),
            "message": Field("text", aggregatable=False),
            "attributes": Field("flattened"),
            "span": Field("object", searchable=False, aggregatable=False),
        }
    )
    names = ("name", "message", "attributes.order.id", "attributes", "span", "span.id")
    assert {name: fields.exact(name) for name in names} == {
        "name": "name.keyword",
        "message": None,
        "attributes.order.id": "attributes.order.id",
        "attributes": "attributes",
        "span": None,
        "span.id": None,
    }


@pytest.mark.elasticsearch
def test_an_alias_promises_a_layout_whatever_its_index_is_called(cluster: Cluster) -> None:
    cluster.put("tracing-{}", [jaeger(A, traceID=cluster.own)], INSTALLED[JAEGER_SPANS])
    alias = f"{cluster.own}-jaeger-span-read"
    cluster.ask("POST", "/_aliases", {"actions": [{"add": {"index": f"tracing-{cluster.own}", "alias": alias}}]})
    with open_store(cluster.url) as everywhere, open_store(cluster.url, index=alias) as named_alias:
        for store in (everywhere, named_alias):
            assert [node.span.name for node in store.trace(cluster.own).nodes] == ["work"]


@pytest.mark.elasticsearch
def test_a_data_stream_is_read_over_a_rollover(cluster: Cluster) -> None:
    stream = f"{cluster.own}-spans"  # which nobody else looks for: such a node cannot delete a data stream
    template = {"index_patterns": [stream], "data_stream": {}, "template": {"mappings": INSTALLED["{}-jaeger.spans"]}}
    cluster.ask("PUT", f"/_index_template/{stream}", template)
    at: dict[str, Any] = {"@timestamp": ISO}
    cluster.add(stream, [jaeger(A, **at)], action="create")
    cluster.ask("POST", f"/{stream}/_rollover")
    cluster.add(stream, [jaeger(A, **at), jaeger(B, "child", 1, parentSpanID=A, **at)], action="create")
    with open_store(cluster.url, index=stream) as store:
        assert [node.span.name for node in store.trace(TRACE).nodes] == ["work", "child"]
        assert [span.name for span in store.spans()] == ["work", "child"]
    backing = cluster.ask("GET", f"/_resolve/index/{stream}")["data_streams"][0]["backing_indices"]
    assert len(backing) == 2


@pytest.mark.elasticsearch
def test_an_index_that_came_since_is_found_by_whoever_finds_nothing(cluster: Cluster) -> None:
    with open_store(cluster.url, index=cluster.pattern) as store:
        assert list(store.spans()) == []
        cluster.put(OTEL_SPANS, [otel(A)], INSTALLED[OTEL_SPANS])
        assert [span.name for span in store.spans()] == ["work"]
        cluster.put("traces-apm-{}", [transaction(B, trace={"id": "b" * 32})], INSTALLED["traces-apm-{}"])
        store._sources._found = store._sources._found._replace(at=0.0)  # type: ignore[attr-defined]
        assert [node.span.name for node in store.trace("b" * 32).nodes] == ["POST /checkout"]


def test_every_layout_is_looked_for() -> None:
    assert LAYOUTS == (OTEL, APM, JAEGER, ECS)
