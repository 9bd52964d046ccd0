"""api-gateway: where a checkout comes in. Logs and traces are set up by one call, `tracelog.configure`."""

from __future__ import annotations

import logging
from time import perf_counter
from typing import TYPE_CHECKING
from uuid import uuid4

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

import tracelog
from tracelog.demo import telemetry
from tracelog.demo.serving import serve

if TYPE_CHECKING:
    from starlette.requests import Request

BUDGET_S = 1.0

log = logging.getLogger("shop.gateway")


async def place_order(request: Request) -> Response:
    """Check who is asking, then hand the order on."""
    order_id = request.headers.get("x-order-id") or f"ord-{uuid4().hex[:8]}"
    with telemetry.checkout(order_id):
        started = perf_counter()
        order = await request.json()
        log.info("checkout received", extra={"customer": order["customer"], "sku": order["sku"]})
        response = await _verify_and_place(request, {**order, "order_id": order_id})
        _report(perf_counter() - started, response.status_code)
        return response


async def _verify_and_place(request: Request, order: dict[str, object]) -> Response:
    clients = request.app.state.clients
    token = {"authorization": request.headers.get("authorization", "")}
    verified = await clients["auth-service"].get("/verify", headers=token)
    if verified.is_error:
        log.warning("token refused", extra={"status": verified.status_code})
        return JSONResponse({"error": "not signed in"}, status_code=401)
    log.debug("token accepted", extra={"subject": verified.json()["subject"]})
    placed = await clients["orders-service"].post("/orders", json=order)
    return JSONResponse(placed.json(), status_code=placed.status_code)


def _report(took: float, status: int) -> None:
    facts = {"status": status, "took_ms": round(took * 1000, 1)}
    if took > BUDGET_S:
        log.warning("checkout took %.1f s, the budget is %.1f s", took, BUDGET_S, extra=facts)
    else:
        log.info("checkout answered with %d", status, extra=facts)


def main() -> None:
    """Run the service."""
    tracelog.configure(service="api-gateway", level="DEBUG", console=False)
    telemetry.mark_orders()
    log.info("api-gateway is up", extra={"budget_s": BUDGET_S})
    serve([Route("/orders", place_order, methods=["POST"])], calls=["auth-service", "orders-service"])


if __name__ == "__main__":
    main()
