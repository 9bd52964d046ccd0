"""Percentiles by nearest rank out of a t-digest, exactly where it still holds every duration.

A digest keeps up to twenty times its compression of values as they are. What it says of a percent then lies on the
straight line between the two values whose ranks are next to it, so that two percents between the same two ranks tell
both values. Beyond that many it keeps centroids, and what it says is an estimate. Source: Elasticsearch's reference on
the percentiles aggregation, and `HybridDigest` and `Dist` in its `libs/tdigest`.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import floor
from typing import Any, NamedTuple

from tracelog.read.latency import PERCENTS, rank_of

_COMPRESSION = 1000
FEWER_ARE_EXACT = 20 * _COMPRESSION
_STEPS = (20, 2, 0.2, 0.02, 0.002)
"""How far from a percent others are asked for; the last are between the same two ranks of 20,000."""
_ASKED = sorted(
    {percent + step for percent in PERCENTS for each in (0, *_STEPS) for step in (-each, each) if percent + step <= 100}  # noqa: PLR2004
)
_WHOLE, _PRECISION = 1e-3, 1e-14
"""How far from a whole number a value may be: a little, and what a float loses of the values around it."""


class Percentile(NamedTuple):
    """What is known of one, in the unit of its field."""

    value: int
    exact: bool


def aggregation(field: str, **rest: Any) -> dict[str, Any]:
    """Return the aggregation of a field whose answer `read` understands."""
    return {"percentiles": {"field": field, "percents": _ASKED, "tdigest": {"compression": _COMPRESSION}, **rest}}


def read(answer: Mapping[str, Any], count: int, longest: float) -> dict[int, Percentile]:
    """Return each percentile of so many values, given the largest."""
    said = dict(zip(_ASKED, answer["values"].values(), strict=True))
    return {percent: _percentile(percent, count, longest, said) for percent in PERCENTS}


def _percentile(percent: int, count: int, longest: float, said: Mapping[float, float | None]) -> Percentile:
    rank = rank_of(count, percent)
    if rank == count - 1:
        return Percentile(round(longest), exact=True)
    about = said[percent] or 0
    value = _value_at(rank, percent, count, said) if count < FEWER_ARE_EXACT else about
    whole = round(value)
    exact = count < FEWER_ARE_EXACT and abs(value - whole) <= _WHOLE + longest * _PRECISION
    return Percentile(whole if exact else round(about), exact)


def _value_at(rank: int, percent: int, count: int, said: Mapping[float, float | None]) -> float:
    """Return the value at one of the two ranks next to a percent: where the line through two percents is there."""
    here, about = percent / 100 * (count - 1), said[percent] or 0
    for step in _STEPS:
        for other in (percent - step, percent + step):
            there, value = other / 100 * (count - 1), said.get(other)
            if value is not None and floor(here) <= there <= floor(here) + 1 and there != here:
                return about + (value - about) / (there - here) * (rank - here)
    return about
