"""What emitters do that ship to a store: log on and on, fork, and end themselves at a point that the test names.

Each is for `spawn_emitter`; store, namespace and spool are found in the environment, which `shipping_env` makes. No
test runs here, for a process that is to die young should not load what tests need.
"""

from __future__ import annotations

import atexit
import inspect
import itertools
import logging
import logging.config
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import elasticsearch
from ship.stores import assert_balanced

import tracelog
from tracelog.ship import pipeline as pipeline_module
from tracelog.ship import senders as senders_module
from tracelog.ship.drain import AdoptedSpool
from tracelog.ship.folder import DestinationFolder, ProcessFolder
from tracelog.ship.segment import MemorySegment
from tracelog.ship.segment_files import MappedSegment
from tracelog.store.elasticsearch import ElasticsearchStore

from .emitter import Emitting

ENDLESS = 10**9
EVERYTHING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"names": {"format": "%(name)s: %(message)s"}},
    "handlers": {
        "store": {"class": "tracelog.StoreHandler"},
        "console": {"class": "logging.StreamHandler", "formatter": "names", "stream": "ext://sys.stdout"},
    },
    "root": {"level": "DEBUG", "handlers": ["store", "console"]},
}
LINES_OF_A_CHILD = LINES_OF_A_REQUEST = 5
SOCKET = "server.sock"
_HANGING_SECONDS = 60


class Point(NamedTuple):
    """Before or after a call of a method: the first, or a later one."""

    owner: type
    method: str
    time: int = 1
    is_after: bool = False


POINTS = {
    "mid claim": Point(Path, "rename"),
    "after claim": Point(DestinationFolder, "claim", is_after=True),
    "mid rotate": Point(MappedSegment, "create", 2),
    "after rotate": Point(MappedSegment, "create", 2, is_after=True),
    "before write": Point(MemorySegment, "append", 1500),
    "after write": Point(MemorySegment, "append", 1500, is_after=True),
    "before send": Point(ElasticsearchStore, "write", 2),
    "after send": Point(ElasticsearchStore, "write", 2, is_after=True),
    "before acknowledge": Point(MemorySegment, "settle", 2),
    "after acknowledge": Point(MemorySegment, "settle", 2, is_after=True),
    "after acknowledge, before unlink": Point(MappedSegment, "remove"),
    "after unlink": Point(MappedSegment, "remove", is_after=True),
    "at the end, before unlock": Point(ProcessFolder, "remove"),
}
"""Where an emitter may be killed."""

ADOPTING = {
    "mid adopt, before a look": Point(AdoptedSpool, "__init__"),
    "mid adopt, after a look": Point(AdoptedSpool, "__init__", is_after=True),
    "mid adopt, after send": Point(ElasticsearchStore, "write", is_after=True),
    "mid adopt, before the folder is deleted": Point(AdoptedSpool, "close"),
    "mid adopt, after the folder is deleted": Point(AdoptedSpool, "close", is_after=True),
}
"""Where one may be killed that adopts what another has left."""


def shipping_env(url: str, namespace: str) -> dict[str, str]:
    """Return what an emitter finds in its environment: the spools are those of the test."""
    return {
        "TRACELOG_STORE": url,
        "TRACELOG_NAMESPACE": namespace,
        "TRACELOG_SPOOL": os.environ["TRACELOG_SPOOL"],
        "OTEL_SERVICE_NAME": "shop",
    }


def make_logger() -> logging.Logger:
    logger = logging.getLogger("shop")
    logger.addHandler(tracelog.StoreHandler())
    logger.setLevel("INFO")
    return logger


def settle() -> None:
    """Wait until everything is stored, and hold the books against the equation."""
    assert tracelog.flush(60)
    for sender in senders_module._senders.values():
        assert_balanced(sender.stats)


def log_on(emitting: Emitting) -> None:
    """Log until the process is killed, or told to end, which it does at once."""
    logger = make_logger()

    def leave() -> None:
        if emitting.hear():
            os._exit(3)

    threading.Thread(target=leave, daemon=True).start()
    emitting.emit(logger.info, ENDLESS)


