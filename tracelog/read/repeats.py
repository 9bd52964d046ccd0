"""Repeated calls, which are called N+1: a parent makes many calls of one operation.

It makes them by themselves or in turn with others, the body of its loop. Their number and the time that they take
together must both be large. Calls that run at once take little, and work that never leaves its own span is no call.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from tracelog.model import Finding, Node
from tracelog.read.calls import LOCAL, UNTOLD, Failing, Siblings, caller, described, is_call, operation, times_of
from tracelog.read.wording import duration, listed

MANY = 5
"""From so many calls of one operation on they are repeated."""
SHORTEST = 50_000_000
"""Repeated calls that take less time together are not worth a word, ns."""
LEAST_SHARE = 10
"""Nor are those that take less than one part in so many of the trace."""
_AT_ONCE = 2
"""Calls that take so many times as long one by one as they did together were made at once."""
_MOST, _NAMED = 3, 3


class _Calls(NamedTuple):
    """Calls of one operation, by start. `time`: how long at least one of them was running, ns."""

    calls: Sequence[Node]
    time: int


class _Loop(NamedTuple):
    """The repeated calls of one parent, those that take the longest first, with what they ask for in words.

    `group`: some of the calls, and their parent.
    """

    group: Siblings
    calls: Sequence[tuple[str, _Calls]]

    @property
    def time(self) -> int:
        return sum(calls.time for _, calls in self.calls)


def repeat_findings(
    nodes: Sequence[Node], groups: Iterable[Siblings], failing: Failing, waited: int
) -> Iterator[Finding]:
    """Say which operations are repeated, those that take longest first; parents of one name together.

    `waited`: how long the trace took, ns.
    """
    alike: dict[tuple[str, ...], list[_Loop]] = defaultdict(list)
    for loop in _loops(nodes, groups, failing, max(SHORTEST, waited // LEAST_SHARE)):
        key = (caller(loop.group), *sorted(name for name, _ in loop.calls))
        alike[key].append(loop)
    longest = sorted(alike.values(), key=lambda loops: -sum(loop.time for loop in loops))
    for loops in longest[:_MOST]:
        spans = (node.span.span_id for loop in loops for _, same in loop.calls for node in same.calls)
        yield Finding("repeated", _text(loops), tuple(spans))


def _loops(nodes: Sequence[Node], groups: Iterable[Siblings], failing: Failing, shortest: int) -> Iterator[_Loop]:
    by_parent: dict[int | str | None, list[Siblings]] = defaultdict(list)
    for group in groups:
        if len(group.calls) >= MANY:
            key = group.parent.index if group.parent else group.calls[0].span.parent_span_id
            by_parent[key].append(group)
    for together in by_parent.values():
        if sum([node.span.duration for group in together for node in group.calls]) >= shortest:
            repeated = [calls for group in together for calls in _repeated(nodes, group.calls, failing)]
            loop = _Loop(together[0], _body(nodes, repeated))
            if loop.time >= shortest:
                yield loop


def _repeated(nodes: Sequence[Node], calls: Sequence[Node], failing: Failing) -> Iterator[_Calls]:
    """Part calls of one name by what they ask for; yield those that are many and not made at once."""
    parted: dict[object, list[Node]] = defaultdict(list)
    local = calls[0].span.kind in LOCAL
    for node in calls:
        if failing[node.index]:
            continue
        if not node.descendants and not node.span.attributes:  # as many are, and quickly seen
            if not local:
                parted[UNTOLD].append(node)
        elif is_call(node):
            parted[operation(nodes, node)].append(node)
    for same in parted.values():
        if len(same) >= MANY:
            time, total = times_of(same)
            if total <= _AT_ONCE * time:
                yield _Calls(same, time)


def _body(nodes: Sequence[Node], repeated: Iterable[_Calls]) -> list[tuple[str, _Calls]]:
    """Return the calls of one loop: those that take the longest, and those made about as often."""
    longest = sorted(repeated, key=lambda same: -same.time)
    often = [same for same in longest if 2 * len(same.calls) >= len(longest[0].calls)]
    return [(described(nodes, same.calls), same) for same in often]


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
    return f"{caller(loops[0].group)} called {said}{more}{places}, {time} together"
