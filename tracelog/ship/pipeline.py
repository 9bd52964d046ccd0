"""What was emitted and is not yet stored, and the books that are kept about it.

A pipeline belongs to one destination and lives as long as the process: handlers come and go (`dictConfig` run
again), the pipeline stays, so that nothing waits for the network when a handler closes. What is put in lies in the
spool until the store has it; what dead processes left for the same destination is adopted and goes the same way. A
forked child begins anew, with a spool of its own and no thread; what its parent has, its parent sends.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from tracelog.schema.otel import Destination, Document
from tracelog.ship.drain import AdoptedSpool, Drain, Taken
from tracelog.ship.spool import Loss, Spool
from tracelog.store.base import WriteResult

BATCH, BATCH_BYTES = 1000, 4_000_000
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


class Batch(NamedTuple):
    """Documents on their way, and the spool that each is from."""

    taken: Sequence[tuple[Drain, Taken]]

    @property
    def documents(self) -> list[Document]:
        """What is to be stored."""
        return [one.record.document for _, one in self.taken]

    @property
    def is_full(self) -> bool:
        """Whether there may well be more where these came from."""
        return len(self.taken) >= BATCH or sum(len(one.record.document.body) for _, one in self.taken) > BATCH_BYTES / 2


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
        self._again: list[tuple[Drain, Taken]] = []
        self._stored = self._duplicates = self._failure_stored = self._refused = 0
        self._adopted_count = self._lost_damaged = self._lost_at_close = self._lost_as_late = 0
        self.unencodable = self.retries = self.repaired = 0
        self._is_closed = False
        self._is_wanted = False

    def put(self, document: Document, weight: int = 0) -> None:
        """Take a document over; one without an id gets its own. Never blocks. `weight`: 1 for what is given up last."""
        if self._is_closed and self.spool.folder is None:
            self._lost_at_close += 1
            self._lost_as_late += 1
            return
        self.spool.append(document, weight)
        if self._is_closed:
            self.spool.persist(durably=False)  # there is no keeper any more
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
            taken, self._again = self._again[:BATCH], self._again[BATCH:]
            drains = (self.spool, *self._adopted)
        room = BATCH_BYTES - sum(len(one.record.document.body) for _, one in taken)
        for drain in drains:
            if len(taken) < BATCH and room > 0:
                found = drain.take(BATCH - len(taken), room)
                taken += [(drain, one) for one in found]
                room -= sum(len(one.record.document.body) for one in found)
        return Batch(taken)

    def settle(self, batch: Batch, result: WriteResult) -> None:
        """Book what became of a batch. What is to be sent again comes first in the next one."""
        ids_again = {document.id for document in result.again}
        again = [pair for pair in batch.taken if pair[1].record.document.id in ids_again]
        done = [pair for pair in batch.taken if pair[1].record.document.id not in ids_again]
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
            self._put_back(list(batch.taken))
            self._changed.notify_all()

    def _put_back(self, pairs: list[tuple[Drain, Taken]]) -> None:
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
                    if adopted.damaged:
                        self.spool.losses.append(Loss(adopted.damaged, f"{folder.path} was damaged"))
                    self._let_go_of_empty()

    def losses(self) -> Iterator[Loss]:
        """Yield what was given up and was not yielded before."""
        while self.spool.losses:
            yield self.spool.losses.popleft()

    def _let_go_of_empty(self) -> None:
        for adopted in [one for one in self._adopted if not one.waiting]:
            self._adopted.remove(adopted)
            adopted.close()
            self._lost_damaged += adopted.damaged

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
            is_left = self._is_closed and (self.spool.waiting or self._lost_at_close)
            return is_settled() and not is_left

    def close(self) -> None:
        """Send nothing more. What is on disk is left to the next process; what is in memory is lost, and counted."""
        with self._changed:
            self._is_closed = True
            again, self._again = self._again, []
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


def _by_drain(pairs: Sequence[tuple[Drain, Taken]]) -> Iterator[tuple[Drain, list[Taken]]]:
    grouped: dict[Drain, list[Taken]] = {}
    for drain, taken in pairs:
        grouped.setdefault(drain, []).append(taken)
    return iter(grouped.items())
