"""structlog: `add_trace_context` puts the ids on the event, `StoreRenderer` stores it and returns its JSON line."""

import structlog
from opentelemetry.sdk.trace import TracerProvider

import tracelog

structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        tracelog.add_trace_context,
        tracelog.StoreRenderer("sqlite:tracelog.db", service="inventory"),
    ],
    logger_factory=structlog.PrintLoggerFactory(),
)

log = structlog.get_logger()
with TracerProvider().get_tracer("inventory").start_as_current_span("POST /reserve") as span:
    log.info("stock reserved", sku="sku-900", quantity=2)
    try:
        raise TimeoutError("external-wms gave no answer")
    except TimeoutError:
        log.exception("reserving by estimate", sku="sku-900")

tracelog.flush()
with tracelog.open_store("sqlite:tracelog.db") as store:
    for line in store.logs(trace_id=f"{span.get_span_context().trace_id:032x}"):
        print(line.level, line.message, line.exception.type if line.exception else "")
