"""What is asked of an attribute: that it is there, that it equals a value, or that it is more or less than one.

    order.id          it is there
    order.id=A-1234   it has this value, compared as text, the same on every store
    items>3           more than, `>=`, `<`, `<=`: numbers with numbers, everything else by its letters

An attribute within maps and lists is named with dots; where there are several values, one that does is enough. Those
of the resource (`k8s.pod.name`) are asked for in the same way.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import ge, gt, le, lt
from typing import Any, TypeVar

import msgspec

from tracelog.errors import ConfigurationError
from tracelog.model import LogEntry, Span
from tracelog.store.notes import Notes
from tracelog.store.terms import attribute_text, values_of

Wanted = Mapping[str, Any] | Iterable[str]
"""Attributes by their values, or constraints as text: `{"order.id": "A-1234"}`, `["order.id=A-1234", "items>3"]`."""

EXISTS, EQUALS = "", "="
_WRITTEN = re.compile(r"([^=<>]+)(?:(>=|<=|=|>|<)(.*))?", re.DOTALL)
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {">": gt, ">=": ge, "<": lt, "<=": le}
_Found = TypeVar("_Found", Span, LogEntry)


class Constraint(msgspec.Struct, frozen=True):
    """One of them. `operator`: `=`, `>`, `>=`, `<`, `<=`, or none where the attribute is to be there; `value`: text."""

    key: str
    operator: str = EXISTS
    value: str = ""

    @property
    def compares(self) -> bool:
        """Whether more or less is asked for."""
        return self.operator in _COMPARE

    @property
    def number(self) -> float | None:
        """The value as a number, None where it is none."""
        return number_in(self.value)

    def allows(self, text: str) -> bool:
        """Say whether a value, as text, is one of those that are asked for."""
        if not self.compares:
            return self.operator == EXISTS or text == self.value
        wanted = self.number
        if wanted is None:
            return _COMPARE[self.operator](text, self.value)
        held = number_in(text)
        return held is not None and _COMPARE[self.operator](held, wanted)

    def __str__(self) -> str:
        return f"{self.key}{self.operator}{self.value}"


def constraints(wanted: Wanted | None) -> tuple[Constraint, ...]:
    """Return what a user asks of attributes. Raise ConfigurationError where a text is no constraint."""
    if wanted is None:
        return ()
    if isinstance(wanted, Mapping):
        return tuple(Constraint(key, EQUALS, attribute_text(value)) for key, value in wanted.items())
    return tuple(map(_read, [wanted] if isinstance(wanted, str) else wanted))


def _read(text: str) -> Constraint:
    found = _WRITTEN.fullmatch(text)
    key = found[1].strip() if found else ""
    if found is None or not key or key.endswith("!"):
        raise ConfigurationError(f"not an attribute: {text!r} (expected KEY, KEY=VALUE, or KEY with >, >=, < or <=)")
    return Constraint(key, found[2] or EXISTS, found[3] or "")


def meets(found: Span | LogEntry, asked: Sequence[Constraint]) -> bool:
    """Say whether a span or log entry, or its resource, has every attribute that is asked for."""
    if not asked:
        return True
    held: dict[str, list[str]] = {}
    for attributes in (found.attributes, found.resource):
        for key, text in values_of(attributes):
            held.setdefault(key, []).append(text)
    return all(any(map(each.allows, held.get(each.key, ()))) for each in asked)


def decided(
    found: Iterable[_Found], matches: Callable[[_Found], bool], compared: Sequence[Constraint], notes: Notes
) -> Iterator[_Found]:
    """Yield what matches; note at the end how much was read for the comparisons that no store could make."""
    if not compared:
        yield from filter(matches, found)
        return
    read = 0
    try:
        for one in found:
            read += 1
            if matches(one):
                yield one
    finally:
        notes.count(", ".join(map(str, compared)), read)


def comparisons(asked: Iterable[Constraint]) -> list[Constraint]:
    """Return those that ask for more or less."""
    return [each for each in asked if each.compares]


def number_in(text: str) -> float | None:
    """Return the number that a text is, None where it is none, or not a finite one."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
