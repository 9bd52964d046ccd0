"""The layouts that are read: where their documents are, what their fields are called, and who decodes them.

The facts are those of `otel`, `apm`, `jaeger` and `ecs`, put as what a store asks with.
"""

from __future__ import annotations

import re

import msgspec

from tracelog.schema import apm, ecs, jaeger, otel
from tracelog.schema.conventions import SPAN_KINDS
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
    Rows,
    SpanDocuments,
)
from tracelog.schema.layout_places import (
    apm_operation,
    elastic_attribute,
    has,
    is_elastic_attribute,
    is_jaeger_attribute,
    is_otel_attribute,
    jaeger_attribute,
    jaeger_operation,
    otel_attribute,
    otel_operation,
    tagged,
    told,
)
from tracelog.schema.otel_columns import NamedSpanRow, SpanRow, read_outline
from tracelog.schema.outlines import outlined
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


_OTEL_ROWS = Rows(
    type=SpanRow,
    kinds=("INTERNAL", "SERVER"),
    fields={
        "trace_id": "keyword",
        "span_id": "keyword",
        "parent_span_id": "keyword",
        "service.name": "keyword",
        "kind": "keyword",
        "@timestamp": "date_nanos",
        "duration": "long",
        "status.code": "keyword",
    },
    may_lack=("parent_span_id", "status.code"),
)

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
        times=(Moment("@timestamp", None),),
        duration=(Quantity("duration", NANOSECOND),),
        statuses={"OK": (has("status.code", "Ok"),), "ERROR": (has("status.code", "Error"),)},
        kinds={kind: (has("kind", kind.capitalize()),) for kind in SPAN_KINDS},
        grouping=Grouping(("service.name", "resource.attributes.service.name", "name", "kind"), otel_operation),
        attribute=otel_attribute,
        holds_attribute=is_otel_attribute,
        decode=otel.decode_span,
        outline=read_outline,
        rows=_OTEL_ROWS,
        named_rows=msgspec.structs.replace(
            _OTEL_ROWS, type=NamedSpanRow, fields={**_OTEL_ROWS.fields, "name": "keyword"}
        ),
    ),
    logs=LogDocuments(
        indices=_OTEL_LOGS,
        trace_id=("trace_id", "trace.id"),  # Elastic's templates have the second as an alias
        span_id=("span_id", "span.id"),
        service=("service.name", "resource.attributes.service.name"),
        times=(Moment("@timestamp", None),),
        severity_number=("severity_number",),
        severity_text=("severity_text", "log.level"),
        text=("body.text", "body_text", "message", "event_name"),
        raised=(f"attributes.{otel.EXCEPTION_TYPE}", f"attributes.{otel.EXCEPTION_MESSAGE}"),
        event=has("event_name"),
        record=("observed_timestamp", "body.text", "body_text", "body"),
        unique_ids=True,
        attribute=otel_attribute,
        holds_attribute=is_otel_attribute,
        decode=otel.decode_log,
    ),
)

_ECS_LOGS = LogDocuments(
    indices=("logs-*", "filebeat-*", "logs-apm.app.*", "logs-apm.error-*"),
    excluded=_OTEL_LOGS,
    trace_id=("trace.id",),
    span_id=("span.id", "transaction.id", "parent.id"),  # the last of errors; of span events it is another's
    service=("service.name", "service"),
    times=(Moment("timestamp.us", MICROSECOND), Moment("@timestamp", None)),
    severity_number=("event.severity",),
    severity_text=("log.level", "error.log.level"),
    errors=(has("processor.event", ecs.ERROR), *(has(field) for field in CAPTURED_FIELDS)),
    text=("message", "error.log.message", "error.exception.message", "error.message", ecs.EVENT_NAME),
    raised=("error.type", "error.exception.type", "error.exception.module"),
    event=has("event.kind", "event"),
    record=("log.level", "event.severity", "log.logger"),
    attribute=elastic_attribute,
    holds_attribute=is_elastic_attribute,
    decode=ecs.decode_log,
)
_APM_LOGS = msgspec.structs.replace(
    _ECS_LOGS, indices=_APM_INDICES, excluded=(), only=has("processor.event", ecs.ERROR, ecs.LOG)
)

APM = Layout(
    name="apm",
    spans=SpanDocuments(
        indices=("traces-apm*", *_APM_INDICES),
        excluded=("traces-apm.sampled-*",),
        only=has("processor.event", apm.SPAN, apm.TRANSACTION),
        trace_id=("trace.id",),
        span_id=("span.id", "transaction.id"),
        parent_id=(Place("parent.id"),),
        linked_trace_id=Place("span.links.trace.id"),
        service=("service.name",),
        name=("transaction.name", "span.name"),
        times=(Moment("timestamp.us", MICROSECOND), Moment("@timestamp", None)),
        duration=(
            Quantity("transaction.duration.us", MICROSECOND),
            Quantity("span.duration.us", MICROSECOND),
            Quantity("event.duration", NANOSECOND),  # where no ingest pipeline has moved it
        ),
        statuses={status: (has("event.outcome", outcome),) for outcome, status in apm.STATUSES.items()},
        kinds={
            "SERVER": (has("processor.event", apm.TRANSACTION), has("transaction.type"), *told("SERVER")),
            "CONSUMER": (has("transaction.type", *sorted(apm.MESSAGING)), *told("CONSUMER")),
            "PRODUCER": (has("span.type", *sorted(apm.MESSAGING)), *told("PRODUCER")),
            "CLIENT": (has("processor.event", apm.SPAN), has("span.type"), *told("CLIENT")),
            "INTERNAL": (has("processor.event", apm.SPAN), has("span.type"), *told("INTERNAL")),
        },
        grouping=Grouping(("service.name", *apm.NAME_AND_KIND), apm_operation),
        attribute=elastic_attribute,
        holds_attribute=is_elastic_attribute,
        decode=apm.decode_span,
        outline=outlined(apm.decode_span),
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
            Moment("startTime", MICROSECOND),
            Moment("startTimeMillis", MILLISECOND),
        ),
        duration=(Quantity("duration", MICROSECOND),),
        statuses={
            "OK": tagged(jaeger.STATUS_CODE, "OK"),
            "ERROR": (*tagged(jaeger.ERROR, "true"), *tagged(jaeger.STATUS_CODE, "ERROR")),
        },
        kinds={kind: tagged(jaeger.KIND, kind.lower()) for kind in SPAN_KINDS},
        grouping=Grouping(("process.serviceName", "operationName"), jaeger_operation, tells_kind=False),
        events=Events("logs", Moment("logs.timestamp", MICROSECOND), Place("logs.fields.value", "logs.fields")),
        attribute=jaeger_attribute,
        holds_attribute=is_jaeger_attribute,
        decode=jaeger.decode_span,
        outline=outlined(jaeger.decode_span),
    ),
    short_ids=True,
)

ECS = Layout(name="ecs", logs=_ECS_LOGS)

LAYOUTS = (OTEL, APM, JAEGER, ECS)
"""All that are read."""
