"""A service on uvicorn that crashes: `bare` as most are deployed, `app` with the middleware around it.

`LOGGING` is uvicorn's own configuration, its loggers apart from the root (`propagate: False`), but for the formatter.
"""

import copy
import json
from pathlib import Path
from typing import Any

from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from uvicorn.config import LOGGING_CONFIG

import tracelog

tracelog.configure(service="shop", store="sqlite:tracelog.db", console=False)

LOGGING: dict[str, Any] = copy.deepcopy(LOGGING_CONFIG)
LOGGING["formatters"] = {name: {"()": "tracelog.JsonFormatter"} for name in LOGGING["formatters"]}
for handler in LOGGING["handlers"].values():
    handler["stream"] = "ext://sys.stdout"


async def crash(scope: object, receive: object, send: object) -> None:
    raise LookupError("no price")


bare = OpenTelemetryMiddleware(crash)
app = tracelog.CrashLineMiddleware(bare)

if __name__ == "__main__":
    Path("logging.json").write_text(json.dumps(LOGGING))
