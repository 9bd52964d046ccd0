"""The one step from an entry to the pipeline: encode it, whatever it holds, and hand it over."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from msgspec.structs import replace

from tracelog.capture.redact import Redactor
from tracelog.capture.values import scrub
from tracelog.keep.keeping import Keep
from tracelog.model import LEVELS, SAMPLED, LogEntry
from tracelog.schema.otel import Destination, Document, encode_log
from tracelog.ship.pipeline import Pipeline

UNSAMPLED = "tracelog.unsampled"
"""The attribute, true, of a stored line whose trace is not sampled: no spans are to be looked for."""
_WARNING = LEVELS["WARNING"]


def encode_entry(entry: LogEntry, destination: Destination) -> Document:
    """Return an entry as its document, whatever it holds."""
    try:
        return encode_log(entry, destination)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return encode_log(scrub(entry), destination)


def emit(
    pipeline: Pipeline,
    read: Callable[[], LogEntry],
    redactor: Redactor | None = None,
    keep: Keep | None = None,
    *,
    stored: bool = True,
) -> LogEntry | None:
    """Read an entry, hide its secrets and, if it is to be `stored`, put it on its way, if and when `keep` lets it.

    Return what was read; None, counted, where that is impossible.
    """
    try:
        entry = read()
        if redactor is not None:
            entry = redactor(entry)
        if not stored:
            return entry
        if keep is None:
            _put(pipeline, entry)
        else:
            keep.put_entry(entry, partial(_put_counted, pipeline))
    except Exception:  # noqa: BLE001 - a log call never raises into the application
        pipeline.unencodable += 1
        return None
    return entry


def _put(pipeline: Pipeline, entry: LogEntry) -> None:
    if entry.trace_flags is not None and not entry.trace_flags & SAMPLED:
        entry = replace(entry, attributes={**entry.attributes, UNSAMPLED: True})
    document = encode_entry(entry, pipeline.destination)
    pipeline.put(document, weight=(entry.severity_number or 0) >= _WARNING)


def _put_counted(pipeline: Pipeline, entry: LogEntry) -> None:
    """Do the same where nobody is there to catch what is raised."""
    try:
        _put(pipeline, entry)
    except Exception:  # noqa: BLE001 - what is let go of later never raises into the application either
        pipeline.unencodable += 1
