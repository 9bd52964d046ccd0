"""Lines for people: time, level, text, trace id, and the stack below."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from opentelemetry.trace import Tracer

from tracelog.capture.pretty import PrettyFormatter

from .telemetry import TRACE, Printed, make_logger


@pytest.fixture
def printed(clock: None) -> Printed:
    """A console without colours."""
    return Printed(PrettyFormatter(service="shop", colors=False))


def test_a_line_within_a_span_shows_its_trace_id(tracer: Tracer, printed: Printed) -> None:
    with tracer.start_as_current_span("checkout"):
        make_logger(printed).info("placed", extra={"items": 3})
    line = f"14:23:01.200 [info     ] placed                         [shop.orders] items=3 trace_id={TRACE}"
    assert [line.rstrip() for line in printed.lines] == [line]


def test_a_line_outside_any_span_shows_none(printed: Printed) -> None:
    make_logger(printed).warning("placed")
    assert [line.rstrip() for line in printed.lines] == [
        "14:23:01.200 [warning  ] placed                         [shop.orders]"
    ]


def test_extras_under_the_names_of_the_lines_own_parts_stand_beside_them(printed: Printed) -> None:
    extra: dict[Any, Any] = {"event": "signup", "level": "gold", "stack": 3, ("a", 1): 2}
    make_logger(printed).info("placed", extra=extra)
    said = "attributes.event=signup attributes.level=gold attributes.stack=3"
    line = f"14:23:01.200 [info     ] placed                         [shop.orders] ('a', 1)=2 {said}"
    assert printed.lines == [line]


def test_what_a_terminal_would_obey_is_written_out(printed: Printed) -> None:
    make_logger(printed).info("a\x1b[31m\nb\u202e", extra={"k\x1by": "v\r\u2066", "list": ["\x1b"]})
    (line,) = printed.lines
    assert line.split() == [
        "14:23:01.200", "[info", "]", r"a\x1b[31m\nb\u202e", "[shop.orders]",
        r"k\x1by=v\r\u2066", r"list=['\x1b']",
    ]  # fmt: skip


def test_what_a_terminal_would_obey_is_written_out_of_an_exception_too(printed: Printed) -> None:
    make_logger(printed).info("failed", exc_info=KeyError("a"), extra={"items": 3})
    make_logger(printed).info("failed", exc_info=ValueError("\x1b[2J"), stack_info=True)
    assert printed.lines[1] == "KeyError: 'a'"
    assert printed.lines[-1] == r"ValueError: \x1b[2J"


def test_an_exception_stands_below_its_line(printed: Printed) -> None:
    try:
        raise KeyError("order.id")
    except KeyError:
        make_logger(printed).exception("failed")
    assert "Traceback (most recent call last):" in printed.lines
    assert printed.lines[-1] == "KeyError: 'order.id'"


def test_the_stack_that_was_asked_for_stands_below_its_line(printed: Printed) -> None:
    make_logger(printed).info("here", stack_info=True)
    assert printed.lines[1] == "Stack (most recent call last):"


def test_a_message_that_is_no_text_is_printed(printed: Printed) -> None:
    printed.handle(logging.makeLogRecord({"msg": {"order": 7}, "created": 0.0}))
    assert "order=7" in printed.text
