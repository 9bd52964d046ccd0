"""What is asked of an attribute: that it is there, that it equals a value, or that it is more or less than one.

    order.id          it is there
    order.id=A-1234   it has this value, compared as text, the same on every store
    items>3           more than, `>=`, `<`, `<=`: numbers compared with numbers, other text by its letters

An attribute within maps and lists is named with dots; where there are several values, one that matches is enough.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from operator import ge, gt, le, lt
from typing import Any, Literal

import msgspec

from tracelog.errors import ConfigurationError
from tracelog.store.terms import attribute_text, values_of

Operator = Literal["exists", "=", ">", ">=", "<", "<="]
Wanted = Mapping[str, Any] | Iterable[str]
"""Attributes by their values, or conditions as text: `{"order.id": "A-1234"}`, `["order.id=A-1234", "items>3"]`."""

_WRITTEN = re.compile(r"([^=<>]+)(?:(>=|<=|=|>|<)(.*))?", re.DOTALL)
_COMPARE = {">": gt, ">=": ge, "<": lt, "<=": le}


class Condition(msgspec.Struct, frozen=True):
    """One condition. `value` is text, also where numbers are compared."""

    key: str
    operator: Operator = "exists"
    value: str = ""

    @property
    def number(self) -> float | None:
        """The value as a number, None where it is none."""
        return number_in(self.value)

    @property
    def compares(self) -> bool:
        """Whether more or less is asked for."""
        return self.operator in _COMPARE

    def holds(self, text: str) -> bool:
        """Say whether a value, as text, meets it."""
        if self.operator == "exists":
            return True
        if self.operator == "=":
            return text == self.value
        compare, wanted = _COMPARE[self.operator], self.number
        if wanted is None:
            return compare(text, self.value)
        held = number_in(text)
        return held is not None and compare(held, wanted)

    def __str__(self) -> str:
        return self.key if self.operator == "exists" else f"{self.key}{self.operator}{self.value}"


def conditions(wanted: Wanted | None) -> tuple[Condition, ...]:
    """Return what a user asks of attributes. Raise ConfigurationError where a text is no condition."""
    if wanted is None:
        return ()
    if isinstance(wanted, Mapping):
        return tuple(Condition(key, "=", attribute_text(value)) for key, value in wanted.items())
    return tuple(map(read_condition, [wanted] if isinstance(wanted, str) else wanted))


def read_condition(text: str) -> Condition:
    """Read one condition. Raise ConfigurationError."""
    found = _WRITTEN.fullmatch(text)
    key = found[1].strip() if found else ""
    if not found or not key:
        raise ConfigurationError(f"not a condition: {text!r} (expected KEY, KEY=VALUE, or KEY>VALUE with >, >=, <, <=)")
    return Condition(key, found[2] or "exists", found[3] or "")


def meets(attributes: Mapping[str, Any], wanted: Iterable[Condition]) -> bool:
    """Say whether attributes meet every condition."""
    asked = list(wanted)
    if not asked:
        return True
    held: dict[str, list[str]] = {}
    for key, text in values_of(attributes):
        held.setdefault(key, []).append(text)
    return all(any(map(condition.holds, held.get(condition.key, ()))) for condition in asked)


def number_in(text: str) -> float | None:
    """Return the number that a text is, None where it is none, or not a finite one."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
