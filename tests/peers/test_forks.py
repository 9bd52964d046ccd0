"""A forked child goes on in its parent's span: peers say nothing of it, tracelog marks its lines.

`tests/capture/test_execution.py` has spans that the child starts itself, and spawned children.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import json, logging, multiprocessing
from opentelemetry.instrumentation.logging import LoggingInstrumentor
from opentelemetry.sdk.trace import TracerProvider
import tracelog

LoggingInstrumentor().instrument(inject_trace_context=True, enable_log_auto_instrumentation=False)
tracelog.install()

class Both(logging.Handler):
    def emit(self, record):
        theirs = {"trace_id": record.otelTraceID, "span_id": record.otelSpanID}
        ours = json.loads(tracelog.JsonFormatter(service="shop").format(record))
        named = {key: ours[key] for key in ours if key.endswith("_id") or key.startswith("tracelog")}
        print(json.dumps([record.getMessage(), theirs, named]), flush=True)

logging.getLogger().addHandler(Both())

if __name__ == "__main__":
    with TracerProvider(shutdown_on_exit=False).get_tracer("shop").start_as_current_span("checkout"):
        logging.warning("parent")
        child = multiprocessing.get_context("fork").Process(target=logging.warning, args=["child"])
        child.start()
        child.join(60)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(sys, "getdlopenflags"), reason="no fork here")
def test_the_lines_of_a_forked_child_pass_for_work_of_its_parents_span_unless_they_are_marked(tmp_path: Path) -> None:
    """`record_factory` of LoggingInstrumentor reads the context that the fork copied.

    Of forks and spans: open-telemetry/opentelemetry-python#4215
    """
    script = tmp_path / "forks.py"
    script.write_text(SCRIPT)
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=120, check=True)
    parent, child = map(json.loads, done.stdout.splitlines())
    assert (parent[0], child[0]) == ("parent", "child")
    assert parent[1] == child[1] == parent[2]
    assert child[2] == {**parent[2], "tracelog.inherited": True}
