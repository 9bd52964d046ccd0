"""Clocks that contradict each other, set right: only where it is asked for.

Spans, their events and the lines of the same clock move together, and the tree is built anew from what was moved: a
guess or a ghost's bounds may come out better.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from tracelog.model import Finding, LogEntry, Span, Trace
from tracelog.read.findings import judged, milliseconds
from tracelog.read.skew import clock_of, corrections
from tracelog.read.tree import assemble


def adjust_clocks(trace: Trace, *, now: int | None = None) -> Trace:
    """Return a trace with the times of those clocks moved that its calls contradict.

    What was moved is said by the first findings, of kind `skew`. `now`: ns, as in `build_trace`.
    """
    shifts = corrections(trace.nodes)
    if not shifts:
        return judged(trace, now)
    spans = [_moved_span(node.span, shifts.get(clock_of(node.span), 0)) for node in trace.nodes]
    lines = list(_moved_lines(trace, shifts))
    linked = {node.span.span_id: node.linked_from for node in trace.nodes if node.linked_from}
    adjusted = assemble(trace.trace_id, spans, lines, linked, now=now)
    moved: dict[str, list[str]] = {clock: [] for clock in shifts}
    for span in trace.spans:
        moved.get(clock_of(span), []).append(span.span_id)
    said = tuple(_said(clock, shift, moved[clock]) for clock, shift in shifts.items())
    return msgspec.structs.replace(adjusted, findings=(*said, *adjusted.findings), linked=trace.linked)


def _moved_lines(trace: Trace, shifts: Mapping[str, int]) -> Iterator[LogEntry]:
    """Move each line by its own clock or, where no span has that, with its span, else with its service's only clock."""
    clocks = {(node.span.service, clock_of(node.span)) for node in trace.nodes}
    known = {clock for _, clock in clocks}
    services = Counter(service for service, _ in clocks)
    only = {service: shifts.get(clock, 0) for service, clock in clocks if services[service] == 1}
    placed = [(line, shifts.get(clock_of(node.span), 0)) for node in trace.nodes for line in node.logs]
    adrift = [line for ghost in trace.ghosts for line in ghost.logs]
    placed += [(line, only.get(line.service, 0)) for line in (*adrift, *trace.unplaced_logs)]
    for line, shift in placed:
        clock = clock_of(line)
        yield _moved_line(line, shifts.get(clock, 0) if clock in known else shift)


def _moved_span(span: Span, shift: int) -> Span:
    if not shift:
        return span
    events = tuple(msgspec.structs.replace(event, time=event.time + shift) for event in span.events)
    return msgspec.structs.replace(span, start=span.start + shift, events=events)


def _moved_line(line: LogEntry, shift: int) -> LogEntry:
    if not shift:
        return line
    observed = None if line.observed_time is None else line.observed_time + shift
    return msgspec.structs.replace(line, time=line.time + shift, observed_time=observed)


def _said(clock: str, shift: int, span_ids: Sequence[str]) -> Finding:
    text = f"the times of {clock} are shown {milliseconds(shift)} {'later' if shift > 0 else 'earlier'}"
    return Finding("skew", f"clock adjusted: {text} than they were written", tuple(span_ids))
