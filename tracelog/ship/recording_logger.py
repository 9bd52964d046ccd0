"""structlog's filtering bound logger that records what it filters out, for the traces that turn out to matter.

    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            tracelog.StoreRenderer(keep=tracelog.Keep("policies.yaml")),
        ],
        wrapper_class=tracelog.make_recording_bound_logger("INFO"),
        cache_logger_on_first_use=True,
    )

What is below the level passes no processor: the event, the bound context and structlog's context variables are held as
they are, and rendered only if their trace is kept. All else is structlog's own.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import structlog
from structlog.typing import FilteringBoundLogger

from tracelog.capture.bound_logger import merge_variables
from tracelog.capture.stdlib import level_number
from tracelog.model import LEVELS
from tracelog.ship.renderer import StoreRenderer

_METHODS = {"debug": logging.DEBUG, "info": logging.INFO}


def make_recording_bound_logger(min_level: int | str) -> type[FilteringBoundLogger]:
    """Return a class of structlog's bound loggers that log from a level on, and record what is below.

    It is for `structlog.configure(wrapper_class=...)` where the last processor is a `StoreRenderer` with a `keep`; at
    most INFO is recorded, for lines at WARNING and above never wait. Takes what `structlog.make_filtering_bound_logger`
    takes. Raise ConfigurationError for a level that is none.
    """
    level = level_number(min_level)
    made: Any = structlog.make_filtering_bound_logger(level)
    methods = {name: _recording(name, LEVELS[name.upper()]) for name, number in _METHODS.items() if number < level}
    return type(f"Recording{made.__name__}", (made,), methods)


def _recording(name: str, severity: int) -> Callable[..., None]:
    def method(self: Any, event: str, *args: Any, **event_kw: Any) -> None:
        renderer = self._processors[-1]
        if type(renderer) is StoreRenderer:
            said = {**self._context, **event_kw}
            merge_variables(said)
            renderer.record(name, severity, event, args, said)

    method.__name__ = name
    return method
