"""The one step from an entry to the pipeline: encode it, whatever it holds, and hand it over."""

from __future__ import annotations

from collections.abc import Callable

from tracelog.capture.redact import Redactor
from tracelog.capture.values import scrub
from tracelog.model import LogEntry
from tracelog.schema.otel import encode_log
from tracelog.ship.pipeline import Pipeline


def emit(pipeline: Pipeline, read: Callable[[str], LogEntry], redactor: Redactor | None = None) -> LogEntry | None:
    """Read an entry under a new id, hide its secrets, encode it and put it on its way.

    Return what was put; None, counted, where that is impossible.
    """
    try:
        entry = read(pipeline.next_id())
        if redactor is not None:
            entry = redactor(entry)
        try:
            document = encode_log(entry, pipeline.destination)
        except (TypeError, ValueError, OverflowError, RecursionError):
            document = encode_log(scrub(entry), pipeline.destination)
    except Exception:  # noqa: BLE001 - a log call never raises into the application
        pipeline.encode_errors += 1
        return None
    pipeline.put(document)
    return entry
