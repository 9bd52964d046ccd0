"""A trace built anew from what its spans and lines are changed to, so that what is said about it changes too."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from tracelog.model import LinkedTrace, LogEntry, Node, Span, SpanLink, Trace, TraceSummary
from tracelog.read.tree import assemble

ChangeSpan = Callable[[Span], Span]
ChangeLine = Callable[[LogEntry], LogEntry]


def rebuilt(trace: Trace, change_span: ChangeSpan, change_line: ChangeLine) -> Trace:
    """Return a trace with its spans and lines changed, and those that it is linked with."""
    spans = [change_span(node.span) for node in trace.nodes]
    incoming = {node.span.span_id: _changed_links(node, change_span) for node in trace.nodes if node.linked_from}
    built = assemble(trace.trace_id, spans, map(change_line, trace.logs), incoming)
    return replace(built, linked=tuple(_rebuilt_linked(linked, change_span, change_line) for linked in trace.linked))


def _rebuilt_linked(linked: LinkedTrace, change_span: ChangeSpan, change_line: ChangeLine) -> LinkedTrace:
    return replace(
        linked,
        span=change_span(linked.span),
        summary=linked.summary and _changed_summary(linked.summary, change_span),
        trace=linked.trace and rebuilt(linked.trace, change_span, change_line),
    )


def _changed_summary(summary: TraceSummary, change_span: ChangeSpan) -> TraceSummary:
    return replace(summary, name=change_span(_holder(summary.trace_id, name=summary.name)).name)


def _changed_links(node: Node, change_span: ChangeSpan) -> tuple[SpanLink, ...]:
    return change_span(_holder(node.span.trace_id, links=node.linked_from)).links


def _holder(trace_id: str, *, name: str = "", links: tuple[SpanLink, ...] = ()) -> Span:
    """Return a span that holds what is to be changed as a span's would be, and nothing else."""
    return Span(trace_id=trace_id, span_id="", name=name, service="", start=0, duration=0, links=links)
