"""Exceptions as text: type, message and the whole stack, with causes, notes and groups."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Callable

import pytest

from tracelog.capture.exceptions import describe_exception, from_exc_info, take_exception
from tracelog.model import ExceptionInfo


class OrderError(Exception):
    """An exception of a module of its own."""


class Speechless(Exception):  # noqa: N818 - it names what it does
    def __str__(self) -> str:
        raise RuntimeError("no words")


def described(fail: Callable[[], object]) -> ExceptionInfo:
    """Call something that fails and describe how."""
    try:
        fail()
    except BaseException as error:  # noqa: BLE001 - whatever it is
        found = describe_exception(error)
        assert found is not None
        return found
    raise AssertionError("it did not fail")


def fail_with_cause() -> None:
    try:
        raise KeyError("order.id")
    except KeyError as error:
        raise OrderError("cannot place") from error


def test_an_exception_of_ours_has_its_qualified_type() -> None:
    found = described(fail_with_cause)
    assert (found.type, found.message) == (f"{__name__}.OrderError", "cannot place")


def test_a_nested_class_has_its_whole_name() -> None:
    class InnerError(Exception):
        pass

    found = describe_exception(InnerError())
    assert found is not None
    assert found.type == f"{__name__}.test_a_nested_class_has_its_whole_name.<locals>.InnerError"


def test_the_stack_tells_the_cause_first() -> None:
    stack = described(fail_with_cause).stacktrace or ""
    cause = "KeyError: 'order.id'\n\nThe above exception was the direct cause of the following exception:\n\n"
    assert cause in stack
    assert stack.startswith("Traceback (most recent call last):\n")
    assert stack.endswith("OrderError: cannot place\n")


def test_an_exception_that_has_no_words_costs_a_placeholder() -> None:
    def fail() -> None:
        raise Speechless

    found = described(fail)
    assert (found.type, found.message) == (f"{__name__}.Speechless", "<unprintable Speechless: RuntimeError>")
    assert (found.stacktrace or "").endswith("Speechless: <exception str() failed>\n")


def test_an_exception_that_was_never_raised_has_a_stack_of_one_line() -> None:
    assert describe_exception(ValueError("empty")) == ExceptionInfo("ValueError", "empty", "ValueError: empty\n")


def test_a_cycle_of_causes_ends() -> None:
    first, second = ValueError("one"), ValueError("two")
    first.__cause__, second.__cause__ = second, first
    found = describe_exception(first)
    assert found is not None
    assert (found.stacktrace or "").count("ValueError: one\n") == 1


if sys.version_info >= (3, 11):  # exception groups and notes are there from Python 3.11 on

    def test_a_group_is_told_with_all_its_members() -> None:
        group = builtins.ExceptionGroup("two failed", [KeyError("a"), OrderError("b")])
        found = describe_exception(group)
        assert found is not None
        assert (found.type, found.message) == ("ExceptionGroup", "two failed (2 sub-exceptions)")
        assert "KeyError: 'a'\n" in (found.stacktrace or "")
        assert "OrderError: b\n" in (found.stacktrace or "")

    def test_the_notes_of_an_exception_are_in_its_stack() -> None:
        error = ValueError("empty")
        error.add_note("while reading the cart")
        found = describe_exception(error)
        assert found == ExceptionInfo("ValueError", "empty", "ValueError: empty\nwhile reading the cart\n")


EMPTY = ExceptionInfo("ValueError", "empty", "ValueError: empty\n")


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        (None, None),
        (False, None),
        ((None, None, None), None),
        ((), None),
        (ValueError("empty"), EMPTY),
        ((ValueError, ValueError("empty"), None), EMPTY),
        ((ValueError, None, None), ExceptionInfo("ValueError")),
        (EMPTY, EMPTY),
    ],
)
def test_an_exc_info_in_any_of_its_forms_is_understood(info: object, expected: ExceptionInfo | None) -> None:
    assert from_exc_info(info) == expected


@pytest.mark.parametrize("info", [True, 1])
def test_an_exc_info_of_true_is_the_exception_being_handled(info: object) -> None:
    assert from_exc_info(info) is None
    try:
        raise KeyError("order.id")
    except KeyError:
        found = from_exc_info(info)
    assert found is not None
    assert (found.type, found.message) == ("KeyError", "'order.id'")


def test_the_exception_is_taken_out_of_an_event_dict() -> None:
    event = {"event": "failed", "exc_info": ValueError("empty"), "exception": "theirs"}
    assert take_exception(event) == EMPTY
    assert event == {"event": "failed", "exception": "theirs"}
    assert take_exception(event) == ExceptionInfo(stacktrace="theirs")
    assert event == {"event": "failed"}


def test_an_exc_info_of_text_is_not_taken_for_the_exception_being_handled() -> None:
    event = {"event": "failed", "exc_info": "KeyError('order.id')"}
    try:
        raise ValueError("another")
    except ValueError:
        assert take_exception(event) is None
    assert event == {"event": "failed", "exc_info": "KeyError('order.id')"}


@pytest.mark.parametrize("info", [(False, None), (False, None, None), ("a", "b", "c"), (int, 1, None), (), {}, "yes"])
def test_what_is_no_exception_is_none(info: object) -> None:
    assert from_exc_info(info) is None
