"""The ids on the lines that a server writes about a request after the request's span has ended.

An exception that nobody catches ends the server span first; the server's traceback line and its access line with
the 500 follow, in no span. Two ways lead back to the ids:

- `CrashLineMiddleware`, around everything else, leaves a note of the request's server span in the context of the
  request, where the server's own loggers find it. Nobody else is given it: a worker thread keeps its context
  from one request to the next, and old ids are worse than none.
- an exception carries the ids of the last span that it passed (`remember_exception`), into whichever thread, task
  or process it is logged in.

`late_stamp` is asked only where there is no active span, and what it returns is marked `tracelog.after_end`. Where
nothing is instrumented, the caller's `traceparent` stands for the server span.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping
from contextlib import suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Literal

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, TraceState

from tracelog import ids
from tracelog.capture.context import Stamp
from tracelog.errors import ConfigurationError

AFTER_END = "tracelog.after_end"
"""The attribute, true, of a line whose ids were found after the span's end."""

LONGEST_TRACESTATE = 512
"""A longer `tracestate` is left out; W3C Trace Context asks for no more to be passed on."""

in_use = False
"""Whether there is a `CrashLineMiddleware`: while there is none, a record without an exception need not ask."""

Interface = Literal["asgi", "wsgi"]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_CARRIED = "__tracelog_stamp__"
_LONGEST_CHAIN = 8
_SERVERS = frozenset({"uvicorn", "gunicorn", "hypercorn", "granian", "_granian", "waitress", "werkzeug"})
_ACCESS_LOGGERS = frozenset({"uvicorn.access", "gunicorn.access", "hypercorn.access", "granian.access"})


class _Request:
    """What is known of the span of one request. `keeps_thread`: its context outlives it (WSGI)."""

    __slots__ = ("caller", "is_certain", "keeps_thread", "over", "stamp", "token")

    def __init__(self, caller: Stamp | None, *, keeps_thread: bool) -> None:
        self.caller = caller
        self.keeps_thread = keeps_thread
        self.stamp: Stamp | None = None
        self.is_certain = False
        self.over = False
        self.token: Any = None

    def stamp_for(self, name: str) -> Stamp | None:
        """Return the ids for a record of the logger `name`, if that writes about this request."""
        if name.partition(".")[0] not in _SERVERS and name != "django.request":
            return None
        if not (self.over and self.keeps_thread):
            return self.found
        if name in _ACCESS_LOGGERS:  # the last word about this request; what this thread says next is not about it
            _request.set(None)
            return self.found
        return self.found if name == "werkzeug" else None  # its traceback is text, without an exc_info

    @property
    def found(self) -> Stamp | None:
        """The server span, else, once the application is done, the caller's."""
        return self.stamp or (self.caller if self.over else None)

    def end(self, error: BaseException | None = None) -> None:
        """Note that the application is done with the request, and the exception that came out of it."""
        self.over = True
        if self.token is not None:
            contexts.detach(self.token)
            self.token = None
        if error is not None and self.found is not None:
            remember_exception(error, self.found)


_request: ContextVar[_Request | None] = ContextVar("tracelog_request", default=None)
_latest_request = _request.get


def late_stamp(name: str, exc_info: object) -> Stamp | None:
    """Return the ids, marked, for a record of the logger `name` made in no span; None where none are known.

    `exc_info` is what a log call takes: an exception, its triple, or True. Its ids come first: an exception knows
    which request it is from.
    """
    stamp = _carried(exc_info) if exc_info else None
    if stamp is None:
        request = _latest_request()
        if request is None:
            return None
        stamp = request.stamp_for(name)
    return None if stamp is None else stamp.marked(AFTER_END)


def note_stamp(stamp: Stamp) -> None:
    """Tell the request in whose context this is called of a stamp made in it: its span, until a better one is known."""
    request = _request.get()
    if request is None or request.is_certain or request.over:
        return
    span = trace.get_current_span()
    if not span.get_span_context().is_remote:
        parent = getattr(span, "parent", span)  # absent from all but the SDK's spans
        note_server_span(stamp, is_certain=parent is None or getattr(parent, "is_remote", False))


def note_server_span(stamp: Stamp, *, is_certain: bool = True) -> None:
    """Tell the request in whose context this is called of its server span. The first certain one is believed."""
    request = _request.get()
    if request is not None and not request.is_certain and (is_certain or request.stamp is None):
        request.stamp, request.is_certain = stamp, is_certain


def remember_exception(error: BaseException, stamp: Stamp) -> None:
    """Let an exception carry ids, as plain integers: it may be unpickled where tracelog is not installed."""
    with suppress(Exception):  # an exception class that takes no attributes goes without
        setattr(error, _CARRIED, (stamp.trace_id, stamp.span_id, stamp.flags))


def _carried(exc_info: object) -> Stamp | None:
    """Return the ids of an exception, else of the one that it was raised from or because of."""
    info = sys.exc_info() if exc_info is True else exc_info
    error = info[1] if isinstance(info, tuple) and len(info) > 1 else info
    for _ in range(_LONGEST_CHAIN):
        if not isinstance(error, BaseException):
            break
        found = vars(error).get(_CARRIED)
        if found is not None:
            return Stamp(*found)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return None


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
        global in_use  # noqa: PLW0603 - it goes up once and stays
        in_use = True
        self._app = app
        self._traceparent = traceparent
        self._provider: object = None

    if TYPE_CHECKING:

        def __call__(self, *request: Any) -> Any:
            """Serve a request."""

    def _begin(self, parent: str | None, state: str | None, *, keeps_thread: bool) -> _Request:
        self._watch_provider()
        caller = _span_of_caller(parent, state) if parent else None
        stamp = Stamp(caller.trace_id, caller.span_id, int(caller.trace_flags)) if caller else None
        request = _Request(stamp, keeps_thread=keeps_thread)
        _request.set(request)
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
        outer = _request.get()
        request = self._begin(_header(scope, b"traceparent"), _header(scope, b"tracestate"), keeps_thread=False)
        try:
            await self._app(scope, receive, send)
        except BaseException as error:
            request.end(error)
            raise
        finally:
            request.end()
            if outer is not None and not outer.over:  # one application called another in this process
                _request.set(outer)


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
        if isinstance(body, (list, tuple, environ.get("wsgi.file_wrapper") or list)):
            request.end()
            return body
        request.over = True
        return _Body(body, request)


class _Body:
    """The body of a WSGI response, which is part of the request until it is closed."""

    def __init__(self, body: Iterable[bytes], request: _Request) -> None:
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
            _request.set(self._request if self._last_word_follows else None)


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
