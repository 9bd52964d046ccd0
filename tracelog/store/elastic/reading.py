"""Questions to all layouts that exist, asked in one request; what comes back is decoded by its own layout."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar

import msgspec

from tracelog import ids
from tracelog.model import LogEntry, Span, SpanOutline
from tracelog.schema.dotted import flatten
from tracelog.schema.layouts import stream_of
from tracelog.store.elastic.answers import Answer, Hit, Row
from tracelog.store.elastic.fields import FieldCapabilities
from tracelog.store.elastic.queries import Body
from tracelog.store.elastic.search import Part, Search, Searcher
from tracelog.store.elastic.sources import LogSource, Source, Sources, SpanSource
from tracelog.store.notes import Notes

_UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)
_Result = TypeVar("_Result")
_Decoded = TypeVar("_Decoded")
_Source = TypeVar("_Source", bound=Source)


class Question(msgspec.Struct, Generic[_Source], frozen=True):
    """A search of one source, maybe in `parts`; `about` is for whoever asks to tell several of one source apart."""

    source: _Source
    body: Body
    about: Any = None
    parts: Sequence[Part] = ()

    @property
    def search(self) -> Search:
        """The search as it is sent."""
        return Search(self.source.index, self.body, self.parts)


Build = Callable[[], Sequence[Question[_Source]]]
"""Builds questions to the sources that there are; called again where others have come since."""


def trace_id_of(source: Source, document: Mapping[str, Any]) -> str | None:
    """Return the trace id in a document of which no more is known."""
    flat = flatten(document)
    return next(filter(None, (ids.trace_id(flat.get(name)) for name in source.documents.trace_id)), None)


class Reader:
    """Asks and decodes; `pass_over` is told of each document that cannot be read."""

    def __init__(self, search: Searcher, sources: Sources, notes: Notes, pass_over: Callable[[Hit], None]) -> None:
        self._search = search
        self._sources = sources
        self._pass_over = pass_over
        self.notes = notes

    @property
    def span_sources(self) -> Sequence[SpanSource]:
        """Where spans are."""
        return self._sources.spans()

    @property
    def log_sources(self) -> Sequence[LogSource]:
        """Where log entries are."""
        return self._sources.logs()

    @property
    def all_sources(self) -> Sequence[Source]:
        """Where anything is."""
        return (*self._sources.spans(), *self._sources.logs())

    def answers(self, build: Build[_Source]) -> list[tuple[Question[_Source], Answer]]:
        """Return the answer to each question."""
        return self._ask(build, self._search.at_once)

    def all_hits(
        self, build: Build[_Source], first_page: int | None = None
    ) -> list[tuple[Question[_Source], list[Hit]]]:
        """Return all that each question finds, in any order; `first_page`: how much of it comes at once."""
        return self._ask(build, lambda searches: self._search.all_hits(searches, first_page))

    def streams(
        self, build: Build[_Source], first_page: int | None = None
    ) -> list[tuple[Question[_Source], Iterable[Hit]]]:
        """Return the same, but each in its order, and as it is asked for."""
        return self._ask(build, lambda searches: self._search.streams(searches, first_page))

    def every_field(self, source: Source) -> FieldCapabilities:
        """Return all fields that the indices of a source have."""
        return self._sources.every_field(source)

    def _ask(
        self, build: Build[_Source], run: Callable[[Sequence[Search]], Sequence[_Result]]
    ) -> list[tuple[Question[_Source], _Result]]:
        """Ask; where nothing is found, look for indices that came since, and ask once more."""
        questions = build()
        results = run([question.search for question in questions])
        if not any(results) and self._sources.have_changed():
            questions = build()
            results = run([question.search for question in questions])
        return list(zip(questions, results, strict=True))

    def spans(self, source: SpanSource, hits: Iterable[Hit]) -> Iterator[Span]:
        """Yield the spans in documents."""
        decode = source.documents.decode
        return self._read(hits, lambda hit: decode(hit.source))

    def outlines(self, source: SpanSource, hits: Iterable[Hit]) -> Iterator[SpanOutline]:
        """Yield the outlines of the spans in documents and rows."""
        decode = source.documents.outline
        return self._read(hits, lambda hit: hit.sort.outline() if isinstance(hit, Row) else decode(hit.source))

    def logs(self, source: LogSource, hits: Iterable[Hit]) -> Iterator[LogEntry]:
        """Yield the log entries in documents."""
        decode, unique = source.documents.decode, source.documents.unique_ids
        return self._read(
            hits, lambda hit: decode(hit.source, hit.id if unique else f"{stream_of(hit.index)}/{hit.id}")
        )

    def _read(self, hits: Iterable[Hit], decode: Callable[[Hit], _Decoded]) -> Iterator[_Decoded]:
        for hit in hits:
            try:
                yield decode(hit)
            except _UNREADABLE:
                self._pass_over(hit)
