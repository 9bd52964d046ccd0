"""A line of JSON put together as text: what repeats from line to line is encoded once.

    {"timestamp":"2026-04-19T14:23:01.200000Z"        the time
    ,"level":"INFO","message":                        the frame, which level and logger share: its first half
    "placed"                                          the message
    ,"logger":"shop","service.name":"shop"            the second half
    ,"trace_id":"...","span_id":"..."                 the ids, which the lines of a span share
    ,"items":3}                                       the attributes

That is quicker than one dict for all of it. What a line looks like is said by `LineSchema` alone: the parts are cut
from lines of its making, and a line that is not of the usual form is encoded from its fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from tracelog.capture.context import Stamp
from tracelog.capture.values import clean_attributes, scrub
from tracelog.schema.lines import Ids, LineSchema
from tracelog.schema.times import format_created, quote_created

_encode = msgspec.json.Encoder().encode
_UNENCODABLE = (TypeError, ValueError, OverflowError, RecursionError)
_MOST_REMEMBERED = 1024
_Key = TypeVar("_Key")
_Part = TypeVar("_Part")


def encode_line_bytes(fields: Mapping[str, Any]) -> bytes:
    """Return fields as one line of JSON in UTF-8, whatever they hold."""
    try:
        return _encode(fields)
    except _UNENCODABLE:
        return _encode(scrub(clean_attributes(fields)))


def encode_line(fields: Mapping[str, Any]) -> str:
    """Return fields as one line of JSON, whatever they hold."""
    return encode_line_bytes(fields).decode()


class LineText:
    """Put together the lines of one schema and one service."""

    def __init__(self, schema: LineSchema, service: str) -> None:
        self._schema = schema
        self._service = service
        self._begin = f'{{"{schema.time}":'
        self._frames: dict[tuple[str | None, str | None], tuple[str, str]] = {}
        self._ids: dict[Ids, str] = {}
        self._latest: tuple[Stamp | None, str] = (None, "")

    def line(  # noqa: PLR0917 - for every line, and keywords cost
        self,
        created: float,
        level: str | None,
        logger: str | None,
        message: Any,
        stamp: Stamp | None,
        attributes: Mapping[str, Any],
    ) -> str:
        """Return a line without an exception. `created`: s since the epoch; message and attributes are clean."""
        if type(message) is not str or not self._schema.reserved.isdisjoint(attributes):
            ids = None if stamp is None else stamp.texts
            fields = self._schema.fields(
                format_created(created), level, logger, message, self._service, ids=ids, attributes=attributes
            )
            return encode_line(fields)
        try:
            said, others = _encode(message), _encode(attributes)
        except _UNENCODABLE:
            said, others = _encode(scrub(message)), encode_line_bytes(attributes)
        try:
            before, behind = self._frames[level, logger]
        except KeyError:
            before, behind = self._frame(level, logger)
        known, ids_text = self._latest
        if known is not stamp:
            ids_text = self._spell(stamp)
        end = f",{others.decode()[1:]}" if attributes else "}"
        return f"{self._begin}{quote_created(created)}{before}{said.decode()}{behind}{ids_text}{end}"

    def _frame(self, level: str | None, logger: str | None) -> tuple[str, str]:
        """Make a frame from a line without time and message, and remember it."""
        fields = [*self._schema.fields("", level, logger, "", self._service).items()]
        at = fields.index((self._schema.message, ""))
        before = f'{_members(dict(fields[1:at]))},"{self._schema.message}":'
        return _remember(self._frames, (level, logger), (before, _members(dict(fields[at + 1 :]))))

    def _spell(self, stamp: Stamp | None) -> str:
        """Return the ids of a span, made once."""
        if stamp is None:
            ids = ""
        else:
            texts = stamp.texts
            ids = self._ids.get(texts) or _remember(self._ids, texts, _members(self._schema.spell(texts)))
        self._latest = (stamp, ids)
        return ids


def _members(fields: Mapping[str, Any]) -> str:
    """Return the members of an object, each with its comma before it."""
    return f",{encode_line(fields)[1:-1]}" if fields else ""


def _remember(parts: dict[_Key, _Part], key: _Key, part: _Part) -> _Part:
    if len(parts) >= _MOST_REMEMBERED:
        parts.clear()
    parts[key] = part
    return part
