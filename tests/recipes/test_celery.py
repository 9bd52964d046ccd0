"""Celery, with worker processes of its own: the lines of a task are in the trace of whoever sent it."""

from __future__ import annotations

from pathlib import Path

import pytest

from .processes import run_example


@pytest.mark.slow
def test_each_line_of_a_task_has_the_ids_of_its_span_in_the_trace_of_the_caller(tmp_path: Path) -> None:
    said = run_example("celery_worker", tmp_path)
    tasks = [
        line for number in range(4) for line in ("  apply_async/charge []", f"    run/charge ['charging I-{number}']")
    ]
    start = said.index("POST /invoices ['charging four invoices']")
    assert said[start + 1 :] == tasks
