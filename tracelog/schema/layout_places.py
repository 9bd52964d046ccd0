"""Where the layouts have attributes and the names of operations: what their tables are put together from."""

from __future__ import annotations

from collections.abc import Mapping

from tracelog.model import UNKNOWN_SERVICE
from tracelog.schema import apm, conventions, jaeger
from tracelog.schema.conventions import ATTRIBUTE, LABEL
from tracelog.schema.layout_fields import Condition, Place

Columns = Mapping[str, str | None]
"""The values that operations are grouped by, by field."""
Operation = tuple[str, str, str | None]
"""Service, name and kind."""


def has(field: str, *values: str) -> Condition:
    """Return the condition that a field has one of some values."""
    return Condition(Place(field), values)


def otel_attribute(key: str) -> tuple[Place, ...]:
    """Name the fields of an attribute in the otel layout."""
    return (Place(f"attributes.{key}"), Place(f"resource.attributes.{key}"))


def elastic_attribute(key: str) -> tuple[Place, ...]:
    """Name the fields that become an attribute, and the labels that users' own do, dots and all or with `_`."""
    label = key.replace(".", "_")
    own = (*_ELASTIC_NAMES.get(key, ()), key, f"labels.{key}", f"labels.{label}", f"numeric_labels.{label}")
    return tuple(Place(field) for field in dict.fromkeys(own))


def is_otel_attribute(field: str) -> bool:
    """Say whether a field holds attributes in the otel layout."""
    return f"{field}.".startswith("attributes.")


def is_elastic_attribute(field: str) -> bool:
    """Say whether a field becomes an attribute in the layouts of Elastic."""
    return conventions.place(field).kind in (ATTRIBUTE, LABEL)


def is_jaeger_attribute(field: str) -> bool:
    """Say whether a field holds tags."""
    return field.startswith(("tags.value", "tag."))


def _reversed(*tables: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    names: dict[str, tuple[str, ...]] = {}
    for table in tables:
        for field, name in table.items():
            names[name] = (*names.get(name, ()), field)
    return names


_BY_SUBTYPE = {"span.subtype": "db.system.name"}, {"span.subtype": "messaging.system"}
_ELASTIC_NAMES = _reversed(conventions.RESOURCE_NAMES, conventions.ATTRIBUTE_NAMES, apm.SERVER_NAMES, *_BY_SUBTYPE)


def _jaeger_tag(key: str, owner: str = "") -> tuple[Place, ...]:
    elevated = key.replace(".", jaeger.DOT)
    return (Place(f"{owner}tags.value", f"{owner}tags", key), Place(f"{owner}tag.{elevated}"))


def jaeger_attribute(key: str) -> tuple[Place, ...]:
    """Name the fields of a tag, of the span or of its process."""
    return (*_jaeger_tag(key), *_jaeger_tag(key, "process."))


def tagged(key: str, value: str) -> tuple[Condition, ...]:
    """Return the conditions that a span has a tag, in either form."""
    return tuple(Condition(place, (value,)) for place in _jaeger_tag(key))


def otel_operation(columns: Columns) -> Operation:
    """Return what tells operations apart in the otel layout."""
    service = columns["service.name"] or columns["resource.attributes.service.name"]
    return service or UNKNOWN_SERVICE, columns["name"] or "", (columns["kind"] or "unspecified").upper()


def apm_operation(columns: Columns) -> Operation:
    """Return what tells operations apart in Elastic APM."""
    return columns["service.name"] or UNKNOWN_SERVICE, *apm.name_and_kind(columns)


def jaeger_operation(columns: Columns) -> Operation:
    """Return what tells operations apart in Jaeger, but for the kind, which is a tag."""
    return jaeger.service_name(columns["process.serviceName"]) or UNKNOWN_SERVICE, columns["operationName"] or "", None


def told(kind: str) -> tuple[Condition, ...]:
    """Return the condition that an agent told the kind."""
    return (has("span.kind", kind, kind.lower()),)
