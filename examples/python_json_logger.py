"""python-json-logger as it is: `TraceContextFilter` adds the ids, its own formatter prints them."""

import io
import logging
import time
from pathlib import Path

from opentelemetry.sdk.trace import TracerProvider
from pythonjsonlogger.json import JsonFormatter

import tracelog
from tracelog.ship.imports import import_file
from tracelog.store import resolve_destination

output = io.StringIO()  # what the service writes to stdout
handler = logging.StreamHandler(output)
formatter = JsonFormatter("%(asctime)s %(levelname)s %(name)s %(message)s")
formatter.converter = time.gmtime  # asctime names no zone, and is read as UTC
handler.setFormatter(formatter)
handler.addFilter(tracelog.TraceContextFilter())
logger = logging.getLogger("warehouse")
logger.addHandler(handler)
logger.setLevel(logging.INFO)

with TracerProvider().get_tracer("warehouse").start_as_current_span("POST /stock") as span:
    logger.info("bin counted", extra={"sku": "sku-900", "pieces": 77})
print(output.getvalue().strip())

# Lines that were only printed can be stored later: `tracelog import warehouse.jsonl`, or from Python:
Path("warehouse.jsonl").write_text(output.getvalue(), encoding="utf-8")
with tracelog.open_store("sqlite:tracelog.db") as store:
    report = import_file("warehouse.jsonl", store, resolve_destination())
    (line,) = store.logs(trace_id=f"{span.get_span_context().trace_id:032x}")
    print(report.logs.stored, "line stored:", line.message, line.attributes["pieces"])
