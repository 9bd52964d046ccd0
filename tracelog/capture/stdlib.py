"""The stamp on every `logging.LogRecord`.

It is one private attribute, so that `extra={"trace_id": ...}` never collides. `install` stamps each record where
it is made, in the thread that logs, which is what survives queues; `TraceContextFilter` does the same for
one handler. A record that came out of a pickle or a queue is never stamped with the ids of whoever received it.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any

from tracelog import ids
from tracelog.capture import baggage, crash_lines
from tracelog.capture.context import Stamp, current_stamp
from tracelog.errors import ConfigurationError

BAGGAGE = "_tracelog_baggage"
"""The record's attribute: what the baggage held under the allowed keys."""
ID_NAMES = ("trace_id", "span_id", "trace_flags")
STAMP = "_tracelog_stamp"
"""The record's attribute: a `Stamp`, or None where there was no span."""

_HANDLE = logging.Logger.handle.__code__
_Factory = Callable[..., logging.LogRecord]


class Placeholder(str):
    """What stands for an id where there is none, for a `fmt` that cannot do without: no value to be kept."""

    __slots__ = ()


class _Switch:
    """Turns stamping on and off for every factory of ours, wherever it stands among those of others."""

    active = False


def _stamping(previous: _Factory) -> _Factory:
    """Return a record factory around the one before it. It is switched off, never unlinked: others stand on it."""

    def make_record(  # noqa: PLR0917 - LogRecord's own parameters, spelled out: passing *args on costs a tenth of a record
        name: str | None, level: Any, pathname: Any, lineno: Any, msg: Any, args: Any, exc_info: Any,
        func: Any = None, sinfo: Any = None, **kwargs: Any,
    ) -> logging.LogRecord:  # fmt: skip
        record = previous(name, level, pathname, lineno, msg, args, exc_info, func, sinfo, **kwargs)
        # logging.makeLogRecord builds its shell with the name None; what it revives was stamped elsewhere.
        if name is not None and _Switch.active:
            record.__dict__[STAMP] = stamp = current_stamp()
            if baggage.allowed:
                record.__dict__[BAGGAGE] = baggage.current_baggage()
            if stamp is None and (exc_info or crash_lines.in_use):
                record.__dict__[STAMP] = stamp = crash_lines.late_stamp(name, exc_info)
            if exc_info and stamp is not None:
                _note_exception(stamp, exc_info)
        return record

    return make_record


def _note_exception(stamp: Stamp, info: Any) -> None:
    """Remember what was logged in which span, so that the span's own `exception` event is not logged again."""
    from tracelog.capture.exceptions import note_logged

    note_logged(stamp.texts[1], info)


def install(*, baggage_keys: Iterable[str] | None = None) -> None:
    """Stamp every record that this process makes from now on. Calling it again changes nothing.

    `baggage_keys` names the keys of the active baggage that every line gets as attributes; None leaves them as they
    are.
    """
    _Switch.active = True
    if baggage_keys is not None:
        baggage.allow(baggage_keys)
    probe = logging.getLogRecordFactory()("tracelog", logging.DEBUG, "", 0, "", (), None)
    if STAMP not in probe.__dict__:
        logging.setLogRecordFactory(_stamping(logging.getLogRecordFactory()))


def uninstall() -> None:
    """Stop stamping. Record factories that others installed since stay as they are."""
    _Switch.active = False


def stamp_of(record: logging.LogRecord) -> Stamp | None:
    """Return a record's stamp; an unstamped record that this thread has just made gets the active span's."""
    held = record.__dict__
    if STAMP in held:
        stamp: Stamp | None = held[STAMP]
        return _patched_stamp(held["extra"]) if stamp is None and "extra" in held else stamp
    if not _made_here(record):
        return None
    held[STAMP] = current_stamp() or crash_lines.late_stamp(record.name or "", record.exc_info)
    return stamp_of(record)


def _patched_stamp(extra: Any) -> Stamp | None:
    """Return the ids that a patcher put into loguru's `extra` in the thread that logged; the sink may be in another."""
    if not isinstance(extra, dict):
        return None
    trace_id, span_id = ids.trace_id(extra.get("trace_id")), ids.span_id(extra.get("span_id"))
    if trace_id is None or span_id is None:
        return None
    flags = extra.get("trace_flags")
    return Stamp(int(trace_id, 16), int(span_id, 16), 1 if flags == "01" else 0)


def _made_here(record: logging.LogRecord) -> bool:
    mine = record.thread == threading.get_ident() and record.process in (None, os.getpid())
    return mine and not _was_kept(record)


def _was_kept(record: logging.LogRecord) -> bool:
    """Tell whether the call that is being logged now is another one: a `MemoryHandler` hands on what it kept."""
    frame = sys._getframe(2)  # noqa: SLF001 - the one way to it that takes no more than a microsecond
    while frame.f_code is not _HANDLE:
        if frame.f_back is None:
            return False  # no logger is at it: somebody calls the handler
        frame = frame.f_back
    handled = frame.f_locals.get("record")
    return isinstance(handled, logging.LogRecord) and handled.created != record.created  # which copies share


def level_number(level: int | str) -> int:
    """Return a level as a number; a name may be in any case. Raise ConfigurationError for what is none."""
    number = logging.getLevelName(level.upper()) if isinstance(level, str) else level
    if not isinstance(number, int):
        raise ConfigurationError(f"unknown level {level!r} (expected for example INFO)")
    return number


class TraceContextFilter(logging.Filter):
    """Stamp the records that pass one handler or logger, and give them `trace_id`, `span_id` and `trace_flags`.

    The attributes are hex text for `%(trace_id)s` and for formatters that print all extras. They never replace a value
    that the caller gave. Where there is no span they are left out or, with a `default`, hold that: a plain
    `logging.Formatter` with `%(trace_id)s` cannot do without, and `default="-"` is for it.
    """

    def __init__(self, name: str = "", *, default: str | None = None) -> None:
        super().__init__(name)
        self._default = None if default is None else (Placeholder(default),) * len(ID_NAMES)

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass, stamped; a `name`, as for every logging.Filter, restricts which are stamped."""
        stamp = stamp_of(record)
        texts = stamp.texts if stamp is not None else self._default
        if texts is not None and super().filter(record):
            for name, text in zip(ID_NAMES, texts, strict=True):
                record.__dict__.setdefault(name, text)
        return True
