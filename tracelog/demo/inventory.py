"""inventory-service: is it in stock? Logs by structlog; `tracelog.StoreRenderer` is its last processor."""

from __future__ import annotations

import asyncio
import sys
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx
import structlog
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

import tracelog
from tracelog.demo import telemetry
from tracelog.demo.cache import CacheClient
from tracelog.demo.serving import serve

if TYPE_CHECKING:
    from starlette.requests import Request

SERVICE = "inventory-service"
ATTEMPTS = 3
TIMEOUT_S = 2.5
PAUSE_S = 0.2
ESTIMATE = 1

log = structlog.get_logger()
_cache = cache(CacheClient)


class Stock(NamedTuple):
    """How many pieces there are, and whether that is a guess."""

    pieces: int
    estimated: bool = False


async def reserve(request: Request) -> Response:
    """Reserve pieces of what the cache or the warehouse says is there."""
    order = await request.json()
    stock = await _stock(_cache(request.app.state.addresses["cache"]), request, order)
    log.info("stock reserved", sku=order["sku"], quantity=order["quantity"], left=stock.pieces)
    return JSONResponse({"reserved": order["quantity"], "estimated": stock.estimated})


async def _stock(kept: CacheClient, request: Request, order: dict[str, Any]) -> Stock:
    key = f"stock:{order['sku']}"
    known = await kept.get(key)
    if known is not None:
        log.debug("stock known from the cache", sku=order["sku"], pieces=int(known))
        return Stock(int(known))
    log.debug("stock not in the cache, asking external-wms", sku=order["sku"])
    stock = await _ask_warehouse(request.app.state.clients["external-wms"], order)
    await kept.set(key, str(stock.pieces))
    return stock


async def _ask_warehouse(warehouse: httpx.AsyncClient, order: dict[str, Any]) -> Stock:
    """Ask up to three times; then reserve by estimate rather than lose the order."""
    question = {"sku": order["sku"], "customer": order["customer"]}
    facts = {**question, "timeout_s": TIMEOUT_S}
    for attempt in range(1, ATTEMPTS + 1):
        log.debug("calling external-wms attempt %d/%d", attempt, ATTEMPTS, attempt=attempt, **facts)
        try:
            response = await warehouse.post("/stock", json=question, timeout=TIMEOUT_S)
        except httpx.TimeoutException:
            again = attempt < ATTEMPTS
            then = "retrying" if again else "giving up"
            log.warning("external-wms timed out after %.1f s, %s", TIMEOUT_S, then, attempt=attempt, **facts)
            await asyncio.sleep(PAUSE_S * attempt if again else 0)
        else:
            return Stock(response.raise_for_status().json()["pieces"])
    log.warning("external-wms gave no answer, reserving by estimate", pieces=ESTIMATE, **question)
    return Stock(ESTIMATE, estimated=True)


def set_up_logs() -> None:
    """Add the ids, then the level, then encode the line for the store and for stderr."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            tracelog.add_trace_context,
            structlog.processors.add_log_level,
            tracelog.StoreRenderer(service=SERVICE),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def main() -> None:
    """Run the service."""
    set_up_logs()
    telemetry.start_tracing(SERVICE)
    log.info("%s is up", SERVICE, attempts=ATTEMPTS, timeout_s=TIMEOUT_S)
    serve([Route("/reserve", reserve, methods=["POST"])], calls=["external-wms"])


if __name__ == "__main__":
    main()
