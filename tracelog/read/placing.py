"""Lines -> the spans that wrote them: by span id or, where a line has none, by service and time.

A line without a span id is guessed to be of the deepest span of its service that was open when it was written. The
guess sweeps once over the spans and the lines of each service: n log n, however many there are.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from tracelog.model import LogEntry, Span, SpanEvent, in_call_order
from tracelog.read.parents import SpanIndex, is_id


class Placement(NamedTuple):
    """Lines in the order of their calls, and the position of each one's span, None where its id names none.

    `adrift` are lines, by the span id that they carry, whose span never arrived; they are not among `lines`. `events`
    are the span events that were stored apart, by position.
    """

    lines: list[LogEntry]
    places: list[int | None]
    adrift: Mapping[str, list[LogEntry]]
    events: Mapping[int, list[SpanEvent]]

    def by_position(self) -> Mapping[int | None, list[LogEntry]]:
        """Return the lines of each span, and under None those of no span."""
        held: dict[int | None, list[LogEntry]] = defaultdict(list)
        for line, place in zip(self.lines, self.places, strict=True):
            held[place].append(line)
        return held


def place_by_id(logs: Iterable[LogEntry], index: SpanIndex) -> Placement:
    """Find the span of each line, and part span events from lines; a record that mirrors an event is dropped."""
    distinct = {entry.id or str(position): entry for position, entry in enumerate(logs)}
    ordered = in_call_order(distinct.values())
    placement = Placement([], [], defaultdict(list), defaultdict(list))
    mirrored = {_mirror_key(entry) for entry in ordered if entry.is_span_event}
    for entry in ordered:
        span_id = entry.span_id if is_id(entry.span_id) else None
        place = index.owner(span_id, entry.service) if span_id else None
        if entry.is_span_event and place is not None:
            event = SpanEvent(entry.time, entry.event_name or "", entry.attributes)
            placement.events[place].append(event)
        elif not entry.is_span_event and mirrored and _mirror_key(entry) in mirrored:
            continue
        elif span_id and place is None:
            placement.adrift[span_id].append(entry)
        else:
            placement.lines.append(entry)
            placement.places.append(place)
    return placement


def guess_places(placement: Placement, spans: Sequence[Span], depths: Sequence[int]) -> None:
    """Give each line without a place the deepest span of its service that was open at its time, if there is one.

    Of spans of one depth it is the one that started last. `spans` are ordered by start.
    """
    waiting: dict[str, list[int]] = defaultdict(list)
    for number, place in enumerate(placement.places):
        if place is None and placement.lines[number].has_time:
            waiting[placement.lines[number].service].append(number)
    if not waiting:
        return
    of_service: dict[str, list[int]] = defaultdict(list)
    for position, span in enumerate(spans):
        if span.service in waiting:
            of_service[span.service].append(position)
    for service, numbers in waiting.items():
        timed = sorted((placement.lines[number].time, number) for number in numbers)
        _sweep(timed, of_service[service], spans, depths, placement.places)


def _sweep(
    timed: Sequence[tuple[int, int]],
    positions: Sequence[int],
    spans: Sequence[Span],
    depths: Sequence[int],
    places: list[int | None],
) -> None:
    started: list[tuple[int, int]] = []
    coming = 0
    for time, number in timed:
        while coming < len(positions) and spans[positions[coming]].start <= time:
            position = positions[coming]
            heapq.heappush(started, (-depths[position], -position))
            coming += 1
        while started and spans[-started[0][1]].end < time:
            heapq.heappop(started)
        if started:
            places[number] = -started[0][1]


def with_events(span: Span, events: Sequence[SpanEvent]) -> Span:
    """Return a span with events that were stored apart, less those that it has already, by time."""
    if not events:
        return span
    known = {(event.time, event.name) for event in span.events}
    added = (event for event in events if (event.time, event.name) not in known)
    together = sorted((*span.events, *added), key=lambda event: (event.time, event.name))
    return msgspec.structs.replace(span, events=tuple(together))


def _mirror_key(entry: LogEntry) -> tuple[str | None, str | None, int]:
    return (entry.span_id, entry.event_name, entry.time)
