"""Questions as Elasticsearch's search bodies, each to one source: values in, dicts out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from tracelog.model import CALLED, LEVEL_BY_TEXT, LEVELS
from tracelog.schema.layout_fields import Condition, Events, Moment, Quantity, Rows, SpanDocuments
from tracelog.schema.layouts import id_spellings
from tracelog.store.constraints import Constraint, comparisons
from tracelog.store.elastic import filters
from tracelog.store.elastic.fields import Fields
from tracelog.store.elastic.filters import all_of, any_of, none_of
from tracelog.store.elastic.sources import LogSource, Source, SpanSource
from tracelog.store.query import LogQuery, SpanQuery

Body = dict[str, Any]

Conditions = Mapping[str, tuple[Condition, ...]]

IN_ANY_ORDER: Sequence[Body | str] = ("_doc",)


def search_spans(source: SpanSource, query: SpanQuery) -> Body:
    """Build the search for the spans of a query by start, those without one first."""
    return {"query": all_of(span_filters(source, query)), "sort": by_time(source)}


def rough_fields(source: Source, query: SpanQuery | LogQuery) -> list[str]:
    """Return the fields of a query that the cluster can compare but roughly, as they are mapped."""
    documents = source.documents
    asked = [documents.service if query.service else ()]
    if isinstance(query, LogQuery):
        asked += [documents.trace_id if query.trace_id else (), documents.span_id if query.span_id else ()]
    elif isinstance(source, SpanSource):
        asked.append(source.documents.name if query.name else ())
        if (query.min_duration, query.max_duration) != (None, None) and not measurable(source):
            return [*(quantity.field for quantity in source.documents.duration), *_rough(source, asked)]
    return _rough(source, asked)


def _rough(source: Source, asked: Sequence[Sequence[str]]) -> list[str]:
    return [name for names in asked for name in names if source.fields.is_rough(name)]


def search_longest(source: SpanSource, query: SpanQuery, trace_ids: Collection[str] | None = None) -> Iterator[Body]:
    """Build the searches for the spans of a query, the longest first: one for each field that may say how long.

    `trace_ids`: of which traces; None means any.
    """
    wanted = [*([] if trace_ids is None else [is_traced(source, trace_ids)]), *span_filters(source, query)]
    usable = [quantity.field for quantity in measurable(source)]
    if not usable:
        yield {"query": all_of(wanted), "sort": IN_ANY_ORDER}
    for position, field in enumerate(usable):
        apart = filters.exists([field]) if field != usable[-1] else []
        before = [none_of(filters.exists(usable[:position]))] if position else []
        yield {"query": all_of([*wanted, *apart, *before]), "sort": [source.fields.sort(field, "desc")]}


def measurable(source: SpanSource) -> list[Quantity]:
    """Return the durations that the cluster can compare."""
    return [quantity for quantity in source.documents.duration if source.fields.sortable(quantity.field)]


def search_logs(source: LogSource, query: LogQuery) -> Body:
    """Build the search for the log entries of a query by time, those without one first."""
    return {"query": all_of(list(_log_filters(source, query))), "sort": by_time(source)}


def search_events(source: SpanSource, events: Events, query: LogQuery) -> Body:
    """Build the search for the spans, by start, that have events of a query."""
    fields, documents = source.fields, source.documents
    times = filters.within(fields, [events.time], query.since, query.until)
    said = filters.says(fields, [events.text.field], query.text) if query.text else []
    wanted = [
        *filters.only(fields, documents),
        *([is_traced(source, [query.trace_id])] if query.trace_id else ()),
        *([_has_id(source, documents.span_id, [query.span_id])] if query.span_id else ()),
        *([filters.is_service(fields, documents, query.service)] if query.service else ()),
        filters.nested(fields, events.nested, all_of(times or filters.exists([events.time.field]))),
        *(filters.nested(fields, events.text.nested or "", clause) for clause in said),
    ]
    return {"query": all_of(wanted), "sort": by_time(source)}


def search_trace(source: Source, trace_id: str) -> Body:
    """Build the search for all documents of a trace, in any order."""
    if isinstance(source, LogSource):
        wanted = list(_log_filters(source, LogQuery(trace_id=trace_id)))
    else:
        wanted = [*filters.only(source.fields, source.documents), is_traced(source, [trace_id])]
    return {"query": all_of(wanted), "sort": IN_ANY_ORDER}


def search_linking(source: SpanSource, trace_id: str) -> Body:
    """Build the search for the spans of other traces with a link into a trace, in any order."""
    place = source.documents.linked_trace_id
    linking = filters.has(source.fields, Condition(place, _spelled(source, [trace_id])), any_case=False)
    elsewhere = none_of([is_traced(source, [trace_id])])
    return {
        "query": all_of([*filters.only(source.fields, source.documents), any_of(linking), elsewhere]),
        "sort": IN_ANY_ORDER,
    }


def measure_spans(source: SpanSource, trace_ids: Collection[str]) -> Body:
    """Build the search for what `Totals` is made of, for each span of these traces, in any order."""
    wanted = [*filters.only(source.fields, source.documents), is_traced(source, trace_ids)]
    return {"query": all_of(wanted), "sort": IN_ANY_ORDER, "_source": measured(source.documents)}


def outline_around(source: SpanSource, trace_ids: Collection[str], query: SpanQuery) -> list[Body]:
    """Return what the spans of some traces meet that the window leaves out."""
    left_out = none_of([all_of(filters.within(source.fields, source.documents.times, query.since, query.until))])
    return [*filters.only(source.fields, source.documents), is_traced(source, trace_ids), left_out]


def outline_named(source: SpanSource, names: Collection[tuple[str, str]]) -> list[Body]:
    """Return what spans meet with one of some trace ids and one of some span ids."""
    traces, spans = ({name[part] for name in names} for part in (0, 1))
    return [
        *filters.only(source.fields, source.documents),
        is_traced(source, traces),
        _has_id(source, source.documents.span_id, spans),
    ]


def in_any_order(wanted: Sequence[Body]) -> Body:
    """Build the search for the documents that meet all that is wanted, whole.

    To pick a few fields of each takes the cluster twice as long as to send them all.
    """
    return {"query": all_of(wanted), "sort": IN_ANY_ORDER}


def by_columns(source: SpanSource, wanted: Sequence[Body], rows: Rows) -> tuple[Body, Body]:
    """Build the search for the same in two parts: rows, for which no document is read, and the documents of the rest.

    What a column does not hold as it stands in the document, such as a text that is too long for it, is `_ignored`.
    """
    needed = [field for field in rows.fields if field not in rows.may_lack]
    kinds = any_of([clause for kind in rows.kinds for clause in is_one_of(source.fields, source.documents.kinds, kind)])
    held = [kinds, *filters.exists(needed), none_of(filters.exists(["_ignored"]))]
    columns = [{field: {"order": "asc", "unmapped_type": type_}} for field, type_ in rows.fields.items()]
    only_columns = {"sort": [*IN_ANY_ORDER, *columns], "_source": False, "stored_fields": "_none_"}
    return {"query": all_of([*wanted, *held]), **only_columns}, in_any_order([*wanted, none_of([all_of(held)])])


def search_durations(
    source: SpanSource, query: SpanQuery, quantity: Quantity, values: Collection[int], most: int
) -> Body:
    """Build the search for spans of a query, of any operation, that took just as long as one of some values."""
    wanted = [*span_filters(source, query), {"terms": {quantity.field: sorted(values)}}]
    fields = sorted(operation_fields(source.documents))
    return {"query": all_of(wanted), "sort": IN_ANY_ORDER, "size": most, "_source": fields}


def search_at_least(source: SpanSource, wanted: Body, quantity: Quantity, value: int) -> Body:
    """Build the search for the shortest of the wanted spans that took as long as a value."""
    long_enough = {"range": {quantity.field: {"gte": value}}}
    order = [source.fields.sort(quantity.field, "asc")]
    fields = measured(source.documents)
    return {"query": all_of([wanted, long_enough]), "sort": order, "size": 1, "_source": fields}


def count_lines(source: LogSource, trace_ids: Collection[str]) -> Body:
    """Build the count of log records, span events left out, in each of these traces."""
    wanted = [*filters.only(source.fields, source.documents), is_record(source), is_traced(source, trace_ids)]
    each = {trace_id: is_traced(source, [trace_id]) for trace_id in trace_ids}
    return {"size": 0, "query": all_of(wanted), "aggs": {"traces": {"filters": {"filters": each}}}}


def is_record(source: LogSource) -> Body:
    """Return what is met by log records, and not by span events."""
    documents = source.documents
    events = filters.has(source.fields, documents.event)
    if not events:  # where what makes an event is not mapped, there is none
        return all_of(())
    return none_of([all_of([any_of(events), none_of(filters.exists(documents.record))])])


def count_trace(source: Source, trace_id: str) -> Body:
    """Build the count of documents with a trace id."""
    wanted = [*filters.only(source.fields, source.documents), is_traced(source, [trace_id])]
    return {"size": 0, "track_total_hits": True, "query": all_of(wanted)}


def count_span(source: Source, span_id: str, most: int) -> Body:
    """Build the count of documents with a span id, for each of up to `most` traces; without a column, the documents."""
    documents = source.documents
    wanted = [*filters.only(source.fields, documents), _has_id(source, documents.span_id, [span_id])]
    column = next(filter(None, (source.fields.column(field) for field in documents.trace_id)), None)
    if column is None:
        return {"size": most, "query": all_of(wanted), "sort": IN_ANY_ORDER}
    return {"size": 0, "query": all_of(wanted), "aggs": {"traces": {"terms": {"field": column, "size": most}}}}


def find_held(source: Source, clauses: Sequence[Body], most: int) -> Body:
    """Build the search for the latest documents of any trace that meet one of some clauses."""
    wanted = [*filters.only(source.fields, source.documents), any_of(clauses)]
    traced = any_of(filters.exists(source.documents.trace_id))
    return {"query": all_of([*wanted, traced]), "sort": by_time(source, latest=True), "size": most}


def find_words(source: LogSource, text: str, most: int) -> Body:
    """Build the search for the latest lines of any trace that may say the words of a text; the reader then decides."""
    return find_held(source, [all_of(_says(source, text))], most)


def by_time(source: Source, *, latest: bool = False) -> Sequence[Body | str]:
    """Return the order of time, by the field that each document has; in any order where none can be sorted by."""
    moment = sorted_by(source)
    if moment is None:
        return IN_ANY_ORDER
    field = moment.field
    return [source.fields.sort(field, "desc") if latest else source.fields.sort(field, "asc", missing="_first")]


def sorted_by(source: Source) -> Moment | None:
    """Return the time that documents can be sorted by, of which the last is in each."""
    return next((moment for moment in reversed(source.documents.times) if source.fields.sortable(moment.field)), None)


def is_traced(source: Source, trace_ids: Collection[str]) -> Body:
    """Return what documents of some traces meet."""
    return _has_id(source, source.documents.trace_id, trace_ids)


def _has_id(source: Source, names: Sequence[str], identifiers: Collection[str]) -> Body:
    return any_of(filters.equals(source.fields, names, _spelled(source, identifiers)))


def _spelled(source: Source, identifiers: Collection[str]) -> tuple[str, ...]:
    """Return ids in each form in which the layout may have them."""
    if not source.layout.short_ids:
        return tuple(sorted(identifiers))
    return tuple(sorted({spelling for identifier in identifiers for spelling in id_spellings(identifier)}))


def span_filters(source: SpanSource, query: SpanQuery) -> list[Body]:
    """Return what all are met by the spans of a query."""
    return list(_span_filters(source, query))


def _span_filters(source: SpanSource, query: SpanQuery) -> Iterator[Body]:
    fields, documents = source.fields, source.documents
    yield from filters.only(fields, documents)
    if query.name is not None:
        yield any_of(filters.equals(fields, documents.name, (query.name,)))
    if query.service is not None:
        yield filters.is_service(fields, documents, query.service)
    if query.kind is not None:
        yield from is_one_of(fields, documents.kinds, query.kind)
    if query.status is not None:
        yield from is_one_of(fields, documents.statuses, query.status)
    yield from filters.within(fields, documents.times, query.since, query.until)
    yield from filters.lasts(fields, documents.duration, query.min_duration, query.max_duration)
    yield from _asked(source, query.attributes)
    if query.place == "root":
        yield from filters.no_parent(fields, documents.parent_id, documents.child)
    elif query.place == "entry":
        yield filters.some_parent(fields, documents.parent_id)
        yield any_of(
            [clause for kind in CALLED for one in documents.kinds[kind] for clause in filters.has(fields, one)]
        )


def _asked(source: Source, asked: Iterable[Constraint]) -> Iterator[Body]:
    for each in asked:
        places = source.documents.attribute(each.key)
        yield any_of([clause for place in places for clause in filters.asks(source.fields, place, each)])


def left_to_the_reader(source: Source, asked: Iterable[Constraint]) -> list[Constraint]:
    """Return the comparisons that the cluster cannot make, as the fields of a source are mapped."""
    return [
        each
        for each in comparisons(asked)
        if not all(filters.can_compare(source.fields, place, each) for place in source.documents.attribute(each.key))
    ]


def is_one_of(fields: Fields, conditions: Conditions, wanted: str) -> Iterator[Body]:
    """Yield what is met by the one of several that is wanted; one without conditions is none of the others.

    Where these may match too much, what is none of them may match too little: it is then left to the reader.
    """
    if wanted in conditions:
        yield any_of([clause for one in conditions[wanted] for clause in filters.has(fields, one)])
        return
    every = [one for several in conditions.values() for one in several]
    if all(one.place.nested is None or fields.is_nested(one.place.nested) for one in every):
        yield none_of([clause for one in every for clause in filters.has(fields, one)])


def _log_filters(source: LogSource, query: LogQuery) -> Iterator[Body]:
    fields, documents = source.fields, source.documents
    yield from filters.only(fields, documents)
    if query.trace_id is not None:
        yield any_of([is_traced(source, [query.trace_id]), *_mentions(source, query.trace_id)])
    if query.span_id is not None:
        yield _has_id(source, documents.span_id, [query.span_id])
    if query.service is not None:
        yield filters.is_service(fields, documents, query.service)
    if query.severity is not None:
        yield _is_severe(source, query.severity)
    yield from filters.within(fields, documents.times, query.since, query.until)
    yield from _asked(source, query.attributes)
    if query.text is not None:
        yield from _says(source, query.text)


def _says(source: LogSource, text: str) -> list[Body]:
    """Return what lines meet that say the words of a text, or whose exception does."""
    return filters.says(source.fields, (*source.documents.text, *source.documents.raised), text)


def _mentions(source: LogSource, trace_id: str) -> list[Body]:
    """Return what lines meet that have no trace id, and say this one in their text (Kibana's rule)."""
    said = filters.mentions(source.fields, source.documents.text, trace_id)
    return [all_of([none_of(filters.exists(source.documents.trace_id)), any_of(said)])] if said else []


def _is_severe(source: LogSource, lowest: int) -> Body:
    """Return what lines at or above a severity meet: by number, by the name of their level, or as an error of APM."""
    fields, documents = source.fields, source.documents
    numbers = [name for name in documents.severity_number if fields.sortable(name)]
    names = [text for text, level in LEVEL_BY_TEXT.items() if LEVELS[level] >= lowest]
    errors = documents.errors if lowest <= LEVELS["ERROR"] else ()
    return any_of(
        [
            *({"range": {name: {"gte": lowest}}} for name in numbers),
            *filters.equals(fields, documents.severity_text, names, any_case=True),
            *(clause for error in errors for clause in filters.has(fields, error)),
        ]
    )


def operation_fields(documents: SpanDocuments) -> set[str]:
    """Return the fields that say of which operation a span is, beside those of `measured`."""
    return {*measured(documents), *documents.name, *documents.grouping.fields}


def measured(documents: SpanDocuments) -> list[str]:
    """Return the fields that say what a span is, when, how long, and how it went."""
    conditions = [one for several in (*documents.statuses.values(), *documents.kinds.values()) for one in several]
    places = [*documents.parent_id, *(condition.place for condition in conditions)]
    return sorted(
        {
            *documents.trace_id,
            *documents.span_id,
            *documents.service,
            *(moment.field for moment in documents.times),
            *(quantity.field for quantity in documents.duration),
            *(place.nested or place.field for place in places),
        }
    )
