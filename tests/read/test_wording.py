"""The parts of sentences, and what of a call does not tell it from another."""

from __future__ import annotations

import pytest

from tracelog.read.wording import count, cropped, listed, templated


@pytest.mark.parametrize(
    ("names", "said"), [(["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c", "d"], "a, b, c and d")]
)
def test_names_are_listed_as_they_are_spoken(names: list[str], said: str) -> None:
    assert listed(names) == said


def test_one_is_not_many() -> None:
    assert (count(1, "line"), count(0, "line"), count(1234, "line")) == ("1 line", "0 lines", "1,234 lines")


def test_a_text_is_said_on_one_line_and_of_a_long_one_its_ends() -> None:
    assert cropped("two\n  words ") == "two words"
    assert cropped("x" * 72) == "x" * 72
    assert cropped("x" * 73) == f"{'x' * 36} … {'x' * 36}"
    said = cropped("the card gateway is slow to answer and the payment service is going to wait for it for a while")
    assert said == "the card gateway is slow to answer … is going to wait for it for a while"


@pytest.mark.parametrize(
    ("text", "template"),
    [
        ("/api/v1/orders/42", "/api/v1/orders/?"),
        ("/v12/items/sku-900/3fa9c1d2", "/v12/items/sku-?/?"),
        ("/users/6f1c3e9a-1b2c-3d4e-8f90-1234567890ab/cart", "/users/?/cart"),
        ("SELECT * FROM items WHERE id = 7 AND name = 'a b' AND x = \"9\"",
         "SELECT * FROM items WHERE id = ? AND name = ? AND x = ?"),
        ("/cafe/face/deadbeef", "/cafe/face/deadbeef"),
        ("/dead0/0dead/de-ad1/f00_d", "/?/?/de-?/f?_d"),
        ("cache get", "cache get"),
    ],
)  # fmt: skip
def test_numbers_ids_and_quoted_values_are_arguments_and_words_and_versions_are_not(text: str, template: str) -> None:
    assert templated(text) == template


@pytest.mark.parametrize("part", ["1", "a1", "deadbeef01", "1-", "'", '"', "a"])
def test_a_text_of_any_length_is_templated_by_its_beginning(part: str) -> None:
    text = f"/blob/{part * 1_000_000}_thumb"
    assert templated(text) == templated(text[:1000])
