"""Durations, times and hostile text, made fit for one line of a terminal."""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from tracelog.read import wording
from tracelog.store.terms import attribute_text

_PLAIN = re.compile(r"[ -~]*")
_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_UNSAFE_CATEGORIES = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")

duration = wording.duration
"""Return a duration with three digits that matter, as findings say it too."""

ASCII_FALLBACK = "tracelog.ascii_fallback"
"""The name of a codec error handler: what an encoding lacks is drawn in ASCII or, if it is nobody's art, escaped."""
_DRAWN = dict(zip("├└│━┈…✗◆→←·µ▕▏┣┗─⋮", "|`|=.~x*><-u||++-:", strict=True))


def _draw(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(_DRAWN.get(character, _escape(character)) for character in lacking), error.end


codecs.register_error(ASCII_FALLBACK, _draw)


def escape(text: str) -> str:
    """Return text on one line with every control, format and bidirectional character written out."""
    if _PLAIN.fullmatch(text):
        return text
    return "".join(_escaped(character) for character in text)


def _escaped(character: str) -> str:
    if unicodedata.category(character) not in _UNSAFE_CATEGORIES:
        return character
    return _ESCAPES.get(character) or _escape(character)


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"  # noqa: PLR2004


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
