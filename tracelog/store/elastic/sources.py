"""Where in a cluster there are documents to ask for: the layouts whose indices exist, and how these map their fields.

They are looked up with the first question and again when that is some seconds old, or when a question found nothing:
an index may have come since. A role that may but read is enough. No index at all is no error.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple
from urllib.parse import quote

import msgspec

from tracelog.errors import StoreRejectedError
from tracelog.schema.layout_fields import Layout, LogDocuments, SpanDocuments
from tracelog.schema.layouts import ECS, LAYOUTS, OTEL, layouts_of, stream_of
from tracelog.store.elastic.answers import Request
from tracelog.store.elastic.fields import FieldCapabilities, Fields, asked_fields

_FRESH_SECONDS = 10.0
_JUST_NOW_SECONDS = 1.0
_LONGEST_PATH = 3000  # characters; a server takes 4096, with everything that stands around it
_FORBIDDEN, _NOT_FOUND = 403, 404


_Documents = SpanDocuments | LogDocuments


class SpanSource(msgspec.Struct, frozen=True):
    """Spans of a layout in indices that map alike, which one search can ask."""

    layout: Layout
    documents: SpanDocuments
    index: str
    fields: Fields


class LogSource(msgspec.Struct, frozen=True):
    """The same of log entries and span events."""

    layout: Layout
    documents: LogDocuments
    index: str
    fields: Fields


Source = SpanSource | LogSource


class _Found(NamedTuple):
    at: float = 0.0
    spans: tuple[SpanSource, ...] = ()
    logs: tuple[LogSource, ...] = ()

    @property
    def indices(self) -> list[str]:
        return [*(source.index for source in self.spans), *(source.index for source in self.logs)]


class _Named(msgspec.Struct):
    name: str


class _Resolved(msgspec.Struct):
    indices: list[_Named] = []
    aliases: list[_Named] = []
    data_streams: list[_Named] = []

    @property
    def names(self) -> list[str]:
        return sorted({named.name for part in (self.indices, self.aliases, self.data_streams) for named in part})


class Sources:
    """Finds what there is to be asked; `index` names patterns, by commas, to look at instead of those of all layouts.

    A `namespace` narrows tracelog's own layout, the one that is written with it.
    """

    def __init__(
        self, request: Request, note: Callable[[str], None], *, namespace: str | None = None, index: str | None = None
    ) -> None:
        self._request = request
        self._note = note
        self._layouts = tuple(_narrowed(layout, namespace) for layout in LAYOUTS)
        self._index = index
        self._found = _Found()
        self._fields: dict[str, FieldCapabilities] = {}

    def spans(self) -> tuple[SpanSource, ...]:
        """Return where spans are."""
        return self._fresh().spans

    def logs(self) -> tuple[LogSource, ...]:
        """Return where log entries are."""
        return self._fresh().logs

    def every_field(self, source: Source) -> FieldCapabilities:
        """Return all that the indices of a source map, which may be much: it is asked for by searches for a value."""
        if source.index not in self._fields:
            self._fields[source.index] = self._capabilities(source.index, ["*"])
        return self._fields[source.index]

    def forget(self) -> None:
        """Look again with the next question: something was written."""
        self._found = _Found()

    def have_changed(self) -> bool:
        """Look again, after a question that found nothing, and say whether it may find something now.

        Where there was something to ask, and it was looked for just now, it may not.
        """
        before = self._found
        if before.indices and time.monotonic() - before.at < _JUST_NOW_SECONDS:
            return False
        self._found = self._find()
        return before.indices != self._found.indices

    def _fresh(self) -> _Found:
        if not self._found.indices or time.monotonic() - self._found.at > _FRESH_SECONDS:
            self._found = self._find()
        return self._found

    def _find(self) -> _Found:
        self._fields = {}
        places = list(self._named_places() if self._index else self._known_places())
        sources = [source for place in places for source in self._sources(*place)]
        return _Found(
            time.monotonic(),
            tuple(source for source in sources if isinstance(source, SpanSource)),
            tuple(source for source in sources if isinstance(source, LogSource)),
        )

    def _known_places(self) -> Iterator[tuple[Layout, _Documents, str]]:
        """Yield what the names of indices promise; where they cannot be listed, all that there may be."""
        patterns = {pattern for _, documents in _parts(self._layouts) for pattern in documents.indices}
        names = self._names(",".join(sorted(patterns)))
        for layout, documents in _parts(self._layouts):
            if names is None or any(documents.hold(stream_of(name)) for name in names):
                yield layout, documents, documents.expression

    def _named_places(self) -> Iterator[tuple[Layout, _Documents, str]]:
        """Yield what is in the indices that the user named: by their names, else by the fields that they have."""
        patterns = self._index or ""
        names = self._names(patterns)
        known = [name for name in names or () if layouts_of(name)]
        for layout, documents in _parts(LAYOUTS):
            for held in _joined([name for name in known if documents.hold(stream_of(name))]):
                yield layout, documents, held
        unread = []
        for name in [patterns] if names is None else [name for name in names if name not in known]:
            parts = list(self._parts_like(name))
            yield from ((layout, documents, name) for layout, documents in parts)
            if not parts:
                unread.append(name)
        if unread:
            self._note(f"{', '.join(unread)}: neither name nor fields are those of a layout that is read")

    def _parts_like(self, name: str) -> Iterator[tuple[Layout, _Documents]]:
        """Yield the parts of the first layout whose fields an index has."""
        for layout, documents in sorted(_parts(LAYOUTS), key=lambda part: isinstance(part[1], LogDocuments)):
            fields = [part for _, part in self._capabilities(name, asked_fields(documents)).alike()]
            if any(_is_like(layout, documents, each) for each in fields):
                yield layout, documents
                if layout.logs is not None and documents is not layout.logs and layout.logs.only:
                    yield layout, layout.logs
                return

    def _names(self, patterns: str) -> list[str] | None:
        """Return the data streams, aliases and indices of these patterns; None where listing them is not allowed.

        Of several patterns those are said that nothing is of, and the others are read.
        """
        parts = patterns.split(",")
        try:
            names = self._request("GET", f"/_resolve/index/{quote(patterns, safe='*,:')}", answer=_Resolved).names
        except StoreRejectedError as error:
            if error.status == _FORBIDDEN:
                return None
            if error.status != _NOT_FOUND or not self._index:
                raise
            names = []
            if len(parts) > 1 and not any(part.startswith("-") for part in parts):
                found = [self._names(part) for part in parts]
                return None if None in found else [name for each in found for name in each or ()]
        if not names and self._index:
            self._note(f"{patterns}: no such index")
        return names

    def _sources(self, layout: Layout, documents: _Documents, expression: str) -> Iterator[Source]:
        known = self._capabilities(expression, asked_fields(documents))
        twins = known.twins()
        if twins:
            known.fields |= self._capabilities(expression, twins, include_unmapped=True).fields
        parts = known.alike()
        for indices, fields in parts:
            if isinstance(documents, SpanDocuments) and not any(fields.get(name) for name in documents.trace_id):
                self._note(f"{','.join(indices)}: no trace id is mapped, so that no trace is found there")
            for index in [expression] if len(parts) == 1 else _joined(indices):
                if isinstance(documents, SpanDocuments):
                    yield SpanSource(layout, documents, index, fields)
                else:
                    yield LogSource(layout, documents, index, fields)

    def _capabilities(
        self, expression: str, fields: Sequence[str], *, include_unmapped: bool = False
    ) -> FieldCapabilities:
        return self._request(
            "POST",
            f"/{quote(expression, safe='*,:')}/_field_caps",
            {"fields": fields},
            answer=FieldCapabilities,
            ignore_unavailable=True,
            allow_no_indices=True,
            include_unmapped=include_unmapped,
        )


def _parts(layouts: Sequence[Layout]) -> Iterator[tuple[Layout, _Documents]]:
    for layout in layouts:
        yield from ((layout, documents) for documents in (layout.spans, layout.logs) if documents is not None)


def _narrowed(layout: Layout, namespace: str | None) -> Layout:
    """Return a layout of one namespace, if it is tracelog's own."""
    if namespace is None or layout is not OTEL or layout.spans is None or layout.logs is None:
        return layout
    spans, logs = (
        tuple(pattern.removesuffix("*") + namespace for pattern in part.indices) for part in (layout.spans, layout.logs)
    )
    return msgspec.structs.replace(
        layout,
        spans=msgspec.structs.replace(layout.spans, indices=spans),
        logs=msgspec.structs.replace(layout.logs, indices=logs),
    )


def _is_like(layout: Layout, documents: _Documents, fields: Fields) -> bool:
    """Say whether an index has the fields of a layout: an id and what else each document has, or any text at all."""
    said = any(field in fields for field in documents.trace_id[:1])
    if isinstance(documents, SpanDocuments):
        return said and any(quantity.field in fields for quantity in documents.duration)
    return (said or layout is ECS) and documents.only is None and any(field in fields for field in documents.text)


def _joined(names: Sequence[str]) -> Iterator[str]:
    """Yield names by commas, in as few parts as fit into a path each."""
    part = ""
    for name in names:
        if part and len(part) + len(name) >= _LONGEST_PATH:
            yield part
            part = ""
        part = f"{part},{name}" if part else name
    if part:
        yield part
