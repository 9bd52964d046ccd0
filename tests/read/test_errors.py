"""Errors that spans hide and errors that no line tells of, and what is neither."""

from __future__ import annotations

from typing import Any

import pytest
from trees import call, found, make_line

from tracelog.model import LogEntry, Span, SpanEvent

ROOT = call(0, None, 0, 100, name="POST /orders", kind="SERVER")
CHARGE = call(1, 0, 10, 90, name="charge card")
CLIENT = call(2, 1, 20, 80, name="POST /pay", kind="CLIENT")
SERVER = call(3, 2, 30, 70, name="POST /pay", kind="SERVER", service="cards")
SPANS = [ROOT, CHARGE, CLIENT, SERVER]


def error(span: int | None, number: int = 1, **rest: Any) -> LogEntry:
    return make_line(number, span, 50, **{"body": "charge failed", "severity_number": 17, **rest})


def failing(*numbers: int, **rest: Any) -> list[Span]:
    return [
        call(n, n - 1 if n else None, 0, 100, status="ERROR", **{"name": span.name, "service": span.service, **rest})
        if n in numbers else span
        for n, span in enumerate(SPANS)
    ]  # fmt: skip


def test_a_line_at_error_in_a_span_that_does_not_say_that_it_failed_is_hidden() -> None:
    text = "shop charge card logged an error, and its status is UNSET: 'charge failed'"
    assert found("hidden", SPANS, [error(1)]) == [(text, [1])]
    assert found("hidden", SPANS, [error(1, severity_number=None, severity_text="error")]) == [(text, [1])]
    assert found("hidden", SPANS, [error(1, severity_number=21)]) == [(text, [1])]


def test_hidden_errors_of_one_name_are_one_sentence() -> None:
    spans = [ROOT, *(call(n, 0, n, n + 1, name="charge card", status="OK") for n in (1, 2))]
    text = "shop charge card logged 3 errors, and its status is OK: 'charge failed'"
    assert found("hidden", spans, [error(1, 1), error(2, 2), error(2, 3)]) == [(text, [1, 2])]


def test_a_failed_caller_in_another_service_does_not_show_the_error() -> None:
    assert [numbers for _, numbers in found("hidden", failing(0, 1), [error(3, service="cards")])] == [[3]]


@pytest.mark.parametrize("shown", [1, 0, 2], ids=["itself", "above it", "what it called"])
def test_an_error_that_a_span_shows_is_not_hidden(shown: int) -> None:
    assert found("hidden", failing(shown), [error(1)]) == []


@pytest.mark.parametrize(
    "line",
    [
        error(1, severity_number=13),
        error(1, severity_number=None),
        error(None, service="shop"),
        error(77),
    ],
    ids=["warning", "no level", "guessed", "no such span"],
)
def test_what_is_no_proven_error_of_a_span_is_not_hidden(line: LogEntry) -> None:
    assert found("hidden", SPANS, [line]) == []


def test_a_span_that_failed_without_a_word_in_a_service_that_logs_is_said() -> None:
    line = make_line(1, 3, 40, service="cards", severity_number=9)
    assert found("unlogged", failing(3), [line]) == [("cards POST /pay failed, and no line says why", [3])]
    spans = failing(3, status_message="declined")
    text = "cards POST /pay failed (its status: declined), and no line says why"
    assert found("unlogged", spans, [line]) == [(text, [3])]


def test_of_failures_below_each_other_the_deepest_is_said_and_others_beside_it() -> None:
    spans = [*failing(0, 1), call(4, 0, 95, 99, name="refund", status="ERROR")]
    text = "shop charge card and shop refund failed 2 times, and no line says why"
    assert found("unlogged", spans, [make_line(1, 0, 5)]) == [(text, [1, 4])]


@pytest.mark.parametrize(
    ("span", "line"),
    [
        (2, make_line(1, 2, 50, severity_number=17)),
        (2, make_line(1, 2, 50, severity_text="WARN")),
        (2, make_line(1, 3, 50, severity_number=17, service="cards")),
        (2, make_line(1, 0, 50, severity_number=17)),
        (3, make_line(1, 0, 50, severity_number=9)),
        (1, make_line(1, None, 500, severity_number=17)),
        (1, make_line(1, 99, 500, severity_number=17)),
    ],
    ids=["in it", "a warning", "below it", "above it", "a service without lines", "without a span", "on a ghost"],
)
def test_a_failure_that_a_line_tells_of_is_logged(span: int, line: LogEntry) -> None:
    info = make_line(2, 0, 5, severity_number=9)
    assert found("unlogged", failing(span), [info, line]) == []


def test_a_failure_that_only_a_caller_in_another_service_logged_is_not_logged_where_it_happened() -> None:
    lines = [make_line(1, 0, 50, severity_number=17), make_line(2, 3, 40, service="cards", severity_number=9)]
    assert [numbers for _, numbers in found("unlogged", failing(3), lines)] == [[3]]


def test_an_exception_on_the_span_says_why_and_an_answer_of_4xx_is_no_failure_of_the_client() -> None:
    line = make_line(1, 0, 5, severity_number=9)
    assert found("unlogged", failing(1, events=(SpanEvent(5, "exception"),)), [line]) == []
    not_found = {"kind": "CLIENT", "attributes": {"http.response.status_code": 404}}
    assert found("unlogged", failing(1, **not_found), [line]) == []
    assert found("unlogged", failing(1, kind="CLIENT"), [line]) != []


def test_a_span_that_failed_for_an_answer_of_4xx_is_the_deepest_failure() -> None:
    not_found = {"kind": "CLIENT", "attributes": {"http.response.status_code": 404, "error.type": "404"}}
    spans = [*failing(0, 2, **not_found), call(4, 0, 95, 99, name="refund")]
    spans[1:2] = [call(1, 0, 10, 90, name="charge card", status="ERROR")]
    assert [numbers for _, numbers in found("unlogged", spans, [make_line(1, 0, 5)])] == [[1]]


def test_a_failure_that_only_its_answer_shows_is_said_as_one_of_the_status_is() -> None:
    unset = call(3, 2, 30, 70, service="cards", name="POST /pay", attributes={"http.response.status_code": 503})
    line = make_line(1, 3, 40, service="cards", severity_number=9)
    text = "cards POST /pay failed (its status: HTTP 503), and no line says why"
    assert found("unlogged", [*SPANS[:3], unset], [line]) == [(text, [3])]
