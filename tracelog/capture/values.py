"""Anything that people log -> something that JSON can hold, without ever raising.

Plain values pass as they are. What JSON or a store cannot hold becomes readable text: not-a-number and infinity,
integers over 64 bits, bytes, dates, any other object by its `repr`. Depth is cut at 8, and a cycle where it closes.
A `__repr__` that raises costs a placeholder, and so does anything else that goes wrong with a value.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from numbers import Integral, Rational, Real
from pathlib import PurePath
from typing import Any
from uuid import UUID

import msgspec

from tracelog.schema import times

DEPTH = 8
CYCLE = "<cycle>"
LARGEST = 2**63
_AS_TEXT = (UUID, Decimal, PurePath, timedelta)
_AS_ISO = (date, time)


def clean_attributes(attributes: Mapping[Any, Any]) -> dict[str, Any]:
    """Return attributes with text for keys and plain values."""
    return {
        key if type(key) is str else safe_text(key): value if type(value) is str else clean(value)
        for key, value in attributes.items()
    }


def clean(value: Any, depth: int = DEPTH, within: tuple[int, ...] = ()) -> Any:
    """Return a value as JSON can hold it: None, bool, int, float, str, list or dict.

    `depth`: how many levels it may have; `within`: the `id` of each container around it.
    """
    kind = type(value)
    if kind is str or kind is bool or value is None or (kind is int and -LARGEST <= value < LARGEST):
        return value
    if kind is int:
        return str(value)
    if kind is float:
        return value if math.isfinite(value) else str(value)
    if depth == 0:
        return safe_text(value)[:1024]
    try:
        return CYCLE if id(value) in within else _container_or_scalar(value, depth, within)
    except Exception as error:  # noqa: BLE001 - a proxy bound to nothing, a detached mapping; the line must come through
        return _placeholder(value, error)


def _container_or_scalar(value: Any, depth: int, within: tuple[int, ...]) -> Any:
    if isinstance(value, Mapping):
        around = (*within, id(value))
        return {safe_text(key): clean(inner, depth - 1, around) for key, inner in list(value.items())}
    if isinstance(value, (list, tuple, AbstractSet)):
        around = (*within, id(value))
        return [clean(inner, depth - 1, around) for inner in list(value)]
    return _scalar(value, depth)


def _scalar(value: Any, depth: int) -> Any:
    if isinstance(value, enum.Enum):
        return clean(value.value, depth - 1)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).decode("utf-8", "backslashreplace")
    if isinstance(value, _AS_ISO):
        return value.isoformat()
    if isinstance(value, Integral):  # numpy registers its numbers with these classes
        return clean(int(value), depth - 1)
    if isinstance(value, Real) and not isinstance(value, Rational):
        return clean(float(value), depth - 1)
    return safe_text(value)


def safe_text(value: Any) -> str:
    """Return a value as text: itself, its `str` where that is how it is read, else its `repr`."""
    try:
        if isinstance(value, str):
            return str(value)
        return str(value) if isinstance(value, (*_AS_TEXT, int, float)) else repr(value)
    except Exception as error:  # noqa: BLE001 - whatever the caller's class does, the line must come through
        return _placeholder(value, error)


def read_time(value: Any) -> int | None:
    """Return a time (ISO 8601, a number since the epoch, a datetime) as ns, None where it is none."""
    try:
        if isinstance(value, str):
            return times.parse_iso(value)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return times.parse_epoch(value)
        return round(value.timestamp() * 1e9) if isinstance(value, datetime) else None
    except (ValueError, OverflowError, OSError):
        return None


def _placeholder(value: Any, error: Exception) -> str:
    return f"<unprintable {type(value).__name__}: {type(error).__name__}>"


def scrub(value: Any) -> Any:
    """Return plain data as JSON can encode it: lone surrogates, in keys too, and integers over 64 bits as text."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if type(value) is int:
        return clean(value)
    if isinstance(value, Mapping):
        return {scrub(safe_text(key)): scrub(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [scrub(inner) for inner in value]
    if isinstance(value, msgspec.Struct):
        names = value.__struct_fields__
        return msgspec.structs.replace(value, **{name: scrub(getattr(value, name)) for name in names})
    return value
