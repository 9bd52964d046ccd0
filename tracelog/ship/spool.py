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
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

from tracelog.schema.otel import LOGS, Destination
from tracelog.ship.drain import Drain
from tracelog.ship.folder import DestinationFolder
from tracelog.ship.room import MEMORY, QUOTA, Room
from tracelog.ship.segment import PER_SLOT, MemorySegment
from tracelog.store.bulk import action

FIRST, LARGEST = 256 * 1024, 4 * 1024 * 1024
"""How many bytes of records the first segment has room for, and those that come after some others."""
_GROWTH = 4
_AHEAD = 2
_NEVER = 1 << 62
_FULL = "the spool was full"
DOCUMENTS = "documents"
"""What is lost where nothing else is said."""


class Loss(NamedTuple):
    """Records that were given up: how many, why, and the first and the last of them; `what` they are, in words."""

    records: int
    reason: str
    first: bytes | None = None
    last: bytes | None = None
    what: str = DOCUMENTS


class Books(NamedTuple):
    """What a spool counts: records emitted, not yet settled, given up; and segments that a call had to prepare."""

    emitted: int
    waiting: int
    lost: int
    segment_waits: int


class Spool(Drain):
    """The spool of this process for one destination.

    `folder`: None for memory alone. `about` makes JSON that is kept with each segment. `wake` is called when there is
    something for the keeper to do; `complain` hears from the keeper, in one line, why something is not kept on disk.
    """

    def __init__(
        self,
        folder: DestinationFolder | None = None,
        about: Callable[[], bytes] = lambda: b"{}",
        *,
        destination: Destination = Destination(),  # noqa: B008 - a frozen value
        wake: Callable[[], None] = lambda: None,
        complain: Callable[[str], None] = lambda _: None,
        quota: int = QUOTA,
        memory: int = MEMORY,
    ) -> None:
        super().__init__()
        self.folder = folder
        self._index = destination.stream(LOGS).name
        self._wake, self._complain = wake, complain
        self._room = Room(folder, about, quota=quota, memory=memory)
        self._ready: deque[MemorySegment] = deque()
        self.begin()

    def begin(self) -> None:
        """Begin anew: at the start, and in a forked child, where the parent's segments are not ours."""
        for segment in (*self._segments, *self._ready):
            segment.release()
        super().__init__()
        self.id = int.from_bytes(secrets.token_bytes(8), "little")
        self._room.begin(self.id)
        before, _, behind = action(self._index, "NUMBER").replace(b"%", b"%%").rpartition(b"NUMBER")
        self._numbered = b"%b%016x-%%012x%b%%b\n" % (before, self.id, behind)
        """A record without an action of its own, with room for its number and its document."""
        # Reentrant: a signal handler or a finaliser that logs may run in the middle of an append.
        self._lock = threading.RLock()
        self._preparing = threading.RLock()  # never held or waited for by what appends
        self._is_appending = False
        self._deferred: deque[tuple[bytes, int, bytes | None]] = deque()
        self._current: MemorySegment | None = None
        self._undecided = 0
        self._emitted = 0
        """How many were emitted when there was no current segment."""
        self._ready = deque()
        self._left: list[MemorySegment] = []
        self._ahead_from = self._alarm = _NEVER
        """From which byte of the current segment on others are prepared; and the same until the keeper is woken."""
        self._size = FIRST
        """How many bytes of records the next segment has room for."""
        self.lost = self.segment_waits = 0
        self.losses: deque[Loss] = deque()
        """What was given up and is not yet told to readers."""

    def append(self, document: bytes, weight: int = 0, action: bytes | None = None) -> None:
        """Keep a document. `weight`: 0 or 1. `action`: where it goes and its id, as a line of a bulk request.

        Without one it is a log record, and gets an id by its place in the order of the calls.
        """
        if self._takers and threading.get_ident() in self._takers:
            # A signal handler or a finaliser, in the middle of it; who appends may wait for the turn to give up.
            self._deferred.append((document, weight, action))
            return
        with self._lock:
            if self._is_appending:
                self._deferred.append((document, weight, action))
                return
            self._is_appending = True
            try:
                segment = self._current
                if action is not None:
                    record = b"%b%b\n" % (action, document)
                else:
                    number = self._emitted if segment is None else segment.first + segment.position[0]
                    record = self._numbered % (number, document)
                if segment is None or not segment.append(record, weight):
                    self._append_to_next(record, weight)
                elif segment.position[1] > self._alarm:
                    self._alarm = _NEVER
                    self._wake()
            finally:
                self._is_appending = False
                while self._deferred:  # also where a signal handler has logged, and then raised
                    self.append(*self._deferred.popleft())

    @contextmanager
    def _taking(self) -> Iterator[None]:
        """Do as every drain does, and append then what could not be appended meanwhile."""
        try:
            with super()._taking():
                yield
        finally:
            if self._deferred and threading.get_ident() not in self._takers:
                self._append_deferred()

    def _append_deferred(self) -> None:
        with self._lock:
            while self._deferred and not self._is_appending:
                self.append(*self._deferred.popleft())

    def _append_to_next(self, record: bytes, weight: int) -> None:
        """Keep a record that the current segment has no room for."""
        segment = self._rotate(len(record))
        if segment is None:
            self._emitted += 1
            self._note_loss(1, record, record)
        else:
            segment.append(record, weight)

    @property
    def emitted(self) -> int:
        """How many records were put in, which is also the number of the next one."""
        current = self._current
        return self._emitted if current is None else current.first + current.count

    def _rotate(self, need: int) -> MemorySegment | None:
        self._end_current()
        segment = self._next(need)
        if segment is not None:
            segment.begin(self._emitted)
            segment.note_undecided(self._undecided)
            self._size = min(segment.room * _GROWTH, LARGEST)
            self._segments.append(segment)
            self._ahead_from = self._alarm = segment.position[1] + segment.room // _GROWTH
            self._current = segment
        return segment

    def _end_current(self) -> None:
        """Append no more to the current segment, nor to one that an exception kept from becoming it."""
        if self._current is not None:
            self._current.note_undecided(0)
        self._emitted, self._current = self.emitted, None
        for segment in tuple(self._segments):
            segment.is_full = True

    def _next(self, need: int) -> MemorySegment | None:
        """Return a segment with room, one that is ready where there is one."""
        segment = self._take_ready(need)
        if segment is None:
            self.segment_waits += self.folder is not None and self._emitted > 0
            segment = self._create(max(need, self._size))
            if self._room.trouble is not None:
                self._wake()
        return segment

    def _take_ready(self, need: int) -> MemorySegment | None:
        while self._ready and self._ready[0].has_room(need):
            segment = self._ready.popleft()
            if segment.is_there:
                return segment
        return None

    def note_undecided(self, traces: int) -> None:
        """Note where it outlives the process how many traces are held undecided.

        What appends is not waited for: it may be what waits for the caller. Then it is noted with the next change.
        """
        self._undecided = traces
        if not self._lock.acquire(blocking=False):
            return
        try:
            if self._is_appending:
                return
            if self._current is None and traces and self.folder is not None and not self._emitted:
                self._rotate(0)
            if self._current is not None:
                self._current.note_undecided(traces)
        finally:
            self._lock.release()

    def prepare(self) -> None:
        """Have segments ready for what is to come, and say what went wrong. For the keeper, who is never waited for."""
        with self._preparing:
            current = self._current
            if current is not None and current.position[1] > self._ahead_from:
                self._prepare()
        self._tell_trouble()

    def _prepare(self) -> None:
        while len(self._ready) < (_AHEAD if self._size == LARGEST else 1):
            segment = self._room.on_disk(self._size, may_claim=False)
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
        count = segment.count
        if segment.settled == count:
            return True
        if segment.persisted < count and segment.is_durable:
            try:
                segment.persist(durably=durably)
            except OSError as error:
                if segment not in self._segments:  # it has just been sent
                    return True
                segment.is_deleted = not segment.is_there
                self._room.trouble = f"cannot sync {segment.path}: {error.strerror}"
                return False
            segment.persisted = count if durably else segment.persisted
        return segment.is_durable

    def _tell_trouble(self) -> None:
        """Say what went wrong, when no lock is held: whoever hears it may log."""
        trouble, self._room.trouble = self._room.trouble, None
        if trouble is not None:
            self._complain(trouble)

    @property
    def is_durable(self) -> bool:
        """Whether everything that waits outlives the process."""
        waiting = (segment for segment in tuple(self._segments) if segment.waits)
        return self.folder is not None and all(segment.is_durable for segment in waiting)

    @property
    def by_hand(self) -> bool:
        """Whether segments reach the disk only when they are persisted."""
        return self._room.own is not None and self._room.own.by_hand

    @property
    def left(self) -> bool:
        """Whether a close left records on disk."""
        return any(segment.is_durable and segment.waits for segment in self._left)

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits but what a close left on disk and somebody else has sent since."""
        left = (segment for segment in self._left if segment.is_there or not segment.is_durable)
        return not super().waiting and not any(segment.waits for segment in left)

    def books(self) -> Books:
        """Return what was counted, all of it at one moment."""
        with self._lock:
            return Books(self.emitted, self.waiting, self.lost, self.segment_waits)

    @property
    def waiting(self) -> int:
        """How many records are not settled, those among them that a closed spool left on disk."""
        return super().waiting + sum(segment.waits for segment in self._left)

    def close(self, *, durably: bool = True) -> int:
        """Let go of the files, for whoever comes next; return how many records were lost as they are on no disk.

        What is appended after that begins a new spool.
        """
        with self._preparing, self._lock, self._taking():
            current, undecided = self._current, self._undecided
            self._end_current()
            if current is not None and undecided:
                current.note_undecided(undecided)  # here for once, for no segment comes after it
                self._undecided = 0
            self._drop_done()
            lost = 0
            for segment in self._segments:
                self._persist(segment, durably=durably)
                segment.close()
                if not segment.is_durable:
                    lost += segment.give_up_waiting()
            self._left += self._segments
            self._segments.clear()
            for segment in self._ready:
                segment.remove()
            self._ready.clear()
            self._size = FIRST
            self._room.let_go()
        self._tell_trouble()
        return lost

    def _create(self, size: int) -> MemorySegment | None:
        """Make a segment: on disk, else in memory, else in place of the oldest; None where even that is impossible."""
        if self._room.is_gone:
            self._room.let_go()
        for _ in range(2 * len(self._segments) + 2):
            segment = self._room.on_disk(size) or self._room.in_memory(size, self._held)
            if segment is not None or not self._give_up_oldest():
                return segment
        return None

    @property
    def _held(self) -> int:
        """How many bytes of memory stand in for the disk."""
        return sum(one.size for one in (*self._segments, *self._ready) if not one.is_durable)

    def _give_up_oldest(self) -> bool:
        """Give up the oldest segment that nobody is sending, keeping for the time what is WARNING and above.

        One that is on a disk that takes nothing more, and not as it is full, would make no room.
        """
        with self._taking():
            candidates = [
                segment
                for segment in self._segments
                if segment.is_full
                and segment.settled == segment.taken
                and (self._room.is_disk_full or not segment.is_durable)
            ]
            if not candidates:
                return False
            victim = next((segment for segment in candidates if not segment.is_kept), candidates[0])
            waiting: list[tuple[int, bytes]] = []
            with suppress(OSError):
                waiting += victim.waiting()
            kept = None if victim.is_kept else self._holding(victim, [record for weight, record in waiting if weight])
            position = self._segments.index(victim)
            instead = [] if kept is None else [kept]
            self._segments[position : position + 1] = instead  # at once, for a flush may look at any time
            if kept is not None:
                waiting = [(weight, record) for weight, record in waiting if not weight]
            victim.remove()
            lost = victim.waits - (kept.count if kept else 0)
            if lost:
                ends = [record for _, record in waiting[:1] + waiting[-1:]]
                self._note_loss(lost, *ends)
            return True

    def _note_loss(self, records: int, first: bytes | None = None, last: bytes | None = None) -> None:
        """Count what is given up, and remember where, together with what was given up just before."""
        self.lost += records
        before = Loss(0, _FULL, first)
        with suppress(IndexError):  # whoever tells readers may take it at any moment
            if self.losses[-1].reason == _FULL:
                before = self.losses.pop()
        self.losses.append(before._replace(records=before.records + records, last=last))

    def _holding(self, victim: MemorySegment, records: list[bytes]) -> MemorySegment | None:
        """Return a segment of its own for a few records of another, None where there is none, or no room for it."""
        if not records:
            return None
        size = max(sum(map(len, records)), len(records) * PER_SLOT)
        held = self._held - (0 if victim.is_durable else victim.size)
        segment = self._room.beyond_quota(size) or self._room.in_memory(size, held)
        if segment is not None:
            segment.begin(victim.first)
            for record in records:
                segment.append(record, 1)
            segment.is_full = segment.is_kept = True
            self._persist(segment, durably=False)
        return segment
