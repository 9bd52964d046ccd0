"""Spans and log entries as streams: each source sorts its own, here they are merged, however many there are."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial
from itertools import chain, islice
from typing import TypeVar

from tracelog.model import LogEntry, Span
from tracelog.store.constraints import Constraint, decided
from tracelog.store.elastic import queries
from tracelog.store.elastic.answers import Hit
from tracelog.store.elastic.queries import IN_ANY_ORDER, Body
from tracelog.store.elastic.reading import Question, Reader
from tracelog.store.elastic.sources import LogSource, Source, SpanSource
from tracelog.store.matching import log_matcher, span_matcher
from tracelog.store.order import distinct_spans, events_of, merged, to_the_nanosecond
from tracelog.store.query import LogQuery, SpanQuery

_FIRST_PAGE_OF_LONGEST = 200
_FEW_FAILED = 1000
_LONGEST_TRACE = 3_600_000_000_000  # an hour: a failed span may be so much older than one of its trace in the window
_Dated = TypeVar("_Dated")


def spans(reader: Reader, query: SpanQuery) -> Iterator[Span]:
    """Yield the spans of a query by start."""
    found = reader.streams(
        lambda: [Question(source, queries.search_spans(source, query)) for source in reader.span_sources]
    )
    _say_what_is_rough(reader, [question.source for question, _ in found], query)
    streams = [_by_start(reader, question.source, question.body, hits) for question, hits in found]
    compared = _left_to_the_reader([question.source for question, _ in found], query)
    wanted = decided(merged(streams, _start), span_matcher(query), compared, reader.notes)
    return distinct_spans(wanted, _start)


def longest_spans(reader: Reader, query: SpanQuery) -> Iterator[Span]:
    """Yield the spans of a query by duration, the longest first."""
    of_traces: Collection[str] | None = _failed_traces(reader, query.since) if query.failed else query.trace_ids
    found = reader.streams(
        lambda: [
            Question(source, body)
            for source in reader.span_sources
            for body in queries.search_longest(source, query, of_traces)
        ],
        _FIRST_PAGE_OF_LONGEST,
    )
    _say_what_is_rough(reader, [question.source for question, _ in found], query)
    streams = [_by_duration(reader, question.source, question.body, hits) for question, hits in found]
    compared = _left_to_the_reader([question.source for question, _ in found], query)
    wanted = decided(merged(streams, _shortness), span_matcher(query), compared, reader.notes)
    return distinct_spans(wanted, _shortness)


def _failed_traces(reader: Reader, since: int | None) -> set[str] | None:
    """Return the traces in which a span failed, if these are few; of many, the longest soon are some."""
    begin = None if since is None else since - _LONGEST_TRACE
    failed = list(islice(spans(reader, SpanQuery(status="ERROR", since=begin)), _FEW_FAILED))
    return {span.trace_id for span in failed} if len(failed) < _FEW_FAILED else None


def logs(reader: Reader, query: LogQuery) -> Iterator[LogEntry]:
    """Yield the log entries of a query by time, and the events that a layout keeps within its spans."""
    streams: list[Iterator[LogEntry]] = []
    found = reader.streams(lambda: list(_log_questions(reader, query)))
    _say_what_is_rough(reader, [question.source for question, _ in found], query)
    for question, hits in found:
        source, body = question.source, question.body
        if isinstance(source, LogSource):
            is_sorted = _is_sorted(reader, source, body)
            streams.append(_by_time(hits, partial(reader.logs, source), _time, is_sorted=is_sorted))
        else:
            streams.append(events_of(distinct_spans(_by_start(reader, source, body, hits), _start)))
    compared = _left_to_the_reader([question.source for question, _ in found], query)
    return decided(merged(streams, _time), log_matcher(query), compared, reader.notes)


def _log_questions(reader: Reader, query: LogQuery) -> Iterator[Question[Source]]:
    for source in reader.log_sources:
        yield Question(source, queries.search_logs(source, query))
    for holder in reader.span_sources if query.severity is None else ():  # an event has no level
        if holder.documents.events is not None:
            yield Question(holder, queries.search_events(holder, holder.documents.events, query))


def _left_to_the_reader(sources: Iterable[Source], query: SpanQuery | LogQuery) -> list[Constraint]:
    left = (each for source in sources for each in queries.left_to_the_reader(source, query.attributes))
    return list(dict.fromkeys(left))


def _say_what_is_rough(reader: Reader, sources: Iterable[Source], query: SpanQuery | LogQuery) -> None:
    for source in sources:
        for field in queries.rough_fields(source, query):
            reader.notes.add(
                f"{source.index}: {field} is compared but roughly there, as it is mapped, and decided on here"
            )


def _by_start(reader: Reader, source: SpanSource, body: Body, hits: Iterable[Hit]) -> Iterator[Span]:
    return _by_time(hits, partial(reader.spans, source), _start, is_sorted=_is_sorted(reader, source, body))


def _is_sorted(reader: Reader, source: Source, body: Body) -> bool:
    if body["sort"] is not IN_ANY_ORDER:
        return True
    reader.notes.add(f"{source.index}: times are not mapped as such, so that all is read and sorted here")
    return False


def _by_time(
    hits: Iterable[Hit],
    decode: Callable[[Iterable[Hit]], Iterator[_Dated]],
    time: Callable[[_Dated], int],
    *,
    is_sorted: bool,
) -> Iterator[_Dated]:
    """Decode by time; where the cluster sorts, what has no time there comes first, and is sorted here."""
    if not is_sorted:
        return iter(sorted(decode(hits), key=time))
    untimed: list[Hit] = []
    timed: Iterator[Hit] = iter(hits)
    for hit in timed:
        if hit.sort[0] > 0:
            timed = chain((hit,), timed)
            break
        untimed.append(hit)
    early = [sorted(decode(untimed), key=time)] if untimed else []
    return merged([*early, to_the_nanosecond(decode(timed), time)], time)


def _by_duration(reader: Reader, source: SpanSource, body: Body, hits: Iterable[Hit]) -> Iterable[Span]:
    found = reader.spans(source, hits)
    if body["sort"] is not IN_ANY_ORDER:
        return found
    reader.notes.add(f"{source.index}: durations are not mapped as numbers, so that all are read and sorted here")
    return sorted(found, key=_shortness)


def _start(span: Span) -> int:
    return span.start


def _time(entry: LogEntry) -> int:
    return entry.time


def _shortness(span: Span) -> int:
    return -span.duration
