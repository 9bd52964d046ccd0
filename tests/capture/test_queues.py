"""Records that cross a queue, a pickle, a process or a socket keep their ids and their exception."""

from __future__ import annotations

import json
import logging
import logging.handlers
import multiprocessing
import pickle
import queue
import socket
import struct
import sys
from collections.abc import Callable
from typing import Any

import pytest
import structlog
from opentelemetry.trace import Tracer

import tracelog
from tracelog import JsonFormatter, QueueHandler
from tracelog.capture.record import read_record

from .telemetry import SPAN, TRACE, Printed, make_logger, make_tracer


class Unpicklable:
    """Something that no queue between processes takes."""

    def __repr__(self) -> str:
        return "<a connection>"

    def __reduce__(self) -> Any:
        raise TypeError("cannot pickle a connection")


def log_a_failure(handler: logging.Handler, tracer: Tracer) -> None:
    logger = make_logger(handler)
    with tracer.start_as_current_span("checkout"):
        try:
            raise TimeoutError("external-wms")
        except TimeoutError:
            logger.exception("attempt %d over %s", 3, Unpicklable(), extra={"connection": Unpicklable(), "items": 2})


def receive(records: Any) -> dict[str, Any]:
    """Let a listener in this thread, which stands in a span of its own, format what comes out of the queue."""
    printed = Printed(JsonFormatter(service="shop"))
    listener = logging.handlers.QueueListener(records, printed)
    with make_tracer().start_as_current_span("listening"), make_tracer().start_as_current_span("deeper"):
        listener.handle(records.get(timeout=10))
    (line,) = printed.lines
    found: dict[str, Any] = json.loads(line)
    return found


EXPECTED = {
    "level": "ERROR",
    "message": "attempt 3 over <a connection>",
    "trace_id": TRACE,
    "span_id": SPAN,
    "exception.type": "TimeoutError",
    "exception.message": "external-wms",
    "connection": "<a connection>",
    "items": 2,
}


def test_a_queue_keeps_ids_message_and_the_structure_of_the_exception(tracer: Tracer) -> None:
    records: queue.Queue[logging.LogRecord] = queue.Queue()
    log_a_failure(QueueHandler(records), tracer)
    line = receive(records)
    assert {key: line[key] for key in EXPECTED} == EXPECTED
    assert line["exception.stacktrace"].endswith("TimeoutError: external-wms\n")


def test_a_queue_between_processes_does_too(tracer: Tracer) -> None:
    records = multiprocessing.get_context("spawn").Queue()
    try:
        log_a_failure(QueueHandler(records), tracer)
        line = receive(records)
    finally:
        records.close()
        records.join_thread()
    assert {key: line[key] for key in EXPECTED} == EXPECTED


def test_the_standard_queue_handler_loses_the_structure_but_not_the_ids(tracer: Tracer) -> None:
    records: queue.Queue[logging.LogRecord] = queue.Queue()
    handler = logging.handlers.QueueHandler(records)
    handler.addFilter(lambda record: read_record(record, {}) is not None)  # anything of ours that looks at the record
    log_a_failure(handler, tracer)
    line = receive(records)
    assert (line["trace_id"], line["span_id"]) == (TRACE, SPAN)
    assert "exception.type" not in line  # https://github.com/python/cpython/blob/3.12/Lib/logging/handlers.py, prepare


def test_other_formatters_print_the_stack_behind_the_queue(tracer: Tracer) -> None:
    records: queue.Queue[logging.LogRecord] = queue.Queue()
    log_a_failure(QueueHandler(records), tracer)
    plain = Printed(logging.Formatter("%(message)s"))
    plain.handle(records.get_nowait())
    assert plain.lines[0] == "attempt 3 over <a connection>"
    assert plain.lines[-1] == "TimeoutError: external-wms"


def test_the_record_of_the_call_is_left_as_it_was(tracer: Tracer) -> None:
    records: queue.Queue[logging.LogRecord] = queue.Queue()
    with tracer.start_as_current_span("checkout"):
        record = logging.getLogger("shop").makeRecord("shop", logging.INFO, "", 0, "a %s", ("b",), None)
    QueueHandler(records).handle(record)
    assert (record.msg, record.args) == ("a %s", ("b",))
    assert records.get_nowait().getMessage() == "a b"


def test_an_event_dict_of_structlog_crosses_as_it_is(tracer: Tracer) -> None:
    records: queue.Queue[logging.LogRecord] = queue.Queue()
    with tracer.start_as_current_span("checkout"):
        make_logger(QueueHandler(records)).info({"event": "placed", "items": 2})
    line = receive(records)
    assert [line["message"], line["items"], line["trace_id"]] == ["placed", 2, TRACE]


