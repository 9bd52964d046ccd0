"""auth-service: whose token is this? Logs by plain `logging`; `tracelog.install` stamps every record."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

import tracelog
from tracelog.demo import telemetry
from tracelog.demo.serving import serve

if TYPE_CHECKING:
    from starlette.requests import Request

SERVICE = "auth-service"

log = logging.getLogger("shop.auth")


async def verify(request: Request) -> Response:
    """Answer with the subject of a token, which in this shop is what follows `demo-`."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    log.debug("verifying a %s token", scheme or "missing", extra={"length": len(token)})
    if scheme != "Bearer" or not token.startswith("demo-"):
        log.warning("token is not one of ours")
        return JSONResponse({"error": "unknown token"}, status_code=401)
    subject = token.removeprefix("demo-")
    log.info("token is valid", extra={"subject": subject, "scope": "checkout"})
    return JSONResponse({"subject": subject})


def set_up_logs() -> None:
    """One handler on the root logger, and stamps on every record."""
    tracelog.install()
    logging.basicConfig(level=logging.INFO, handlers=[tracelog.StoreHandler(service=SERVICE)])
    log.setLevel(logging.DEBUG)


def main() -> None:
    """Run the service."""
    set_up_logs()
    telemetry.start_tracing(SERVICE)
    log.info("%s is up", SERVICE)
    serve([Route("/verify", verify)])


if __name__ == "__main__":
    main()
