"""What a sender's own threads do is no part of the application: neither logged nor traced into what they send.

What the garbage collector runs in them is: it picks the thread that happens to allocate, and a finaliser that logs, or
ends a span, is the application's in whichever that is.
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from threading import get_ident

_CLIENTS = ("elastic_transport", "elasticsearch", "urllib3")
_threads: set[int] = set()
"""Those that send, by their ident: quicker to ask than a `threading.local`."""
_collecting: set[int] = set()
"""Those that would send, and collect garbage just now."""


def is_sending() -> bool:
    """Say whether this thread is a sender's, whose log lines and spans must not be shipped."""
    return get_ident() in _threads


@contextmanager
def sending() -> Iterator[None]:
    """Make this thread one that sends, and tell instrumentations (SQLite, urllib3) to leave it alone."""
    from opentelemetry import context
    from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY

    if _lend not in gc.callbacks:
        gc.callbacks.append(_lend)
    _threads.add(get_ident())
    context.attach(context.set_value(_SUPPRESS_INSTRUMENTATION_KEY, value=True))
    try:
        yield
    finally:
        _threads.discard(get_ident())


def _lend(phase: str, _: dict[str, int]) -> None:
    """Lend a thread to the application while it collects garbage."""
    thread = get_ident()
    lender, borrower = (_threads, _collecting) if phase == "start" else (_collecting, _threads)
    if thread in lender:
        lender.discard(thread)
        borrower.add(thread)


def forget_threads() -> None:
    """Forget, in a forked child, who sends: they are the parent's."""
    _threads.clear()
    _collecting.clear()


def quieten_clients() -> None:
    """Keep what clients log of a sender's own requests from all handlers: a line for each try would be noise."""
    for name, logger in tuple(logging.root.manager.loggerDict.items()):
        if name.partition(".")[0] in _CLIENTS and isinstance(logger, logging.Logger):
            logger.addFilter(_is_of_application)


def _is_of_application(_record: logging.LogRecord) -> bool:
    return not is_sending()