@pytest.mark.parametrize("how", ["itself", "true", "triple"])
def test_the_exception_of_an_event_dict_crosses_as_a_structure(how: str) -> None:
    records: queue.Queue[logging.LogRecord] = queue.Queue()
    try:
        raise TimeoutError("external-wms")
    except TimeoutError as error:
        info = {"itself": error, "true": True, "triple": sys.exc_info()}[how]
        make_logger(QueueHandler(records)).info({"event": "failed", "exc_info": info})
    try:
        raise KeyError("the listener's own")
    except KeyError:
        line = receive(records)
    assert (line["message"], line["exception.type"], line["exception.message"]) == (
        "failed",
        "TimeoutError",
        "external-wms",
    )
    assert "exc_info" not in line


@pytest.mark.parametrize("message", ["placed", {"event": "placed"}])
def test_what_cannot_be_pickled_crosses_as_text(message: object) -> None:
    records: queue.Queue[logging.LogRecord] = queue.Queue()
    extra: dict[Any, Any] = {"_own": Unpicklable(), "connection": Unpicklable(), ("a", 1): Unpicklable()}
    make_logger(QueueHandler(records)).info(message, extra=extra)
    revived = pickle.loads(pickle.dumps(records.get_nowait()))
    found = {key: value for key, value in read_record(revived, {}).attributes.items() if not key.startswith("code.")}
    assert found == dict.fromkeys(("_own", "connection", "('a', 1)"), "<a connection>")


def test_a_record_revived_from_a_socket_is_not_given_the_ids_of_the_receiver(tracer: Tracer) -> None:
    tracelog.install()  # the sender's process says that there was no span
    sender, receiver = socket.socketpair()
    with sender, receiver:
        handler = logging.handlers.SocketHandler("unused", 0)
        handler.sock = sender
        make_logger(handler).info("outside")
        handler.close()
        (length,) = struct.unpack(">L", receiver.recv(4))
        revived = logging.makeLogRecord(pickle.loads(receiver.recv(length)))
    with tracer.start_as_current_span("receiving"):
        assert read_record(revived, {}).trace_id is None


@pytest.mark.skipif(sys.version_info < (3, 12), reason="QueueHandler has no listener of its own before Python 3.12")
def test_dict_config_makes_the_pair(tracer: Tracer) -> None:
    from logging.config import dictConfig

    printed = Printed(JsonFormatter(service="shop"))
    dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "handlers": {
                "printed": {"()": lambda: printed},
                "queue": {"class": "tracelog.QueueHandler", "handlers": ["printed"]},
            },
            "loggers": {"tests.queued": {"handlers": ["queue"], "level": "INFO", "propagate": False}},
        }
    )
    logger = logging.getLogger("tests.queued")
    (handler,) = logger.handlers
    assert isinstance(handler, QueueHandler)
    listener = vars(handler)["listener"]
    listener.start()
    with tracer.start_as_current_span("checkout"):
        logger.info("placed")
    listener.stop()
    logger.handlers.clear()
    (line,) = map(json.loads, printed.lines)
    assert (line["message"], line["trace_id"]) == ("placed", TRACE)


def lines_through(formatter: logging.Formatter, log: Callable[[logging.Logger], None]) -> list[str]:
    """Return what a formatter on the other side of a queue within the process makes of what is logged."""
    records: queue.Queue[Any] = queue.Queue()
    printed = Printed(formatter)
    log(make_logger(QueueHandler(records)))
    listener = logging.handlers.QueueListener(records, printed)
    while not records.empty():
        listener.handle(records.get())
    return printed.lines


def fail(logger: Any) -> None:
    try:
        raise TimeoutError("external-wms")
    except TimeoutError:
        logger.exception("no answer")


def test_within_the_process_the_formatter_of_structlog_finds_the_exception_of_both_sorts_of_records() -> None:
    def log(logger: logging.Logger) -> None:
        fail(logger)
        wrapped = structlog.wrap_logger(
            logger, [structlog.stdlib.ProcessorFormatter.wrap_for_formatter], structlog.stdlib.BoundLogger
        )
        fail(wrapped)

    formatter = structlog.stdlib.ProcessorFormatter(
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.ExceptionRenderer(),
            structlog.processors.JSONRenderer(),
        ]
    )
    found = [json.loads(line) for line in lines_through(formatter, log)]
    assert [each["event"] for each in found] == ["no answer", "no answer"]
    assert all("TimeoutError: external-wms" in each["exception"] for each in found)
    (own,) = (json.loads(line) for line in lines_through(JsonFormatter(service="shop"), fail))
    assert (own["exception.type"], own["exception.message"]) == ("TimeoutError", "external-wms")


def test_a_stack_is_on_a_line_once() -> None:
    (line,) = lines_through(JsonFormatter(service="shop"), lambda logger: logger.info("where", stack_info=True))
    assert [key for key in json.loads(line) if "stacktrace" in key] == ["code.stacktrace"]
