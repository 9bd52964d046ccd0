"""The record that stands where lines were lost, so that whoever reads the stream sees that some are missing."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress

import msgspec

from tracelog.model import LEVELS, LogEntry, service_of
from tracelog.resource import detect_resource
from tracelog.schema import times
from tracelog.schema.otel import LOGS, Destination, Document, decode_log, decode_span, encode_log
from tracelog.ship.spool import Loss
from tracelog.store.bulk import decode_record

EVENT = "tracelog.gap"
LOST, UNTIL = "tracelog.lost", "tracelog.lost.until"


def gap_document(loss: Loss, destination: Destination) -> Document:
    """Return a WARNING that says how many records are missing, at the time of the first, and why."""
    found, until = (record and origin_of(record) for record in (loss.first, loss.last))
    start, resource = found or (time.time_ns(), detect_resource())
    attributes: dict[str, object] = {LOST: loss.records}
    if until is not None:
        attributes[UNTIL] = times.format_iso(until[0])
    entry = LogEntry(
        id="",
        time=start,
        observed_time=time.time_ns(),
        body=f"{loss.records:,} {loss.what} are missing here: {loss.reason}",
        severity_number=LEVELS["WARNING"],
        severity_text="WARNING",
        logger="tracelog.spool",
        service=service_of(resource),
        attributes=attributes,
        resource=resource,
        event_name=EVENT,
    )
    return encode_log(entry, destination)


def origin_of(record: bytes) -> tuple[int, Mapping[str, object]] | None:
    """Return when a record was written, ns, and the resource of its process; None where it cannot be read."""
    with suppress(msgspec.MsgspecError, ValueError):
        document = decode_record(record)
        if document.stream == LOGS:
            entry = decode_log(document.body)
            return entry.time, entry.resource
        span = decode_span(document.body)
        return span.start, span.resource
    return None
