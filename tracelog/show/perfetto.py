"""A trace -> Chrome's trace event format, as ui.perfetto.dev and chrome://tracing open it.

The format: https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU. A service is a process, its
spans are complete events on tracks (threads), its lines and span events are instants on the track of their span. On a
track spans are nested or apart, never across each other: a span stands on its parent's track where that has room, else
on one that is free. Times are µs since the first that the trace knows, which `otherData` names.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from tracelog.model import LogEntry, Node, Trace
from tracelog.read.wording import cropped
from tracelog.schema.times import format_iso

_Event = dict[str, Any]
_encode = msgspec.json.Encoder().encode
LINES_TRACK = 0
"""The track of a service's lines that are on none of its spans."""


def perfetto_json(trace: Trace) -> Iterator[bytes]:
    """Yield the JSON of a trace, one event a line."""
    processes = {service: number for number, service in enumerate(trace.services, start=1)}
    started = min(_times(trace), default=0)
    about = {"trace_id": trace.trace_id, "start_time": format_iso(started)}
    yield b'{"displayTimeUnit":"ms","otherData":%b,"traceEvents":[' % _encode(about)
    separator = b"\n"
    for event in _events(trace, processes, started):
        yield separator + _encode(event)
        separator = b",\n"
    yield b"\n]}\n"


def tracks(nodes: Sequence[Node]) -> list[int]:
    """Return the track of each span, from 1 on, for each service its own; on a track spans nest or stand apart."""
    found = [0] * len(nodes)
    services: dict[str, _Tracks] = {}
    for node in sorted(nodes, key=lambda node: (node.span.start, node.index)):
        service = node.span.service
        of_service = services.setdefault(service, _Tracks())
        parent = None if node.parent is None or nodes[node.parent].span.service != service else nodes[node.parent]
        found[node.index] = of_service.place(node, parent, found[parent.index] if parent else 0)
    return found


class _Tracks:
    """The tracks of one service, each with the spans that are open on it, the innermost last."""

    def __init__(self) -> None:
        self._open: list[list[Node]] = []
        self._ends: list[tuple[int, int]] = []

    def place(self, node: Node, parent: Node | None, beside: int) -> int:
        """Return the track of a span that starts no earlier than those before; `beside` is its parent's."""
        start, end = node.span.start, node.span.end
        if parent is not None and beside:
            above = self._open[beside - 1]
            while above and above[-1].span.end <= start and above[-1] is not parent:
                above.pop()
            if above and above[-1] is parent and start < parent.span.end and end <= parent.span.end:
                above.append(node)
                return beside
        if self._ends and self._ends[0][0] <= start:
            _, track = heapq.heappop(self._ends)
        else:
            self._open.append([])
            track = len(self._open)
        self._open[track - 1] = [node]
        heapq.heappush(self._ends, (end, track))
        return track


def _times(trace: Trace) -> Iterator[int]:
    for span in trace.spans:
        yield span.start
        yield from (event.time for event in span.events)
    yield from (line.time for line in trace.logs if line.has_time)


def _events(trace: Trace, processes: Mapping[str, int], started: int) -> Iterator[_Event]:
    places = tracks(trace.nodes)
    used = {(node.span.service, track) for node, track in zip(trace.nodes, places, strict=True)}
    used |= {(line.service, LINES_TRACK) for line in _adrift(trace)}
    yield from _names(processes, used)
    for node, track in zip(trace.nodes, places, strict=True):
        at = {"pid": processes[node.span.service], "tid": track}
        begun = node.span.start - started
        yield {**_span(node), **at, "ts": begun / 1000, "dur": node.span.duration / 1000}
        for event in node.span.events:
            yield {**_instant(event.name, "event", dict(event.attributes)), **at, "ts": (event.time - started) / 1000}
        for line in node.logs:
            yield {**_line(line), **at, "ts": ((line.time - started) if line.has_time else begun) / 1000}
    for line in _adrift(trace):
        at = {"pid": processes[line.service], "tid": LINES_TRACK}
        yield {**_line(line), **at, "ts": ((line.time - started) if line.has_time else 0) / 1000}


def _adrift(trace: Trace) -> list[LogEntry]:
    """Return the lines of a trace that are on none of its spans."""
    return [*(line for ghost in trace.ghosts for line in ghost.logs), *trace.unplaced_logs]


def _names(processes: Mapping[str, int], used: Iterable[tuple[str, int]]) -> Iterator[_Event]:
    for service, process in processes.items():
        yield {"ph": "M", "name": "process_name", "pid": process, "args": {"name": service}}
        yield {"ph": "M", "name": "process_sort_index", "pid": process, "args": {"sort_index": process}}
    for service, track in sorted(used):
        name = f"spans {track}" if track else "lines on none of its spans"
        yield {"ph": "M", "name": "thread_name", "pid": processes[service], "tid": track, "args": {"name": name}}


def _span(node: Node) -> _Event:
    span = node.span
    told = {
        "span_id": span.span_id,
        "parent_span_id": span.parent_span_id,
        "status": span.status,
        "status_message": span.status_message,
        "self_ms": node.self_time / 1_000_000,
        "critical": node.critical,
        "attributes": span.attributes,
    }
    return {"ph": "X", "name": span.name, "cat": span.kind.lower(), "args": told}


def _line(line: LogEntry) -> _Event:
    level = line.level or "-"
    told = {"level": line.level, "logger": line.logger, "message": line.message, "attributes": line.attributes}
    if line.exception is not None:
        told["exception"] = msgspec.to_builtins(line.exception)
    return _instant(f"{level} {cropped(line.message)}", "log", told)


def _instant(name: str, category: str, told: Mapping[str, Any]) -> _Event:
    """Return what happened at one time, on its track alone (`"s": "t"`)."""
    return {"ph": "i", "s": "t", "name": name, "cat": category, "args": told}
