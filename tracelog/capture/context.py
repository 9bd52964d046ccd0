"""The stamp: trace id, span id and flags of the active span, read in the calling thread, once.

A span context is valid or it is not (`SpanContext.is_valid`); whether the span is recording says nothing about
its ids. Unsampled and remote parents are stamped too, with the flags that say so. Without a span there is no
stamp: absent, not zero. Only opentelemetry-api is needed.
"""

from __future__ import annotations

from opentelemetry.trace import INVALID_SPAN_CONTEXT, SpanContext, get_current_span

from tracelog import ids


class Stamp:
    """The ids of one span, as integers; the hex text is made once, when somebody first asks. Not to be changed."""

    __slots__ = ("_texts", "flags", "span_id", "trace_id")

    def __init__(self, trace_id: int, span_id: int, flags: int) -> None:
        self.trace_id = trace_id
        self.span_id = span_id
        self.flags = flags
        self._texts: tuple[str, str, str] | None = None

    @property
    def texts(self) -> tuple[str, str, str]:
        """Trace id, span id and flags as 32, 16 and 2 hex characters."""
        if self._texts is None:
            trace_id, span_id = ids.format_trace_id(self.trace_id), ids.format_span_id(self.span_id)
            self._texts = (trace_id, span_id, f"{self.flags:02x}")
        return self._texts

    def __reduce__(self) -> tuple[type[Stamp], tuple[int, int, int]]:
        return Stamp, (self.trace_id, self.span_id, self.flags)

    def __repr__(self) -> str:
        return "Stamp({}, {}, flags={})".format(*self.texts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Stamp) and self.texts == other.texts

    def __hash__(self) -> int:
        return hash(self.texts)


_latest: tuple[SpanContext, Stamp | None] = (INVALID_SPAN_CONTEXT, None)


def current_stamp() -> Stamp | None:
    """Return the stamp of the active span, None where there is none."""
    global _latest  # noqa: PLW0603 - one slot, replaced whole, so that threads never see half of it
    context = get_current_span().get_span_context()
    latest = _latest
    if latest[0] is context:
        return latest[1]
    if not context.is_valid:
        return None
    stamp = Stamp(context.trace_id, context.span_id, int(context.trace_flags))
    _latest = (context, stamp)
    return stamp
