"""The record factory is one slot for everybody: who takes a place in it, and how it is given back."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from capture.telemetry import RecordList, make_logger, make_tracer

import tracelog

from .outcomes import Outcome, ids_of


def mark(name: str) -> None:
    """Chain a record factory, as an application or another library does."""
    previous = logging.getLogRecordFactory()

    def factory(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = previous(*args, **kwargs)
        setattr(record, name, True)
        return record

    logging.setLogRecordFactory(factory)


def logged() -> logging.LogRecord:
    """Log once within a span and return the record."""
    kept = RecordList()
    with make_tracer().start_as_current_span("checkout"):
        make_logger(kept).info("placed")
    return kept.records[0]


def test_uninstrumenting_unlinks_the_factories_that_others_chained_later(injected: Any) -> None:
    """`_uninstrument` puts back the factory that it found. open-telemetry/opentelemetry-python-contrib#3808

    Tracelog's uninstall is a flag; `tests/capture/test_install.py` has it in the middle of a longer chain.
    """
    mark("later")
    injected.uninstrument()
    assert not hasattr(logged(), "later")

    tracelog.install()
    mark("later")
    assert ids_of(logged()) is not None
    tracelog.uninstall()
    record = logged()
    assert hasattr(record, "later")
    assert not [key for key in vars(record) if "tracelog" in key]


def test_a_factory_that_another_replaced_is_not_put_back_by_instrumenting_again(
    injected: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """`BaseInstrumentor.instrument` believes that it is instrumented, and says so in a warning."""
    tracelog.install()
    logging.setLogRecordFactory(logging.LogRecord)
    injected.instrument(inject_trace_context=True, enable_log_auto_instrumentation=False)
    assert not hasattr(logged(), "otelTraceID")
    tracelog.install()
    kept = RecordList()
    make_logger(kept).info("outside")
    assert "_tracelog_stamp" in vars(kept.records[0])
    tracelog.uninstall()


def test_the_format_that_the_instrumentor_sets_outlives_what_it_asks_for(instrumentor: Any) -> None:
    """After `uninstrument` each line fails to be formatted. open-telemetry/opentelemetry-python-contrib#4949"""
    instrumentor.instrument(set_logging_format=True, enable_log_auto_instrumentation=False)
    (handler,) = logging.getLogger().handlers
    instrumentor.uninstrument()
    assert logging.getLogger().handlers == [handler]
    assert handler.formatter is not None
    peer = Outcome(handler.formatter)
    make_logger(peer).info("placed")
    assert (peer.lines, peer.errors) == ([], ["ValueError: Formatting field not found in record: 'otelTraceID'"])

    ours = Outcome(logging.Formatter("%(trace_id)s %(message)s"))
    ours.addFilter(tracelog.TraceContextFilter(default="-"))
    tracelog.install()
    tracelog.uninstall()
    make_logger(ours).info("placed")
    assert (ours.lines, ours.errors) == (["- placed"], [])


def test_the_instrumentors_format_is_not_applied_where_logging_is_configured_already(instrumentor: Any) -> None:
    """`logging.basicConfig` does nothing then. open-telemetry/opentelemetry-python-contrib#4204

    Tracelog's lines carry ids by the formatter or the handler that was chosen; it changes no format of others.
    """
    peer = Outcome(logging.Formatter("%(message)s"))
    logging.getLogger().addHandler(peer)
    instrumentor.instrument(set_logging_format=True, enable_log_auto_instrumentation=False)
    with make_tracer().start_as_current_span("checkout"):
        logging.getLogger("shop").warning("placed")
    assert peer.lines == ["placed"]
