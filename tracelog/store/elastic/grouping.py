"""Spans grouped by operation, by the cluster: how many, how long, how many failed, and a trace for the longest of them.

A source is grouped by the fields that tell its operations apart, and by time where that is asked for. One operation may
be in several groups: of several sources, or of one that tells apart more than the operation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple

from tracelog.schema.conventions import SPAN_KINDS
from tracelog.schema.layout_fields import Moment, Quantity, SpanDocuments
from tracelog.schema.timestamps import MILLISECOND
from tracelog.store.elastic import filters, percentiles, queries
from tracelog.store.elastic.answers import Answer
from tracelog.store.elastic.filters import all_of, any_of, none_of
from tracelog.store.elastic.percentiles import Percentile
from tracelog.store.elastic.queries import Body
from tracelog.store.elastic.reading import Question, Reader, trace_id_of
from tracelog.store.elastic.search import ahead
from tracelog.store.elastic.sources import SpanSource
from tracelog.store.query import SpanQuery

_GROUPS = 1000
_UNSPECIFIED = "UNSPECIFIED"
_BUCKET = "@bucket"

Key = tuple[str, str, str, int | None]
"""Service, name, kind and, where times are told apart, the start of the stretch, ns."""


class Group(NamedTuple):
    """Spans of one operation in one source. `wanted` builds what they meet; figures are in the unit of `quantity`.

    `longest` and `failed`: how long the longest of all and of those that failed took, and its trace id.
    """

    source: SpanSource
    quantity: Quantity
    wanted: Callable[[], Body]
    spans: int
    measured: int
    error_count: int
    percentiles: Mapping[int, Percentile]
    longest: tuple[int, str | None]
    failed: tuple[int, str | None] | None


def groups(reader: Reader, query: SpanQuery, by: int | None) -> Iterator[tuple[Key, Group]]:
    """Yield the groups of all sources, a page of each at a time."""
    with ThreadPoolExecutor(1) as thread:
        for page in ahead(thread, _pages(reader, query, by)):
            for grouping, answer in page:
                yield from map(grouping.read, answer.buckets("operations"))


def _pages(reader: Reader, query: SpanQuery, by: int | None) -> Iterator[list[tuple[_Grouping, Answer]]]:
    pending = [each for source in reader.span_sources for each in _groupings(source, query, by)]
    while pending:
        answers = reader.answers(lambda: [grouping.question for grouping in pending])  # noqa: B023 - called at once
        page = [(grouping, answer) for grouping, (_, answer) in zip(pending, answers, strict=True)]
        yield page
        ends = ((grouping, answer.aggregations.get("operations", {}).get("after_key")) for grouping, answer in page)
        pending = [grouping._replace(after=after) for grouping, after in ends if after]


def together(reader: Reader, several: Sequence[Sequence[Group]]) -> list[Group]:
    """Return groups of one source as one, each of several times."""
    bodies = [any_of([group.wanted() for group in parts]) for parts in several]
    found = reader.answers(
        lambda: [
            Question(parts[0].source, {"size": 0, "query": wanted, "aggs": _figures(parts[0].source)})
            for parts, wanted in zip(several, bodies, strict=True)
        ]
    )
    return [
        _group(parts[0].source, partial(all_of, [wanted]), sum(group.spans for group in parts), answer.aggregations)
        for parts, wanted, (_, answer) in zip(several, bodies, found, strict=True)
    ]


class _Grouping(NamedTuple):
    """One way to group a source; `kind` is that of all its spans where no column tells it.

    `by`: of how many ns the stretches of time are, by which field.
    """

    source: SpanSource
    columns: Mapping[str, str]
    wanted: Sequence[Body]
    kind: str | None
    by: tuple[int, Moment] | None
    after: Mapping[str, Any] | None = None

    @property
    def question(self) -> Question[SpanSource]:
        """One page of the groups, behind `after`."""
        sources = [{name: {"terms": {"field": name, "missing_bucket": True}}} for name in self.columns.values()]
        if self.by is not None:
            sources.append({_BUCKET: _stretches(self.source, *self.by)})
        composite: Body = {"size": _GROUPS, "sources": sources, **({"after": self.after} if self.after else {})}
        within = {"composite": composite, "aggs": _figures(self.source)}
        return Question(self.source, {"size": 0, "query": all_of(self.wanted), "aggs": {"operations": within}})

    def read(self, bucket: Mapping[str, Any]) -> tuple[Key, Group]:
        """Return the operation of a group, and the group."""
        key = bucket["key"]
        values = {field: key.get(self.columns.get(field)) for field in self.source.documents.grouping.fields}
        service, name, kind = self.source.documents.grouping.read(values)
        start = None
        if self.by is not None:
            _, moment = self.by
            start = int(key[_BUCKET]) * (MILLISECOND if moment.unit is None else moment.unit)
        group = _group(self.source, partial(self._wanted, key, start), bucket["doc_count"], bucket)
        return (service, name, kind or self.kind or _UNSPECIFIED, start), group

    def _wanted(self, key: Mapping[str, Any], start: int | None) -> Body:
        """Build what the spans of a group meet."""
        picked = [{"term": {column: key[column]}} for column in self.columns.values() if key[column] is not None]
        absent = [column for column in self.columns.values() if key[column] is None]
        wanted = [*self.wanted, *picked, *([none_of(filters.exists(absent))] if absent else ())]
        if self.by is not None and start is not None:
            size, moment = self.by
            wanted += filters.within(self.source.fields, [moment], start, start + size)
        return all_of(wanted)


def groupable(source: SpanSource, *, timed: bool) -> bool:
    """Say whether a cluster can tell the operations of a source apart and measure them; `timed`: by time, too."""
    documents, fields = source.documents, source.fields
    grouped = [field for field in documents.grouping.fields if fields.get(field) is not None]
    return (
        bool(grouped)
        and all(map(fields.column, grouped))
        and bool(queries.measurable(source))
        and (not timed or queries.sorted_by(source) is not None)
        and all(map(fields.is_nested, _paths(documents)))
    )


def _paths(documents: SpanDocuments) -> set[str]:
    """Return where nested objects are that say of which kind a span is, and whether it failed."""
    told = (*documents.kinds.values(), *documents.statuses.values())
    return {condition.place.nested for several in told for condition in several if condition.place.nested}


def _groupings(source: SpanSource, query: SpanQuery, by: int | None) -> Iterator[_Grouping]:
    """Yield how to group a source: once or, where the kind is no column, once for each kind."""
    documents, fields = source.documents, source.fields
    columns = {field: column for field in documents.grouping.fields if (column := fields.column(field))}
    moment = queries.sorted_by(source)
    stretches = None if by is None or moment is None else (by, moment)
    if documents.grouping.tells_kind:
        yield _Grouping(source, columns, queries.span_filters(source, query), None, stretches)
        return
    for kind in [query.kind] if query.kind else (*SPAN_KINDS, _UNSPECIFIED):
        of_kind = queries.is_one_of(fields, documents.kinds, kind)
        yield _Grouping(source, columns, [*queries.span_filters(source, query), *of_kind], kind, stretches)


def _stretches(source: SpanSource, size: int, moment: Moment) -> Body:
    """Return how a time is parted: a date by ms, a number by its own unit."""
    field = source.fields.get(moment.field)
    if field is not None and field.is_date:
        return {"date_histogram": {"field": moment.field, "fixed_interval": f"{size // MILLISECOND}ms"}}
    return {"histogram": {"field": moment.field, "interval": size // (moment.unit or MILLISECOND)}}


def _figures(source: SpanSource) -> Body:
    """Return what is asked of each group, once for each field that may say how long a span took.

    Where it is a single field, a span without it took no time: some writers leave zeros out.
    """
    statuses = source.documents.statuses["ERROR"]
    errors = [clause for condition in statuses for clause in filters.has(source.fields, condition)]
    usable = queries.measurable(source)
    unsaid = {"missing": 0} if len(usable) == 1 else {}
    longest = {f"longest{number}": _longest(source, quantity) for number, quantity in enumerate(usable)}
    figures: Body = {"errors": {"filter": any_of(errors), "aggs": longest}, **longest}
    for number, quantity in enumerate(usable):
        figures[f"durations{number}"] = {"stats": {"field": quantity.field, **unsaid}}
        figures[f"percentiles{number}"] = percentiles.aggregation(quantity.field, **unsaid)
    return figures


def _longest(source: SpanSource, quantity: Quantity) -> Body:
    sort = source.fields.sort(quantity.field, "desc")
    return {"top_hits": {"size": 1, "sort": [sort], "_source": list(source.documents.trace_id)}}


def _group(source: SpanSource, wanted: Callable[[], Body], spans: int, answer: Mapping[str, Any]) -> Group:
    """Read the figures of a group, by the field that says how long its spans took."""
    usable = list(enumerate(queries.measurable(source)))
    number, quantity = next((each for each in usable if answer[f"durations{each[0]}"]["count"]), usable[0])
    stats, errors = answer[f"durations{number}"], answer["errors"]
    count, longest = stats["count"], stats["max"] or 0
    found = _top(source, answer[f"longest{number}"])
    return Group(
        source=source,
        quantity=quantity,
        wanted=wanted,
        spans=spans,
        measured=count,
        error_count=errors["doc_count"],
        percentiles=percentiles.read(answer[f"percentiles{number}"], count, longest) if count else {},
        longest=(round(longest), found[1] if found else None),
        failed=_top(source, errors[f"longest{number}"]),
    )


def _top(source: SpanSource, answer: Mapping[str, Any]) -> tuple[int, str | None] | None:
    """Return how long the span took that is first, and its trace id."""
    for hit in answer["hits"]["hits"]:
        return round(hit["sort"][0] or 0), trace_id_of(source, hit.get("_source", {}))
    return None
