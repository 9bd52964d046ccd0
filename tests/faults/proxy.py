"""A fault proxy: it stands before one HTTP server, passes everything on, and does harm where a test wants it to.

    with FaultProxy(node_url) as proxy, open_store(proxy.url) as store:
        proxy.fault = DropReply()  # every bulk, until proxy.fault is None or another one
        proxy.fault = Script(HttpStatus(503), None, DropReply())  # the next three bulks
        proxy.fault = RandomFaults(seed, [DropReply(), ResetReply(10)], probability=0.3)
        proxy.counts.wait_for("DropReply", 3)

Harm is done to bulks alone, unless `matches` says otherwise. The faults are in `replies` and `bulk_items`. Put `proxy`
into the message of an assertion: its repr shows the fault with its seed, and the counts.
"""

from __future__ import annotations

import socket
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from http.client import HTTPException
from random import Random
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from .exchange import Connection, Counts, Exchange, Fault, Plan

if TYPE_CHECKING:
    from typing_extensions import Self


class Script:
    """One fault, or None, for each request in turn; when all were played, no more."""

    def __init__(self, *faults: Fault | None) -> None:
        self._faults = faults
        self._left = deque(faults)

    def choose(self) -> Fault | None:
        return self._left.popleft() if self._left else None

    def __repr__(self) -> str:
        return f"Script{self._faults!r}, {len(self._left)} left"


class RandomFaults:
    """One of `faults`, at random, with a probability. The same seed makes the same choices."""

    def __init__(self, seed: int, faults: Sequence[Fault], probability: float) -> None:
        self._arguments = (seed, faults, probability)
        self._random = Random(seed)

    def choose(self) -> Fault | None:
        _, faults, probability = self._arguments
        return self._random.choice(faults) if self._random.random() < probability else None

    def __repr__(self) -> str:
        seed, faults, probability = self._arguments
        return f"RandomFaults(seed={seed}, faults={faults}, probability={probability})"


def is_bulk(method: str, path: str) -> bool:
    return path.partition("?")[0].endswith("/_bulk")


class FaultProxy:
    """A proxy before `upstream`, listening within `with`.

    `counts`: `opened` (how often it began to listen), `connections`, `requests` (all), `matched` (those that may be
    harmed), `bytes_in` (of bodies), `bytes_out`, `held` (at this time), and each fault by its name.
    """

    def __init__(
        self, upstream: str, fault: Plan | None = None, *, matches: Callable[[str, str], bool] = is_bulk
    ) -> None:
        parts = urlsplit(upstream)
        assert parts.scheme == "http", upstream
        self._upstream = (parts.hostname or "", parts.port or 80)
        self._matches = matches
        self._fault = fault
        self._released = threading.Event()
        self._lock = threading.RLock()
        self._connections: set[Connection] = set()
        self._threads: list[threading.Thread] = []
        self._errors: list[Exception] = []
        self._listening = threading.Lock()  # apart, for who holds it waits for threads that take the other one
        self._refusals = 0
        self._listener: socket.socket
        self.counts = Counts()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def fault(self) -> Plan | None:
        """What befalls the requests that match. To set it releases what the fault before it holds."""
        return self._fault

    @fault.setter
    def fault(self, fault: Plan | None) -> None:
        with self._lock:
            self._fault = fault
            self.release()

    def release(self) -> None:
        """Let go of what is held up at this time: black holes, slow replies, throttled connections."""
        with self._lock:
            released, self._released = self._released, threading.Event()
        released.set()

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """End all connections and refuse new ones, on the same port, until the block is left."""
        with self._listening:
            self._refusals += 1
            self._stop()
        try:
            yield
        finally:
            with self._listening:
                self._refusals -= 1
                if not self._refusals:
                    self._start()

    def _start(self) -> None:
        self._listener.listen()
        self._accepting = threading.Thread(target=self._accept, args=(self._listener,), daemon=True)
        self._accepting.start()
        self.counts.add("opened")

    def _stop(self) -> None:
        """Close the listener and all connections. Its port is kept, by a socket that does not listen."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._listener.close()
        self._listener = _bind(self._port)
        with self._lock:
            for connection in self._connections:
                connection.interrupt()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):  # the listener was shut down
            while True:
                client, _ = listener.accept()
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection = Connection(client, *self._upstream)
                thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
                self.counts.add("connections")
                with self._lock:
                    self._connections.add(connection)
                    self._threads = [*(each for each in self._threads if each.is_alive()), thread]
                    thread.start()

    def _serve(self, connection: Connection) -> None:
        try:
            with suppress(OSError, HTTPException):  # one of the two sides has left
                while exchange := Exchange.begin(self, connection):
                    self._answer(exchange)
                    if not exchange.goes_on:
                        break
        except Exception as error:  # noqa: BLE001 - raised where the test ends
            self._errors.append(error)
        finally:
            with self._lock:
                self._connections.discard(connection)
            connection.close()

    def _answer(self, exchange: Exchange) -> None:
        self.counts.add("requests")
        fault = None
        if self._matches(exchange.method, exchange.path):
            self.counts.add("matched")
            with self._lock:
                exchange.released = self._released
                fault = self._fault.choose() if self._fault else None
        if fault:
            fault.play(exchange)
        else:
            exchange.send(exchange.forward())

    def __enter__(self) -> Self:
        self._listener = _bind(0)
        self._port: int = self._listener.getsockname()[1]
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._listening:
            self._refusals += 1  # for good: nobody is to listen again
            self._stop()
            self._listener.close()
        with self._lock:
            self._released.set()
            threads = self._threads
        for thread in threads:
            thread.join()
        if self._errors:
            raise self._errors[0]

    def __repr__(self) -> str:
        return f"<FaultProxy before {self._upstream}, {self._fault!r}, {self.counts!r}>"


def _bind(port: int) -> socket.socket:
    """Return a socket that has a port of this machine, but refuses who connects until it listens."""
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(("127.0.0.1", port))
    return bound
