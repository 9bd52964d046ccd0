"""What others wrote, read through the command line: under the mapping of its writer, and under none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from foreign import INSTALLED, Ask, Cluster
from layout_traps import TRAPS, Trap


def rows_of(trace: Any) -> list[str]:
    """Draw a trace as the traps do."""
    rows = []
    for span in trace["spans"]:
        indent = "  " * span["depth"]
        failed = " !" if span["status"]["code"] == "ERROR" else ""
        rows.append(f"{indent}{span['name']} [{span['service']} {span['kind']}] {span['duration_ms']}{failed}")
        rows += sorted(f"{indent}  > {link['trace_id']} {link['span_id']}" for link in span["links"])
        rows += sorted(f"{indent}  * {event['name']}" for event in span["events"])
        rows += [f"{indent}  - {line['level']} {line['message']}" for line in span["logs"]]
    return rows + [f"- {line['level']} {line['message']}" for line in trace["logs"]]


@pytest.mark.elasticsearch
@pytest.mark.parametrize("mapping", ["installed", "dynamic"])
@pytest.mark.parametrize("trap", TRAPS, ids=lambda trap: trap.name)
def test_documents_of_others_are_read(trap: Trap, mapping: str, cluster: Cluster, ask_cluster: Ask) -> None:
    for index, documents in trap.documents.items():
        cluster.put(index, documents, INSTALLED[index] if mapping == "installed" else None)
    code, out, err = ask_cluster("show", trap.trace, "--json")
    assert (code, rows_of(json.loads(out)) if out else err) == (0, trap.rows)
    assert "passed over" not in err
