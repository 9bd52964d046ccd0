"""Spans that arrived twice: sent again, or stored by two ways."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
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


def without_copies(spans: Collection[_Span]) -> Collection[_Span]:
    """Drop what arrived twice, also by two ways of which one lost the span's kind and the end of its times."""
    if len({span.span_id for span in spans}) == len(spans):
        return spans
    known = {_key(span): span for span in spans}
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


def _key(span: Placed) -> tuple[str, str, str]:
    """Return what makes two spans one: id, kind and service, for a server may share its client's id."""
    return (span.span_id, span.kind, span.service)


def _is_copy(span: Timed, other: Timed) -> bool:
    """Compare the times of two spans of one id and service; stores may keep milliseconds."""
    return abs(span.start - other.start) < _MILLISECOND and abs(span.duration - other.duration) < _MILLISECOND
