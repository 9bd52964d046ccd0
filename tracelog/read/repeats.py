"""Repeated calls, which are called N+1: a parent makes many calls of one operation.

It makes them by themselves or in turn with others, the body of its loop. Their number and the time that they take
together must both be large. Calls that run at once take little, and work that never leaves its own span is no call.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

from tracelog.model import Finding, Node
from tracelog.read.calls import LOCAL, Calls, caller, times_of
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


class _Repeated(NamedTuple):
    """Calls of one operation, by start. `time`: how long at least one of them was running, ns."""

    calls: Sequence[Node]
    time: int


class _Loop(NamedTuple):
    """The repeated calls of one parent, which `caller` names: those that take the longest first, with their names."""

    caller: str
    body: Sequence[tuple[str, _Repeated]]

    @property
    def time(self) -> int:
        return sum(repeated.time for _, repeated in self.body)


def repeat_findings(calls: Calls) -> Iterator[Finding]:
    """Say which operations are repeated, those that take longest first; parents of one name together."""
    together: dict[tuple[str, ...], list[_Loop]] = defaultdict(list)
    for loop in _loops(calls, max(SHORTEST, calls.waited // LEAST_SHARE)):
        key = (loop.caller, *sorted(name for name, _ in loop.body))
        together[key].append(loop)
    longest = sorted(together.values(), key=lambda loops: -sum(loop.time for loop in loops))
    for loops in longest[:_MOST]:
        span_ids = [node.span.span_id for loop in loops for _, repeated in loop.body for node in repeated.calls]
        yield Finding("repeated", _text(loops), tuple(span_ids))


def _loops(calls: Calls, shortest: int) -> Iterator[_Loop]:
    for family in calls.families:
        many = [alike for alike in family.alike if len(alike) >= MANY]
        if many and _take(family.children, shortest):
            repeated = [each for alike in many for each in _repeated(calls, alike)]
            loop = _Loop(caller(family, many[0]), _body(calls, repeated))
            if loop.time >= shortest:
                yield loop


def _take(children: Sequence[Node], time: int) -> bool:
    """Tell whether spans take so long, ns, one by one."""
    return any(total >= time for total in accumulate(node.span.duration for node in children))


def _repeated(calls: Calls, alike: Sequence[Node]) -> Iterator[_Repeated]:
    """Part calls of one name by what they ask for; yield those that are many and not made at once."""
    made = [node for node in alike if not calls.failing[node.index]]
    if alike[0].span.kind in LOCAL:
        made = [node for node in made if calls.is_call(node)]
    for same in _parted(calls, made):
        if len(same) >= MANY:
            time, total = times_of(same)
            if total <= _AT_ONCE * time:
                yield _Repeated(same, time)


def _parted(calls: Calls, made: Sequence[Node]) -> Iterable[Sequence[Node]]:
    """Part calls of one name by their operation."""
    if all(calls.asked[node.index] is None and not node.descendants for node in made):
        return [made]
    parted: dict[object, list[Node]] = defaultdict(list)
    for node in made:
        parted[calls.operation(node)].append(node)
    return parted.values()


def _body(calls: Calls, repeated: Iterable[_Repeated]) -> list[tuple[str, _Repeated]]:
    """Return the calls of one loop: those that take the longest, and those made about as often."""
    longest = sorted(repeated, key=lambda each: -each.time)
    often = [each for each in longest if 2 * len(each.calls) >= len(longest[0].calls)]
    return [(calls.described(each.calls), each) for each in often]


def _text(loops: Sequence[_Loop]) -> str:
    counts: Counter[str] = Counter()
    for loop in loops:
        counts.update({name: len(repeated.calls) for name, repeated in loop.body})
    names = list(counts)
    if len(set(counts.values())) > 1:
        said = listed([f"{name} {counts[name]:,} times" for name in names[:_NAMED]])
    else:
        said = f"{listed(names[:_NAMED])} {counts[names[0]]:,} times{' each' * (len(names) > 1)}"
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    places = f" in {len(loops):,} spans" if len(loops) > 1 else ""
    time = duration(sum(loop.time for loop in loops))
    return f"{loops[0].caller} called {said}{more}{places}, {time} together"
