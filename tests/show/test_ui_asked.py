"""The address of a search: what it says is what is looked for, and the way back."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracelog.errors import ConfigurationError
from tracelog.show.ui.asked import LIMITS, Asked

HOUR = 3_600 * 10**9
NOON = 1_776_600_000_000_000_000
"""2026-04-19T12:00:00Z in ns."""
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20).map(str.strip)


def query_of(address: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(address).query, keep_blank_values=True))


@given(st.builds(Asked, **dict.fromkeys(("service", "operation", "min", "attributes", "since", "until"), texts)))
def test_an_address_leads_back_to_what_was_asked(asked: Asked) -> None:
    assert Asked.of(query_of(asked.address())) == asked


def test_an_address_says_only_what_was_changed() -> None:
    assert Asked().address() == "/"
    assert Asked(service="shop").address(operation="GET /a&b") == "/?service=shop&operation=GET+%2Fa%26b"
    assert Asked(since="2h", limit=LIMITS[0]).address(since="") == "/?since=&limit=50"


def test_without_a_word_of_the_window_it_is_the_last_hour_and_an_empty_field_is_all() -> None:
    since, until = Asked.of({}).window
    later, _ = Asked.of({}).window
    assert since is not None
    assert later is not None
    assert 0 <= later - since < HOUR
    assert (until, Asked.of({"since": "", "until": ""}).window) == (None, (None, None))


def test_a_pinned_address_shows_the_same_tomorrow() -> None:
    assert Asked(service="shop", since="2026-04-19T11:00").pinned(NOON) == (
        "/?service=shop&since=2026-04-19T11%3A00%3A00Z&until=2026-04-19T12%3A00%3A00Z"
    )
    assert query_of(Asked(since="").pinned(NOON)) == {"since": "", "until": "2026-04-19T12:00:00Z"}


def test_fields_are_what_the_store_is_asked_for() -> None:
    asked = Asked.of({
        "service": " shop ", "operation": "", "kind": "SERVER", "min": "500ms", "attributes": "order.id=A-1, items>3,",
        "errors": "yes", "since": "", "until": "2026-04-19T12:00", "limit": "50", "unknown": "x",
    })  # fmt: skip
    assert asked.limit == 50
    assert asked.filters == {
        "service": "shop", "operation": None, "kind": "SERVER", "min_duration": "500ms", "max_duration": None,
        "attributes": ["order.id=A-1", "items>3"], "errors": True, "since": None, "until": NOON,
    }  # fmt: skip


@pytest.mark.parametrize("limit", ["0", "-1", "many", "99999999", ""])
def test_no_other_number_of_traces_may_be_asked_for(limit: str) -> None:
    with pytest.raises(ConfigurationError, match="is not one of 50, 200, 1000"):
        Asked.of({"limit": limit})
