"""What a layout says of itself, so that questions are built without a literal of their own.

A tuple of fields or places means any of them; one that an index does not map matches nothing there. What a field cannot
say, or says but roughly, the decoded document decides: a condition may match too much, never too little.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Protocol

import msgspec

from tracelog.model import LogEntry, Span, SpanOutline
from tracelog.schema import times
from tracelog.schema.timestamps import MILLISECOND

Body = bytes | msgspec.Raw


class Place(msgspec.Struct, frozen=True):
    """Where a value stands: in a field, which may be one of the `nested` objects, namely that whose `key` is given."""

    field: str
    nested: str | None = None
    key: str | None = None

    @property
    def key_field(self) -> str | None:
        """The field in which a nested object has its key."""
        return None if self.key is None else f"{self.nested}.key"


class Condition(msgspec.Struct, frozen=True):
    """A place that has one of some values, as they stand there; without values, any."""

    place: Place
    values: tuple[str, ...] = ()


class Moment(msgspec.Struct, frozen=True):
    """A field with a time. `unit`: ns in one of its number, None for a date."""

    field: str
    unit: int | None

    def written(self, time: int) -> int | str:
        """Return a time, in ns, as the field is compared with: a number of its unit, or RFC 3339."""
        return times.format_iso(time, digits=9) if self.unit is None else time // self.unit

    def compared(self, time: int, *, as_date: bool) -> int | str:
        """Return the same where the index maps the field so; a date that it maps as a number is in ms."""
        return self.written(time) if as_date or self.unit is not None else time // MILLISECOND


class Quantity(msgspec.Struct, frozen=True):
    """A field with a duration. `unit`: ns in one of its number."""

    field: str
    unit: int


class Grouping(msgspec.Struct, frozen=True):
    """Which fields tell operations apart, and how their values are read as service, name and kind.

    The kind is None where the fields do not tell it, but the conditions of `kinds` alone.
    """

    fields: tuple[str, ...]
    read: Callable[[Mapping[str, str | None]], tuple[str, str, str | None]]
    tells_kind: bool = True


class Events(msgspec.Struct, frozen=True):
    """Where a span's document has its events: nested objects, each with a time and texts, one of them its name."""

    nested: str
    time: Moment
    text: Place


class Outlined(Protocol):
    """What holds an outline."""

    def outline(self) -> SpanOutline:
        """Return the outline of a span. Raise ValueError where there is none."""


class Rows(msgspec.Struct, frozen=True, kw_only=True):
    """How the outlines of spans of some `kinds` are read from columns alone, as a search returns what it sorts by.

    `type`: a row, which is made of the place of the span and of its `fields`, each mapped as it is said here. A span
    must have them all but those that it `may_lack`.
    """

    type: type[Outlined]
    kinds: tuple[str, ...]
    fields: Mapping[str, str]
    may_lack: tuple[str, ...]


class Documents(msgspec.Struct, frozen=True, kw_only=True):
    """Which documents: those in `indices` less `excluded`, but for those that have a value other than `only` says.

    `attribute` says where the value of an attribute may stand, `holds_attribute` of a field whether it is such a place.
    `nameless`: what writers call a service without a name.
    """

    indices: tuple[str, ...]
    excluded: tuple[str, ...] = ()
    only: Condition | None = None
    trace_id: tuple[str, ...]
    span_id: tuple[str, ...]
    service: tuple[str, ...]
    nameless: tuple[str, ...] = ()
    times: tuple[Moment, ...]
    attribute: Callable[[str], tuple[Place, ...]]
    holds_attribute: Callable[[str], bool]

    @property
    def expression(self) -> str:
        """The indices as a search names them."""
        return ",".join((*self.indices, *(f"-{pattern}" for pattern in self.excluded)))

    def hold(self, name: str) -> bool:
        """Say whether an index, data stream or alias is among the indices."""
        return any(fnmatchcase(name, pattern) for pattern in self.indices) and not any(
            fnmatchcase(name, pattern) for pattern in self.excluded
        )


class SpanDocuments(Documents, frozen=True, kw_only=True):
    """The documents that are spans, and their fields. Of `times`, those of the start, the last is in each document.

    `statuses` has no UNSET and `kinds` no UNSPECIFIED: these are what no condition of the others meets. `child` is met
    by spans alone that have a parent, where `parent_id` does not tell. `events`: those within the document. `rows`
    are without the names of spans.
    """

    parent_id: tuple[Place, ...]
    child: Condition | None = None
    linked_trace_id: Place
    name: tuple[str, ...]
    duration: tuple[Quantity, ...]
    statuses: Mapping[str, tuple[Condition, ...]]
    kinds: Mapping[str, tuple[Condition, ...]]
    grouping: Grouping
    events: Events | None = None
    decode: Callable[[Body], Span]
    outline: Callable[[Body], SpanOutline]
    rows: Rows | None = None
    named_rows: Rows | None = None


class LogDocuments(Documents, frozen=True, kw_only=True):
    """The documents that are log entries or span events, and their fields.

    `severity_number`: OpenTelemetry's; `severity_text`: the name of a level, in any case; `errors`: what makes an ERROR
    of a document without either. `text`: of the message, `raised`: of the type and message of an exception. A document
    is a span event if it meets `event` and has none of the `record` fields.
    `unique_ids`: a document's id is that of no other, in whatever index.
    """

    severity_number: tuple[str, ...]
    severity_text: tuple[str, ...]
    errors: tuple[Condition, ...] = ()
    text: tuple[str, ...]
    raised: tuple[str, ...]
    event: Condition
    record: tuple[str, ...]
    unique_ids: bool = False
    decode: Callable[[Body, str], LogEntry]


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """One way to store spans, log entries, or both. `short_ids`: ask for ids in each of `id_spellings`."""

    name: str
    spans: SpanDocuments | None = None
    logs: LogDocuments | None = None
    short_ids: bool = False
