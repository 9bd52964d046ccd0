"""Files -> the store, in bulk: OTLP/JSON lines and JSON log lines, plain or gzip, told apart line by line.

Streaming: memory holds one batch. A damaged line is counted with its number and reason, and the rest goes on. Ids
come from the content, so that importing a file twice stores it once.
"""

from __future__ import annotations

import gzip
import io
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import BinaryIO

import msgspec

from tracelog.errors import InputError, StoreUnavailableError
from tracelog.model import LogEntry, Span
from tracelog.schema.json_lines import JsonLineDecoder
from tracelog.schema.otel import Destination, Document, encode_log, encode_span, encode_span_events
from tracelog.schema.otlp import OtlpDecoder
from tracelog.ship.refused import REPAIRED, write_repairing
from tracelog.store.base import Refusal, Store, WriteResult

BATCH = 1000
REPORTED = 5
"""How many damaged lines are reported each with its reason; the others are only counted."""
_ATTEMPTS = 8
_EXPECTED = "expected OTLP/JSON lines (resourceSpans, resourceLogs) or JSON log lines with a time"
_BROKEN_OFF = (OSError, EOFError, zlib.error)
_GZIP_MAGIC = b"\x1f\x8b"


class Tally(msgspec.Struct):
    """How many documents of one sort were stored, were there already, and were refused by the store."""

    stored: int = 0
    duplicates: int = 0
    refused: int = 0

    def add(self, result: WriteResult) -> None:
        """Count what became of a batch."""
        self.stored += result.stored
        self.duplicates += result.duplicates
        self.refused += len(result.refused)


class ImportReport(msgspec.Struct):
    """What became of a file. `damage` has the first few damaged lines: (number, reason).

    `repaired`: the documents that the store took in their second form only. `timeless`: the spans and log lines whose
    time is not known.
    """

    spans: Tally = msgspec.field(default_factory=Tally)
    span_events: Tally = msgspec.field(default_factory=Tally)
    logs: Tally = msgspec.field(default_factory=Tally)
    damaged: int = 0
    damage: list[tuple[int, str]] = []
    refusals: list[str] = []
    repaired: int = 0
    timeless: int = 0

    @property
    def present(self) -> int:
        """How many documents of the file are in the store now."""
        return sum(tally.stored + tally.duplicates for tally in (self.spans, self.span_events, self.logs))

    def words(self, path: str) -> list[str]:
        """Say what became of the file, in lines for people."""
        parts = []
        for noun, tally in (("spans", self.spans), ("span events", self.span_events), ("log lines", self.logs)):
            if tally.stored or tally.duplicates or noun != "span events":
                known = f" ({tally.duplicates:,} were there already)" if tally.duplicates else ""
                parts.append(f"{tally.stored:,} {noun}{known}")
        said = [f"{path}: stored {', '.join(parts)}"]
        if self.timeless:
            said.append(f"{path}: {self.timeless:,} spans or log lines came without a time")
        if self.repaired:
            said.append(
                f"{path}: {self.repaired:,} documents were repaired; `{REPAIRED}` says why the store refused them"
            )
        refused = self.spans.refused + self.span_events.refused + self.logs.refused
        if refused:
            said.append(f"{path}: the store refused {refused:,} documents: {self.refusals[0]}")
        said += [f"{path}: line {number} is damaged: {reason}" for number, reason in self.damage]
        if self.damaged > len(self.damage):
            said.append(f"{path}: {self.damaged:,} lines are damaged in all")
        return said

    def add_damage(self, number: int, reason: str) -> None:
        """Count a damaged line, and keep the reason of the first few."""
        self.damaged += 1
        if len(self.damage) < REPORTED:
            self.damage.append((number, reason))


class _Writer:
    """Collects documents of one sort and writes them in batches."""

    def __init__(self, store: Store, destination: Destination, tally: Tally, report: ImportReport) -> None:
        self._store, self._destination, self._tally, self._report = store, destination, tally, report
        self._documents: list[Document] = []

    def add(self, document: Document) -> None:
        self._documents.append(document)
        if len(self._documents) >= BATCH:
            self.flush()

    def flush(self) -> None:
        if self._documents:
            result, repaired = _write_all(self._store, self._documents, self._destination)
            self._tally.add(result)
            self._report.repaired += repaired
            refusals = self._report.refusals
            refusals += [refusal.reason for refusal in result.refused][: REPORTED - len(refusals)]
            self._documents = []


