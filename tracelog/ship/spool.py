"""The spool: what was emitted and is not yet in the store, where a kill of the process does not reach it.

To append is to copy bytes into memory that a file is mapped to: no system call, so no other thread gets the
interpreter's lock in between. A keeper prepares segments ahead and syncs them; where it comes late, the call prepares
one itself. What the disk does not take, or the quota does not allow, goes to a bounded ring in memory; where that is
full too, the oldest segment is given up, what is WARNING and above last. All of it is counted.
"""

from __future__ import annotations

import secrets
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from tracelog.schema.otel import Document
from tracelog.ship.drain import Drain
from tracelog.ship.folder import DestinationFolder, ProcessFolder
from tracelog.ship.records import Record, encode_record, record_id, size_of
from tracelog.ship.segment import START, MemorySegment

FIRST, LARGEST = 256 * 1024, 4 * 1024 * 1024
"""How many bytes of records the first segment has room for, and those that come after some others."""
QUOTA = 1024**3
"""How many bytes all spools of a destination may take on disk."""
MEMORY = 64 * 1024 * 1024
"""How many bytes of memory stand in for the disk."""
_GROWTH = 4
_AHEAD = 2
_NEVER = 1 << 62
_FULL = "the spool was full"


class Loss(NamedTuple):
    """Records that were given up: how many, the first and the last of them, and why."""

    records: int
    reason: str
    first: Document | None = None
    last: Document | None = None


class Books(NamedTuple):
    """What a spool counts: records emitted, not yet settled, given up; and segments that a call had to prepare."""

    emitted: int
    waiting: int
    lost: int
    segment_waits: int


