"""Three lines in an existing service, and every line it logs is stored with its ids."""

import logging

import tracelog

handler = tracelog.StoreHandler("sqlite:tracelog.db", service="billing")
logging.getLogger().addHandler(handler)
logging.getLogger().setLevel(logging.INFO)

# From here on it is the service as it was. The span may come from any OpenTelemetry instrumentation.
from opentelemetry.sdk.trace import TracerProvider  # noqa: E402 - the three lines come first

tracer = TracerProvider().get_tracer("billing")
with tracer.start_as_current_span("POST /invoices") as span:
    logging.getLogger("billing").info("invoice created", extra={"invoice.id": "I-2041"})

tracelog.flush()
trace_id = f"{span.get_span_context().trace_id:032x}"
with tracelog.open_store("sqlite:tracelog.db") as store:
    for line in store.logs(trace_id=trace_id):
        print(line.level, line.message, line.attributes["invoice.id"], line.span_id is not None)
