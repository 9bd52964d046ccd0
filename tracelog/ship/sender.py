"""One thread that empties a pipeline into its store, as often as it takes.

It starts with the first document and waits with growing pauses while the store is away, without end: what is
queued is kept. Its own doings are never logged or traced into the pipeline that it empties. Senders are kept
by destination for the life of the process, and drained, for a bounded time, when the interpreter exits.
"""

from __future__ import annotations

import atexit
import os
import random
import sys
import threading
import time
from collections.abc import Callable, Hashable

from tracelog.errors import StoreError, StoreUnavailableError
from tracelog.schema.otel import Destination
from tracelog.ship.pipeline import Pipeline, Stats
from tracelog.store import Store, open_store, resolve_destination, resolve_url
from tracelog.store.forks import no_fork

LINGER = 0.3
"""How long a document waits for others to share its batch, s."""
LONGEST_PAUSE = 10.0
REJECTED_PAUSE = 30.0
EXIT_TIMEOUT = 5.0
COMPLAINT_INTERVAL = 300.0

_sending = threading.local()


def is_sending() -> bool:
    """Say whether this thread is a sender, whose own log lines and spans must not be shipped."""
    return getattr(_sending, "active", False)


class Sender:
    """Ships what is put into its pipeline. Opening the store, and every word with it, is left to the thread.

    `owns_store`: whether the store is closed when the sender is.
    """

    def __init__(
        self, open_target: Callable[[], Store], url: str, destination: Destination, *, owns_store: bool
    ) -> None:
        self.url = url
        self.pipeline = Pipeline(destination, self._ensure_thread)
        self._open_target = open_target
        self._owns_store = owns_store
        self._store: Store | None = None
        self.reset()

    def reset(self) -> None:
        """Forget thread and connection: at the start, and in a forked child."""
        if self._store is not None:
            _inherited.append(self._store)
        self._store = None
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._stop = threading.Event()
        self._next_complaint = 0.0

    def flush(self, timeout: float = EXIT_TIMEOUT) -> bool:
        """Wait until all that was emitted is in the store; False when `timeout` seconds ran out."""
        self._ensure_thread(self.pipeline)
        return self.pipeline.flush(timeout)

    def close(self, timeout: float = EXIT_TIMEOUT) -> None:
        """Send what waits, for at most `timeout` seconds, then give up the rest, counted and said on stderr."""
        if self.pipeline.stats.waiting:
            self.flush(timeout)
        self._stop.set()
        self.pipeline.close()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout=1.0)
        lost = self.stats.lost_at_close + self.stats.waiting
        if lost:
            self._say(f"{lost} documents could not be sent to {self.url} before the process ended")

    @property
    def stats(self) -> Stats:
        """The books of the pipeline."""
        return self.pipeline.stats

    def _ensure_thread(self, _pipeline: Pipeline) -> None:
        if self._stop.is_set() or not self._starting.acquire(blocking=False):
            return  # closed, or being started: by another thread, or by this one, which a signal handler interrupts
        try:
            if self._thread is None or not self._thread.is_alive():
                thread = threading.Thread(target=self._run, name="tracelog-sender", daemon=True)
                thread.start()
                self._thread = thread
        except RuntimeError:  # the interpreter is shutting down; what waits is counted by close
            return
        finally:
            self._starting.release()

    def _run(self) -> None:
        _sending.active = True
        _suppress_instrumentation()
        try:
            while self.pipeline.take(LINGER):
                self._send()
        finally:
            if self._store is not None and self._owns_store:
                self._store.close()

    def _send(self) -> None:
        """Write the batch that was taken; on failure put it back and pause, longer each time."""
        attempts = 0
        while not self._stop.is_set():
            try:
                result = self._target().write(self.pipeline.in_flight)
            except Exception as error:  # noqa: BLE001 - a sender that dies would lose the queue
                attempts += 1
                self.pipeline.retries += 1
                self._complain(f"{error} (keeps trying; {self.pipeline.stats.waiting} documents wait)")
                self._stop.wait(_pause(attempts, error))
                continue
            for refusal in result.refused[:1]:
                self._complain(f"{self.url} refused {len(result.refused)} documents: {refusal.reason}")
            self.pipeline.settle(result)
            if result.again:
                self._stop.wait(_pause(1, StoreUnavailableError()))
            return
        self.pipeline.put_back()

    def _target(self) -> Store:
        if self._store is None:
            with no_fork:
                self._store = self._open_target()
        return self._store

    def _complain(self, message: str) -> None:
        if time.monotonic() >= self._next_complaint:
            self._next_complaint = time.monotonic() + COMPLAINT_INTERVAL
            self._say(message)

    @staticmethod
    def _say(message: str) -> None:
        try:
            sys.stderr.write(f"tracelog: {message}\n")
        except (AttributeError, OSError, ValueError):
            return  # stderr is gone; the counters still know


