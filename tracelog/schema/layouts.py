"""The layouts that are read: where their documents are, what their fields are called, and who decodes them.

The facts are those of `otel`, `apm`, `jaeger` and `ecs`, put as what a store asks with.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import msgspec

from tracelog.schema import apm, conventions, ecs, jaeger, otel
from tracelog.schema.conventions import ATTRIBUTE, LABEL, SPAN_KINDS, UNKNOWN_SERVICE
from tracelog.schema.ecs_errors import CAPTURED_FIELDS
from tracelog.schema.layout_fields import (
    Condition,
    Events,
    Grouping,
    Layout,
    LogDocuments,
    Moment,
    Place,
    Quantity,
    SpanDocuments,
)
from tracelog.schema.timestamps import MICROSECOND, MILLISECOND, NANOSECOND

_OTEL_LOGS = ("logs-*.otel-*",)
_APM_INDICES = ("apm-*",)
"""Of APM Server 7, before data streams: documents of every kind."""
_BACKING = re.compile(r"(?:partial-|restored-|shrink-[^-]+-)*\.ds-(.+)-\d{4}\.\d\d\.\d\d-\d{6}")


def id_spellings(identifier: str) -> tuple[str, ...]:
    """Return an id in each form in which writers that do not pad may have stored it."""
    short = identifier[-16:] if not identifier[:-16].strip("0") else identifier
    return tuple(dict.fromkeys((identifier, short, identifier.lstrip("0"))))


def stream_of(index: str) -> str:
    """Return the data stream of a backing index, wherever it was moved; every other index by its own name."""
    local = index.rpartition(":")[2]  # of another cluster
    backing = _BACKING.fullmatch(local)
    return backing[1] if backing else local


def layouts_of(index: str) -> tuple[Layout, ...]:
    """Return the layouts whose documents an index, data stream or alias holds, going by its name."""
    name = stream_of(index)
    return tuple(
        layout
        for layout in LAYOUTS
        if any(documents is not None and documents.hold(name) for documents in (layout.spans, layout.logs))
    )


def layouts_in(indices: Iterable[str]) -> tuple[Layout, ...]:
    """Return the layouts of some indices, each once, in the order of `LAYOUTS`."""
    found = {layout.name for index in indices for layout in layouts_of(index)}
    return tuple(layout for layout in LAYOUTS if layout.name in found)


def _is(field: str, *values: str) -> Condition:
    return Condition(Place(field), values)


def _otel_attribute(key: str) -> tuple[Place, ...]:
    return (Place(f"attributes.{key}"), Place(f"resource.attributes.{key}"))


def _elastic_attribute(key: str) -> tuple[Place, ...]:
    """Name the fields that become an attribute, and the labels that users' own do, dots and all or with `_`."""
    label = key.replace(".", "_")
    own = (*_ELASTIC_NAMES.get(key, ()), key, f"labels.{key}", f"labels.{label}", f"numeric_labels.{label}")
    return tuple(Place(field) for field in dict.fromkeys(own))


def _is_otel_attribute(field: str) -> bool:
    return f"{field}.".startswith("attributes.")


def _is_elastic_attribute(field: str) -> bool:
    return conventions.place(field).kind in (ATTRIBUTE, LABEL)


def _is_jaeger_attribute(field: str) -> bool:
    return field.startswith(("tags.value", "tag."))


