"""The list of lines that a failed assertion prints: each trace as a tree, its lines under the spans that wrote them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from tracelog.model import LogEntry, Trace, in_call_order

INDENT = "  "


def list_lines(logs: Sequence[LogEntry], traces: Iterable[Trace], marked: Collection[str]) -> str:
    """Return all that was logged as text, lines whose id is `marked` with a `>` in front."""
    if not logs:
        return "nothing was logged"
    rows = [row for trace in traces if trace.logs for row in _rows(trace, marked)]
    outside = [line for line in logs if line.trace_id is None]
    if outside:
        rows.append("outside any span")
        rows += [_row(line, 1, marked) for line in outside]
    return "\n".join(["logged were:", *rows])


def _rows(trace: Trace, marked: Collection[str]) -> Iterator[str]:
    yield f"trace {trace.trace_id}"
    for node in trace.nodes:
        yield f"{INDENT * (node.depth + 1)}span {node.span.name!r}"
        for line in node.logs:
            yield _row(line, node.depth + 2, marked)
    adrift = [line for ghost in trace.ghosts for line in ghost.logs]
    if adrift or trace.unplaced_logs:
        yield f"{INDENT}in spans that are remote or have not ended"
        for line in in_call_order([*adrift, *trace.unplaced_logs]):
            yield _row(line, 2, marked)


def _row(line: LogEntry, depth: int, marked: Collection[str]) -> str:
    """Return one line as `LEVEL logger: message {attributes}`."""
    attributes = {key: value for key, value in line.attributes.items() if not key.startswith("code.")}
    who = " ".join(filter(None, [line.level, line.logger]))
    said = " ".join(filter(None, [f"{who}: {line.message}", str(attributes) if attributes else ""]))
    error = f" ({line.exception.type}: {line.exception.message})" if line.exception and line.exception.type else ""
    indent = INDENT * depth
    return f"{indent[:-2]}> {said}{error}" if line.id in marked else f"{indent}{said}{error}"
