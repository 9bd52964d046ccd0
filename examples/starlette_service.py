"""A Starlette service: one call sets up logs and spans; the standard instrumentation makes the server spans."""

import asyncio
import logging

import httpx
from opentelemetry.instrumentation.starlette import StarletteInstrumentor
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

import tracelog

tracelog.configure(service="checkout", store="sqlite:tracelog.db", console=False)
log = logging.getLogger("checkout")


async def place_order(request: Request) -> JSONResponse:
    order = await request.json()
    log.info("order received", extra={"order.id": order["id"]})
    return JSONResponse({"placed": order["id"]})


app = Starlette(routes=[Route("/orders", place_order, methods=["POST"])])
StarletteInstrumentor.instrument_app(app)


async def place_one() -> None:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://checkout") as client:
        print((await client.post("/orders", json={"id": "A-1234"})).json())


if __name__ == "__main__":  # for real: uvicorn starlette_service:app
    asyncio.run(place_one())
    tracelog.flush()
    with tracelog.open_store("sqlite:tracelog.db") as store:
        trace = store.trace("A-1234")
        for node in trace.nodes:
            print("  " * node.depth + node.span.name, [line.message for line in node.logs])
