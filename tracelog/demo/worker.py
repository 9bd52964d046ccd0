"""fulfilment-worker: takes placed orders off the queue, later, in traces of its own that link back.

One span per message links to the span that published it; one span per 50 messages links to 50 traces.
"""

from __future__ import annotations

import logging
import threading

from opentelemetry import baggage, context, propagate, trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, SpanKind

import tracelog
from tracelog.demo import process, telemetry
from tracelog.demo.database import Database, Message

BATCH = 50
POLL_S = 0.25

log = logging.getLogger("shop.fulfilment")
tracer = trace.get_tracer("shop.fulfilment")


def pack(message: Message) -> Link:
    """Pack one order in a trace of its own; return the link to the span that published it."""
    sent = propagate.extract(message.headers)
    link = Link(trace.get_current_span(sent).get_span_context(), {"messaging.operation.name": "publish"})
    order_id = baggage.get_baggage(telemetry.ORDER_ID, sent)
    token = context.attach(baggage.set_baggage(telemetry.ORDER_ID, order_id, Context()))
    facts = {"messaging.system": "sqlite", "messaging.destination.name": "orders.placed"}
    try:
        with tracer.start_as_current_span(
            "process orders.placed", kind=SpanKind.CONSUMER, attributes=facts, links=[link]
        ):
            log.debug("order taken off the queue", extra={"customer": message.body["customer"]})
            log.info("order packed", extra={"sku": message.body["sku"], "quantity": message.body["quantity"]})
    finally:
        context.detach(token)
    return link


def settle(links: list[Link]) -> None:
    """Settle many orders at once: one span, a link to each of their traces."""
    facts: dict[str, str | int] = {"messaging.system": "sqlite", "messaging.batch.message_count": len(links)}
    with tracer.start_as_current_span("settle batch", kind=SpanKind.CONSUMER, attributes=facts, links=links):
        log.info("batch of %d orders settled", len(links), extra={"orders": len(links)})


def work(database: Database, ended: threading.Event) -> None:
    """Pack what is on the queue until the shop has ended and nothing is left; settle the last batch too."""
    packed: list[Link] = []
    while True:
        last_look = ended.is_set()
        messages = database.take(BATCH - len(packed))
        packed += [pack(message) for message in messages]
        if len(packed) == BATCH or (packed and last_look and not messages):
            settle(packed)
            packed = []
        elif not messages and last_look:
            return
        elif not messages:
            ended.wait(POLL_S)


def main() -> None:
    """Run the worker."""
    tracelog.configure(service="fulfilment-worker", level="DEBUG", console=False)
    telemetry.mark_orders()
    log.info("fulfilment-worker is up", extra={"batch": BATCH})
    telemetry.warm_up()
    database = Database(process.introduce()["database"])
    ended = threading.Event()
    process.at_end(ended.set)
    work(database, ended)
    database.close()
    telemetry.finish()


if __name__ == "__main__":
    main()
