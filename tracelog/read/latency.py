"""Spans in any order -> the latency of each operation, exactly, with a trace for each figure."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from tracelog.model import Operation, Span

PERCENTS = (50, 95, 99)

SpanRow = tuple[str, str, str, str, int, int, int]
"""Service, name, kind, status, start (ns) and duration (ns) of a span, and a number that its trace is known by."""


def rank_of(count: int, percent: float) -> int:
    """Return the rank of a percentile by nearest rank, counted from 0 at the shortest."""
    return max(int(-(-count * percent // 100)), 1) - 1  # the ceiling


def nearest_rank(ordered: Sequence[int], percent: float) -> int:
    """Return a percentile by nearest rank: always one of the values, which are given in ascending order."""
    return ordered[rank_of(len(ordered), percent)]


def operations(spans: Iterable[SpanRow], trace_of: Callable[[int], str], by: int | None = None) -> list[Operation]:
    """Return the latency of each operation, as `in_order` has them. `trace_of` says which trace a number means.

    `by`: for each stretch of so many ns, beginning at a multiple of that.
    """
    held: dict[tuple[str, str, str, int | None], _Operation] = {}
    for service, name, kind, status, start, duration, trace in spans:
        key = (service, name, kind, None if by is None else start - start % by)
        operation = held.get(key)
        if operation is None:
            operation = held[key] = _Operation()
        operation.durations.append(duration)
        operation.traces.append(trace)
        if status == "ERROR":
            operation.failed.append(len(operation.durations) - 1)
    return in_order(operation.build(*key, trace_of) for key, operation in held.items())


def operations_of(spans: Iterable[Span], by: int | None = None) -> list[Operation]:
    """Return the same of whole spans."""
    traces: list[str] = []

    def rows() -> Iterator[SpanRow]:
        for number, span in enumerate(spans):
            traces.append(span.trace_id)
            yield span.service, span.name, span.kind, span.status, span.start, span.duration, number

    return operations(rows(), traces.__getitem__, by)


def in_order(rows: Iterable[Operation]) -> list[Operation]:
    """Sort operations, the most called first, and each by time."""
    found = list(rows)
    calls: Counter[tuple[str, str, str]] = Counter()
    for row in found:
        calls[row.service, row.name, row.kind] += row.count
    return sorted(
        found,
        key=lambda row: (-calls[row.service, row.name, row.kind], row.service, row.name, row.kind, row.bucket or 0),
    )


class _Operation:
    """The durations of one operation, the traces of the spans that they are of, and which of these failed."""

    def __init__(self) -> None:
        self.durations = array("q")
        self.traces = array("q")
        self.failed = array("q")

    def build(
        self, service: str, name: str, kind: str, bucket: int | None, trace_of: Callable[[int], str]
    ) -> Operation:
        ordered = sorted(range(len(self.durations)), key=self.durations.__getitem__)
        p50, p95, p99 = (nearest_rank(ordered, percent) for percent in PERCENTS)
        shown = {"p50": p50, "p95": p95, "p99": p99, "max": ordered[-1]}
        if self.failed:
            shown["error"] = max(self.failed, key=self.durations.__getitem__)
        return Operation(
            service=service,
            name=name,
            kind=kind,
            bucket=bucket,
            count=len(ordered),
            error_count=len(self.failed),
            p50=self.durations[p50],
            p95=self.durations[p95],
            p99=self.durations[p99],
            max=self.durations[ordered[-1]],
            examples={figure: trace_of(self.traces[place]) for figure, place in shown.items()},
        )
