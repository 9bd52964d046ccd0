"""Durations, times and hostile text, made fit for one line of a terminal."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from typing import Any

from tracelog.read import wording
from tracelog.schema import escaping
from tracelog.store.terms import attribute_text

duration = wording.duration
"""Return a duration with three digits that matter, as findings say it too."""
escape = escaping.escape
"""Return text on one line, with nothing in it that a terminal obeys, as the console's formatter has it too."""

ASCII_FALLBACK = "tracelog.ascii_fallback"
"""The name of a codec error handler: what an encoding lacks is drawn in ASCII or, if it is nobody's art, escaped."""
_DRAWN = dict(zip("├└│━┈…✗◆→←·µ▕▏┣┗─⋮", "|`|=.~x*><-u||++-:", strict=True))


def _draw(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(_DRAWN.get(character, escaping.escape_character(character)) for character in lacking), error.end


codecs.register_error(ASCII_FALLBACK, _draw)


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
