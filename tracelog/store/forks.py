"""Where a fork has to wait: while a store's module is imported, and while SQLite writes.

A forked child has the memory of all its parent's threads and runs none of them. An import that one of them was in
the middle of never ends there, and a lock that SQLite noted as held by this process is never released. What other
processes do is not waited for.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

no_fork = threading.Lock()
"""Held by a thread that a fork must not catch in the middle."""

before_fork: list[Callable[[], None]] = []
"""What is done before each fork, while no thread holds `no_fork`."""


def _wait() -> None:
    no_fork.acquire()
    for prepare in before_fork:
        prepare()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_wait, after_in_parent=no_fork.release, after_in_child=no_fork.release)
