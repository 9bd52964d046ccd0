"""Ids in every spelling that people paste, and those that are none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracelog import ids
from tracelog.ids import Candidates, TraceParent

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{SPAN}-01"

trace_numbers = st.integers(1, 2**128 - 1)
span_numbers = st.integers(1, 2**64 - 1)

SPELLINGS = [
    TRACE,
    TRACE.upper(),
    f"0x{TRACE}",
    f"0X{TRACE.upper()}",
    f"  {TRACE}\n",
    "4bf92f35-77b3-4da6-a3ce-929d0e0e4736",
    "4BF92F35-77B3-4DA6-A3CE-929D0E0E4736",
]
NO_TRACE_IDS = [
    "",
    " ",
    "0",
    "0x",
    "0x0",
    "-",
    "0" * 32,
    "0" * 33,
    TRACE + "0",
    "xyz",
    f"{TRACE[:-1]}g",
    "\uff14bf9",
    PARENT,
]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_trace_id_is_read_in_every_spelling(spelling: str) -> None:
    assert ids.trace_id(spelling) == TRACE


@pytest.mark.parametrize("text", NO_TRACE_IDS)
def test_what_is_absent_malformed_or_zero_is_no_trace_id(text: str) -> None:
    assert ids.trace_id(text) is None


@pytest.mark.parametrize("value", [None, 0, 12, b"4bf92f3577b34da6", ["4bf92f3577b34da6"], 1.5])
def test_what_is_not_text_is_no_id(value: object) -> None:
    assert (ids.trace_id(value), ids.span_id(value)) == (None, None)


def test_a_64_bit_trace_id_is_padded_on_the_left() -> None:
    padded = "0" * 16 + "a3ce929d0e0e4736"
    assert {ids.trace_id("a3ce929d0e0e4736"), ids.trace_id("A3CE929D0E0E4736"), ids.trace_id(padded)} == {padded}


@pytest.mark.parametrize(
    "spelling", [SPAN, SPAN.upper(), f"0x{SPAN}", f" {SPAN} ", SPAN.lstrip("0"), "00f067aa-0ba902b7"]
)
def test_a_span_id_is_read_in_every_spelling(spelling: str) -> None:
    assert ids.span_id(spelling) == SPAN


@pytest.mark.parametrize("text", ["", "0", "0" * 16, f"{SPAN}0", TRACE, "not hex digits"])
def test_what_is_absent_malformed_or_zero_is_no_span_id(text: str) -> None:
    assert ids.span_id(text) is None


@pytest.mark.parametrize(
    ("header", "flags"),
    [
        (PARENT, 1),
        (f"00-{TRACE}-{SPAN}-00", 0),
        (f"00-{TRACE}-{SPAN}-ff", 255),
        (f"cc-{TRACE}-{SPAN}-01", 1),
        (f"cc-{TRACE}-{SPAN}-01-what-the-future-will-be-like", 1),
        (f"fe-{TRACE}-{SPAN}-01-", 1),
    ],
)
def test_a_valid_traceparent_is_parsed(header: str, flags: int) -> None:
    assert ids.parse_traceparent(header) == TraceParent(TRACE, SPAN, flags)


@pytest.mark.parametrize(
    "header",
    [
        "",
        TRACE,
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-trailing",
        f"00-{TRACE}-{SPAN}-01-",
        f"cc-{TRACE}-{SPAN}-01.trailing",
        f"cc-{TRACE}-{SPAN}-012",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE[1:]}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}0-01",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE}-{SPAN}",
        f"0-{TRACE}-{SPAN}-01",
        PARENT.upper(),
        f" {PARENT}",
        f"{PARENT}\n",
        PARENT.replace("-", "_"),
        f"zz-{TRACE}-{SPAN}-01",
    ],
)
def test_an_invalid_traceparent_is_none(header: str) -> None:
    assert ids.parse_traceparent(header) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (TRACE, Candidates(TRACE, None)),
        (SPELLINGS[-1], Candidates(TRACE, None)),
        (PARENT, Candidates(TRACE, None)),
        (f" {PARENT.upper()} ", Candidates(TRACE, None)),
        (SPAN, Candidates(SPAN.rjust(32, "0"), SPAN)),
        (f"0x{SPAN.upper()}", Candidates(SPAN.rjust(32, "0"), SPAN)),
        ("1234567", Candidates(None, None)),
        ("12345678", Candidates("12345678".rjust(32, "0"), "12345678".rjust(16, "0"))),
        (f"{TRACE}0", Candidates(None, None)),
        (f"ff-{TRACE}-{SPAN}-01", Candidates(None, None)),
        ("A-1234", Candidates(None, None)),
        ("0" * 32, Candidates(None, None)),
        ("", Candidates(None, None)),
    ],
)
def test_a_pasted_text_is_looked_for_as_the_ids_it_can_be(text: str, expected: Candidates) -> None:
    assert ids.candidates(text) == expected


@given(trace_numbers)
def test_every_trace_id_comes_back_from_its_text_in_any_spelling(number: int) -> None:
    text = ids.format_trace_id(number)
    dashed = "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
    spellings = (text, text.upper(), f"0x{text}", dashed, f"{number:x}")
    assert [ids.trace_id(spelling) for spelling in spellings] == [text] * 5
    assert (len(text), int(text, 16)) == (32, number)


@given(span_numbers)
def test_every_span_id_comes_back_from_its_text_in_any_spelling(number: int) -> None:
    text = ids.format_span_id(number)
    assert [ids.span_id(spelling) for spelling in (text, text.upper(), f"0x{text}", f"{number:x}")] == [text] * 4
    assert (len(text), int(text, 16)) == (16, number)


@given(trace_numbers, span_numbers, st.integers(0, 255))
def test_every_traceparent_comes_back_from_its_text(trace: int, span: int, flags: int) -> None:
    parent = TraceParent(ids.format_trace_id(trace), ids.format_span_id(span), flags)
    assert ids.parse_traceparent(f"00-{parent.trace_id}-{parent.span_id}-{flags:02x}") == parent


@given(st.text())
def test_any_text_is_a_valid_id_or_none(text: str) -> None:
    for found, length in ((ids.trace_id(text), 32), (ids.span_id(text), 16)):
        assert found is None or (len(found) == length and set(found) <= set("0123456789abcdef") and found.strip("0"))
