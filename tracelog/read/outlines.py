"""The outlines of a trace's spans -> which of them is called by which, and by what its caller was entered."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from tracelog.model import CALLED, CALLING, SpanOutline
from tracelog.read.copies import in_order
from tracelog.read.parents import SpanIndex, trace_ancestry

Id = tuple[str, str]
"""A trace id and a span id."""
Known = Mapping[Id, Sequence[SpanOutline]]
"""Spans by their ids, which a client and a server may share."""

_PAIRS = tuple(zip(CALLING, CALLED, strict=True))


class CalledTrace:
    """The spans of a trace, where each stands, and at which span its service was entered.

    `crosses`: whether a span is a call by its parent. `calling`: the clients and producers that somebody answers, and
    those around others.
    """

    def __init__(self, spans: Sequence[SpanOutline]) -> None:
        self.spans = spans
        self._index = SpanIndex(spans)
        self.parents = self._index.parents(spans)
        if self._index.is_ambiguous or not self._leads_up():  # copies are told apart, and circles broken, by start
            self.spans = in_order(spans)
            self._index = SpanIndex(self.spans)
            self.parents = trace_ancestry(self.spans, self._index).parents
        self.crosses = [False] * len(self.spans)
        self.calling: set[int] = set()
        self._entries: dict[int, int] = {}
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

    def _leads_up(self) -> bool:
        """Say whether each span starts after its parent, so that none is above itself, whatever their order."""
        starts = [span.start for span in self.spans]
        return all([parent is None or starts[parent] < start for parent, start in zip(self.parents, starts)])  # noqa: B905, C419 - faster

    def entry(self, position: int) -> SpanOutline:
        """Return the topmost span that is reached from one without leaving its service."""
        at, path = position, []
        while at not in self._entries:
            path.append(at)
            parent = self.parents[at]
            if parent is None or self.crosses[at]:
                self._entries[at] = at
            else:
                at = parent
        topmost = self._entries[at]
        self._entries.update(dict.fromkeys(path, topmost))
        return self.spans[topmost]

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
