"""Configured again: what hangs on a handler or on a logger goes with it, or was never asked."""

from __future__ import annotations

import io
import json
import logging
import logging.config
from logging.config import dictConfig  # before anything is instrumented, as most modules do
from typing import Any

import pytest
from capture.telemetry import SPAN, TRACE, RecordList, make_logger
from opentelemetry import trace
from opentelemetry.trace import Tracer

import tracelog
from tracelog import StoreHandler

from .outcomes import ids_of


class NaiveFilter(logging.Filter):
    """The filter that everybody writes."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.trace_id = trace.format_trace_id(trace.get_current_span().get_span_context().trace_id)
        return True


def configure_again(*, disable: bool, stream: io.StringIO) -> None:
    """Do what frameworks do at their start: replace the root's handlers."""
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": disable,
            "formatters": {"json": {"()": "tracelog.JsonFormatter", "service": "shop"}},
            "handlers": {"again": {"class": "logging.StreamHandler", "formatter": "json", "stream": stream}},
            "loggers": {"shop.orders": {}},
            "root": {"handlers": ["again"], "level": "INFO"},
        }
    )


@pytest.mark.parametrize("disable", [True, False])
def test_a_filter_on_a_handler_is_gone_after_dict_config_and_the_stamp_is_not(tracer: Tracer, disable: bool) -> None:
    """`logging.config.DictConfigurator.configure` clears all handlers; the record factory it leaves alone."""
    tracelog.install()
    kept = RecordList()
    handler = logging.StreamHandler(io.StringIO())
    handler.addFilter(NaiveFilter())
    logging.getLogger().addHandler(handler)
    logger = logging.getLogger("shop.orders")
    stream = io.StringIO()
    configure_again(disable=disable, stream=stream)
    logging.getLogger().addHandler(kept)
    with tracer.start_as_current_span("checkout"):
        logger.info("placed")
    assert logging.getLogger().handlers[0] is not handler
    assert not hasattr(kept.records[0], "trace_id")
    line = json.loads(stream.getvalue())
    assert (line["trace_id"], line["span_id"]) == (TRACE, SPAN)


@pytest.mark.parametrize("parent", ["", "shop"])
def test_a_filter_on_a_logger_is_not_asked_for_the_records_of_its_children(tracer: Tracer, parent: str) -> None:
    """Records propagate to the handlers of parents, past their filters: `Logger.callHandlers`.

    https://docs.python.org/3/library/logging.html#filter-objects, CERT-Polska/karton#311
    """
    tracelog.install()
    kept = RecordList()
    logger = logging.getLogger(parent)
    logger.addFilter(NaiveFilter())
    logger.addHandler(kept)
    with tracer.start_as_current_span("checkout"):
        logger.warning("of its own")
        logging.getLogger("shop.orders").warning("of a child")
    assert [hasattr(record, "trace_id") for record in kept.records] == [True, False]
    assert [ids_of(record) for record in kept.records] == [(TRACE, SPAN, "01")] * 2


def test_dict_config_that_was_imported_by_name_takes_the_otel_handler_and_leaves_ours(
    instrumentor: Any, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The instrumentor guards its handler by replacing three functions in their modules, which `from` imports miss.

    `_overwrite_logging_config_fns`; open-telemetry/opentelemetry-python#4738
    """
    monkeypatch.setattr(trace, "get_tracer_provider", trace.NoOpTracerProvider)
    again = {"version": 1, "disable_existing_loggers": False, "root": {"handlers": [], "level": "INFO"}}
    instrumentor.instrument()
    otel = instrumentor._logging_handler
    tracelog.configure(service="shop", store=store_url, console=False, spans=False, events=False)
    assert otel in logging.getLogger().handlers
    dictConfig(again)
    (left,) = logging.getLogger().handlers
    assert isinstance(left, StoreHandler)


def test_uninstrumenting_leaves_dict_config_wrapped_and_uninstalling_leaves_nothing_in_the_way(
    instrumentor: Any,
) -> None:
    """`_uninstrument` does not take back what `_overwrite_logging_config_fns` did; each round wraps once more."""
    standard = logging.config.dictConfig
    for _ in range(2):
        instrumentor.instrument()
        instrumentor.uninstrument()
    wrapped = logging.config.dictConfig
    assert wrapped is not standard
    tracelog.install()
    tracelog.uninstall()
    assert logging.config.dictConfig is wrapped
    kept = RecordList()
    make_logger(kept).info("placed")
    assert not [key for key in vars(kept.records[0]) if "tracelog" in key]
