"""The stamp on every `logging.LogRecord`.

It is one private attribute, so that `extra={"trace_id": ...}` never collides. `install` stamps each record where
it is made, in the thread that logs, which is what survives queues; `TraceContextFilter` does the same for
one handler. A record that came out of a pickle or a queue is never stamped with the ids of whoever received it.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from typing import Any

from tracelog.capture.context import Stamp, current_stamp

STAMP = "_tracelog_stamp"
"""The record's attribute: a `Stamp`, or None where there was no span."""

_Factory = Callable[..., logging.LogRecord]


class _StampingFactory:
    """A record factory around the one before it. It is switched off, never unlinked: others may stand on it."""

    def __init__(self, previous: _Factory) -> None:
        self.previous = previous
        self.active = True

    def __call__(self, name: str | None, *args: Any, **kwargs: Any) -> logging.LogRecord:
        record = self.previous(name, *args, **kwargs)
        # logging.makeLogRecord builds its shell with the name None; what it revives was stamped elsewhere.
        if self.active and name is not None:
            setattr(record, STAMP, current_stamp())
        return record


_factories: list[_StampingFactory] = []


def install() -> None:
    """Stamp every record that this process makes from now on. Calling it again changes nothing."""
    for factory in _factories:
        factory.active = True
    probe = logging.getLogRecordFactory()("tracelog", logging.DEBUG, "", 0, "", (), None)
    if not hasattr(probe, STAMP):
        _factories.append(_StampingFactory(logging.getLogRecordFactory()))
        logging.setLogRecordFactory(_factories[-1])


def uninstall() -> None:
    """Stop stamping. Record factories that others installed since stay as they are."""
    for factory in _factories:
        factory.active = False


def stamp_of(record: logging.LogRecord) -> Stamp | None:
    """Return a record's stamp; an unstamped record that this thread has just made gets the active span's."""
    stamp: Stamp | None = record.__dict__.get(STAMP)
    if stamp is None and STAMP not in record.__dict__ and _made_here(record):
        stamp = current_stamp()
        setattr(record, STAMP, stamp)
    return stamp


def _made_here(record: logging.LogRecord) -> bool:
    return record.thread == threading.get_ident() and record.process in (None, os.getpid())


class TraceContextFilter(logging.Filter):
    """Stamp the records that pass one handler or logger, and give them `trace_id`, `span_id` and `trace_flags`.

    The attributes are hex text for `%(trace_id)s` and for formatters that print all extras. They are left out where
    there is no span, and never replace a value that the caller gave.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass, stamped."""
        stamp = stamp_of(record)
        if stamp is not None:
            for name, text in zip(("trace_id", "span_id", "trace_flags"), stamp.texts, strict=True):
                record.__dict__.setdefault(name, text)
        return True
