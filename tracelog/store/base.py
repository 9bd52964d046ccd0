"""The Store protocol: what every store does, and what the two of them share.

A store takes documents in (`write`, idempotent by document id) and answers questions about spans and logs. The
questions with an algorithm of their own (one trace, the slowest traces, any id) are answered here, once, out of a
few primitives that each store implements in its own query language.
"""

from __future__ import annotations

import abc
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import groupby
from types import TracebackType
from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec

from tracelog import ids
from tracelog.errors import StoreError, TraceNotFoundError
from tracelog.model import (
    Coverage,
    Dependency,
    LogEntry,
    Match,
    Operation,
    Span,
    SpanOutline,
    Trace,
    TraceSummary,
    in_call_order,
)
from tracelog.schema.otel import Document
from tracelog.store.collecting import collector_paused
from tracelog.store.constraints import Wanted
from tracelog.store.following import follow
from tracelog.store.notes import Notes
from tracelog.store.query import Duration, LogQuery, Place, SpanQuery, Time, log_query, span_query, stretch
from tracelog.store.slowest import Totals, longest_first, slowest

if TYPE_CHECKING:
    from typing_extensions import Self


_MEASURED: tuple[Place, ...] = ("root", "entry")
"""Where a trace is measured, unless a kind of span is asked for."""
_ANYWHERE: tuple[Place, ...] = ("any",)


class Refusal(NamedTuple):
    """A document that the store will never take, and why."""

    document: Document
    reason: str


class WriteResult(NamedTuple):
    """What became of a batch: newly stored, already there, refused for good, and to be sent again.

    `failure_stored` went to the failure store of a data stream: they are safe there, and not where they belong.
    `obstacle` is why some go again, where that is more than a store that is busy.
    """

    stored: int
    duplicates: int
    refused: Sequence[Refusal] = ()
    again: Sequence[Document] = ()
    failure_stored: int = 0
    obstacle: StoreError | None = None


class TraceContents(NamedTuple):
    """All that a store holds of one trace; `linking` are spans, of any trace, with a link into this one."""

    spans: Sequence[Span]
    logs: Sequence[LogEntry]
    linking: Sequence[Span] = ()


