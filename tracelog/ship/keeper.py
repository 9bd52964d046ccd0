"""The thread that keeps a spool ready and safe: segments are prepared before they are needed, and synced to the disk.

It also decides what is undecided for too long. It is apart from the sender, which may be waiting for a store that is
away.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue

from tracelog.keep.keeping import decide_old
from tracelog.ship.spool import Spool

SYNC_INTERVAL = 1.0
"""How much a power cut may cost, s."""
WRITE_INTERVAL = 0.05
"""How much a kill may cost where segments are written by hand, s."""


class Keeper:
    """Keeps one spool. `complain` hears in one line what goes wrong."""

    def __init__(self, spool: Spool, complain: Callable[[str], None]) -> None:
        self._spool = spool
        self._complain = complain
        self.begin()

    def begin(self) -> None:
        """Forget the thread: at the start, and in a forked child."""
        # Reentrant, which an Event is not: a signal handler may log in the middle of a wake.
        self._wakes: SimpleQueue[None] = SimpleQueue()
        self._stopped = False
        self._next_sync = 0.0

    def wake(self) -> None:
        """Have segments prepared now."""
        self._wakes.put(None)

    def start(self) -> None:
        """Start the thread. Raise RuntimeError where the interpreter is shutting down."""
        threading.Thread(target=self._run, name="tracelog-keeper", daemon=True).start()

    def stop(self) -> None:
        """End the thread, soon."""
        self._stopped = True
        self._wakes.put(None)

    def _run(self) -> None:
        while not self._stopped:
            self._await_wake(WRITE_INTERVAL if self._spool.by_hand else SYNC_INTERVAL)
            self._attempt(self._keep, "keep the spool ready")
            self._attempt(decide_old, "decide what is undecided for too long")

    def _attempt(self, work: Callable[[], None], purpose: str) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - without a keeper every log call would prepare its own segments
            self._complain(f"cannot {purpose}: {error}")

    def _await_wake(self, seconds: float) -> None:
        """Wait until somebody wakes the thread, or for so many seconds; several wakes are one."""
        with suppress(Empty):
            self._wakes.get(timeout=seconds)
            while True:
                self._wakes.get_nowait()

    def _keep(self) -> None:
        self._spool.prepare()
        is_due = time.monotonic() >= self._next_sync
        self._spool.persist(durably=is_due)
        if is_due:
            self._next_sync = time.monotonic() + SYNC_INTERVAL
