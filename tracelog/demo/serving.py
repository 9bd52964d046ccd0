"""An HTTP service of the shop: Starlette on uvicorn, traced by the standard instrumentations."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import uvicorn
from opentelemetry.instrumentation.starlette import StarletteInstrumentor
from starlette.applications import Starlette

from tracelog.demo import process, telemetry

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import httpx
    from opentelemetry.instrumentation.httpx import RequestInfo
    from opentelemetry.trace import Span
    from starlette.routing import Route

_CHATTY = ("asyncio", "httpcore", "httpx", "uvicorn")


def serve(routes: Sequence[Route], *, calls: Sequence[str] = ()) -> None:
    """Serve until the shop ends this process.

    `app.state` holds the `addresses` of the others, and `clients` for those that the service `calls`.
    """
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    app = Starlette(routes=routes)
    _trace_requests(app)
    telemetry.warm_up()
    listener = process.listen()
    app.state.addresses = process.introduce(listener.getsockname()[1])
    app.state.clients = _clients(app.state.addresses, calls) if calls else {}
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off"))
    process.at_end(lambda: setattr(server, "should_exit", True))
    server.run(sockets=[listener])
    telemetry.finish()


def _trace_requests(app: Starlette) -> None:
    StarletteInstrumentor.instrument_app(app)
    for middleware in app.user_middleware:
        # StarletteInstrumentor does not pass this on; three more spans per request would hide the shop's own.
        middleware.kwargs["exclude_spans"] = ["receive", "send"]


def _clients(addresses: Mapping[str, str], calls: Sequence[str]) -> dict[str, httpx.AsyncClient]:
    """Return a traced HTTP client for each service."""
    import httpx
    from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor

    HTTPXClientInstrumentor().instrument(async_request_hook=_name_by_path)
    return {name: httpx.AsyncClient(base_url=addresses[name], timeout=20.0) for name in calls}


async def _name_by_path(span: Span, request: RequestInfo) -> None:
    """Name a client span `POST /stock`, not `POST` as the instrumentation does: the paths hold no ids."""
    url: Any = request.url
    span.update_name(f"{request.method.decode()} {url.path if hasattr(url, 'path') else url[3].decode()}")
