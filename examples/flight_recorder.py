"""Keep the traces that failed, whole, with the DEBUG lines that are not logged, and forget the others."""

import logging

from opentelemetry import trace

import tracelog

tracelog.configure(
    service="payments",
    store="sqlite:tracelog.db",
    console=False,
    keep=[
        {"name": "keep_errors", "type": "status_code", "status_code": "ERROR"},
        {"name": "keep_slow", "type": "latency", "threshold_ms": 1000},
    ],
)
log, tracer = logging.getLogger("payments"), trace.get_tracer("payments")


def charge(card: str) -> None:
    """Charge a card: some are refused."""
    with tracer.start_as_current_span("charge card") as span:
        log.debug("asking the bank about %s", card)
        if card.endswith("13"):
            span.set_status(trace.StatusCode.ERROR)
        log.info("the bank has answered")


for number in range(4000, 4020):
    charge(f"card {number}")

tracelog.flush()
with tracelog.open_store("sqlite:tracelog.db") as store:
    for line in store.logs():
        print(line.level, line.message)
    print("spans stored:", len(list(store.spans())))
