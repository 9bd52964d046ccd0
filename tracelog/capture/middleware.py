"""The outermost wrapper of an ASGI or WSGI application: it leaves the note that `crash_lines` reads.

In each request it notes the server span: as the SDK tells of it, else as the first stamp in the request shows it, else
the caller's, from a strictly parsed W3C `traceparent`. Where there is no tracer provider at all, the caller's span
is also made the active one, so that a service with no instrumentation logs with the ids it was called with.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping
from typing import TYPE_CHECKING, Any, Literal

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, TraceState

from tracelog import ids
from tracelog.capture import context, crash_lines
from tracelog.capture.context import Stamp
from tracelog.capture.crash_lines import Request, current_request
from tracelog.errors import ConfigurationError

LONGEST_TRACESTATE = 512
"""A longer `tracestate` is left out; W3C Trace Context asks for no more to be passed on."""

Interface = Literal["asgi", "wsgi"]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class CrashLineMiddleware:
    """Wrap an ASGI or WSGI application, outermost, so that what its server says of a crash has the request's ids.

    `interface`: `asgi` or `wsgi`, where it cannot be seen in the application. `traceparent`: whether the span of the
    caller, from the request's header, is the active one in the request. None: only where there is no tracer
    provider; where there is one, an instrumentation reads the header, and makes a server span only if no span is
    active.
    """

    def __new__(  # noqa: PYI034 - one name, two kinds: servers look at whether `__call__` is a coroutine function
        cls, app: Callable[..., Any], interface: Interface | None = None, **_options: Any
    ) -> CrashLineMiddleware:
        """Make the kind of wrapper that the application needs."""
        kinds = {"asgi": _ASGI, "wsgi": _WSGI}
        chosen = interface or _interface_of(app)
        if chosen not in kinds:
            raise ConfigurationError(f"cannot tell whether {app!r} is ASGI or WSGI: give interface='asgi' or 'wsgi'")
        return super().__new__(kinds[chosen])

    def __init__(
        self,
        app: Callable[..., Any],
        interface: Interface | None = None,  # noqa: ARG002 - what `__new__` has gone by
        *,
        traceparent: bool | None = None,
    ) -> None:
        crash_lines.in_use = True
        self._app = app
        context.watch = crash_lines.note_stamp
        self._traceparent = traceparent
        self._provider: object = None

    if TYPE_CHECKING:

        def __call__(self, *request: Any) -> Any:
            """Serve a request."""

    def _begin(self, parent: str | None, state: str | None, *, keeps_thread: bool) -> Request:
        self._watch_provider()
        caller = _span_of_caller(parent, state) if parent else None
        stamp = Stamp(caller.trace_id, caller.span_id, int(caller.trace_flags)) if caller else None
        request = Request(stamp, keeps_thread=keeps_thread)
        current_request.set(request)
        if caller is not None and self._uses_traceparent and trace.get_current_span() is trace.INVALID_SPAN:
            request.token = contexts.attach(trace.set_span_in_context(NonRecordingSpan(caller)))
        return request

    def _watch_provider(self) -> None:
        """Have the SDK's provider tell of server spans, whenever it is set, whether or not by `configure`."""
        provider = trace.get_tracer_provider()
        if provider is not self._provider:
            self._provider = provider
            if type(provider).__module__.startswith("opentelemetry.sdk."):
                from tracelog.capture.request_spans import watch_requests

                watch_requests(provider)  # type: ignore[arg-type]  # it is the SDK's: its module says so

    @property
    def _uses_traceparent(self) -> bool:
        if self._traceparent is not None:
            return self._traceparent
        return isinstance(self._provider, (trace.ProxyTracerProvider, trace.NoOpTracerProvider))


class _ASGI(CrashLineMiddleware):
    """The wrapper for ASGI: the server logs in the task that called it, which ends with the request."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        outer = current_request.get()
        request = self._begin(_header(scope, b"traceparent"), _header(scope, b"tracestate"), keeps_thread=False)
        try:
            await self._app(scope, receive, send)
        except BaseException as error:
            request.end(error)
            raise
        finally:
            request.end()
            if outer is not None and not outer.over:  # one application called another in this process
                current_request.set(outer)


class _WSGI(CrashLineMiddleware):
    """The wrapper for WSGI: the server logs in the thread that called it, which goes on to other requests."""

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        parent, state = environ.get("HTTP_TRACEPARENT"), environ.get("HTTP_TRACESTATE")
        request = self._begin(parent, state, keeps_thread=True)
        try:
            body: Iterable[bytes] = self._app(environ, start_response)
        except BaseException as error:
            request.end(error)
            raise
        # A server looks at these themselves: at a list for its length, at a file to send it without reading it.
        wrapper = environ.get("wsgi.file_wrapper")
        if isinstance(body, (list, tuple, wrapper if isinstance(wrapper, type) else list)):  # it may be a function
            request.end()
            return body
        request.over = True
        return _Body(body, request)


class _Body:
    """The body of a WSGI response, which is part of the request until it is closed."""

    def __init__(self, body: Iterable[bytes], request: Request) -> None:
        self._body = body
        self._chunks: Iterator[bytes] | None = None
        self._request = request
        self._last_word_follows = False
        self._is_sent = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            if self._chunks is None:
                self._chunks = iter(self._body)
            chunk = next(self._chunks)
        except StopIteration:
            raise
        except BaseException as error:
            self._request.end(error)
            self._last_word_follows = not self._is_sent  # the answer can still be a 500, with a line of its own
            raise
        self._is_sent = True
        return chunk

    def close(self) -> None:
        """Close the application's body; the server has written its access line by now."""
        try:
            if hasattr(self._body, "close"):
                self._body.close()
        except BaseException as error:
            self._request.end(error)
            raise
        finally:
            self._request.end()
            current_request.set(self._request if self._last_word_follows else None)


def _interface_of(app: Callable[..., Any]) -> Interface | None:
    """Return the interface that an application can be called by: three arguments are ASGI, two are WSGI."""
    if inspect.iscoroutinefunction(app) or inspect.iscoroutinefunction(getattr(app, "__call__", None)):  # noqa: B004 - the method is looked at, not for
        return "asgi"
    takes_two, takes_three = _takes(app, 2), _takes(app, 3)
    if takes_two == takes_three:
        return None
    return "wsgi" if takes_two else "asgi"


def _takes(app: Callable[..., Any], count: int) -> bool:
    try:
        inspect.signature(app).bind(*[None] * count)
    except (TypeError, ValueError):
        return False
    return True


def _header(scope: Scope, name: bytes) -> str | None:
    """Return a header that stands in the request once; a repeated one is no `traceparent`."""
    found = [value for key, value in scope.get("headers", ()) if key.lower() == name]
    return found[0].decode("latin-1") if len(found) == 1 else None


def _span_of_caller(parent: str, state: str | None) -> SpanContext | None:
    """Return the caller's span from its W3C headers, None where `traceparent` is invalid."""
    caller = ids.parse_traceparent(parent)
    if caller is None:
        return None
    return SpanContext(
        int(caller.trace_id, 16),
        int(caller.span_id, 16),
        is_remote=True,
        trace_flags=TraceFlags(caller.flags),
        trace_state=TraceState.from_header([state]) if state and len(state) <= LONGEST_TRACESTATE else None,
    )
