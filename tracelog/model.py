"""What the rooms exchange: spans, their events and links, log entries, and a trace that holds them together.

The names are those of the OpenTelemetry trace and log data models. Times are integers in nanoseconds since the
Unix epoch, durations in nanoseconds, ids lower-case hex (see `ids`). Values are frozen: a room that wants
another one makes another one. A stored document is not this; `schema` translates at the border.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from operator import attrgetter, itemgetter
from typing import Any

import msgspec

Attributes = Mapping[str, Any]

UNKNOWN_SERVICE = "unknown_service"
"""The name of a service that nobody named, by the semantic conventions."""
CALLING, CALLED = ("CLIENT", "PRODUCER"), ("SERVER", "CONSUMER")
"""The kinds of spans on the two sides of a call."""
SAMPLED = 1
"""The flag of a trace whose spans are recorded (W3C Trace Context)."""

LEVELS = {"DEBUG": 5, "INFO": 9, "WARNING": 13, "ERROR": 17, "CRITICAL": 21}
"""The severity number at which each level begins (OpenTelemetry logs data model)."""

LEVEL_BY_TEXT = {
    "TRACE": "DEBUG", "DEBUG": "DEBUG", "INFO": "INFO", "INFORMATION": "INFO", "NOTICE": "INFO",
    "WARN": "WARNING", "WARNING": "WARNING", "ERROR": "ERROR", "ERR": "ERROR", "EXCEPTION": "ERROR",
    "CRITICAL": "CRITICAL", "FATAL": "CRITICAL", "ALERT": "CRITICAL", "EMERGENCY": "CRITICAL",
}  # fmt: skip


def service_of(resource: Attributes) -> str:
    """Return the service that a resource names."""
    return str(resource.get("service.name") or UNKNOWN_SERVICE)


def level_of(severity_number: int | None, severity_text: str | None) -> str | None:
    """Name the level of a record: from its severity number, else from its text, else None."""
    if severity_number:
        for level, lowest in reversed(LEVELS.items()):
            if severity_number >= lowest:
                return level
        return "DEBUG"
    return LEVEL_BY_TEXT.get(severity_text.strip().upper()) if severity_text else None


class SpanEvent(msgspec.Struct, frozen=True, gc=False):
    """Something that happened at one time within a span."""

    time: int
    name: str
    attributes: Attributes = {}


class SpanLink(msgspec.Struct, frozen=True, gc=False):
    """A pointer from a span to another one, usually in another trace."""

    trace_id: str
    span_id: str
    attributes: Attributes = {}


class Span(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One operation of one service. `start` and `duration`: ns. `kind` and `status` in upper case."""

    trace_id: str
    span_id: str
    name: str
    service: str
    start: int
    duration: int
    parent_span_id: str | None = None
    kind: str = "INTERNAL"
    status: str = "UNSET"
    status_message: str | None = None
    attributes: Attributes = {}
    resource: Attributes = {}
    scope: str | None = None
    scope_version: str | None = None
    trace_state: str | None = None
    events: tuple[SpanEvent, ...] = ()
    links: tuple[SpanLink, ...] = ()

    @property
    def end(self) -> int:
        """The time at which the span ended, ns."""
        return self.start + self.duration


class ExceptionInfo(msgspec.Struct, frozen=True, gc=False):
    """An exception as text: its qualified type, `str(exc)`, and the whole stack with causes and groups."""

    type: str | None = None
    message: str | None = None
    stacktrace: str | None = None


class LogEntry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One log record. `time`: ns. `body` is text, or a structure where the record had no text.

    A span event that was stored as a document of its own has an `event_name`, no body and no `observed_time`.
    """

    time: int
    body: Any = None
    id: str = ""
    observed_time: int | None = None
    severity_number: int | None = None
    severity_text: str | None = None
    logger: str | None = None
    service: str = UNKNOWN_SERVICE
    trace_id: str | None = None
    span_id: str | None = None
    trace_flags: int | None = None
    attributes: Attributes = {}
    resource: Attributes = {}
    event_name: str | None = None
    exception: ExceptionInfo | None = None

    @property
    def level(self) -> str | None:
        """DEBUG, INFO, WARNING, ERROR or CRITICAL; None where the record has no severity."""
        return level_of(self.severity_number, self.severity_text)

    @property
    def message(self) -> str:
        """The text that a person reads: the body, else the event's name."""
        if isinstance(self.body, str):
            return self.body
        if self.body is None:
            return self.event_name or ""
        return msgspec.json.encode(self.body).decode()

    @property
    def has_time(self) -> bool:
        """Whether its time is known: OTLP has 0 where it is not, others have a time before 1970."""
        return self.time > 0

    @property
    def is_span_event(self) -> bool:
        """Whether this is a span event stored as a document, rather than a log record."""
        return self.event_name is not None and self.body is None and self.observed_time is None


