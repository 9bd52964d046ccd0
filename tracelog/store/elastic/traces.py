"""One trace with all that belongs to it, and what traces amount to, over all layouts."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from tracelog.model import LogEntry, Span
from tracelog.store.base import TraceContents
from tracelog.store.elastic import queries
from tracelog.store.elastic.reading import Question, Reader
from tracelog.store.elastic.search import LARGEST_PAGE
from tracelog.store.elastic.sources import LogSource, Source
from tracelog.store.matching import log_matcher
from tracelog.store.query import LogQuery
from tracelog.store.slowest import Totals

_MOST_TRACES = 500
_LINKING = "linking"


def contents(reader: Reader, trace_id: str) -> TraceContents:
    """Return all documents of a trace, in any order, and the spans of any trace that link to it."""
    spans: list[Span] = []
    logs: list[LogEntry] = []
    linking: list[Span] = []
    for question, hits in reader.all_hits(lambda: list(_trace_questions(reader, trace_id))):
        source = question.source
        if isinstance(source, LogSource):
            logs += filter(log_matcher(LogQuery(trace_id=trace_id)), reader.logs(source, hits))
        elif question.about == _LINKING:
            linking += reader.spans(source, hits)
        else:
            spans += (span for span in reader.spans(source, hits) if span.trace_id == trace_id)
    linking += (span for span in spans if span.links)
    return TraceContents(spans, logs, [span for span in linking if _links_to(span, trace_id)])


def _trace_questions(reader: Reader, trace_id: str) -> Iterator[Question[Source]]:
    for source in reader.all_sources:
        yield Question(source, queries.search_trace(source, trace_id))
    for holder in reader.span_sources:
        yield Question(holder, queries.search_linking(holder, trace_id), _LINKING)


def _links_to(span: Span, trace_id: str) -> bool:
    return any(link.trace_id == trace_id for link in span.links)


def totals(reader: Reader, trace_ids: Collection[str]) -> dict[str, Totals]:
    """Return what each trace amounts to of which there is a span."""
    ordered = sorted(trace_ids)
    found: dict[str, Totals] = {}
    for start in range(0, len(ordered), _MOST_TRACES):
        chunk = ordered[start : start + _MOST_TRACES]
        found |= _summed_up(_distinct_spans(reader, chunk), _line_counts(reader, chunk))
    return found


def _distinct_spans(reader: Reader, trace_ids: Sequence[str]) -> Collection[Span]:
    found = reader.all_hits(
        lambda: [Question(source, queries.measure_spans(source, trace_ids)) for source in reader.span_sources],
        LARGEST_PAGE,
    )
    every = (span for question, hits in found for span in reader.spans(question.source, hits))
    return {(span.trace_id, span.span_id, span.kind, span.service): span for span in every}.values()


def _line_counts(reader: Reader, trace_ids: Sequence[str]) -> Mapping[str, int]:
    found = reader.answers(
        lambda: [Question(source, queries.count_lines(source, trace_ids)) for source in reader.log_sources]
    )
    counts = dict.fromkeys(trace_ids, 0)
    for _, answer in found:
        for trace_id, bucket in dict(answer.buckets("traces")).items():
            counts[trace_id] += bucket["doc_count"]
    return counts


def _summed_up(spans: Collection[Span], lines: Mapping[str, int]) -> dict[str, Totals]:
    """Sum up spans by trace; one whose ids only looked like those asked for is of no trace that has a count."""
    found: dict[str, Totals] = {}
    for span in spans:
        if span.trace_id not in lines:
            continue
        so_far = found.get(span.trace_id) or Totals(0, lines[span.trace_id], 0, span.start, span.start)
        roots = [] if so_far.root_duration is None else [so_far.root_duration]
        if span.parent_span_id is None:
            roots.append(span.duration)
        found[span.trace_id] = Totals(
            span_count=so_far.span_count + 1,
            log_count=so_far.log_count,
            error_count=so_far.error_count + (span.status == "ERROR"),
            start=min(so_far.start, span.start),
            end=max(so_far.end, span.end),
            root_duration=max(roots, default=None),
        )
    return found
