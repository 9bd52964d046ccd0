"""What the spans of a trace are to each other as calls: beside each other, alike, of one operation, answered.

All is looked at once, in the order of the tree, in which the spans came: at many of them, to go back and forth takes
longer than all else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import accumulate
from operator import add
from typing import NamedTuple

from tracelog.model import Node, Trace
from tracelog.read.semconv import ASKING, failed, first_of, resource, templated_path
from tracelog.read.wording import Templates, named, templated

LOCAL = ("INTERNAL", "UNSPECIFIED")
"""The kinds of work within a service; OTLP has a span without a kind taken for internal."""


class Family(NamedTuple):
    """The spans below one parent, by start. `parent`: None where it never arrived.

    `alike`: those of one name but for arguments, of one kind and of one service, where they are more than one.
    """

    parent: Node | None
    children: Sequence[Node]
    alike: Sequence[Sequence[Node]]


class Calls(NamedTuple):
    """The spans of a trace as calls.

    `failing`: whether each node failed. `asked`: what it asks for by its attributes, None where they do not say it.
    `families`: those of which some are alike. `waited`: how long the root took, ns. `names` and `paths`: the names, and
    what is asked for, without arguments.
    """

    nodes: Sequence[Node]
    failing: Sequence[bool]
    asked: Sequence[str | None]
    families: Sequence[Family]
    waited: int
    names: Templates
    paths: Templates

    def callee(self, node: Node) -> Node | None:
        """Return the span of another service that a call is answered by, if it is there."""
        child = self.nodes[node.index + 1] if node.descendants else None
        return child if child and child.span.service != node.span.service else None

    def is_call(self, node: Node) -> bool:
        """Tell whether a span is more than work of its own: it says what it asks for, or something stands below it."""
        return node.span.kind not in LOCAL or node.descendants > 0 or self.asked[node.index] is not None

    def operation(self, node: Node) -> tuple[str | None, str | None]:
        """Return what is equal for calls of one operation that are alike: who answered, else what they ask for.

        Numbers, ids and quoted values, which are arguments, are left out of it.
        """
        other = self.callee(node)
        if other is not None:
            return (self.names[other.span.name], None)
        text = self.asked[node.index]
        return (None, None if text is None else self.paths[text])

    def target(self, node: Node) -> tuple[str, str] | None:
        """Return whom a call asks, and for which resource; None where nobody is named."""
        other = self.callee(node)
        who, what = resource(node.span)
        who = other.span.service if other else who
        return (who, what) if who else None

    def described(self, calls: Sequence[Node]) -> str:
        """Return what calls of one operation ask for: who answered, else their name, and a path that it lacks."""
        other, path = self.operation(calls[0])
        if other is not None:
            return f"{self.nodes[calls[0].index + 1].span.service} {other}"
        name = name_of(calls)
        return f"{name} {path}" if path and path.startswith("/") and "/" not in name else name


def calls_of(trace: Trace) -> Calls:
    """Look at each span of a trace; the children of a ghost have one parent too."""
    failing: list[bool] = []
    asked: list[str | None] = []
    children: dict[int | str, list[Node]] = defaultdict(list)
    for node in trace.nodes:
        span = node.span
        if span.attributes:
            failing.append(failed(span))
            asked.append(first_of(span.attributes, ASKING))
        else:
            failing.append(span.status == "ERROR")
            asked.append(None)
        if node.parent is not None:
            children[node.parent].append(node)
        elif node.orphan:
            children[span.parent_span_id or ""].append(node)
    names = Templates(templated)
    families = [
        Family(trace.nodes[key] if isinstance(key, int) else None, below, alike)
        for key, below in children.items()
        if len(below) > 1 and (alike := _alike(below, names))
    ]
    waited = trace.root.duration if trace.root else 0
    return Calls(trace.nodes, failing, asked, families, waited, names, Templates(templated_path))


def children_of(nodes: Sequence[Node], parent: Node) -> Iterator[Node]:
    """Yield the nodes directly below one, by start. It looks at no others: the descendants of each are passed over."""
    index, behind = parent.index + 1, parent.index + 1 + parent.descendants
    while index < behind:
        node = nodes[index]
        yield node
        index += 1 + node.descendants


def _alike(children: Sequence[Node], names: Templates) -> list[list[Node]]:
    """Return those of one parent's children that are alike."""
    together: dict[tuple[str, str, str], list[Node]] = defaultdict(list)
    for node in children:
        span = node.span
        together[names[span.name], span.service, span.kind].append(node)
    return [alike for alike in together.values() if len(alike) > 1]


def caller(family: Family, calls: Sequence[Node]) -> str:
    """Name the parent of calls; where it never arrived, their service."""
    return named(family.parent.span) if family.parent else calls[0].span.service


def times_of(calls: Sequence[Node]) -> tuple[int, int]:
    """Return how long at least one of the calls was running, and how long all would one by one, ns.

    They are ordered by start.
    """
    spans = [node.span for node in calls]
    starts, durations = [span.start for span in spans], [span.duration for span in spans]
    reached = list(accumulate(map(add, starts, durations), max))
    pauses = [start - end for start, end in zip(starts[1:], reached, strict=False) if start > end]
    return reached[-1] - starts[0] - sum(pauses), sum(durations)


def name_of(calls: Sequence[Node]) -> str:
    """Return the name of calls that are alike; without arguments where these differ."""
    name = calls[0].span.name
    plain = templated(name)
    return name if plain == name or len({node.span.name for node in calls}) == 1 else plain
