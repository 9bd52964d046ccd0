"""Spans as they arrived -> each once, in one order: some were sent again, or stored by two ways."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from operator import attrgetter
from typing import Protocol, TypeVar

from tracelog.read.parents import Placed

_MILLISECOND = 1_000_000


class Timed(Placed, Protocol):
    """A span with its times; outlines have them too."""

    @property
    def start(self) -> int: ...  # noqa: D102 - as in the model
    @property
    def duration(self) -> int: ...  # noqa: D102


_Span = TypeVar("_Span", bound=Timed)


def in_order(spans: Collection[_Span]) -> list[_Span]:
    """Return each span once, by start, in one order whatever the order in which they came."""
    ordered = sorted(without_copies(spans), key=attrgetter("start"))
    if len({span.start for span in ordered}) < len(ordered):
        ordered.sort(key=_by_start)  # of what is nearly sorted, which takes half as long as at once
    return ordered


def without_copies(spans: Collection[_Span]) -> Collection[_Span]:
    """Drop what arrived twice, also by two ways of which one lost the span's kind and the end of its times."""
    if len({span.span_id for span in spans}) == len(spans):
        return spans
    known = {_key(span): span for span in sorted(spans, key=_by_start, reverse=True)}
    if len({span.span_id for span in known.values()}) == len(known):
        return known.values()
    of_kind: dict[tuple[str, str], list[_Span]] = defaultdict(list)
    for span in known.values():
        if span.kind != "INTERNAL":
            of_kind[span.span_id, span.service].append(span)
    return [
        span
        for span in known.values()
        if span.kind != "INTERNAL" or not any(_is_copy(span, other) for other in of_kind[span.span_id, span.service])
    ]


def _by_start(span: Timed) -> tuple[int, int, str, str, str]:
    return (span.start, -span.duration, span.span_id, span.kind, span.service)


def _key(span: Placed) -> tuple[str, str, str]:
    """Return what makes two spans one: id, kind and service, for a server may share its client's id."""
    return (span.span_id, span.kind, span.service)


def _is_copy(span: Timed, other: Timed) -> bool:
    """Compare the times of two spans of one id and service; stores may keep milliseconds."""
    return abs(span.start - other.start) < _MILLISECOND and abs(span.duration - other.duration) < _MILLISECOND
