"""Serial calls: a few that wait for each other without a reason that can be seen, so that they could be made at once.

Only what is evident is found: calls of one operation that ask different targets, each right behind the other, none of
which failed, and which would have taken much less at the same time. What one answer means for the next call cannot be
seen; so writes, what may be one (messages, procedures, queries of a database), pages of one resource, and calls with
others in between are left out. Of many calls it is said that they are repeated.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from tracelog.model import Finding, Node
from tracelog.read.calls import Failing, Siblings, caller, is_read, name_of, operation, target, times_of
from tracelog.read.critical import children_of
from tracelog.read.repeats import MANY
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


def serial_findings(
    nodes: Sequence[Node], groups: Iterable[Siblings], failing: Failing, waited: int
) -> Iterator[Finding]:
    """Say which calls could be made at the same time, where most is to be gained. `waited`: what the trace took, ns."""
    least = max(LEAST_SAVED, waited // LEAST_SHARE)
    long = [group for group in groups if FEW <= len(group.calls) < MANY and _saved(group.calls) >= least]
    serial = [group for group in long if group.parent and _is_serial(nodes, group.calls, failing)]
    for group in sorted(serial, key=lambda group: -_saved(group.calls))[:_MOST]:
        (took, _), longest = times_of(group.calls), max(node.span.duration for node in group.calls)
        name = name_of(group.calls)
        text = (
            f"{caller(group)} called {name} of {len(group.calls)} targets one after the other in {duration(took)};"
            f" at the same time they would take {duration(longest)}"
        )
        yield Finding("serial", text, tuple(node.span.span_id for node in group.calls))


def _saved(calls: Sequence[Node]) -> int:
    durations = [node.span.duration for node in calls]
    return sum(durations) - max(durations)


def _is_serial(nodes: Sequence[Node], calls: Sequence[Node], failing: Failing) -> bool:
    """Tell whether the calls of one parent wait for each other without a reason that can be seen."""
    if not all(node.critical and is_read(node.span) and not failing[node.index] for node in calls):
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
