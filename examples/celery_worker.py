"""Celery with worker processes: each line of a task has the ids of the task's span, in the trace of the caller.

The queue is a folder, so that nothing else needs to run: `python celery_worker.py` sends, works, and reads the store.
"""

# mypy: disable-error-code="import-untyped, no-untyped-call, untyped-decorator"
import logging
import os
import subprocess
import sys
from pathlib import Path

from celery import Celery, signals
from celery.utils.log import get_task_logger
from opentelemetry import trace
from opentelemetry.instrumentation.celery import CeleryInstrumentor

import tracelog

Path("queue").mkdir(exist_ok=True)
app = Celery("celery_worker", broker="filesystem://localhost", backend=f"file://{Path.cwd() / 'queue'}")
app.conf.broker_transport_options = {"data_folder_in": "queue", "data_folder_out": "queue", "control_folder": "queue"}
log = get_task_logger(__name__)


@signals.setup_logging.connect
def set_up_logging(**_: object) -> None:
    """Take the place of Celery's own set-up, in the worker, before its processes are forked."""
    tracelog.configure(service="billing-worker", store="sqlite:tracelog.db", console=False)


@signals.worker_process_init.connect
def trace_tasks(**_: object) -> None:
    CeleryInstrumentor().instrument()


@signals.worker_process_shutdown.connect
def send_the_rest(**_: object) -> None:
    tracelog.shutdown()  # Celery ends its processes without Python's own end


@app.task(name="charge")
def charge(invoice: str) -> str:
    log.info("charging %s", invoice, extra={"invoice.id": invoice})
    return invoice


def main() -> None:
    """Start a worker with two processes, send it four tasks in one trace, then read the store."""
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "celery", "-A", "celery_worker", "--quiet", "worker", "--concurrency", "2"]
    tracelog.configure(service="billing", store="sqlite:tracelog.db", console=False)
    CeleryInstrumentor().instrument()
    with subprocess.Popen(command, env={**os.environ, "PYTHONPATH": path}) as worker:  # noqa: S603
        with trace.get_tracer("billing").start_as_current_span("POST /invoices"):
            logging.getLogger("billing").info("charging four invoices")
            sent = [charge.delay(f"I-{number}") for number in range(4)]
        print([result.get(timeout=60) for result in sent])
        worker.terminate()
    tracelog.flush()
    with tracelog.open_store("sqlite:tracelog.db") as store:
        trace_id = next(span.trace_id for span in store.spans(name="POST /invoices"))
        for node in store.trace(trace_id).nodes:
            said = [line.message for line in node.logs if line.logger != "celery.app.trace"]
            print("  " * node.depth + node.span.name, said)


if __name__ == "__main__":
    main()
