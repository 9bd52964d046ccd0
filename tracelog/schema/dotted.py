"""Nested, dotted, or a mix of both in one document: a field under the one name that Elasticsearch knows it by.

`{"log.level": "info"}`, `{"log": {"level": "info"}}` and, for deeper names, every split between these are the same
field to Elasticsearch, and writers mix them (ecs-logging prints `log.level` beside `log: {logger}`). Where a document
has a field twice, the more nested one counts. The `fields` of a search are dotted, and every value is an array.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def flatten(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields by their dotted names. Arrays stay values; null and empty objects are absent."""
    flat: dict[str, Any] = {}
    pending: list[tuple[str, Mapping[str, Any]]] = [("", document)]
    for prefix, owner in pending:  # grows meanwhile: level by level, so that the most nested is written last
        for name, value in owner.items():
            if type(value) is dict:
                pending.append((f"{prefix}{name}.", value))
            elif value is not None:
                flat[prefix + name] = value
    return flat


def flatten_document(document: dict[str, Any]) -> dict[str, Any]:
    """Return a whole document flat; where it is the `fields` of a search, with single values as such."""
    flat = flatten(document)
    if all(type(value) is list for value in document.values()):
        return {name: one(value) for name, value in flat.items()}
    return flat


def one(value: Any) -> Any:
    """Return the only value of an array with one; everything else, an array of objects too, as it is."""
    return value[0] if type(value) is list and len(value) == 1 and type(value[0]) is not dict else value


def take_text(flat: dict[str, Any], *names: str) -> str | None:
    """Remove the first of the fields that is text, and return it; what is empty is absent."""
    for name in names:
        value = one(flat.get(name))
        if isinstance(value, str) and value:
            del flat[name]
            return value
    return None


def expand(document: dict[str, Any]) -> dict[str, Any]:
    """Return a document with every dotted name nested, for a typed document to be read from."""
    nested: dict[str, Any] = {}
    for name, value in flatten_document(document).items():
        owner, (*path, last) = nested, name.split(".")
        for part in path:
            inner = owner.get(part)
            if type(inner) is not dict:
                inner = owner[part] = {}
            owner = inner
        if type(owner.get(last)) is not dict:
            owner[last] = value
    return nested
