"""What a process of the shop does around its work: say where it listens, hear where others do, end when told.

All of it goes through the pipes that the process was started with. It prints its port, then reads one line of
JSON: the addresses of the others by service, and the `database`. It ends when its stdin closes, which also
happens when the shop itself was killed, so that nothing is left running.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_STDIN = 0


def listen() -> socket.socket:
    """Return a socket that listens on a free port: calls made from now on wait, none is refused."""
    # With the protocol named, asyncio switches Nagle's algorithm off, which costs 40 ms per answer otherwise.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)
    return listener


def introduce(port: int = 0) -> dict[str, str]:
    """Say that this process is ready, at `port` if it has one; return the addresses of the others."""
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    line = sys.stdin.readline()
    if not line:
        sys.exit(0)
    addresses: dict[str, str] = json.loads(line)
    return addresses


def wait_for_end() -> None:
    """Block until the shop closes stdin."""
    while os.read(_STDIN, 1):
        pass


def at_end(stop: Callable[[], object]) -> None:
    """Have `stop` called, from a thread of its own, when the shop closes stdin."""

    def run() -> None:
        wait_for_end()
        stop()

    threading.Thread(target=run, name="wait-for-end", daemon=True).start()
