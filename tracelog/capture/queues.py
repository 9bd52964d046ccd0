"""The queue handler that loses nothing of a record: its ids, and its exception as a structure.

The standard one formats the exception into the message and drops it, for a traceback cannot be pickled. This one takes
the exception's type, message and stack as text before the queue, where every formatter of tracelog finds them on
the other side; other formatters find `exc_text` and, on a queue within the process, the traceback itself. Ids need no
help: the stamp travels with the record, through the standard queue handler too.
"""

from __future__ import annotations

import copy
import logging
import logging.handlers
import queue

from tracelog.capture.exceptions import exc_info_of, from_exc_info, take_exc_info
from tracelog.capture.record import EXCEPTION, RESERVED, dict_of, read_said
from tracelog.capture.stdlib import Placeholder, stamp_of
from tracelog.capture.values import clean, safe_text


class QueueHandler(logging.handlers.QueueHandler):
    """Put records on a queue, stamped, with their message made and their exception taken. Works with any listener."""

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """Return a copy that can be pickled, whatever the arguments and extras were.

        On a queue within the process it keeps its traceback, which structlog's `ProcessorFormatter` asks for.
        """
        copied = prepared(record)
        if isinstance(self.queue, (queue.Queue, queue.SimpleQueue)):
            copied.exc_info = record.exc_info
            info = exc_info_of(record.msg.get("exc_info")) if isinstance(record.msg, dict) else None
            if info is not None and info[1] is not None and isinstance(copied.msg, dict):
                copied.msg["exc_info"] = info
        return copied


def prepared(record: logging.LogRecord) -> logging.LogRecord:
    """Return a copy, stamped, that says later and elsewhere what the record says here and now."""
    stamp = stamp_of(record)
    copied = copy.copy(record)
    held = copied.__dict__
    for key in [*held]:
        if key not in RESERVED:
            value = held.pop(key)
            held[safe_text(key)] = value if type(value) is Placeholder else clean(value)
    exception = from_exc_info(record.exc_info)
    if isinstance(record.msg, dict):
        said = dict_of(record.msg)
        taken = take_exc_info(said)
        exception = exception or taken
        copied.msg = clean(said)
    else:
        body, attributes, _ = read_said(record, stamp)
        copied.msg = copied.message = body
        held.update((key, value) for key, value in attributes.items() if key not in RESERVED)
    copied.args = copied.exc_info = None
    if exception is not None:
        held[EXCEPTION] = exception
        copied.exc_text = (exception.stacktrace or exception.type or "").rstrip("\n")
    return copied
