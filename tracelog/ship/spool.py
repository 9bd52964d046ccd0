"""The spool: what was emitted and is not yet in the store, where a kill of the process does not reach it.

To append is to copy bytes into memory that a file is mapped to: no system call, so no other thread gets the
interpreter's lock in between. A keeper prepares segments ahead and syncs them; where it comes late, the call prepares
one itself. What the disk does not take, or the quota does not allow, goes to a bounded ring in memory; where that is
full too, the oldest segment is given up, what is WARNING and above last. All of it is counted.
"""

from __future__ import annotations

import errno
import itertools
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
_FULL_DISK = frozenset((errno.ENOSPC, errno.EDQUOT))


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

    `folder`: None for memory alone. `about`: JSON that is kept with each segment. `wake` is called when there is
    something for the keeper to do; `complain` hears from the keeper, in one line, why something is not kept on disk.
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
        self._ready: deque[MemorySegment] = deque()
        self.begin()

    def begin(self) -> None:
        """Begin anew: at the start, and in a forked child, where the parent's segments are not ours."""
        for segment in (*self._segments, *self._ready):
            segment.release()
        if self._own is not None:
            self._own.release()
        super().__init__()
        self._own = None
        self.id = int.from_bytes(secrets.token_bytes(8), "little")
        # Reentrant: a signal handler or a finaliser that logs may run in the middle of an append.
        self._lock = threading.RLock()
        self._preparing = threading.RLock()  # never held or waited for by what appends
        self._is_appending = False
        self._deferred: deque[tuple[Document, int]] = deque()
        self._current: MemorySegment | None = None
        self._emitted = 0
        """How many were emitted when there was no current segment."""
        self._ready = deque()
        self._left: list[MemorySegment] = []
        self._alarm = _NEVER
        self._size = FIRST
        """How many bytes of records the next segment has room for."""
        self._numbers = itertools.count()
        self._trouble: str | None = None
        self._is_disk_full = True
        """Whether the disk took nothing more as it, or the quota, was full, rather than for another reason."""
        self.lost = self.segment_waits = 0
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
            finally:
                self._is_appending = False
                while self._deferred:  # also where a signal handler has logged, and then raised
                    self.append(*self._deferred.popleft())

    def _append(self, document: Document, weight: int) -> None:
        need = size_of(document)
        segment = self._current
        if segment is None or segment.end + need > segment.size:
            segment = self._rotate(need)
        if segment is None:
            self._emitted += 1
            self._note_loss(1, document, document)
            return
        segment.append(encode_record(self.id, segment.first + segment.count, document, weight))
        if segment.end > self._alarm:
            self._alarm = _NEVER
            self._wake()

    @property
    def emitted(self) -> int:
        """How many records were put in, which is also the number of the next one."""
        current = self._current
        return self._emitted if current is None else current.first + current.count

    def _rotate(self, need: int) -> MemorySegment | None:
        self._end_current()
        segment = self._next(need)
        if segment is not None:
            segment.first = self._emitted
            self._size = min((segment.size - START) * _GROWTH, LARGEST)
            self._segments.append(segment)
            self._alarm = START + segment.size // _GROWTH
            self._current = segment
        return segment

    def _end_current(self) -> None:
        """Append no more to the current segment, nor to one that an exception kept from becoming it."""
        self._emitted, self._current = self.emitted, None
        for segment in tuple(self._segments):
            segment.is_full = True

    def _next(self, need: int) -> MemorySegment | None:
        """Return a segment with room, one that is ready where there is one."""
        segment = self._take_ready(need)
        if segment is None:
            self.segment_waits += self.folder is not None and self._emitted > 0
            segment = self._create(max(need, self._size))
            if self._trouble is not None:
                self._wake()
        return segment

    def _take_ready(self, need: int) -> MemorySegment | None:
        while self._ready and START + need <= self._ready[0].size:
            segment = self._ready.popleft()
            if segment.is_there:
                return segment
        return None

    def prepare(self) -> None:
        """Have segments ready for what is to come, and say what went wrong. For the keeper, who is never waited for."""
        with self._preparing:
            own, current = self._own, self._current
            if own is not None and current is not None and current.end > START + current.size // _GROWTH:
                self._prepare(own)
        self._tell_trouble()

    def _prepare(self, own: ProcessFolder) -> None:
        while len(self._ready) < (_AHEAD if self._size == LARGEST else 1):
            segment = self._on_disk(self._size, own)
            if segment is None:
                return
            segment.touch()
            self._ready.append(segment)

    def persist(self, *, durably: bool) -> bool:
        """Bring what was appended to the disk; `durably`, also where power is cut. For the keeper, and for `flush`.

        Return whether all that waits is there.
        """
        persisted = [self._persist(segment, durably=durably) for segment in tuple(self._segments)]
        self._tell_trouble()
        return all(persisted)

    def _persist(self, segment: MemorySegment, *, durably: bool) -> bool:
        end = segment.end
        if segment.settled == segment.count:
            return True
        if segment.persisted < end and segment.is_durable:
            try:
                segment.persist(durably=durably)
            except OSError as error:
                if segment not in self._segments:  # it has just been sent
                    return True
                segment.is_deleted = not segment.is_there
                self._trouble = f"cannot sync {segment.path}: {error.strerror}"
                return False
            segment.persisted = end if durably else segment.persisted
        return segment.is_durable

    def _tell_trouble(self) -> None:
        """Say what went wrong, when no lock is held: whoever hears it may log."""
        trouble, self._trouble = self._trouble, None
        if trouble is not None:
            self._complain(trouble)

    @property
    def is_durable(self) -> bool:
        """Whether everything that waits outlives the process."""
        waiting = (segment for segment in tuple(self._segments) if segment.settled < segment.count)
        return self.folder is not None and all(segment.is_durable for segment in waiting)

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
        with self._preparing, self._lock, self._taking:
            self._end_current()
            self._drop_done()
            lost = 0
            for segment in self._segments:
                self._persist(segment, durably=True)
                segment.close()
                if not segment.is_durable:
                    lost += segment.count - segment.taken
                    segment.count = segment.taken
            self._left += self._segments
            self._segments.clear()
            for segment in self._ready:
                segment.remove()
            self._ready.clear()
            self._size = FIRST
            self._let_go_of_folder()
        self._tell_trouble()
        return lost

    def _let_go_of_folder(self) -> None:
        own, self._own = self._own, None
        if own is not None:
            own.remove()

    def _create(self, size: int) -> MemorySegment | None:
        """Make a segment: on disk, else in memory, else in place of the oldest; None where even that is impossible."""
        if self._own is not None and not self._own.path.is_dir():  # somebody has deleted it
            self._let_go_of_folder()
        for _ in range(2 * len(self._segments) + 2):
            segment = self._on_disk(size, self._own) or self._in_memory(size)
            if segment is not None or not self._give_up_oldest():
                return segment
        return None

    def _on_disk(self, size: int, own: ProcessFolder | None) -> MemorySegment | None:
        """Make a segment in the folder of this process, which is claimed where there is none. No lock may be needed."""
        if self.folder is None:
            return None
        try:
            self._is_disk_full = self.folder.size() + START + size > self._quota
            if self._is_disk_full:
                return None
            if own is None:
                own = self._own = self.folder.claim(f"{self.id:016x}-{next(self._numbers)}")
            return own.create(next(self._numbers), size, self._about)
        except OSError as error:
            self._is_disk_full = error.errno in _FULL_DISK
            self._trouble = f"{error}; what is logged is kept in memory"
            return None

    def _in_memory(self, size: int) -> MemorySegment | None:
        held = sum(one.size for one in (*self._segments, *self._ready) if not one.is_durable)
        return MemorySegment(size) if held + START + size <= self._memory else None

    def _give_up_oldest(self) -> bool:
        """Give up the oldest segment that nobody is sending, keeping for the time what is WARNING and above.

        One that is on a disk that takes nothing more, and not as it is full, would make no room.
        """
        with self._taking:
            candidates = [
                segment
                for segment in self._segments
                if segment.is_full and not segment.unsettled and (self._is_disk_full or not segment.is_durable)
            ]
            if not candidates:
                return False
            victim = next((segment for segment in candidates if not segment.is_kept), candidates[0])
            waiting: list[Record] = []
            with suppress(OSError):
                waiting += victim.waiting()
            position = self._segments.index(victim)
            self._segments.remove(victim)
            kept = None if victim.is_kept else self._holding([record for record in waiting if record.weight])
            if kept is not None:
                self._segments.insert(position, kept)
                waiting = [record for record in waiting if not record.weight]
            victim.remove()
            lost = victim.count - victim.settled - (kept.count if kept else 0)
            if lost:
                self._note_loss(lost, *(record.document for record in (waiting[:1] + waiting[-1:])))
            return True

    def _note_loss(self, records: int, first: Document | None = None, last: Document | None = None) -> None:
        """Count what is given up, and remember where, together with what was given up just before."""
        self.lost += records
        before = Loss(0, _FULL, first)
        with suppress(IndexError):  # whoever tells readers may take it at any moment
            if self.losses[-1].reason == _FULL:
                before = self.losses.pop()
        self.losses.append(before._replace(records=before.records + records, last=last))

    def _holding(self, records: list[Record]) -> MemorySegment | None:
        """Return a segment of its own for a few records, None where there is none, or no room for it."""
        documents = [self._as_emitted(record) for record in records]
        size = sum(map(size_of, documents))
        segment = None
        if records and self._own is not None:
            with suppress(OSError):
                segment = self._own.create(next(self._numbers), size, self._about)
        segment = segment or (self._in_memory(size) if records else None)
        if segment is not None:
            segment.first = records[0].number
            for record, document in zip(records, documents, strict=True):
                segment.append(encode_record(self.id, record.number, document, record.weight))
            segment.is_full = segment.is_kept = True
            self._persist(segment, durably=False)
        return segment

    def _as_emitted(self, record: Record) -> Document:
        """Return the document of a record without the id that its place gave it."""
        document = record.document
        return document._replace(id="") if document.id == record_id(self.id, record.number) else document
