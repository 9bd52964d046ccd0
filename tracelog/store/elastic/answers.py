"""What Elasticsearch answers, typed, and what follows from it: bytes in, values out.

Documents stay raw until `schema` decodes them. Nothing here asks anything.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Any, Generic, Protocol, TypeVar

import msgspec
from msgspec import Raw, field

from tracelog.errors import StoreError, StoreRejectedError, StoreUnavailableError

_LONGEST_REASON = 500
_DEEPEST = 1100  # levels: the server takes 1000 in a document
_TOO_MANY_REQUESTS, _SERVER_ERROR = 429, 500
_Answered = TypeVar("_Answered")
_Found = TypeVar("_Found")
_Row = TypeVar("_Row")


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


class Hit(msgspec.Struct, gc=False):
    """One document found; `sort` is where the next page starts."""

    id: str = field(name="_id", default="")
    index: str = field(name="_index", default="")
    source: Raw = field(name="_source", default=Raw(b"{}"))
    sort: Any = ()


class Row(Hit, Generic[_Row], gc=False, kw_only=True):
    """One of which no more comes than what it is sorted by, typed."""

    index: str = field(name="unread", default="")
    sort: _Row


class Total(msgspec.Struct):
    """How many documents were found, where that was asked for."""

    value: int = 0


class Hits(msgspec.Struct, Generic[_Found]):
    """The documents found."""

    hits: list[_Found] = []
    total: Total | None = None


class Answer(msgspec.Struct):
    """The answer to one search, or its failure."""

    hits: Hits[Hit] = field(default_factory=Hits)
    aggregations: dict[str, Any] = {}  # empty where no index is
    error: Failure | str | None = None
    status: int = 200

    @property
    def count(self) -> int:
        """How many documents were found, where that was asked for."""
        return self.hits.total.value if self.hits.total else 0

    def buckets(self, name: str) -> Any:
        """Return the groups that an aggregation made, a list or by name."""
        return self.aggregations.get(name, {}).get("buckets", ())

    def __bool__(self) -> bool:
        """Say whether anything was found."""
        return bool(self.hits.hits or self.count or any(self.buckets(name) for name in self.aggregations))


class Page(msgspec.Struct, Generic[_Found]):
    """Some of the documents found as of a point in time, and by which id it is known from now on."""

    hits: Hits[_Found] = field(default_factory=Hits)
    pit_id: str | None = None


def page_of(row: type) -> type[Page[Hit]]:
    """Return the type of a page of rows of a type."""
    return Page[Row[row]]  # type: ignore[valid-type, return-value]


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


def read(body: bytes, answer: type[_Answered]) -> _Answered:
    """Read an answer as a type. A document in it may be nested as deeply as interpreters before 3.12 recurse."""
    try:
        return msgspec.json.decode(body, type=answer)
    except RecursionError:
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(limit + _DEEPEST)
        try:
            return msgspec.json.decode(body, type=answer)
        finally:
            with suppress(RecursionError):  # of another thread, which is deeper now
                sys.setrecursionlimit(limit)


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
