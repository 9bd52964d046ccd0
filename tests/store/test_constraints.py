"""What is asked of attributes: as it is written, and whether a value is what was asked for."""

from __future__ import annotations

import pytest
from documents import make_line, make_span

from tracelog.errors import ConfigurationError
from tracelog.model import LogEntry, Span
from tracelog.store.constraints import Constraint, constraints, decided, meets
from tracelog.store.notes import Notes


@pytest.mark.parametrize(
    ("written", "constraint"),
    [
        ("order.id", Constraint("order.id")),
        ("order.id=A-1", Constraint("order.id", "=", "A-1")),
        ("note=a=b>c", Constraint("note", "=", "a=b>c")),
        ("note=", Constraint("note", "=", "")),
        ("note= x ", Constraint("note", "=", " x ")),
        ("two\nlines=\n", Constraint("two\nlines", "=", "\n")),
        ("items>3", Constraint("items", ">", "3")),
        ("items >= 3", Constraint("items", ">=", " 3")),
        ("items<3", Constraint("items", "<", "3")),
        ("items<=-1e3", Constraint("items", "<=", "-1e3")),
    ],
)
def test_a_constraint_is_read_as_it_is_written(written: str, constraint: Constraint) -> None:
    assert constraints([written]) == (constraint,)


@pytest.mark.parametrize("written", ["", " ", "=x", ">3", "<", "  =x", "key!=x"])
def test_what_names_no_attribute_is_an_error_in_a_line(written: str) -> None:
    with pytest.raises(ConfigurationError, match="not an attribute"):
        constraints([written])


def test_values_by_key_are_compared_as_text() -> None:
    assert constraints({"items": 3, "flag": True, "share": 0.5}) == (
        Constraint("items", "=", "3"),
        Constraint("flag", "=", "true"),
        Constraint("share", "=", "0.5"),
    )
    assert (constraints(None), constraints("items>3")) == ((), (Constraint("items", ">", "3"),))


@pytest.mark.parametrize(
    ("written", "allowed", "others"),
    [
        ("a", ["", "x", "0"], []),
        ("a=1", ["1"], ["1.0", "01", " 1"]),
        ("a>9", ["10", "9.5", "1e2"], ["9", "-10", "x", "", "nan", "inf"]),
        ("a>=9", ["9", "9.0"], ["8.99", "true"]),
        ("a<0.5", ["0", "-3"], ["0.5", "zero"]),
        ("a<=0", ["0", "-0"], ["1e-9"]),
        ("a>2026-04", ["2026-04-19", "2026-05", "x"], ["2026-03", "2025"]),
    ],
)
def test_numbers_are_compared_with_numbers_and_text_by_its_letters(
    written: str, allowed: list[str], others: list[str]
) -> None:
    (constraint,) = constraints([written])
    assert [text for text in (*allowed, *others) if constraint.allows(text)] == allowed


@pytest.mark.parametrize("found", [make_span(1), make_line(1)])
def test_one_of_several_values_is_enough_and_all_constraints_have_to_be_met(found: Span | LogEntry) -> None:
    held = {"tags": ["tea", "pot"], "basket": {"items": 4, "sums": [1, 20]}}
    make = make_span if isinstance(found, Span) else make_line
    one = make(1, attributes=held, resource={"host.name": "host-1"})
    assert meets(one, constraints(["tags=pot", "basket.items>3", "basket.sums>19", "host.name"]))
    assert not meets(one, constraints(["tags=pot", "basket.items>4"]))
    assert not meets(one, constraints(["basket"]))
    assert meets(one, ())


def test_how_much_was_read_for_a_comparison_is_noted_whoever_stops_reading() -> None:
    spans = [make_span(number, attributes={"items": number}) for number in range(10)]
    (asked,) = constraints(["items>3"])
    notes = Notes()
    found = decided(spans, lambda span: meets(span, [asked]), [asked], notes)
    assert next(found) == spans[4]
    found.close()  # type: ignore[attr-defined] # of a generator
    assert list(decided(spans, lambda span: meets(span, [asked]), [asked], notes)) == spans[4:]
    notes.add("something else")
    assert notes.lines() == ["something else", "15 documents were read to compare items>3"]
    assert list(decided(spans, lambda _: True, [], notes)) == spans
