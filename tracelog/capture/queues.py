"""The queue handler that loses nothing of a record: its ids, and its exception as a structure.

The standard one formats the exception into the message and drops it, for a traceback cannot be pickled. This one takes
the exception's type, message and stack as text before the queue, where every formatter of tracelog finds them on
the other side; other formatters find `exc_text`. Ids need no help: the stamp travels with the record, through the
standard queue handler too.
"""

from __future__ import annotations

import copy
import logging
import logging.handlers

from tracelog.capture.exceptions import from_exc_info
from tracelog.capture.record import EXCEPTION, read_said
from tracelog.capture.stdlib import stamp_of
from tracelog.capture.values import clean


class QueueHandler(logging.handlers.QueueHandler):
    """Put records on a queue, stamped, with their message made and their exception taken. Works with any listener."""

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """Return a copy that can be pickled, whatever the arguments and extras were."""
        return prepared(record)


def prepared(record: logging.LogRecord) -> logging.LogRecord:
    """Return a copy, stamped, that says later and elsewhere what the record says here and now."""
    stamp = stamp_of(record)
    copied = copy.copy(record)
    if not isinstance(record.msg, dict):
        body, attributes, _ = read_said(record, stamp)
        copied.msg, copied.args = body, None
        copied.message = body
        copied.__dict__.update(attributes)
    else:
        copied.msg, copied.args = clean(record.msg), None
    copied.exc_info = None
    exception = from_exc_info(record.exc_info)
    if exception is not None:
        copied.__dict__[EXCEPTION] = exception
        copied.exc_text = (exception.stacktrace or "").rstrip("\n")
    return copied
