"""Who calls whom as graphs: what names hold is never syntax."""

from __future__ import annotations

from typing import Any

from tracelog.model import Dependency
from tracelog.show.graphs import dot, mermaid

MS = 1_000_000


def row(caller: str, callee: str, **rest: Any) -> Dependency:
    known = {"calls": 1, "calls_per_parent": 1.0, "error_count": 0, "p50": MS, "p99": 12 * MS, "example": "a" * 32}
    return Dependency(caller=caller, callee=callee, **{**known, **rest})


ROWS = [
    row("web", "orders", calls=1200, calls_per_parent=3.04, error_count=2),
    row("orders", "postgresql/orders", external=True),
    row('a"b\\', "x|y]\n[red]", caller_operation="GET /<id>"),
]


def test_a_graph_for_graphviz_has_a_node_for_each_end_and_an_edge_for_each_row() -> None:
    assert list(dot(ROWS)) == [
        "digraph dependencies {",
        "  rankdir=LR; node [shape=box];",
        '  "web";',
        '  "orders";',
        '  "postgresql/orders" [style=dashed];',
        '  "a\\"b\\\\: GET /<id>";',
        '  "x|y]\\\\n[red]";',
        '  "web" -> "orders" [label="1,200 calls, 3.0 each, 2 failed, p99 12.0 ms", color=red];',
        '  "orders" -> "postgresql/orders" [label="1 call, p99 12.0 ms"];',
        '  "a\\"b\\\\: GET /<id>" -> "x|y]\\\\n[red]" [label="1 call, p99 12.0 ms"];',
        "}",
    ]


def test_a_graph_for_mermaid_has_a_node_for_each_end_and_an_edge_for_each_row() -> None:
    assert list(mermaid(ROWS)) == [
        "flowchart LR",
        '  n0["web"]',
        '  n1["orders"]',
        '  n2["postgresql/orders"]:::external',
        '  n3["a#34;b#92;: GET /#60;id#62;"]',
        '  n4["x#124;y#93;#92;n#91;red#93;"]',
        '  n0 -->|"1,200 calls, 3.0 each, 2 failed, p99 12.0 ms"| n1',
        '  n1 -->|"1 call, p99 12.0 ms"| n2',
        '  n3 -->|"1 call, p99 12.0 ms"| n4',
        "  classDef external stroke-dasharray: 4 4",
    ]
    assert "classDef" not in "\n".join(mermaid(ROWS[:1]))
