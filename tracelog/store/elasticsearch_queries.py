"""Questions as Elasticsearch's search bodies: values in, dicts out.

What a user typed stands only where Elasticsearch expects a value (`term`, `match_phrase`), or is reduced to its words,
so that none of it is read as syntax. Absent and empty are the same: writers leave out what is unset.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from tracelog.model import LEVEL_BY_TEXT, LEVELS
from tracelog.schema import times
from tracelog.store.query import ENTRY_KINDS, LogQuery, SpanQuery
from tracelog.store.terms import words

Body = dict[str, Any]

LARGEST_PAGE = 10_000
"""How many hits a search may return, and how deep it may start: `index.max_result_window`."""

PERCENTS = (50, 95, 99)

_UNKNOWN_SERVICE = "unknown_service"
_SERVICE = "service.name"
_RESOURCE_SERVICE = "resource.attributes.service.name"
_NANOSECONDS = "strict_date_optional_time_nanos"
_LAST_MOMENT = 2**63 - 1  # of `date_nanos`: in the year 2262
_TELLING_WORDS = 8
_LONGEST_WORD = 64  # characters; the pattern of a longer one may cost the cluster more to compile than it allows

BY_TIME: Body = {
    "@timestamp": {
        "order": "asc",
        "format": _NANOSECONDS,
        "numeric_type": "date_nanos",  # one order over backing indices that keep ms and those that keep ns
        "unmapped_type": "date_nanos",
    }
}
_LATEST_FIRST: Body = {"@timestamp": {**BY_TIME["@timestamp"], "order": "desc"}}
_LONGEST_FIRST: Body = {"duration": {"order": "desc", "unmapped_type": "long"}}
_SHORTEST_FIRST: Body = {"duration": {"order": "asc", "unmapped_type": "long"}}


def search_spans(query: SpanQuery, *, longest_first: bool) -> Body:
    """Build the search for the spans of a query."""
    filters = [
        *_exactly("name", query.name),
        *(_service(query.service) if query.service else ()),
        *(_spelled("kind", query.kind, unset="UNSPECIFIED") if query.kind else ()),
        *(_spelled("status.code", query.status, unset="UNSET") if query.status else ()),
        *_window(query.since, query.until),
        *_range("duration", gte=query.min_duration, lte=query.max_duration),
        *({"term": {f"attributes.{key}": value}} for key, value in query.attributes.items()),
    ]
    if query.place == "root":
        filters.append(_any_of(_ROOT))
    elif query.place == "entry":
        filters += [_not(*_ROOT), {"terms": {"kind": [kind.capitalize() for kind in ENTRY_KINDS]}}]
    return {"query": _all_of(filters), "sort": [_LONGEST_FIRST if longest_first else BY_TIME]}


def search_logs(query: LogQuery) -> Body:
    """Build the search for the log entries of a query."""
    filters = [
        *_exactly("trace_id", query.trace_id),
        *_exactly("span_id", query.span_id),
        *(_service(query.service) if query.service else ()),
        *(_severity(query.severity) if query.severity else ()),
        *_window(query.since, query.until),
        *(_says(query.text) if query.text else ()),
    ]
    return {"query": _all_of(filters), "sort": [BY_TIME]}


def search_trace(field: str, trace_id: str) -> Body:
    """Build the search for all documents that have a trace id in a field, in order of time."""
    return {"query": {"term": {field: trace_id}}, "sort": [BY_TIME]}


def measure_spans(trace_ids: Collection[str]) -> Body:
    """Build the search for what `Totals` is made of, from the columns alone, for each span of these traces."""
    return {
        "query": {"terms": {"trace_id": sorted(trace_ids)}},
        "sort": [BY_TIME],
        "_source": False,
        "docvalue_fields": [
            "trace_id",
            "parent_span_id",
            "duration",
            "status.code",
            {"field": "@timestamp", "format": _NANOSECONDS},
        ],
    }


def count_lines(trace_ids: Collection[str]) -> Body:
    """Build the count of log records, span events left out, in each of these traces."""
    span_event = _all_of(
        [{"exists": {"field": "event_name"}}, _not({"exists": {"field": "observed_timestamp"}}), _not(_BODY)]
    )
    query = _all_of([{"terms": {"trace_id": sorted(trace_ids)}}, _not(span_event)])
    return _per_trace(query, len(trace_ids))


def count_documents(field: str, value: str, most: int) -> Body:
    """Build the count of documents with a value in a field, for each of up to `most` traces."""
    return _per_trace({"term": {field: value}}, most)


def find_attribute(value: str) -> Body:
    """Build the search for the latest documents that hold a value in any attribute."""
    # A term on the root of a flattened field is compared with the values under all its keys.
    return _latest([{"term": {"attributes": value}}], ["trace_id", "attributes"])


def find_words(text: str) -> Body:
    """Build the search for the latest lines that may say the words of a text; the reader then decides."""
    return _latest(_says(text), ["trace_id", "@timestamp", "body.text", "event_name"])


def group_operations(
    service: str | None, since: int | None, until: int | None, after: Mapping[str, Any] | None
) -> Body:
    """Build one page of the latency by service, name and kind, behind the group `after`."""
    sources = [{name: {"terms": {"field": field, "missing_bucket": True}}} for name, field in OPERATION_FIELDS.items()]
    composite: Body = {"size": 500, "sources": sources, **({"after": after} if after else {})}
    return {
        "size": 0,
        "query": _all_of([*(_service(service) if service else ()), *_window(since, until)]),
        "aggs": {
            "operations": {
                "composite": composite,
                "aggs": {
                    "errors": {"filter": {"term": {"status.code": "Error"}}},
                    "percentiles": {"percentiles": {"field": "duration", "percents": PERCENTS, "keyed": False}},
                    "longest": {"max": {"field": "duration"}},
                },
            }
        },
    }


OPERATION_FIELDS = {"service": _SERVICE, "resource": _RESOURCE_SERVICE, "name": "name", "kind": "kind"}


def ranked_span(
    key: Mapping[str, Any], since: int | None, until: int | None, *, rank: int, count: int, about: int
) -> Body:
    """Build the search for the span at a rank of an operation, counted from 1 at the shortest.

    Counted from whichever end is nearer. Where both are too far, it is the first that took at least `about` ns.
    """
    filters = [
        *_window(since, until),
        *({"term": {OPERATION_FIELDS[name]: value}} for name, value in key.items() if value is not None),
        *(_not({"exists": {"field": OPERATION_FIELDS[name]}}) for name, value in key.items() if value is None),
    ]
    start, order = (rank - 1, _SHORTEST_FIRST) if rank - 1 <= count - rank else (count - rank, _LONGEST_FIRST)
    if start >= LARGEST_PAGE:
        start, order = 0, _SHORTEST_FIRST
        filters += _range("duration", gte=about)
    return {
        "query": _all_of(filters),
        "from": start,
        "size": 1,
        "sort": [order],
        "_source": False,
        "docvalue_fields": ["trace_id", "duration"],
    }


_NOTHING: Body = {"match_none": {}}
_ROOT: Sequence[Body] = (
    {"bool": {"must_not": [{"exists": {"field": "parent_span_id"}}]}},
    {"terms": {"parent_span_id": ["", "0" * 16]}},
)
_BODY: Body = {"bool": {"should": [{"exists": {"field": "body.text"}}, {"exists": {"field": "body"}}]}}


def _all_of(filters: Sequence[Body]) -> Body:
    return {"bool": {"filter": list(filters)}} if filters else {"match_all": {}}


def _any_of(choices: Sequence[Body]) -> Body:
    return {"bool": {"should": list(choices), "minimum_should_match": 1}}


def _not(*excluded: Body) -> Body:
    return {"bool": {"must_not": list(excluded)}}


def _exactly(field: str, value: str | None) -> list[Body]:
    return [] if value is None else [{"term": {field: value}}]


def _range(field: str, **limits: Any) -> list[Body]:
    given = {name: limit for name, limit in limits.items() if limit is not None}
    return [{"range": {field: given}}] if given else []


def _window(since: int | None, until: int | None) -> list[Body]:
    limits = {"gte": _written(since), "lt": _written(until)}
    return [
        {"range": {"@timestamp": {**within["range"]["@timestamp"], "format": _NANOSECONDS}}}
        for within in _range("@timestamp", **limits)
    ]


def _written(time: int | None) -> str | None:
    return None if time is None else times.format_iso(min(max(time, 0), _LAST_MOMENT), digits=9)


def _service(name: str) -> list[Body]:
    """Match the service in our own core field or, in what others wrote, among the resource's attributes."""
    unnamed = _not({"exists": {"field": _SERVICE}})
    choices = [{"term": {_SERVICE: name}}, _all_of([unnamed, {"term": {_RESOURCE_SERVICE: name}}])]
    if name == _UNKNOWN_SERVICE:
        choices.append(_all_of([unnamed, _not({"exists": {"field": _RESOURCE_SERVICE}})]))
    return [_any_of(choices)]


