"""What a store will not take: repaired once, then set aside with the reason.

A refusal is the document's fault: a field that the mapping cannot hold, or a size that the server does not accept.
The repaired document keeps who, when, which trace and the text, and everything else as text that no mapping
looks into. What is refused even so goes to a file, one JSON object a line, next to the spools.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path

import msgspec

from tracelog.schema import times
from tracelog.schema.otel import LOGS, Destination, Document, decode_log, decode_span, encode_log, encode_span
from tracelog.ship.private import DIRECT, make_private, make_root
from tracelog.store.base import Refusal, Store, WriteResult

LARGEST_FILE = 256 * 1024 * 1024
"""How large the file may become, bytes; what is refused then is counted only."""
LONGEST_TEXT = 256 * 1024
"""How many characters of a text are kept in a document that was refused."""
_LONGEST_NAME = 1024
_MOST_VALUES = 100
REPAIRED, ORIGINAL = "tracelog.repaired", "tracelog.original"


class Refused(msgspec.Struct):
    """A line of the file: a document as it was to be stored, when and why it was refused."""

    time: str
    reason: str
    stream: str
    id: str
    document: msgspec.Raw


def write_repairing(store: Store, documents: Sequence[Document], destination: Destination) -> tuple[WriteResult, int]:
    """Write a batch, and what is refused once more, repaired; return what became of it, and how many that helped."""
    first = store.write(documents)
    if not first.refused:
        return first, 0
    mended, beyond = [], []
    for refusal in first.refused:
        document = repaired(refusal, destination)
        if document is None:
            beyond.append(refusal)
        else:
            mended.append(document)
    second = store.write(mended) if mended else WriteResult(0, 0)
    result = WriteResult(
        first.stored + second.stored,
        first.duplicates + second.duplicates,
        [*beyond, *second.refused],
        [*first.again, *second.again],
        first.failure_stored + second.failure_stored,
        first.obstacle or second.obstacle,
    )
    return result, second.stored


def repaired(refusal: Refusal, destination: Destination) -> Document | None:
    """Return a document that says the same in fewer ways to be refused, None where it cannot be read."""
    document, reason = refusal
    attributes = {REPAIRED: _encodable(reason[:_LONGEST_NAME])}
    try:
        if document.stream == LOGS:
            entry = decode_log(document.body)
            attributes[ORIGINAL] = cut(_text(entry.attributes))
            entry = msgspec.structs.replace(
                entry,
                time=times.within_64_bits(max(entry.time, 0)),
                observed_time=entry.observed_time and times.within_64_bits(max(entry.observed_time, 0)),
                body=entry.body if entry.body is None else cut(entry.message),
                severity_text=_short(entry.severity_text),
                logger=_short(entry.logger),
                event_name=_short(entry.event_name),
                service=entry.service[:_LONGEST_NAME],
                attributes=attributes,
                resource=_short_values(entry.resource),
            )
            return encode_log(entry, destination)._replace(id=document.id)
        span = decode_span(document.body)
        attributes[ORIGINAL] = cut(_text({"attributes": span.attributes, "links": span.links}))
        span = msgspec.structs.replace(
            span,
            start=times.within_64_bits(max(span.start, 0)),
            duration=times.within_64_bits(span.duration),
            name=span.name[:_LONGEST_NAME],
            service=span.service[:_LONGEST_NAME],
            status_message=_short(span.status_message),
            attributes=attributes,
            links=(),
            resource=_short_values(span.resource),
        )
        return encode_span(span, destination)._replace(id=document.id)
    except (msgspec.MsgspecError, ValueError, TypeError, OverflowError, RecursionError):
        return None


def cut(text: str) -> str:
    """Return a text, cut off where it is too long, with a mark that says how long it was."""
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]} [cut: {len(text):,} characters]"


def set_aside(folder: Path, refusals: Iterable[Refusal]) -> None:
    """Append refused documents to the file of a destination. Raise OSError where it is unsafe, or not possible."""
    lines = [msgspec.json.encode(_line(refusal)) + b"\n" for refusal in refusals]
    make_root(folder.parent)
    make_private(folder)
    descriptor = os.open(refused_file(folder), os.O_RDWR | os.O_APPEND | os.O_CREAT | DIRECT, 0o600)
    try:
        for line in lines:
            _append(descriptor, line)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _append(descriptor: int, line: bytes) -> None:
    size = os.lseek(descriptor, 0, os.SEEK_END)
    if size + len(line) >= LARGEST_FILE:
        return
    os.lseek(descriptor, max(size - 1, 0), os.SEEK_SET)
    if os.read(descriptor, 1) not in (b"", b"\n"):  # a full disk took only a part of the line before
        line = b"\n" + line
    while line:
        line = line[os.write(descriptor, line) :]


def refused_file(folder: Path) -> Path:
    """Return where the refused documents of a destination lie."""
    return folder / "refused.jsonl"


def read_refused(folder: Path) -> list[Refused]:
    """Return the documents that were set aside; a damaged line is passed over."""
    found = []
    with suppress(FileNotFoundError), refused_file(folder).open("rb") as file:
        for line in file:
            with suppress(msgspec.MsgspecError):
                found.append(msgspec.json.decode(line, type=Refused))
    return found


def _line(refusal: Refusal) -> Refused:
    document = refusal.document
    try:
        body = msgspec.json.encode(msgspec.json.decode(document.body))  # on one line, whatever it came as
    except (msgspec.MsgspecError, RecursionError):
        body = msgspec.json.encode(document.body.decode(errors="replace"))
    now = times.format_iso(time.time_ns())
    return Refused(now, _encodable(refusal.reason), document.stream, document.id, msgspec.Raw(body))


def _encodable(text: str) -> str:
    return text.encode(errors="replace").decode()  # a server may repeat half of a character


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _short(text: str | None) -> str | None:
    return text if text is None else text[:_LONGEST_NAME]


def _short_values(attributes: object) -> dict[str, str]:
    held = islice(attributes.items(), _MOST_VALUES) if isinstance(attributes, dict) else ()
    return {key[:_LONGEST_NAME].replace("\0", ""): str(value)[:_LONGEST_NAME] for key, value in held}
