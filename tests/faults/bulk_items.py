"""What may befall single items of a bulk while the request as a whole answers 200.

Which items: those at `positions`, those whose document holds the bytes `containing`, and each other one with a
`probability`, by `seed`. Compressed requests and `filter_path` are taken for what they say.
"""

from __future__ import annotations

import abc
import gzip
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, NamedTuple

from .exchange import Exchange, Fault, Reply
from .filter_path import filtered, split_target
from .replies import describe_error, json_headers

_OK = 200
_CODED = (
    "content-encoding",
    "accept-encoding",
)  # headers that no longer hold when the proxy reads and writes plain JSON


class Item(NamedTuple):
    """One operation of a bulk: its name, what it says about the document, and its lines as they came."""

    operation: str
    target: dict[str, Any]
    lines: bytes


@dataclass(kw_only=True)
class _SomeItems(Fault, abc.ABC):
    positions: Collection[int] = ()
    containing: bytes | None = None
    probability: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        self._random = Random(self.seed)

    def pick(self, items: Sequence[Item]) -> set[int]:
        """Return the positions of the items that are meant."""
        drawn = {position for position in range(len(items)) if self._random.random() < self.probability}
        holding = {n for n, item in enumerate(items) if self.containing is not None and self.containing in item.lines}
        return (drawn | holding | set(self.positions)) & set(range(len(items)))

    def play(self, exchange: Exchange) -> None:
        items = parse_bulk(_plain(exchange))
        picked = self.pick(items)
        if not picked:
            exchange.send(exchange.forward())
            return
        path, filters = split_target(exchange.path)
        reply = self.forward(exchange, items, picked, path)
        if reply.status == _OK:
            answer = json.loads(reply.body)
            if self.change(answer, items, picked):
                exchange.count(self)
            reply = reply._replace(body=json.dumps(filtered(answer, filters)).encode())
        exchange.send(reply)

    @abc.abstractmethod
    def forward(self, exchange: Exchange, items: Sequence[Item], picked: set[int], path: str) -> Reply:
        """Return the answer to the items that the upstream is to see."""

    @abc.abstractmethod
    def change(self, answer: dict[str, Any], items: Sequence[Item], picked: set[int]) -> bool:
        """Make the answer say what is not true of the items picked. Return whether it does."""


@dataclass(kw_only=True)
class FailItems(_SomeItems):
    """Keep items from the upstream, and put a failure into the answer at their place.

    `error`: its type, where the status alone does not tell it, as with 403: `cluster_block_exception` is a write block.
    """

    status: int = 429
    error: str = ""

    @property
    def name(self) -> str:
        return f"FailItems {self.status}"

    def forward(self, exchange: Exchange, items: Sequence[Item], picked: set[int], path: str) -> Reply:
        rest = b"".join(item.lines for position, item in enumerate(items) if position not in picked)
        if rest:
            return exchange.forward(rest, path, without=_CODED)
        return Reply(_OK, json_headers(exchange), b'{"errors": true, "took": 0, "items": []}')

    def change(self, answer: dict[str, Any], items: Sequence[Item], picked: set[int]) -> bool:
        for position in sorted(picked):
            operation, target, _ = items[position]
            failed = {**target, "status": self.status, "error": describe_error(self.status, self.error)}
            answer["items"].insert(position, {operation: failed})
        answer["errors"] = True
        return True


@dataclass(kw_only=True)
class UseFailureStore(_SomeItems):
    """Say of items that the upstream stored that they went to the failure store."""

    def forward(self, exchange: Exchange, items: Sequence[Item], picked: set[int], path: str) -> Reply:
        return exchange.forward(_plain(exchange), path, without=_CODED)

    def change(self, answer: dict[str, Any], items: Sequence[Item], picked: set[int]) -> bool:
        results = [answer["items"][position][items[position].operation] for position in picked]
        stored = [result for result in results if "error" not in result]
        for result in stored:
            result["failure_store"] = "used"
        return bool(stored)


def parse_bulk(body: bytes) -> list[Item]:
    """Return the operations of a bulk's body; all but `delete` have a second line, the document."""
    lines = iter([line for line in body.split(b"\n") if line.strip()])
    items = []
    for line in lines:
        ((operation, target),) = json.loads(line).items()
        rest = [] if operation == "delete" else [next(lines)]
        items.append(Item(operation, target, b"\n".join([line, *rest, b""])))
    return items


def _plain(exchange: Exchange) -> bytes:
    body = exchange.read()
    return gzip.decompress(body) if exchange.headers.get("content-encoding") == "gzip" else body
