"""Whether the active span came along over a fork.

A forked child goes on in the context of the thread that forked: its lines would pass for the work of a span that
its parent started, and which may have ended long ago. The ids are kept, since they lead to the cause, and such
lines are marked `tracelog.inherited` until a span is started in the child.
"""

from __future__ import annotations

import os
import time

from opentelemetry.trace import INVALID_SPAN, Span, get_current_span

INHERITED = "tracelog.inherited"
"""The attribute, true, of a line whose span was started before the fork, by another process."""

forked_in_span = False
"""Whether this process was forked in a span: where it was not, nobody needs to ask further."""

_span: Span = INVALID_SPAN
_forked_at = 0


def inherited(trace_id: int) -> bool:
    """Say whether the active span, which is of this trace, is one that was started before this process was forked."""
    if not forked_in_span or trace_id != _span.get_span_context().trace_id:
        return False
    active = get_current_span()
    started = getattr(active, "start_time", None)  # the SDK's spans have one: ns
    return active is _span or (started is not None and started < _forked_at)


def _note_fork() -> None:
    global forked_in_span, _span, _forked_at  # noqa: PLW0603 - what a process is cannot be handed on
    _span = get_current_span()
    forked_in_span = _span.get_span_context().is_valid
    _forked_at = time.time_ns()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_fork)
