"""What a replay says: how much of what is stored policies would have kept, and what would have been lost."""

from __future__ import annotations

import msgspec

DAY = 24 * 3600 * 10**9


class Amount(msgspec.Struct):
    """How much: `size` is in bytes of documents as tracelog writes them."""

    traces: int = 0
    spans: int = 0
    lines: int = 0
    size: int = 0

    def add(self, other: Amount) -> None:
        """Add what another has, but for its traces: these may be the same."""
        self.spans += other.spans
        self.lines += other.lines
        self.size += other.size


class Fates(msgspec.Struct):
    """What became of so many `traces`: kept `whole`, `in_part` (by some of their services), or `lost`."""

    traces: int = 0
    whole: int = 0
    in_part: int = 0
    lost: int = 0


class Loss(msgspec.Struct, frozen=True, kw_only=True):
    """A slow or failed trace of which something is lost: what these of its services wrote of it.

    `service`, `name`, `start`, `duration` (ns) are of the span that it is measured by: its longest root or, where none
    is stored, its longest SERVER or CONSUMER span, or else its longest.
    """

    trace_id: int
    service: str
    name: str
    start: int
    duration: int
    failed: bool
    slow: bool
    services: tuple[str, ...]
    lost: tuple[str, ...]


class Replay(msgspec.Struct, kw_only=True):
    """What policies would have kept.

    `start`, `end`: ns, the first and the last time stored. `untraced` lines belong to no trace and are kept, whatever
    the policies; they are part of `stored` and of `kept`. `by_policy`: what each was the first to keep; a trace counts
    for every policy by which one of its services kept it. Slow is a trace that took at least `slow_from` ns, the
    threshold of the policy `slow_by` or, where that is None, the 99th percentile. `losses`: those lost as a whole
    first, then the longest.
    """

    start: int = 0
    end: int = 0
    stored: Amount
    kept: Amount
    untraced: Amount
    by_policy: dict[str, Amount]
    fates: Fates
    failed: Fates
    slow: Fates
    slow_from: int
    slow_by: str | None
    losses: list[Loss]

    @property
    def days(self) -> float:
        """How many days there are from the first to the last time stored."""
        return (self.end - self.start) / DAY