def _spelled(field: str, value: str, *, unset: str) -> list[Body]:
    """Match one word of a fixed set in any case; `unset` is also what an absent field means."""
    choices: list[Body] = [{"term": {field: {"value": value, "case_insensitive": True}}}]
    if value == unset:
        choices.append(_not({"exists": {"field": field}}))
    return [_any_of(choices)]


def _severity(lowest: int) -> list[Body]:
    """Match records at or above a severity: by number or, where there is none, by the spellings of their level."""
    spellings = [text for text, level in LEVEL_BY_TEXT.items() if LEVELS[level] >= lowest]
    texts = [{"term": {"severity_text": {"value": text, "case_insensitive": True}}} for text in spellings]
    unnumbered = _not({"range": {"severity_number": {"gt": 0}}})
    return [_any_of([{"range": {"severity_number": {"gte": lowest}}}, _all_of([unnumbered, _any_of(texts)])])]


def _says(text: str) -> list[Body]:
    """Match lines that have the longest words of a text: the reader then looks for all of them in sequence.

    The standard analyzer keeps `redis.TimeoutError` and `3.14` whole, so a word is also looked for within terms. A
    span event says its name.
    """
    telling = sorted(set(words(text)), key=lambda word: (-len(word), word))[:_TELLING_WORDS]
    choices = [_any_of([{"match_phrase": {"body.text": word}}, *_within_terms(word.lower())]) for word in telling]
    return choices or [_NOTHING]


def _within_terms(word: str) -> Iterator[Body]:
    boundary = "[^a-zA-Z0-9_]"  # nothing that a letter may match as well, or patterns grow beyond what is allowed
    rest = f"({boundary}.*)?" if len(word) <= _LONGEST_WORD else ".*"
    pattern = f"(.*{boundary})?{word[:_LONGEST_WORD]}{rest}"
    for field in ("body.text", "event_name"):
        yield {"regexp": {field: {"value": pattern, "case_insensitive": True}}}


def _per_trace(query: Body, most: int) -> Body:
    return {
        "size": 0,
        "query": query,
        "aggs": {"traces": {"terms": {"field": "trace_id", "size": max(most, 1)}}},
    }


def _latest(filters: Sequence[Body], fields: list[str]) -> Body:
    traced = {"exists": {"field": "trace_id"}}
    return {
        "query": _all_of([*filters, traced]),
        "sort": [_LATEST_FIRST],
        "size": LARGEST_PAGE,
        "_source": fields,
    }
