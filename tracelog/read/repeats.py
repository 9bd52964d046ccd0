"""Calls one after the other: the same operation again and again, and targets that could be asked at the same time.

`repeated` is what is called N+1: a parent makes many calls of one operation, by itself or in turn with others (the body
of its loop). Their number and the time that they take together must both be large. Calls that run at once take little,
and work that never leaves its own span is no call.

`serial` is only what is evident: a few calls of one operation that ask different targets, each right behind the other,
none of which failed, so that they would have taken much less at the same time. What one answer means for the next call
cannot be seen; so writes, queries of a database, pages of one resource, and calls with others in between are left out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from tracelog.model import Finding, Node
from tracelog.read.calls import Siblings, described, failed, is_call, is_read, named, operation, target
from tracelog.read.critical import children_of
from tracelog.read.wording import duration, listed

MANY, FEW = 5, 3
"""How many calls of one operation are repeated, and how many of less may be serial."""
SHORTEST = 50_000_000
"""Repeated calls that take less time together are not worth a word, ns."""
LEAST_SHARE = 10
"""Nor are those that take less than one part in so many of the trace."""
LEAST_SAVED, LEAST_SAVED_SHARE = 100_000_000, 5
"""What must be gained by making serial calls at once: ns, and one part in so many of the trace."""
_LONGEST_PAUSE = 10
_MOST, _NAMED = 3, 3


class _Loop(NamedTuple):
    """The repeated calls of one parent, by what they ask for, in words; those that take the longest first."""

    parent: Node | None
    calls: Mapping[str, Sequence[Node]]

    @property
    def caller(self) -> str:
        return named(self.parent.span) if self.parent else next(iter(self.calls.values()))[0].span.service

    @property
    def time(self) -> int:
        return sum(map(_time, self.calls.values()))


def repeat_findings(nodes: Sequence[Node], groups: Iterable[Siblings], waited: int) -> Iterator[Finding]:
    """Say which operations are repeated, those that take longest first; parents of one name together.

    `waited`: how long the trace took, ns.
    """
    alike: dict[tuple[str, ...], list[_Loop]] = defaultdict(list)
    for loop in _loops(nodes, groups, max(SHORTEST, waited // LEAST_SHARE)):
        key = (loop.caller, *sorted(loop.calls))
        alike[key].append(loop)
    longest = sorted(alike.values(), key=lambda loops: -sum(loop.time for loop in loops))
    for loops in longest[:_MOST]:
        spans = (node.span.span_id for loop in loops for calls in loop.calls.values() for node in calls)
        yield Finding("repeated", _text(loops), tuple(spans))


def _loops(nodes: Sequence[Node], groups: Iterable[Siblings], shortest: int) -> Iterator[_Loop]:
    by_parent: dict[int | str | None, list[Siblings]] = defaultdict(list)
    for group in groups:
        if len(group.calls) >= MANY:
            key = group.parent.index if group.parent else group.calls[0].span.parent_span_id
            by_parent[key].append(group)
    for together in by_parent.values():
        if sum(node.span.duration for group in together for node in group.calls) >= shortest:
            repeated = [calls for group in together for calls in _repeated(nodes, group.calls)]
            loop = _Loop(together[0].parent, _body(nodes, repeated))
            if loop.calls and loop.time >= shortest:
                yield loop


def _repeated(nodes: Sequence[Node], calls: Sequence[Node]) -> list[list[Node]]:
    """Part calls of one name by what they ask for; return those that are many and not made at once."""
    parted: dict[object, list[Node]] = defaultdict(list)
    for node in calls:
        if is_call(node) and not failed(node.span):
            parted[operation(nodes, node)].append(node)
    return [same for same in parted.values() if len(same) >= MANY and not _at_once(same)]


def _body(nodes: Sequence[Node], repeated: Sequence[Sequence[Node]]) -> dict[str, list[Node]]:
    """Return the calls of one loop: those that take the longest, and those made about as often."""
    body: dict[str, list[Node]] = defaultdict(list)
    longest = sorted(repeated, key=_time, reverse=True)
    for calls in longest:
        if 2 * len(calls) >= len(longest[0]):
            body[described(nodes, calls[0])] += calls
    return body


def _at_once(calls: Sequence[Node]) -> bool:
    """Tell whether two or more of the calls were running most of the time."""
    return sum(node.span.duration for node in calls) > 2 * _time(calls)


def _time(calls: Sequence[Node]) -> int:
    """Return how long at least one of the calls was running, ns."""
    time, reached = 0, min(node.span.start for node in calls)
    for start, end in sorted((node.span.start, node.span.end) for node in calls):
        time += max(end - max(start, reached), 0)
        reached = max(reached, end)
    return time


def _text(loops: Sequence[_Loop]) -> str:
    names = list(loops[0].calls)
    counts = [sum(len(loop.calls[name]) for loop in loops) for name in names]
    if len(set(counts)) > 1:
        said = listed([f"{name} {number:,} times" for name, number in zip(names, counts, strict=True)][:_NAMED])
    else:
        said = f"{listed(names[:_NAMED])} {counts[0]:,} times{' each' * (len(names) > 1)}"
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    places = f" in {len(loops):,} spans" if len(loops) > 1 else ""
    time = duration(sum(loop.time for loop in loops))
    return f"{loops[0].caller} called {said}{more}{places}, {time} together"


def serial_findings(nodes: Sequence[Node], groups: Iterable[Siblings], waited: int) -> Iterator[Finding]:
    """Say which calls could be made at the same time. `waited`: how long the trace took, ns."""
    least = max(LEAST_SAVED, waited // LEAST_SAVED_SHARE)
    for group in groups:
        calls = group.calls
        if FEW <= len(calls) < MANY and group.parent and _saved(calls) >= least and _is_serial(nodes, calls):
            took, longest = duration(_time(calls)), duration(max(node.span.duration for node in calls))
            name = calls[0].span.name
            text = (
                f"{named(group.parent.span)} called {name} of {len(calls)} targets one after the other in {took};"
                f" at the same time they would take {longest}"
            )
            yield Finding("serial", text, tuple(node.span.span_id for node in calls))


def _saved(calls: Sequence[Node]) -> int:
    durations = [node.span.duration for node in calls]
    return sum(durations) - max(durations)


def _is_serial(nodes: Sequence[Node], calls: Sequence[Node]) -> bool:
    """Tell whether the calls of one parent wait for each other without a reason that can be seen."""
    if not all(node.critical and is_read(node.span) and not failed(node.span) for node in calls):
        return False
    targets = {target(nodes, node) for node in calls}
    operations = {operation(nodes, node) for node in calls}
    return None not in targets and len(targets) == len(calls) and len(operations) == 1 and _in_a_row(nodes, calls)


def _in_a_row(nodes: Sequence[Node], calls: Sequence[Node]) -> bool:
    """Tell whether each call begins right behind the one before, and the parent calls nobody else in between."""
    pauses = [later.span.start - earlier.span.end for earlier, later in pairwise(calls)]
    parent = nodes[calls[0].parent or 0]
    start, end = calls[0].span.start, calls[-1].span.end
    others = [node for node in children_of(nodes, parent) if node.span.start < end and node.span.end > start]
    return min(pauses) >= 0 and sum(pauses) * _LONGEST_PAUSE <= end - start and len(others) == len(calls)