def log_some(emitting: Emitting) -> None:
    """Log so many lines, and end properly."""
    emitting.emit(make_logger().info, int(sys.argv[1]))


def log_at_the_end(emitting: Emitting) -> None:
    """Log, wait until it is stored, and log again: at once before the end, and while the process ends."""
    logger = make_logger()
    emitting.emit(logger.info)
    settle()
    atexit.register(emitting.emit, logger.info)
    emitting.emit(logger.info)


def log_after_the_end(emitting: Emitting) -> None:
    """Log, shut down, and log again, then and while the process ends."""
    logger = make_logger()
    emitting.emit(logger.info)
    tracelog.shutdown(60)
    atexit.register(emitting.emit, logger.info)
    emitting.emit(logger.info)


def log_everything_of_all(emitting: Emitting) -> None:
    """Log at DEBUG on the root, whose console is stdout; configure that again and again, and ask the store oneself."""
    for _ in range(3):
        logging.config.dictConfig(EVERYTHING)
        emitting.emit(logging.getLogger("shop").debug, 10)
        tracelog.flush(0.2)
    with elasticsearch.Elasticsearch(os.environ["TRACELOG_STORE"], max_retries=0) as client:
        logging.getLogger("shop").debug("asked: %s", client.ping())
    emitting.ready()
    emitting.hear()
    settle()


def log_beside_busy_threads(emitting: Emitting) -> None:
    """Log beside so many threads that are busy and never wait."""
    logger = make_logger()
    is_done = threading.Event()

    def spin() -> None:
        while not is_done.is_set():
            sum(range(1000))

    threads = [threading.Thread(target=spin) for _ in range(int(sys.argv[1]))]
    for thread in threads:
        thread.start()
    emitting.emit(logger.info, 1000)
    settle()
    is_done.set()
    for thread in threads:
        thread.join()


def log_until_a_point(emitting: Emitting) -> None:
    """Log, wait until all is stored, and end properly, unless a point of a given name comes before, so many times."""
    name, *times = sys.argv[1:]
    pipeline_module.BATCH = 500
    point = {**POINTS, **ADOPTING}[name]
    _arm(point._replace(time=int(times[0])) if times else point)
    emitting.emit(make_logger().info, 2000)
    settle()


def fork_under_load(emitting: Emitting) -> None:
    """Fork so many children, four at a time, while a thread logs; each logs too and ends, every other one at once."""
    logger = make_logger()
    is_done = threading.Event()

    def work() -> None:
        while not is_done.wait(0.0005):
            emitting.emit(logger.info)

    thread = threading.Thread(target=work)
    thread.start()
    numbers = iter(range(1, int(sys.argv[1]) + 1))
    while children := [_fork(emitting.lane(number), logger, number) for number in itertools.islice(numbers, 4)]:
        statuses = [os.waitpid(child, 0)[1] for child in children]
        if any(statuses):
            is_done.set()
            raise SystemExit(f"children ended with {statuses}")
    is_done.set()
    thread.join()
    settle()


def _fork(emitting: Emitting, logger: logging.Logger, number: int) -> int:
    child = os.fork()
    if child:
        return child
    signal.alarm(_HANGING_SECONDS)
    emitting.emit(logger.info, LINES_OF_A_CHILD)
    if number % 2:
        os._exit(0)
    sys.exit(0)


def _arm(point: Point) -> None:
    original: Callable[..., Any] = getattr(point.owner, point.method)
    calls = itertools.count(1)

    def armed(*arguments: Any, **options: Any) -> Any:
        is_now = next(calls) == point.time
        if is_now and not point.is_after:
            _die()
        result = original(*arguments, **options)
        if is_now:
            _die()
        return result

    is_bound = isinstance(inspect.getattr_static(point.owner, point.method), classmethod)
    setattr(point.owner, point.method, staticmethod(armed) if is_bound else armed)


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
