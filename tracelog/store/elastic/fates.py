"""What became of each document of a bulk, in its order, as the cluster answers it."""

from __future__ import annotations

from collections import Counter

import msgspec

from tracelog.store.base import Refusal, WriteResult
from tracelog.store.bulk import Bulk
from tracelog.store.elastic.answers import Failure, is_passing

_CONFLICT = 409
_USED = "used"
_NOT_LET_IN = (401, 403, 404)
_STORED, _IN_FAILURE_STORE = b'"status":201', b'"failure_store"'


class _Written(msgspec.Struct):
    status: int
    error: Failure | None = None
    failure_store: str | None = None


class _Item(msgspec.Struct):
    create: _Written


_decoder = msgspec.json.Decoder(list[_Item])


class Fates(msgspec.Struct):
    """The answer to a bulk. That of most is all 201, and is not decoded further."""

    items: msgspec.Raw = msgspec.Raw(b"[]")

    def of(self, batch: Bulk) -> WriteResult:
        """Sort the documents by what became of them. Raise ValueError where the answer is not about them."""
        said = bytes(self.items)
        if said.count(_STORED) == len(batch) and _IN_FAILURE_STORE not in said:
            return WriteResult(len(batch), 0)
        counts: Counter[str] = Counter()
        refused, again = [], []
        for document, item in zip(batch, _decoder.decode(said), strict=True):
            written = item.create
            if is_passing(written.status) or written.status in _NOT_LET_IN:
                again.append(document)
            elif written.status != _CONFLICT and written.error:
                refused.append(Refusal(document, str(written.error)))
            elif written.failure_store == _USED:
                counts["failure store"] += 1
            else:
                counts["duplicate" if written.status == _CONFLICT else "stored"] += 1
        return WriteResult(counts["stored"], counts["duplicate"], refused, again, counts["failure store"])

    def closed_door(self) -> tuple[int, Failure] | None:
        """Return why a document is not let in, by status and reason: no template, no right, a block. It is no fault."""
        for item in _decoder.decode(self.items):
            if item.create.status in _NOT_LET_IN:
                return item.create.status, item.create.error or Failure("error", "not let in")
        return None
