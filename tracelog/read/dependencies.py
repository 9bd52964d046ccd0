"""Who calls whom: the outlines of spans, trace by trace -> an edge for each two services of which one calls the other.

A call is known by

- a span below one of another service, or a server below a client of its own service, a consumer below a producer. It
  took as long as its client, else as it took itself.
- a consumer with a link to what sent it a message.
- a client or producer that nobody answers, if its attributes name whom it calls. Where all the others that call the
  same name are answered by one service, it called that one too; a message that nobody has taken yet is no call.

A client around another client, such as that of a library around that of its transport, is not counted beside it.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import NamedTuple

from tracelog.model import Dependency, SpanOutline
from tracelog.read.latency import nearest_rank
from tracelog.read.outlines import CalledTrace, Id, Known, entered_by, is_call, sender_of

_EVER = 2**63
_NOTHING: Known = {}


class _Edge(NamedTuple):
    """What rows are told apart by. The operations are None unless they are told apart."""

    caller: str
    callee: str
    caller_operation: str | None = None
    callee_operation: str | None = None


class _Calls:
    """The calls of an edge: how long each took, and a number for the entry that it was made by."""

    def __init__(self) -> None:
        self.durations = array("q")
        self.entries = array("q")
        self.failed = self.answered = 0
        self.longest, self.example = -1, ""

    def add(self, duration: int, entry: Id, *, failed: bool, trace_id: str) -> None:
        self.durations.append(duration)
        self.entries.append(hash(entry))
        self.failed += failed
        self._show(duration, trace_id)

    def extend(self, others: _Calls) -> None:
        self.durations += others.durations
        self.entries += others.entries
        self.failed += others.failed
        self._show(others.longest, others.example)

    def _show(self, duration: int, trace_id: str) -> None:
        """Make the longest call the example; of two that took as long, the one whose trace id is smaller."""
        if duration > self.longest or (duration == self.longest and trace_id < self.example):
            self.longest, self.example = duration, trace_id

    def build(self, edge: _Edge) -> Dependency:
        ordered = sorted(self.durations)
        return Dependency(
            caller=edge.caller,
            callee=edge.callee,
            calls=len(ordered),
            calls_per_parent=len(ordered) / len(set(self.entries)),
            error_count=self.failed,
            p50=nearest_rank(ordered, 50),
            p99=nearest_rank(ordered, 99),
            example=self.example,
            external=not self.answered,
            caller_operation=edge.caller_operation,
            callee_operation=edge.callee_operation,
        )


class CallGraph:
    """Collects the calls of traces; those count whose called span started in a window.

    Each call is two numbers here, so that percentiles are exact. `operations`: tell these apart too.
    """

    def __init__(self, *, since: int | None = None, until: int | None = None, operations: bool = False) -> None:
        self._since = -_EVER if since is None else since
        self._until = _EVER if until is None else until
        self._operations = operations
        self._edges: dict[_Edge, _Calls] = defaultdict(_Calls)
        self._unanswered: dict[tuple[str, _Edge], _Calls] = defaultdict(_Calls)
        self._answering: dict[tuple[str, str], set[str]] = defaultdict(set)
        self._operations_answering: dict[_Edge, set[str]] = defaultdict(set)

    def add(self, spans: Sequence[SpanOutline], found: Known = _NOTHING) -> None:
        """Add a trace, whole; `found` are the spans that it is `missing`, if they are stored."""
        trace = CalledTrace(spans)
        crosses = trace.crosses
        for position, span in enumerate(trace.spans):
            calls = crosses[position] or span.peer is not None or span.links
            if not calls or not self._since <= span.start < self._until:
                continue
            if crosses[position]:
                self._add_call(trace, trace.parents[position] or 0, position)
            if span.peer is not None and position not in trace.calling:
                self._add_unanswered(trace, position)
            if span.links and span.kind == "CONSUMER":
                self._add_messages(trace, position, found)

    def dependencies(self, service: str | None = None) -> list[Dependency]:
        """Return the edges, those with most calls first; `service`: only its own."""
        edges = self._edges
        for (kind, edge), calls in self._unanswered.items():
            answering = self._answering.get((edge.caller, edge.callee), ())
            if kind == "CLIENT" or not answering:
                meant, known = self._meant(edge, answering)
                edges[meant].extend(calls)
                edges[meant].answered += known
        self._unanswered.clear()
        rows = [calls.build(edge) for edge, calls in edges.items() if service in (None, edge.caller, edge.callee)]
        return sorted(
            rows,
            key=lambda row: (
                -row.calls,
                row.caller,
                row.callee,
                row.caller_operation or "",
                row.callee_operation or "",
            ),
        )

    def _meant(self, edge: _Edge, answering: Collection[str]) -> tuple[_Edge, bool]:
        """Return the edge of calls that nobody answers, by those that were, and whether it is known that it is one."""
        if len(answering) != 1:
            return edge, False
        operations = self._operations_answering.get(edge, ()) if self._operations else (None,)
        known = len(operations) == 1
        operation = next(iter(operations)) if known else edge.callee_operation
        return edge._replace(callee=next(iter(answering)), callee_operation=operation), known

    def _add_call(self, trace: CalledTrace, caller: int, called: int) -> None:
        client, span = trace.spans[caller], trace.spans[called]
        measured = client if client.kind == "CLIENT" else span
        entry = trace.entry(caller)
        failed = span.failed or measured.failed
        calls = self._answered(client, entry.name, span)
        calls.add(measured.duration, entered_by(entry), failed=failed, trace_id=span.trace_id)

    def _add_unanswered(self, trace: CalledTrace, position: int) -> None:
        span = trace.spans[position]
        entry = trace.entry(position)
        edge = self._edge(span.service, span.peer or "", entry.name, span.name)
        calls = self._unanswered[span.kind, edge]
        calls.add(span.duration, entered_by(entry), failed=span.failed, trace_id=span.trace_id)

    def _add_messages(self, trace: CalledTrace, position: int, found: Known) -> None:
        """Add a call for each message of a consumer, but for one of its parent."""
        span, parent = trace.spans[position], trace.parents[position]
        for link in trace.messages(position):
            sent = trace.position(link)
            if sent is not None and sent != parent and is_call(trace.spans[sent], span):
                entry = trace.entry(sent)
                self._answered(trace.spans[sent], entry.name, span).add(
                    span.duration, entered_by(entry), failed=span.failed, trace_id=span.trace_id
                )
            sender = sender_of(found.get(link, ())) if sent is None else None
            if sender is not None and is_call(sender, span):
                self._answered(sender, sender.name, span).add(
                    span.duration, entered_by(sender), failed=span.failed, trace_id=span.trace_id
                )

    def _answered(self, caller: SpanOutline, operation: str, called: SpanOutline) -> _Calls:
        """Return the calls of an edge, to which one that was answered is added."""
        if caller.peer is not None:
            self._answering[caller.service, caller.peer].add(called.service)
            if self._operations:
                named = self._edge(caller.service, caller.peer, operation, caller.name)
                self._operations_answering[named].add(called.name)
        calls = self._edges[self._edge(caller.service, called.service, operation, called.name)]
        calls.answered += 1
        return calls

    def _edge(self, caller: str, callee: str, operation: str, called: str) -> _Edge:
        return _Edge(caller, callee, operation, called) if self._operations else _Edge(caller, callee)
