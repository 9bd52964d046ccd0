"""Whatever is nested in whatever: one parseable line of JSON, and no error."""

from __future__ import annotations

import json
import logging
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tracelog import JsonFormatter
from tracelog.capture.record import read_record
from tracelog.capture.values import clean, scrub
from tracelog.schema.otel import decode_log, encode_log

from .telemetry import RecordList, make_logger

ANY_TEXT = st.text(st.characters(codec=None, categories=None), max_size=8)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.complex_numbers(),
    ANY_TEXT,
    st.binary(max_size=8),
    st.datetimes(timezones=st.none() | st.timezones()),
    st.dates(),
    st.times(),
    st.timedeltas(),
    st.decimals().filter(lambda number: not number.is_snan()),  # it cannot be hashed
    st.fractions(),
    st.uuids(),
    st.builds(object),
)
KEYS = st.one_of(ANY_TEXT, st.integers(), st.none(), st.booleans(), st.tuples(st.integers(), ANY_TEXT))
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(KEYS, inner, max_size=4),
        st.tuples(inner, inner),
        st.sets(st.integers() | ANY_TEXT, max_size=3),
    ),
    max_leaves=12,
)
FREE_KEYS = ANY_TEXT.filter(lambda key: key not in logging.makeLogRecord({}).__dict__ | {"message": 0, "asctime": 0})


def record_of(message: Any, extra: dict[str, Any]) -> logging.LogRecord:
    kept = RecordList()
    make_logger(kept).info(message, extra=extra)
    return kept.records[0]


@given(message=st.one_of(ANYTHING, ANY_TEXT), extra=st.dictionaries(FREE_KEYS, ANYTHING, max_size=4))
def test_any_extra_under_any_message_is_one_line_of_json(message: Any, extra: dict[str, Any]) -> None:
    for schema in ("otel", "ecs"):
        line = JsonFormatter(schema=schema, service="shop").format(record_of(message, extra))
        assert "\n" not in line
        assert json.loads(line)["service.name"] == "shop"


@given(extra=st.dictionaries(FREE_KEYS, ANYTHING, max_size=4))
def test_any_extra_is_stored_as_it_was_cleaned(extra: dict[str, Any]) -> None:
    entry = scrub(read_record(record_of("said", extra), {"service.name": "shop"}, "1"))
    assert decode_log(encode_log(entry).body, "1") == entry


@given(value=ANYTHING)
def test_cleaning_what_is_clean_changes_nothing(value: Any) -> None:
    once = scrub(clean(value))
    assert scrub(clean(once)) == once
