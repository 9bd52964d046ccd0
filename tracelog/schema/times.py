"""Times between text and nanoseconds: RFC 3339 in UTC, every digit kept.

`datetime` holds microseconds only, so the fraction is handled apart, as integers.
"""

from __future__ import annotations

import re
from datetime import datetime, timezone
from decimal import Decimal
from functools import lru_cache

import msgspec

SECOND = 1_000_000_000
_MICROSECONDS = 1_000_000
_ZONE = r"(Z|z|[+-]\d\d(?::?\d\d)?)"
_ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9})\d*)?)?\s*" + _ZONE + "?")
_ZONE_AT_END = re.compile(_ZONE + r"\s*$")
_encode = msgspec.json.Encoder().encode
_from_timestamp, _UTC = datetime.fromtimestamp, timezone.utc
_QUOTED = len('"2026-04-19T14:23:01.200000Z"')
_WRITTEN = len("2026-04-19T14:23:01.200000000Z")
"""How long a time is that tracelog wrote."""
LATEST = 2**63
"""The first time, in ns, that 64 bits no longer hold; it lies in the year 2262."""
_FIRST_SECOND, _LAST_SECOND = -62_135_596_800, 253_402_300_799  # of the years 1 and 9999


def within_64_bits(nanoseconds: int) -> int:
    """Return ns as they are or, where 64 bits do not hold them, the nearest that they hold."""
    return nanoseconds if -LATEST <= nanoseconds < LATEST else min(max(nanoseconds, -LATEST), LATEST - 1)


def known(nanoseconds: int) -> int:
    """Return a time as it is or, where stores cannot hold it, 0, which OTLP has for one that is not known.

    That is what is before 1970, such as Go's zero time (in 1754 or in the year 1), or is beyond 64 bits.
    """
    return nanoseconds if 0 < nanoseconds < LATEST else 0


def parse_iso(text: str) -> int:
    """Return an ISO 8601 time as ns since the epoch; UTC where it names no zone. Raise ValueError."""
    if len(text) == _WRITTEN and text[29] == "Z" and (fraction := text[20:29]).isdecimal():
        return _parse_second(text[:20]) + int(fraction)
    match = _ISO.fullmatch(text.strip())
    if not match:
        raise ValueError(f"not a time: {text!r} (expected for example 2026-04-19T14:23:01Z)")
    year, month, day, hour, minute, second, digits, zone = match.groups()
    moment = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second or 0), tzinfo=timezone.utc)
    return (int(moment.timestamp()) - _offset(zone)) * SECOND + int((digits or "").ljust(9, "0"))


def names_zone(text: str) -> bool:
    """Tell whether an ISO 8601 time says in which zone it is."""
    return _ZONE_AT_END.search(text) is not None


@lru_cache(maxsize=64)
def _parse_second(text: str) -> int:
    """Return a second of UTC with the point behind it as ns, the same for the many times within it."""
    return parse_iso(f"{text}0Z")


def _offset(zone: str | None) -> int:
    """Return the offset of a zone such as `+02:00` in seconds east of UTC."""
    if not zone or zone in "Zz":
        return 0
    digits = zone[1:].replace(":", "").ljust(4, "0")
    seconds = int(digits[:2]) * 3600 + int(digits[2:]) * 60
    return -seconds if zone[0] == "-" else seconds


def format_iso(time: int, *, digits: int | None = None) -> str:
    """Return ns since the epoch as RFC 3339 in UTC.

    `digits` of the second's fraction; without it as many as are known, in threes: 3, 6 or 9.
    """
    seconds, nanoseconds = divmod(time, SECOND)
    if digits is None:
        digits = 9 if nanoseconds % 1_000 else 6 if nanoseconds % 1_000_000 else 3
    if not digits:
        return f"{_format_second(seconds)}Z"
    return f"{_format_second(seconds)}.{str(SECOND + nanoseconds)[1 : digits + 1]}Z"


def format_short(time: int) -> str:
    """Return ns since the epoch as RFC 3339 in UTC, a whole second without a fraction."""
    return format_iso(time, digits=None if time % SECOND else 0)


def format_created(seconds: float) -> str:
    """Return seconds since the epoch, as `time.time` gives them, as RFC 3339 with the six digits that a float knows."""
    return quote_created(seconds)[1:-1]


_this_second = (0, b"")


def quote_nanoseconds(seconds: float) -> bytes:
    """Return seconds since the epoch, as `time.time` gives them, as RFC 3339 with nine digits, in quotes.

    A float knows six of them.
    """
    global _this_second  # noqa: PLW0603 - one pair, replaced as a whole
    second = int(seconds)
    exact = (seconds - second) * _MICROSECONDS
    microseconds = int(exact + 0.5)
    if microseconds & 1 and microseconds - exact == 0.5:  # noqa: PLR2004 - to even, as `round` has it, for half its cost
        microseconds -= 1
    known, text = _this_second
    if known != second:
        text = _format_second(second).encode()
        _this_second = (second, text)
    if 0 <= microseconds < _MICROSECONDS:
        return b'"%b.%06d000Z"' % (text, microseconds)
    return b'"%b"' % format_iso(second * SECOND + microseconds * 1000, digits=9).encode()  # before 1970, or rounded up


def quote_created(seconds: float) -> str:
    """Return the same with quotes around it, as it stands in JSON."""
    try:
        text = _encode(_from_timestamp(seconds, _UTC)).decode()
    except (ValueError, OverflowError, OSError):  # beyond datetime's years
        return f'"{format_iso(round(seconds) * SECOND, digits=6)}"'
    return text if len(text) == _QUOTED else f'{text[:20]}.000000Z"'


@lru_cache(maxsize=64)
def _format_second(seconds: int) -> str:
    """Return a whole second, the same for the many times within it; beyond datetime's years, the nearest it has."""
    moment = datetime.fromtimestamp(min(max(seconds, _FIRST_SECOND), _LAST_SECOND), timezone.utc)
    return moment.replace(tzinfo=None).isoformat()  # strftime does not pad the years before 1000


def parse_epoch(value: float) -> int:
    """Return a number of s, ms, µs or ns since the epoch, told apart by size, as ns. Raise ValueError.

    A float means the digits it is written with: multiplied as a float it would gain ns that nobody measured.
    """
    for limit, factor in ((1e11, SECOND), (1e14, 1_000_000), (1e17, 1_000), (LATEST, 1)):
        if abs(value) < limit:
            return value * factor if isinstance(value, int) else round(Decimal(repr(value)) * factor)
    raise ValueError(f"not a time: {value!r}")
