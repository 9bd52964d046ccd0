"""A pause for the cyclic garbage collector, while a large answer becomes values.

Values that are being made are all alive and in no cycle; the collector would walk over them again and again, which
takes as long as making them. It is switched on again by the last of those who paused it, unless it was off before.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_pauses = 0
_was_on = False


@contextmanager
def collector_paused() -> Iterator[None]:
    """Pause the collector, in all threads, until the block ends; pauses may overlap."""
    global _pauses, _was_on  # noqa: PLW0603 - the collector is one for the whole process, too
    with _lock:
        if not _pauses:
            _was_on = gc.isenabled()
            gc.disable()
        _pauses += 1
    try:
        yield
    finally:
        with _lock:
            _pauses -= 1
            if not _pauses and _was_on:
                gc.enable()
