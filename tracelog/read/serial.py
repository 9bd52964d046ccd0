"""Serial calls: a few that wait for each other without a reason that can be seen, so that they could be made at once.

Only what is evident is found: calls of one operation that ask different targets, each right behind the other, none of
which failed, and which would have taken much less at the same time. What one answer means for the next call cannot be
seen; so writes, what may be one (messages, procedures, queries of a database), pages of one resource, and calls with
others in between are left out. Of many calls it is said that they are repeated.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from tracelog.model import Finding, Node
from tracelog.read.calls import Calls, Family, caller, name_of, times_of
from tracelog.read.repeats import MANY
from tracelog.read.semconv import is_read
from tracelog.read.wording import duration

FEW = 3
"""From so many calls on, and for less than are repeated, they may be serial."""
LEAST_SAVED = 100_000_000
"""What must be gained by making them at once, ns."""
LEAST_SHARE = 5
"""And of the trace, one part in so many."""
_LONGEST_PAUSE = 10
"""Between calls that are right behind each other lies less than one part in so many of their time."""
_MOST = 3


def serial_findings(calls: Calls) -> Iterator[Finding]:
    """Say which calls could be made at the same time, where most is to be gained."""
    least = max(LEAST_SAVED, calls.waited // LEAST_SHARE)
    serial = [
        (family, alike)
        for family in calls.families
        for alike in family.alike
        if FEW <= len(alike) < MANY and _saved(alike) >= least and _is_serial(calls, family, alike)
    ]
    for family, alike in sorted(serial, key=lambda found: -_saved(found[1]))[:_MOST]:
        (took, _), longest = times_of(alike), max(node.span.duration for node in alike)
        text = (
            f"{caller(family, alike)} called {name_of(alike)} of {len(alike)} targets one after the other in"
            f" {duration(took)}; at the same time they would take {duration(longest)}"
        )
        yield Finding("serial", text, tuple(node.span.span_id for node in alike))


def _saved(alike: Sequence[Node]) -> int:
    durations = [node.span.duration for node in alike]
    return sum(durations) - max(durations)


def _is_serial(calls: Calls, family: Family, alike: Sequence[Node]) -> bool:
    """Tell whether calls of one parent wait for each other without a reason that can be seen."""
    if family.parent is None:
        return False
    if not all(node.critical and is_read(node.span) and not calls.failing[node.index] for node in alike):
        return False
    targets, operations = set(map(calls.target, alike)), set(map(calls.operation, alike))
    return None not in targets and len(targets) == len(alike) and len(operations) == 1 and _in_a_row(family, alike)


def _in_a_row(family: Family, alike: Sequence[Node]) -> bool:
    """Tell whether each call begins right behind the one before, and the parent calls nobody else in between."""
    pauses = [later.span.start - earlier.span.end for earlier, later in pairwise(alike)]
    start, end = alike[0].span.start, alike[-1].span.end
    others = [node for node in family.children if node.span.start < end and node.span.end > start]
    return min(pauses) >= 0 and sum(pauses) * _LONGEST_PAUSE <= end - start and len(others) == len(alike)
