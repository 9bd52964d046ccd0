"""One thread that empties a pipeline into its store, as often as it takes.

It starts with the first document and waits with growing pauses while the store is away, without end: what is
queued is kept.
"""

from __future__ import annotations

import os
import random
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from traceback import clear_frames

import msgspec

from tracelog.errors import StoreError, StoreUnavailableError
from tracelog.resource import detect_resource
from tracelog.schema.otel import Destination
from tracelog.ship.folder import DestinationFolder
from tracelog.ship.gaps import gap_document
from tracelog.ship.keeper import Keeper
from tracelog.ship.pipeline import Batch, Pipeline, Stats
from tracelog.ship.refused import set_aside, write_repairing
from tracelog.ship.sending import quieten_clients, sending
from tracelog.ship.spool import DOCUMENTS, Spool
from tracelog.store import Store
from tracelog.store.base import Refusal, WriteResult
from tracelog.store.forks import no_fork

LINGER = 0.3
"""How long a document waits for others to share its batch, s."""
LONGEST_PAUSE = 10.0
REJECTED_PAUSE = 30.0
EXIT_TIMEOUT = 5.0
ADOPTION_INTERVAL = 5.0
"""How often is looked for what dead processes left, s."""
COMPLAINT_INTERVAL = 300.0

_inherited: list[Store] = []
"""Stores of the parent, whose connections a forked child must neither use nor close."""


