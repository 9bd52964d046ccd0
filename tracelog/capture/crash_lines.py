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

import sys
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from typing import Any

from opentelemetry import context as contexts
from opentelemetry import trace

from tracelog.capture.context import Stamp

AFTER_END = "tracelog.after_end"
"""The attribute, true, of a line whose ids were found after the span's end."""

in_use = False
"""Whether there is a `CrashLineMiddleware`: while there is none, a record without an exception need not ask."""

request_ended: Callable[[Stamp, bool], None] | None = None
"""Told of the ids of each request that is over, and whether it failed (see `keep`)."""

_CARRIED = "__tracelog_stamp__"
_LONGEST_CHAIN = 8
_SERVERS = frozenset({"uvicorn", "gunicorn", "hypercorn", "granian", "_granian", "waitress", "werkzeug"})
_ACCESS_LOGGERS = frozenset({"uvicorn.access", "gunicorn.access", "hypercorn.access", "granian.access"})


class Request:
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
            current_request.set(None)
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
        if self.found is not None:
            if error is not None:
                remember_exception(error, self.found)
            if request_ended is not None:
                request_ended(self.found, error is not None)


current_request: ContextVar[Request | None] = ContextVar("tracelog_request", default=None)
_latest_request = current_request.get


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
    request = current_request.get()
    if request is None or request.is_certain or request.over:
        return
    span = trace.get_current_span()
    if not span.get_span_context().is_remote:
        parent = getattr(span, "parent", span)  # absent from all but the SDK's spans
        note_server_span(stamp, is_certain=parent is None or getattr(parent, "is_remote", False))


def note_server_span(stamp: Stamp, *, is_certain: bool = True) -> None:
    """Tell the request in whose context this is called of its server span. The first certain one is believed."""
    request = current_request.get()
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
