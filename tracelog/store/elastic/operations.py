"""The latency of operations, by aggregations: the cluster groups and ranks, and only figures come back.

Each source is grouped by the fields that tell its operations apart. Percentiles are those of the span at their rank,
which is looked for from the nearer end; where both ends are too far, they are estimates of the cluster (t-digest).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from tracelog.model import Operation
from tracelog.schema.conventions import SPAN_KINDS
from tracelog.schema.layout_fields import Quantity
from tracelog.store.elastic import filters, queries
from tracelog.store.elastic.filters import all_of, any_of, none_of
from tracelog.store.elastic.queries import Body
from tracelog.store.elastic.reading import Question, Reader
from tracelog.store.elastic.search import LARGEST_PAGE
from tracelog.store.elastic.sources import SpanSource
from tracelog.store.query import SpanQuery

PERCENTS = (50, 95, 99)
_GROUPS = 500
_UNSPECIFIED = "UNSPECIFIED"
Key = tuple[str, str, str]


class Group(NamedTuple):
    """Spans of one operation that one search can ask for: how many, and how long they took, in ns.

    `wanted` finds them; `about` estimates each of `PERCENTS`.
    """

    source: SpanSource
    quantity: Quantity
    wanted: Body
    spans: int
    measured: int
    error_count: int
    longest: int
    about: tuple[int, ...]


def operations(reader: Reader, service: str | None, since: int | None, until: int | None) -> list[Operation]:
    """Return the latency of each operation, the most called first."""
    query = SpanQuery(service=service, since=since, until=until)
    grouped: dict[Key, list[Group]] = defaultdict(list)
    for key, group in _groups(reader, query):
        if service in (None, key[0]):
            grouped[key].append(group)
    chosen = {key: _largest(reader, key, groups) for key, groups in grouped.items()}
    asked = [(key, percent) for key, group in chosen.items() for percent in PERCENTS if group.measured]
    bodies = [_ranked_span(chosen[key], percent) for key, percent in asked]
    found = reader.answers(
        lambda: [Question(chosen[key].source, body) for (key, _), body in zip(asked, bodies, strict=True)]
    )
    ranked: dict[Key, dict[int, tuple[str, int]]] = defaultdict(dict)
    for (key, percent), (question, answer) in zip(asked, found, strict=True):
        for span in reader.spans(question.source, answer.hits.hits):
            ranked[key][percent] = (span.trace_id, span.duration)
    rows = [_operation(key, grouped[key], chosen[key], ranked[key]) for key in grouped]
    return sorted(rows, key=lambda row: (-row.count, row.service, row.name))


def _groups(reader: Reader, query: SpanQuery) -> Iterator[tuple[Key, Group]]:
    """Yield the groups of all sources, a page of each at a time."""
    pending = [each for source in reader.span_sources for each in _groupings(reader, source, query)]
    while pending:
        answers = reader.answers(lambda: [grouping.question for grouping in pending])  # noqa: B023 - called at once
        following = []
        for grouping, (_, answer) in zip(pending, answers, strict=True):
            for bucket in answer.buckets("operations"):
                yield grouping.read(bucket)
            after = answer.aggregations.get("operations", {}).get("after_key")
            if after:
                following.append(grouping._replace(after=after))
        pending = following


class _Grouping(NamedTuple):
    """One way to group a source; `kind` is that of all its spans where no column tells it."""

    source: SpanSource
    columns: Mapping[str, str]
    wanted: Sequence[Body]
    kind: str | None
    after: Mapping[str, Any] | None = None

    @property
    def question(self) -> Question[SpanSource]:
        """One page of the groups, behind `after`."""
        sources = [{name: {"terms": {"field": name, "missing_bucket": True}}} for name in self.columns.values()]
        composite: Body = {"size": _GROUPS, "sources": sources, **({"after": self.after} if self.after else {})}
        within = {"composite": composite, "aggs": self._figures()}
        return Question(self.source, {"size": 0, "query": all_of(self.wanted), "aggs": {"operations": within}})

    def _figures(self) -> Body:
        errors = [
            clause
            for condition in self.source.documents.statuses["ERROR"]
            for clause in filters.has(self.source.fields, condition)
        ]
        figures: Body = {"errors": {"filter": any_of(errors)}}
        for number, quantity in enumerate(queries.measurable(self.source)):
            figures[f"durations{number}"] = {"stats": {"field": quantity.field}}
            percentiles = {"field": quantity.field, "percents": PERCENTS, "keyed": False}
            figures[f"percentiles{number}"] = {"percentiles": percentiles}
        return figures

    def read(self, bucket: Mapping[str, Any]) -> tuple[Key, Group]:
        """Return the operation of a group, and the group."""
        key = bucket["key"]
        values = {field: key.get(self.columns.get(field)) for field in self.source.documents.grouping.fields}
        service, name, kind = self.source.documents.grouping.read(values)
        picked = [{"term": {column: key[column]}} for column in self.columns.values() if key[column] is not None]
        absent = [column for column in self.columns.values() if key[column] is None]
        usable = list(enumerate(queries.measurable(self.source)))
        number, quantity = next((each for each in usable if bucket[f"durations{each[0]}"]["count"]), usable[0])
        stats, percentiles = bucket[f"durations{number}"], bucket[f"percentiles{number}"]["values"]
        return (service, name, kind or self.kind or _UNSPECIFIED), Group(
            source=self.source,
            quantity=quantity,
            wanted=all_of([*self.wanted, *picked, *([none_of(filters.exists(absent))] if absent else ())]),
            spans=bucket["doc_count"],
            measured=stats["count"],
            error_count=bucket["errors"]["doc_count"],
            longest=round(stats["max"] or 0) * quantity.unit,
            about=tuple(round((figure["value"] or 0) * quantity.unit) for figure in percentiles),
        )


def _groupings(reader: Reader, source: SpanSource, query: SpanQuery) -> Iterator[_Grouping]:
    """Yield how to group a source: once or, where the kind is no column, once for each kind."""
    documents, fields = source.documents, source.fields
    columns = {field: column for field in documents.grouping.fields if (column := fields.column(field))}
    for field in documents.grouping.fields:
        if fields.get(field) is not None and field not in columns:
            reader.notes.add(f"{source.index}: {field} cannot be grouped by, as it is mapped")
    windowed = query.since is not None or query.until is not None
    if not columns or not queries.measurable(source) or (windowed and queries.by_time(source) is queries.IN_ANY_ORDER):
        reader.notes.add(f"{source.index}: operations are left out, as names, durations or times are mapped")
        return
    if documents.grouping.tells_kind:
        yield _Grouping(source, columns, queries.span_filters(source, query), None)
        return
    if not all(fields.is_nested(path) for path in _paths(source)):
        reader.notes.add(f"{source.index}: kinds are told apart but roughly, as tags are not mapped as nested")
    for kind in (*SPAN_KINDS, _UNSPECIFIED):
        of_kind = queries.is_one_of(fields, documents.kinds, kind, roughly=True)
        yield _Grouping(source, columns, [*queries.span_filters(source, query), *of_kind], kind)


def _paths(source: SpanSource) -> set[str]:
    conditions = [one for several in source.documents.kinds.values() for one in several]
    return {condition.place.nested for condition in conditions if condition.place.nested}


def _largest(reader: Reader, key: Key, groups: Sequence[Group]) -> Group:
    """Put groups together that one search can ask for, and return those with the most spans."""
    together: dict[tuple[str, str], list[Group]] = defaultdict(list)
    for group in groups:
        together[group.source.index, group.quantity.field].append(group)
    if len(together) > 1:
        reader.notes.add(
            f"{key[0]}: {key[1]} is in several places: its percentiles are those of the one with most spans"
        )
    most = max(together.values(), key=lambda several: sum(group.measured for group in several))
    largest = max(most, key=lambda group: group.measured)
    return largest._replace(
        wanted=any_of([group.wanted for group in most]), measured=sum(group.measured for group in most)
    )


def _ranked_span(group: Group, percent: int) -> Body:
    """Build the search for the span at the rank of a percentile, counted from 1 at the shortest.

    Counted from whichever end is nearer. Where both are too far, it is the first that took at least the estimate.
    """
    field, rank = group.quantity.field, max(-(-group.measured * percent // 100), 1)
    from_longest = group.measured - rank
    wanted = [group.wanted, *filters.exists([field])]
    start, order = (rank - 1, "asc") if rank - 1 <= from_longest else (from_longest, "desc")
    if start >= LARGEST_PAGE:
        start, order = 0, "asc"
        wanted.append({"range": {field: {"gte": group.about[PERCENTS.index(percent)] // group.quantity.unit}}})
    return {
        "query": all_of(wanted),
        "from": start,
        "size": 1,
        "sort": [group.source.fields.sort(field, order)],
        "_source": queries.measured(group.source.documents),
    }


def _operation(key: Key, groups: Sequence[Group], chosen: Group, ranked: Mapping[int, tuple[str, int]]) -> Operation:
    figures = {f"p{percent}": about for percent, about in zip(PERCENTS, chosen.about, strict=True)}
    figures |= {f"p{percent}": duration for percent, (_, duration) in ranked.items()}
    return Operation(
        service=key[0],
        name=key[1],
        kind=key[2],
        count=sum(group.spans for group in groups),
        error_count=sum(group.error_count for group in groups),
        max=max(group.longest for group in groups),
        examples={f"p{percent}": trace_id for percent, (trace_id, _) in ranked.items()},
        **figures,
    )
