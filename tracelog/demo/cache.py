"""The cache: a process that speaks the `get` and `set` of memcached's text protocol, and the client for it.

The process neither logs nor traces, as a cache does not; what is known of it, its client's spans say.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind

from tracelog.demo import process

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

tracer = trace.get_tracer("shop.cache")


class CacheClient:
    """Asks the cache over a connection of its own each time; each call is a span of kind CLIENT."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._host, self._port = parts.hostname or "", parts.port or 0

    async def get(self, key: str) -> str | None:
        """Return a value, or None where there is none, which is an event of the span."""
        with self._span("get", key) as span:
            answer = await self._ask(f"get {key}\r\n", until=b"END\r\n")
            if not answer.startswith("VALUE"):
                span.add_event("cache_miss", {"cache.key": key})
                return None
            return answer.split("\r\n")[1]

    async def set(self, key: str, value: str) -> None:
        """Keep a value for a minute."""
        with self._span("set", key):
            await self._ask(f"set {key} 0 60 {len(value)}\r\n{value}\r\n", until=b"\r\n")

    def _span(self, operation: str, key: str) -> AbstractContextManager[Span]:
        facts: Mapping[str, str | int] = {
            "db.system.name": "memcached",
            "db.operation.name": operation,
            "db.query.text": f"{operation} {key}",
            "server.address": self._host,
            "server.port": self._port,
        }
        return tracer.start_as_current_span(f"cache {operation}", kind=SpanKind.CLIENT, attributes=facts)

    async def _ask(self, request: str, until: bytes) -> str:
        reader, writer = await asyncio.open_connection(self._host, self._port)
        try:
            writer.write(request.encode())
            return (await reader.readuntil(until)).decode()
        finally:
            writer.close()


async def answer(kept: dict[str, str], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the commands of one connection. The demo is over before a value expires."""
    while line := await reader.readline():
        command, key, *rest = line.decode().split()
        if command == "set":
            kept[key] = (await reader.readexactly(int(rest[-1]) + 2)).decode()[:-2]
            writer.write(b"STORED\r\n")
        elif key in kept:
            writer.write(f"VALUE {key} 0 {len(kept[key])}\r\n{kept[key]}\r\nEND\r\n".encode())
        else:
            writer.write(b"END\r\n")
    writer.close()


async def run() -> None:
    """Serve until the shop ends this process."""
    kept: dict[str, str] = {}
    listener = process.listen()
    server = await asyncio.start_server(lambda reader, writer: answer(kept, reader, writer), sock=listener)
    process.introduce(listener.getsockname()[1])
    await asyncio.to_thread(process.wait_for_end)
    server.close()


if __name__ == "__main__":
    asyncio.run(run())
