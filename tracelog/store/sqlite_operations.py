"""Spans, as rows without any order -> the latency of each operation, exactly."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable

from tracelog.model import Operation
from tracelog.read.latency import nearest_rank

SpanRow = tuple[str, str, str, str, int, int]
"""Service, name, kind, status, duration (ns) and number of a span."""


class _Operation:
    """The durations of one operation, and the numbers of the spans that they are those of."""

    def __init__(self) -> None:
        self.durations = array("q")
        self.numbers = array("q")
        self.errors = 0

    def build(self, service: str, name: str, kind: str, trace_of: Callable[[int], str]) -> Operation:
        ordered = sorted(range(len(self.durations)), key=self.durations.__getitem__)
        at = {f"p{rank}": nearest_rank(ordered, rank) for rank in (50, 95, 99)}
        return Operation(
            service=service,
            name=name,
            kind=kind,
            count=len(ordered),
            error_count=self.errors,
            max=self.durations[ordered[-1]],
            examples={figure: trace_of(self.numbers[place]) for figure, place in at.items()},
            **{figure: self.durations[place] for figure, place in at.items()},
        )


def operations(rows: Iterable[SpanRow], trace_of: Callable[[int], str]) -> list[Operation]:
    """Return the latency of each operation, the most called first; `trace_of` says whose trace a number is of."""
    held: dict[tuple[str, str, str], _Operation] = {}
    for service, name, kind, status, duration, number in rows:
        key = (service, name, kind)
        operation = held.get(key)
        if operation is None:
            operation = held[key] = _Operation()
        operation.durations.append(duration)
        operation.numbers.append(number)
        operation.errors += status == "ERROR"
    found = [operation.build(*key, trace_of) for key, operation in held.items()]
    return sorted(found, key=lambda operation: (-operation.count, operation.service, operation.name))
