"""What is asked of each layout, and that its tables say what its decoder does."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tracelog.model import Span
from tracelog.schema import layouts
from tracelog.schema.layout_fields import Condition, Layout, Place, SpanDocuments
from tracelog.schema.layouts import APM, ECS, JAEGER, OTEL

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
NANOSECONDS = 1_776_608_581_200_345_678


@pytest.mark.parametrize(
    ("index", "found"),
    [
        ("traces-generic.otel-default", [OTEL]),
        ("logs-shop.otel-live", [OTEL]),
        (".ds-logs-shop.otel-live-2026.04.19-000001", [OTEL]),
        ("traces-apm-default", [APM]),
        ("traces-apm.rum-default", [APM]),
        ("traces-apm.sampled-default", []),
        ("apm-7.17.0-span-000001", [APM]),
        ("apm-7.17.0-error-2026.04.19", [APM]),
        ("jaeger-span-2026-04-19", [JAEGER]),
        ("jaeger-span-000001", [JAEGER]),
        ("jaeger-span-read", [JAEGER]),
        ("prod-jaeger-span-2026-04-19", [JAEGER]),
        ("jaeger.spans", [JAEGER]),
        (".ds-jaeger.spans-2026.04.19-000001", [JAEGER]),
        ("jaeger-service-2026-04-19", []),
        ("logs-apm.error-default", [ECS]),
        ("logs-apm.app.shop-default", [ECS]),
        ("logs-nginx.access-default", [ECS]),
        ("filebeat-8.19.0", [ECS]),
        (".ds-filebeat-8.19.0-2026.04.19-000001", [ECS]),
        ("partial-.ds-traces-apm-default-2026.04.19-000002", [APM]),
        ("restored-.ds-logs-shop.otel-live-2026.04.19-000002", [OTEL]),
        ("shrink-ab1c-.ds-traces-apm-default-2026.04.19-000002", [APM]),
        ("eu:traces-apm-default", [APM]),
        ("metrics-apm.internal-default", []),
        ("orders", []),
    ],
)
def test_a_layout_is_found_by_the_name_of_an_index(index: str, found: list[Layout]) -> None:
    assert list(layouts.layouts_of(index)) == found


def test_the_indices_are_written_as_a_search_names_them() -> None:
    found = [part.expression for layout in layouts.LAYOUTS for part in (layout.spans, layout.logs) if part]
    assert found == [
        "traces-*.otel-*",
        "logs-*.otel-*",
        "traces-apm*,apm-*,-traces-apm.sampled-*",
        "apm-*",
        "jaeger-span-*,*-jaeger-span-*,*jaeger.spans",
        "logs-*,filebeat-*,logs-apm.app.*,logs-apm.error-*,-logs-*.otel-*",
    ]


@pytest.mark.parametrize(
    ("identifier", "spellings"),
    [
        (TRACE, (TRACE, TRACE[1:])),
        ("a" * 32, ("a" * 32,)),
        ("0" * 16 + "a" * 16, ("0" * 16 + "a" * 16, "a" * 16)),
        ("0" * 17 + "a" * 15, ("0" * 17 + "a" * 15, "0" + "a" * 15, "a" * 15)),
        ("00f067aa0ba902b7", ("00f067aa0ba902b7", "f067aa0ba902b7")),
    ],
)
def test_an_id_is_asked_for_in_every_form_that_lost_its_zeros(identifier: str, spellings: tuple[str, ...]) -> None:
    assert layouts.id_spellings(identifier) == spellings


def held(condition: Condition, document: dict[str, Any]) -> bool:
    """Say what Elasticsearch would: whether a document has a value in a place."""
    place, found = condition.place, [document]
    if place.nested:
        path, leaf = place.nested.split("."), place.field.rpartition(".")[2]
        found = [each for each in reached(document, path) if not place.key or each.get("key") == place.key]
        values = [each.get(leaf) for each in found]
    else:
        values = reached(document, place.field.split("."))
    texts = [str(value).lower() if isinstance(value, bool) else value for value in values if value is not None]
    return bool(texts) if not condition.values else any(text in condition.values for text in texts)


def reached(document: Any, path: list[str]) -> list[Any]:
    if isinstance(document, list):
        return [value for each in document for value in reached(each, path)]
    if not path:
        return [document]
    return reached(document[path[0]], path[1:]) if isinstance(document, dict) and path[0] in document else []


def apm(own: dict[str, Any], name: str = "span", **around: Any) -> dict[str, Any]:
    known = {"@timestamp": "2026-04-19T14:23:01.200Z", "trace": {"id": TRACE}, "processor": {"event": name}}
    return {**known, name: {"id": SPAN, **own}, **around}


def jaeger(*tags: tuple[str, Any], **around: Any) -> dict[str, Any]:
    known = {"traceID": TRACE, "spanID": SPAN, "startTime": 1}
    return {**known, "tags": [{"key": key, "type": "string", "value": value} for key, value in tags], **around}


def otel(**fields: Any) -> dict[str, Any]:
    return {"@timestamp": "2026-04-19T14:23:01.200Z", "trace_id": TRACE, "span_id": SPAN, **fields}


SPANS = [
    *((OTEL, otel(kind=kind, status={"code": code})) for kind in ("Server", "Internal") for code in ("Ok", "Error")),
    (OTEL, otel()),
    *((APM, apm({"type": kind})) for kind in ("db", "app", "messaging", "custom")),
    (APM, apm({"type": "custom", "destination": {"service": {"resource": "ldap"}}})),
    (APM, apm({"type": "messaging", "action": "poll"}, event={"outcome": "success"})),
    (APM, apm({"kind": "CONSUMER"}, event={"outcome": "failure"})),
    (APM, apm({"kind": "server"})),
    (APM, {**apm({"type": "db"}), "processor": {}}),
    *((APM, apm({"type": kind}, "transaction")) for kind in ("request", "messaging", "celery", "scheduled")),
    (APM, apm({}, "transaction")),
    (APM, {**apm({"type": "request"}, "transaction"), "processor": {}}),
    (APM, apm({"type": "request"}, "transaction", span={"id": SPAN, "kind": "INTERNAL"}) | {"processor": {}}),
    *((JAEGER, jaeger(("span.kind", kind))) for kind in ("server", "client", "producer", "consumer", "internal")),
    (JAEGER, jaeger(("error", "true"))),
    (JAEGER, jaeger(tag={"error": True, "span@kind": "client"})),
    (JAEGER, jaeger(("otel.status_code", "OK"))),
    (JAEGER, jaeger(tag={"otel@status_code": "ERROR"})),
    (JAEGER, jaeger(("error", "no"))),
]


def spans_of(layout: Layout) -> SpanDocuments:
    assert layout.spans is not None
    return layout.spans


def decode(layout: Layout, document: dict[str, Any]) -> Span:
    return spans_of(layout).decode(msgspec.json.encode(document))


@pytest.mark.parametrize(("layout", "document"), SPANS)
def test_a_span_meets_the_conditions_of_the_kind_and_the_status_that_it_is_decoded_with(
    layout: Layout, document: dict[str, Any]
) -> None:
    spans, span = spans_of(layout), decode(layout, document)
    statuses = {status for status, any_of in spans.statuses.items() if any(held(each, document) for each in any_of)}
    assert statuses == {span.status} - {"UNSET"}
    kinds = {kind for kind, any_of in spans.kinds.items() if any(held(each, document) for each in any_of)}
    assert {span.kind} - {"UNSPECIFIED"} <= kinds
    assert spans.only is None or held(spans.only, document) or document["processor"] == {}


@pytest.mark.parametrize(
    ("layout", "document", "key", "value"),
    [
        (APM, apm({}, labels={"order_id": "A-1"}), "order_id", "A-1"),
        (APM, apm({}, numeric_labels={"seats": 4}), "seats", 4),
        (APM, apm({}, http={"version": "2"}), "network.protocol.version", "2"),
        (APM, apm({}, destination={"port": 80}), "server.port", 80),
        (APM, apm({"db": {"statement": "SELECT 1"}}), "db.query.text", "SELECT 1"),
        (APM, apm({"type": "db", "subtype": "redis"}), "db.system.name", "redis"),
        (APM, apm({"type": "messaging", "subtype": "sqs"}), "messaging.system", "sqs"),
        (APM, apm({"message": {"queue": {"name": "q"}}}), "messaging.destination.name", "q"),
        (APM, apm({"message": {"queue": {"name": "q"}}}, "transaction"), "messaging.destination.name", "q"),
        (APM, apm({"result": "HTTP 5xx"}, "transaction"), "transaction.result", "HTTP 5xx"),
        (APM, apm({}, url={"full": "http://x/"}), "url.full", "http://x/"),
        (JAEGER, jaeger(("order.id", "A-1")), "order.id", "A-1"),
        (JAEGER, jaeger(tag={"order@id": "A-1"}), "order.id", "A-1"),
    ],
)
def test_an_attribute_is_in_one_of_the_places_where_it_is_asked_for(
    layout: Layout, document: dict[str, Any], key: str, value: Any
) -> None:
    assert decode(layout, document).attributes[key] == value
    places = spans_of(layout).attribute(key)
    assert any(held(Condition(place, (value,)), document) for place in places)


@pytest.mark.parametrize(
    ("layout", "key", "place"),
    [
        (OTEL, "order.id", Place("attributes.order.id")),
        (OTEL, "host.name", Place("resource.attributes.host.name")),
        (APM, "host.name", Place("host.hostname")),
        (APM, "order.id", Place("labels.order_id")),
        (APM, "order.id", Place("numeric_labels.order_id")),
        (JAEGER, "host.name", Place("process.tags.value", "process.tags", "host.name")),
        (JAEGER, "host.name", Place("process.tag.host@name")),
    ],
)
def test_what_is_of_the_resource_or_a_label_is_asked_for_too(layout: Layout, key: str, place: Place) -> None:
    assert place in spans_of(layout).attribute(key)


def test_a_nested_place_names_the_field_of_its_key() -> None:
    assert [Place("tags.value", "tags", "k").key_field, Place("tag.k").key_field] == ["tags.key", None]


@pytest.mark.parametrize(
    ("layout", "written"),
    [
        (OTEL, ["2026-04-19T14:23:01.200345678Z"]),
        (APM, [1_776_608_581_200_345, "2026-04-19T14:23:01.200345678Z"]),
        (JAEGER, [1_776_608_581_200_345, 1_776_608_581_200]),
    ],
)
def test_a_time_is_compared_in_the_unit_of_its_field(layout: Layout, written: list[int | str]) -> None:
    assert [moment.written(NANOSECONDS) for moment in spans_of(layout).times] == written


@pytest.mark.parametrize(
    ("layout", "document"),
    [
        (OTEL, otel(duration=7_000)),
        (APM, apm({"duration": {"us": 7}})),
        (APM, apm({"duration": {"us": 7}}, "transaction")),
        (APM, apm({}, event={"duration": 7_000})),
        (JAEGER, jaeger(duration=7)),
    ],
)
def test_a_duration_is_in_the_unit_of_its_field(layout: Layout, document: dict[str, Any]) -> None:
    found = [(each, value) for each in spans_of(layout).duration for value in reached(document, each.field.split("."))]
    assert [value * quantity.unit for quantity, value in found] == [decode(layout, document).duration] == [7_000]
