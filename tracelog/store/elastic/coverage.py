"""How much of what services wrote has ids, by aggregations, and the traces of the latest of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from tracelog.model import UNKNOWN_SERVICE, Coverage
from tracelog.store.elastic import filters, queries
from tracelog.store.elastic.filters import all_of, any_of, none_of
from tracelog.store.elastic.queries import Body
from tracelog.store.elastic.reading import Question, Reader, trace_id_of
from tracelog.store.elastic.sources import LogSource, Source

_SERVICES = 1000
_LATEST = 20
_ZEROS = ("0" * 32, "0" * 16, "0")


def coverage(reader: Reader, since: int | None, until: int | None) -> list[Coverage]:
    """Return what is stored of each service, by its name."""
    found: dict[str, Coverage] = {}
    for question, answer in reader.answers(lambda: list(_questions(reader, since, until))):
        for bucket in answer.buckets("services"):
            own = _read(question.source, bucket)
            found[own.service] = _together(found.get(own.service), own)
    return sorted(found.values(), key=lambda one: one.service)


def _questions(reader: Reader, since: int | None, until: int | None) -> Iterator[Question[Source]]:
    for source in reader.all_sources:
        columns = [column for name in source.documents.service if (column := source.fields.column(name))]
        if not columns:
            reader.notes.add(f"{source.index}: services cannot be told apart, as they are mapped, and are left out")
            continue
        wanted = [*filters.only(source.fields, source.documents)]
        wanted += filters.within(source.fields, source.documents.times, since, until)
        if isinstance(source, LogSource):
            wanted.append(queries.is_record(source))
        sources = [{column: {"terms": {"field": column, "missing_bucket": True}}} for column in columns]
        services = {"composite": {"size": _SERVICES, "sources": sources}, "aggs": _counts(source)}
        yield Question(source, {"size": 0, "query": all_of(wanted), "aggs": {"services": services}})


def _counts(source: Source) -> Body:
    documents = source.documents
    zeros = filters.equals(source.fields, documents.trace_id, _ZEROS)
    traced = all_of([any_of(filters.exists(documents.trace_id)), none_of(zeros)])
    placed = all_of([traced, any_of(filters.exists(documents.span_id))])
    latest: Body = {"size": _LATEST, "_source": list(documents.trace_id)}
    order = queries.by_time(source, latest=True)
    if order is not queries.IN_ANY_ORDER:
        latest["sort"] = order
    return {
        "traced": {"filter": traced, "aggs": {"latest": {"top_hits": latest}}},
        "placed": {"filter": placed},
        "zeros": {"filter": any_of(zeros)},
    }


def _read(source: Source, bucket: Mapping[str, Any]) -> Coverage:
    named = next((value for value in bucket["key"].values() if value), None)
    hits = bucket["traced"]["latest"]["hits"]["hits"]
    traces = tuple(dict.fromkeys(filter(None, (trace_id_of(source, hit.get("_source", {})) for hit in hits))))
    service = UNKNOWN_SERVICE if named is None or named in source.documents.nameless else str(named)
    if not isinstance(source, LogSource):
        return Coverage(service=service, spans=bucket["doc_count"], span_traces=traces)
    return Coverage(
        service=service,
        lines=bucket["doc_count"],
        traced=bucket["traced"]["doc_count"],
        placed=bucket["placed"]["doc_count"],
        zeros=bucket["zeros"]["doc_count"],
        line_traces=traces,
    )


def _together(before: Coverage | None, own: Coverage) -> Coverage:
    """Add up what two sources hold of a service."""
    if before is None:
        return own
    counted = ("lines", "traced", "placed", "zeros", "spans")
    return msgspec.structs.replace(
        own,
        **{name: getattr(before, name) + getattr(own, name) for name in counted},
        line_traces=(*before.line_traces, *own.line_traces),
        span_traces=(*before.span_traces, *own.span_traces),
    )
