"""Traces to be stored and read: shops of a dozen services, whose spans and lines carry what real ones do."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from tracelog.model import LogEntry, Span
from tracelog.schema import otel
from tracelog.schema.otel import Destination, Document

START = 1_776_608_580_000_000_000
_SERVICES = [f"service-{number}" for number in range(12)]
_RESOURCES = [
    {"service.name": name, "service.instance.id": f"{number:032x}", "host.name": f"web-{number}"}
    for number, name in enumerate(_SERVICES)
]
_KINDS = ("SERVER", "CLIENT", "INTERNAL")


class Traces:
    """Makes traces, the same ones for the same seed. Ids are random, as ids are."""

    def __init__(self, seed: int = 1) -> None:
        self._random = random.Random(seed)
        self._spool = f"{self._random.getrandbits(64):016x}"
        self._lines = 0
        self._time = START

    def trace(self, spans: int, logs: int) -> tuple[str, list[Span], list[LogEntry]]:
        """Make a trace: each span calls up to three others, and lines are spread over the spans."""
        trace_id = f"{self._random.getrandbits(128):032x}"
        ids = [f"{self._random.getrandbits(64):016x}" for _ in range(spans)]
        self._time += 1_000_000
        order = f"A-{self._random.randrange(10**7)}"
        made = [self._span(trace_id, ids, number, order) for number in range(spans)]
        return trace_id, made, [self._line(trace_id, ids[number % spans], number, order) for number in range(logs)]

    def _span(self, trace_id: str, ids: list[str], number: int, order: str) -> Span:
        which = self._random.randrange(len(_SERVICES))
        attributes: dict[str, Any] = {
            "http.request.method": "GET", "http.route": "/orders/{id}", "http.response.status_code": 200,
            "server.address": "10.0.0.7",
        }  # fmt: skip
        if number % 8 == 0:
            attributes["order.id"] = order
        return Span(
            trace_id=trace_id,
            span_id=ids[number],
            parent_span_id=ids[(number - 1) // 3] if number else None,
            name=f"operation {which}-{number % 8}",
            service=_SERVICES[which],
            start=self._time + number * 1000,
            duration=round(self._random.lognormvariate(15, 1)),
            kind=_KINDS[number % 3],
            attributes=attributes,
            resource=_RESOURCES[which],
            scope="shop.cart",
        )

    def _line(self, trace_id: str, span_id: str, number: int, order: str) -> LogEntry:
        which = self._random.randrange(len(_SERVICES))
        self._lines += 1
        time = self._time + number * 1500
        attributes: dict[str, Any] = {"code.file.path": "/srv/shop/cart.py", "code.line.number": 42, "basket.items": 3}
        if number % 5 == 0:
            attributes["order.id"] = order
        return LogEntry(
            id=f"{self._spool}-{self._lines:012x}",
            time=time,
            observed_time=time,
            body=f"order {order} placed by user {self._random.randrange(10**6)}",
            severity_number=9,
            severity_text="INFO",
            logger="shop.cart",
            service=_SERVICES[which],
            trace_id=trace_id,
            span_id=span_id,
            trace_flags=1,
            attributes=attributes,
            resource=_RESOURCES[which],
        )


def documents(
    spans: list[Span],
    lines: list[LogEntry],
    destination: Destination = Destination(),  # noqa: B008 - a frozen value
) -> Iterator[Document]:
    """Yield the documents of a trace."""
    yield from otel.encode_spans(spans, destination)
    for line in lines:
        yield otel.encode_log(line, destination)


def eliot_messages(actions: int) -> list[dict[str, Any]]:
    """Make the messages of one eliot task: each action starts up to ten others and succeeds."""
    levels: list[list[int]] = [[1]]
    used = [1] * actions
    for number in range(1, actions):
        above = (number - 1) // 10
        used[above] += 1
        levels.append([*levels[above][:-1], used[above], 1])
    known = {"task_uuid": "f3a32bb3-ea6b-457c-aa99-08a3d0491ab4"}
    messages = []
    for number, level in enumerate(levels):
        said = {**known, "action_type": f"operation {number % 20}"}
        messages.append({**said, "task_level": level, "action_status": "started", "timestamp": 1_425_356_800 + number})
        ended = [*level[:-1], used[number] + 1]
        messages.append(
            {**said, "task_level": ended, "action_status": "succeeded", "timestamp": 1_425_456_800 + number}
        )
    return messages
