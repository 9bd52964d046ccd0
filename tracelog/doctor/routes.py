"""Every handler of the process, with the logger that owns it, and what stands behind queues and buffers."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from logging.handlers import MemoryHandler, QueueHandler, QueueListener

from tracelog.capture.values import safe_text

_DEEPEST = 4
"""How many queues may stand behind each other; more is a circle."""


@dataclass(frozen=True, slots=True)
class Route:
    """From a logger through its handler, and perhaps a queue, to the handler that writes.

    expression: Python for each of `handlers`; the last is the one that writes.
    """

    logger: logging.Logger
    handlers: tuple[logging.Handler, ...]
    expressions: tuple[str, ...]

    @property
    def attached(self) -> logging.Handler:
        """The handler that the logger calls, in the thread that logs."""
        return self.handlers[0]

    @property
    def last(self) -> logging.Handler:
        """The handler that writes."""
        return self.handlers[-1]

    @property
    def description(self) -> str:
        """The handlers, by the names that dictConfig gave them, with their class and target."""
        return " -> ".join(describe(handler) for handler in self.handlers)


def describe(handler: logging.Handler) -> str:
    """Return a handler's name, if it has one, and its repr."""
    said = safe_text(handler)
    return f"{handler.name} {said}" if handler.name else said


def all_loggers() -> list[logging.Logger]:
    """Return the root logger and all others by name."""
    known = logging.Logger.manager.loggerDict
    named = [logger for _, logger in sorted(known.items()) if isinstance(logger, logging.Logger)]
    return [logging.getLogger(), *named]


def logger_expression(logger: logging.Logger) -> str:
    """Return Python for a logger."""
    return "logging.getLogger()" if logger is logging.getLogger() else f"logging.getLogger({logger.name!r})"


def find_routes() -> list[Route]:
    """Return each handler once; `logging.lastResort` where the root has none."""
    routes: list[Route] = []
    for logger in all_loggers():
        seen = {id(route.attached) for route in routes}
        routes += [route for route in routes_of(logger) if id(route.attached) not in seen]
    root = logging.getLogger()
    if not root.handlers and logging.lastResort is not None:
        routes.insert(0, Route(root, (logging.lastResort,), ("logging.lastResort",)))
    return routes


def routes_of(logger: logging.Logger) -> list[Route]:
    """Return the routes through a logger's own handlers; those that do nothing are left out."""
    return [
        Route(logger, *chain)
        for place, handler in enumerate(logger.handlers)
        if not isinstance(handler, logging.NullHandler)
        for chain in _follow((handler,), (f"{logger_expression(logger)}.handlers[{place}]",))
    ]


def _follow(
    handlers: tuple[logging.Handler, ...], expressions: tuple[str, ...]
) -> Iterator[tuple[tuple[logging.Handler, ...], tuple[str, ...]]]:
    behind = list(_behind(handlers[-1], expressions[-1])) if len(handlers) < _DEEPEST else []
    if not behind:
        yield handlers, expressions
    for handler, expression in behind:
        yield from _follow((*handlers, handler), (*expressions, expression))


def _behind(handler: logging.Handler, expression: str) -> Iterator[tuple[logging.Handler, str]]:
    if isinstance(handler, MemoryHandler) and handler.target is not None:
        yield handler.target, f"{expression}.target"
    if isinstance(handler, QueueHandler):
        for listener in listeners(handler):
            known = getattr(handler, "listener", None) is listener
            for place, behind in enumerate(listener.handlers):
                yield behind, f"{expression}.listener.handlers[{place}]" if known else f"listener.handlers[{place}]"


def listeners(handler: QueueHandler) -> list[QueueListener]:
    """Return who listens to a handler's queue: what dictConfig noted there (3.12), else any that exists."""
    noted = getattr(handler, "listener", None)
    if isinstance(noted, QueueListener):
        return [noted]
    # By type, not isinstance: that would ask proxies, which may be bound to nothing.
    alive = [each for each in gc.get_objects() if issubclass(type(each), QueueListener)]
    return [each for each in alive if each.queue is handler.queue]
