"""What was emitted and is not yet stored, and the books that are kept about it.

A pipeline belongs to one destination and lives as long as the process: handlers come and go (`dictConfig` run
again), the pipeline stays, so that nothing waits for the network when a handler closes. Emitting appends to a
bounded queue in memory and never blocks; when it is full the oldest document goes, and is counted. The durable
spool will stand where the queue stands now.

Each record gets an id of a random prefix and a sequence number, so that a resend can never be stored twice. A forked
child starts with an empty queue, a prefix of its own and no thread; what its parent had queued, its parent sends.
"""

from __future__ import annotations

import secrets
import threading
from collections import deque
from collections.abc import Callable, Sequence
from itertools import count
from typing import NamedTuple

from tracelog.schema.otel import Destination, Document
from tracelog.store.base import WriteResult

CAPACITY = 50_000
BATCH = 500


class Stats(NamedTuple):
    """The books: `emitted == stored + duplicates + refused + lost_queue_full + lost_at_close + waiting`."""

    emitted: int
    stored: int
    duplicates: int
    refused: int
    lost_queue_full: int
    lost_at_close: int
    waiting: int
    retries: int
    encode_errors: int


class Pipeline:
    """A queue of documents on their way to one destination. `capacity`: documents."""

    def __init__(self, destination: Destination, wake: Callable[[Pipeline], None], capacity: int = CAPACITY) -> None:
        self.destination = destination
        self._wake = wake
        self._capacity = capacity
        self.reset()

    def reset(self) -> None:
        """Begin anew with empty books: at the start, and in a forked child."""
        # Reentrant: a signal handler or a finaliser that logs may run in the middle of `put`.
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._queue: deque[Document] = deque()
        self.in_flight: Sequence[Document] = ()
        """The batch that was taken and is not settled."""
        self._emitted = self._stored = self._duplicates = self._refused = 0
        self._lost_queue_full = self._lost_at_close = 0
        self.retries = self.encode_errors = 0
        self._out_of_order = 0
        self._closed = False
        self._flushing = 0
        prefix = secrets.token_hex(8)
        self._prefix, self._sequence = prefix, count()

    def next_id(self) -> str:
        """Return the id of the next record: sortable, within one process, by the order of the calls."""
        return f"{self._prefix}-{next(self._sequence):012x}"

    def put(self, document: Document) -> None:
        """Take a document over. Never blocks, never raises."""
        with self._lock:
            self._emitted += 1
            if self._closed:
                self._lost_at_close += 1
                return
            idle = not self._queue
            self._queue.append(document)
            if len(self._queue) > self._capacity:
                self._queue.popleft()
                self._lost_queue_full += 1
            if idle or len(self._queue) == BATCH:
                self._changed.notify_all()
        if idle:
            self._wake(self)

    def take(self, linger: float) -> Sequence[Document]:
        """Return the next batch, waiting for one; up to `linger` seconds longer for it to fill. Empty when closed.

        The batch is `in_flight`, and on the books, until `settle` or `put_back`.
        """
        with self._lock:
            self._changed.wait_for(lambda: self._queue or self._closed)
            self._changed.wait_for(lambda: len(self._queue) >= BATCH or self._flushing or self._closed, timeout=linger)
            self.in_flight = [self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))]
            return self.in_flight

    def settle(self, result: WriteResult) -> None:
        """Book what became of the batch that was taken; what is to be sent again goes back to the front.

        After `close` there is no again: it is `lost_at_close`.
        """
        with self._lock:
            self._stored += result.stored
            self._duplicates += result.duplicates
            self._refused += len(result.refused)
            again = () if self._closed else result.again
            self._lost_at_close += len(result.again) - len(again)
            self._queue.extendleft(reversed(again))
            self._out_of_order = self._out_of_order + len(self.in_flight) - len(again) if again else 0
            self.in_flight = ()
            self._changed.notify_all()

    def put_back(self) -> None:
        """Return the batch that was taken to the front of the queue, in its order."""
        self.settle(WriteResult(0, 0, again=self.in_flight))

    def flush(self, timeout: float) -> bool:
        """Wait until all that was emitted before this call is settled; False when `timeout` seconds ran out.

        Where some of a batch go again, others have overtaken them and say nothing about what came before.
        """
        with self._lock:
            target = self._emitted

            def settled() -> bool:
                return self._emitted - self._waiting() - self._out_of_order >= target

            self._flushing += 1
            self._changed.notify_all()
            try:
                self._changed.wait_for(lambda: self._closed or settled(), timeout=timeout)
            finally:
                self._flushing -= 1
            return settled()

    def close(self) -> None:
        """Take nothing more, and give up what is queued; the books call it `lost_at_close`."""
        with self._lock:
            self._closed = True
            self._lost_at_close += len(self._queue)
            self._queue.clear()
            self._out_of_order = 0
            self._changed.notify_all()

    @property
    def stats(self) -> Stats:
        """The books, as they stand."""
        with self._lock:
            return Stats(
                emitted=self._emitted,
                stored=self._stored,
                duplicates=self._duplicates,
                refused=self._refused,
                lost_queue_full=self._lost_queue_full,
                lost_at_close=self._lost_at_close,
                waiting=self._waiting(),
                retries=self.retries,
                encode_errors=self.encode_errors,
            )

    def _waiting(self) -> int:
        return len(self._queue) + len(self.in_flight)