class Store(abc.ABC):
    """A place for spans and logs. Safe to use from several threads; a context manager that closes itself."""

    url: str
    writers: int = 1
    """How many threads may well write at once where there is much to write."""
    skipped: int = 0
    """How many stored documents could not be read, and were passed over, since the store was opened."""

    @cached_property
    def _notes(self) -> Notes:
        return Notes()

    @property
    def notes(self) -> list[str]:
        """What whoever asked has to know of the answers, a sentence each: what was done otherwise, or left out."""
        return self._notes.lines()

    @abc.abstractmethod
    def setup(self) -> list[str]:
        """Create what the store needs before the first write; return a line for each thing that was done."""

    @abc.abstractmethod
    def write(self, documents: Sequence[Document]) -> WriteResult:
        """Store a batch. A document whose id is stored already is counted, not stored twice.

        Raise StoreUnavailableError where a later try may succeed, StoreRejectedError where it would not.
        """

    @abc.abstractmethod
    def refresh(self) -> None:
        """Make everything that was written visible to readers."""

    @abc.abstractmethod
    def close(self) -> None:
        """Release connections. Closing twice is fine."""

    @abc.abstractmethod
    def coverage(self, *, since: Time | None = None, until: Time | None = None) -> list[Coverage]:
        """Return what is stored of each service, by name, and how much of it has ids."""

    @property
    def places(self) -> list[str]:
        """What is read, in words."""
        return [self.url]

    @abc.abstractmethod
    def _search_spans(self, query: SpanQuery, *, longest_first: bool) -> Iterator[Span]:
        """Yield the spans of a query by start or, with `longest_first`, by duration, the longest first."""

    @abc.abstractmethod
    def _operations(self, query: SpanQuery, by: int | None) -> list[Operation]:
        """Return the latency of the operations of a query that asks for no attributes, as `operations` does."""

    @abc.abstractmethod
    def _outlines(self, query: SpanQuery, *, names: bool) -> Iterator[Sequence[SpanOutline]]:
        """Yield the spans of a window trace by trace; a few around it may be among them.

        `names`: whether their names are needed.
        """

    @abc.abstractmethod
    def _outlines_around(self, trace_ids: frozenset[str], query: SpanQuery) -> Iterator[SpanOutline]:
        """Yield the other spans of some traces, in any order: those that `_outlines` leaves out of a window."""

    @abc.abstractmethod
    def _outlines_of(self, names: Collection[tuple[str, str]]) -> Iterator[SpanOutline]:
        """Yield those of some spans that are stored, by trace id and span id."""

    @abc.abstractmethod
    def _search_logs(self, query: LogQuery) -> Iterator[LogEntry]:
        """Yield log entries and span events by time."""

    @abc.abstractmethod
    def _contents(self, trace_id: str) -> TraceContents:
        """Return all documents of a trace."""

    @abc.abstractmethod
    def _totals(self, trace_ids: Collection[str]) -> Mapping[str, Totals]:
        """Return what each of the traces amounts to."""

    @abc.abstractmethod
    def _find_ids(self, wanted: ids.Candidates) -> list[Match]:
        """Return the traces that have one of the ids as their trace id, or else hold it as a span id."""

    @abc.abstractmethod
    def _find_value(self, value: str) -> list[Match]:
        """Return the traces that hold a value: in fields named like ids, else in any attribute, else in text."""

    def spans(
        self,
        *,
        service: str | None = None,
        name: str | None = None,
        kind: str | None = None,
        status: str | None = None,
        min_duration: Duration | None = None,
        max_duration: Duration | None = None,
        attributes: Wanted | None = None,
        since: Time | None = None,
        until: Time | None = None,
    ) -> Iterator[Span]:
        """Yield spans by start. Durations: ns, or text as `500ms`.

        `attributes`: values by key, compared as text, or constraints as `["order.id", "items>3"]`; all must be met.
        """
        query = span_query(
            service=service,
            name=name,
            kind=kind,
            status=status,
            min_duration=min_duration,
            max_duration=max_duration,
            attributes=attributes,
            since=since,
            until=until,
        )
        return self._search_spans(query, longest_first=False)

    def logs(
        self,
        *,
        trace_id: str | None = None,
        span_id: str | None = None,
        service: str | None = None,
        level: str | None = None,
        since: Time | None = None,
        until: Time | None = None,
        text: str | None = None,
        attributes: Wanted | None = None,
    ) -> Iterator[LogEntry]:
        """Yield log entries, span events among them, by time; those of one process in the order of their calls.

        `level` means at or above, and leaves out lines that have none. `text`: words in sequence, in any case, of the
        message or of the exception's type and message. `attributes` as for `spans`.
        """
        query = log_query(
            trace_id=trace_id,
            span_id=span_id,
            service=service,
            level=level,
            since=since,
            until=until,
            text=text,
            attributes=attributes,
        )
        found = in_order(self._search_logs(query))
        return iter(in_call_order(found)) if trace_id or span_id else found

    def trace(self, any_id: str, *, follow_links: bool = False) -> Trace:
        """Return the trace of an id or value in any spelling, as a tree with its logs.

        Where several traces match, the one with the longest root is returned. With `follow_links`, its `linked` are the
        traces that its spans link to and are linked from. Raise TraceNotFoundError.
        """
        with collector_paused():
            trace = self._trace(any_id)
            return follow(trace, self._trace, self._summaries) if follow_links else trace

    def _summaries(self, trace_ids: Collection[str]) -> list[TraceSummary]:
        """Return a row for each of the traces that have spans: by its root or entry, else by its longest span."""
        rows: list[TraceSummary] = []
        missing = frozenset(trace_ids)
        for places in (_MEASURED, _ANYWHERE):
            spans = longest_first(self._longest(SpanQuery(trace_ids=missing), place) for place in places)
            rows += slowest(spans, self._totals, len(missing), only_rootless=True, errors=False)
            missing -= {row.trace_id for row in rows}
            if not missing:
                break
        return rows

    def _trace(self, any_id: str) -> Trace:
        from tracelog.read.tree import build_trace

        whole = ids.trace_id(any_id) if len(any_id.strip()) >= ids.TRACE_ID_LENGTH else None
        contents = self._contents(whole) if whole else TraceContents((), ())
        if whole is None or not (contents.spans or contents.logs):
            matches = self.find(any_id)
            if not matches:
                raise TraceNotFoundError(f"nothing found for {any_id!r} in {self.url}")
            whole = matches[0].trace_id
            contents = self._contents(whole)
        return build_trace(whole, contents.spans, contents.logs, contents.linking, now=time.time_ns())

    def find(self, any_id: str) -> list[Match]:
        """Return the traces that hold a trace id, span id, traceparent or value, the longest root first."""
        if not any_id.strip():
            return []
        candidates = ids.candidates(any_id)
        matches = self._find_ids(candidates) if any(candidates) else []
        return self._longest_root_first(matches or self._find_value(any_id.strip()))

    def slowest(
        self,
        *,
        limit: int = 20,
        service: str | None = None,
        operation: str | None = None,
        kind: str | None = None,
        status: str | None = None,
        min_duration: Duration | None = None,
        max_duration: Duration | None = None,
        attributes: Wanted | None = None,
        errors: bool | Literal["first"] = False,
        since: Time | None = None,
        until: Time | None = None,
    ) -> list[TraceSummary]:
        """Return the truly slowest traces, by their root or, where none is stored, by their longest entry span.

        With `service`, `operation`, `status` or `attributes`, what is measured is the longest root or entry (server or
        consumer) span that matches; with a `kind`, or where no span of the service or the operation is one, the
        longest span that matches. Durations are those of what is measured: ns, or text as `500ms`. `errors` keeps
        traces in which a span has the status ERROR or, with `first`, puts them first.
        """
        if errors == "first":
            asked = {key: value for key, value in locals().items() if key not in ("self", "errors")}
            failed = self.slowest(**asked, errors=True)
            known = {row.trace_id for row in failed}
            return [*failed, *(row for row in self.slowest(**asked) if row.trace_id not in known)][:limit]

        query = span_query(
            service=service,
            name=operation,
            kind=kind,
            status=status,
            min_duration=min_duration,
            max_duration=max_duration,
            attributes=attributes,
            since=since,
            until=until,
            failed=errors,
        )
        narrowed = bool(service or operation or kind or status or attributes)
        # Roots and entries are merged unfiltered, so that only those longer than the last one wanted are read.
        spans = longest_first(self._longest(query, place) for place in (_MEASURED if not kind else _ANYWHERE))
        rows = slowest(spans, self._totals, limit, only_rootless=not narrowed, errors=errors)
        named = SpanQuery(service=service, name=operation, since=query.since, until=query.until)
        if not rows and not kind and (service or operation) and not self._is_entered(named):
            rows = slowest(self._longest(query, "any"), self._totals, limit, only_rootless=False, errors=errors)
            if rows:
                self._notes.add("none of these spans is a root or an entry: measured at the longest of any kind")
        return rows

    def _longest(self, query: SpanQuery, place: Place) -> Iterator[Span]:
        return self._search_spans(msgspec.structs.replace(query, place=place), longest_first=True)

    def _is_entered(self, query: SpanQuery) -> bool:
        """Say whether a root or an entry is among some spans."""
        return any(True for place in _MEASURED for _ in self._longest(query, place))

    def totals(self, trace_ids: Collection[str]) -> Mapping[str, Totals]:
        """Return what each of the traces amounts to of which a span is stored."""
        return self._totals(trace_ids) if trace_ids else {}

    def operations(
        self,
        *,
        service: str | None = None,
        operation: str | None = None,
        kind: str | None = None,
        attributes: Wanted | None = None,
        since: Time | None = None,
        until: Time | None = None,
        by: Duration | None = None,
    ) -> list[Operation]:
        """Return the latency of each operation, the most called first.

        `by`: of each stretch of time by itself, such as `5m`. A percentile is that of a span, unless `estimated` names
        it: on Elasticsearch, where an operation has 20,000 spans or is in several places. `attributes` as for `spans`;
        all that have them are read.
        """
        from tracelog.read.latency import operations_of

        query = span_query(service=service, name=operation, kind=kind, attributes=attributes, since=since, until=until)
        if query.attributes:
            return operations_of(self._search_spans(query, longest_first=False), stretch(by))
        return self._operations(query, stretch(by))

    def dependencies(
        self,
        *,
        service: str | None = None,
        since: Time | None = None,
        until: Time | None = None,
        operations: bool = False,
    ) -> list[Dependency]:
        """Return who calls whom, how often, how long and how well, those with most calls first.

        `service`: only as caller or callee. `operations`: from operation to operation. A call is in the window if the
        called span starts in it; every trace with a span in it is read whole.
        """
        from tracelog.store.dependencies import call_graph

        query = span_query(since=since, until=until)
        graph = call_graph(
            self._outlines(query, names=operations),
            self._outlines_of,
            self._outlines_around,
            query,
            self._notes,
            operations=operations,
        )
        return graph.dependencies(service)

    def _longest_root_first(self, matches: list[Match]) -> list[Match]:
        if len(matches) < 2:  # noqa: PLR2004 - nothing to sort
            return matches
        roots = self._root_durations({match.trace_id for match in matches})
        return sorted(matches, key=lambda match: (-roots.get(match.trace_id, 0), match.trace_id))

    def _root_durations(self, trace_ids: Collection[str]) -> Mapping[str, int]:
        """Return how long the longest root of each trace is, ns; traces without one may be left out."""
        return {trace_id: total.root_duration or 0 for trace_id, total in self._totals(trace_ids).items()}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url!r})"


def in_order(entries: Iterable[LogEntry]) -> Iterator[LogEntry]:
    """Sort entries of equal time by id, and drop what is there twice. The input is sorted by time.

    Twice is: the same id (a resend after a rollover), and a span event that was also mirrored as a record, known by
    the same span, name and time. Of these two the one with a level stays, for filters by level need it.
    """
    for _, group in groupby(entries, key=lambda entry: entry.time):
        together = list(group)
        if len(together) == 1:
            yield together[0]
            continue
        distinct = {entry.id or str(position): entry for position, entry in enumerate(together)}
        mirrored = {_event_key(entry) for entry in distinct.values() if entry.event_name and not entry.is_span_event}
        for _, entry in sorted(distinct.items()):
            if not (entry.is_span_event and _event_key(entry) in mirrored):
                yield entry


def _event_key(entry: LogEntry) -> tuple[str | None, str | None, str | None]:
    return (entry.trace_id, entry.span_id, entry.event_name)