def import_file(
    path: str, store: Store, destination: Destination, on_read: Callable[[int], None] = lambda _: None
) -> ImportReport:
    """Store what a file holds, `-` being standard input. `on_read` hears how many bytes of it are read.

    Raise InputError where no line of it can be read, or where it cannot be opened, and StoreError where the
    store fails; what was stored until then stays.
    """
    report = ImportReport()
    with _opened(path) as raw:
        lines = _lines(raw, on_read)
        readable = _import_lines(lines, store, destination, report)
    if report.damaged and not readable:
        number, reason = report.damage[0]
        raise InputError(f"{path}: line {number}: {reason} ({_EXPECTED})")
    return report


def _write_all(store: Store, documents: Sequence[Document], destination: Destination) -> tuple[WriteResult, int]:
    """Write documents, those again that the store was too busy for; return what became of them.

    And how many it took repaired. Raise StoreUnavailableError if it stays busy.
    """
    stored = duplicates = repaired = 0
    refused: list[Refusal] = []
    for attempt in range(_ATTEMPTS):
        result, mended = write_repairing(store, documents, destination)
        stored, duplicates, repaired = stored + result.stored, duplicates + result.duplicates, repaired + mended
        refused += result.refused
        documents = result.again
        if not documents:
            return WriteResult(stored, duplicates, refused), repaired
        time.sleep(0.1 * 2**attempt)
    raise StoreUnavailableError(f"{store.url} is too busy: {len(documents)} documents were not taken")


def _import_lines(lines: Iterator[bytes], store: Store, destination: Destination, report: ImportReport) -> int:
    """Import lines; return how many could be read."""
    tallies = (report.spans, report.span_events, report.logs)
    spans, events, logs = (_Writer(store, destination, tally, report) for tally in tallies)
    readable = 0
    for found_spans, found_logs in _decoded(lines, report):
        readable += 1
        report.timeless += sum(not span.start for span in found_spans) + sum(not each.has_time for each in found_logs)
        for span in found_spans:
            spans.add(encode_span(span, destination))
            for event in encode_span_events(span, destination):
                events.add(event)
        for entry in found_logs:
            logs.add(encode_log(entry, destination))
    for writer in (spans, events, logs):
        writer.flush()
    return readable


def _decoded(lines: Iterator[bytes], report: ImportReport) -> Iterator[tuple[Sequence[Span], Sequence[LogEntry]]]:
    """Yield what each line holds; report the damaged ones. A file that breaks off is damaged where it does."""
    decoder = _LineDecoder()
    for number in count(1):
        try:
            line = next(lines, None)
            if line is None:
                return
            if line.strip():
                yield decoder.decode(line)
        except _BROKEN_OFF as error:
            report.add_damage(number, f"the file breaks off: {error}")
            return
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            report.add_damage(number, str(error))


class _LineDecoder:
    """Decodes the lines of one file, of whichever kind each is."""

    def __init__(self) -> None:
        self._otlp = OtlpDecoder()
        self._json_lines = JsonLineDecoder()

    def decode(self, line: bytes) -> tuple[Sequence[Span], Sequence[LogEntry]]:
        if b'"resourceSpans"' in line or b'"resourceLogs"' in line:
            return self._otlp.decode(line)
        return (), (self._json_lines.decode(line),)


@contextmanager
def _opened(path: str) -> Iterator[BinaryIO]:
    if path == "-":
        yield sys.stdin.buffer
        return
    try:
        file = Path(path).open("rb")  # noqa: SIM115 - closed below; what the body raises is not this function's
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    with file:
        yield file


def _lines(raw: BinaryIO, on_read: Callable[[int], None]) -> Iterator[bytes]:
    """Yield the lines of a file, unpacked where it is gzip, and say how far the file itself is read."""
    counted = io.BufferedReader(_Counted(raw, on_read), buffer_size=1 << 18)
    packed = counted.peek(2)[:2] == _GZIP_MAGIC
    yield from gzip.GzipFile(fileobj=counted) if packed else counted


class _Counted(io.RawIOBase):
    """A raw reader that reports how many bytes were read through it."""

    def __init__(self, raw: BinaryIO, on_read: Callable[[int], None]) -> None:
        self._raw, self._on_read = raw, on_read

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override] # the stub says Buffer, 3.12
        data = self._raw.read(len(buffer))
        buffer[: len(data)] = data
        self._on_read(len(data))
        return len(data)