def _pause(attempts: int, error: Exception) -> float:
    """Return how long to wait before trying again, s: doubled each time, with jitter (0.5 to 1 of it)."""
    worth_waiting = isinstance(error, StoreUnavailableError) or not isinstance(error, StoreError)
    longest = LONGEST_PAUSE if worth_waiting else REJECTED_PAUSE
    return min(0.1 * 2.0 ** min(attempts, 10), longest) * random.uniform(0.5, 1.0)  # noqa: S311 - jitter


def _suppress_instrumentation() -> None:
    """Tell instrumentations (SQLite, urllib3) that what this thread does is no part of the application."""
    from opentelemetry import context
    from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY

    context.attach(context.set_value(_SUPPRESS_INSTRUMENTATION_KEY, value=True))


_inherited: list[Store] = []
"""Stores of the parent, whose connections a forked child must neither use nor close."""

_senders: dict[Hashable, Sender] = {}
_registry = threading.Lock()


def sender_for(
    store: str | Store | None = None,
    *,
    dataset: str | None = None,
    namespace: str | None = None,
    api_key: str | None = None,
    ca_certs: str | None = None,
    ssl_fingerprint: str | None = None,
) -> Sender:
    """Return the process's one sender to a destination, made on first use. No connection is opened here."""
    destination = resolve_destination(dataset, namespace)
    target: Callable[[], Store]
    if isinstance(store, Store):
        ready = store
        key: Hashable = (id(ready), destination)
        url, target = ready.url, lambda: ready
    else:
        url = resolve_url(store)
        key = (url, destination, api_key, ca_certs, ssl_fingerprint)
        options = {
            "dataset": dataset,
            "namespace": namespace,
            "api_key": api_key,
            "ca_certs": ca_certs,
            "ssl_fingerprint": ssl_fingerprint,
        }
        target = lambda: open_store(url, **options)  # noqa: E731 - a name would say no more
    with _registry:
        if key not in _senders:
            _senders[key] = Sender(target, url, destination, owns_store=not isinstance(store, Store))
        return _senders[key]


def flush(timeout: float = EXIT_TIMEOUT) -> bool:
    """Wait until all that this process emitted is stored; False when `timeout` seconds ran out."""
    deadline = time.monotonic() + timeout
    flushed = [sender.flush(max(deadline - time.monotonic(), 0.0)) for sender in list(_senders.values())]
    return all(flushed)


def shutdown(timeout: float = EXIT_TIMEOUT) -> None:
    """Send what waits, for at most `timeout` seconds in all, and close. Runs by itself when the interpreter exits."""
    deadline = time.monotonic() + timeout
    with _registry:
        senders = list(_senders.values())
        _senders.clear()
    for sender in senders:
        sender.close(max(deadline - time.monotonic(), 0.0))


def _reset_after_fork() -> None:
    global _registry  # noqa: PLW0603 - the parent may have held it when it forked
    _registry = threading.Lock()
    _sending.active = False
    for sender in _senders.values():
        sender.reset()
        sender.pipeline.reset()


atexit.register(shutdown)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_after_fork)