_CLOCK_STEP = 50_000_000
"""How far a process's clock has to go back to be taken for set back, ns; by less, threads overtake each other."""
_RECORD_ID = re.compile(r"([0-9a-f]{16})-[0-9a-f]{12}")


def in_call_order(lines: Iterable[LogEntry]) -> list[LogEntry]:
    """Sort lines by time; after a process's clock was set back, its lines stay in the order of its calls.

    A record made by tracelog has an id of process and number. Where the times at which a process emitted its records go
    back while the numbers go on, what follows is sorted as if the clock had gone on.
    """
    shifts: dict[str, int] = defaultdict(int)
    latest: dict[str, int] = {}
    keyed = []
    for line in sorted(lines, key=attrgetter("id")):
        made_here = _RECORD_ID.fullmatch(line.id)
        shift = 0
        if made_here and line.observed_time is not None:
            process = made_here[1]
            back = latest.get(process, line.observed_time) - line.observed_time
            if back > _CLOCK_STEP:
                shifts[process] += back
            latest[process] = line.observed_time
            shift = shifts[process]
        keyed.append((line.time + shift, line.id, line))
    return [line for _, _, line in sorted(keyed, key=itemgetter(0, 1))]


class Node(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A span at its place in the tree. `self_time`: ns in which no child was running.

    `descendants` counts the spans below this one, which stand directly behind it in `Trace.nodes`. An `orphan`
    stands at the top as its parent never arrived (that one is in `Trace.ghosts`). Where spans named each other
    as parents, in a circle, the earliest stands at the top, and `cycle` is the index of the parent that it names, which
    is below it (or itself). `logs` are ordered by time; those that carry no span id are there by a guess: this was the
    deepest span of their service that was open at the time. `critical`: on the trace's critical path.
    """

    span: Span
    index: int
    parent: int | None
    depth: int
    descendants: int
    self_time: int
    logs: tuple[LogEntry, ...] = ()
    linked_from: tuple[SpanLink, ...] = ()
    orphan: bool = False
    cycle: int | None = None
    critical: bool = False

    @property
    def is_root(self) -> bool:
        """Whether the span has no parent, rather than one that is missing or stands below it."""
        return self.parent is None and not self.orphan and self.cycle is None

    def is_guess(self, line: LogEntry) -> bool:
        """Whether one of the lines here stands here by a guess, rather than by its span id."""
        return line.span_id != self.span.span_id


class Ghost(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A span that never arrived, as far as others prove it: its children and the lines that carry its id.

    It is no node of the tree, and no span. `start`, `end`: ns, from the first to the last that its children and lines
    say, so the span itself may have lasted longer. `service`: None where the evidence names none, or several.
    `children`: the ids of the orphans that name it as their parent, by start. `state` is `never arrived`,
    `not here yet` (the trace is still arriving) or `not sampled` (its lines say so: it was never recorded).
    """

    span_id: str
    start: int
    end: int
    service: str | None = None
    children: tuple[str, ...] = ()
    logs: tuple[LogEntry, ...] = ()
    state: str = "never arrived"
    text: str = ""


class Segment(msgspec.Struct, frozen=True, gc=False):
    """A stretch of a critical path: from `start` to `end` (ns) what was waited for was `span` itself, not a child."""

    span: Span
    start: int
    end: int

    @property
    def duration(self) -> int:
        """How long it was waited for, ns."""
        return self.end - self.start


class Finding(msgspec.Struct, frozen=True, gc=False):
    """What is remarkable about a trace, in one sentence, and the spans (or ghosts) that it is about."""

    kind: str
    text: str
    span_ids: tuple[str, ...] = ()


def main_root(tops: Sequence[tuple[Span, bool]]) -> int | None:
    """Return which of the spans at the top of a tree is its root, each with whether it has no parent at all.

    It is the longest of those; without any, the longest that its service was entered by, else the first.
    """
    roots = [place for place, (_, is_root) in enumerate(tops) if is_root]
    entries = [place for place, (span, _) in enumerate(tops) if span.kind in CALLED]
    return max(roots or entries or range(len(tops))[:1], key=lambda place: tops[place][0].duration, default=None)


class TraceSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `slow`: the span that was measured, and what its trace holds. Durations: ns.

    `measure` says which span it is: `root`, or `server` or `consumer` where the entry into one service was
    asked for, or where no root is stored.
    """

    trace_id: str
    service: str
    name: str
    measure: str
    start: int
    duration: int
    trace_duration: int
    span_count: int
    log_count: int
    error_count: int


class LinkedTrace(msgspec.Struct, frozen=True, kw_only=True):
    """A trace that another is linked with: by `span` of that one, which links to it or, `incoming`, is linked from it.

    `summary` is None where nothing of it is stored. `trace` is all of it, where it was fetched.
    """

    trace_id: str
    span: Span
    incoming: bool
    summary: TraceSummary | None = None
    trace: Trace | None = None


class Trace(msgspec.Struct, frozen=True, kw_only=True, dict=True, weakref=True):
    """All that is known of one trace: spans in tree order, each with the lines it wrote.

    `nodes` are in tree order: parents first, siblings by start, the children of a ghost together. Every line is in one
    place: on a node, on one of the `ghosts` (spans that never arrived, by start), or among the `unplaced_logs`, which
    belong to the trace but to no span. All are ordered by time. `critical_path`: what the trace waited for, from the
    start of its root to the end, by time. `findings`: what is remarkable, most telling first.
    `linked`: the traces that its links lead to and come from, where that was asked for, the nearest first.
    """

    trace_id: str
    nodes: tuple[Node, ...] = ()
    unplaced_logs: tuple[LogEntry, ...] = ()
    ghosts: tuple[Ghost, ...] = ()
    critical_path: tuple[Segment, ...] = ()
    findings: tuple[Finding, ...] = ()
    linked: tuple[LinkedTrace, ...] = ()

    @property
    def spans(self) -> tuple[Span, ...]:
        """Every span, parents first."""
        return tuple(node.span for node in self.nodes)

    @cached_property
    def logs(self) -> tuple[LogEntry, ...]:
        """Every log line of the trace, in order of time."""
        lines = [line for node in self.nodes for line in node.logs]
        adrift = [line for ghost in self.ghosts for line in ghost.logs]
        return tuple(in_call_order([*lines, *adrift, *self.unplaced_logs]))

    @property
    def root(self) -> Span | None:
        """The longest root span; where none arrived, the longest that its service was entered by, else the first.

        Of spans that took as long, it is the first.
        """
        return self.root_node.span if self.root_node else None

    @cached_property
    def root_node(self) -> Node | None:
        """The place of `root`."""
        tops = [node for node in self.nodes if node.parent is None]
        chosen = main_root([(node.span, node.is_root) for node in tops])
        return None if chosen is None else tops[chosen]

    @cached_property
    def services(self) -> tuple[str, ...]:
        """The services that took part, in the order of their appearance."""
        names = [node.span.service for node in self.nodes] + [line.service for line in self.logs]
        return tuple(dict.fromkeys(names))

    @property
    def start(self) -> int:
        """When the first span started or, where no span is known, the first line was written: ns."""
        times = (node.span.start for node in self.nodes) if self.nodes else self._line_times
        return min(times, default=0)

    @property
    def duration(self) -> int:
        """From the start of the first span to the end of the last: ns of wall time."""
        if self.nodes:
            return max(node.span.end for node in self.nodes) - self.start
        return max(self._line_times, default=0) - self.start

    @property
    def _line_times(self) -> list[int]:
        return [line.time for line in self.logs if line.has_time]

    @property
    def error_count(self) -> int:
        """How many spans have the status ERROR."""
        return sum(node.span.status == "ERROR" for node in self.nodes)

    @property
    def complete(self) -> bool:
        """Whether a root and the parent of every other span are here: nothing is known to be missing."""
        rooted = any(node.is_root for node in self.nodes)
        return rooted and not any(node.orphan for node in self.nodes)

    def node(self, span: Span | str) -> Node:
        """Return the place of a span, given the span or its id. Raise KeyError where it is not in the trace.

        An id that a client and a server share is the client's place, so that all of the call is below it.
        """
        if isinstance(span, str):
            return self._nodes_by_id[span]
        found = self._nodes_by_id[span.span_id]
        if _identity(found.span) == _identity(span):
            return found
        return self._nodes_by_identity[_identity(span)]

    def children(self, span: Span | str) -> tuple[Span, ...]:
        """Return the spans directly below a span, by start."""
        place = self.node(span)
        return tuple(node.span for node in self._below(place) if node.parent == place.index)

    def logs_of(self, span: Span | str, *, descendants: bool = True) -> tuple[LogEntry, ...]:
        """Return the lines that a span wrote and, with `descendants`, those of all that it called, by time."""
        place = self.node(span)
        lines = list(place.logs)
        if descendants:
            lines += [line for node in self._below(place) for line in node.logs]
        return tuple(in_call_order(lines))

    def _below(self, place: Node) -> Sequence[Node]:
        return self.nodes[place.index + 1 : place.index + 1 + place.descendants]

    @cached_property
    def _nodes_by_id(self) -> dict[str, Node]:
        return {node.span.span_id: node for node in reversed(self.nodes)}

    @cached_property
    def _nodes_by_identity(self) -> dict[tuple[str, str, str], Node]:
        return {_identity(node.span): node for node in self.nodes}


def _identity(span: Span) -> tuple[str, str, str]:
    return (span.span_id, span.kind, span.service)


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `ops`: the latency of one operation of one service. Percentiles and maximum: ns.

    `examples` maps `p50`, `p95`, `p99` and `max` to the trace id of a span that took that long, and `error` to that of
    the longest that failed, if one did. `estimated` names the percentiles that are not those of a span. `bucket`: where
    times are told apart, the start of the row's, ns.
    """

    service: str
    name: str
    kind: str
    count: int
    error_count: int
    p50: int
    p95: int
    p99: int
    max: int
    examples: Mapping[str, str] = {}
    estimated: tuple[str, ...] = ()
    bucket: int | None = None


class SpanOutline(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What of a span tells who calls whom; of these, very many are read at once.

    `peer` is whom a client or producer calls, as its attributes name it. `links`: trace ids and span ids.
    """

    trace_id: str
    span_id: str
    parent_span_id: str | None
    name: str
    service: str
    kind: str
    start: int
    duration: int
    failed: bool
    peer: str | None = None
    links: tuple[tuple[str, str], ...] = ()


class Dependency(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `deps`: how one service calls another, or a database or whatever else its spans name.

    `external`: no span of the callee answers, it is but named. `calls_per_parent`: how many calls are made by one entry
    into the caller that makes any. `p50`, `p99`: ns, each that of a call. `example`: the trace of the longest call. The
    operations are None unless they are told apart.
    """

    caller: str
    callee: str
    calls: int
    calls_per_parent: float
    error_count: int
    p50: int
    p99: int
    example: str
    external: bool = False
    caller_operation: str | None = None
    callee_operation: str | None = None


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """What is stored of one service: how many lines and spans, and how many of the lines have ids.

    Span events are no lines. `traced` carry a trace id, `placed` a span id too, `zeros` a trace id of zeros. The traces
    are those that the latest of its lines name, and that the latest of its spans are of.
    """

    service: str
    lines: int = 0
    traced: int = 0
    placed: int = 0
    zeros: int = 0
    spans: int = 0
    line_traces: tuple[str, ...] = ()
    span_traces: tuple[str, ...] = ()


class Match(msgspec.Struct, frozen=True):
    """Where a pasted id or value was found: `count` documents of a trace hold it in `field`."""

    trace_id: str
    field: str
    value: str
    count: int
