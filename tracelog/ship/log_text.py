"""The document of a log record put together as text: what repeats from record to record is encoded once.

    {"@timestamp":"...","observed_timestamp":"..."      the times
    ,"severity_text":"INFO","resource":{...},...        the frame, which the records of one call share
    ,"trace_id":"...","span_id":"...","trace_flags":1   the ids, which the records of a span share
    ,"body":{"text":"placed"},"attributes":{            the message
    "code.file.path":"...",...,"items":3}}              the place, which is part of the frame, and the attributes

That is quicker than one object for all of it. What a document looks like is said by `schema.otel` alone: frame and ids
are cut from documents of its making, and what is not of the usual form (an exception, a body that is no text, the
mirror of a span event) is encoded by it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from tracelog.capture.context import Stamp
from tracelog.capture.record import EVENT, Said, read_record, read_said
from tracelog.capture.redact import Redactor
from tracelog.capture.stdlib import STAMP, stamp_of
from tracelog.model import SAMPLED
from tracelog.schema.lines import PLACE
from tracelog.schema.otel import Destination
from tracelog.schema.times import SECOND, quote_nanoseconds
from tracelog.ship.emit import UNSAMPLED, encode_entry

_encode = msgspec.json.Encoder().encode
_UNENCODABLE = (TypeError, ValueError, OverflowError, RecursionError)
_PLACE = frozenset(PLACE)
_OWN = ("@timestamp", "observed_timestamp", "body", "trace_id", "span_id", "trace_flags")
"""The fields of a document that are the record's own, or its span's."""
_MOST_FRAMES = 4096
_JUST_NOW = 1_000_000
"""How long after it was made a record may be read for both times to be the same, ns."""


class _Frame(NamedTuple):
    """What the records of one call share, as members of the document, and of its attributes."""

    members: bytes
    place: bytes


class LogText:
    """Makes the documents of one destination, under one resource; `redactor` hides what is secret in them."""

    def __init__(self, destination: Destination, resource: Mapping[str, Any], redactor: Redactor | None = None) -> None:
        self._destination, self._resource, self._redactor = destination, resource, redactor
        self._frames: dict[tuple[Any, ...], _Frame] = {}
        self._latest: tuple[Stamp | None, bytes] = (None, b"")

    def document(self, record: logging.LogRecord) -> bytes:
        """Return the document of a record. Raise what `encode_entry` raises."""
        held = record.__dict__
        stamp = held[STAMP] if STAMP in held else stamp_of(record)
        said = body, attributes, exception = read_said(record, stamp)
        if stamp is not None and not stamp.flags & SAMPLED:
            attributes[UNSAMPLED] = True
        if exception is not None or type(body) is not str or EVENT in held or not _PLACE.isdisjoint(attributes):
            return self._encoded(record, said)
        if self._redactor is not None:
            body, attributes, _ = self._redactor.said(*said)
        try:
            text, others = _encode(body), _encode(attributes)
        except _UNENCODABLE:
            return self._encoded(record, said)
        call = (held["levelname"], held["name"], held["lineno"], held["pathname"], held["funcName"], held["levelno"])
        frame = self._frames.get(call)
        members, place = frame or self._frame(call, record)
        known, ids = self._latest
        if known is not stamp:
            ids = self._ids(stamp, record)
        created, now = held["created"], time.time_ns()
        made = quote_nanoseconds(created)
        read = made if -_JUST_NOW < now - created * SECOND < _JUST_NOW else quote_nanoseconds(now / SECOND)
        return b'{"@timestamp":%b,"observed_timestamp":%b%b%b,"body":{"text":%b},"attributes":{%b%b}' % (
            made, read, members, ids, text, place, b",%b" % others[1:] if place and attributes else others[1:],
        )  # fmt: skip

    def _encoded(self, record: logging.LogRecord, said: Said) -> bytes:
        """Return the document of a record that is not of the usual form."""
        entry = read_record(record, self._resource, now=time.time_ns(), said=said)
        return encode_entry(entry if self._redactor is None else self._redactor(entry), self._destination).body

    def _frame(self, call: tuple[Any, ...], record: logging.LogRecord) -> _Frame:
        """Cut the frame of a call out of a document, and remember it."""
        document = self._bare(record)
        place = _members(document.pop("attributes", {}))
        frame = _Frame(_members({key: value for key, value in document.items() if key not in _OWN}), place[1:])
        if len(self._frames) >= _MOST_FRAMES:
            self._frames.clear()
        self._frames[call] = frame
        return frame

    def _ids(self, stamp: Stamp | None, record: logging.LogRecord) -> bytes:
        """Cut the ids of a span out of a document, and remember them."""
        document = self._bare(record) if stamp is not None else {}
        ids = _members({key: document[key] for key in _OWN[3:] if key in document})
        self._latest = (stamp, ids)
        return ids

    def _bare(self, record: logging.LogRecord) -> dict[str, Any]:
        """Return the document that a record would be if it said nothing."""
        document: dict[str, Any] = msgspec.json.decode(self._encoded(record, ("", {}, None)))
        return document


def _members(fields: Mapping[str, Any]) -> bytes:
    """Return the members of an object, each with its comma before it."""
    return b",%b" % _encode(fields)[1:-1] if fields else b""
