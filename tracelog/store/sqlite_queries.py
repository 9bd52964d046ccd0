"""Questions -> statements of the embedded store, each with the values that it is bound to.

What users typed is always a bound value. Where the columns do not decide, a statement picks by the document's raw
text, roughly, and whoever reads the documents decides.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from typing import Any, NamedTuple

import msgspec

from tracelog.store.constraints import EQUALS, Constraint
from tracelog.store.query import LogQuery, SpanQuery
from tracelog.store.sqlite_schema import RUN
from tracelog.store.terms import words

SPANS = "SELECT document FROM spans CROSS JOIN documents USING (number)"
LOGS = "SELECT document, id FROM logs CROSS JOIN documents USING (number)"
"""What is decoded; the conditions are decided first, then the documents are read."""
_OF_TRACES = "trace IN (SELECT trace FROM traces WHERE trace_id IN (SELECT value FROM json_each(?)))"
OF_TRACE = "trace = (SELECT trace FROM traces WHERE trace_id = ?)"
IN_ANY_RUN = f"{RUN} IN runs"
"""The condition by which the indexes that are kept by runs are used."""
_FAILED = "EXISTS (SELECT 1 FROM spans AS failed WHERE failed.trace = spans.trace AND failed.status = 'ERROR')"
_VARIABLES = 500
"""How many parameters a statement gets at most: fewer than any build of SQLite takes."""
_LONGEST_PATTERN = 1000
"""More characters of a pattern than this pick nothing that fewer would not."""
_WILD = re.compile(r"[\\%_]")


class Statement(NamedTuple):
    """A statement and the values that are bound to it."""

    text: str
    values: tuple[Any, ...] = ()


class Where:
    """A WHERE clause under construction: conditions and the values they are bound to."""

    def __init__(self) -> None:
        self._conditions: list[str] = []
        self._values: list[Any] = []

    def add(self, condition: str, *values: Any) -> None:
        """Add a condition, unless the value that it is for is None."""
        if None not in values:
            self._conditions.append(condition)
            self._values += values

    def statement(self, select: str, order: str = "") -> Statement:
        """Return a statement with this clause between its ends."""
        where = f"WHERE {' AND '.join(self._conditions)}" if self._conditions else ""
        return Statement(f"{select} {where} {order}", tuple(self._values))


def chunks(values: Collection[str]) -> Iterator[tuple[list[str], str]]:
    """Yield values in runs that SQLite takes as parameters, each with its question marks."""
    everything = list(values)
    for start in range(0, len(everything), _VARIABLES):
        chunk = everything[start : start + _VARIABLES]
        yield chunk, ",".join("?" * len(chunk))


def spans(query: SpanQuery) -> Statement:
    """Pick the documents of spans by start, roughly where attributes are asked for."""
    return _wanted(query).statement(SPANS, "ORDER BY start")


def longest_spans(query: SpanQuery, run: int) -> Statement:
    """Pick the documents of the spans of a run, the longest first, each with its duration."""
    where = _wanted(query)
    where.add(f"{RUN} = ?", run)
    select = "SELECT document, duration FROM spans CROSS JOIN documents USING (number)"
    return where.statement(select, "ORDER BY duration DESC")


def longest_of_traces(query: SpanQuery) -> Statement:
    """Pick the documents of the spans of some traces, the longest first."""
    return _wanted(query).statement(SPANS, "ORDER BY duration DESC")


def operations(query: SpanQuery) -> Statement:
    """Pick what the latency of operations is made of, of each span, from the columns alone."""
    return _wanted(query).statement("SELECT service, name, kind, status, start, duration, trace FROM spans")


def outlines(query: SpanQuery) -> Statement:
    """Pick the documents of the spans of a window, those of a trace together.

    The few columns are sorted, not the documents; the limit keeps SQLite from putting the two steps together.
    """
    if query.since is None and query.until is None:
        return Statement(f"{SPANS} ORDER BY trace")
    numbers = _wanted(query).statement("SELECT number FROM spans INDEXED BY spans_start", "ORDER BY trace LIMIT -1")
    return Statement(f"SELECT document FROM ({numbers.text}) CROSS JOIN documents USING (number)", numbers.values)


def outlines_around(trace_ids: frozenset[str], query: SpanQuery) -> Statement:
    """Pick the documents of the spans of some traces that a window leaves out; no comparison with NULL is true."""
    outside = "(start < ? OR start >= ?)"
    return Statement(f"{SPANS} WHERE {_OF_TRACES} AND {outside}", (_json_list(trace_ids), query.since, query.until))


def runs_of(query: SpanQuery) -> Statement:
    """Pick the runs that have spans of the window that is asked about."""
    where = Where()
    where.add("start >= ?", query.since)
    where.add("start < ?", query.until)
    if query.since is None and query.until is None:
        return where.statement("SELECT run FROM runs")
    return where.statement(f"SELECT DISTINCT {RUN} FROM spans INDEXED BY spans_start")


def _wanted(query: SpanQuery) -> Where:
    where = Where()
    where.add("place = ?", None if query.place == "any" else query.place)
    where.add("service = ?", query.service)
    where.add("name = ?", query.name)
    where.add("kind = ?", query.kind)
    where.add("status = ?", query.status)
    where.add("duration >= ?", query.min_duration)
    where.add("duration <= ?", query.max_duration)
    where.add("start >= ?", query.since)
    where.add("start < ?", query.until)
    if query.failed:
        where.add(_FAILED)
    if query.trace_ids is not None:
        where.add(_OF_TRACES, _json_list(query.trace_ids))
    _add_attributes(where, query.attributes)
    return where


def _add_attributes(where: Where, asked: Iterable[Constraint]) -> None:
    """Pick what may have attributes. A dot may stand in the key or between a map and its key."""
    for each in asked:
        value = [each.value] if each.operator == EQUALS else []
        where.add(*_holds(map(_json_text, (*each.key.split("."), *value))))


def logs(query: LogQuery) -> Statement:
    """Pick the documents and ids of log entries, roughly where a text is asked for."""
    where = Where()
    where.add(OF_TRACE, query.trace_id)
    where.add("span_id = ?", query.span_id)
    if query.span_id and not query.trace_id:
        where.add(IN_ANY_RUN)
    where.add("service = ?", query.service)
    where.add("severity >= ?", query.severity)
    where.add("time >= ?", query.since)
    where.add("time < ?", query.until)
    if query.text:
        where.add(*_holds(words(query.text)))
    _add_attributes(where, query.attributes)
    return where.statement(LOGS, "ORDER BY time")


def documents_with(value: str) -> Statement:
    """Pick the documents that may hold a value in an attribute, or say it."""
    where = Where()
    where.add(*_holds(words(value) or [_json_text(value)]))
    return where.statement("SELECT document FROM documents")


def _holds(parts: Iterable[str]) -> tuple[str, str]:
    """Pick documents that have parts in sequence, in any case, as they stand in JSON.

    SQLite knows the two cases of ASCII letters alone: for others that have cases, any character does.
    """
    pattern = "%".join(_roughly(part) for part in parts)
    return "document LIKE ? ESCAPE '\\'", f"%{pattern}%"


def _json_list(values: Iterable[str]) -> str:
    return msgspec.json.encode(sorted(values)).decode()


def _json_text(value: str) -> str:
    """Return a text as it stands within the quotes of a stored document."""
    return msgspec.json.encode(value.encode(errors="replace").decode())[1:-1].decode()


def _roughly(part: str) -> str:
    kept = part[:_LONGEST_PATTERN]
    return _WILD.sub(r"\\\g<0>", kept) if kept.isascii() else "".join(map(_roughly_one, kept))


def _roughly_one(character: str) -> str:
    has_cases = not character.isascii() and character.lower() != character.upper()
    return "_" if has_cases else _WILD.sub(r"\\\g<0>", character)
