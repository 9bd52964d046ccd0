"""uvicorn: traceback and access line of a crash are written after the span has ended, and carry its ids all the same.

The loggers of uvicorn reach the store because `log_config=None` leaves them to the root logger. The first argument
is one of uvicorn's HTTP implementations: auto, h11 or httptools.
"""

import socket
import sys
import threading

import httpx
import uvicorn
from opentelemetry.instrumentation.starlette import StarletteInstrumentor
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

import tracelog

tracelog.configure(service="checkout", store="sqlite:tracelog.db", console=False)


async def place_order(request: Request) -> Response:
    raise LookupError(f"no price for order {request.query_params['id']}")


service = Starlette(routes=[Route("/orders", place_order)])
StarletteInstrumentor.instrument_app(service)
app = tracelog.CrashLineMiddleware(service)  # outermost, so last

if __name__ == "__main__":
    http = sys.argv[1] if len(sys.argv) > 1 else "auto"
    server = uvicorn.Server(uvicorn.Config(app, http=http, ws="none", lifespan="off", log_config=None))
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    print(httpx.get(f"http://127.0.0.1:{listener.getsockname()[1]}/orders?id=A-1234").status_code)
    server.should_exit = True
    thread.join()
    tracelog.flush()
    with tracelog.open_store("sqlite:tracelog.db") as store:
        trace = next(store.trace(span.trace_id) for span in store.spans(kind="SERVER"))
        for line in trace.logs:
            after_end = line.attributes.get("tracelog.after_end", False)
            print(line.logger, line.message.strip().partition(" - ")[2] or line.message.strip(), after_end)
