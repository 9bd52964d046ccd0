"""Errors that the spans and the lines of a trace do not agree about.

`hidden`: a line at ERROR in a span whose status is not ERROR, nor that of what called it within its service, nor of
what it called itself: whoever counts failed spans misses it.

`unlogged`: a span that failed, in a service that logs, and nothing says why: no line at WARNING or above and no
exception, neither below it nor in what called it within its service. What failed is told as for a retry: an answer of
4xx is an answer, not a failure of the client that got it, but where it asks to try again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, compress

from tracelog.model import LEVELS, Finding, LogEntry, Node, Trace
from tracelog.read.calls import Calls, children_of
from tracelog.read.semconv import reason
from tracelog.read.wording import count, cropped, listed, named, quoted

_MOST = 3


def hidden_findings(trace: Trace) -> Iterator[Finding]:
    """Say which errors no span shows, those that are most often there first; spans of one name together."""
    nodes = trace.nodes
    logging = [node for node in nodes if node.logs]
    holding = [(node, lines) for node in logging if (lines := [line for line in node.logs if _is_at(line, "ERROR")])]
    shown = _above(nodes, [_is_error(node) for node in nodes]) if holding else []
    alike: dict[str, list[tuple[Node, LogEntry]]] = defaultdict(list)
    for node, lines in holding:
        if not shown[node.index] and not any(map(_is_error, children_of(nodes, node))):
            alike[named(node.span)] += [(node, line) for line in lines if not node.is_guess(line)]
    most = sorted(filter(None, alike.values()), key=lambda found: -len(found))
    for found in most[:_MOST]:
        node, line = found[0]
        errors = "an error" if len(found) == 1 else count(len(found), "error")
        text = f"{named(node.span)} logged {errors}, and its status is {node.span.status}: {quoted(line.message)}"
        yield Finding("hidden", text, _ids(node for node, _ in found))


def unlogged_findings(trace: Trace, calls: Calls) -> Iterator[Finding]:
    """Say which spans failed without a word; of failures below each other, the deepest is told of."""
    nodes, failing = trace.nodes, calls.failing
    failures = [
        node for node in compress(nodes, failing) if not any(failing[child.index] for child in children_of(nodes, node))
    ]
    if not failures:
        return
    elsewhere = [*trace.unplaced_logs, *(line for ghost in trace.ghosts for line in ghost.logs)]
    logging = {line.service for node in nodes if node.logs for line in node.logs}
    logging |= {line.service for line in elsewhere}
    logging -= {line.service for line in elsewhere if _is_at(line, "WARNING")}
    if not logging:
        return
    spoken = [_speaks(node) for node in nodes]
    spoken_above, spoken_before = _above(nodes, spoken), [0, *accumulate(spoken)]
    silent = [
        node
        for node in failures
        if node.span.service in logging
        and not spoken_above[node.index]
        and spoken_before[node.index] == spoken_before[node.index + 1 + node.descendants]
    ]
    if silent:
        yield Finding("unlogged", _unlogged_text(silent), _ids(silent))


def _unlogged_text(silent: Sequence[Node]) -> str:
    names = list(dict.fromkeys(named(node.span) for node in silent))
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    why = reason(silent[0].span) if len(names) == 1 else None
    status = f" (its status: {cropped(why)})" if why else ""
    times = f" {len(silent):,} times" if len(silent) > 1 else ""
    return f"{listed(names[:_MOST])}{more} failed{times}{status}, and no line says why"


def _ids(nodes: Iterable[Node]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(node.span.span_id for node in nodes))


def _above(nodes: Sequence[Node], marks: Sequence[bool]) -> list[bool]:
    """Return for each node whether it is marked itself, or a node above it in an unbroken line of its service."""
    above = list(marks)
    for node in nodes:  # parents stand before their children
        if node.parent is not None and above[node.parent] and nodes[node.parent].span.service == node.span.service:
            above[node.index] = True
    return above


def _is_error(node: Node) -> bool:
    """Tell whether a span is among those that are counted as failed."""
    return node.span.status == "ERROR"


def _speaks(node: Node) -> bool:
    """Tell whether a span says why something failed: a line at WARNING or above, or an exception."""
    return any(_is_at(line, "WARNING") for line in node.logs) or any(e.name == "exception" for e in node.span.events)


def _is_at(line: LogEntry, level: str) -> bool:
    return (line.severity_number or LEVELS.get(line.level or "", 0)) >= LEVELS[level]