class Spool(Drain):
    """The spool of this process for one destination.

    `folder`: None for memory alone. `about`: JSON that is kept with each segment. `wake` is called when a segment
    should be prepared; `complain` hears in one line why something cannot be kept on disk.
    """

    def __init__(
        self,
        folder: DestinationFolder | None = None,
        about: bytes = b"{}",
        *,
        wake: Callable[[], None] = lambda: None,
        complain: Callable[[str], None] = lambda _: None,
        quota: int = QUOTA,
        memory: int = MEMORY,
    ) -> None:
        super().__init__()
        self.folder = folder
        self._about, self._wake, self._complain = about, wake, complain
        self._quota, self._memory = quota, memory
        self._own: ProcessFolder | None = None
        self.begin()

    def begin(self) -> None:
        """Begin anew: at the start, and in a forked child, where the parent's segments are not ours."""
        for segment in (*self._segments, *getattr(self, "_ready", ())):
            segment.release()
        if self._own is not None:
            self._own.release()
        super().__init__()
        self._own = None
        self.id = int.from_bytes(secrets.token_bytes(8), "little")
        # Reentrant: a signal handler or a finaliser that logs may run in the middle of an append.
        self._lock = threading.RLock()
        self._creating = threading.Lock()
        self._is_appending = False
        self._deferred: deque[tuple[Document, int]] = deque()
        self._current: MemorySegment | None = None
        self._ready: deque[MemorySegment] = deque()
        self._left: list[MemorySegment] = []
        self._alarm = _NEVER
        self._created = 0
        self.emitted = self.lost = self.segment_waits = 0
        self.losses: deque[Loss] = deque()
        """What was given up and is not yet told to readers."""

    def append(self, document: Document, weight: int = 0) -> None:
        """Keep a document; without an id it gets one by its place in the order of the calls. `weight`: 0 or 1."""
        with self._lock:
            if self._is_appending:
                self._deferred.append((document, weight))
                return
            self._is_appending = True
            try:
                self._append(document, weight)
                while self._deferred:
                    self._append(*self._deferred.popleft())
            finally:
                self._is_appending = False

    def _append(self, document: Document, weight: int) -> None:
        need = size_of(document)
        segment = self._current
        if segment is None or segment.end + need > segment.size:
            segment = self._rotate(need)
        number = self.emitted
        if segment is None:
            self._note_loss(1, document, document)
        else:
            segment.append(encode_record(self.id, number, document, weight))
            if segment.end > self._alarm:
                self._alarm = _NEVER
                self._wake()
        self.emitted = number + 1

    def _rotate(self, need: int) -> MemorySegment | None:
        if self._current is not None:
            self._current.is_full = True
        segment = self._next(need)
        if segment is not None:
            self._segments.append(segment)
            self._alarm = START + segment.size // _GROWTH
        self._current = segment
        return segment

    def _next(self, need: int) -> MemorySegment | None:
        """Return a segment with room, one that is ready where there is one."""
        segment = self._take_ready(need)
        if segment is None:
            self.segment_waits += self.folder is not None and self.emitted > 0
            with self._creating:
                segment = self._take_ready(need) or self._create(max(need, self._next_size()))
        return segment

    def _take_ready(self, need: int) -> MemorySegment | None:
        return self._ready.popleft() if self._ready and START + need <= self._ready[0].size else None

    def _next_size(self) -> int:
        return int(min(FIRST * _GROWTH**self._created, LARGEST))

    def prepare(self) -> None:
        """Have segments ready for what is to come. For the keeper."""
        current = self._current
        if current is None or current.end <= START + current.size // _GROWTH:
            return
        while len(self._ready) < (_AHEAD if self._next_size() == LARGEST else 1):
            with self._creating:
                segment = self._create(self._next_size())
                if segment is None:
                    return
                segment.touch()
                self._ready.append(segment)

    def persist(self, *, durably: bool) -> None:
        """Bring what was appended to the disk; `durably`, also where power is cut. For the keeper, and for `flush`."""
        for segment in tuple(self._segments):
            end = segment.end
            if segment.persisted < end and segment.settled < segment.count:
                try:
                    segment.persist(durably=durably)
                except OSError as error:
                    self._complain(f"cannot sync {segment.path}: {error.strerror}")
                    return
                if durably:
                    segment.persisted = end

    @property
    def is_durable(self) -> bool:
        """Whether everything that waits outlives the process."""
        return self.folder is not None and all(segment.is_durable for segment in tuple(self._segments))

    @property
    def by_hand(self) -> bool:
        """Whether segments reach the disk only when they are persisted."""
        return self._own is not None and self._own.by_hand

    @property
    def left(self) -> bool:
        """Whether a close left records on disk."""
        return any(segment.is_durable and segment.count > segment.settled for segment in self._left)

    def books(self) -> Books:
        """Return what was counted, all of it at one moment."""
        with self._lock:
            return Books(self.emitted, self.waiting, self.lost, self.segment_waits)

    @property
    def waiting(self) -> int:
        """How many records are not settled, those among them that a closed spool left on disk."""
        return super().waiting + sum(segment.count - segment.settled for segment in self._left)

    def close(self) -> int:
        """Let go of the files, for whoever comes next; return how many records were lost as they are on no disk.

        What is appended after that begins a new spool.
        """
        with self._lock, self._creating, self._taking:
            self._drop_done_at_last()
            lost = 0
            for segment in self._segments:
                with suppress(OSError):
                    segment.persist(durably=True)
                if not segment.is_durable:
                    lost += segment.count - segment.taken
                    segment.count = segment.taken
                segment.close()
            self._left += self._segments
            for segment in self._ready:
                segment.remove()
            self._ready.clear()
            self._segments.clear()
            self._current, self._alarm, self._created = None, _NEVER, 0
            if self._own is not None:
                self._own.remove()
                self._own = None
            return lost

    def _drop_done_at_last(self) -> None:
        if self._current is not None:
            self._current.is_full = True
        self._drop_done()

    def _create(self, size: int) -> MemorySegment | None:
        """Make a segment: on disk, else in memory, else in place of the oldest; None where even that is impossible."""
        for _ in range(2 * len(self._segments) + 2):
            segment = self._on_disk(size) or self._in_memory(size)
            if segment is not None:
                self._created += 1
                return segment
            if not self._give_up_oldest():
                return None
        return None

    def _on_disk(self, size: int) -> MemorySegment | None:
        if self.folder is None or self.folder.size() + START + size > self._quota:
            return None
        try:
            if self._own is None:
                self._own = self.folder.claim(f"{self.id:016x}")
            return self._own.create(self._created, size, self._about)
        except OSError as error:
            self._complain(f"{error}; what is logged is kept in memory")
            return None

    def _in_memory(self, size: int) -> MemorySegment | None:
        held = sum(one.size for one in (*self._segments, *self._ready) if not one.is_durable)
        return MemorySegment(size) if held + START + size <= self._memory else None

    def _give_up_oldest(self) -> bool:
        """Give up the oldest segment that nobody is sending, keeping for the time what is WARNING and above."""
        with self._taking:
            candidates = [segment for segment in self._segments if segment.is_full and not segment.unsettled]
            if not candidates:
                return False
            victim = next((segment for segment in candidates if not segment.is_kept), candidates[0])
            waiting = list(victim.waiting())
            kept = [] if victim.is_kept else [record for record in waiting if record.weight]
            lost = waiting if victim.is_kept else [record for record in waiting if not record.weight]
            position = self._segments.index(victim)
            self._segments[position : position + 1] = [self._holding(kept)] if kept else []
            victim.remove()
            if lost:
                self._note_loss(len(lost), lost[0].document, lost[-1].document)
            return True

    def _note_loss(self, records: int, first: Document, last: Document) -> None:
        """Count what is given up, and remember where, together with what was given up just before."""
        self.lost += records
        before = Loss(0, _FULL, first)
        with suppress(IndexError):  # whoever tells readers may take it at any moment
            if self.losses[-1].reason == _FULL:
                before = self.losses.pop()
        self.losses.append(before._replace(records=before.records + records, last=last))

    def _holding(self, records: list[Record]) -> MemorySegment:
        """Return a segment of its own for a few records, on disk where that is possible."""
        documents = [self._as_emitted(record) for record in records]
        size = sum(map(size_of, documents))
        segment = MemorySegment(size)
        if self._own is not None:
            with suppress(OSError):
                segment = self._own.create(self._created, size, self._about)
                self._created += 1
        for record, document in zip(records, documents, strict=True):
            segment.append(encode_record(self.id, record.number, document, record.weight))
        segment.is_full = segment.is_kept = True
        return segment

    def _as_emitted(self, record: Record) -> Document:
        """Return the document of a record without the id that its place gave it."""
        document = record.document
        return document._replace(id="") if document.id == record_id(self.id, record.number) else document
