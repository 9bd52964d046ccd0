"""external-wms: the warehouse of a partner, which stalls for one customer. Logs by python-json-logger.

That customer's goods lie in a bin of their own, and a recount holds its lock for longer than anyone waits.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from pythonjsonlogger.json import JsonFormatter
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

import tracelog
from tracelog.demo import telemetry
from tracelog.demo.checkouts import UNLUCKY_CUSTOMER
from tracelog.demo.serving import serve

if TYPE_CHECKING:
    from starlette.requests import Request

SERVICE = "external-wms"
LOOKUP_S = 0.008
RECOUNT_S = 3.0

log = logging.getLogger("wms.stock")


async def stock(request: Request) -> Response:
    """Count the pieces of an article."""
    query = await request.json()
    log.info("stock query", extra={"sku": query["sku"]})
    if query["customer"] == UNLUCKY_CUSTOMER:
        await _wait_for_recount(query["customer"])
    await asyncio.sleep(LOOKUP_S)
    pieces = 20 + sum(query["sku"].encode()) % 80
    log.debug("bin counted", extra={"sku": query["sku"], "pieces": pieces})
    return JSONResponse({"pieces": pieces})


async def _wait_for_recount(customer: str) -> None:
    facts = {"bin": f"B-{customer}", "held_by": "nightly-recount"}
    log.warning("bin B-%s is locked by nightly-recount, waiting for the lock", customer, extra=facts)
    await asyncio.sleep(RECOUNT_S)
    log.warning("lock of bin B-%s taken after %.1f s", customer, RECOUNT_S, extra=facts)


def set_up_logs() -> None:
    """JSON on stderr, with the ids by a filter on that handler, and the same records in the store."""
    console = logging.StreamHandler()
    console.addFilter(tracelog.TraceContextFilter())
    console.setFormatter(JsonFormatter(["asctime", "levelname", "name", "message", "trace_id", "span_id"]))
    logging.basicConfig(level=logging.INFO, handlers=[console, tracelog.StoreHandler(service=SERVICE)])
    logging.getLogger("wms").setLevel(logging.DEBUG)


def main() -> None:
    """Run the service."""
    set_up_logs()
    telemetry.start_tracing(SERVICE)
    log.info("%s is up", SERVICE)
    serve([Route("/stock", stock, methods=["POST"])])


if __name__ == "__main__":
    main()
