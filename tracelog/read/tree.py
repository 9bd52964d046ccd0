"""Spans and logs -> a Trace: each span under its parent, each line on the span that wrote it.

Nothing here recurses, so that depth has no limit but memory. A span whose parent is not there stands at the top
as an orphan; of spans that are each other's ancestors, the earliest does. What arrived twice is kept once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from tracelog.model import LogEntry, Node, Span, SpanEvent, SpanLink, Trace, in_call_order

_Key = tuple[str, str, str]


def build_trace(trace_id: str, spans: Iterable[Span], logs: Iterable[LogEntry], linking: Iterable[Span] = ()) -> Trace:
    """Build the tree of one trace; `linking` are spans, of any trace, that have a link into this one."""
    distinct = sorted(
        {_key(span): span for span in spans}.values(), key=lambda span: (span.start, -span.duration, _key(span))
    )
    first = {span.span_id: position for position, span in reversed(list(enumerate(distinct)))}
    lines, events = _split(logs, first)
    parents = _parents(distinct, first)
    order, depths = _preorder(parents)
    places = {position: index for index, position in enumerate(order)}
    descendants = _descendants([parents[position] for position in order], places)
    self_times = _self_times(distinct, parents)
    incoming = _incoming(trace_id, linking)
    nodes = []
    for index, position in enumerate(order):
        span, parent = distinct[position], parents[position]
        own = first[span.span_id] == position
        nodes.append(
            Node(
                span=_with_events(span, events.get(span.span_id, ()) if own else ()),
                index=index,
                parent=None if parent is None else places[parent],
                depth=depths[position],
                descendants=descendants[index],
                self_time=self_times[position],
                logs=tuple(lines.get(span.span_id, ())) if own else (),
                linked_from=tuple(incoming.get(span.span_id, ())),
                orphan=parent is None and span.parent_span_id is not None,
            )
        )
    return Trace(trace_id=trace_id, nodes=tuple(nodes), unplaced_logs=tuple(lines.get(None, ())))


def _key(span: Span) -> _Key:
    """Return what makes two spans one: id, kind and service, for a server may share its client's id."""
    return (span.span_id, span.kind, span.service)


def _split(
    logs: Iterable[LogEntry], known: Mapping[str, int]
) -> tuple[dict[str | None, list[LogEntry]], dict[str, list[SpanEvent]]]:
    """Part the log records, by span, from the span events; a record that mirrors an event is dropped.

    Lines of no known span, and events of a span that never arrived, go under None.
    """
    distinct = {entry.id or str(position): entry for position, entry in enumerate(logs)}
    ordered = in_call_order(distinct.values())
    lines: dict[str | None, list[LogEntry]] = defaultdict(list)
    events: dict[str, list[SpanEvent]] = defaultdict(list)
    mirrored = {(entry.span_id, entry.event_name, entry.time) for entry in ordered if entry.is_span_event}
    for entry in ordered:
        placed = entry.span_id if entry.span_id in known else None
        if entry.is_span_event and placed is not None:
            events[placed].append(SpanEvent(entry.time, entry.event_name or "", entry.attributes))
        elif entry.is_span_event or (entry.span_id, entry.event_name, entry.time) not in mirrored:
            lines[placed].append(entry)
    return lines, events


def _with_events(span: Span, events: Sequence[SpanEvent]) -> Span:
    if not events:
        return span
    known = {(event.time, event.name) for event in span.events}
    added = (event for event in events if (event.time, event.name) not in known)
    together = sorted((*span.events, *added), key=lambda event: (event.time, event.name))
    return msgspec.structs.replace(span, events=tuple(together))


def _parents(spans: Sequence[Span], first: Mapping[str, int]) -> list[int | None]:
    """Return each span's parent as a position, None at the top, with cycles broken at their earliest span."""
    parents: list[int | None] = []
    for position, span in enumerate(spans):
        parent = first.get(span.parent_span_id) if span.parent_span_id else None
        parents.append(parent if parent != position else None)
    settled = [False] * len(spans)
    for position in range(len(spans)):
        path: list[int] = []
        on_path: set[int] = set()
        current: int | None = position
        while current is not None and not settled[current] and current not in on_path:
            path.append(current)
            on_path.add(current)
            current = parents[current]
        if current is not None and current in on_path:
            parents[min(path[path.index(current) :])] = None
        for seen in path:
            settled[seen] = True
    return parents


def _preorder(parents: Sequence[int | None]) -> tuple[list[int], dict[int, int]]:
    """Return positions in tree order, siblings in their given order, and the depth of each."""
    children: dict[int | None, list[int]] = defaultdict(list)
    for position, parent in enumerate(parents):
        children[parent].append(position)
    order: list[int] = []
    depths: dict[int, int] = {}
    pending = [(position, 0) for position in reversed(children[None])]
    while pending:
        position, depth = pending.pop()
        order.append(position)
        depths[position] = depth
        pending += [(child, depth + 1) for child in reversed(children.get(position, ()))]
    return order, depths


def _descendants(parents: Sequence[int | None], places: Mapping[int, int]) -> list[int]:
    """Return how many spans stand below each; parents are positions, in tree order."""
    below = [0] * len(parents)
    for index in range(len(parents) - 1, -1, -1):
        parent = parents[index]
        if parent is not None:
            below[places[parent]] += below[index] + 1
    return below


def _self_times(spans: Sequence[Span], parents: Sequence[int | None]) -> list[int]:
    """Return each span's duration less the union of its children's, clamped to it. Spans are sorted by start."""
    times = [span.duration for span in spans]
    covered = [span.start for span in spans]
    for span, parent in zip(spans, parents, strict=True):
        if parent is None:
            continue
        end = min(span.end, spans[parent].end)
        start = max(span.start, covered[parent])
        if end > start:
            times[parent] -= end - start
            covered[parent] = end
    return times


def _incoming(trace_id: str, linking: Iterable[Span]) -> dict[str, list[SpanLink]]:
    """Return, by span id of this trace, which spans elsewhere link to it."""
    incoming: dict[str, list[SpanLink]] = defaultdict(list)
    for span in linking:
        for link in span.links:
            if link.trace_id == trace_id:
                attributes = {"service": span.service, "name": span.name}
                incoming[link.span_id].append(SpanLink(span.trace_id, span.span_id, attributes))
    return incoming
