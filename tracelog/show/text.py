"""Durations, times and hostile text, made fit for one line of a terminal."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from tracelog.schema import times
from tracelog.store.query import attribute_text

_PLAIN = re.compile(r"[ -~]*")
_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_UNSAFE_CATEGORIES = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")


def escape(text: str) -> str:
    """Return text on one line with every control, format and bidirectional character written out."""
    if _PLAIN.fullmatch(text):
        return text
    return "".join(_escaped(character) for character in text)


def _escaped(character: str) -> str:
    if unicodedata.category(character) not in _UNSAFE_CATEGORIES:
        return character
    known = _ESCAPES.get(character)
    if known:
        return known
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"  # noqa: PLR2004


def duration(nanoseconds: int) -> str:
    """Return a duration with three digits that matter: `850 µs`, `12.3 ms`, `8.12 s`, `2 m 05 s`."""
    if nanoseconds >= 60 * times.SECOND:
        minutes, rest = divmod(nanoseconds, 60 * times.SECOND)
        return f"{minutes} m {rest // times.SECOND:02d} s"
    for unit, size in (("s", times.SECOND), ("ms", 1_000_000), ("µs", 1_000)):
        if nanoseconds >= size:
            value = nanoseconds / size
            return f"{value:.{2 if value < 10 else 1 if value < 100 else 0}f} {unit}"  # noqa: PLR2004 - digits
    return f"{nanoseconds} ns"


def attributes(held: Mapping[str, Any]) -> str:
    """Return attributes as `key=value` in one line; where in the code a line stands (`code.*`) is left out."""
    shown = (
        f"{escape(key)}={_quoted(escape(attribute_text(value)))}"
        for key, value in held.items()
        if not key.startswith("code.")
    )
    return " ".join(shown)


def _quoted(text: str) -> str:
    return f'"{text}"' if " " in text or not text else text
