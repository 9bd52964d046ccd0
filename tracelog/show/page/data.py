"""A trace -> what its page is drawn from: one table of rows, in columns, in the order in which they are read.

A row is what it is on a terminal: a span, a ghost, a line, an event, a gap. Columns hold numbers: times in ns after the
start of the trace, and for each text its place in `texts`, where it stands once. Attributes, and what is looked at of
one row alone (`rest`), are JSON within a text, which is parsed when it is looked at: so 100,000 spans open at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from tracelog.model import LEVELS, Attributes, LinkedTrace, LogEntry, Node, SpanEvent, SpanLink, Trace
from tracelog.read.links import summarised
from tracelog.schema.otel import as_exception
from tracelog.schema.times import format_iso
from tracelog.show.rows import EventRow, GapRow, GhostRow, LineRow, SpanRow
from tracelog.show.services import colour_of
from tracelog.show.timeline import timeline_rows

SPAN, GHOST, LINE, EVENT, GAP, ADRIFT = range(6)
"""The kinds of rows. `ADRIFT` is the heading of the lines that are on no span."""
CRITICAL, ORPHAN, CYCLE, GUESSED, TIMELESS = (1 << bit for bit in range(5))
"""What else a row may be: `flags`. A line that is timeless has the time of what it is on."""
_SEVERITIES = {level: rank for rank, level in enumerate(LEVELS, start=1)}
_FAILED = _SEVERITIES["ERROR"]
_NOBODY, _TOP = -1, -1
_ADRIFT_TEXT = "lines of this trace on none of its spans"
_COLUMNS = (
    "kind", "parent", "at", "duration", "self", "text", "service", "severity", "flags", "id", "attributes", "rest",
)  # fmt: skip


def encode(trace: Trace, home: str = "") -> bytes:
    """Return the data of a page as JSON that may stand in any element: `<` does not occur in it.

    `others` are the traces that were fetched as this one is linked with them; links lead to them or, where there is a
    `home`, below which a server has them, to any.
    """
    others = [page_object(linked.trace) for linked in trace.linked if linked.trace is not None]
    return msgspec.json.encode({**page_object(trace), "others": others, "home": home}).replace(b"<", b"\\u003c")


def page_object(trace: Trace) -> dict[str, Any]:
    """Return the data of one trace."""
    rows = _Rows(trace)
    root = trace.root_node
    return {
        "trace_id": trace.trace_id,
        "start": format_iso(trace.start),
        "duration": trace.duration,
        "root": None if root is None else rows.of_span[root.index],
        "complete": trace.complete,
        "services": [{"name": service, "colour": colour_of(service)} for service in trace.services],
        "findings": [
            {"kind": finding.kind, "text": finding.text, "rows": rows.of_ids(finding.span_ids)}
            for finding in trace.findings
        ],
        "linked": {linked.trace_id: _summary(linked) for linked in trace.linked},
        "path": rows.path(),
        "rows": {name: [cells[place] for cells in rows.cells] for place, name in enumerate(_COLUMNS)},
        "texts": list(rows.texts),
    }


class _Rows:
    """The rows of a trace, and where its spans and ghosts stand among them."""

    def __init__(self, trace: Trace) -> None:
        self._trace, self._start = trace, trace.start
        self._services = {service: number for number, service in enumerate(trace.services)}
        self.texts: dict[str, int] = {"": 0}
        self.of_span: dict[int, int] = {}
        self.of_ghost: dict[str, int] = {}
        self._adrift = _TOP
        self.cells: list[tuple[int, ...]] = []
        for row in timeline_rows(trace):
            if isinstance(row, SpanRow):
                self._add_span(row.node)
            elif isinstance(row, GhostRow):
                self._add_ghost(row)
            elif isinstance(row, LineRow):
                self._add_line(row)
            elif isinstance(row, EventRow):
                self._add_event(row.event, row.node)
            elif isinstance(row, GapRow):
                self._add_gap(row)

    def of_ids(self, span_ids: tuple[str, ...]) -> list[int]:
        """Return the rows of spans and ghosts, by their ids."""
        return [row for span_id in span_ids if (row := self._of_id(span_id)) is not None]

    def path(self) -> dict[str, list[int]]:
        """Return the segments of the critical path, by time."""
        segments = self._trace.critical_path
        return {
            "row": [self.of_span[self._trace.node(segment.span).index] for segment in segments],
            "from": [segment.start - self._start for segment in segments],
            "to": [segment.end - self._start for segment in segments],
        }

    def _of_id(self, span_id: str) -> int | None:
        try:
            return self.of_span[self._trace.node(span_id).index]
        except KeyError:
            return self.of_ghost.get(span_id)

    def _add(
        self,
        kind: int,
        parent: int,
        time: int,
        text: str,
        service: str | None = None,
        *,
        duration: int = 0,
        self_time: int = 0,
        severity: int = 0,
        flags: int = 0,
        span_id: str = "",
        attributes: Attributes | None = None,
        rest: Mapping[str, Any] | None = None,
    ) -> int:
        """Add a row, its cells in the order of `_COLUMNS`; return its number."""
        self.cells.append((
            kind, parent, time - self._start, duration, self_time, self._text(text),
            _NOBODY if service is None else self._services.get(service, _NOBODY),
            severity, flags, self._text(span_id), self._json(attributes), self._json(rest),
        ))  # fmt: skip
        return len(self.cells) - 1

    def _text(self, text: str) -> int:
        return self.texts.setdefault(text, len(self.texts))

    def _json(self, value: Mapping[str, Any] | None) -> int:
        return self._text(msgspec.json.encode(value).decode()) if value else 0

    def _add_span(self, node: Node) -> None:
        span = node.span
        parent = _TOP if node.parent is None else self.of_span[node.parent]
        if node.orphan:
            parent = self.of_ghost.get(span.parent_span_id or "", _TOP)
        self.of_span[node.index] = self._add(
            SPAN, parent, span.start, span.name, span.service,
            duration=span.duration, self_time=node.self_time, severity=_FAILED if span.status == "ERROR" else 0,
            flags=CRITICAL * node.critical | ORPHAN * node.orphan | CYCLE * (node.cycle is not None),
            span_id=span.span_id, attributes=span.attributes, rest=_rest_of_span(node),
        )  # fmt: skip

    def _add_ghost(self, row: GhostRow) -> None:
        ghost = row.ghost
        self.of_ghost[ghost.span_id] = self._add(
            GHOST, _TOP, ghost.start, ghost.state, ghost.service,
            duration=ghost.end - ghost.start, span_id=ghost.span_id, rest={"text": ghost.text},
        )  # fmt: skip

    def _add_line(self, row: LineRow) -> None:
        entry, flags, owner = row.entry, 0, self._owner(row)
        if row.node is not None and row.node.is_guess(entry):
            flags |= GUESSED
        if not entry.has_time:
            flags |= TIMELESS
        self._add(
            LINE, owner, entry.time if entry.has_time else self._start + self.cells[owner][2], entry.message,
            entry.service, severity=_SEVERITIES.get(entry.level or "", 0), flags=flags, attributes=entry.attributes,
            rest=_rest_of_line(entry),
        )  # fmt: skip

    def _owner(self, row: LineRow) -> int:
        """Return the row that a line stands below; those on no span stand below a heading, which the first adds."""
        if row.node is not None:
            return self.of_span[row.node.index]
        if row.ghost is not None:
            return self.of_ghost[row.ghost.span_id]
        if self._adrift == _TOP:
            self._adrift = self._add(ADRIFT, _TOP, self._start, _ADRIFT_TEXT)
        return self._adrift

    def _add_event(self, event: SpanEvent, node: Node) -> None:
        raised = msgspec.to_builtins(as_exception(event.attributes)) if event.name == "exception" else None
        self._add(
            EVENT, self.of_span[node.index], event.time, event.name, node.span.service,
            attributes=event.attributes, rest=_given(exception=raised),
        )  # fmt: skip

    def _add_gap(self, row: GapRow) -> None:
        gap = row.gap
        self._add(
            GAP, self.of_span[gap.node.index], gap.start, "waited in silence", gap.node.span.service,
            duration=gap.duration, rest={"text": f"between {gap.before} and {gap.after}"},
        )  # fmt: skip


def _summary(linked: LinkedTrace) -> str:
    return "nothing of it is stored" if linked.summary is None else summarised(linked.summary)


def _rest_of_span(node: Node) -> dict[str, Any]:
    span = node.span
    return _given(
        kind=span.kind,
        status=None if span.status == "UNSET" else span.status,
        status_message=span.status_message,
        parent=span.parent_span_id if node.cycle is not None else None,
        links=list(map(_link, span.links)),
        linked_from=list(map(_link, node.linked_from)),
        scope=span.scope,
        resource=span.resource,
    )


def _rest_of_line(entry: LogEntry) -> dict[str, Any]:
    raised = None if entry.exception is None else msgspec.to_builtins(entry.exception)
    return _given(logger=entry.logger, exception=raised, resource=entry.resource)


def _link(link: SpanLink) -> dict[str, Any]:
    return {"trace_id": link.trace_id, "span_id": link.span_id, "attributes": link.attributes}


def _given(**fields: Any) -> dict[str, Any]:
    """Return the fields that have a value."""
    return {name: value for name, value in fields.items() if value}
