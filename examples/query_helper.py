"""The query helper: from a slow span to the lines that explain it, in Python."""

import logging
import time

from opentelemetry import trace

import tracelog

# Something to look at: a checkout whose payment is slow, and says why.
tracelog.configure(service="checkout", store="sqlite:tracelog.db", console=False)
tracer, log = trace.get_tracer("checkout"), logging.getLogger("checkout")
with tracer.start_as_current_span("POST /checkout"):
    log.info("cart loaded")
    with tracer.start_as_current_span("charge card"):
        log.warning("payment provider answers slowly, waiting", extra={"order.id": "A-9"})
        time.sleep(0.05)
tracelog.flush()

with tracelog.open_store("sqlite:tracelog.db") as store:
    slowest = store.slowest(operation="POST /checkout", limit=1)[0]
    found = store.trace(slowest.trace_id)
    worst = max(found.nodes, key=lambda node: node.self_time)
    print("most time is spent in", worst.span.name)
    for line in found.logs_of(worst.span):
        print(" ", line.level, line.message)
    print("by order id:", store.trace("A-9").trace_id == found.trace_id)
    print("lines at WARNING or above:", len(list(store.logs(trace_id=found.trace_id, level="WARNING"))))
