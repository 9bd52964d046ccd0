"""Parts of the sentences in which findings are said."""

from __future__ import annotations

_SECOND = 1_000_000_000
_MINUTE = 60 * _SECOND
_UNITS = (
    ("d", 1440 * _MINUTE), ("h", 60 * _MINUTE), ("m", _MINUTE), ("s", _SECOND), ("ms", 1_000_000), ("µs", 1_000)
)  # fmt: skip
_MOST_SAID = 72


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
