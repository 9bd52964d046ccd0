"""ecs-logging: dots that are taken apart and do not fit together again, and exceptions without their causes."""

from __future__ import annotations

import builtins
import json
import sys
from typing import Any

import ecs_logging
import pytest
import structlog
from capture.telemetry import SPAN, TRACE, make_logger
from opentelemetry.trace import Tracer

import tracelog

from .outcomes import Outcome, tracelog_lines


def both() -> tuple[Outcome, Outcome]:
    return Outcome(ecs_logging.StdlibFormatter()), tracelog_lines(schema="ecs")


@pytest.mark.parametrize(
    ("extra", "error"),
    [
        ({"log": "x"}, "TypeError: Type mismatch at key `log`"),
        ({"a": 1, "a.b": 2}, "TypeError: Type mismatch at key `a`"),
        ({"a": {"b": 1}, "a.b": 2}, "ValueError: Duplicate entry for 'a.b' with different nesting"),
        ({"service": "x", "service.name": "y"}, "TypeError: Type mismatch at key `service`"),
        ({"log.level": "gold"}, "TypeError: Type mismatch at key `level`"),
        ({"@timestamp": "mine"}, "TypeError: Type mismatch at key `@timestamp`"),
    ],
)
def test_extras_whose_dots_clash_cost_the_line_and_tracelog_keeps_them_all(extra: dict[str, Any], error: str) -> None:
    """`merge_dicts` and `flatten_dict` raise. elastic/ecs-logging-python#45 asked for it in the structlog formatter."""
    peer, ours = both()
    make_logger(peer, ours).info("said", extra=extra)
    (said,) = peer.errors
    assert said.startswith(error)
    assert peer.lines == []
    line = ours.line
    assert line["message"] == "said"
    for key, value in extra.items():
        assert value in (line.get(key), line.get(f"attributes.{key}"))


@pytest.mark.parametrize("extra", [{"event.dataset": "orders", "http": "x", "http.url": "y"}, {"log": "x"}])
def test_the_structlog_formatter_raises_out_of_the_log_call(extra: dict[str, Any]) -> None:
    """elastic/ecs-logging-python#45: the TypeError got a better text, and is raised still."""
    renderer: Any = ecs_logging.StructlogFormatter()
    peer = structlog.wrap_logger(structlog.ReturnLogger(), [renderer])
    with pytest.raises((TypeError, AttributeError)):
        peer.info("said", **extra)
    ours = structlog.wrap_logger(structlog.ReturnLogger(), [tracelog.JsonRenderer(schema="ecs", service="shop")])
    assert '"message":"said"' in ours.info("said", **extra)


def test_the_cause_of_an_exception_is_missing_from_the_stack_trace() -> None:
    """`_record_error_stack_trace` uses `format_tb`, the frames of one exception alone.

    elastic/ecs-logging-python#185
    """
    peer, ours = both()
    try:
        try:
            raise KeyError("order.id")
        except KeyError as error:
            raise RuntimeError("not placed") from error
    except RuntimeError:
        make_logger(peer, ours).exception("said")
    assert "KeyError: 'order.id'" not in peer.line["error"]["stack_trace"]
    stack = ours.line["error.stack_trace"]
    assert "KeyError: 'order.id'\n\nThe above exception was the direct cause" in stack
    assert stack.endswith("RuntimeError: not placed\n")


if sys.version_info >= (3, 11):  # exception groups are there from Python 3.11 on

    def test_the_members_of_a_group_are_missing_from_the_stack_trace() -> None:
        """elastic/ecs-logging-python#185"""
        peer, ours = both()
        try:
            raise builtins.ExceptionGroup("two failed", [KeyError("order.id"), TimeoutError("external-wms")])
        except builtins.ExceptionGroup:
            make_logger(peer, ours).exception("said")
        for member in ("KeyError: 'order.id'", "TimeoutError: external-wms"):
            assert member not in peer.text
            assert member in ours.line["error.stack_trace"]


def test_the_type_of_an_exception_lacks_its_module() -> None:
    """`_record_error_type` takes `__name__`; OpenTelemetry's `exception.type` is the qualified name."""
    peer, ours = both()
    try:
        json.loads("{")
    except ValueError:
        make_logger(peer, ours).exception("said")
    assert peer.line["error"]["type"] == "JSONDecodeError"
    assert ours.line["error.type"] == "json.decoder.JSONDecodeError"


def test_the_ids_of_opentelemetry_are_not_there_unless_somebody_spells_them_in_ecs(tracer: Tracer) -> None:
    """`StdlibFormatter` knows the ids of Elastic APM's agent alone (`elasticapm_trace_id`)."""
    tracelog.install()
    peer, ours = both()
    with tracer.start_as_current_span("checkout"):
        make_logger(peer, ours).info("said")
    assert not {"trace", "span"} & set(peer.line)
    assert (ours.line["trace.id"], ours.line["span.id"]) == (TRACE, SPAN)
