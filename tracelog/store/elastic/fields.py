"""What indices know of fields: their types, and what can be asked of them. Mappings differ from site to site.

A text is compared word by word; under dynamic mapping it has a twin, `<field>.keyword`, that is compared as a whole and
can be sorted. Beneath a `flattened` field every key is compared as a whole. Indices that map a field differently are
asked apart, for one of them would fail the search of the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from tracelog.schema.layout_fields import Condition, LogDocuments, Place, SpanDocuments

_EXACT = frozenset(("keyword", "flattened", "wildcard", "constant_keyword", "version"))
_TEXT = frozenset(("text", "match_only_text"))
_INTEGERS = frozenset(("long", "integer", "short", "byte", "unsigned_long"))
_NUMBERS = frozenset((*_INTEGERS, "double", "float", "half_float", "scaled_float"))
_DATES = frozenset(("date", "date_nanos"))
_NO_VALUES = frozenset(("object", "nested", "unmapped"))
WHOLE = ".keyword"
"""The name of the twin of a text that dynamic mapping makes."""


class Field(msgspec.Struct, frozen=True):
    """How a field is mapped; an `aggregatable` one has a column to sort and to group by."""

    type: str
    searchable: bool = True
    aggregatable: bool = True

    @property
    def is_exact(self) -> bool:
        """Whether a term of it is the whole value."""
        return self.searchable and self.type in _EXACT

    @property
    def is_text(self) -> bool:
        """Whether it is compared word by word."""
        return self.searchable and self.type in _TEXT

    @property
    def is_comparable(self) -> bool:
        """Whether it has an order that is that of numbers or times."""
        return self.searchable and self.type in _NUMBERS | _DATES

    @property
    def is_number(self) -> bool:
        """Whether it is compared with numbers."""
        return self.type in _NUMBERS

    @property
    def is_date(self) -> bool:
        """Whether it is compared with dates."""
        return self.type in _DATES


_KEYED = Field("keyword")


class Fields:
    """The fields of some indices that map alike."""

    def __init__(self, fields: Mapping[str, Field]) -> None:
        self._fields = fields

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def get(self, name: str) -> Field | None:
        """Return how a field is mapped, None where it is not; keys of a flattened field count as mapped."""
        found = self._fields.get(name)
        if found is None and self.flattened(name) is not None:
            return _KEYED
        return None if found is None or found.type in _NO_VALUES else found

    def flattened(self, name: str) -> str | None:
        """Return the flattened field of which a field is a key, if it is one."""
        return next(
            (owner for owner in owners(name) if owner in self and self._fields[owner].type == "flattened"), None
        )

    def hold(self, columns: Mapping[str, str]) -> bool:
        """Say whether all of some fields have a column, of the type that each should be mapped as."""
        held = {name: self._fields.get(name) for name in columns}
        return all(
            field is not None and field.aggregatable and field.type == columns[name] for name, field in held.items()
        )

    def __contains__(self, name: str) -> bool:
        return name in self._fields

    def is_nested(self, path: str) -> bool:
        """Say whether the objects in a field are documents of their own, each to be asked as a whole."""
        return path in self and self._fields[path].type == "nested"

    def exact(self, name: str) -> str | None:
        """Return the field that compares whole values of a field: itself or its twin."""
        for each in (name, name + WHOLE):
            field = self.get(each)
            if field is not None and field.is_exact:
                return each
        return None

    def is_rough(self, name: str) -> bool:
        """Say whether a field is compared but word by word."""
        field = self.get(name)
        return field is not None and field.is_text and self.exact(name) is None

    def column(self, name: str) -> str | None:
        """Return the field that groups by the values of a field, if there is one."""
        exact = self.exact(name)
        field = self.get(exact) if exact else None
        return exact if field is not None and field.aggregatable else None

    def sort(self, name: str, order: str, **rest: str) -> dict[str, Any]:
        """Return the order by a sortable field; fractions are cut off, so that what has none sorts as a number too."""
        field = self.get(name)
        whole = {} if field is None or field.type in _INTEGERS | _DATES else {"numeric_type": "long"}
        return {name: {"order": order, "unmapped_type": "long", **whole, **rest}}

    def sortable(self, name: str) -> Field | None:
        """Return a field of numbers or times that can be sorted by."""
        field = self.get(name)
        return field if field is not None and field.is_comparable and field.aggregatable else None


class _Known(Field, frozen=True):
    indices: list[str] | None = None


class FieldCapabilities(msgspec.Struct):
    """What a cluster says of fields: by name and type, and of each type the indices, if they do not map alike."""

    indices: list[str] = []
    fields: dict[str, dict[str, _Known]] = {}

    def twins(self) -> list[str]:
        """Return the twins of texts that some indices have, and others may not."""
        texts = (name for name, types in self.fields.items() if not _TEXT.isdisjoint(types))
        return [name + WHOLE for name in texts if name + WHOLE in self.fields and len(self.indices) > 1]

    def alike(self) -> list[tuple[list[str], Fields]]:
        """Part the indices into such as map no field differently. One that does not map it at all is like any other.

        Unless it says so: of a twin it matters, for another field is compared then.
        """
        disputed = {name: types for name, types in self.fields.items() if len(types) > 1}
        agreed = {name: _plain(next(iter(types.values()))) for name, types in self.fields.items() if len(types) == 1}
        parts: list[tuple[list[str], dict[str, Field]]] = []
        for index in self.indices:
            own = {
                name: _plain(known)
                for name, types in disputed.items()
                for known in types.values()
                if index in (known.indices or ())
            }
            for indices, held in parts:
                if all(held.get(name, field) == field for name, field in own.items()):
                    indices.append(index)
                    held.update(own)
                    break
            else:
                parts.append(([index], own))
        return [(indices, Fields({**agreed, **own})) for indices, own in parts]


def _plain(known: _Known) -> Field:
    return Field(known.type, known.searchable, known.aggregatable)


def owners(name: str) -> Iterator[str]:
    """Yield the objects that a field may stand in, the outermost first."""
    at = name.find(".")
    while at >= 0:
        yield name[:at]
        at = name.find(".", at + 1)


def asked_fields(documents: SpanDocuments | LogDocuments) -> list[str]:
    """Return every field that questions name, with its owners and its twin."""
    named = set(_named(documents))
    return sorted({*named, *(name + WHOLE for name in named), *(owner for name in named for owner in owners(name))})


def _named(documents: SpanDocuments | LogDocuments) -> Iterator[str]:
    yield from (*documents.trace_id, *documents.span_id, *documents.service)
    yield from (moment.field for moment in documents.times)
    yield from _of_conditions(() if documents.only is None else (documents.only,))
    yield from _of_places(documents.attribute("a"))
    if isinstance(documents, LogDocuments):
        yield from (*documents.severity_number, *documents.severity_text)
        yield from (*documents.text, *documents.raised, *documents.record)
        yield from _of_conditions((documents.event, *documents.errors))
        return
    yield from (*documents.name, *documents.grouping.fields, *(quantity.field for quantity in documents.duration))
    yield from _of_places((*documents.parent_id, documents.linked_trace_id))
    for conditions in (*documents.statuses.values(), *documents.kinds.values()):
        yield from _of_conditions(conditions)
    yield from _of_conditions(() if documents.child is None else (documents.child,))
    if documents.events is not None:
        yield from _of_places((documents.events.text,))
        yield documents.events.time.field


def _of_places(places: Iterable[Place]) -> Iterator[str]:
    for place in places:
        yield place.field
        if place.nested is not None:
            yield from (place.nested, f"{place.nested}.key")


def _of_conditions(conditions: Iterable[Condition]) -> Iterator[str]:
    return _of_places(condition.place for condition in conditions)
