"""Spans and logs -> a Trace: each span under its parent, each line on the span that wrote it.

Nothing here recurses, so that depth has no limit but memory. A span whose parent is not there stands at the top
as an orphan, beside the others that miss the same parent. What arrived twice is kept once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from tracelog.model import Ghost, LogEntry, Node, Span, SpanLink, Trace, main_root
from tracelog.read.copies import in_order
from tracelog.read.critical import Children, Path, critical_path
from tracelog.read.findings import judged
from tracelog.read.ghosts import find_ghosts
from tracelog.read.parents import Ancestry, SpanIndex, trace_ancestry
from tracelog.read.placing import guess_places, place_by_id, with_events

Incoming = Mapping[str, Sequence[SpanLink]]


def build_trace(
    trace_id: str,
    spans: Iterable[Span],
    logs: Iterable[LogEntry],
    linking: Iterable[Span] = (),
    *,
    now: int | None = None,
) -> Trace:
    """Build the tree of one trace; `linking` are spans, of any trace, that have a link into this one.

    `now` (ns) is what tells a trace that is still arriving from a broken one; without it, what is missing is taken
    for missing.
    """
    return assemble(trace_id, spans, logs, _incoming(trace_id, linking), now=now)


def assemble(
    trace_id: str, spans: Iterable[Span], logs: Iterable[LogEntry], incoming: Incoming, *, now: int | None = None
) -> Trace:
    """Build the tree of one trace, and explain it; `incoming` are the links from elsewhere, by span id."""
    plan = planned(spans, logs, incoming)
    return judged(planted(trace_id, plan, critical_path(plan.spans, plan.children, plan.root)), now)


class Plan(NamedTuple):
    """What stands where in a tree, by the positions of its spans, which are ordered by start.

    `order`: the positions in tree order. `children`: by start. `lines`: those of no span under None.
    """

    spans: Sequence[Span]
    ancestry: Ancestry
    orphans: AbstractSet[int]
    children: Children
    order: Sequence[int]
    depths: Sequence[int]
    root: int | None
    ghosts: Sequence[Ghost]
    lines: Mapping[int | None, Sequence[LogEntry]]
    linked: Mapping[int, Sequence[SpanLink]]


def planned(spans: Iterable[Span], logs: Iterable[LogEntry], incoming: Incoming) -> Plan:
    """Find the place of each span and each line of a trace."""
    distinct = in_order(list(spans))
    index = SpanIndex(distinct)
    ancestry = trace_ancestry(distinct, index)
    placement = place_by_id(logs, index)
    for position, events in placement.events.items():
        distinct[position] = with_events(distinct[position], events)
    ghosts = find_ghosts(distinct, ancestry.orphans, placement.adrift)
    orphans = {position for positions in ancestry.orphans.values() for position in positions}
    tops = _tops(distinct, ancestry, orphans, ghosts)
    children = _children(ancestry.parents)
    order, depths = _preorder(children, tops, len(distinct))
    guess_places(placement, distinct, depths)
    return Plan(
        spans=distinct,
        ancestry=ancestry,
        orphans=orphans,
        children=children,
        order=order,
        depths=depths,
        root=_root(distinct, ancestry, orphans, tops),
        ghosts=ghosts,
        lines=placement.by_position(),
        linked=_linked(distinct, incoming),
    )


def planted(trace_id: str, plan: Plan, path: Path) -> Trace:
    """Return the tree that was planned, without findings."""
    spans, ancestry, depths, lines, linked = plan.spans, plan.ancestry, plan.depths, plan.lines, plan.linked
    places = [0] * len(spans)
    for index, position in enumerate(plan.order):
        places[position] = index
    descendants = _descendants(ancestry.parents, plan.order)
    self_times = _self_times(spans, ancestry.parents)
    nodes = []
    for index, position in enumerate(plan.order):
        parent = ancestry.parents[position]
        closing = ancestry.cycles.get(position)
        nodes.append(
            Node(
                span=spans[position],
                index=index,
                parent=None if parent is None else places[parent],
                depth=depths[position],
                descendants=descendants[position],
                self_time=self_times[position],
                logs=tuple(lines[position]) if position in lines else (),
                linked_from=tuple(linked[position]) if position in linked else (),
                orphan=position in plan.orphans,
                cycle=None if closing is None else places[closing],
                critical=path.waited_for[position],
            )
        )
    return Trace(
        trace_id=trace_id,
        nodes=tuple(nodes),
        unplaced_logs=tuple(lines.get(None, ())),
        ghosts=tuple(plan.ghosts),
        critical_path=path.segments,
    )


def _linked(spans: Sequence[Span], incoming: Incoming) -> dict[int, Sequence[SpanLink]]:
    """Return the links into each span; of spans that share an id they are the first one's."""
    left = dict(incoming)
    return {
        position: left.pop(span.span_id) for position, span in enumerate(spans if left else ()) if span.span_id in left
    }


def _tops(spans: Sequence[Span], ancestry: Ancestry, orphans: AbstractSet[int], ghosts: Sequence[Ghost]) -> list[int]:
    """Return the positions that stand at the top, by start; the children of a ghost stand together, where it does."""
    timed = [
        (spans[position].start, "", [position])
        for position, parent in enumerate(ancestry.parents)
        if parent is None and position not in orphans
    ]
    timed += [
        (ghost.start, ghost.span_id, ancestry.orphans[ghost.span_id])
        for ghost in ghosts
        if ghost.span_id in ancestry.orphans
    ]
    timed.sort()
    return [position for _, _, positions in timed for position in positions]


def _root(spans: Sequence[Span], ancestry: Ancestry, orphans: AbstractSet[int], tops: Sequence[int]) -> int | None:
    roots = [position not in orphans and position not in ancestry.cycles for position in tops]
    chosen = main_root([(spans[position], root) for position, root in zip(tops, roots, strict=True)])
    return None if chosen is None else tops[chosen]


def _children(parents: Sequence[int | None]) -> Children:
    children: dict[int, list[int]] = defaultdict(list)
    for position, parent in enumerate(parents):
        if parent is not None:
            children[parent].append(position)
    return dict(children)


def _preorder(children: Children, tops: Sequence[int], size: int) -> tuple[list[int], list[int]]:
    """Return positions in tree order, siblings in their given order, and the depth of each."""
    order: list[int] = []
    depths = [0] * size
    pending = [(position, 0) for position in reversed(tops)]
    while pending:
        position, depth = pending.pop()
        order.append(position)
        depths[position] = depth
        pending += [(child, depth + 1) for child in reversed(children.get(position, ()))]
    return order, depths


def _descendants(parents: Sequence[int | None], order: Sequence[int]) -> list[int]:
    """Return how many spans stand below each; `order` has parents before their children."""
    below = [0] * len(parents)
    for position in reversed(order):
        parent = parents[position]
        if parent is not None:
            below[parent] += below[position] + 1
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


def _incoming(trace_id: str, linking: Iterable[Span]) -> Incoming:
    """Return, by span id of this trace, which spans elsewhere link to it."""
    incoming: dict[str, list[SpanLink]] = defaultdict(list)
    for span in linking:
        for link in span.links:
            if link.trace_id == trace_id:
                attributes = {"service": span.service, "name": span.name}
                incoming[link.span_id].append(SpanLink(span.trace_id, span.span_id, attributes))
    return incoming
