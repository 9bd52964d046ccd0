"""What was emitted and is not yet stored, and the books that are kept about it.

A pipeline belongs to one destination and lives as long as the process: handlers come and go (`dictConfig` run
again), the pipeline stays, so that nothing waits for the network when a handler closes. What is put in lies in the
spool until the store has it; what dead processes left for the same destination is adopted and goes the same way. A
forked child begins anew, with a spool of its own and no thread; what its parent has, its parent sends.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

from tracelog.schema.otel import Destination, Document
from tracelog.ship.drain import AdoptedSpool, Drain
from tracelog.ship.segment import Taken
from tracelog.ship.spool import Loss, Spool
from tracelog.store.base import WriteResult
from tracelog.store.bulk import Bulk, action

BATCH, BATCH_BYTES = 5000, 2_000_000
"""How many documents, and bytes of them, are sent at once."""


class Stats(NamedTuple):
    """The books.

    `emitted + adopted` is always the sum of `stored`, `duplicate_suppressed` (was there already), `failure_stored`
    (went to a data stream's failure store), `refused`, `in_spool`, and all that is `lost_`: given up as the spool was
    full (`quota`), damaged on disk, still in memory `at_close`, or `unencodable`.
    """

    emitted: int = 0
    adopted: int = 0
    stored: int = 0
    duplicate_suppressed: int = 0
    failure_stored: int = 0
    refused: int = 0
    in_spool: int = 0
    lost_quota: int = 0
    lost_damaged: int = 0
    lost_at_close: int = 0
    lost_unencodable: int = 0
    repaired: int = 0
    retries: int = 0
    segment_waits: int = 0

    @property
    def lost(self) -> int:
        """How many documents are nowhere."""
        return self.lost_quota + self.lost_damaged + self.lost_at_close + self.lost_unencodable


Pair = tuple[Drain, Taken]
"""Records on their way, and the spool that they are from."""


class Batch:
    """What is sent at once."""

    def __init__(self, taken: Sequence[Pair]) -> None:
        self.taken = taken
        self.size = sum(len(one.body) for _, one in taken)
        """How many bytes it has."""

    def __len__(self) -> int:
        return sum(one.end - one.first for _, one in self.taken)

    @cached_property
    def documents(self) -> Bulk:
        """What is to be stored."""
        bodies = [one.body for _, one in self.taken]
        return Bulk(bodies[0] if len(bodies) == 1 else b"".join(bodies), len(self))

    @property
    def is_full(self) -> bool:
        """Whether there may well be more where these came from."""
        return len(self) >= BATCH or self.size > BATCH_BYTES / 2

    def parted(self, again: Collection[Document]) -> tuple[Sequence[Pair], Sequence[Pair]]:
        """Part what is done from what goes again."""
        if not again:
            return self.taken, ()
        ids = {document.id for document in again}
        pairs = [(drain, single) for drain, one in self.taken for single in one.singly()]
        parts: dict[bool, list[Pair]] = {True: [], False: []}
        for pair, document in zip(pairs, self.documents, strict=True):
            parts[document.id in ids].append(pair)
        return parts[False], parts[True]


class Pipeline:
    """Documents on their way to one destination. `start` is called when there is something to send."""

    def __init__(self, destination: Destination, spool: Spool, start: Callable[[], None] = lambda: None) -> None:
        self.destination = destination
        self.spool = spool
        self._start = start
        self.begin()

    def begin(self) -> None:
        """Begin anew with empty books: at the start, and in a forked child."""
        self.is_served = False
        """Whether somebody sends what is put in."""
        self._changed = threading.Condition()
        self._adopting = threading.Lock()
        self._adopted: list[AdoptedSpool] = []
        self._again: deque[Pair] = deque()
        self._stored = self._duplicates = self._failure_stored = self._refused = 0
        self._adopted_count = self._lost_damaged = self._lost_at_close = self._lost_as_late = 0
        self.unencodable = self.retries = self.repaired = 0
        self._told_unencodable = 0
        self._is_closed = False
        self._is_wanted = False

    def put(self, document: Document, weight: int = 0) -> None:
        """Take a document over; one without an id gets its own. Never blocks. `weight`: 1 for what is given up last."""
        own = action(self.destination.stream(document.stream).name, document.id) if document.id else None
        self.put_body(document.body, weight, own)

    def put_body(self, document: bytes, weight: int, action: bytes | None = None) -> None:
        """Take a document over as its JSON and, where it is no log record without an id, the action for it."""
        if self._is_closed and self.spool.folder is None:
            self._lost_at_close += 1
            self._lost_as_late += 1
            return
        self.spool.append(document, weight, action)
        if self._is_closed:
            self._lost_at_close += self.spool.close(durably=False)  # nobody here sends it: another sender may
        if not self.is_served:
            self._start()

    def wait(self, seconds: float) -> None:
        """Wait for more to send, not longer than that; a flush, or the end, comes earlier."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_wanted or self._is_closed, timeout=seconds)

    def take(self) -> Batch:
        """Return the next batch, which may be empty: what goes again, then what is oldest."""
        with self._changed:
            self._is_wanted = False
            batch = self._take_again()
            drains = () if self._again else (self.spool, *self._adopted)
        for drain in drains:
            most, room = BATCH - len(batch), BATCH_BYTES - batch.size
            if most > 0 and room > 0:
                batch = Batch([*batch.taken, *((drain, one) for one in drain.take(most, room))])
        with self._changed:
            self._let_go_of_empty()  # in which all was damaged
        return batch

    def _take_again(self) -> Batch:
        taken: list[Pair] = []
        count = size = 0
        while self._again:
            one = self._again[0][1]
            count, size = count + one.end - one.first, size + len(one.body)
            if taken and (count > BATCH or size > BATCH_BYTES):
                break
            taken.append(self._again.popleft())
        return Batch(taken)

    def settle(self, batch: Batch, result: WriteResult) -> None:
        """Book what became of a batch. What is to be sent again comes first in the next one."""
        done, again = batch.parted(result.again)
        with self._changed:
            self._stored += result.stored
            self._duplicates += result.duplicates
            self._failure_stored += result.failure_stored
            self._refused += len(result.refused)
            for drain, taken in _by_drain(done):
                drain.settle(taken)
            self._put_back(again)
            self._let_go_of_empty()
            self._changed.notify_all()

    def put_back(self, batch: Batch) -> None:
        """Return a batch that was not sent."""
        with self._changed:
            self._put_back(batch.taken)
            self._changed.notify_all()

    def _put_back(self, pairs: Collection[Pair]) -> None:
        """Keep records for the next batch; after the end, those on disk are for others, and those in memory lost."""
        if not self._is_closed:
            self._again += pairs
            return
        for drain, taken in _by_drain(pairs):
            self._lost_at_close += drain.give_up(taken)

    def adopt(self) -> None:
        """Take over what dead processes left for this destination."""
        if self.spool.folder is None:
            return
        with self._adopting:  # when it returns, whoever adopted has finished
            for folder in self.spool.folder.abandoned():
                adopted = AdoptedSpool(folder)
                with self._changed:
                    if self._is_closed:
                        adopted.close()
                        return
                    self._adopted.append(adopted)
                    self._adopted_count += adopted.adopted
                    if adopted.undecided:
                        reason = f"{adopted.folder.path.name} ended before they were decided"
                        self.spool.losses.append(Loss(adopted.undecided, reason, what="undecided traces"))
                    self._let_go_of_empty()

    @property
    def has_losses(self) -> bool:
        """Whether something was given up that `losses` has not yielded."""
        return bool(self.spool.losses) or self.unencodable > self._told_unencodable

    @property
    def serves_others(self) -> bool:
        """Whether something waits that other processes left."""
        return any(one.waiting for one in tuple(self._adopted))

    def losses(self) -> Iterator[Loss]:
        """Yield what was given up and was not yielded before."""
        unencodable = self.unencodable - self._told_unencodable
        if unencodable:
            self._told_unencodable += unencodable
            yield Loss(unencodable, "nothing could be made of them that a store takes")
        while self.spool.losses:
            yield self.spool.losses.popleft()

    def _let_go_of_empty(self) -> None:
        for adopted in [one for one in self._adopted if not one.waiting]:
            self._adopted.remove(adopted)
            adopted.close()
            self._lost_damaged += adopted.damaged
            if adopted.damaged:
                self.spool.losses.append(Loss(adopted.damaged, f"{adopted.folder.path} was damaged"))

    def flush(self, timeout: float) -> bool:
        """Wait until all that was emitted before this call is settled; False when `timeout` seconds ran out."""
        target = self.spool.emitted

        def is_settled() -> bool:
            oldest = self.spool.oldest()
            return oldest is None or oldest >= target

        with self._changed:
            self._is_wanted = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._is_closed or is_settled(), timeout=timeout)
            is_left = self._is_closed and (not self.spool.is_empty or self._lost_at_close)
            return is_settled() and not is_left

    def close(self) -> None:
        """Send nothing more. What is on disk is left to the next process; what is in memory is lost, and counted."""
        with self._changed:
            self._is_closed = True
            again, self._again = self._again, deque()
            self._put_back(again)
            self._lost_at_close += self.spool.close()
            for adopted in self._adopted:
                adopted.close()
            self._changed.notify_all()

    @property
    def stats(self) -> Stats:
        """The books, as they stand."""
        with self._changed:
            kept = self.spool.books()
            return Stats(
                emitted=kept.emitted + self.unencodable + self._lost_as_late,
                adopted=self._adopted_count,
                stored=self._stored,
                duplicate_suppressed=self._duplicates,
                failure_stored=self._failure_stored,
                refused=self._refused,
                in_spool=kept.waiting + sum(adopted.waiting for adopted in self._adopted),
                lost_quota=kept.lost,
                lost_damaged=self._lost_damaged + sum(drain.damaged for drain in (self.spool, *self._adopted)),
                lost_at_close=self._lost_at_close,
                lost_unencodable=self.unencodable,
                repaired=self.repaired,
                retries=self.retries,
                segment_waits=kept.segment_waits,
            )


def _by_drain(pairs: Collection[Pair]) -> Iterator[tuple[Drain, list[Taken]]]:
    grouped: dict[Drain, list[Taken]] = {}
    for drain, taken in pairs:
        grouped.setdefault(drain, []).append(taken)
    return iter(grouped.items())
