"""Who calls whom, as graphs for others to draw: Graphviz' DOT, and Mermaid. Names are values there, never syntax."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from tracelog.model import Dependency
from tracelog.read.wording import count
from tracelog.show import text

_MERMAID_SYNTAX = re.compile(r"""["#&;<>`\\{}\[\]|]""")


def dot(rows: Sequence[Dependency]) -> Iterator[str]:
    """Yield the lines of a DOT graph. What is but named, and has no spans of its own, is dashed."""
    yield "digraph dependencies {"
    yield "  rankdir=LR; node [shape=box];"
    for name, external in _nodes(rows).items():
        yield f"  {_quoted(name)}{' [style=dashed]' if external else ''};"
    for row in rows:
        caller, callee = _ends(row)
        failed = ", color=red" if row.error_count else ""
        yield f"  {_quoted(caller)} -> {_quoted(callee)} [label={_quoted(_label(row))}{failed}];"
    yield "}"


def mermaid(rows: Sequence[Dependency]) -> Iterator[str]:
    """Yield the lines of a Mermaid flowchart. What is but named, and has no spans of its own, is dashed."""
    yield "flowchart LR"
    nodes = _nodes(rows)
    numbers = {name: f"n{number}" for number, name in enumerate(nodes)}
    for name, external in nodes.items():
        yield f'  {numbers[name]}["{_entities(name)}"]{":::external" if external else ""}'
    for row in rows:
        caller, callee = _ends(row)
        yield f'  {numbers[caller]} -->|"{_entities(_label(row))}"| {numbers[callee]}'
    if any(nodes.values()):
        yield "  classDef external stroke-dasharray: 4 4"


def _nodes(rows: Sequence[Dependency]) -> dict[str, bool]:
    """Return each end of a call, and whether it is but named."""
    found: dict[str, bool] = {}
    for row in rows:
        caller, callee = _ends(row)
        found[caller] = False
        found[callee] = found.get(callee, True) and row.external
    return found


def _ends(row: Dependency) -> tuple[str, str]:
    named = ((row.caller, row.caller_operation), (row.callee, row.callee_operation))
    caller, callee = (service if name is None else f"{service}: {name}" for service, name in named)
    return text.escape(caller), text.escape(callee)


def _label(row: Dependency) -> str:
    calls = count(row.calls, "call")
    several = f"{row.calls_per_parent:.1f}"
    each = "" if several == "1.0" else f", {several} each"
    failed = f", {row.error_count:,} failed" if row.error_count else ""
    return f"{calls}{each}{failed}, p99 {text.duration(row.p99)}"


def _quoted(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _entities(name: str) -> str:
    return _MERMAID_SYNTAX.sub(lambda found: f"#{ord(found[0])};", name)


FORMS = {"dot": dot, "mermaid": mermaid}
"""What writes the lines of a graph, by the name of its form."""
