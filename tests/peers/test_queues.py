"""Behind a queue: peers read ids where the line is handled, and the standard handler makes text of what it carries.

`tests/capture/test_queues.py` and `test_install.py` have the rest of tracelog's side: processes, sockets, dictConfig.
"""

from __future__ import annotations

import logging
import logging.handlers
import queue
from collections.abc import Callable
from typing import Any

import ecs_logging
import pytest
import structlog
from capture.telemetry import SPAN, TRACE, make_logger
from opentelemetry import trace
from opentelemetry.trace import Tracer
from pythonjsonlogger.json import JsonFormatter as PythonJsonFormatter

import tracelog

from .outcomes import OTHER_SPAN, OTHER_TRACE, OtelLogs, Outcome, ids_of, in_another_span, tracelog_lines

Records = queue.Queue[logging.LogRecord]


class NaiveFilter(logging.Filter):
    """The filter that everybody writes."""

    def filter(self, record: logging.LogRecord) -> bool:
        context = trace.get_current_span().get_span_context()
        record.trace_id = trace.format_trace_id(context.trace_id)
        return True


def queued(
    log: Callable[[logging.Logger], object],
    handler: Callable[[Records], logging.Handler] = logging.handlers.QueueHandler,
) -> logging.LogRecord:
    """Log once to a queue and return what comes out of it."""
    records: Records = queue.Queue()
    log(make_logger(handler(records)))
    return records.get_nowait()


def fail(logger: logging.Logger) -> None:
    try:
        raise TimeoutError("external-wms")
    except TimeoutError:
        logger.exception("not placed")


def test_a_filter_behind_the_queue_takes_the_ids_of_the_listener_and_tracelogs_those_of_the_call(
    tracer: Tracer,
) -> None:
    """The standard library runs the filters of a listener's handlers in the listener's thread.

    The same complaint of a peer whose handler reads the span: pydantic/logfire#1002
    """
    tracelog.install()
    formatter = logging.Formatter("%(trace_id)s %(message)s")
    naive, ours = Outcome(formatter), Outcome(formatter)
    naive.addFilter(NaiveFilter())
    ours.addFilter(tracelog.TraceContextFilter())
    with tracer.start_as_current_span("checkout"):
        one, other = (queued(lambda logger: logger.info("placed")) for _ in range(2))
    in_another_span(tracer, lambda: [naive.handle(one), ours.handle(other)])
    assert (naive.lines, ours.lines) == ([f"{OTHER_TRACE} placed"], [f"{TRACE} placed"])


def test_the_otel_handler_behind_a_queue_exports_the_ids_of_the_listener(tracer: Tracer, otel_logs: OtelLogs) -> None:
    """`LoggingHandler._translate` asks for the current context. pydantic/logfire#1002"""
    tracelog.install()
    ours = tracelog_lines()
    with tracer.start_as_current_span("checkout"):
        record = queued(lambda logger: logger.info("placed"))
    in_another_span(tracer, lambda: [handler.handle(record) for handler in (otel_logs.handler, ours)])
    assert otel_logs.ids == (OTHER_TRACE, OTHER_SPAN)
    assert (ours.line["trace_id"], ours.line["span_id"]) == (TRACE, SPAN)


def test_injected_ids_and_the_otel_handler_say_two_traces_of_one_line_where_tracelog_says_one(
    tracer: Tracer, injected: Any, otel_logs: OtelLogs
) -> None:
    """The ids are doubled always, and contradict each other behind a queue.

    open-telemetry/opentelemetry-python-contrib#5071, open-telemetry/opentelemetry-python#3545
    """
    with tracer.start_as_current_span("checkout"):
        theirs = queued(lambda logger: logger.info("placed"))
        injected.uninstrument()
        tracelog.install()
        ours = queued(lambda logger: logger.info("placed"))
    printed = tracelog_lines()
    in_another_span(tracer, lambda: [otel_logs.handler.handle(theirs), printed.handle(ours)])
    assert (otel_logs.ids[0], otel_logs.record.attributes["otelTraceID"]) == (OTHER_TRACE, TRACE)
    ids = {key: value for key, value in printed.line.items() if "id" in key.lower()}
    assert ids == {"trace_id": TRACE, "span_id": SPAN}


@pytest.mark.usefixtures("injected")
def test_a_record_from_a_process_that_stamps_nothing_is_not_given_the_ids_of_its_receiver(tracer: Tracer) -> None:
    """`logging.makeLogRecord` asks the record factory, so the instrumentor's stamps what it did not see logged."""
    tracelog.install()
    with tracer.start_as_current_span("receiving"):
        received = logging.makeLogRecord({"name": "shop", "msg": "placed", "process": 1, "thread": 1})
        assert vars(received)["otelTraceID"] == TRACE
        assert ids_of(received) is None


def test_json_formatters_behind_the_standard_queue_find_no_exception(tracer: Tracer) -> None:
    """`QueueHandler.prepare` formats the exception into the message and drops it.

    python/cpython#89087, mCodingLLC/VideosSampleCode#19
    """
    through_standard, through_ours = queued(fail), queued(fail, tracelog.QueueHandler)
    peer, ecs = Outcome(PythonJsonFormatter()), Outcome(ecs_logging.StdlibFormatter())
    peer.handle(through_standard)
    ecs.handle(through_standard)
    for line in (peer.line, ecs.line):
        assert line["message"].startswith("not placed\nTraceback")
        assert not {"exc_info", "error"} & set(line)

    mended, ours = Outcome(PythonJsonFormatter()), tracelog_lines()
    mended.handle(through_ours)
    ours.handle(through_ours)
    assert mended.line["message"] == ours.line["message"] == "not placed"
    assert mended.line["exc_info"].endswith("TimeoutError: external-wms")
    assert (ours.line["exception.type"], ours.line["exception.message"]) == ("TimeoutError", "external-wms")


def test_an_event_of_structlog_behind_the_standard_queue_cannot_be_rendered() -> None:
    """`QueueHandler.prepare` makes text of the event dict, which `ProcessorFormatter` copies. hynek/structlog#702"""

    def log(logger: logging.Logger) -> None:
        chain = [structlog.stdlib.ProcessorFormatter.wrap_for_formatter]
        structlog.wrap_logger(logger, chain, wrapper_class=structlog.stdlib.BoundLogger).info("placed", items=2)

    formatter = structlog.stdlib.ProcessorFormatter(structlog.processors.JSONRenderer(sort_keys=True))
    peer, ours = Outcome(formatter), Outcome(formatter)
    peer.handle(queued(log))
    ours.handle(queued(log, tracelog.QueueHandler))
    assert (peer.lines, peer.errors) == ([], ["AttributeError: 'str' object has no attribute 'copy'"])
    assert ours.line == {"event": "placed", "items": 2}
