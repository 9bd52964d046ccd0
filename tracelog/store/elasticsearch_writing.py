"""The way in: templates that are put once, and batches as bulk requests, each document's fate told apart.

How a request reaches the cluster is the caller's part.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from urllib.parse import quote

from tracelog.errors import StoreRejectedError
from tracelog.schema.otel import Destination, Document
from tracelog.store import elasticsearch_answers as answers
from tracelog.store import elasticsearch_bulk as bulk
from tracelog.store.base import Refusal, WriteResult
from tracelog.store.elasticsearch_answers import Request
from tracelog.store.elasticsearch_templates import templates

_NOT_FOUND, _TOO_LARGE = 404, 413
_SMALLEST_BULK = 64 * 1024
_FATES = "errors,items.*.status,items.*.error,items.*.failure_store"
"""What of an answer says what became of each document."""


class Writer:
    """Writes to the data streams of one destination."""

    def __init__(self, url: str, request: Request, destination: Destination) -> None:
        self._url = url
        self._request = request
        self._destination = destination
        self._set_up = False
        self._largest_bulk = bulk.LARGEST

    def setup(self) -> list[str]:
        """Put the index templates of the dataset, over those of an earlier version too."""
        done = []
        for name, template in templates(self._destination.dataset).items():
            self._request("PUT", f"/_index_template/{quote(name)}", template, answer=dict)
            done.append(f"{self._url}: template {name} is in place")
        self._set_up = True
        return done

    def write(self, documents: Sequence[Document]) -> WriteResult:
        """Store a batch in as few bulk requests as its size allows."""
        if documents and not self._set_up:
            self._set_up_where_absent()
        return bulk.merged([self._write_part(part, body) for part, body in self._bulks(documents)])

    def _set_up_where_absent(self) -> None:
        """Put templates that are absent. Without the right to do so go on: the bulk says whether they are there."""
        wanted = templates(self._destination.dataset)
        with suppress(StoreRejectedError):
            path, names = "/_index_template", "index_templates.name"  # all, for one that is absent would be an error
            there = self._request("GET", path, answer=answers.Templates, filter_path=names)
            for name in sorted(wanted.keys() - {template.name for template in there.index_templates}):
                self._request("PUT", f"{path}/{quote(name)}", wanted[name], answer=dict)
        self._set_up = True

    def _write_part(self, documents: list[Document], body: bytes) -> WriteResult:
        """Write a bulk; one that is too large for the server by halves, and those that come after in that size."""
        try:
            return self._write_bulk(documents, body)
        except StoreRejectedError as error:
            if error.status != _TOO_LARGE:
                raise
            if len(documents) == 1:
                return WriteResult(0, 0, [Refusal(documents[0], str(error))])
            self._largest_bulk = max(min(self._largest_bulk, len(body) // 2), _SMALLEST_BULK)
        middle = len(documents) // 2
        halves = [part for half in (documents[:middle], documents[middle:]) for part in self._bulks(half)]
        return bulk.merged([self._write_part(*part) for part in halves])

    def _bulks(self, documents: Sequence[Document]) -> Iterator[tuple[list[Document], bytes]]:
        return bulk.bulks(documents, self._destination, self._largest_bulk)

    def _write_bulk(self, documents: Sequence[Document], body: bytes) -> WriteResult:
        answer = self._request("POST", "/_bulk", body, answer=bulk.Bulk, filter_path=_FATES, require_data_stream=True)
        result = answer.outcome(documents)
        closed = answer.closed_door()
        if closed is None:
            return result
        status, failure = closed
        self._set_up = False
        advice = " (run: tracelog setup)" if status == _NOT_FOUND else ""
        obstacle = StoreRejectedError(f"{self._url}: {failure}{advice}", status=status)
        if len(result.again) == len(documents):
            raise obstacle
        return result._replace(obstacle=obstacle)
