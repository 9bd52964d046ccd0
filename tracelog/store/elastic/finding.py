"""From a pasted id or value to the traces that hold it, in all layouts.

A value is asked for as a whole: in fields named like ids, and where the keys of attributes are not fields of their own;
then in every field that holds an attribute; then as words of a text.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tracelog import ids
from tracelog.model import LogEntry, Match, Span
from tracelog.store.elastic import filters, queries
from tracelog.store.elastic.fields import WHOLE, Field, FieldCapabilities, owners
from tracelog.store.elastic.queries import Body
from tracelog.store.elastic.reading import Question, Reader
from tracelog.store.elastic.search import LARGEST_PAGE
from tracelog.store.elastic.sources import LogSource, Source
from tracelog.store.terms import names_an_id, said_in, values_of, words_pattern

_MOST_TRACES = 1000
_MOST_FIELDS = 500  # in one search, of whose clauses there may be 1024
_MOST_SEARCHES = 2
_Counts = dict[bool, Counter[tuple[str, str]]]


def find_ids(reader: Reader, wanted: ids.Candidates) -> list[Match]:
    """Return the trace whose id it is or, else, those with a span of that id."""
    found: dict[str, Counter[str]] = {"trace_id": Counter(), "span_id": Counter()}
    for question, answer in reader.answers(lambda: list(_id_questions(reader, wanted))):
        counted = found[question.about]
        if question.about == "trace_id":
            counted[wanted.trace_id or ""] += answer.count
        for bucket in answer.buckets("traces"):
            counted[ids.trace_id(bucket["key"]) or ""] += bucket["doc_count"]
        counted.update(one.trace_id or "" for one in _decoded(reader, question.source, answer.hits.hits))
    for (field, counted), value in zip(found.items(), (wanted.trace_id, wanted.span_id), strict=True):
        matches = [Match(trace, field, value or "", count) for trace, count in counted.items() if trace and count]
        if matches:
            return matches
    return []


def _id_questions(reader: Reader, wanted: ids.Candidates) -> Iterator[Question[Source]]:
    for source in reader.all_sources:
        if wanted.trace_id is not None:
            yield Question(source, queries.count_trace(source, wanted.trace_id), "trace_id")
        if wanted.span_id is not None:
            yield Question(source, queries.count_span(source, wanted.span_id, _MOST_TRACES), "span_id")


def find_value(reader: Reader, value: str) -> list[Match]:
    """Return the traces that hold a value: each by the field that does so most often."""
    held: _Counts = defaultdict(Counter)
    for like_ids in (True, False):
        questions = reader.answers(lambda named=like_ids: list(_held_questions(reader, value, named=named)))  # type: ignore[misc]
        for question, answer in questions:
            for one in _decoded(reader, question.source, answer.hits.hits):
                keys = {key for key, text in values_of(one.attributes) if text == value}
                for key in keys if one.trace_id else ():
                    held[names_an_id(key)][one.trace_id or "", key] += 1
        if held[True]:
            break
    matches = held[True] or held[False]
    return _one_per_trace(matches or _sayers(reader, value), value)


def _held_questions(reader: Reader, value: str, *, named: bool) -> Iterator[Question[Source]]:
    for source in reader.all_sources:
        clauses = list(_clauses(reader, source, value, named=named))
        if len(clauses) > _MOST_FIELDS * _MOST_SEARCHES:
            reader.notes.add(f"{source.index}: {len(clauses)} fields may hold a value, of which not all were looked at")
        for start in range(0, min(len(clauses), _MOST_FIELDS * _MOST_SEARCHES), _MOST_FIELDS):
            body = queries.find_held(source, clauses[start : start + _MOST_FIELDS], LARGEST_PAGE)
            yield Question(source, body)


def _clauses(reader: Reader, source: Source, value: str, *, named: bool) -> Iterator[Body]:
    """Yield what is met where one of the fields has a value that are named like ids, or that are not."""
    roots = [name for name in source.fields if source.documents.holds_attribute(name) and _is_flattened(source, name)]
    if roots:  # what is compared with a flattened field is the values under all its keys
        yield from (filters.whole(name, value) for name in roots if named)
        return
    known = reader.every_field(source)
    for name, types in sorted(known.fields.items()):
        key = name.removesuffix(WHOLE)
        if source.documents.holds_attribute(key) and any(_may_be(field, value) for field in types.values()):
            nested = next((owner for owner in owners(name) if _is_nested(known, owner)), None)
            if (nested is not None or names_an_id(key)) is named:
                clause = filters.whole(name, value)
                yield (
                    clause if nested is None else {"nested": {"path": nested, "query": clause, "ignore_unmapped": True}}
                )


def _is_flattened(source: Source, name: str) -> bool:
    field = source.fields.get(name)
    return field is not None and field.type == "flattened"


def _is_nested(known: FieldCapabilities, name: str) -> bool:
    return list(known.fields.get(name, ())) == ["nested"]


def _may_be(field: Field, value: str) -> bool:
    """Say whether a field, as it is mapped, may be compared with a value as a whole."""
    if field.is_number:
        return value.replace(".", "", 1).removeprefix("-").isdecimal()
    return field.is_exact or (field.type == "boolean" and value in ("true", "false"))


def _sayers(reader: Reader, text: str) -> Mapping[tuple[str, str], int]:
    """Count the lines that say the words of a text, by trace."""
    pattern = words_pattern(text)
    found = reader.answers(
        lambda: [Question(one, queries.find_words(one, text, LARGEST_PAGE)) for one in reader.log_sources]
    )
    lines = (line for question, answer in found for line in reader.logs(question.source, answer.hits.hits))
    said = ((line.trace_id, said_in(line, pattern)) for line in lines)
    return Counter((trace_id, part) for trace_id, part in said if trace_id and part)


def _decoded(reader: Reader, source: Source, hits: Iterable[Any]) -> Iterator[Span | LogEntry]:
    if isinstance(source, LogSource):
        return reader.logs(source, hits)
    return reader.spans(source, hits)


def _one_per_trace(found: Mapping[tuple[str, str], int], value: str) -> list[Match]:
    """Keep, for each trace, the field that holds the value most often."""
    best: dict[str, Match] = {}
    for (trace_id, name), count in sorted(found.items()):
        if trace_id not in best or count > best[trace_id].count:
            best[trace_id] = Match(trace_id, name, value, count)
    return list(best.values())
