"""The way in: templates that are put once, and batches as bulk requests, each document's fate told apart.

How a request reaches the cluster is the caller's part.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from urllib.parse import quote

from tracelog.errors import StoreRejectedError
from tracelog.schema.otel import Destination, Document
from tracelog.store.base import Refusal, WriteResult
from tracelog.store.bulk import Bulk
from tracelog.store.elastic import answers
from tracelog.store.elastic.answers import Request
from tracelog.store.elastic.fates import Fates
from tracelog.store.elastic.templates import templates

_NOT_FOUND, _TOO_LARGE = 404, 413
_LARGEST, _SMALLEST = 5_000_000, 64 * 1024
"""How many bytes go into one request, unless the server wants fewer; and how few it may want."""
_FATES = "errors,items.*.status,items.*.error,items.*.failure_store"
"""What of an answer says what became of each document."""


class Writer:
    """Writes to the data streams of one destination."""

    def __init__(self, url: str, request: Request, destination: Destination) -> None:
        self._url = url
        self._request = request
        self._destination = destination
        self._set_up = False
        self._largest = _LARGEST

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
        batch = documents if isinstance(documents, Bulk) else Bulk.of(documents, self._destination)
        return _merged([self._write_part(part) for part in batch.parts(self._largest)])

    def _set_up_where_absent(self) -> None:
        """Put templates that are absent. Without the right to do so go on: the bulk says whether they are there."""
        wanted = templates(self._destination.dataset)
        with suppress(StoreRejectedError):
            path, names = "/_index_template", "index_templates.name"  # all, for one that is absent would be an error
            there = self._request("GET", path, answer=answers.Templates, filter_path=names)
            for name in sorted(wanted.keys() - {template.name for template in there.index_templates}):
                self._request("PUT", f"{path}/{quote(name)}", wanted[name], answer=dict)
        self._set_up = True

    def _write_part(self, batch: Bulk) -> WriteResult:
        """Write a bulk; one that is too large for the server by halves, and those that come after in that size."""
        try:
            return self._write_bulk(batch)
        except StoreRejectedError as error:
            if error.status != _TOO_LARGE:
                raise
            if len(batch) == 1:
                return WriteResult(0, 0, [Refusal(batch[0], str(error))])
        half = len(batch.body) // 2
        self._largest = max(min(self._largest, half), _SMALLEST)
        return _merged([self._write_part(part) for part in batch.parts(half)])

    def _write_bulk(self, batch: Bulk) -> WriteResult:
        answer = self._request("POST", "/_bulk", batch.body, answer=Fates, filter_path=_FATES, require_data_stream=True)
        result = answer.of(batch)
        closed = answer.closed_door() if result.again else None
        if closed is None:
            return result
        status, failure = closed
        self._set_up = False
        advice = " (run: tracelog setup)" if status == _NOT_FOUND else ""
        obstacle = StoreRejectedError(f"{self._url}: {failure}{advice}", status=status)
        if len(result.again) == len(batch):
            raise obstacle
        return result._replace(obstacle=obstacle)


def _merged(results: Sequence[WriteResult]) -> WriteResult:
    """Return what became of a batch, given that of its parts."""
    if len(results) == 1:
        return results[0]
    refused = [refusal for result in results for refusal in result.refused]
    again = [document for result in results for document in result.again]
    stored, duplicates = sum(result.stored for result in results), sum(result.duplicates for result in results)
    obstacle = next((result.obstacle for result in results if result.obstacle), None)
    return WriteResult(stored, duplicates, refused, again, sum(result.failure_stored for result in results), obstacle)
