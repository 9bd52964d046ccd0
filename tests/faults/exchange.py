"""One request on its way through the fault proxy, and all that a fault may do about it.

A fault is a value with a `play` that says what becomes of one request, in the words of an `Exchange`: `read` it,
`forward` it, `send` an answer, `hold` everybody up, or end the connection. It calls `count` just before the client can
notice, so that a test that has seen the harm finds it counted.
"""

from __future__ import annotations

import abc
import socket
import struct
import threading
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import suppress
from http.client import HTTPConnection, HTTPMessage, parse_headers, responses
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from typing_extensions import Self

    from .proxy import FaultProxy

WAIT_SECONDS = 30.0
_PIECE = 65536
_SLICES = 10  # into which a second of a throttled connection is cut
_OF_ONE_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "expect"}
_WITHOUT_BODY = (204, 304)


class Counts:
    """How often each thing has happened, by its name; 0 for what never did."""

    def __init__(self) -> None:
        self._counter: Counter[str] = Counter()
        self._changed = threading.Condition()

    def add(self, name: str, amount: int = 1) -> None:
        with self._changed:
            self._counter[name] += amount
            self._changed.notify_all()

    def wait_for(self, name: str, count: int = 1, timeout: float = WAIT_SECONDS) -> None:
        """Wait until something has happened so many times. Raise TimeoutError."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._counter[name] >= count, timeout):
                raise TimeoutError(f"{name!r} has not come to {count} after {timeout} s: {dict(self._counter)}")

    def __getitem__(self, name: str) -> int:
        with self._changed:
            return self._counter[name]

    def __repr__(self) -> str:
        with self._changed:
            return repr(dict(self._counter))


class Reply(NamedTuple):
    """An answer: its status, its headers in their order, its whole body."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def encode(self, method: str) -> bytes:
        """Return the bytes that answer a request of this method; an answer to HEAD has a length, but no body."""
        kept = [(name, value) for name, value in self.headers if name.lower() not in _OF_ONE_HOP]
        if method == "HEAD":
            kept += [(name, value) for name, value in self.headers if name.lower() == "content-length"]
        elif self.status not in _WITHOUT_BODY:
            kept.append(("content-length", str(len(self.body))))
        head = [
            f"HTTP/1.1 {self.status} {responses.get(self.status, '')}",
            *(f"{name}: {value}" for name, value in kept),
        ]
        return "\r\n".join([*head, "", ""]).encode("latin-1") + self.body


class Connection:
    """A client's connection, and the one to the upstream that is there for it alone."""

    def __init__(self, client: socket.socket, host: str, port: int) -> None:
        self.client = client
        self.stream = client.makefile("rb")
        self.upstream = HTTPConnection(host, port, timeout=WAIT_SECONDS)

    def interrupt(self) -> None:
        """End both, from another thread than the one that serves them, which is awoken by it."""
        for end in (self.client, self.upstream.sock):
            with suppress(OSError, AttributeError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.upstream.close()
        self.stream.close()
        self.client.close()


class Exchange:
    """A request of which the head was read.

    `goes_on`: whether another request may follow on this connection; `released`: ends all waiting.
    """

    def __init__(self, proxy: FaultProxy, connection: Connection, head: bytes) -> None:
        self.method, self.path, version = head.decode("latin-1").split()
        self.headers: HTTPMessage = parse_headers(connection.stream)
        self.goes_on = version == "HTTP/1.1" and self.headers.get("connection", "").lower() != "close"
        self.proxy = proxy
        self.released = threading.Event()
        self._connection = connection
        self._body: bytes | None = None

    @classmethod
    def begin(cls, proxy: FaultProxy, connection: Connection) -> Self | None:
        """Read the head of the next request. Return None where the client has left."""
        head = connection.stream.readline()
        return cls(proxy, connection, head) if head else None

    def read(self, rate: float | None = None) -> bytes:
        """Return the body. `rate`: in bytes per second."""
        if self._body is None:
            pieces = []
            for piece in self.pieces(_size(rate)):
                pieces.append(piece)
                self._linger(piece, rate)
            self._body = b"".join(pieces)
        return self._body

    def pieces(self, size: int) -> Iterator[bytes]:
        """Yield the body as it comes, in pieces of `size` or, where the client has cut it into chunks, in those."""
        if "expect" in self.headers:
            self._connection.client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if "chunked" in self.headers.get("transfer-encoding", ""):
            while length := int(self._connection.stream.readline().partition(b";")[0], 16):
                yield self._exactly(length)
                self._exactly(len("\r\n"))
            while self._connection.stream.readline().strip():
                pass  # trailers
            return
        remaining = int(self.headers.get("content-length", 0))
        while remaining:
            piece = self._exactly(min(size, remaining))
            remaining -= len(piece)
            yield piece

    def forward(self, body: bytes | None = None, path: str | None = None, without: Collection[str] = ()) -> Reply:
        """Return what the upstream answers to the request, or to another `body` or `path`, `without` some headers."""
        content = self.read() if body is None else body
        upstream = self._connection.upstream
        upstream.putrequest(self.method, path or self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in {*_OF_ONE_HOP, *without}:
                upstream.putheader(name, value)
        if content or self.method in ("POST", "PUT"):
            upstream.putheader("content-length", str(len(content)))
        upstream.endheaders(content)
        answer = upstream.getresponse()
        return Reply(answer.status, answer.getheaders(), answer.read())

    def send(self, reply: Reply, rate: float | None = None) -> None:
        """Answer. `rate`: in bytes per second."""
        self.read()
        self.send_bytes(reply.encode(self.method), rate)

    def send_bytes(self, data: bytes, rate: float | None = None) -> None:
        """Send bytes that need not be an answer."""
        size = _size(rate)
        for start in range(0, len(data), size):
            piece = data[start : start + size]
            self.proxy.counts.add("bytes_out", len(piece))
            self._connection.client.sendall(piece)
            self._linger(piece, rate)

    def hold(self, seconds: float | None = None) -> None:
        """Wait until the proxy releases what it holds, for at most so many seconds."""
        self.proxy.counts.add("held")
        self.released.wait(seconds)
        self.proxy.counts.add("held", -1)

    def count(self, fault: Fault) -> None:
        self.proxy.counts.add(fault.name)

    def hang_up(self) -> None:
        """Close the connection in good order, whatever was sent on it; unread bytes would make it a reset."""
        self.read()
        self.goes_on = False

    def reset(self) -> None:
        """Close the connection with an RST: it does not linger for what was sent and not taken yet."""
        self._connection.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.goes_on = False

    def _exactly(self, length: int) -> bytes:
        data = self._connection.stream.read(length)
        self.proxy.counts.add("bytes_in", len(data))
        if len(data) < length:
            raise ConnectionError("the client left within a request")
        return data

    def _linger(self, piece: bytes, rate: float | None) -> None:
        if rate:
            self.released.wait(len(piece) / rate)


def _size(rate: float | None) -> int:
    return max(int(rate / _SLICES), 1) if rate else _PIECE


class Plan(Protocol):
    """What may be put on a proxy: something that knows a fault, or none, for each request in turn."""

    def choose(self) -> Fault | None: ...


class Fault(abc.ABC):
    """A way to do harm to one request. On a proxy it is played for every request."""

    @property
    def name(self) -> str:
        """The name that it is counted under."""
        return type(self).__name__

    @abc.abstractmethod
    def play(self, exchange: Exchange) -> None: ...

    def choose(self) -> Fault | None:
        return self