def _reversed(*tables: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    names: dict[str, tuple[str, ...]] = {}
    for table in tables:
        for field, name in table.items():
            names[name] = (*names.get(name, ()), field)
    return names


_BY_SUBTYPE = {"span.subtype": "db.system.name"}, {"span.subtype": "messaging.system"}
_ELASTIC_NAMES = _reversed(conventions.RESOURCE_NAMES, conventions.ATTRIBUTE_NAMES, apm.SERVER_NAMES, *_BY_SUBTYPE)


def _jaeger_tag(key: str, owner: str = "") -> tuple[Place, ...]:
    elevated = key.replace(".", jaeger.DOT)
    return (Place(f"{owner}tags.value", f"{owner}tags", key), Place(f"{owner}tag.{elevated}"))


def _jaeger_attribute(key: str) -> tuple[Place, ...]:
    return (*_jaeger_tag(key), *_jaeger_tag(key, "process."))


def _tagged(key: str, value: str) -> tuple[Condition, ...]:
    return tuple(Condition(place, (value,)) for place in _jaeger_tag(key))


Columns = Mapping[str, str | None]


def _otel_operation(columns: Columns) -> tuple[str, str, str | None]:
    service = columns["service.name"] or columns["resource.attributes.service.name"]
    return service or UNKNOWN_SERVICE, columns["name"] or "", (columns["kind"] or "unspecified").upper()


def _apm_operation(columns: Columns) -> tuple[str, str, str | None]:
    return columns["service.name"] or UNKNOWN_SERVICE, *apm.name_and_kind(columns)


def _jaeger_operation(columns: Columns) -> tuple[str, str, str | None]:
    return jaeger.service_name(columns["process.serviceName"]) or UNKNOWN_SERVICE, columns["operationName"] or "", None


def _told(kind: str) -> tuple[Condition, ...]:
    return (_is("span.kind", kind, kind.lower()),)


OTEL = Layout(
    name="otel",
    spans=SpanDocuments(
        indices=("traces-*.otel-*",),
        trace_id=("trace_id",),
        span_id=("span_id",),
        parent_id=(Place("parent_span_id"),),
        linked_trace_id=Place("links.trace_id"),
        service=("service.name", "resource.attributes.service.name"),
        name=("name",),
        times=(Moment("@timestamp", None, MILLISECOND),),
        duration=(Quantity("duration", NANOSECOND),),
        statuses={"OK": (_is("status.code", "Ok"),), "ERROR": (_is("status.code", "Error"),)},
        kinds={kind: (_is("kind", kind.capitalize()),) for kind in SPAN_KINDS},
        grouping=Grouping(("service.name", "resource.attributes.service.name", "name", "kind"), _otel_operation),
        attribute=_otel_attribute,
        holds_attribute=_is_otel_attribute,
        decode=otel.decode_span,
    ),
    logs=LogDocuments(
        indices=_OTEL_LOGS,
        trace_id=("trace_id", "trace.id"),  # Elastic's templates have the second as an alias
        span_id=("span_id", "span.id"),
        service=("service.name", "resource.attributes.service.name"),
        times=(Moment("@timestamp", None, MILLISECOND),),
        severity_number=("severity_number",),
        severity_text=("severity_text", "log.level"),
        text=("body.text", "body_text", "message", "event_name"),
        event=_is("event_name"),
        record=("observed_timestamp", "body.text", "body_text", "body"),
        unique_ids=True,
        attribute=_otel_attribute,
        holds_attribute=_is_otel_attribute,
        decode=otel.decode_log,
    ),
)

_ECS_LOGS = LogDocuments(
    indices=("logs-*", "filebeat-*", "logs-apm.app.*", "logs-apm.error-*"),
    excluded=_OTEL_LOGS,
    trace_id=("trace.id",),
    span_id=("span.id", "transaction.id", "parent.id"),  # the last of errors; of span events it is another's
    service=("service.name", "service"),
    times=(Moment("timestamp.us", MICROSECOND, MICROSECOND), Moment("@timestamp", None, MILLISECOND)),
    severity_number=("event.severity",),
    severity_text=("log.level", "error.log.level"),
    errors=(_is("processor.event", ecs.ERROR), *(_is(field) for field in CAPTURED_FIELDS)),
    text=("message", "error.log.message", "error.exception.message", "error.message", ecs.EVENT_NAME),
    event=_is("event.kind", "event"),
    record=("log.level", "event.severity", "log.logger"),
    attribute=_elastic_attribute,
    holds_attribute=_is_elastic_attribute,
    decode=ecs.decode_log,
)
_APM_LOGS = msgspec.structs.replace(
    _ECS_LOGS, indices=_APM_INDICES, excluded=(), only=_is("processor.event", ecs.ERROR, ecs.LOG)
)

APM = Layout(
    name="apm",
    spans=SpanDocuments(
        indices=("traces-apm*", *_APM_INDICES),
        excluded=("traces-apm.sampled-*",),
        only=_is("processor.event", apm.SPAN, apm.TRANSACTION),
        trace_id=("trace.id",),
        span_id=("span.id", "transaction.id"),
        parent_id=(Place("parent.id"),),
        linked_trace_id=Place("span.links.trace.id"),
        service=("service.name",),
        name=("transaction.name", "span.name"),
        times=(Moment("timestamp.us", MICROSECOND, MICROSECOND), Moment("@timestamp", None, MILLISECOND)),
        duration=(
            Quantity("transaction.duration.us", MICROSECOND),
            Quantity("span.duration.us", MICROSECOND),
            Quantity("event.duration", NANOSECOND),  # where no ingest pipeline has moved it
        ),
        statuses={status: (_is("event.outcome", outcome),) for outcome, status in apm.STATUSES.items()},
        kinds={
            "SERVER": (_is("processor.event", apm.TRANSACTION), _is("transaction.type"), *_told("SERVER")),
            "CONSUMER": (_is("transaction.type", *sorted(apm.MESSAGING)), *_told("CONSUMER")),
            "PRODUCER": (_is("span.type", *sorted(apm.MESSAGING)), *_told("PRODUCER")),
            "CLIENT": (_is("processor.event", apm.SPAN), _is("span.type"), *_told("CLIENT")),
            "INTERNAL": (_is("processor.event", apm.SPAN), _is("span.type"), *_told("INTERNAL")),
        },
        grouping=Grouping(("service.name", *apm.NAME_AND_KIND), _apm_operation),
        attribute=_elastic_attribute,
        holds_attribute=_is_elastic_attribute,
        decode=apm.decode_span,
    ),
    logs=_APM_LOGS,
)

JAEGER = Layout(
    name="jaeger",
    spans=SpanDocuments(
        indices=("jaeger-span-*", "*-jaeger-span-*", "*jaeger.spans"),
        trace_id=("traceID",),
        span_id=("spanID",),
        parent_id=(Place("parentSpanID"), Place("references.spanID", "references")),
        child=Condition(Place("references.refType", "references"), (jaeger.CHILD_OF,)),
        linked_trace_id=Place("references.traceID", "references"),
        service=("process.serviceName",),
        nameless=(jaeger.NO_SERVICE,),
        name=("operationName",),
        times=(
            Moment("startTime", MICROSECOND, MICROSECOND),
            Moment("startTimeMillis", MILLISECOND, MILLISECOND),
        ),
        duration=(Quantity("duration", MICROSECOND),),
        statuses={
            "OK": _tagged(jaeger.STATUS_CODE, "OK"),
            "ERROR": (*_tagged(jaeger.ERROR, "true"), *_tagged(jaeger.STATUS_CODE, "ERROR")),
        },
        kinds={kind: _tagged(jaeger.KIND, kind.lower()) for kind in SPAN_KINDS},
        grouping=Grouping(("process.serviceName", "operationName"), _jaeger_operation, tells_kind=False),
        events=Events(
            "logs", Moment("logs.timestamp", MICROSECOND, MICROSECOND), Place("logs.fields.value", "logs.fields")
        ),
        attribute=_jaeger_attribute,
        holds_attribute=_is_jaeger_attribute,
        decode=jaeger.decode_span,
    ),
    short_ids=True,
)

ECS = Layout(name="ecs", logs=_ECS_LOGS)

LAYOUTS = (OTEL, APM, JAEGER, ECS)
"""All that are read."""
