"""Who is answered, and with which page: this machine's browsers, reading, and nobody else.

A page of another site must not read what is stored through its visitor's browser. It cannot name this server by a host
of its own (a rebound DNS name is refused by its Host), nor send requests from its pages (refused by their Origin).
"""

from __future__ import annotations

import socket
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from tracelog import ids
from tracelog.errors import ConfigurationError, MissingExtraError, StoreError, TraceNotFoundError
from tracelog.model import Match
from tracelog.read.findings import judged
from tracelog.show.page import page_html
from tracelog.show.page.sources import policy
from tracelog.show.ui import pages
from tracelog.show.ui.asked import Asked
from tracelog.show.ui.found import look
from tracelog.store import Store

try:
    import uvicorn
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.requests import Request
    from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
    from starlette.routing import Route
except ModuleNotFoundError as error:
    raise MissingExtraError("the served page", "ui") from error

ADDRESS = "127.0.0.1"
_HOSTS = [ADDRESS, "localhost"]
_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_MOST_SHOWN = 1000
"""How many traces are listed in which a value was found."""
_Handler = Callable[..., Awaitable[None]]


def application(store: Store) -> Starlette:
    """Return the pages of a store as an ASGI application. It takes requests to this machine alone, and only reads."""
    shown = _Pages(store)
    routes = [Route("/", shown.search), Route("/find", shown.find), Route("/trace/{any_id}", shown.trace)]
    return Starlette(
        routes=routes,
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=_HOSTS, www_redirect=False), Middleware(_OwnPages)],
        exception_handlers={404: shown.unknown},
    )


def serve(store: Store, port: int, ready: Callable[[str], None]) -> None:
    """Serve until interrupted. `ready` hears the address. Raise ConfigurationError where the port is taken."""
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((ADDRESS, port))
        listening.listen()  # whoever hears the address may ask at once
    except OSError as error:
        listening.close()
        raise ConfigurationError(f"port {port}: {error.strerror} (name another with --port)") from error
    config = uvicorn.Config(application(store), log_level="warning", access_log=False, server_header=False)
    ready(f"http://{ADDRESS}:{listening.getsockname()[1]}/")
    with suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listening])


class _Pages:
    """The pages of a store; each is made in a thread of the server's pool, for a store may take its time."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def search(self, request: Request) -> Response:
        """Answer a search, with the slowest traces and the latency of operations."""
        store, now = self._store, time.time_ns()
        asked = Asked()
        try:
            asked = Asked.of(request.query_params)
            found = look(store, asked, now)
        except (ConfigurationError, StoreError) as error:
            return _page(pages.search_page(store, asked, None, now=now, problem=str(error)), _code(error))
        return _page(pages.search_page(store, asked, found, now=now))

    def find(self, request: Request) -> Response:
        """Go to the trace of an id or value; where several have it, list them."""
        wanted = request.query_params.get("q", "").strip()
        try:
            matches = self._store.find(wanted) if wanted else []
        except (ConfigurationError, StoreError) as error:
            return self._problem(error, wanted)
        if not matches:
            return self._problem(TraceNotFoundError(f"nothing found for {wanted!r}"), wanted)
        if len({match.trace_id for match in matches}) > 1:
            return self._choices(wanted, matches)
        (first, *_) = matches
        place = f"#span={first.value}" if first.field == "span_id" else ""
        return RedirectResponse(pages.trace_address(first.trace_id) + place, 303, _HEADERS)

    def trace(self, request: Request) -> Response:
        """Show a trace, by its id alone."""
        any_id = request.path_params["any_id"]
        try:
            trace_id = ids.trace_id(any_id)
            if trace_id is None:
                raise TraceNotFoundError(f"{any_id!r} is no trace id")
            trace = judged(self._store.trace(trace_id), time.time_ns())
        except (ConfigurationError, StoreError, TraceNotFoundError) as error:
            return self._problem(error, any_id)
        return StreamingResponse(page_html(trace, home="/"), media_type="text/html", headers=_headers(policy()))

    def _choices(self, wanted: str, matches: list[Match]) -> Response:
        """List the traces that hold a value, those with the longest root first, as `find` has them."""
        shown = matches[:_MOST_SHOWN]
        try:
            totals = self._store.totals({match.trace_id for match in shown})
        except StoreError as error:
            return self._problem(error, wanted)
        return _page(pages.matches_page(self._store, wanted, shown, totals, len(matches)))

    async def unknown(self, request: Request, _error: Exception) -> Response:
        """Say that there is no such page."""
        return self._problem(TraceNotFoundError(f"no page at {request.url.path}"))

    def _problem(self, error: Exception, wanted: str = "") -> Response:
        return _page(pages.problem_page(self._store, str(error), wanted), _code(error))


class _OwnPages:
    """Refuse what the pages of other sites ask for: their requests name where they come from."""

    def __init__(self, app: _Handler) -> None:
        self._app = app

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            request = Request(scope)
            origin = request.headers.get("origin")
            if origin is not None and origin != f"http://{request.headers.get('host')}":
                await Response("requests of other sites are not answered\n", 403)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _page(html: str, code: int = 200) -> Response:
    return HTMLResponse(html, code, _headers(pages.policy()))


def _headers(policy: str) -> dict[str, str]:
    return {**_HEADERS, "Content-Security-Policy": f"{policy}; frame-ancestors 'none'"}


def _code(error: Exception) -> int:
    if isinstance(error, TraceNotFoundError):
        return 404
    return 400 if isinstance(error, ConfigurationError) else 503
