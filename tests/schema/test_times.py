"""Times between text and nanoseconds, and the moments that people name."""

from __future__ import annotations

import contextlib
import re
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracelog.errors import ConfigurationError
from tracelog.schema.times import LATEST, SECOND, format_iso, format_short, parse_epoch, parse_iso
from tracelog.store.query import moment

NOON = 1_776_600_000_000_000_000
"""2026-04-19T12:00:00Z"""
FIRST, LAST = -62_135_596_800 * SECOND, 253_402_300_800 * SECOND - 1
"""The years 1 to 9999."""


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("2026-04-19T12:00:00Z", 0),
        ("2026-04-19T12:00:00z", 0),
        ("2026-04-19 12:00:00", 0),
        ("2026-04-19T12:00", 0),
        ("  2026-04-19T12:00:00Z\n", 0),
        ("2026-04-19T14:00:00+02:00", 0),
        ("2026-04-19T14:00:00+0200", 0),
        ("2026-04-19T14:00:00+02", 0),
        ("2026-04-19 14:00:00 +02:00", 0),
        ("2026-04-19T06:30:00-05:30", 0),
        ("2026-04-20T01:45+13:45", 0),
        ("2026-04-19 12:00:00,123", 123_000_000),
        ("2026-04-19T12:00:00.1Z", 100_000_000),
        ("2026-04-19T12:00:00.12Z", 120_000_000),
        ("2026-04-19T12:00:00.123Z", 123_000_000),
        ("2026-04-19T12:00:00.1234Z", 123_400_000),
        ("2026-04-19T12:00:00.12345Z", 123_450_000),
        ("2026-04-19T12:00:00.123456Z", 123_456_000),
        ("2026-04-19T12:00:00.1234567Z", 123_456_700),
        ("2026-04-19T12:00:00.12345678Z", 123_456_780),
        ("2026-04-19T12:00:00.123456789Z", 123_456_789),
        ("2026-04-19T12:00:00.123456789999Z", 123_456_789),
        ("2026-04-19T12:00:00.000000001+00:00", 1),
    ],
)
def test_every_form_of_iso_8601_that_loggers_write_is_read(text: str, nanoseconds: int) -> None:
    assert parse_iso(text) == NOON + nanoseconds


GARBAGE = [
    "", "now", "2026", "2026-04", "2026-04-19", "2026-04-19T", "2026-04-19T12", "12:00:00", "2026-13-19T12:00:00Z",
    "2026-02-30T12:00:00Z", "2026-04-19T24:00:00Z", "2026-04-19T12:60:00Z", "2026-04-19T12:00:61Z",
    "2026-04-19T12:00:00.Z", "2026-04-19T12:00:00 CET", "2026-04-19T12:00:00+2", "0000-01-01T00:00:00Z",
    "2026-04-19T12:00:00Z and more", "-2026-04-19T12:00:00Z",
]  # fmt: skip


@pytest.mark.parametrize("text", GARBAGE)
def test_what_is_no_time_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse_iso(text)


@given(st.text())
def test_any_text_is_a_time_or_a_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert isinstance(parse_iso(text), int)


@given(st.integers(FIRST, LAST))
def test_every_nanosecond_comes_back_from_its_text(time: int) -> None:
    assert parse_iso(format_iso(time)) == parse_iso(format_iso(time, digits=9)) == time


@given(st.integers(FIRST, LAST))
def test_a_time_is_written_with_as_many_digits_as_are_known_in_threes(time: int) -> None:
    written = format_iso(time)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.(\d{3}|\d{6}|\d{9})Z", written)
    assert len(written) == 24 or not written.endswith("000Z")


@pytest.mark.parametrize(
    ("digits", "written"),
    [
        (0, "2026-04-19T12:00:00Z"),
        (3, "2026-04-19T12:00:00.000Z"),
        (6, "2026-04-19T12:00:00.000001Z"),
        (9, "2026-04-19T12:00:00.000001500Z"),
        (None, "2026-04-19T12:00:00.000001500Z"),
    ],
)
def test_the_digits_of_the_fraction_can_be_chosen(digits: int | None, written: str) -> None:
    assert format_iso(NOON + 1500, digits=digits) == written


