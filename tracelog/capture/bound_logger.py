"""structlog's filtering bound logger, with merge, rendering and write fused into one step.

    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, tracelog.JsonRenderer(as_bytes=True)],
        wrapper_class=tracelog.make_json_bound_logger("INFO"),
        logger_factory=structlog.BytesLoggerFactory(),
        cache_logger_on_first_use=True,
    )

It writes the lines that structlog's own class would write, for less of the time. Only this chain is fused, with or
without `merge_contextvars`. Where there are more processors, a subclass of the renderer, a context that is no dict, or
loggers of `logging` below, a service gets structlog's own class. And each call looks at its chain again, for structlog
changes chains in place (`structlog.testing.capture_logs`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import structlog
from structlog.contextvars import STRUCTLOG_KEY_PREFIX, merge_contextvars
from structlog.typing import FilteringBoundLogger

from tracelog.capture.json_renderer import JsonRenderer

_LEVELS = (logging.NOTSET, logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL)
_METHODS = ("debug", "info", "warning", "error", "critical")
_ALIASES = ("msg", "warn", "fatal")

_variables: dict[str, ContextVar[Any]] | None = getattr(structlog.contextvars, "_CONTEXT_VARS", None)
"""The variables that `structlog.contextvars.bind_contextvars` has made, by name."""


def make_json_bound_logger(min_level: int | str) -> type[FilteringBoundLogger]:
    """Return a class of structlog's bound loggers that write a line of JSON in one step, from a level on.

    It is for `structlog.configure(wrapper_class=...)` where `JsonRenderer` renders, and takes what
    `structlog.make_filtering_bound_logger` takes.
    """
    return _classes[logging.getLevelName(min_level.upper()) if isinstance(min_level, str) else min_level]


class _Fused:
    """What stands before structlog's class; `_fuse` adds the methods."""

    _unfused: type[Any]
    _logger: Any
    _processors: Any
    _context: Any

    def __new__(cls, logger: Any = None, processors: Any = None, context: Any = None) -> Any:
        """Make a logger: of structlog's class where nothing can be fused, so that no frame of ours is in its calls."""
        can_be_fused = (
            _renderer_of(processors) is not None and type(context) is dict and not isinstance(logger, logging.Logger)
        )
        is_new = processors is not None  # a copy is made empty, and gets its state afterwards
        if is_new and not can_be_fused and "_unfused" in vars(cls):  # else a subclass, with methods of its own
            return cls._unfused(logger, processors, context)
        return super().__new__(cls)

    def _write(self, method_name: str, event: str | None, event_kw: dict[str, Any]) -> Any:
        """Do what structlog's `_proxy_to_logger` does."""
        renderer = _renderer_of(self._processors)
        if renderer is None or event is None:
            return self._unfused._proxy_to_logger(self, method_name, event, **event_kw)  # noqa: SLF001 - made for subclasses
        said = {**self._context, **event_kw}
        if len(self._processors) > 1:
            merge_variables(said)
        said.pop("event", None)
        return getattr(self._logger, method_name)(renderer.render(self._logger, method_name, event, said))

    def _proxy_to_logger(self, method_name: str, event: str | None = None, **event_kw: Any) -> Any:
        return self._write(method_name, event, event_kw)


def _renderer_of(processors: Any) -> JsonRenderer | None:
    """Return the renderer of a chain that can be fused, else None."""
    match processors:
        case [first, renderer] if first is merge_contextvars and type(renderer) is JsonRenderer:
            return renderer
        case [renderer] if type(renderer) is JsonRenderer:
            return renderer
    return None


def merge_variables(said: dict[str, Any]) -> None:
    """Do what `merge_contextvars` does, but look at structlog's own variables alone, not at all that there are."""
    if _variables is None:
        merge_contextvars(None, "", said)
    elif _variables:
        for name, variable in [*_variables.items()]:
            value = variable.get(...)
            if value is not ...:
                said.setdefault(name[len(STRUCTLOG_KEY_PREFIX) :], value)


def _fuse(unfused: Any) -> Any:
    """Return structlog's class with those methods fused that log; what is disabled does nothing, and stays."""
    found = {name: getattr(unfused, name) for name in (*_METHODS, *_ALIASES)}
    methods = {name: _fused_method(method) for name, method in found.items() if method.__name__ in _METHODS}
    return type(f"Json{unfused.__name__}", (_Fused, unfused), {**methods, "_unfused": unfused})


def _fused_method(unfused: Callable[..., Any]) -> Callable[..., Any]:
    name = unfused.__name__  # of an alias too: `warn` logs as `warning`

    def method(self: _Fused, event: str, *args: Any, **event_kw: Any) -> Any:
        if args:  # structlog puts them into the event
            return unfused(self, event, *args, **event_kw)
        return self._write(name, event, event_kw)

    method.__name__ = name
    return method


_classes: dict[int, type[FilteringBoundLogger]] = {
    level: _fuse(structlog.make_filtering_bound_logger(level)) for level in _LEVELS
}
globals().update({each.__name__: each for each in _classes.values()})  # where pickle looks for them
