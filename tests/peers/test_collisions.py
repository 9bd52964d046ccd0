"""Names that meet: an extra called like an id, a format that asks for an id that nobody put on the record."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from capture.telemetry import SPAN, TRACE, RecordList, make_logger
from opentelemetry import trace
from opentelemetry.trace import Tracer
from pythonjsonlogger.json import JsonFormatter as PythonJsonFormatter

import tracelog

from .outcomes import Outcome, ids_of, tracelog_lines


class NaiveFilter(logging.Filter):
    """The filter that everybody writes."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.trace_id = trace.format_trace_id(trace.get_current_span().get_span_context().trace_id)
        return True


def install_naive_factory() -> None:
    """Stamp as blog posts show it: under a public name, for all records."""
    previous = logging.getLogRecordFactory()

    def factory(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = previous(*args, **kwargs)
        record.trace_id = trace.format_trace_id(trace.get_current_span().get_span_context().trace_id)
        return record

    logging.setLogRecordFactory(factory)


def test_an_extra_named_as_a_public_stamp_raises_out_of_the_log_call_and_tracelog_keeps_both(tracer: Tracer) -> None:
    """`Logger.makeRecord` refuses extras that are on the record already. The same: google/osv.dev#4317"""
    tracelog.install()
    ours = tracelog_lines()
    with tracer.start_as_current_span("checkout"):
        make_logger(ours).info("placed", extra={"trace_id": "mine"})
        install_naive_factory()
        with pytest.raises(KeyError, match="Attempt to overwrite 'trace_id' in LogRecord"):
            make_logger().info("placed", extra={"trace_id": "mine"})
    assert (ours.line["trace_id"], ours.line["attributes.trace_id"]) == (TRACE, "mine")


@pytest.mark.usefixtures("injected")
@pytest.mark.parametrize("name", ["otelTraceID", "otelSpanID", "otelTraceSampled", "otelServiceName"])
def test_an_extra_named_as_the_instrumentors_raises_out_of_the_log_call(name: str) -> None:
    """A forwarded record that carries them as extras, for example. Tracelog puts one private attribute on a record."""
    with pytest.raises(KeyError, match=f"Attempt to overwrite '{name}' in LogRecord"):
        make_logger().info("placed", extra={name: "mine"})
    logging.setLogRecordFactory(logging.LogRecord)
    tracelog.install()
    ours = tracelog_lines()
    make_logger(ours).info("placed", extra={name: "mine"})
    assert ours.line[name] == "mine"


def test_a_filter_of_everybodys_kind_overwrites_what_the_caller_gave(tracer: Tracer) -> None:
    naive, ours = RecordList(), RecordList()
    naive.addFilter(NaiveFilter())
    ours.addFilter(tracelog.TraceContextFilter())
    with tracer.start_as_current_span("checkout"):
        for handler in (naive, ours):
            make_logger(handler).info("placed", extra={"trace_id": "mine"})
    assert vars(naive.records[0])["trace_id"] == TRACE
    assert vars(ours.records[0])["trace_id"] == "mine"
    assert ids_of(ours.records[0]) == (TRACE, SPAN, "01")


FORMATS = [("%(trace_id)s %(message)s", "%"), ("{trace_id} {message}", "{"), ("$trace_id $message", "$")]


@pytest.mark.parametrize(("fmt", "style"), FORMATS)
def test_a_format_that_asks_for_an_id_loses_the_line_where_nobody_put_one_on_it(
    tracer: Tracer, fmt: str, style: Any
) -> None:
    """`Formatter.formatMessage` raises, and the handler drops the line: keephq/keep#3126"""
    formatter = logging.Formatter(fmt, style=style)
    plain, filtered = Outcome(formatter), Outcome(formatter)
    filtered.addFilter(tracelog.TraceContextFilter(default="-"))
    logger = make_logger(plain, filtered)
    logger.info("outside")
    with tracer.start_as_current_span("checkout"):
        logger.info("inside")
    assert (plain.lines, plain.errors) == ([], ["ValueError: Formatting field not found in record: 'trace_id'"] * 2)
    assert (filtered.lines, filtered.errors) == (["- outside", f"{TRACE} inside"], [])


@pytest.mark.parametrize(("fmt", "style"), FORMATS)
def test_a_json_format_that_asks_for_an_id_prints_null_where_there_is_none_and_tracelog_leaves_it_out(
    fmt: str, style: Any
) -> None:
    """`BaseJsonFormatter.add_fields` of python-json-logger takes what the format names, there or not."""
    peer, ours = Outcome(PythonJsonFormatter(fmt, style=style)), tracelog_lines(fmt=fmt, style=style)
    make_logger(peer, ours).info("outside")
    assert peer.line == {"trace_id": None, "message": "outside"}
    assert "trace_id" not in ours.line


def test_a_field_to_rename_may_be_missing_in_python_json_logger_too_since_3_1(tracer: Tracer) -> None:
    """It used to lose the line with a KeyError: madzak/python-json-logger#171, mended in nhairs/python-json-logger#6.

    Held so that it stays so for those who use that formatter with tracelog's filter.
    """
    names = {"trace_id": "traceId", "span_id": "spanId"}
    peer, ours = Outcome(PythonJsonFormatter(rename_fields=names)), tracelog_lines(rename_fields=names)
    peer.addFilter(tracelog.TraceContextFilter())
    make_logger(peer, ours).info("outside")
    assert not {*names, *names.values()} & {*peer.line, *ours.line}
    peer, ours = Outcome(PythonJsonFormatter(rename_fields=names)), tracelog_lines(rename_fields=names)
    peer.addFilter(tracelog.TraceContextFilter())
    with tracer.start_as_current_span("checkout"):
        make_logger(peer, ours).info("inside")
    for line in (peer.line, ours.line):
        assert (line["traceId"], line["spanId"], line["trace_flags"]) == (TRACE, SPAN, "01")
