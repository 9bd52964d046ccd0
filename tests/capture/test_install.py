"""Stamps on stdlib records: where they are made, through factories of others, queues and pickles."""

from __future__ import annotations

import copy
import logging
import pickle
import queue
import threading
from collections.abc import Callable
from logging.handlers import MemoryHandler, QueueHandler, QueueListener
from typing import Any

import pytest
from opentelemetry.trace import Tracer

import tracelog
from tracelog.capture.context import Stamp
from tracelog.capture.stdlib import STAMP, TraceContextFilter, install, stamp_of, uninstall

from .telemetry import SPAN, TRACE, Printed, RecordList, make_logger

IDS = "%(trace_id)s %(span_id)s %(trace_flags)s %(message)s"


def one_record(**given: Any) -> logging.LogRecord:
    """Log once with a logger of the test's own and return the record."""
    kept = RecordList()
    make_logger(kept).info("placed", **given)
    return kept.records[0]


def has_stamp(record: logging.LogRecord) -> bool:
    return STAMP in record.__dict__


def test_install_stamps_every_record_and_uninstall_stops_it(tracer: Tracer) -> None:
    with tracer.start_as_current_span("checkout"):
        before = one_record()
        install()
        during = one_record()
        uninstall()
        after = one_record()
    assert [has_stamp(record) for record in (before, during, after)] == [False, True, False]
    assert stamp_of(during) == Stamp(1, 1, 1)


def test_a_record_made_outside_any_span_says_so_whoever_reads_it(tracer: Tracer) -> None:
    install()
    record = one_record()
    with tracer.start_as_current_span("checkout"):
        assert stamp_of(record) is None
    assert not {"trace_id", "span_id", "trace_flags"} & set(record.__dict__)


def test_the_factory_takes_what_a_record_takes_by_its_names(tracer: Tracer) -> None:
    install()
    factory = logging.getLogRecordFactory()
    with tracer.start_as_current_span("checkout"):
        record = factory(name="n", level=20, pathname="p", lineno=1, msg="m", args=(), exc_info=None, sinfo="s")
    assert (record.pathname, record.lineno, record.stack_info, stamp_of(record)) == ("p", 1, "s", Stamp(1, 1, 1))


def test_installing_twice_changes_nothing() -> None:
    install()
    once = logging.getLogRecordFactory()
    install()
    assert logging.getLogRecordFactory() is once


def test_installing_again_after_uninstalling_adds_no_second_factory(tracer: Tracer) -> None:
    install()
    once = logging.getLogRecordFactory()
    uninstall()
    install()
    assert logging.getLogRecordFactory() is once
    with tracer.start_as_current_span("checkout"):
        assert has_stamp(one_record())


