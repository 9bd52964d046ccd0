"""OpenTelemetry's handler for stdlib logging: what it makes of exceptions, dicts and extras, and what it drops."""

from __future__ import annotations

import builtins
import logging
import sys
import warnings
from collections.abc import Sequence
from typing import Any

import pytest
from capture.telemetry import RecordList, make_logger
from opentelemetry.sdk import _logs
from opentelemetry.sdk._logs import LoggerProvider, ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult, SimpleLogRecordProcessor

import tracelog

from .outcomes import OtelLogs, tracelog_lines


class OrderError(Exception):
    """An exception of a module of its own."""


def raised(error: Exception, *handlers: logging.Handler) -> None:
    """Raise an exception and log it."""
    try:
        raise error
    except Exception:  # noqa: BLE001 - whatever it is
        make_logger(*handlers).exception("failed")


EXCEPTIONS: dict[str, tuple[Exception, tuple[str, str | None], tuple[str, str]]] = {
    "two arguments": (
        OrderError("A-7", "out of stock"),
        ("OrderError", "A-7"),
        (f"{__name__}.OrderError", "('A-7', 'out of stock')"),
    ),
    "of the system": (
        FileNotFoundError(2, "No such file", "orders.csv"),
        ("FileNotFoundError", "2"),
        ("FileNotFoundError", "[Errno 2] No such file: 'orders.csv'"),
    ),
    "no arguments": (OrderError(), ("OrderError", None), (f"{__name__}.OrderError", "")),
    "a text of its own": (
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
        ("UnicodeDecodeError", "utf-8"),
        ("UnicodeDecodeError", "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"),
    ),
}


@pytest.mark.parametrize(("error", "theirs", "ours"), EXCEPTIONS.values(), ids=EXCEPTIONS)
def test_an_exception_is_its_bare_class_and_its_first_argument(
    otel_logs: OtelLogs, error: Exception, theirs: tuple[str, str | None], ours: tuple[str, str]
) -> None:
    """`LoggingHandler._get_attributes` takes `__name__` and `args[0]`, tracelog the qualified name and `str`.

    `args[0]` came with open-telemetry/opentelemetry-python#2531; #4121 was about one that is no text.
    """
    printed = tracelog_lines()
    raised(error, otel_logs.handler, printed)
    attributes = otel_logs.record.attributes
    assert (attributes["exception.type"], attributes.get("exception.message")) == theirs
    assert (printed.line["exception.type"], printed.line["exception.message"]) == ours


def test_causes_are_in_the_stack_of_both(otel_logs: OtelLogs) -> None:
    """Held so that nobody claims otherwise: here the peer is right."""
    ours, error = tracelog_lines(), OrderError("not placed")
    error.__cause__ = KeyError("order.id")
    raised(error, otel_logs.handler, ours)
    for stack in (otel_logs.record.attributes["exception.stacktrace"], ours.line["exception.stacktrace"]):
        assert "KeyError: 'order.id'\n\nThe above exception was the direct cause" in stack


if sys.version_info >= (3, 11):  # exception groups are there from Python 3.11 on

    def test_members_of_groups_are_in_the_stack_of_both(otel_logs: OtelLogs) -> None:
        """Held so that nobody claims otherwise: here the peer is right."""
        ours = tracelog_lines()
        raised(builtins.ExceptionGroup("two failed", [KeyError("a"), OrderError("b")]), otel_logs.handler, ours)
        for stack in (otel_logs.record.attributes["exception.stacktrace"], ours.line["exception.stacktrace"]):
            assert "KeyError: 'a'" in stack
            assert "OrderError: b" in stack


def test_a_logged_dict_is_its_repr_and_nothing_can_be_searched_by_its_keys(otel_logs: OtelLogs) -> None:
    """`LoggingHandler._translate` calls `getMessage`. open-telemetry/opentelemetry-python#4327 says why."""
    ours = tracelog_lines()
    make_logger(otel_logs.handler, ours).info({"message": "placed", "items": 2})
    assert (otel_logs.record.body, dict(otel_logs.record.attributes)) == ("{'message': 'placed', 'items': 2}", {})
    assert (ours.line["message"], ours.line["items"]) == ("placed", 2)


