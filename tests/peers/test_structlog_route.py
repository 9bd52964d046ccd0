"""structlog by way of stdlib: native and foreign lines get their ids at different moments, and not all get any.

`tests/capture/test_structlog.py` and `test_record.py` have the rest of tracelog's side.
"""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
import structlog
from capture.telemetry import SPAN, TRACE, RecordList, make_logger
from opentelemetry import trace
from opentelemetry.trace import Tracer
from structlog.stdlib import ProcessorFormatter

import tracelog

from .outcomes import OTHER_TRACE, OtelLogs, Outcome, in_another_span

IDS = {"trace_id": TRACE, "span_id": SPAN, "trace_flags": "01"}


def recipe(_logger: Any, _method: str, event_dict: dict[str, Any]) -> dict[str, Any]:
    """Add the ids of the active span, as every recipe does, sampled or not."""
    event_dict["trace_id"] = trace.format_trace_id(trace.get_current_span().get_span_context().trace_id)
    return event_dict


def rendering(*before: Any, foreign: Any = ()) -> Outcome:
    """Return a handler whose lines structlog renders."""
    chain = [*before, ProcessorFormatter.remove_processors_meta, structlog.processors.JSONRenderer()]
    return Outcome(ProcessorFormatter(processors=chain, foreign_pre_chain=list(foreign)))


def native(logger: logging.Logger, *processors: Any) -> Any:
    """Return a structlog logger whose events go through a stdlib logger."""
    chain = [*processors, ProcessorFormatter.wrap_for_formatter]
    return structlog.wrap_logger(logger, chain, wrapper_class=structlog.stdlib.BoundLogger)


@pytest.mark.parametrize("place", ["foreign_pre_chain", "processors"])
def test_a_foreign_record_that_is_rendered_in_another_thread_gets_the_ids_of_that_thread(
    tracer: Tracer, place: str
) -> None:
    """`ProcessorFormatter.format` runs its chains where the line is rendered, behind a queue for example.

    hynek/structlog#702 is such a set-up.
    """

    def formatter(add_ids: Any) -> Outcome:
        return rendering(foreign=[add_ids]) if place == "foreign_pre_chain" else rendering(add_ids)

    tracelog.install()
    kept, peer, ours = RecordList(), formatter(recipe), formatter(tracelog.add_trace_context)
    with tracer.start_as_current_span("checkout"):
        make_logger(kept).info("placed")
    for handler in (peer, ours):
        in_another_span(tracer, lambda handler=handler: handler.handle(kept.records[0]))  # type: ignore[misc]
    assert peer.line == {"event": "placed", "trace_id": OTHER_TRACE}
    assert ours.line == {"event": "placed", **IDS}


def test_a_native_event_that_is_rendered_in_another_thread_gets_the_ids_of_that_thread(tracer: Tracer) -> None:
    """The same, for a recipe among the formatter's processors, where it serves foreign and native lines alike."""
    tracelog.install()
    kept, peer, ours = RecordList(), rendering(recipe), rendering(tracelog.add_trace_context)
    with tracer.start_as_current_span("checkout"):
        native(make_logger(kept)).info("placed")
    for handler in (peer, ours):
        in_another_span(tracer, lambda handler=handler: handler.handle(kept.records[0]))  # type: ignore[misc]
    assert peer.line == {"event": "placed", "trace_id": OTHER_TRACE}
    assert ours.line == {"event": "placed", **IDS}


@pytest.mark.usefixtures("injected")
def test_a_record_that_was_made_outside_any_span_is_not_given_one_when_it_is_rendered(tracer: Tracer) -> None:
    """`ProcessorFormatter.format` makes a record of its own, by the factory; what the first one has wins, "0" too."""
    tracelog.install()
    kept, peer, ours = RecordList(), rendering(recipe), rendering(tracelog.add_trace_context)
    make_logger(kept).info("outside")
    for handler in (peer, ours):
        in_another_span(tracer, lambda handler=handler: handler.handle(kept.records[0]))  # type: ignore[misc]
    assert peer.line == {"event": "outside", "trace_id": TRACE}  # the first span of all is that of the other thread
    assert ours.line == {"event": "outside"}


@pytest.mark.usefixtures("injected")
def test_the_instrumentor_does_not_reach_events_that_make_no_record(tracer: Tracer) -> None:
    """It changes stdlib's record factory, which structlog's own loggers never ask."""
    structlog.configure(
        processors=[structlog.processors.JSONRenderer()], logger_factory=structlog.testing.CapturingLoggerFactory()
    )
    renderer = tracelog.JsonRenderer(service="shop")
    with tracer.start_as_current_span("checkout"):
        structlog.get_logger().info("placed")
        ours = json.loads(str(renderer(None, "info", {"event": "placed"})))
    factory: Any = structlog.get_config()["logger_factory"]
    (peer,) = (json.loads(call.args[0]) for call in factory.logger.calls)
    assert peer == {"event": "placed"}
    assert {key: ours[key] for key in IDS} == IDS


@pytest.mark.usefixtures("injected")
def test_the_instrumentors_ids_are_on_the_record_and_not_in_the_native_event(tracer: Tracer) -> None:
    """Both formatters look at the same record; `ProcessorFormatter` looks at the event dict in it."""
    tracelog.install()
    peer, ours = rendering(), rendering(tracelog.add_trace_context)
    with tracer.start_as_current_span("checkout"):
        native(make_logger(peer, ours)).info("placed")
    assert peer.line == {"event": "placed"}
    assert ours.line == {"event": "placed", **IDS}


def test_the_otel_handler_makes_text_of_a_native_event_and_attributes_of_what_structlog_needs(
    tracer: Tracer, otel_logs: OtelLogs
) -> None:
    """open-telemetry/opentelemetry-python#3649"""
    ours = Outcome(tracelog.JsonFormatter(service="shop"))
    with tracer.start_as_current_span("checkout"):
        native(make_logger(otel_logs.handler, ours), tracelog.add_trace_context).info("placed", items=2)
    assert otel_logs.record.body.startswith("{'items': 2, 'event': 'placed'")
    assert set(otel_logs.record.attributes) == {"_logger", "_name"}
    line = ours.line
    assert (line["message"], line["items"], line["trace_id"]) == ("placed", 2, TRACE)
    assert not {"_logger", "_name"} & set(line)


class Unprintable:
    def __repr__(self) -> str:
        raise RuntimeError("no words")


CYCLE: dict[str, Any] = {}
CYCLE["self"] = CYCLE


@pytest.mark.parametrize(
    ("value", "error", "ours"),
    [
        (CYCLE, "Circular reference detected", {"self": "<cycle>"}),
        ({(1, 2): 3}, "keys must be str", {"(1, 2)": 3}),
        (Unprintable(), "no words", "<unprintable Unprintable: RuntimeError>"),
    ],
    ids=["cycle", "tuple as a key", "unprintable"],
)
def test_a_value_that_json_cannot_hold_raises_out_of_a_native_log_call(value: Any, error: str, ours: Any) -> None:
    """`JSONRenderer` raises, and nothing of structlog catches it. hynek/structlog#265"""
    renderer = structlog.processors.JSONRenderer()
    peer = structlog.wrap_logger(structlog.ReturnLogger(), [renderer])
    with pytest.raises((TypeError, ValueError, RuntimeError), match=error):
        peer.info("placed", value=value)
    logger = structlog.wrap_logger(structlog.ReturnLogger(), [tracelog.JsonRenderer(service="shop")])
    assert json.loads(logger.info("placed", value=value))["value"] == ours
