"""A service on gunicorn that crashes, and gunicorn's configuration of it: `-c python:crashing_wsgi`.

`bare` is as most are deployed, `app` has the middleware around it. gunicorn's loggers stay apart from the root.
"""

import sys
from collections.abc import Callable

from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware

import tracelog

tracelog.configure(service="shop", store="sqlite:tracelog.db", console=False)

bind, preload_app, control_socket_disable = "unix:server.sock", True, True
logconfig_dict = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "tracelog.JsonFormatter"}},
    "handlers": {"out": {"class": "logging.StreamHandler", "formatter": "json", "stream": "ext://sys.stdout"}},
    "root": {"level": "INFO", "handlers": []},
    "loggers": {
        "gunicorn.error": {"level": "INFO", "handlers": ["out"], "propagate": False},
        "gunicorn.access": {"level": "INFO", "handlers": ["out"], "propagate": False},
    },
}


def when_ready(_server: object) -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()


def crash(environ: dict[str, object], start_response: Callable[..., object]) -> list[bytes]:
    if environ["PATH_INFO"] == "/crash":
        raise LookupError("no price")
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]


bare = OpenTelemetryMiddleware(crash)
app = tracelog.CrashLineMiddleware(bare)
