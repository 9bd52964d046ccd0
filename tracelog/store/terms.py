"""Which attribute values are worth an index of their own, and how text is matched: the same on every store.

People paste request ids, order ids and keys. Attributes whose name says that they hold one are looked up first;
all others are searched only when that finds nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import msgspec

from tracelog.model import LogEntry
from tracelog.schema.otel import as_exception

_ID_NAME = re.compile(r"(?:^|[._-])(?:ids?|uuid|guid|key|number|reference)$|[a-z](?:Ids?|ID|Uuid|UUID)$", re.IGNORECASE)
_WORD = re.compile(r"\w+")
_NEVER = "(?!)"
_NESTED = frozenset((dict, list))
LONGEST = 256
"""Values longer than this, in characters, are not indexed: nobody pastes them."""


@lru_cache(4096)
def names_an_id(key: str) -> bool:
    """Say whether an attribute's name promises an identifier: `order.id`, `request_id`, `customerId`.

    `code.line.number`, which every record has, does not.
    """
    return bool(_ID_NAME.search(key)) and not key.startswith("code.")


def attribute_text(value: Any) -> str:
    """Return an attribute's value as the text that it is compared as, the same on every store."""
    if isinstance(value, bool | float):
        return msgspec.json.encode(value).decode()  # as it stands in the document: `true`, `1e20`
    return str(value)


def values_of(attributes: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield (dotted key, value as text) for each scalar in attributes, those within maps and lists too."""
    pending: list[tuple[str, Any]] = [(prefix + key, value) for key, value in attributes.items()]
    while pending:
        key, value = pending.pop()
        if isinstance(value, dict):
            pending += [(f"{key}.{name}", inner) for name, inner in value.items()]
        elif isinstance(value, list):
            pending += [(key, inner) for inner in value]
        elif value is not None:
            yield key, attribute_text(value)


def id_terms(attributes: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the (key, value) pairs, each once, that the index of ids holds for a document."""
    if _NESTED.isdisjoint(map(type, attributes.values())):
        promising = {key: attributes[key] for key in _naming_ids(tuple(attributes))}
    else:
        promising = dict(attributes)
    if not promising:
        return []
    pairs = dict.fromkeys(values_of(promising))
    return [(key, value) for key, value in pairs if names_an_id(key) and 0 < len(value) <= LONGEST]


@lru_cache(4096)
def _naming_ids(keys: tuple[str, ...]) -> list[str]:
    """Return those of a document's keys that name ids; many documents have the same ones."""
    return [key for key in keys if names_an_id(key)]


def keys_of(value: str, attributes: Mapping[str, Any]) -> set[str]:
    """Return the keys, dotted, under which attributes hold a value, compared as text."""
    return {key for key, text in values_of(attributes) if text == value}


def words(text: str) -> list[str]:
    """Return the words of a text: runs of letters, digits and underscores, the rest left out."""
    return _WORD.findall(text)


def said_in(entry: LogEntry, pattern: re.Pattern[str]) -> str | None:
    """Return which part of a line a pattern finds: its message, else the type and message of its exception."""
    if pattern.search(entry.message):
        return "message"
    exception = as_exception(entry.attributes) if entry.event_name == "exception" else entry.exception
    if exception is None:
        return None
    raised = ": ".join(filter(None, (exception.type, exception.message)))
    return "exception" if pattern.search(raised) else None


def words_pattern(text: str) -> re.Pattern[str]:
    """Return a pattern that finds the words of a text in sequence, whatever stands between; without words, nothing."""
    escaped = [re.escape(word) for word in words(text)]
    return re.compile(r"(?<!\w)" + r"\W+".join(escaped) + r"(?!\w)" if escaped else _NEVER, re.IGNORECASE)
