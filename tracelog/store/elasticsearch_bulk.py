"""Batches of documents as bulk requests, and what became of each document.

A bulk is lines: an action, then the document as it is. `create` with an id makes a document that is there already a
conflict, which is how a batch sent again is recognised.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec

from tracelog.schema.otel import LOGS, TRACES, Destination, Document
from tracelog.store.base import Refusal, WriteResult
from tracelog.store.elasticsearch_answers import Failure, is_passing

LARGEST = 5_000_000
"""How many bytes of documents go into one request."""

_CONFLICT = 409
_NOT_LET_IN = (401, 403, 404)


def bulks(
    documents: Sequence[Document], destination: Destination, largest: int
) -> Iterator[tuple[list[Document], bytes]]:
    """Yield the documents in parts of limited size, each with its request body."""
    streams = {kind: destination.stream(kind).name for kind in (LOGS, TRACES)}
    part: list[Document] = []
    lines: list[bytes] = []
    size = 0
    for document in documents:
        if part and size + len(document.body) > largest:
            yield part, b"\n".join(lines) + b"\n"
            part, lines, size = [], [], 0
        action = {"create": {"_index": streams[document.stream], "_id": document.id}}
        # Within JSON a line break is only ever space, while a bulk ends the document there.
        lines += (msgspec.json.encode(action), document.body.replace(b"\n", b" "))
        part.append(document)
        size += len(document.body)
    if part:
        yield part, b"\n".join(lines) + b"\n"


def merged(results: Sequence[WriteResult]) -> WriteResult:
    """Return what became of a batch, given that of its parts."""
    refused = [refusal for result in results for refusal in result.refused]
    again = [document for result in results for document in result.again]
    return WriteResult(
        sum(result.stored for result in results), sum(result.duplicates for result in results), refused, again
    )


class _Written(msgspec.Struct):
    status: int
    error: Failure | None = None


class _Item(msgspec.Struct):
    create: _Written


class Bulk(msgspec.Struct):
    """What became of each document of a bulk, in its order."""

    items: list[_Item] = []

    def outcome(self, documents: Sequence[Document]) -> WriteResult:
        """Sort the documents by what became of them."""
        statuses: Counter[str] = Counter()
        refused, again = [], []
        for document, item in zip(documents, self.items, strict=True):
            status = item.create.status
            if is_passing(status):
                again.append(document)
            elif status != _CONFLICT and item.create.error:
                refused.append(Refusal(document, str(item.create.error)))
            else:
                statuses["duplicate" if status == _CONFLICT else "stored"] += 1
        return WriteResult(statuses["stored"], statuses["duplicate"], refused, again)

    def closed_door(self) -> tuple[int, Failure] | None:
        """Return why no document is let in, by status and reason: no template, or no right. It is not their fault."""
        for item in self.items:
            if item.create.status in _NOT_LET_IN and item.create.error:
                return item.create.status, item.create.error
        return None
