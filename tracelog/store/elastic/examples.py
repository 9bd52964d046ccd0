"""A trace for each percentile of each operation.

Where a percentile is exact there is a span that took just as long: one search for all of these durations finds most,
for few spans take as long to the nanosecond. What it does not find is looked for one by one, as are spans near an
estimate.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from tracelog.store.elastic import queries
from tracelog.store.elastic.grouping import Group, Key
from tracelog.store.elastic.reading import Question, Reader
from tracelog.store.elastic.search import LARGEST_PAGE
from tracelog.store.elastic.sources import SpanSource
from tracelog.store.query import SpanQuery

_DURATIONS_AT_ONCE = 5000
_MOST_LOOKED_UP = 1000
"""How many spans are looked for one by one."""

Figure = tuple[Key, int]
"""A percentile of an operation."""
Examples = dict[Figure, str]
"""The trace of a span that took about as long as a figure says."""
_Durations = Mapping[Key, Mapping[int, list[int]]]
"""Which percentiles each duration of an operation is."""


def find_examples(reader: Reader, query: SpanQuery, by: int | None, chosen: Mapping[Key, Group]) -> Examples:
    """Find a trace for each percentile of each operation; where it is the longest span's, that one's is known."""
    examples: Examples = {}
    durations: dict[Key, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for key, group in chosen.items():
        longest, trace_id = group.longest
        for percent, found in group.percentiles.items():
            if found.exact and found.value == longest and trace_id:
                examples[key, percent] = trace_id
            elif found.exact:
                durations[key][found.value].append(percent)
    examples |= _by_duration(reader, query, by, chosen, durations)
    examples |= list(_one_by_one(reader, chosen, examples))
    return examples


def _by_duration(
    reader: Reader, query: SpanQuery, by: int | None, chosen: Mapping[Key, Group], durations: _Durations
) -> Iterator[tuple[Figure, str]]:
    """Yield the traces of the spans that took just as long as a percentile of their operation."""
    questions = list(_duration_questions(query, chosen, durations))
    for question, answer in reader.answers(lambda: questions) if questions else ():
        unit = question.about
        for span in reader.outlines(question.source, answer.hits.hits):
            key = (span.service, span.name, span.kind, None if by is None else span.start - span.start % by)
            for percent in durations.get(key, {}).get(span.duration // unit, ()):
                yield (key, percent), span.trace_id


def _duration_questions(
    query: SpanQuery, chosen: Mapping[Key, Group], durations: _Durations
) -> Iterator[Question[SpanSource]]:
    together: dict[tuple[str, str], list[Key]] = defaultdict(list)
    for key in durations:
        together[chosen[key].source.index, chosen[key].quantity.field].append(key)
    for keys in together.values():
        source, quantity = chosen[keys[0]].source, chosen[keys[0]].quantity
        values = sorted({value for key in keys for value in durations[key]})
        for start in range(0, len(values), _DURATIONS_AT_ONCE):
            part = values[start : start + _DURATIONS_AT_ONCE]
            body = queries.search_durations(source, query, quantity, part, LARGEST_PAGE)
            yield Question(source, body, quantity.unit)


def _one_by_one(reader: Reader, chosen: Mapping[Key, Group], known: Examples) -> Iterator[tuple[Figure, str]]:
    """Yield traces for the percentiles that have none yet, those of the largest groups first."""
    left = [
        (key, percent) for key, group in chosen.items() for percent in group.percentiles if (key, percent) not in known
    ]
    left.sort(key=lambda figure: -chosen[figure[0]].measured)
    if len(left) > _MOST_LOOKED_UP:
        reader.notes.add(f"{len(left) - _MOST_LOOKED_UP:,} percentiles of small groups have no example")
    questions = [
        Question(
            group.source, queries.search_at_least(group.source, group.wanted(), group.quantity, value), (key, percent)
        )
        for key, percent in left[:_MOST_LOOKED_UP]
        for group, value in [(chosen[key], chosen[key].percentiles[percent].value)]
    ]
    for question, answer in reader.answers(lambda: questions) if questions else ():
        yield from ((question.about, span.trace_id) for span in reader.outlines(question.source, answer.hits.hits))
