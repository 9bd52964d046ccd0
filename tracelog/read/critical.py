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

import msgspec

from tracelog.model import Node, Segment, Span, Trace


def with_critical_path(trace: Trace) -> Trace:
    """Return a trace with the critical path of its root, and the nodes on it marked."""
    root = trace.root_node
    if root is None:
        return trace
    segments, critical = _walk(trace.nodes, root)
    nodes = list(trace.nodes)
    for index in critical:
        nodes[index] = msgspec.structs.replace(nodes[index], critical=True)
    return msgspec.structs.replace(trace, nodes=tuple(nodes), critical_path=tuple(segments))


def children_of(nodes: Sequence[Node], parent: Node) -> Iterator[Node]:
    """Yield the nodes directly below one, by start. It looks at no others: the descendants of each are passed over."""
    index, behind = parent.index + 1, parent.index + 1 + parent.descendants
    while index < behind:
        node = nodes[index]
        yield node
        index += 1 + node.descendants


class _Wait:
    """What is waited for of one span: from `start` until `until`, which moves towards `start`.

    `finished` are the children that may have been waited for in that time, clamped to it, the next one last.
    """

    __slots__ = ("finished", "span", "start", "until")

    def __init__(self, nodes: Sequence[Node], node: Node, start: int, until: int) -> None:
        self.span, self.start, self.until = node.span, start, until
        clamped = [
            (min(child.span.end, until), max(child.span.start, start), child.index)
            for child in children_of(nodes, node)
            if _blocks(child.span, node.span) and child.span.start < until and child.span.end >= start
        ]
        self.finished = sorted(clamped, key=_last_finishing)

    def next_child(self) -> tuple[int, int, int] | None:
        """Take the last child that had finished by `until`: its end, its start, its index."""
        while self.finished:
            child = self.finished.pop()
            if child[0] <= self.until:
                return child
        return None


def _walk(nodes: Sequence[Node], root: Node) -> tuple[list[Segment], list[int]]:
    """Return the segments of the path, by time, and the indices of the nodes on it."""
    segments: list[Segment] = []
    critical = [root.index]
    waits = [_Wait(nodes, root, root.span.start, root.span.end)]
    while waits:
        wait = waits[-1]
        child = wait.next_child()
        end, start, index = child or (wait.start, wait.start, None)
        if end < wait.until:
            segments.append(Segment(wait.span, end, wait.until))
        wait.until = start
        if index is None:
            waits.pop()
        else:
            critical.append(index)
            waits.append(_Wait(nodes, nodes[index], start, end))
    return segments[::-1], critical


def _blocks(child: Span, parent: Span) -> bool:
    return not (child.kind == "CONSUMER" and parent.kind == "PRODUCER")


def _last_finishing(child: tuple[int, int, int]) -> tuple[int, bool, int, int]:
    """Order children by how late they finish; of an equal end, what took no time is behind all, then the longest."""
    end, start, index = child
    return (end, start == end, -start, -index)