class Basket:
    """An object without a text of its own."""


def test_an_extra_of_another_type_is_nothing_or_text_with_a_warning_each_time(otel_logs: OtelLogs) -> None:
    """`_clean_attribute_value`. open-telemetry/opentelemetry-python#3466"""
    warned, ours = RecordList(), tracelog_lines()
    logging.getLogger().addHandler(warned)
    extra = {"basket": Basket(), "items": {3}, "prices": {1: 2.5}}
    make_logger(otel_logs.handler, ours).info("placed", extra=extra)
    attributes = otel_logs.record.attributes
    assert (attributes["basket"], attributes["items"], attributes["prices"]) == (None, "{3}", {"1": 2.5})
    assert {record.name for record in warned.records} <= {"opentelemetry.attributes"}
    assert ours.line["basket"].startswith(f"<{__name__}.Basket object")
    assert (ours.line["items"], ours.line["prices"]) == ([3], {"1": 2.5})


def test_extras_beyond_128_push_out_those_before_them(otel_logs: OtelLogs) -> None:
    """`BoundedAttributes`, by its default, which open-telemetry/opentelemetry-python#4671 met as well."""
    ours, extra = tracelog_lines(), {f"key{number:03d}": number for number in range(130)}
    with pytest.warns(_logs.LogRecordDroppedAttributesWarning):
        make_logger(otel_logs.handler, ours).info("placed", extra=extra)
    attributes = otel_logs.record.attributes
    assert (len(attributes), "key000" in attributes, "key129" in attributes) == (128, False, True)
    assert {key: ours.line[key] for key in extra} == extra


class Talkative:
    """An object that logs while it is printed, as lazily loaded models do."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger

    def __str__(self) -> str:
        self._logger.info("loaded")
        return "A-7"


def test_a_line_that_is_logged_while_another_is_read_is_dropped(
    otel_logs: OtelLogs, capsys: pytest.CaptureFixture[str]
) -> None:
    """`LoggingHandler.emit` is not entered twice, against the recursion of open-telemetry/opentelemetry-python#3858."""
    peer, printed = make_logger(otel_logs.handler), tracelog_lines()
    ours = make_logger(printed)
    peer.info("order %s placed", Talkative(peer))
    ours.info("order %s placed", Talkative(ours))
    assert [record.body for record in otel_logs.records] == ["order A-7 placed"]
    assert [line.count("loaded") for line in printed.lines] == [1, 0]


class LoggingExporter(LogRecordExporter):
    """An exporter that says what it does, as those that use a client of their own do by way of that."""

    def __init__(self, logger: logging.Logger) -> None:
        self.exported: list[Any] = []
        self._logger = logger

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        self.exported += [each.log_record.body for each in batch]
        self._logger.warning("slow answer")
        return LogRecordExportResult.SUCCESS

    def shutdown(self) -> None: ...

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return True


@pytest.mark.skipif(not hasattr(_logs, "LoggingHandler"), reason="the SDK has no handler any more")
def test_an_exporter_that_logs_exports_its_own_words_and_a_store_that_logs_does_not(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SDK's handler goes round until the processor's counter stops it. open-telemetry/opentelemetry-python#4261

    Its successor in the instrumentation drops the inner line instead, see above. `tests/ship/test_sender.py` has the
    rest of tracelog's side.
    """
    logger = make_logger()
    exporter, provider = LoggingExporter(logger), LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        logger.addHandler(_logs.LoggingHandler(logger_provider=provider))
    logger.info("placed")
    assert exporter.exported == ["placed", *["slow answer"] * 3]

    with tracelog.open_store(store_url) as store:
        write = store.write
        ours = make_logger(tracelog.StoreHandler(store, service="shop"))

        def talkative(documents: Any) -> Any:
            ours.warning("slow answer")
            return write(documents)

        monkeypatch.setattr(store, "write", talkative)
        ours.info("placed")
        assert tracelog.flush(10)
        assert [entry.body for entry in store.logs()] == ["placed"]
