"""Who stands below whom: span ids -> positions, with ids that two spans share, gaps and circles.

A span is known here by its position in the list of distinct spans. Zipkin's tracers (and what they feed) give the
server the id of its client: both are spans, the server stands below the client, and what was called with that id
was called by the server. Spans that are each other's ancestors stand in a circle; it is broken at its earliest span.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol, TypeGuard

from tracelog.model import CALLED, CALLING


class Placed(Protocol):
    """What of a span says where it stands; spans and their outlines do."""

    @property
    def span_id(self) -> str: ...  # noqa: D102 - as in the model
    @property
    def parent_span_id(self) -> str | None: ...  # noqa: D102
    @property
    def service(self) -> str: ...  # noqa: D102
    @property
    def kind(self) -> str: ...  # noqa: D102


def is_id(span_id: str | None) -> TypeGuard[str]:
    """Tell whether a span id names a span; nothing is joined on one that is absent or all zeros."""
    return bool(span_id and span_id.strip("0"))


class _Shared:
    """The spans that share one id, the outermost first: callers, others, called."""

    def __init__(self, spans: Sequence[Placed], positions: Sequence[int]) -> None:
        self._all = sorted(positions, key=lambda position: (_rank(spans[position]), position))
        self._by_service: dict[str | None, list[int]] = defaultdict(list)
        for position in self._all:
            self._by_service[spans[position].service].append(position)
        first = self._all[0]
        self.caller = first if spans[first].kind in CALLING else None

    def innermost(self, service: str | None, besides: int | None) -> int | None:
        """Return the innermost span of a service or, where it has none, of all; `besides` is passed over."""
        for positions in (self._by_service.get(service, ()), self._all):
            for position in reversed(positions[-2:]):
                if position != besides:
                    return position
        return None


class SpanIndex:
    """Where each span id stands, by the positions in `spans`. Those that share one must be distinct, and by start."""

    def __init__(self, spans: Sequence[Placed]) -> None:
        span_ids = [span.span_id for span in spans]
        self._first = dict(zip(reversed(span_ids), reversed(range(len(span_ids))), strict=True))
        self._shared = _shared(spans) if len(self._first) < len(spans) else {}
        while self._first and not is_id(smallest := min(self._first)):  # zeros come before any other hex
            del self._first[smallest]

    def __contains__(self, span_id: str) -> bool:
        return span_id in self._first

    @property
    def is_ambiguous(self) -> bool:
        """Whether an id is shared by spans."""
        return bool(self._shared)

    def owner(self, span_id: str, service: str | None, besides: int | None = None) -> int | None:
        """Return which span an id means to what bears it; `service` decides between spans that share it.

        Without one, or where none is of that service, it is the innermost. `besides` is never returned.
        """
        shared = self._shared.get(span_id)
        if shared is not None:
            return shared.innermost(service, besides)
        found = self._first.get(span_id)
        return found if found != besides else None

    def parents(self, spans: Sequence[Placed]) -> list[int | None]:
        """Return which span each stands below, never itself: the client that shares its id, or what it names."""
        if self._shared:
            return [self._parent(span, position) for position, span in enumerate(spans)]
        positions = self._first
        found = [positions.get(span.parent_span_id) for span in spans]  # type: ignore[arg-type]  # None is no key
        return [None if parent == position else parent for position, parent in enumerate(found)]

    def _parent(self, span: Placed, position: int) -> int | None:
        shared = self._shared.get(span.span_id) if span.kind in CALLED else None
        if shared is not None and shared.caller is not None:
            return shared.caller
        named = span.parent_span_id
        return self.owner(named, None if span.kind in CALLED else span.service, position) if named else None


def _shared(spans: Sequence[Placed]) -> dict[str, _Shared]:
    """Return the spans of each id that several have."""
    together: dict[str, list[int]] = defaultdict(list)
    for position, span in enumerate(spans):
        together[span.span_id].append(position)
    several = ((span_id, positions) for span_id, positions in together.items() if len(positions) > 1)
    return {span_id: _Shared(spans, positions) for span_id, positions in several if is_id(span_id)}


class Ancestry(NamedTuple):
    """The parent of each span, None at the top; orphans by the id that they miss.

    `cycles` maps the spans at which circles were broken to the parents that they had.
    """

    parents: list[int | None]
    cycles: dict[int, int]
    orphans: Mapping[str, list[int]]


def trace_ancestry(spans: Sequence[Placed], index: SpanIndex) -> Ancestry:
    """Find each span's parent; break circles at their earliest span."""
    parents = index.parents(spans)
    cycles: dict[int, int] = {}
    orphans: dict[str, list[int]] = defaultdict(list)
    for position in [position for position, parent in enumerate(parents) if parent is None]:
        named = spans[position].parent_span_id
        if is_id(named):
            if named in index:
                cycles[position] = position
            else:
                orphans[named].append(position)
    if any([parent is not None and parent > position for position, parent in enumerate(parents)]):  # noqa: C419 - faster
        _break_circles(parents, cycles)
    return Ancestry(parents, cycles, orphans)


def _break_circles(parents: list[int | None], cycles: dict[int, int]) -> None:
    settled = [False] * len(parents)
    for position in range(len(parents)):
        path: list[int] = []
        on_path: set[int] = set()
        current: int | None = position
        while current is not None and not settled[current] and current not in on_path:
            path.append(current)
            on_path.add(current)
            current = parents[current]
        if current is not None and current in on_path:
            circle = path[path.index(current) :]
            earliest = min(circle)
            cycles[earliest] = circle[(circle.index(earliest) + 1) % len(circle)]
            parents[earliest] = None
        for seen in path:
            settled[seen] = True


def _rank(span: Placed) -> int:
    return 0 if span.kind in CALLING else 2 if span.kind in CALLED else 1
