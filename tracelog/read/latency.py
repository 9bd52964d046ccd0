"""Percentiles of durations."""

from __future__ import annotations

from collections.abc import Sequence


def nearest_rank(ordered: Sequence[int], percent: float) -> int:
    """Return a percentile by nearest rank: always one of the values, which are given in ascending order."""
    rank = -(-len(ordered) * percent // 100)  # the ceiling
    return ordered[max(int(rank), 1) - 1]
