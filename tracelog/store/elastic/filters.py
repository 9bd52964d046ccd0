"""Conditions as Elasticsearch's query clauses, for the fields as some indices map them: values in, dicts out.

What a user typed stands only where Elasticsearch expects a value (`term`, `match`, `match_phrase`), or is reduced to
its words, so that none of it is read as syntax. A clause may match too much where a mapping does not allow for more,
never too little; the decoded document then decides. A list of clauses means any of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

from tracelog.model import UNKNOWN_SERVICE
from tracelog.schema.layout_fields import Condition, Documents, Moment, Place, Quantity
from tracelog.schema.timestamps import MILLISECOND
from tracelog.store.constraints import EQUALS, Constraint
from tracelog.store.elastic.fields import WHOLE, Fields
from tracelog.store.terms import words

Body = dict[str, Any]

_LIMITS = {">": "gt", ">=": "gte", "<": "lt", "<=": "lte"}
NOTHING: Body = {"match_none": {}}
_NANOSECONDS = "strict_date_optional_time_nanos"
_LAST_MOMENT = 2**63 - 1  # of `date_nanos`: in the year 2262
_NO_ID = ("", "0", "0" * 16)
_TELLING_WORDS = 8
_LONGEST_WORD = 64  # characters; the pattern of a longer one may cost the cluster more to compile than it allows
_LONGEST_PHRASE = 1000  # characters; each word is a clause, of which a query may have 1024


def all_of(filters: Sequence[Body]) -> Body:
    """Return a clause that is met where all are."""
    return {"bool": {"filter": list(filters)}} if filters else {"match_all": {}}


def any_of(choices: Sequence[Body]) -> Body:
    """Return a clause that is met where one of several is."""
    if len(choices) == 1:
        return choices[0]
    return {"bool": {"should": list(choices), "minimum_should_match": 1}} if choices else NOTHING


def none_of(excluded: Sequence[Body]) -> Body:
    """Return a clause that is met where no other is."""
    return {"bool": {"must_not": list(excluded)}} if excluded else {"match_all": {}}


def exists(names: Iterable[str]) -> list[Body]:
    """Return clauses that are met by documents with a value in a field."""
    return [{"exists": {"field": name}} for name in names]


def equals(fields: Fields, names: Iterable[str], values: Sequence[str], *, any_case: bool = False) -> list[Body]:
    """Return clauses that are met where a field, mapped as it is, has one of some values."""
    clauses: list[Body] = []
    for name in names:
        exact, field = fields.exact(name), fields.get(name)
        if exact is not None and any_case:
            clauses += [{"term": {exact: {"value": value, "case_insensitive": True}}} for value in values]
        elif exact is not None:
            clauses.append({"term": {exact: values[0]}} if len(values) == 1 else {"terms": {exact: list(values)}})
        elif field is not None and field.is_text:
            clauses += [{"match_phrase": {name: value}} for value in values if len(value) <= _LONGEST_PHRASE]
        elif field is not None:
            clauses += [whole(name, value) for value in values]
    return clauses


def holds(fields: Fields, name: str, value: str) -> list[Body]:
    """Return clauses that are met where a field of whatever mapping has a value."""
    if fields.get(name) is not None:
        return equals(fields, (name,), (value,))
    if len(value) > _LONGEST_PHRASE:
        return [whole(name, value)]
    words_of_text = {"match": {name: {"query": value, "operator": "and", "lenient": True}}}
    return [whole(name, value), whole(name + WHOLE, value), words_of_text]


def whole(name: str, value: str) -> Body:
    """Return a clause that compares the whole value; what a field cannot hold is not there, rather than wrong."""
    return {"match": {name: {"query": value, "analyzer": "keyword", "lenient": True}}}


def has(fields: Fields, condition: Condition, *, any_case: bool = True) -> list[Body]:
    """Return clauses that are met where a condition is."""
    place, values = condition.place, condition.values
    own = equals(fields, (place.field,), values, any_case=any_case) if values else exists((place.field,))
    return own if place.nested is None else [_within(fields, place, any_of(own))]


def is_at(fields: Fields, place: Place, value: str) -> list[Body]:
    """Return clauses that are met where a place has a value that a user typed."""
    if place.nested is None:
        return holds(fields, place.field, value)
    return [_within(fields, place, any_of(holds(fields, place.field, value)))]


def asks(fields: Fields, place: Place, asked: Constraint) -> list[Body]:
    """Return clauses that are met where a place may have what is asked of an attribute."""
    if asked.operator == EQUALS:
        return is_at(fields, place, asked.value)
    if can_compare(fields, place, asked) and fields.get(place.field) is not None:
        return [{"range": {place.field: {_LIMITS[asked.operator]: asked.number}}}]
    if "*" in asked.key:  # which `exists` takes for a pattern; the reader decides
        return [all_of(())]
    return has(fields, Condition(place))


def can_compare(fields: Fields, place: Place, asked: Constraint) -> bool:
    """Say whether an index tells more from less in a place, or holds nothing there."""
    field = fields.get(place.field)
    return place.nested is None and (field is None or (field.is_number and asked.number is not None))


def _within(fields: Fields, place: Place, clause: Body) -> Body:
    """Ask one of the nested objects of a place; where they are not mapped as such, all of them at once."""
    keys = equals(fields, (place.key_field,), (place.key,)) if place.key_field and place.key is not None else []
    together = all_of([*keys, clause]) if keys else clause
    return nested(fields, place.nested or "", together)


def nested(fields: Fields, path: str, clause: Body) -> Body:
    """Ask nested objects, if an index maps them as such, within the nested objects that they stand in."""
    parts = path.split(".")
    for end in range(len(parts), 0, -1):
        owner = ".".join(parts[:end])
        if fields.is_nested(owner):
            clause = {"nested": {"path": owner, "query": clause, "ignore_unmapped": True}}
    return clause


def no_parent(fields: Fields, places: Iterable[Place], child: Condition | None) -> list[Body]:
    """Return what all are met by spans without a parent."""
    plain = [place.field for place in places if place.nested is None]
    absent = [none_of(exists(plain)), *equals(fields, plain, _NO_ID)]
    return [any_of(absent), *([] if child is None else [none_of(has(fields, child))])]


def some_parent(fields: Fields, places: Iterable[Place]) -> Body:
    """Return what is met by spans with a parent."""
    return any_of([clause for place in places for clause in has(fields, Condition(place))])


def only(fields: Fields, documents: Documents) -> list[Body]:
    """Return what leaves out the documents that a layout has in the same indices beside its own."""
    if documents.only is None:
        return []
    return [any_of([*has(fields, documents.only), none_of(exists((documents.only.place.field,)))])]


def is_service(fields: Fields, documents: Documents, service: str) -> Body:
    """Return what is met by documents of a service, or by those of none where that is meant."""
    if service != UNKNOWN_SERVICE:
        return any_of(equals(fields, documents.service, (service,)))
    unnamed = equals(fields, documents.service, (service, *documents.nameless))
    return any_of([*unnamed, none_of(exists(documents.service))])


def within(fields: Fields, moments: Iterable[Moment], since: int | None, until: int | None) -> list[Body]:
    """Return what documents of a window meet, to the precision of each field; nothing where no field has an order."""
    if since is None and until is None:
        return []
    ranges = []
    for moment in moments:
        field = fields.get(moment.field)
        if field is not None and field.is_comparable:
            step = moment.unit or (1 if field.type == "date_nanos" else MILLISECOND)
            limits = {} if since is None else {"gte": moment.compared(_moment(since), as_date=field.is_date)}
            if until is not None:
                limits["lt"] = moment.compared(_moment(-(-until // step) * step), as_date=field.is_date)
            form = {"format": _NANOSECONDS} if field.is_date and moment.unit is None else {}
            ranges.append({"range": {moment.field: {**limits, **form}}})
    return [any_of(ranges)] if ranges else []


def _moment(time: int) -> int:
    return min(max(time, 0), _LAST_MOMENT)


def lasts(fields: Fields, quantities: Iterable[Quantity], shortest: int | None, longest: int | None) -> list[Body]:
    """Return what spans of a duration meet; where no field has an order, nothing."""
    usable = [quantity for quantity in quantities if fields.sortable(quantity.field)]
    if not usable or (shortest is None and longest is None):
        return []
    ranges = []
    for quantity in usable:
        limits = {
            **({} if shortest is None else {"gte": shortest // quantity.unit}),
            **({} if longest is None else {"lte": -(-longest // quantity.unit)}),
        }
        ranges.append({"range": {quantity.field: limits}})
    unmeasured = [none_of(exists(quantity.field for quantity in usable))] if not shortest or shortest < 0 else []
    return [any_of([*ranges, *unmeasured])]


def mentions(fields: Fields, names: Iterable[str], word: str) -> list[Body]:
    """Return clauses that are met by lines with a word, where words are indexed: to look within values takes long."""
    return [
        {"match_phrase": {name: word}} for name in names if (field := fields.get(name)) is not None and field.is_text
    ]


def says(fields: Fields, names: Iterable[str], text: str) -> list[Body]:
    """Return what all are met by lines with the longest words of a text: the reader then looks for all, in sequence.

    The standard analyzer keeps `redis.TimeoutError` and `3.14` whole, so a word is also looked for within terms. Of the
    keys of a flattened field each can be compared but as a whole: where one is there, the longest word is looked for
    under all, which takes long, and the others are left to the reader.
    """
    known = [name for name in names if (field := fields.get(name)) is not None and (field.is_text or field.is_exact)]
    telling = sorted(set(words(text)), key=lambda word: (-len(word), word))[:_TELLING_WORDS]
    said = (_says_word(fields, known, word, among_keys=number == 0) for number, word in enumerate(telling))
    return [any_of(list(clauses)) for clauses in said] or [NOTHING]


def _says_word(fields: Fields, names: Sequence[str], word: str, *, among_keys: bool) -> Iterator[Body]:
    boundary = "[^a-zA-Z0-9_]"  # nothing that a letter may match as well, or patterns grow beyond what is allowed
    lower = word.lower()
    rest = f"({boundary}.*)?" if len(lower) <= _LONGEST_WORD else ".*"
    pattern = f"(.*{boundary})?{lower[:_LONGEST_WORD]}{rest}"
    for owner, held in groupby(names, fields.flattened):
        if owner is not None:
            there = any_of(exists(held))
            yield all_of([there, _matches(owner, pattern)]) if among_keys else there
            continue
        for name in held:
            field = fields.get(name)
            if field is not None and field.is_text:
                yield {"match_phrase": {name: word}}
            yield _matches(name, pattern)


def _matches(name: str, pattern: str) -> Body:
    return {"regexp": {name: {"value": pattern, "case_insensitive": True}}}
