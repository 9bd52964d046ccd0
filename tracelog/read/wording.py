"""Parts of the sentences in which findings are said, and what texts have in common that differ in their arguments."""

from __future__ import annotations

import re
from collections.abc import Callable

from tracelog.model import Span

_SECOND = 1_000_000_000
_MINUTE = 60 * _SECOND
_UNITS = (
    ("d", 1440 * _MINUTE), ("h", 60 * _MINUTE), ("m", _MINUTE), ("s", _SECOND), ("ms", 1_000_000), ("µs", 1_000)
)  # fmt: skip
_MOST_SAID = 72
_QUOTED, _UUID = r"""'[^']*'|"[^"]*\"""", r"[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}"
# The digit is looked for ahead, so that no text takes more than a step a letter.
_HEX = r"(?=[a-fA-F]*\d)[0-9a-fA-F]+\b"
_NUMBER = r"(?<!/v)(?<!\d)\d+"  # but that of a version in a path
_VARIABLE = re.compile(rf"{_QUOTED}|\b(?:{_UUID}|{_HEX})|{_NUMBER}")
_LONGEST = 1000
"""What is behind so many letters of a text tells no calls apart."""


def named(span: Span) -> str:
    """Return how sentences call a span: `inventory POST /reserve`."""
    return f"{span.service} {span.name}"


def duration(nanoseconds: int) -> str:
    """Return a duration with three digits that matter: `850 µs`, `12.3 ms`, `8.12 s`, `2 m 05 s`, `1.25 h`."""
    nearest = nanoseconds if nanoseconds >= _MINUTE else int(float(f"{nanoseconds:.3g}"))
    if _MINUTE <= nearest < 10 * _MINUTE:
        minutes, rest = divmod(nearest, _MINUTE)
        return f"{minutes} m {rest // _SECOND:02d} s"
    for unit, size in _UNITS:
        if nearest >= size:
            return f"{three_digits(nearest / size)} {unit}"
    return f"{nearest} ns"


def three_digits(value: float) -> str:
    """Return a number of at least one with the three digits that matter: `1.25`, `12.3`, `850`."""
    nearest = float(f"{value:.3g}")
    return f"{value:.{2 if nearest < 10 else 1 if nearest < 100 else 0}f}"  # noqa: PLR2004 - digits


def count(number: int, noun: str) -> str:
    """Return `1 line`, `1,234 lines`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def cropped(text: str) -> str:
    """Return a text on one line; of a long one its beginning and its end, in whole words where they are short."""
    plain = " ".join(text.split())
    if len(plain) <= _MOST_SAID:
        return plain
    head, tail = plain[: _MOST_SAID // 2], plain[-_MOST_SAID // 2 :]
    return f"{head.rpartition(' ')[0] or head} … {tail.partition(' ')[2] or tail}"


def quoted(text: str) -> str:
    """Return what was said, cropped and in quotes."""
    return f"'{cropped(text)}'"


def listed(names: list[str]) -> str:
    """Return `a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def templated(text: str) -> str:
    """Return a text with a mark in place of numbers, ids and quoted values: what differs from call to call.

    Of a long text its beginning.
    """
    return _VARIABLE.sub("?", text[:_LONGEST])


class Templates(dict[str, str]):
    """Texts -> the same as a function templates them, each once."""

    def __init__(self, template: Callable[[str], str]) -> None:
        super().__init__()
        self._template = template

    def __missing__(self, text: str) -> str:
        self[text] = template = self._template(text)
        return template
