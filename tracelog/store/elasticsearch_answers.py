"""What Elasticsearch answers, typed, and what follows from it: bytes in, values out.

Documents stay raw until `schema` decodes them. Nothing here asks anything.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Protocol, TypeVar

import msgspec
from msgspec import Raw, field

from tracelog import ids
from tracelog.errors import StoreError, StoreRejectedError, StoreUnavailableError
from tracelog.model import LogEntry, Match, Operation
from tracelog.schema import otel
from tracelog.store.base import Totals
from tracelog.store.terms import names_an_id, values_of, words_pattern

_MILLISECOND = 1_000_000
_LONGEST_REASON = 500
_TOO_MANY_REQUESTS, _SERVER_ERROR = 429, 500
_Dated = TypeVar("_Dated")
_Answered = TypeVar("_Answered")


class Request(Protocol):
    """Sends a request and reads the answer as a type. A body of bytes holds one JSON value per line."""

    def __call__(
        self, method: str, path: str, body: Any = None, *, answer: type[_Answered], **params: Any
    ) -> _Answered:
        """Send a request."""


class Failure(msgspec.Struct):
    """An error as the server words it."""

    type: str = ""
    reason: str | None = None
    caused_by: Failure | None = None
    root_cause: list[Failure] = []

    def __str__(self) -> str:
        """Say in one line what failed and, where that is known, the first cause of it."""
        first = next(iter(self.root_cause), self)
        while first.caused_by:
            first = first.caused_by
        cause = "" if first.reason in (None, self.reason) else f" ({first.reason})"
        return " ".join(f"{self.type}: {self.reason}{cause}".split())[:_LONGEST_REASON]


class Hit(msgspec.Struct):
    """One document found; `sort` is where the next page starts."""

    id: str = field(name="_id")
    source: Raw = field(name="_source", default=Raw(b"{}"))
    fields: dict[str, list[Any]] = {}
    sort: Raw = Raw(b"[]")

    def column(self, name: str) -> Any:
        """Return the first value of a column, None where the document has none."""
        return self.fields.get(name, (None,))[0]


class Hits(msgspec.Struct):
    """The documents found."""

    hits: list[Hit] = []


class Answer(msgspec.Struct):
    """The answer to one search, or its failure."""

    hits: Hits = field(default_factory=Hits)
    aggregations: dict[str, Any] = {}
    pit_id: str | None = None
    error: Failure | str | None = None
    status: int = 200


class Answers(msgspec.Struct):
    """The answers to several searches sent at once."""

    responses: list[Answer]


class Template(msgspec.Struct):
    """An index template that is there."""

    name: str


class Templates(msgspec.Struct):
    """The index templates found."""

    index_templates: list[Template] = []


class _Failed(msgspec.Struct):
    error: Failure | str | None = None


class _Held(msgspec.Struct):
    trace_id: str | None = None
    attributes: dict[str, Any] | None = None


def is_passing(status: int) -> bool:
    """Say whether an HTTP status means that the same request may go through later."""
    return status == _TOO_MANY_REQUESTS or status >= _SERVER_ERROR


def error(url: str, status: int, failure: Failure | str, retry_after: float | None = None) -> StoreError:
    """Return the error that a failure is to whoever asked, in one line that names the cluster. `retry_after`: s."""
    said = f"{url}: HTTP {status}: {failure}"
    if is_passing(status):
        return StoreUnavailableError(said, retry_after=retry_after)
    return StoreRejectedError(said, status=status)


def read_failure(body: bytes) -> Failure:
    """Return the error in a response, whoever wrote it: the server, or a proxy before it."""
    try:
        said = msgspec.json.decode(body, type=_Failed).error
    except (msgspec.MsgspecError, ValueError):
        said = None
    if isinstance(said, Failure):
        return said
    return Failure("error", str(said or body[:200].decode(errors="replace")))


def in_order(found: Iterable[tuple[str, _Dated]], time: Callable[[_Dated], int]) -> Iterator[_Dated]:
    """Sort to the nanosecond what is sorted to the millisecond, and drop second copies of a document.

    A mapping may keep milliseconds only; and a document sent again after a rollover is in two backing indices.
    """
    for _, group in groupby(found, key=lambda pair: time(pair[1]) // _MILLISECOND):
        yield from sorted(dict(group).values(), key=time)


def totals(spans: Iterable[Hit], lines: Mapping[str, int]) -> dict[str, Totals]:
    """Sum up spans, given as columns, by trace; `lines` are the log records of each."""
    found: dict[str, Totals] = {}
    for hit in {hit.id: hit for hit in spans}.values():  # one that was sent again after a rollover counts once
        trace_id = hit.column("trace_id")
        start, duration = otel.parse_timestamp(hit.column("@timestamp")), max(hit.column("duration") or 0, 0)
        so_far = found.get(trace_id) or Totals(0, lines.get(trace_id, 0), 0, start, start)
        root = duration if ids.span_id(hit.column("parent_span_id")) is None else None
        found[trace_id] = so_far._replace(
            span_count=so_far.span_count + 1,
            error_count=so_far.error_count + (hit.column("status.code") == "Error"),
            start=min(so_far.start, start),
            end=max(so_far.end, start + duration),
            root_duration=max((one for one in (so_far.root_duration, root) if one is not None), default=None),
        )
    return found


def counts(answer: Answer) -> dict[str, int]:
    """Return how many documents of each trace were found."""
    traces = answer.aggregations.get("traces", {})  # absent where no index is
    return {bucket["key"]: bucket["doc_count"] for bucket in traces.get("buckets", ())}


def holders(answer: Answer, value: str) -> list[Match]:
    """Return the traces whose attributes hold a value: in fields named like ids, else in any."""
    held: dict[bool, Counter[tuple[str, str]]] = defaultdict(Counter)
    for hit in answer.hits.hits:
        document = msgspec.json.decode(hit.source, type=_Held)
        trace_id = ids.trace_id(document.trace_id)
        keys = {key for key, text in values_of(document.attributes or {}) if text == value}
        for key in keys if trace_id else ():
            held[names_an_id(key)][trace_id or "", key] += 1
    return _one_per_trace(held[True] or held[False], value)


def sayers(lines: Iterable[LogEntry], text: str) -> list[Match]:
    """Return the traces with lines that say the words of a text."""
    pattern = words_pattern(text)
    said = Counter((line.trace_id, "message") for line in lines if line.trace_id and pattern.search(line.message))
    return _one_per_trace(said, text)


def _one_per_trace(found: Mapping[tuple[str, str], int], value: str) -> list[Match]:
    """Keep, for each trace, the field that holds the value most often."""
    best: dict[str, Match] = {}
    for (trace_id, name), count in sorted(found.items()):
        if trace_id not in best or count > best[trace_id].count:
            best[trace_id] = Match(trace_id, name, value, count)
    return list(best.values())


def ranks(group: Mapping[str, Any]) -> Iterator[tuple[int, int]]:
    """Yield (rank, about how many ns) for each percentile of an operation, by nearest rank."""
    count = group["doc_count"]
    for figure in group["percentiles"]["values"]:
        yield max(-(-count * int(figure["key"]) // 100), 1), int(figure["value"] or 0)


def operation(group: Mapping[str, Any], spans: Sequence[Hit | None]) -> Operation:
    """Return the latency of an operation, given the span found at each percentile."""
    figures, examples = {}, {}
    for figure, span in zip(group["percentiles"]["values"], spans, strict=True):
        name = f"p{int(figure['key'])}"
        figures[name] = round(figure["value"] or 0) if span is None else span.column("duration")
        if span is not None:
            examples[name] = span.column("trace_id")
    key = group["key"]
    return Operation(
        service=key["service"] or key["resource"] or "unknown_service",
        name=key["name"] or "",
        kind=(key["kind"] or "unspecified").upper(),
        count=group["doc_count"],
        error_count=group["errors"]["doc_count"],
        max=round(group["longest"]["value"] or 0),
        examples=examples,
        **figures,
    )
