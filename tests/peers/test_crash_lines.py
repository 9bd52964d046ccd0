"""uvicorn's last words on a request that crashed: the traceback and the access line come after the span's end.

uvicorn's own protocol is driven in memory here. `tests/recipes/test_uvicorn.py` has the same with processes and both
implementations, `tests/capture/test_crash_lines.py` all that the middleware does.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from capture.telemetry import RecordList, make_provider
from opentelemetry import trace
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

import tracelog
from tracelog.capture.request_spans import watch_requests

from .outcomes import ids_of

SERVER_SPAN = (f"{1:032x}", f"{1:016x}", "01")


class Connection(asyncio.Transport):
    """A connection that nobody is at the other end of."""

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"sockname": ("127.0.0.1", 8000), "peername": ("127.0.0.1", 50_000)}.get(name, default)

    def write(self, data: object) -> None: ...

    def close(self) -> None: ...

    def is_closing(self) -> bool:
        return False


async def crash(scope: Any, receive: object, send: object) -> None:
    logging.getLogger("shop").info("about to crash")
    raise LookupError("order.id")


def last_words(app: Any) -> list[logging.LogRecord]:
    """Serve one request by uvicorn's HTTP protocol and return what was logged of it."""
    kept = RecordList()
    logging.getLogger().addHandler(kept)

    async def serve() -> None:
        state = ServerState()
        protocol = H11Protocol(Config(app, log_config=None, lifespan="off"), state, {})
        protocol.connection_made(Connection())
        protocol.data_received(b"GET /orders HTTP/1.1\r\nHost: shop\r\n\r\n")
        await asyncio.gather(*state.tasks)

    asyncio.run(serve())
    logging.getLogger().removeHandler(kept)
    return [record for record in kept.records if record.name.startswith(("uvicorn", "shop"))]


@pytest.mark.usefixtures("injected")
def test_the_traceback_and_the_access_line_say_trace_0_unless_the_middleware_is_around(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """open-telemetry/opentelemetry-python#3477, open-telemetry/opentelemetry-python-contrib#3007"""
    provider = make_provider()
    watch_requests(provider)  # as tracelog.configure() does
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    tracelog.install()
    lines = last_words(tracelog.CrashLineMiddleware(OpenTelemetryMiddleware(crash, tracer_provider=provider)))
    assert [(record.name, record.getMessage().strip()) for record in lines] == [
        ("shop", "about to crash"),
        ("uvicorn.error", "Exception in ASGI application"),
        ("uvicorn.access", '127.0.0.1:50000 - "GET /orders HTTP/1.1" 500'),
    ]
    assert [vars(record)["otelTraceID"] for record in lines] == [SERVER_SPAN[0], "0", "0"]
    assert [ids_of(record) for record in lines] == [SERVER_SPAN] * 3
