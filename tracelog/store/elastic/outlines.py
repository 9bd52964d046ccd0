"""What of the spans of a cluster tells who calls whom: all layouts streamed in any order, then put together by trace.

No search joins a span with its parent, so that all are read, in slices as of one point in time; those for which it is
enough as rows, which are read in half the time of whole documents.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import chain

from tracelog.model import SpanOutline
from tracelog.store.by_trace import by_trace
from tracelog.store.elastic import queries
from tracelog.store.elastic.answers import page_of
from tracelog.store.elastic.queries import Body
from tracelog.store.elastic.reading import Question, Reader
from tracelog.store.elastic.search import Part
from tracelog.store.elastic.sources import SpanSource
from tracelog.store.query import SpanQuery

_AT_ONCE = 500


def outlines(reader: Reader, query: SpanQuery, *, names: bool) -> Iterator[Sequence[SpanOutline]]:
    """Yield the spans of a window trace by trace; where times are but roughly compared, a few around it too."""
    found = reader.streams(
        lambda: [_question(source, queries.span_filters(source, query), names=names) for source in reader.span_sources]
    )
    return by_trace(chain.from_iterable(reader.outlines(question.source, hits) for question, hits in found))


def outlines_around(reader: Reader, trace_ids: frozenset[str], query: SpanQuery) -> Iterator[SpanOutline]:
    """Yield the spans of some traces that `outlines` leaves out of a window."""
    found = reader.all_hits(
        lambda: [_question(source, queries.outline_around(source, trace_ids, query)) for source in reader.span_sources]
    )
    for question, hits in found:
        yield from reader.outlines(question.source, hits)


def outlines_of(reader: Reader, names: Collection[tuple[str, str]]) -> Iterator[SpanOutline]:
    """Yield those of some spans that are stored, by trace id and span id."""
    ordered = sorted(names)
    for start in range(0, len(ordered), _AT_ONCE):
        chunk = frozenset(ordered[start : start + _AT_ONCE])
        found = reader.all_hits(
            lambda: [_question(source, queries.outline_named(source, chunk)) for source in reader.span_sources]  # noqa: B023 - called at once
        )
        for question, hits in found:
            spans = reader.outlines(question.source, hits)
            yield from (span for span in spans if (span.trace_id, span.span_id) in chunk)


def _question(source: SpanSource, wanted: Sequence[Body], *, names: bool = True) -> Question[SpanSource]:
    body, documents = queries.in_any_order(wanted), source.documents
    rows = documents.named_rows if names else documents.rows
    if rows is None or not source.fields.hold(rows.fields):
        return Question(source, body)
    columns, rest = queries.by_columns(source, wanted, rows)
    return Question(source, body, parts=(Part(columns, page_of(rows.type)), Part(rest)))
