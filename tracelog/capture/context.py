"""The stamp: trace id, span id and flags of the active span, read in the calling thread, once.

A span context is valid or it is not (`SpanContext.is_valid`); whether the span is recording says nothing about
its ids. Unsampled and remote parents are stamped too, with the flags that say so. Without a span there is no
stamp: absent, not zero. Only opentelemetry-api is needed.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextvars import ContextVar

from opentelemetry.context import _RUNTIME_CONTEXT, Context, get_current
from opentelemetry.trace import get_current_span

from tracelog import ids
from tracelog.capture import fork


class Stamp:
    """The ids of one span, as integers; the hex text is made once, when somebody first asks. Not to be changed.

    `mark` names the attribute, true, that says how the ids were come by where they are not the active span's.
    """

    __slots__ = ("_texts", "flags", "mark", "span_id", "trace_id")

    def __init__(self, trace_id: int, span_id: int, flags: int, mark: str | None = None) -> None:
        self.trace_id = trace_id
        self.span_id = span_id
        self.flags = flags
        self.mark = mark
        self._texts: tuple[str, str, str] | None = None

    @property
    def texts(self) -> tuple[str, str, str]:
        """Trace id, span id and flags as 32, 16 and 2 hex characters."""
        if self._texts is None:
            trace_id, span_id = ids.format_trace_id(self.trace_id), ids.format_span_id(self.span_id)
            self._texts = (trace_id, span_id, f"{self.flags:02x}")
        return self._texts

    def marked(self, mark: str) -> Stamp:
        """Return the same ids with a mark."""
        return Stamp(self.trace_id, self.span_id, self.flags, mark)

    def __reduce__(self) -> tuple[type[Stamp], tuple[int, int, int, str | None]]:
        return Stamp, (self.trace_id, self.span_id, self.flags, self.mark)

    def __repr__(self) -> str:
        return "Stamp({}, {}, flags={})".format(*self.texts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Stamp) and self.texts == other.texts

    def __hash__(self) -> int:
        return hash(self.texts)


_Seen = tuple[object, "Stamp | None"]
_seen: ContextVar[_Seen] = ContextVar("tracelog_seen", default=(None, None))
"""The OpenTelemetry context that was read last in this thread or task, and its stamp."""
_stamps: dict[tuple[int, int, int], Stamp] = {}
_MOST_STAMPS = 4096

# The variable behind opentelemetry.context.get_current, for a third of the cost. It is there as long as contexts
# are kept in contextvars, which OTEL_PYTHON_CONTEXT can change.
_current_context: Callable[[], Context] = getattr(
    getattr(_RUNTIME_CONTEXT, "_current_context", None), "get", get_current
)
_last_seen = _seen.get


watch: Callable[[Stamp], None] | None = None
"""Told of the stamp of each span that is newly looked at, in the context of the call (see `crash_lines`)."""


def current_stamp() -> Stamp | None:
    """Return the stamp of the active span, None where there is none. The same span gives the same stamp."""
    context = _current_context()
    seen = _last_seen()
    return seen[1] if seen[0] is context else _look(context)


def _look(context: Context) -> Stamp | None:
    """Find the stamp of a context that this thread or task did not look at last."""
    found = get_current_span(context).get_span_context()
    stamp = None
    if found.is_valid:
        key = (found.trace_id, found.span_id, int(found.trace_flags))
        stamp = _stamps.get(key)
        if stamp is None:
            if len(_stamps) >= _MOST_STAMPS:
                _stamps.clear()
            stamp = _stamps[key] = Stamp(*key)
        if watch is not None:
            watch(stamp)
        if fork.forked_in_span and fork.inherited(stamp.trace_id):
            stamp = stamp.marked(fork.INHERITED)
    _seen.set((context, stamp))
    return stamp


def _forget() -> None:
    _seen.set((None, None))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