@pytest.mark.parametrize(
    ("later", "written"), [(0, "12:00:00Z"), (900_000_000, "12:00:00.900Z"), (1, "12:00:00.000000001Z")]
)
def test_a_whole_second_can_be_written_without_a_fraction_and_no_other(later: int, written: str) -> None:
    assert format_short(NOON + later) == f"2026-04-19T{written}"


def test_times_beyond_the_calendar_are_written_as_its_ends() -> None:
    assert format_iso(LAST * 10, digits=0) == "9999-12-31T23:59:59Z"
    assert format_iso(FIRST * 10, digits=0) == "0001-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("value", "time"),
    [
        (0, 0),
        (1_776_600_000, NOON),
        (1_776_600_000_123, NOON + 123_000_000),
        (1_776_600_000_123_456, NOON + 123_456_000),
        (1_776_600_000_123_456_789, NOON + 123_456_789),
        (1_776_600_000.0, NOON),
        (1_776_600_000.5, NOON + 500_000_000),
        (1_776_600_000.123456, NOON + 123_456_000),
        (1_776_600_000_123.25, NOON + 123_250_000),
        (1_776_600_000_123_456.5, NOON + 123_456_500),
        (-1.5, -1_500_000_000),
        (LATEST - 1, LATEST - 1),
    ],
)
def test_an_epoch_is_read_in_the_unit_that_its_size_tells_to_the_digit(value: float, time: int) -> None:
    assert parse_epoch(value) == time


@pytest.mark.parametrize("value", [LATEST, -LATEST, float("nan"), float("inf"), float("-inf"), 1e300])
def test_a_number_that_is_no_epoch_is_a_value_error(value: float) -> None:
    with pytest.raises(ValueError, match="not a time"):
        parse_epoch(value)


@given(st.integers(0, 99_999_999_999_999))
def test_an_epoch_float_with_six_digits_means_exactly_those(milliseconds: int) -> None:
    assert parse_epoch(float(f"{milliseconds // 1000}.{milliseconds % 1000:03d}")) == milliseconds * 1_000_000


@pytest.fixture
def at_noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tracelog.store.query.time.time_ns", lambda: NOON)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("500ms", 0.5), ("30s", 30), ("15m", 900), ("2h", 7200), ("2 h", 7200), (" 1.5h ", 5400), ("1d", 86400),
        ("2w", 1_209_600),
    ],
)  # fmt: skip
def test_a_moment_may_be_said_as_so_long_ago(text: str, seconds: float, at_noon: None) -> None:
    assert moment(text) == NOON - round(seconds * SECOND)


@pytest.mark.parametrize(
    ("value", "time"),
    [
        (None, None),
        (NOON, NOON),
        ("2026-04-19", NOON - 43_200 * SECOND),
        (" 2026-04-19 ", NOON - 43_200 * SECOND),
        ("2026-04-19T12:00", NOON),
        ("2026-04-19T14:00+02:00", NOON),
        (datetime(2026, 4, 19, 12, 0, 0, 123456), NOON + 123_456_000),  # noqa: DTZ001 - a naive one is meant
        (datetime(2026, 4, 19, 12, tzinfo=timezone.utc), NOON),
        (datetime(2026, 4, 19, 14, 0, 0, 1, timezone(timedelta(hours=2))), NOON + 1000),
        (datetime(1969, 12, 31, 23, 59, 59, 999_999, timezone.utc), -1000),
    ],
)
def test_a_moment_may_be_a_number_a_date_or_a_datetime_in_utc_without_a_zone(
    value: int | str | datetime | None, time: int | None
) -> None:
    assert moment(value) == time


@pytest.mark.parametrize(
    "text", ["", "yesterday", "15", "m", "15 minutes", "-15m", "2026-13-01", "2026-4-1", "9" * 400 + "w"]
)
def test_a_moment_that_cannot_be_understood_is_said_with_examples(text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        moment(text)
    assert str(caught.value) == f"not a time: {text!r} (expected for example 15m, 2h or 2026-04-19T14:23)"


@pytest.mark.parametrize(
    "value", ["9999-12-31", "0001-01-01", "99999999w", datetime(9999, 12, 31, tzinfo=timezone.utc), 10**30, -(10**30)]
)
def test_a_moment_beyond_64_bits_is_the_last_or_the_first_that_a_store_can_compare(value: int | str | datetime) -> None:
    assert moment(value) in (LATEST - 1, -LATEST)
