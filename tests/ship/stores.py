"""A store in memory that answers as it is told: away, busy, refusing, or well."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from tracelog.model import Coverage, LogEntry, Match, Operation, Span, SpanOutline
from tracelog.schema.otel import Destination, Document, decode_log
from tracelog.ship.drain import AdoptedSpool, Drain
from tracelog.ship.folder import DestinationFolder
from tracelog.ship.pipeline import Pipeline, Stats
from tracelog.ship.segment import Taken
from tracelog.ship.segment_files import MappedSegment
from tracelog.ship.spool import Spool
from tracelog.store.base import Refusal, Store, TraceContents, WriteResult
from tracelog.store.bulk import action, decode_record
from tracelog.store.slowest import Totals

Answer = Exception | Callable[[Sequence[Document]], WriteResult]


def log_documents(*numbers: int) -> list[Document]:
    return [Document(f"d{number:04d}", "logs", b"{}") for number in numbers]


def make_pipeline(folder: DestinationFolder | None = None, **options: Any) -> Pipeline:
    """Make a pipeline that nobody empties but the test, in memory where no folder is given."""
    return Pipeline(Destination(), Spool(folder, **options))


def destination_folder(root: Path, url: str = "memory:") -> DestinationFolder:
    """Return the folder below a root for the spools of a store."""
    return DestinationFolder.of(root, url, Destination())


def record_of(number: int, body: bytes | None = None, *, spool: int = 0xDEAD) -> bytes:
    """Return the record that a number of a spool has, 110 bytes or so, unless a body is given."""
    index = Destination().stream("logs").name
    return b"%b%b\n" % (action(index, f"{spool:016x}-{number:012x}"), b'{"n":%d}' % number if body is None else body)


def write_segment(path: Path, *numbers: int, spool: int = 0xDEAD) -> Path:
    """Write a segment as a process that is gone has left it, and return its path."""
    segment = MappedSegment.create(path, 256 * max(len(numbers), 1), b"{}")
    segment.begin(numbers[0] if numbers else 0)
    for number in numbers:
        assert segment.append(record_of(number, spool=spool), 0)
    segment.close()
    return segment.path


PADDED = 1000
"""How many bytes the record of a `padded` document takes."""


def padded(number: int) -> bytes:
    """Return a document that is a number, and some space."""
    return (b"%d" % number).ljust(PADDED - len(record_of(0, b"")))


def fill(spool: Spool, *numbers: int, weight: int = 0) -> None:
    """Append a `padded` document for each number."""
    for number in numbers:
        spool.append(padded(number), weight)


def singly(taken: Sequence[Taken]) -> list[Taken]:
    """Return records one by one."""
    return [single for one in taken for single in one.singly()]


def documents(taken: Sequence[Taken]) -> list[Document]:
    """Return what records hold."""
    return [decode_record(one.body) for one in singly(taken)]


def bodies(taken: Sequence[Taken]) -> list[int]:
    """Return the numbers that are the bodies of records."""
    return [int(document.body) for document in documents(taken)]


def numbers_of(taken: Sequence[Taken]) -> list[int]:
    """Return the numbers of records in their spool, which their ids have."""
    return [int(document.id.rpartition("-")[2], 16) for document in documents(taken)]


def settle_all(drain: Drain) -> list[Taken]:
    """Take all that waits, and settle it."""
    taken = drain.take(10**6, 10**12)
    drain.settle(taken)
    return taken


def adopt_all(folder: DestinationFolder) -> list[int]:
    """Adopt and settle what dead processes have left, and return the numbers that were its bodies, sorted."""
    found = []
    for process in folder.abandoned():
        adopted = AdoptedSpool(process)
        found += bodies(settle_all(adopted))
        adopted.close()
    return sorted(found)


def open_files() -> set[str]:
    """Return the numbers of the files that this process has open, each with what it is."""
    found = set()
    for path in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # the one that lists them
            found.add(f"{path.name} {path.readlink()}")
    return found


def files_below(root: Path) -> list[str]:
    """Return what lies below a folder, links and folders too."""
    return sorted(str(path.relative_to(root)) for path in root.rglob("*"))


def assert_balanced(stats: Stats) -> None:
    """Hold the books against the equation that they promise."""
    settled = stats.stored + stats.duplicate_suppressed + stats.failure_stored + stats.refused
    assert stats.emitted + stats.adopted == settled + stats.in_spool + stats.lost, stats


def books(emitted: int, **rest: int) -> Stats:
    """Return the books in which nothing happened but what is named."""
    return Stats(emitted=emitted, **rest)


class MemoryStore(Store):
    """Gives each of `answers` to one write, in turn, then stores. `received` are the ids of each batch that came."""

    def __init__(self, *answers: Answer) -> None:
        self.url = "memory:"
        self.received: list[list[str]] = []
        self.documents: dict[str, Document] = {}
        self.closed = False
        self.answers = deque(answers)

    @property
    def messages(self) -> list[Any]:
        """The bodies of the stored records, in the order of their arrival."""
        return [decode_log(document.body).body for document in self.documents.values() if document.stream == "logs"]

    def write(self, documents: Sequence[Document]) -> WriteResult:
        self.received.append([document.id for document in documents])
        if not self.answers:
            return self.keep(documents)
        answer = self.answers.popleft()
        if isinstance(answer, Exception):
            raise answer
        return answer(documents)

    def keep(self, documents: Sequence[Document]) -> WriteResult:
        fresh = {document.id: document for document in documents if document.id not in self.documents}
        self.documents.update(fresh)
        return WriteResult(len(fresh), len(documents) - len(fresh))

    def part(
        self, documents: Sequence[Document], refused: Collection[str] = (), again: Collection[str] = ()
    ) -> WriteResult:
        """Keep what is not to be refused or sent again."""
        kept = self.keep([document for document in documents if document.id not in {*refused, *again}])
        return WriteResult(
            *kept[:2],
            [Refusal(document, "bad field") for document in documents if document.id in refused],
            [document for document in documents if document.id in again],
        )

    def setup(self) -> list[str]:
        return []

    def refresh(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True

    def coverage(self, **_window: Any) -> list[Coverage]:
        self._never_asked()

    def _operations(self, *_: Any) -> list[Operation]:
        self._never_asked()

    def _outlines(self, *_: Any, **__: Any) -> Iterator[Sequence[SpanOutline]]:
        self._never_asked()

    def _outlines_around(self, *_: Any) -> Iterator[SpanOutline]:
        self._never_asked()

    def _outlines_of(self, *_: Any) -> Iterator[SpanOutline]:
        self._never_asked()

    def _search_spans(self, *_: Any, **__: Any) -> Iterator[Span]:
        self._never_asked()

    def _search_logs(self, *_: Any) -> Iterator[LogEntry]:
        self._never_asked()

    def _contents(self, trace_id: str) -> TraceContents:
        self._never_asked()

    def _totals(self, trace_ids: Collection[str]) -> Mapping[str, Totals]:
        self._never_asked()

    def _find_ids(self, *_: Any) -> list[Match]:
        self._never_asked()

    def _find_value(self, value: str) -> list[Match]:
        self._never_asked()

    def _never_asked(self) -> NoReturn:
        raise NotImplementedError("this store is only written to")