class Sender:
    """Ships what is put into its pipeline. Opening the store, and every word with it, is left to the thread.

    `owns_store`: whether the store is closed when the sender is. `folder`: where the spools of the destination lie,
    None for memory.
    """

    def __init__(
        self,
        open_target: Callable[[], Store],
        url: str,
        destination: Destination,
        *,
        owns_store: bool,
        folder: DestinationFolder | None = None,
    ) -> None:
        self.url = url
        about = partial(_about_process, dict(detect_resource()))
        spool = Spool(folder, about, destination=destination, wake=self._wake_keeper, complain=self._complain_of_disk)
        self.pipeline = Pipeline(destination, spool, self.start)
        self._keeper = Keeper(spool, self._complain_of_disk)
        self._open_target = open_target
        self._owns_store = owns_store
        self._store: Store | None = None
        self._begin()

    def _begin(self) -> None:
        self._threads: list[threading.Thread] = []
        self._starting = threading.Lock()
        self._opening = threading.Lock()
        self._stop = threading.Event()
        self._next_complaint = self._next_complaint_of_disk = self._next_adoption = self._next_report = 0.0
        self._busy_in_a_row = 0
        self._is_telling = False
        self.state = "ready"
        """`ready`, or what keeps it from sending."""

    def note_undecided(self, traces: int) -> None:
        """Note how many traces are held undecided, and see to it that somebody decides those that get too old."""
        self.pipeline.spool.note_undecided(traces)
        if traces and not self.pipeline.is_served:
            self.start()

    def begin_in_child(self) -> None:
        """Forget threads, connection and spool: they are the parent's."""
        if self._store is not None:
            _inherited.append(self._store)
        self._store = None
        self._begin()
        self._keeper.begin()
        self.pipeline.begin()
        self.pipeline.spool.begin()

    def flush(self, timeout: float = EXIT_TIMEOUT, *, durable: bool = False) -> bool:
        """Wait until all that was emitted is in the store; False when `timeout` seconds ran out.

        With `durable`, until it is on the disk, which takes no store and as long as the disk takes, whatever `timeout`
        says; False where the spool is in memory.
        """
        if durable:
            return self.pipeline.spool.persist(durably=True) and self.pipeline.spool.is_durable
        self.start()
        return self.pipeline.flush(timeout)

    @property
    def is_over(self) -> bool:
        """Whether it is closed and has no disk: what it is still given is lost, as its books say, and not awaited."""
        return self._stop.is_set() and not self.pipeline.spool.is_durable

    def persist(self) -> None:
        """Have what was emitted outlive the process, as far as that takes no store."""
        self.pipeline.spool.persist(durably=False)

    def close(self, timeout: float = EXIT_TIMEOUT) -> None:
        """Send what waits, for at most `timeout` seconds, and stop.

        Where all of it is on the disk, a store that is away is not waited for: the next process sends it. What is in
        memory only is given up after the time, counted and said on stderr.
        """
        if self._stop.is_set():
            return
        was_served = self.pipeline.is_served
        if was_served:
            self.drain(timeout)
        self.stop()
        stats = self.stats
        if stats.lost_at_close:
            self._say(f"{stats.lost_at_close} documents could not be sent to {self.url} before the process ended")
        if stats.in_spool and was_served:
            self._say(f"{stats.in_spool} documents wait on disk for {self.url} (run: tracelog spool send)")

    def drain(self, timeout: float) -> None:
        """Send what waits and what others left; return earlier where all of it is on disk and the store is away."""
        deadline = time.monotonic() + timeout
        self.start()
        self.pipeline.adopt()
        while self._has_more() and time.monotonic() < deadline:
            if self.pipeline.spool.is_durable and self.state != "ready":
                return
            if self.flush(min(max(deadline - time.monotonic(), 0.0), 0.1)):
                if self.pipeline.spool.is_durable and not self.pipeline.serves_others and not self._is_to_tell():
                    return  # what came since is on disk: who goes on and on is not run after
                self._stop.wait(0.01)  # what was adopted is on its way

    def _has_more(self) -> bool:
        """Say whether something waits to be sent, or to be told: in this order, for the one becomes the other."""
        return self._is_to_tell() or self.stats.in_spool > 0

    def _is_to_tell(self) -> bool:
        return self.pipeline.is_served and (self.pipeline.has_losses or self._is_telling)

    def stop(self) -> None:
        """Send nothing more, and let go of everything; what is on disk stays."""
        self._stop.set()
        self._keeper.stop()
        self.pipeline.close()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(timeout=0.0 if self.pipeline.spool.left else 1.0)

    @property
    def stats(self) -> Stats:
        """The books of the pipeline."""
        return self.pipeline.stats

    def start(self) -> None:
        """Start the threads, if there are none. Runs by itself with the first document."""
        if self._stop.is_set() or not self._starting.acquire(blocking=False):
            return  # closed, or being started: by another thread, or by this one, which a signal handler interrupts
        try:
            if not self.pipeline.is_served:
                self._start_thread(self._run)
                self._keeper.start()
                self.pipeline.is_served = True
        except RuntimeError:  # the interpreter is shutting down; what waits is counted by close
            return
        finally:
            self._starting.release()

    def _start_thread(self, work: Callable[[], None]) -> None:
        def run() -> None:
            with sending():
                work()

        thread = threading.Thread(target=run, name="tracelog-sender", daemon=True)
        self._threads.append(thread)
        try:
            thread.start()
        except RuntimeError:
            self._threads.remove(thread)
            raise

    def _run(self) -> None:
        """Send, as long as the sender lives; share the work where there is much of it."""
        try:
            while not self._stop.is_set():
                try:
                    self._run_once()
                except BaseException as error:  # noqa: BLE001 - a sender that dies would send nothing more
                    self._complain(f"{type(error).__name__} in the sender of {self.url} (keeps trying)")
                    self._stop.wait(LINGER)
        finally:
            if self._store is not None and self._owns_store:
                self._store.close()

    def _run_once(self) -> None:
        self._adopt()
        self._tell_losses()
        batch = self.pipeline.take()
        self._share(batch)
        if len(batch):
            self._send(batch)
        if not batch.is_full:
            self.pipeline.wait(LINGER)

    def _share(self, batch: Batch) -> None:
        """Let a second thread send while there is more than one batch to send, where the store is faster with two."""
        self._threads[1:] = [thread for thread in self._threads[1:] if thread.is_alive()]
        if batch.is_full and self._store is not None and len(self._threads) < self._store.writers:
            with suppress(RuntimeError):
                self._start_thread(self._help)

    def _help(self) -> None:
        while not self._stop.is_set():
            batch = self.pipeline.take()
            if len(batch):
                self._send(batch)
            if not batch.is_full:
                break

    def _adopt(self) -> None:
        if time.monotonic() >= self._next_adoption:
            self._next_adoption = time.monotonic() + ADOPTION_INTERVAL
            try:
                self.pipeline.adopt()
            except Exception as error:  # noqa: BLE001 - what others left must not keep this process from sending
                self._complain(f"cannot adopt what other processes left: {error}")

    def _tell_losses(self) -> None:
        """Put a record where others were given up, and say so on stderr."""
        self._is_telling = True
        try:
            self._tell()
        finally:
            self._is_telling = False

    def _tell(self) -> None:
        for loss in tuple(self.pipeline.losses()):  # as of now: where nothing fits, the record itself is the next loss
            destination = self.pipeline.destination
            self.pipeline.put(gap_document(loss, destination), weight=1)
            if time.monotonic() >= self._next_report:
                self._next_report = time.monotonic() + COMPLAINT_INTERVAL
                lost = self.stats.lost if loss.what == DOCUMENTS else loss.records
                self._say(f"{lost} {loss.what} for {self.url} are lost so far: {loss.reason}")

    def _send(self, batch: Batch) -> None:
        """Write a batch, and book what became of it. Where the sender ends before, or fails itself, put it back."""
        result = None
        try:
            result = self._written_at_last(batch)
        finally:
            if result is None:
                self.pipeline.put_back(batch)
        if result is not None:
            self.pipeline.settle(batch, result)
            self._heed(result)

    def _written_at_last(self, batch: Batch) -> WriteResult | None:
        """Write a batch; on failure pause, longer each time, and write it again. None where the sender ends."""
        attempts = 0
        while not self._stop.is_set():
            try:
                return self._written(batch)
            except Exception as error:  # noqa: BLE001 - a sender that dies would send nothing more
                _let_go_of_batch(error)
                attempts += 1
                self.pipeline.retries += 1
                self.state = str(error)
                self._complain(f"{error} (keeps trying; {self.stats.in_spool} documents wait)")
                self._stop.wait(_pause(attempts, error))
        return None

    def _heed(self, result: WriteResult) -> None:
        """Pause where some of a batch goes again, longer each time that this happens in a row."""
        self._busy_in_a_row = self._busy_in_a_row + 1 if result.again else 0
        self.state = str(result.obstacle) if result.obstacle else "ready"
        if result.again:
            self.pipeline.retries += 1
            if result.obstacle:
                self._complain(f"{self.state} (keeps trying; {self.stats.in_spool} documents wait)")
            self._stop.wait(_pause(self._busy_in_a_row, result.obstacle or StoreUnavailableError()))

    def _written(self, batch: Batch) -> WriteResult:
        """Write a batch; what is refused even when it was repaired is set aside."""
        result, repaired = write_repairing(self._target(), batch.documents, self.pipeline.destination)
        self.pipeline.repaired += repaired
        if result.refused:
            self._complain(f"{self.url} refused {len(result.refused)} documents: {result.refused[0].reason}")
            self._set_aside(result.refused)
        return result

    def _set_aside(self, refusals: Sequence[Refusal]) -> None:
        folder = self.pipeline.spool.folder
        if folder is not None:
            try:
                set_aside(folder.path, refusals)
            except OSError as error:
                self._complain_of_disk(f"cannot set aside {len(refusals)} refused documents: {error}")

    def _target(self) -> Store:
        with self._opening:
            if self._store is None:
                with no_fork:
                    self._store = self._open_target()
                quieten_clients()
            return self._store

    def _wake_keeper(self) -> None:
        self._keeper.wake()

    def _complain(self, message: str) -> None:
        if time.monotonic() >= self._next_complaint:
            self._next_complaint = time.monotonic() + COMPLAINT_INTERVAL
            self._say(message)

    def _complain_of_disk(self, message: str) -> None:
        if time.monotonic() >= self._next_complaint_of_disk:
            self._next_complaint_of_disk = time.monotonic() + COMPLAINT_INTERVAL
            self._say(message)

    @staticmethod
    def _say(message: str) -> None:
        try:
            sys.stderr.write(f"tracelog: {message}\n")
        except Exception:  # noqa: BLE001 - stderr is gone, or anybody's; the counters still know
            return


def _about_process(resource: Mapping[str, object]) -> bytes:
    """Return what is kept with each segment: whose it is."""
    return msgspec.json.encode({"pid": os.getpid(), "resource": resource})


def _pause(attempts: int, error: Exception) -> float:
    """Return how long to wait before trying again, s: doubled each time, with jitter (0.5 to 1 of it).

    A store that asks for more gets it.
    """
    asked = getattr(error, "retry_after", None) or 0.0
    worth_waiting = isinstance(error, StoreUnavailableError) or not isinstance(error, StoreError)
    longest = LONGEST_PAUSE if worth_waiting else REJECTED_PAUSE
    return max(min(0.1 * 2.0 ** min(attempts, 10), longest) * random.uniform(0.5, 1.0), asked)  # noqa: S311 - jitter


def _let_go_of_batch(error: BaseException | None) -> None:
    """Clear the frames that an error and its causes came through: they hold the batch, and are in cycles."""
    while error is not None:
        clear_frames(error.__traceback__)
        error = error.__context__
