"""loguru: its patcher puts the ids on every line that loguru prints; a `StoreHandler` is a sink like any other."""

import json
import sys

from loguru import logger
from opentelemetry.sdk.trace import TracerProvider

import tracelog

logger.remove()
logger.configure(patcher=lambda record: tracelog.add_trace_context(None, "", record["extra"]))
logger.add(
    sys.stdout, format="{level} {message} {extra[trace_id]}", filter=lambda record: "trace_id" in record["extra"]
)
logger.add(tracelog.StoreHandler("sqlite:tracelog.db", service="returns"), format="{message}")

with TracerProvider().get_tracer("returns").start_as_current_span("POST /returns") as span:
    logger.bind(order="A-1234").warning("parcel is damaged")

tracelog.flush()
with tracelog.open_store("sqlite:tracelog.db") as store:
    (line,) = store.logs(trace_id=f"{span.get_span_context().trace_id:032x}")
    print(line.level, line.message, json.dumps(line.attributes["extra"]["order"]))