def mark(name: str) -> None:
    """Chain a record factory, as another library does."""
    previous = logging.getLogRecordFactory()

    def factory(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = previous(*args, **kwargs)
        setattr(record, name, True)
        return record

    logging.setLogRecordFactory(factory)


def test_factories_that_others_chained_before_and_after_work_on_after_uninstall() -> None:
    mark("earlier")
    install()
    mark("later")
    install()
    during = one_record()
    uninstall()
    after = one_record()
    assert [(hasattr(r, "earlier"), has_stamp(r), hasattr(r, "later")) for r in (during, after)] == [
        (True, True, True),
        (True, False, True),
    ]


def test_install_notices_that_someone_replaced_the_factory_outright() -> None:
    install()
    logging.setLogRecordFactory(logging.LogRecord)
    assert not has_stamp(one_record())
    install()
    assert has_stamp(one_record())
    uninstall()
    assert not has_stamp(one_record())


@pytest.mark.parametrize("sender", [Stamp(7, 8, 1), None, "not stamped at all"])
def test_a_record_revived_in_a_thread_with_another_span_keeps_the_stamp_of_its_sender(
    tracer: Tracer, sender: Stamp | str | None
) -> None:
    install()
    sent: dict[str, Any] = {"msg": "placed", "thread": 1, "process": 1}
    if not isinstance(sender, str):
        sent[STAMP] = sender
    with tracer.start_as_current_span("someone else's"):
        received = logging.makeLogRecord(pickle.loads(pickle.dumps(sent)))
        assert stamp_of(received) == (sender if isinstance(sender, Stamp) else None)


def test_an_unstamped_record_gets_the_ids_of_the_span_of_the_thread_that_made_it(tracer: Tracer) -> None:
    with tracer.start_as_current_span("checkout"):
        record = one_record()
        assert stamp_of(record) == Stamp(1, 1, 1)
    assert stamp_of(record) == Stamp(1, 1, 1)


def test_an_unstamped_record_is_not_given_the_ids_of_another_thread(tracer: Tracer) -> None:
    record = one_record()
    found: list[Stamp | None] = []

    def read() -> None:
        with tracer.start_as_current_span("someone else's"):
            found.append(stamp_of(record))

    thread = threading.Thread(target=read)
    thread.start()
    thread.join(30)
    assert found == [None]


def test_ids_survive_a_queue_handler_and_its_listener(tracer: Tracer) -> None:
    install()
    kept = RecordList()
    records: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    listener = QueueListener(records, kept)
    logger = make_logger(QueueHandler(records))
    listener.start()
    with tracer.start_as_current_span("checkout"):
        logger.info("order %d", 7)
    logger.info("outside")
    listener.stop()
    assert [(record.getMessage(), stamp_of(record)) for record in kept.records] == [
        ("order 7", Stamp(1, 1, 1)),
        ("outside", None),
    ]


def test_a_filter_on_a_queue_handler_takes_the_ids_at_the_call(tracer: Tracer) -> None:
    records: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    handler = QueueHandler(records)
    handler.addFilter(TraceContextFilter())
    with tracer.start_as_current_span("checkout"):
        make_logger(handler).info("placed")
    received = pickle.loads(pickle.dumps(records.get_nowait()))
    assert stamp_of(received) == Stamp(1, 1, 1)


@pytest.mark.parametrize("key", ["trace_id", "span_id", "trace_flags"])
def test_an_extra_named_like_an_id_never_raises_and_keeps_its_value(tracer: Tracer, key: str) -> None:
    install()
    with tracer.start_as_current_span("checkout"):
        record = one_record(extra={key: "mine"})
        TraceContextFilter().filter(record)
    assert record.__dict__[key] == "mine"
    assert stamp_of(record) == Stamp(1, 1, 1)


def test_the_filter_gives_ids_to_percent_formats_inside_a_span(tracer: Tracer) -> None:
    printed = Printed(logging.Formatter(IDS))
    printed.addFilter(tracelog.TraceContextFilter())
    with tracer.start_as_current_span("checkout"):
        make_logger(printed).info("placed")
    assert printed.lines == [f"{TRACE} {SPAN} 01 placed"]


def test_the_filter_adds_nothing_outside_a_span_so_that_defaults_can_stand_in() -> None:
    printed = Printed(logging.Formatter(IDS, defaults={"trace_id": "-", "span_id": "-", "trace_flags": "-"}))
    printed.addFilter(TraceContextFilter())
    make_logger(printed).info("placed")
    assert printed.lines == ["- - - placed"]


def test_a_default_stands_in_for_percent_formats_outside_any_span(tracer: Tracer) -> None:
    printed = Printed(logging.Formatter("%(trace_id)s %(message)s"))
    printed.addFilter(TraceContextFilter(default="-"))
    logger = make_logger(printed)
    logger.info("outside")
    with tracer.start_as_current_span("checkout"):
        logger.info("inside")
    assert printed.lines == ["- outside", f"{TRACE} inside"]


def test_what_stands_for_an_id_in_one_handlers_format_is_no_attribute_in_anothers() -> None:
    plain, other = (
        Printed(logging.Formatter("%(trace_id)s %(message)s")),
        Printed(tracelog.JsonFormatter(service="shop")),
    )
    plain.addFilter(TraceContextFilter(default="-"))
    logger = make_logger(plain)
    logger.addHandler(other)
    logger.info("placed")
    assert plain.lines == ["- placed"]
    assert "trace_id" not in other.text


class _Copying(logging.Handler):
    """Hands on a copy of each record, as a handler that changes it does."""

    def __init__(self, target: logging.Handler) -> None:
        super().__init__()
        self._target = target

    def emit(self, record: logging.LogRecord) -> None:
        self._target.handle(copy.copy(record))


@pytest.mark.parametrize("between", [lambda target: target, _Copying], ids=["at once", "as a copy"])
def test_without_a_factory_a_record_that_was_kept_has_no_ids_rather_than_those_of_who_hands_it_on(
    between: Callable[[logging.Handler], logging.Handler], tracer: Tracer
) -> None:
    kept = RecordList()
    kept.addFilter(TraceContextFilter())
    logger = make_logger(MemoryHandler(10, flushLevel=logging.ERROR, target=between(kept)))
    with tracer.start_as_current_span("checkout"):
        logger.info("kept")
    logger.info("outside")
    with tracer.start_as_current_span("another"):
        logger.error("handed on")
    ids = [(record.getMessage(), getattr(record, "span_id", None)) for record in kept.records]
    assert ids == [
        ("kept", None), ("outside", None), ("handed on", f"{2:016x}"),
    ]  # fmt: skip


def test_a_record_that_a_handler_copies_has_the_ids_of_its_call(tracer: Tracer) -> None:
    kept = RecordList()
    kept.addFilter(TraceContextFilter())
    with tracer.start_as_current_span("checkout"):
        make_logger(_Copying(kept)).info("placed")
    assert kept.records[0].__dict__["span_id"] == SPAN
