"""The oracle: what became of the lines whose calls returned.

    acknowledged = {emitter.name: emitter.acknowledged for emitter in emitters}
    assert compare(acknowledged, read_lines(store)) == Verdict()  # as readers see it
    assert compare(acknowledged, raw_lines(url)) == Verdict()  # as it is stored

A line that is stored though its call had not returned, when its process was killed, is neither lost nor a mistake.
"""

from __future__ import annotations

import json
import re
import sqlite3
import urllib.request
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

from tracelog.store import Store

from .emitter import LANE

_LINE = re.compile(r"line (\S+) (\d+)")
_PAGE = 10_000
_SHOWN = 10


class Line(NamedTuple):
    emitter: str
    number: int


@dataclass(frozen=True)
class Verdict:
    """What is wrong: lines lost, stored more than once, and stored after a later one of the same lane. Best empty."""

    lost: tuple[Line, ...] = ()
    doubled: tuple[Line, ...] = ()
    out_of_order: tuple[Line, ...] = ()

    def __repr__(self) -> str:
        parts = ((field.name, getattr(self, field.name)) for field in fields(self))
        found = [f"{len(lines)} {name}: {_shown(lines)}" for name, lines in parts if lines]
        return f"<Verdict {'; '.join(found) or 'nothing lost, doubled or out of order'}>"


def compare(acknowledged: Mapping[str, Collection[int]], stored_messages: Iterable[str]) -> Verdict:
    """Compare what each emitter acknowledged with messages in the order of the store, those that are no lines aside."""
    lines = [Line(match[1], int(match[2])) for match in map(_LINE.fullmatch, stored_messages) if match]
    found = Counter(lines)
    promised = {Line(emitter, number) for emitter, numbers in acknowledged.items() for number in numbers}
    late = []
    latest: dict[tuple[str, int], int] = {}
    for line in found:  # in the order of the first time that each is there
        lane = (line.emitter, line.number // LANE)
        if line.number < latest.get(lane, -1):
            late.append(line)
        latest[lane] = max(line.number, latest.get(lane, -1))
    doubled = sorted(line for line, times in found.items() if times > 1)
    return Verdict(tuple(sorted(promised - found.keys())), tuple(doubled), tuple(late))


def read_lines(store: Store) -> list[str]:
    """Return the messages of the lines as a reader gets them, in that order."""
    return [entry.message for entry in store.logs() if _LINE.fullmatch(entry.message)]


def raw_lines(url: str, namespace: str = "*") -> list[str]:
    """Return the messages of all lines in a store, a copy for each document; sorted, for documents have no order."""
    scheme, _, path = url.partition(":")
    documents = _raw_rows(path) if scheme == "sqlite" else _raw_documents(url, f"logs-*.otel-{namespace}")
    messages = (document.get("body", {}).get("text", "") for document in documents)
    matches = [match for match in map(_LINE.fullmatch, messages) if match]
    return [match[0] for match in sorted(matches, key=lambda match: (match[1], int(match[2])))]


def _raw_rows(path: str) -> Iterator[Any]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        for (document,) in connection.execute("SELECT document FROM logs JOIN documents USING (number)"):
            yield json.loads(document)


def _raw_documents(url: str, index: str) -> Iterator[Any]:
    """Yield the documents of indices, by a point in time: pages of a search that writes and rollovers do not move."""
    _ask("POST", f"{url}/{index}/_refresh")
    opened = _ask("POST", f"{url}/{index}/_pit?keep_alive=1m")
    query = {"size": _PAGE, "_source": ["body.text"], "sort": ["_shard_doc"], "pit": {"id": opened["id"]}}
    try:
        while hits := _ask("POST", f"{url}/_search", query)["hits"]["hits"]:
            yield from (hit["_source"] for hit in hits)
            query["search_after"] = hits[-1]["sort"]
    finally:
        _ask("DELETE", f"{url}/_pit", {"id": opened["id"]})


def _ask(method: str, url: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"content-type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def _shown(lines: tuple[Line, ...]) -> str:
    rest = ", ..." if len(lines) > _SHOWN else ""
    return ", ".join(f"{emitter} {number}" for emitter, number in lines[:_SHOWN]) + rest
