"""orders-service: writes an order, reserves its stock, tells the shop. Logs by the stdlib's `dictConfig`."""

from __future__ import annotations

import logging.config
from functools import cache
from typing import TYPE_CHECKING

from opentelemetry import propagate, trace
from opentelemetry.instrumentation.sqlite3 import SQLite3Instrumentor
from opentelemetry.trace import SpanKind
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tracelog.demo import telemetry
from tracelog.demo.database import Database
from tracelog.demo.serving import serve

if TYPE_CHECKING:
    from starlette.requests import Request

SERVICE = "orders-service"
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"store": {"class": "tracelog.StoreHandler", "service": SERVICE}},
    "loggers": {"shop": {"level": "DEBUG"}},
    "root": {"level": "INFO", "handlers": ["store"]},
}

log = logging.getLogger("shop.orders")
tracer = trace.get_tracer("shop.orders")
_database = cache(Database)


async def take_order(request: Request) -> Response:
    """Write the order down, reserve its stock, publish that it was placed."""
    order = await request.json()
    log.info("order accepted", extra={"customer": order["customer"], "quantity": order["quantity"]})
    database = _database(request.app.state.addresses["database"])
    database.add_order(order)
    log.debug("order row written", extra={"table": "orders"})
    reserved = await request.app.state.clients["inventory-service"].post("/reserve", json=order)
    if reserved.is_error:
        log.error("stock could not be reserved", extra={"sku": order["sku"], "status": reserved.status_code})
        return JSONResponse({"error": "no stock"}, status_code=502)
    reservation = reserved.json()
    log.info("stock reserved", extra={"sku": order["sku"], "estimated": reservation["estimated"]})
    publish(database, order)
    return JSONResponse({"order_id": order["order_id"], **reservation})


def publish(database: Database, order: dict[str, object]) -> None:
    """Put a message on the queue, with the context of the span that did so."""
    facts = {
        "messaging.system": "sqlite",
        "messaging.operation.name": "publish",
        "messaging.destination.name": "orders.placed",
    }
    with tracer.start_as_current_span("publish orders.placed", kind=SpanKind.PRODUCER, attributes=facts):
        headers: dict[str, str] = {}
        propagate.inject(headers)
        database.publish(order, headers)
        log.info("order published", extra={"queue": "orders.placed"})


def main() -> None:
    """Run the service."""
    logging.config.dictConfig(LOGGING)
    telemetry.start_tracing(SERVICE)
    log.info("%s is up", SERVICE, extra={"queue": "orders.placed"})
    SQLite3Instrumentor().instrument()
    serve([Route("/orders", take_order, methods=["POST"])], calls=["inventory-service"])


if __name__ == "__main__":
    main()
