"""An emitter that is a gunicorn with `preload`, its configuration and its application: `-c python:<this module>`.

What ships is set up before the workers are forked; each of them serves a few requests, and makes room for the next.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from .emitter import Emitting
from .programs import LINES_OF_A_REQUEST, SOCKET, make_logger

bind, preload_app, control_socket_disable, accesslog = f"unix:{SOCKET}", True, True, None
workers, max_requests, loglevel = 3, 3, "error"

logger = make_logger()
emitting = Emitting.inherit()
logger.info("set up")  # the parent has a thread, a connection and a spool before it forks


def when_ready(_server: object) -> None:
    emitting.ready()


def post_fork(_server: object, worker: Any) -> None:
    """Give each worker a lane: its age is counted."""
    global emitting  # noqa: PLW0603 - one in each process
    emitting = emitting.lane(worker.age)


def application(_environ: dict[str, object], start_response: Callable[..., object]) -> list[bytes]:
    emitting.emit(logger.info, LINES_OF_A_REQUEST)
    body = str(os.getpid()).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
