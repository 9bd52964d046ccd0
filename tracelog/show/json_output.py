"""The JSON of every command: times RFC 3339 in UTC with as many digits as are known, durations in ms."""

from __future__ import annotations

from typing import Any

import msgspec

from tracelog.model import (
    Dependency,
    Finding,
    Ghost,
    LinkedTrace,
    LogEntry,
    Match,
    Node,
    Operation,
    SpanEvent,
    SpanLink,
    Trace,
    TraceSummary,
)
from tracelog.schema.lines import add_fields
from tracelog.schema.times import format_iso

NO_PARENT = "0" * 16


def encode(value: Any) -> str:
    """Return a value as one line of JSON."""
    return msgspec.json.encode(value).decode()


def trace_object(trace: Trace) -> dict[str, Any]:
    """Return a whole trace: its spans in tree order, each with its lines."""
    return {
        "trace_id": trace.trace_id,
        "duration_ms": milliseconds(trace.duration),
        "span_count": len(trace.nodes),
        "log_count": len(trace.logs),
        "error_count": trace.error_count,
        "services": list(trace.services),
        "complete": trace.complete,
        "spans": [_span(node) for node in trace.nodes],
        "logs": [log_object(entry) for entry in trace.unplaced_logs],
        "ghosts": [_ghost(ghost) for ghost in trace.ghosts],
        "findings": [_finding(finding) for finding in trace.findings],
        **({"linked": [_linked(linked) for linked in trace.linked]} if trace.linked else {}),
    }


def _linked(linked: LinkedTrace) -> dict[str, Any]:
    return {
        "trace_id": linked.trace_id,
        "span_id": linked.span.span_id,
        "incoming": linked.incoming,
        "summary": None if linked.summary is None else summary_object(linked.summary),
        "trace": None if linked.trace is None else trace_object(linked.trace),
    }


def _ghost(ghost: Ghost) -> dict[str, Any]:
    return {
        "span_id": ghost.span_id,
        "parent_span_id": None,
        "service": ghost.service,
        "start_time": format_iso(ghost.start),
        "end_time": format_iso(ghost.end),
        "children": list(ghost.children),
        "logs": [log_object(entry) for entry in ghost.logs],
        "text": ghost.text,
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {"kind": finding.kind, "text": finding.text, "span_ids": list(finding.span_ids)}


def _span(node: Node) -> dict[str, Any]:
    span = node.span
    status = {"code": span.status, **({"message": span.status_message} if span.status_message else {})}
    return {
        "trace_id": span.trace_id,
        "span_id": span.span_id,
        "parent_span_id": span.parent_span_id or NO_PARENT,
        "name": span.name,
        "service": span.service,
        "kind": span.kind,
        "start_time": format_iso(span.start),
        "end_time": format_iso(span.end),
        "duration_ms": milliseconds(span.duration),
        "self_ms": milliseconds(node.self_time),
        "depth": node.depth,
        "attributes": span.attributes,
        "events": [_event(event) for event in span.events],
        "links": [_link(link) for link in span.links],
        "linked_from": [_link(link) for link in node.linked_from],
        "status": status,
        "orphan": node.orphan,
        "critical": node.critical,
        "logs": [log_object(entry, guessed=node.is_guess(entry)) for entry in node.logs],
    }


def _event(event: SpanEvent) -> dict[str, Any]:
    return add_fields(event.attributes, {"time": format_iso(event.time), "name": event.name})


def _link(link: SpanLink) -> dict[str, Any]:
    return {"trace_id": link.trace_id, "span_id": link.span_id, "attributes": link.attributes}


def log_object(entry: LogEntry, *, guessed: bool = False) -> dict[str, Any]:
    """Return one log line; `guessed`: the span that it is shown on is not proven by its ids."""
    line: dict[str, Any] = {
        "time": format_iso(entry.time),
        "level": entry.level,
        "logger": entry.logger,
        "message": entry.message,
        "service": entry.service,
        "trace_id": entry.trace_id,
        "span_id": entry.span_id,
        "attributes": entry.attributes,
    }
    if entry.exception is not None:
        line["exception"] = msgspec.to_builtins(entry.exception)
    return {**line, "guessed": guessed}


def summary_object(row: TraceSummary) -> dict[str, Any]:
    """Return one row of `slow`."""
    return {
        "trace_id": row.trace_id,
        "service": row.service,
        "name": row.name,
        "measure": row.measure,
        "start_time": format_iso(row.start),
        "duration_ms": milliseconds(row.duration),
        "trace_ms": milliseconds(row.trace_duration),
        "span_count": row.span_count,
        "log_count": row.log_count,
        "error_count": row.error_count,
    }


def operation_object(row: Operation) -> dict[str, Any]:
    """Return one row of `ops`; `bucket` is there where times are told apart."""
    return {
        **({} if row.bucket is None else {"bucket": format_iso(row.bucket)}),
        "service": row.service,
        "name": row.name,
        "kind": row.kind,
        "count": row.count,
        "error_count": row.error_count,
        "error_rate": row.error_count / row.count,
        "p50_ms": milliseconds(row.p50),
        "p95_ms": milliseconds(row.p95),
        "p99_ms": milliseconds(row.p99),
        "max_ms": milliseconds(row.max),
        "examples": row.examples,
        "estimated": list(row.estimated),
    }


def dependency_object(row: Dependency) -> dict[str, Any]:
    """Return one row of `deps`; the operations are there where they are told apart."""
    named = {"caller_operation": row.caller_operation, "callee_operation": row.callee_operation}
    return {
        "caller": row.caller,
        "callee": row.callee,
        **{key: name for key, name in named.items() if name is not None},
        "external": row.external,
        "calls": row.calls,
        "calls_per_parent": row.calls_per_parent,
        "error_count": row.error_count,
        "p50_ms": milliseconds(row.p50),
        "p99_ms": milliseconds(row.p99),
        "example": row.example,
    }


def match_object(match: Match) -> dict[str, Any]:
    """Return one row of `show --list`."""
    return msgspec.structs.asdict(match)


def milliseconds(nanoseconds: int) -> float:
    """Return ns as ms, exact to the ns."""
    return nanoseconds / 1_000_000
