"""Rows 11 to 14 and 24 of the fault table: whatever is logged is in a real node, readable, and changes no mapping.

What each value becomes is in `tests/capture/test_hostile_values.py`; that strict readers of a caller's `traceparent`
ignore a hostile one (row 23) is in `tests/capture/test_crash_lines.py` and `tests/test_ids.py`.
"""

from __future__ import annotations

import json
import logging
import math
import urllib.request
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from tracelog.cli import run
from tracelog.model import LogEntry

from .shipping import Shipping

pytestmark = [pytest.mark.slow, pytest.mark.elasticsearch]


def mapping(shipping: Shipping) -> Any:
    with urllib.request.urlopen(f"{shipping.node}/logs-tracelog.otel-{shipping.namespace}/_mapping") as answer:
        (index,) = json.load(answer).values()
    return index


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {"bottom": "reached"}
    for _ in range(depth):
        value = {"deeper": value}
    return value


def test_row_11_keys_without_number_types_at_odds_and_depths_are_stored_and_leave_the_mapping_alone(
    shipping: Shipping,
) -> None:
    shipping.log(1)
    shipping.settle()
    before = mapping(shipping)
    shipping.logger.info("keys", extra={f"key-{number}": number for number in range(5000)})
    for number in range(500):
        shipping.logger.info("keys", extra={f"of.line-{number}.key-{key}": key for key in range(10)})
    for extra in ({"a": 1}, {"a.b": 2}, {"a": {"b": 3}}, {"a": [{"b": 4}, 5]}, {"a": "six"}):
        shipping.logger.info("at odds", extra=extra)
    for value in (1, "one", 1.5, True, None, "2026-04-19", [1, "two"], {"three": 3}):
        shipping.logger.info("of any type", extra={"value": value})
    shipping.logger.info("long", extra={"text": "x" * 40_000})
    shipping.logger.info("deep", extra={"value": nested(200)})
    stats = shipping.assert_stored_once()
    assert (stats.stored, stats.refused, stats.lost) == (517, 0, 0)
    assert mapping(shipping) == before
    (long,) = (line for line in shipping.read() if line.body == "long")
    assert long.attributes["text"] == "x" * 40_000


class Unspeakable:
    """An object that raises, or logs, when it is asked for its text."""

    def __init__(self, answer: Callable[[], str]) -> None:
        self._answer = answer

    def __str__(self) -> str:
        return self._answer()

    __repr__ = __str__


def fail() -> str:
    raise RuntimeError("no text")


def cycle() -> list[Any]:
    found: list[Any] = [1]
    found.append(found)
    return found


VALUES: dict[str, tuple[Any, Any]] = {
    "nan": (math.nan, "nan"),
    "infinity": (math.inf, "inf"),
    "beyond 64 bits": (2**70, "1180591620717411303424"),
    "lone surrogate": ("a\ud800b", "a\\ud800b"),
    "NUL": ("a\0b", "a\0b"),
    "bytes": (b"\xff\x00a", "\\xff\x00a"),
    "set": ({3}, [3]),
    "tuple key": ({(1, "a"): 1}, {"(1, 'a')": 1}),
    "naive datetime": (datetime(2026, 4, 19, 14, 23), "2026-04-19T14:23:00"),  # noqa: DTZ001 - the point
    "no text": (Unspeakable(fail), "<unprintable Unspeakable: RuntimeError>"),
}


def test_row_12_values_that_json_cannot_hold_are_stored_readable(shipping: Shipping) -> None:
    for name, (value, _) in VALUES.items():
        shipping.logger.info("%s", name, extra={"value": value})
    shipping.logger.info("cycle", extra={"value": cycle()})
    stats = shipping.assert_stored_once()
    assert (stats.stored, stats.lost) == (len(VALUES) + 1, 0)
    found = {line.message: line.attributes["value"] for line in shipping.read()}
    assert json.dumps(found.pop("cycle")).startswith("[1, ")
    assert found == {name: expected for name, (_, expected) in VALUES.items()}


def test_row_12_messages_that_nobody_can_encode_are_stored_readable(shipping: Shipping) -> None:
    for value, _ in VALUES.values():
        shipping.logger.info(value)
        shipping.logger.info("argument: %s", value)
    stats = shipping.assert_stored_once()
    assert (stats.stored, stats.lost) == (2 * len(VALUES), 0)


def test_row_12_a_text_that_logs_while_it_is_made_is_stored_with_what_it_logs(shipping: Shipping) -> None:
    def speak() -> str:
        shipping.logger.info("asked")
        return "outer"

    shipping.logger.info("%s", Unspeakable(speak), extra={"value": Unspeakable(speak)})
    stats = shipping.assert_stored_once()
    said = [line.message for line in shipping.read()]
    assert said.count("outer") == 1
    assert {*said} == {"asked", "outer"}
    assert stats.stored == len(said)


def only_line(shipping: Shipping) -> LogEntry:
    shipping.assert_stored_once()
    (line,) = shipping.read()
    return line


def test_row_13_a_message_whose_arguments_do_not_fit_is_stored_raw_with_them_and_the_error(shipping: Shipping) -> None:
    shipping.logger.info("%d orders", "x")
    line = only_line(shipping)
    assert line.body == "%d orders"
    assert line.attributes["logging.arguments"] == "('x',)"
    assert line.attributes["logging.error"].startswith("TypeError: %d format")


def test_row_14_an_extra_key_that_clashes_with_a_core_field_is_kept_beside_it(shipping: Shipping) -> None:
    names = ["@timestamp", "trace_id", "span_id", "severity_text", "severity_number", "body", "scope", "service"]
    extra = {name: f"my own {name}" for name in [*names, "service.name", "resource", "data_stream", "event_name"]}
    shipping.logger.warning("placed", extra=extra)
    line = only_line(shipping)
    assert {name: line.attributes[name] for name in extra} == extra
    assert (line.body, line.severity_text, line.service, line.trace_id) == ("placed", "WARNING", "shop", None)


HOSTILE = "a\r\nb\x1b[2J\x1b]0;title\x07\u202egnp.exe<script>alert('&\"')</script>\u2028\x00\x9b31m"


def test_row_24_what_would_command_a_display_is_stored_as_it_is_and_escaped_wherever_it_is_shown(
    shipping: Shipping, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    logger = logging.Logger(HOSTILE)  # noqa: LOG001 - getLogger would keep it
    logger.addHandler(shipping.handler)
    logger.warning(HOSTILE, extra={f"name {HOSTILE[:-5]}": HOSTILE})
    line = only_line(shipping)
    assert (line.body, line.logger) == (HOSTILE, HOSTILE)
    assert line.attributes[f"name {HOSTILE[:-5]}"] == HOSTILE
    monkeypatch.setenv("TRACELOG_STORE", shipping.node)
    monkeypatch.setenv("TRACELOG_NAMESPACE", shipping.namespace)
    assert run(["logs"]) == 0
    shown = capsys.readouterr().out
    assert "<script>" in shown
    assert [character for character in shown.replace("\n", "") if not character.isprintable()] == []
    assert run(["logs", "--json"]) == 0
    row = capsys.readouterr().out
    assert "\x1b" not in row
    assert json.loads(row)["message"] == HOSTILE
