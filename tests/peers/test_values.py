"""What JSON cannot hold: peers lose the line, print what is not JSON, or raise out of the log call.

`tests/capture/test_hostile_values.py` has each kind of value as tracelog prints it.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import Any

import ecs_logging
import msgspec
import pytest
from capture.telemetry import make_logger
from loguru import logger as loguru_logger
from pythonjsonlogger.json import JsonFormatter as PythonJsonFormatter
from pythonjsonlogger.msgspec import MsgspecFormatter

from .outcomes import OtelLogs, Outcome, tracelog_lines


class Unprintable:
    def __repr__(self) -> str:
        raise RuntimeError("no words")


def nested(depth: int) -> Any:
    value: Any = "deepest"
    for _ in range(depth):
        value = [value]
    return value


CYCLE: dict[str, Any] = {}
CYCLE["self"] = CYCLE

VALUES: dict[str, tuple[Any, Any]] = {
    "nan": (math.nan, "nan"),
    "lone surrogate": ("a\ud800b", "a\\ud800b"),
    "cycle": (CYCLE, {"self": "<cycle>"}),
    "tuple as a key": ({(1, 2): 3}, {"(1, 2)": 3}),
    "depth": (nested(20_000), [[[[[[[["<unprintable list: RecursionError>"]]]]]]]]),
    "unprintable": (Unprintable(), "<unprintable Unprintable: RuntimeError>"),
}
"""Values, and what tracelog prints for each."""

PYTHON_JSON_LOGGER, MSGSPEC, ECS = PythonJsonFormatter, MsgspecFormatter, ecs_logging.StdlibFormatter
Formatters = Callable[[], logging.Formatter]


def logged(formatter: logging.Formatter, value: Any) -> Outcome:
    handler = Outcome(formatter)
    make_logger(handler).info("said", extra={"value": value})
    return handler


@pytest.mark.parametrize(("value", "printed"), VALUES.values(), ids=VALUES)
def test_tracelog_prints_a_line_of_json_that_strict_parsers_read(value: Any, printed: Any) -> None:
    """The other half of all tests below, for the same values."""
    ours = tracelog_lines()
    make_logger(ours).info("said", extra={"value": value})
    assert msgspec.json.decode(ours.lines[0])["value"] == ours.line["value"] == printed


@pytest.mark.parametrize("peer", [PYTHON_JSON_LOGGER, ECS])
@pytest.mark.parametrize("name", ["nan", "lone surrogate"])
def test_a_peer_prints_what_strict_parsers_refuse(peer: Formatters, name: str) -> None:
    """`json.dumps` with its defaults: https://docs.python.org/3/library/json.html#infinite-and-nan-number-values"""
    (line,) = logged(peer(), VALUES[name][0]).lines
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(line)


@pytest.mark.parametrize(
    ("peer", "name", "error"),
    [
        (PYTHON_JSON_LOGGER, "cycle", "ValueError: Circular reference detected"),
        (PYTHON_JSON_LOGGER, "tuple as a key", "TypeError: keys must be str"),
        (MSGSPEC, "lone surrogate", "UnicodeEncodeError: 'utf-8' codec can't encode"),
        (ECS, "unprintable", "RuntimeError: no words"),
    ],
)
def test_a_peer_loses_the_line(peer: Formatters, name: str, error: str) -> None:
    """`StreamHandler.emit` prints the error on stderr, the line is gone: hynek/structlog#265 has the same of keys."""
    handler = logged(peer(), VALUES[name][0])
    (said,) = handler.errors
    assert said.startswith(error)
    assert handler.lines == []


@pytest.mark.parametrize(
    ("peer", "name"),
    [(PYTHON_JSON_LOGGER, "depth"), (MSGSPEC, "cycle"), (MSGSPEC, "depth"), (ECS, "cycle"), (ECS, "depth")],
)
def test_a_peer_raises_out_of_the_log_call(peer: Formatters, name: str) -> None:
    """`StreamHandler.emit` passes a RecursionError on, which then ends the request that logged."""
    with pytest.raises(RecursionError):
        logged(peer(), VALUES[name][0])


@pytest.mark.parametrize(
    ("name", "error"), [("cycle", RecursionError), ("depth", RecursionError), ("unprintable", RuntimeError)]
)
def test_the_otel_handler_raises_out_of_the_log_call(otel_logs: OtelLogs, name: str, error: type[Exception]) -> None:
    """`LoggingHandler.emit` has no `handleError`, though open-telemetry/opentelemetry-python#4261 speaks of one."""
    with pytest.raises(error):
        make_logger(otel_logs.handler).info("said", extra={"value": VALUES[name][0]})
    assert otel_logs.records == []


@pytest.mark.parametrize(("name", "error"), [("cycle", "Circular reference"), ("tuple as a key", "keys must be str")])
def test_loguru_loses_the_line_that_it_should_serialise(
    capsys: pytest.CaptureFixture[str], name: str, error: str
) -> None:
    """`Handler._serialize_record`; the same cycle in what loguru adds by itself was Delgan/loguru#286."""
    written: list[str] = []
    sink = loguru_logger.add(written.append, serialize=True)
    try:
        loguru_logger.bind(value=VALUES[name][0]).info("said")
    finally:
        loguru_logger.remove(sink)
    assert written == []
    assert error in capsys.readouterr().err


def test_arguments_that_do_not_fit_cost_peers_the_line_or_the_caller_an_exception(otel_logs: OtelLogs) -> None:
    """stdlib formats late, and `LoggingHandler.emit` has no `handleError`."""
    peer, ecs, ours = Outcome(PythonJsonFormatter()), Outcome(ecs_logging.StdlibFormatter()), tracelog_lines()
    make_logger(peer, ecs, ours).info("%d items", "three")
    assert [handler.lines for handler in (peer, ecs)] == [[], []]
    with pytest.raises(TypeError, match="%d format"):
        make_logger(otel_logs.handler).info("%d items", "three")
    assert (ours.line["message"], ours.line["logging.arguments"]) == ("%d items", "('three',)")
