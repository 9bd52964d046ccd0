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

from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter
from typing import NamedTuple

from tracelog.model import Segment, Span

Children = Mapping[int, Sequence[int]]
"""The positions of the spans directly below each, by start."""


_Finished = tuple[int, int, int]
"""A child: when it had finished and began, within what of its parent is waited for, and its position."""


class Path(NamedTuple):
    """A critical path: its segments, by time, and of each span whether it leads through it."""

    segments: tuple[Segment, ...]
    waited_for: Sequence[bool]


def no_path(spans: Sequence[Span]) -> Path:
    """Return the path of nothing."""
    return Path((), [False] * len(spans))


def critical_path(spans: Sequence[Span], children: Children, root: int | None) -> Path:
    """Return the path of a root; spans are known by their positions in `spans`.

    It is followed from the end: from a span into a child, through all of it, and on in the span before that one began.
    """
    if root is None:
        return no_path(spans)
    segments: list[Segment] = []
    waited_for = [False] * len(spans)
    waited_for[root] = True
    left: list[tuple[Span, int, int, Iterator[_Finished]]] = []
    span = spans[root]
    start, reached = span.start, span.end
    finishing = iter(_finishing(spans, span, children.get(root, ()), start, reached))
    while True:
        for end, begin, child in finishing:
            if end > reached:
                continue
            if end < reached:
                segments.append(Segment(span, end, reached))
            waited_for[child] = True
            if child in children:
                left.append((span, start, begin, finishing))
                span, start, reached = spans[child], begin, end
                finishing = iter(_finishing(spans, span, children[child], start, reached))
                break
            reached = begin
            if begin < end:
                segments.append(Segment(spans[child], begin, end))
        else:
            if start < reached:
                segments.append(Segment(span, start, reached))
            if not left:
                return Path(tuple(reversed(segments)), waited_for)
            span, start, reached, finishing = left.pop()


def _finishing(spans: Sequence[Span], parent: Span, children: Sequence[int], start: int, until: int) -> list[_Finished]:
    """Return the children that block a span, which is waited for from `start` until `until`, the last to finish first.

    Of those that end together comes first what took no time, then the first to start.
    """
    moments: list[_Finished] = []
    lasting: list[_Finished] = []
    if parent.kind == "PRODUCER":
        children = [position for position in children if spans[position].kind != "CONSUMER"]
    for position in children:
        begin = spans[position].start
        end = begin + spans[position].duration
        if start <= begin < end <= until:
            lasting.append((end, begin, position))
        elif begin < until and end >= start:
            begin, end = max(begin, start), min(end, until)
            (lasting if begin < end else moments).append((end, begin, position))
    finishing = moments + lasting
    if len(finishing) > 1:
        finishing.sort(key=itemgetter(0), reverse=True)
    return finishing
