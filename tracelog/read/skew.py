"""Calls between two clocks -> by how much the one is behind the other.

A server works while its client waits. So each call leaves some room in which the server's times may be moved: it
starts no earlier than its client, and ends no later. Where what the clocks say is outside the room of most calls
between two of them, they differ, and the middle of the room that the calls have in common is taken for the
difference: for a single call that is half of its free time on either side, as Jaeger's adjuster has it.

A server that outlasts its client, or whose client failed, may have been given up on: its end says nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from tracelog.model import Attributes, LogEntry, Node, Span

TOLERANCE = 1_000_000
"""Differences up to this say nothing, ns: many stores keep no more than milliseconds."""
_UNBOUNDED = 1 << 62
_MOST = 2 / 3
"""The share of calls that must agree."""
_NAMES = {
    "k8s.node.name": "node", "host.name": "host", "host.id": "host", "k8s.pod.name": "pod",
    "service.instance.id": "instance",
}  # fmt: skip
"""What has a clock, by the resource attribute that names it, the surest first."""


class Room(NamedTuple):
    """How far one call lets the times of a clock be moved against those of another: ns, both inclusive."""

    lowest: int
    highest: int
    span_id: str


class Skew(NamedTuple):
    """`offset` (ns) is what must be added to the times of `clock` to make them those of `reference`.

    `calls` passed between the two; the servers of those that the clocks contradict are `span_ids`.
    """

    reference: str
    clock: str
    offset: int
    calls: int
    span_ids: tuple[str, ...]


Rooms = Mapping[tuple[str, str], Sequence[Room]]


def clock_of(holder: Span | LogEntry) -> str:
    """Name whose clock times a span or a line: its host's, else its pod's, its instance's or its service's."""
    resource: Attributes = holder.resource
    for key, name in _NAMES.items():
        value: Any = resource.get(key)
        if value:
            return f"{name} {value}"
    return f"service {holder.service}"


def measure(nodes: Sequence[Node]) -> Rooms:
    """Return the room of each call from a client to a server with another clock, by the pair of clocks.

    The first of a pair is the one nearer to the top of the tree. Where none contradicts the clocks, none is measured.
    """
    if all(_fits(client, server) for client, server in _calls(nodes)):
        return {}
    rooms: dict[tuple[str, str], list[Room]] = {}
    clocks: dict[tuple[int, str], str] = {}

    def known(span: Span) -> str:  # spans of one process share their resource
        key = (id(span.resource) if span.resource else 0, span.service)
        if key not in clocks:
            clocks[key] = clock_of(span)
        return clocks[key]

    for client, server in _calls(nodes):
        pair = (known(client), known(server))
        if pair[0] == pair[1]:
            continue
        room = _room(client, server)
        if pair[::-1] in rooms:
            pair, room = pair[::-1], Room(-room.highest, -room.lowest, room.span_id)
        rooms.setdefault(pair, []).append(room)
    return rooms


def skews(nodes: Sequence[Node]) -> list[Skew]:
    """Return the pairs of clocks that differ."""
    found = []
    for (reference, clock), rooms in measure(nodes).items():
        offset = settle(rooms)
        if offset:
            span_ids = tuple(room.span_id for room in rooms if not _allows(room, 0))
            found.append(Skew(reference, clock, offset, len(rooms), span_ids))
    return found


def corrections(nodes: Sequence[Node]) -> dict[str, int]:
    """Return, by clock, what must be added to its times, ns; clocks that are not to be moved are left out.

    The first client's clock is taken to be right. From it on, a clock is moved if its calls with one that is settled
    say so.
    """
    neighbours: dict[str, dict[str, list[Room]]] = {}
    for (reference, clock), rooms in measure(nodes).items():
        neighbours.setdefault(reference, {})[clock] = list(rooms)
        neighbours.setdefault(clock, {})[reference] = [Room(-r.highest, -r.lowest, r.span_id) for r in rooms]
    shifts: dict[str, int] = {}
    for first in neighbours:
        settled = [] if first in shifts else [first]
        shifts.setdefault(first, 0)
        for clock in settled:
            for other, rooms in neighbours[clock].items():
                if other not in shifts:
                    base = shifts[clock]
                    shifts[other] = settle([Room(r.lowest + base, r.highest + base, r.span_id) for r in rooms])
                    settled.append(other)
    return {clock: shift for clock, shift in shifts.items() if shift}


def settle(rooms: Sequence[Room]) -> int:
    """Return by how much to move a clock, ns: 0 where that suits as many calls as anything, or where they disagree."""
    unmoved = sum([_allows(room, 0) for room in rooms])
    if unmoved == len(rooms):
        return 0
    lowest, highest, suited = _common(rooms)
    if suited <= unmoved or suited < _MOST * len(rooms):
        return 0
    if highest >= _UNBOUNDED // 2:
        return lowest
    return highest if lowest <= -_UNBOUNDED // 2 else (lowest + highest) // 2


def _common(rooms: Sequence[Room]) -> tuple[int, int, int]:
    """Return the room that most calls share, and how many these are."""
    bounds = sorted([(room.lowest, 0) for room in rooms] + [(room.highest, 1) for room in rooms])
    best = (0, 0, 0)
    open_rooms = 0
    for number, (bound, closing) in enumerate(bounds):
        open_rooms += -1 if closing else 1
        if not closing and open_rooms > best[2]:
            best = (bound, bounds[number + 1][0], open_rooms)
    return best


def _calls(nodes: Sequence[Node]) -> Iterator[tuple[Span, Span]]:
    """Yield each call's client and server, in tree order."""
    for node in nodes:
        if node.span.kind == "SERVER" and node.parent is not None:
            client = nodes[node.parent].span
            if client.kind == "CLIENT":
                yield client, node.span


def _fits(client: Span, server: Span) -> bool:
    """Tell whether the clocks of a call may be right, as the room that it leaves allows them not to be moved."""
    lowest = client.start - server.start
    if lowest > TOLERANCE:
        return False
    return lowest + client.duration - server.duration >= -TOLERANCE or not _waited(client, server)


def _waited(client: Span, server: Span) -> bool:
    """Tell whether a client waited for the end of its server, so far as it can be seen."""
    return server.duration <= client.duration and client.status != "ERROR"


def _room(client: Span, server: Span) -> Room:
    highest = client.end - server.end if _waited(client, server) else _UNBOUNDED
    return Room(client.start - server.start, highest, server.span_id)


def _allows(room: Room, offset: int) -> bool:
    return room.lowest - TOLERANCE <= offset <= room.highest + TOLERANCE
