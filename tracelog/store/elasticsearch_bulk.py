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
"""How many bytes of documents go into one request, unless the server wants fewer."""

_CONFLICT = 409
_IN_FAILURE_STORE = "used"
_NOT_LET_IN = (401, 403, 404)


def bulks(
    documents: Sequence[Document], destination: Destination, largest: int
) -> Iterator[tuple[list[Document], bytes]]:
    """Yield the documents in parts of limited size, each with its request body."""
    actions = {kind: _action(destination.stream(kind).name) for kind in (LOGS, TRACES)}
    part: list[Document] = []
    lines: list[bytes] = []
    size = 0
    for document in documents:
        if part and size + len(document.body) > largest:
            yield part, b"\n".join(lines) + b"\n"
            part, lines, size = [], [], 0
        body = document.body
        lines.append(actions[document.stream] % msgspec.json.encode(document.id))
        # Within JSON a line break is only ever space, while a bulk ends the document there.
        lines.append(body.replace(b"\n", b" ") if b"\n" in body else body)
        part.append(document)
        size += len(body)
    if part:
        yield part, b"\n".join(lines) + b"\n"


def _action(stream: str) -> bytes:
    """Return the line that says where a document goes, with room for its id."""
    return b'{"create":{"_index":%s,"_id":%%s}}' % msgspec.json.encode(stream).replace(b"%", b"%%")


def merged(results: Sequence[WriteResult]) -> WriteResult:
    """Return what became of a batch, given that of its parts."""
    refused = [refusal for result in results for refusal in result.refused]
    again = [document for result in results for document in result.again]
    stored, duplicates = sum(result.stored for result in results), sum(result.duplicates for result in results)
    obstacle = next((result.obstacle for result in results if result.obstacle), None)
    return WriteResult(stored, duplicates, refused, again, sum(result.failure_stored for result in results), obstacle)


class _Written(msgspec.Struct):
    status: int
    error: Failure | None = None
    failure_store: str | None = None


class _Item(msgspec.Struct):
    create: _Written


class Bulk(msgspec.Struct):
    """What became of each document of a bulk, in its order."""

    items: list[_Item] = []

    def outcome(self, documents: Sequence[Document]) -> WriteResult:
        """Sort the documents by what became of them. Raise ValueError where the answer is not about them."""
        statuses: Counter[str] = Counter()
        refused, again = [], []
        for document, item in zip(documents, self.items, strict=True):
            written = item.create
            if is_passing(written.status) or written.status in _NOT_LET_IN:
                again.append(document)
            elif written.status != _CONFLICT and written.error:
                refused.append(Refusal(document, str(written.error)))
            elif written.failure_store == _IN_FAILURE_STORE:
                statuses["failure store"] += 1
            else:
                statuses["duplicate" if written.status == _CONFLICT else "stored"] += 1
        return WriteResult(statuses["stored"], statuses["duplicate"], refused, again, statuses["failure store"])

    def closed_door(self) -> tuple[int, Failure] | None:
        """Return why a document is not let in, by status and reason: no template, no right, a block. It is no fault."""
        for item in self.items:
            if item.create.status in _NOT_LET_IN:
                return item.create.status, item.create.error or Failure("error", "not let in")
        return None
