"""Durations, attributes and hostile text, made fit for one line."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tracelog.show import text

US, MS, S = 1_000, 1_000_000, 1_000_000_000


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("plain ~ text", "plain ~ text"),
        ("", ""),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("two\nlines\r\n", "two\\nlines\\r\\n"),
        ("tab\tbell\a null\0", "tab\\tbell\\x07 null\\x00"),
        ("\x7f \x85 \x9b31m", "\\x7f \\x85 \\x9b31m"),
        ("abc\u202etxt.exe", "abc\\u202etxt.exe"),
        ("\u2066\u2069\u200b\u200d\ufeff", "\\u2066\\u2069\\u200b\\u200d\\ufeff"),
        ("\u2028\u2029", "\\u2028\\u2029"),
        ("\ud800 and \udfff", "\\ud800 and \\udfff"),
        ("\ue000\U000f0000", "\\ue000\\U000f0000"),
        ("\U000e0041", "\\U000e0041"),
        ("emoji 🛒 👍 日本語 é ñ", "emoji 🛒 👍 日本語 é ñ"),
        ("[red]markup[/red]", "[red]markup[/red]"),
        ("back\\slash", "back\\slash"),
    ],
)
def test_what_could_steer_a_terminal_is_written_out_and_the_rest_is_kept(raw: str, shown: str) -> None:
    assert text.escape(raw) == shown


@given(st.text(st.characters()))
def test_whatever_the_text_it_stays_on_one_line_and_can_be_encoded(raw: str) -> None:
    shown = text.escape(raw)
    assert not any(unicodedata.category(character)[0] == "C" and character != "\u0378" for character in shown if
                   unicodedata.category(character) != "Cn")  # fmt: skip
    assert shown.splitlines() in ([], [shown])
    shown.encode()


@given(st.text(st.characters()))
def test_whatever_the_text_it_can_be_printed_where_there_is_only_ascii(raw: str) -> None:
    raw.encode("ascii", errors=text.ASCII_FALLBACK)


def test_what_ascii_lacks_is_drawn_with_what_it_has() -> None:
    drawn = "├ └ │ ━ ┈ … ✗ ◆ → ← · µ é 🛒".encode("ascii", errors=text.ASCII_FALLBACK)
    assert drawn == rb"| ` | = . ~ x * > < - u \xe9 \U0001f6d2"


@pytest.mark.parametrize(
    ("nanoseconds", "shown"),
    [
        (0, "0 ns"), (1, "1 ns"), (999, "999 ns"), (US, "1.00 µs"), (850 * US, "850 µs"), (MS, "1.00 ms"),
        (12_300 * US, "12.3 ms"), (540 * MS, "540 ms"), (S, "1.00 s"), (8_120 * MS, "8.12 s"), (59 * S, "59.0 s"),
        (60 * S, "1 m 00 s"), (125 * S, "2 m 05 s"), (599 * S, "9 m 59 s"), (750 * S, "12.5 m"), (4500 * S, "1.25 h"),
        (45_000 * S, "12.5 h"), (100 * 3600 * S, "4.17 d"), (2**63, "106752 d"),
        (999_499, "999 µs"), (999_500, "1.00 ms"), (9_996 * MS, "10.0 s"), (59_960 * MS, "1 m 00 s"),
        (3_599 * S, "60.0 m"), (35_990 * S, "10.0 h"),
    ],
)  # fmt: skip
def test_a_duration_is_said_with_the_digits_that_matter(nanoseconds: int, shown: str) -> None:
    assert text.duration(nanoseconds) == shown


@given(st.integers(0, 2**63))
def test_every_duration_fits_its_column(nanoseconds: int) -> None:
    assert cell_len(text.duration(nanoseconds)) <= 8


def test_attributes_are_said_in_one_line_without_the_place_in_the_code() -> None:
    held = {
        "order.id": "A-1", "items": 3, "paid": True, "note": "two words", "empty": "", "code.file.path": "/app/x.py",
        "evil\n": "\x1b[2J", "list": [1, "b"],
    }  # fmt: skip
    assert text.attributes(held) == (
        'order.id=A-1 items=3 paid=true note="two words" empty="" evil\\n=\\x1b[2J list="[1, \'b\']"'
    )
