"""Numbers and dates as Elasticsearch's documents hold them -> ns.

A number counts the unit that its field's name or its writer says. A date is ISO 8601, or ms since the epoch as a
number or as text: what a `date` field takes where its mapping names no format.
"""

from __future__ import annotations

import math
from decimal import Decimal

from tracelog.schema import times

Number = int | float | str
NANOSECOND, MICROSECOND, MILLISECOND = 1, 1_000, 1_000_000


def nanoseconds(value: Number, unit: int) -> int:
    """Return a number of `unit` ns each as ns. Raise ValueError where it is none that 64 bits hold.

    A float means the digits it is written with, for ns are more than it counts exactly.
    """
    number = value if not isinstance(value, str) else int(value) if value.isdecimal() else float(value)
    if isinstance(number, int):
        found = number * unit
    elif math.isfinite(number):
        found = round(Decimal(repr(number)) * unit)
    else:
        raise ValueError(f"not a number: {value!r}")
    if abs(found) >= times.LATEST:
        raise ValueError(f"beyond 64 bits of ns: {value!r}")
    return found


def date(value: Number) -> int:
    """Return a date as ns since the epoch. Raise ValueError."""
    if isinstance(value, str) and not value.isdecimal():
        found = times.parse_iso(value)
        if abs(found) >= times.LATEST:
            raise ValueError(f"beyond 64 bits of ns: {value!r}")
        return found
    return nanoseconds(value, MILLISECOND)
