"""Documents as the body of a bulk request: for each a line that says where it goes, then the document as it is.

`create` with an id makes a document that is there already a conflict, which is how a batch sent again is recognised.
A spool keeps its records in this form, so that a batch of them is sent as it lies there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import overload

import msgspec

from tracelog.schema.otel import LOGS, TRACES, Destination, Document


def action(index: str, document_id: str) -> bytes:
    """Return the line that says where a document goes."""
    return b'{"create":{"_index":%b,"_id":%b}}\n' % (msgspec.json.encode(index), msgspec.json.encode(document_id))


def split_records(body: bytes) -> list[bytes]:
    """Return the two lines of each document in the body of a bulk request."""
    lines = body.split(b"\n")
    return [b"%b\n%b\n" % pair for pair in zip(lines[::2], lines[1::2], strict=False)]  # behind the last is nothing


class Bulk(Sequence[Document]):
    """A batch of documents, which are only decoded from `body` where somebody looks at them."""

    def __init__(self, body: bytes, count: int) -> None:
        self.body = body
        self._count = count

    @classmethod
    def of(cls, documents: Sequence[Document], destination: Destination) -> Bulk:
        """Return documents as the bulk that puts them into the data streams of a destination."""
        names = {kind: destination.stream(kind).name for kind in (LOGS, TRACES)}
        lines: list[bytes] = []
        for document in documents:
            # Within JSON a line break is only ever space, while a bulk ends the document there.
            body = document.body.replace(b"\n", b" ")
            lines += (action(names[document.stream], document.id), body, b"\n")
        return cls(b"".join(lines), len(documents))

    def parts(self, largest: int) -> Iterator[Bulk]:
        """Yield the batch in parts of at most so many bytes, but for a document that alone has more."""
        if 0 < len(self.body) <= largest:
            yield self
            return
        part: list[bytes] = []
        size = 0
        for record in split_records(self.body):
            if part and size + len(record) > largest:
                yield Bulk(b"".join(part), len(part))
                part, size = [], 0
            part.append(record)
            size += len(record)
        if part:
            yield Bulk(b"".join(part), len(part))

    @cached_property
    def _documents(self) -> list[Document]:
        return [decode_record(record) for record in split_records(self.body)]

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, position: int) -> Document: ...
    @overload
    def __getitem__(self, position: slice) -> Sequence[Document]: ...
    def __getitem__(self, position: int | slice) -> Document | Sequence[Document]:
        return self._documents[position]


class _Create(msgspec.Struct):
    index: str = msgspec.field(name="_index")
    id: str = msgspec.field(name="_id")


class _Action(msgspec.Struct):
    create: _Create


_decoder = msgspec.json.Decoder(_Action)


def decode_record(record: bytes) -> Document:
    """Return the document of a record: its two lines."""
    line, body, _ = record.split(b"\n", 2)
    create = _decoder.decode(line).create
    return Document(create.id, TRACES if create.index.startswith(f"{TRACES}-") else LOGS, body)
