"""Calls one after the other: the same operation again and again, and targets that could be asked at the same time.

`repeated` is what is called N+1: a parent makes many calls of one operation, by itself or in turn with others (the body
of its loop). Their number and the time that they take together must both be large. Calls that run at once take little,
and work that never leaves its own span is no call.

`serial` is only what is evident: a few calls of one operation that ask different targets, each right behind the other,
none of which failed, so that they would have taken much less at the same time. What one answer means for the next call
cannot be seen; so writes, queries of a database, pages of one resource, and calls with others in between are left out.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
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
_AT_ONCE = 2
"""Calls that take so many times as long one by one as they did together were made at once."""
_MOST, _NAMED = 3, 3


class _Calls(NamedTuple):
    """Calls of one operation, by start. `time`: how long at least one of them was running, ns."""

    calls: Sequence[Node]
    time: int


class _Loop(NamedTuple):
    """The repeated calls of one parent, those that take the longest first, each with what it asks for, in words."""

    parent: Node | None
    calls: Sequence[tuple[str, _Calls]]

    @property
    def caller(self) -> str:
        return named(self.parent.span) if self.parent else self.calls[0][1].calls[0].span.service

    @property
    def time(self) -> int:
        return sum(calls.time for _, calls in self.calls)


def repeat_findings(nodes: Sequence[Node], groups: Iterable[Siblings], waited: int) -> Iterator[Finding]:
    """Say which operations are repeated, those that take longest first; parents of one name together.

    `waited`: how long the trace took, ns.
    """
    alike: dict[tuple[str, ...], list[_Loop]] = defaultdict(list)
    for loop in _loops(nodes, groups, max(SHORTEST, waited // LEAST_SHARE)):
        key = (loop.caller, *sorted(name for name, _ in loop.calls))
        alike[key].append(loop)
    longest = sorted(alike.values(), key=lambda loops: -sum(loop.time for loop in loops))
    for loops in longest[:_MOST]:
        spans = (node.span.span_id for loop in loops for _, same in loop.calls for node in same.calls)
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
            if loop.time >= shortest:
                yield loop


def _repeated(nodes: Sequence[Node], calls: Sequence[Node]) -> Iterator[_Calls]:
    """Part calls of one name by what they ask for; yield those that are many and not made at once."""
    parted: dict[object, list[Node]] = defaultdict(list)
    for node in calls:
        if is_call(node) and not failed(node.span):
            parted[operation(nodes, node)].append(node)
    for same in parted.values():
        if len(same) >= MANY:
            time = _time(same)
            if sum(node.span.duration for node in same) <= _AT_ONCE * time:
                yield _Calls(same, time)


def _body(nodes: Sequence[Node], repeated: Iterable[_Calls]) -> list[tuple[str, _Calls]]:
    """Return the calls of one loop: those that take the longest, and those made about as often."""
    longest = sorted(repeated, key=lambda same: -same.time)
    often = [same for same in longest if 2 * len(same.calls) >= len(longest[0].calls)]
    return [(described(nodes, same.calls[0]), same) for same in often]


def _time(calls: Sequence[Node]) -> int:
    """Return how long at least one of the calls was running, ns. They are ordered by start."""
    time, reached = 0, calls[0].span.start
    for node in calls:
        start, end = node.span.start, node.span.end
        if end > reached:
            time += end - max(start, reached)
            reached = end
    return time


def _text(loops: Sequence[_Loop]) -> str:
    counts: Counter[str] = Counter()
    for loop in loops:
        counts.update({name: len(same.calls) for name, same in loop.calls})
    names = list(counts)
    if len(set(counts.values())) > 1:
        said = listed([f"{name} {counts[name]:,} times" for name in names[:_NAMED]])
    else:
        said = f"{listed(names[:_NAMED])} {counts[names[0]]:,} times{' each' * (len(names) > 1)}"
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
