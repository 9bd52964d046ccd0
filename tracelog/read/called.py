"""The outlines of a trace's spans -> which of them is called by which, and by what its caller was entered."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from tracelog.model import CALLED, CALLING, SpanOutline
from tracelog.read.copies import in_order
from tracelog.read.parents import SpanIndex, trace_ancestry

_LATER = -1  # of a span below one that starts after it

Id = tuple[str, str]
"""A trace id and a span id."""
Known = Mapping[Id, Sequence[SpanOutline]]
"""Spans by their ids, which a client and a server may share."""

_PAIRS = tuple(zip(CALLING, CALLED, strict=True))


class CalledTrace:
    """The spans of a trace by start, where each stands, and at which span its service was entered.

    `crosses`: whether a span is a call by its parent. `calling`: the clients and producers that somebody answers, and
    those around others.
    """

    def __init__(self, spans: Collection[SpanOutline]) -> None:
        self.spans = in_order(spans)
        self._index = SpanIndex(self.spans)
        self.parents = trace_ancestry(self.spans, self._index).parents
        self.crosses = [False] * len(self.spans)
        self.calling: set[int] = set()
        for position, (span, parent) in enumerate(zip(self.spans, self.parents, strict=True)):
            if parent is None:
                continue
            caller = self.spans[parent]
            if span.kind == "INTERNAL" and span.service == caller.service:  # as most are
                continue
            if is_call(caller, span):
                self.crosses[position] = True
                self.calling.add(parent)
            elif caller.kind == span.kind and span.kind in CALLING:
                self.calling.add(parent)
        self.entries = self._entries()

    def _entries(self) -> list[int]:
        """Return the topmost span that is reached from each without leaving its service."""
        entries: list[int] = []
        for position, (parent, crosses) in enumerate(zip(self.parents, self.crosses, strict=True)):
            if parent is None or crosses:
                entries.append(position)
            else:
                entries.append(entries[parent] if parent < position else _LATER)
        for position in [place for place, entry in enumerate(entries) if entry == _LATER]:
            at = position
            while entries[at] == _LATER:
                at = self.parents[at] or 0
            entries[position] = entries[at]
        return entries

    def entry_id(self, position: int) -> Id:
        """Return the ids of the entry by which a span was reached."""
        return entered_by(self.spans[self.entries[position]])

    def messages(self, position: int) -> list[Id]:
        """Return the links of a consumer, each once, but for those of what its own service's consumer above took."""
        span, parent = self.spans[position], self.parents[position]
        links = list(dict.fromkeys(span.links))
        if parent is None or self.crosses[position] or self.spans[parent].kind != "CONSUMER":
            return links
        above = self.spans[parent]
        return [link for link in links if link not in above.links and link != (above.trace_id, above.parent_span_id)]

    def position(self, link: Id) -> int | None:
        """Return where the span stands that a link means, if it is in this trace."""
        return self._index.owner(link[1], None) if self.spans[0].trace_id == link[0] else None


def missing(spans: Collection[SpanOutline]) -> Iterator[Id]:
    """Yield which spans are named as senders by those of a trace, and are none of them."""
    linked = [span for span in spans if span.links and span.kind == "CONSUMER"]
    held = {span.span_id for span in spans} if linked else ()
    for span in linked:
        yield from (link for link in span.links if link[0] != span.trace_id or link[1] not in held)


def entered_by(topmost: SpanOutline) -> Id:
    """Return the ids of an entry, of which no more is known; of a client alone, those of the parent that it misses."""
    missed = topmost.parent_span_id if topmost.kind in CALLING else None
    return (topmost.trace_id, missed or topmost.span_id)


def is_call(caller: SpanOutline, called: SpanOutline) -> bool:
    """Say whether a span is a call by the one above it, which may be the same service's."""
    return caller.service != called.service or (caller.kind, called.kind) in _PAIRS


def sender_of(spans: Sequence[SpanOutline]) -> SpanOutline | None:
    """Return the one of the spans with one id that sends, else the first."""
    return next((span for span in spans if span.kind in CALLING), spans[0] if spans else None)
