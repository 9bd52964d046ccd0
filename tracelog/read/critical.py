"""A trace -> its critical path: what it waited for, from the start of its root to the end.

The path is read backwards. At its end a span had waited for the child that finished last; before that one started, for
the last that had finished by then; and between them, and before the first, for itself. Within each such child it goes
on in the same way. So the path is in one piece, and its segments add up to the duration of the root. A child that
overlaps the beginning of one on the path is not on it: the later one did not wait for it.

The definition is CRISP's (Zhang and others, USENIX ATC 2022) and that of Jaeger's critical path, but for a child that
ends exactly when the next one starts, which is on the path (https://github.com/jaegertracing/jaeger/issues/9148). As
there, children are clamped to what of their parent is waited for, and what is asynchronous blocks nobody: a consumer
below its producer, and a child that started when its parent had ended already.

Of children that end at the same time it is the one that started first, for it was waited for the longest. Nothing here
recurses, and only what is on the path is sorted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import attrgetter

import msgspec

from tracelog.model import Node, Segment, Trace


def with_critical_path(trace: Trace) -> Trace:
    """Return a trace with the critical path of its root, and the nodes on it marked."""
    if trace.root_node is None:
        return trace
    nodes = list(trace.nodes)
    segments, waited_for = _follow(nodes, trace.root_node)
    for index in waited_for:
        nodes[index] = msgspec.structs.replace(nodes[index], critical=True)
    return msgspec.structs.replace(trace, nodes=tuple(nodes), critical_path=tuple(segments))


def children_of(nodes: Sequence[Node], parent: Node) -> Iterator[Node]:
    """Yield the nodes directly below one, by start. It looks at no others: the descendants of each are passed over."""
    index, behind = parent.index + 1, parent.index + 1 + parent.descendants
    while index < behind:
        node = nodes[index]
        yield node
        index += 1 + node.descendants


def _follow(nodes: Sequence[Node], root: Node) -> tuple[list[Segment], list[int]]:
    """Return the segments of the path, by time, and the indices of the spans that it leads through.

    A span is waited for, for itself and for its children, from one time to another.
    """
    segments: list[Segment] = []
    waited_for = [root.index]
    waits = [(root, root.span.start, root.span.end)]
    for node, start, until in waits:  # which grows meanwhile
        reached = until
        for end, _, begin, index in _finishing(nodes, node, start, until):
            if end > reached:
                continue
            if end < reached:
                segments.append(Segment(node.span, end, reached))
            reached, child = -begin, nodes[-index]
            waited_for.append(-index)
            if child.descendants:
                waits.append((child, reached, end))
            elif reached < end:
                segments.append(Segment(child.span, reached, end))
        if start < reached:
            segments.append(Segment(node.span, start, reached))
    return sorted(segments, key=attrgetter("start")), waited_for


def _finishing(nodes: Sequence[Node], node: Node, start: int, until: int) -> list[tuple[int, bool, int, int]]:
    """Return the children that block a span, the last to finish first: end, of no length, -start, -index.

    They are clamped to what is waited for. Of an equal end comes first what took no time, then the longest.
    """
    finishing: list[tuple[int, bool, int, int]] = []
    produces = node.span.kind == "PRODUCER"
    index, behind = node.index + 1, node.index + 1 + node.descendants
    while index < behind:  # as `children_of`, which takes longer
        child = nodes[index]
        span = child.span
        begin = span.start
        end = begin + span.duration
        if begin < until and end >= start and not (produces and span.kind == "CONSUMER"):
            begin, end = max(begin, start), min(end, until)
            finishing.append((end, begin == end, -begin, -index))
        index += 1 + child.descendants
    if len(finishing) > 1:
        finishing.sort(reverse=True)
    return finishing
