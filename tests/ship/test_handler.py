"""The logging handler: whole stored lines, dictConfig, and records that nobody could encode."""

from __future__ import annotations

import logging
import logging.config
import time
from collections.abc import Iterator
from typing import Any

import pytest
from capture.telemetry import NOW, SPAN, TRACE, make_logger, make_tracer

import tracelog
from tracelog import StoreHandler
from tracelog.errors import ConfigurationError, StoreUnavailableError
from tracelog.model import LogEntry
from tracelog.resource import detect_resource
from tracelog.ship import log_text as log_text_module
from tracelog.store import Store

from .stores import MemoryStore, books


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "host-1")
    monkeypatch.delenv("OTEL_SERVICE_NAME", raising=False)
    monkeypatch.delenv("OTEL_RESOURCE_ATTRIBUTES", raising=False)


def test_a_line_is_stored_whole(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    handler = StoreHandler(store, service="shop")
    with monkeypatch.context() as stopped, make_tracer().start_as_current_span("checkout"):
        stopped.setattr(time, "time", lambda: NOW / 1e9)
        stopped.setattr(time, "time_ns", lambda: NOW)
        make_logger(handler).warning("order %d", 7, extra={"items": {3}})
    assert tracelog.flush(30)
    (entry,) = store.logs()
    place = {key: entry.attributes[key] for key in entry.attributes if key.startswith("code.")}
    assert entry == LogEntry(
        id=entry.id,
        time=NOW,
        observed_time=NOW,
        body="order 7",
        severity_number=13,
        severity_text="WARNING",
        logger="shop.orders",
        service="shop",
        trace_id=TRACE,
        span_id=SPAN,
        trace_flags=1,
        attributes={"items": [3], **place},
        resource={"host.name": "host-1", "service.name": "shop"},
    )
    assert (place["code.file.path"], place["code.function.name"]) == (__file__, "test_a_line_is_stored_whole")


def test_the_service_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch, store: Store) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "orders")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test%20bed,broken")
    make_logger(StoreHandler(store)).info("placed")
    assert tracelog.flush(30)
    resource = {"host.name": "host-1", "deployment.environment.name": "test bed", "service.name": "orders"}
    assert [(entry.service, entry.resource) for entry in store.logs()] == [("orders", resource)]


def test_a_process_without_arguments_has_a_name_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", [])
    assert detect_resource()["service.name"] == "unknown_service:python"


def test_a_bare_record_is_stored() -> None:
    store = MemoryStore()
    StoreHandler(store).handle(logging.makeLogRecord({"msg": "bare"}))
    assert tracelog.flush(30)
    assert store.messages == ["bare"]


def test_what_only_the_clean_way_can_encode_is_stored(store: Store) -> None:
    extra = {"torn": "\ud800", "key\udfff": 1, "big": 2**70, "name\0": "\0", "never": float("nan")}
    make_logger(StoreHandler(store)).info("torn \udcff", extra=extra)
    assert tracelog.flush(30)
    (entry,) = store.logs()
    assert entry.body == "torn \\udcff"
    kept = {key: value for key, value in entry.attributes.items() if not key.startswith("code.")}
    expected = {"torn": "\\ud800", "key\\udfff": 1, "big": "1180591620717411303424", "name\0": "\0", "never": "nan"}
    assert kept == expected


def test_a_record_that_nobody_can_read_raises_nothing_and_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(log_text_module, "read_said", fail)
    handler = StoreHandler(MemoryStore())
    make_logger(handler).info("placed")
    assert handler.stats() == books(1, lost_unencodable=1)


def test_a_handler_has_a_level_of_its_own() -> None:
    store = MemoryStore()
    logger = make_logger(StoreHandler(store, level="WARNING"))
    logger.info("left out")
    logger.warning("kept")
    assert tracelog.flush(30)
    assert store.messages == ["kept"]


@pytest.fixture
def _no_handlers_left() -> Iterator[None]:
    """Put back what dictConfig takes away: the root's handlers and the list of those to close."""
    root, known = logging.getLogger(), logging._handlerList[:]  # type: ignore[attr-defined]
    handlers, level, names = root.handlers[:], root.level, dict(logging._handlers)  # type: ignore[attr-defined]
    yield
    logging.config.dictConfig({"version": 1, "incremental": False, "disable_existing_loggers": False})
    root.handlers[:], root.level = handlers, level
    root.manager._clear_cache()  # type: ignore[attr-defined]
    logging._handlerList[:] = known  # type: ignore[attr-defined]
    logging._handlers.update(names)  # type: ignore[attr-defined]


def configure(store: str | Store) -> StoreHandler:
    """Configure logging as Django and uvicorn do, and return the root's handler."""
    settings: dict[str, Any] = {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"store": {"class": "tracelog.StoreHandler", "store": store, "service": "shop"}},
        "root": {"handlers": ["store"], "level": "DEBUG"},
    }
    logging.config.dictConfig(settings)
    (handler,) = (handler for handler in logging.getLogger().handlers if isinstance(handler, StoreHandler))
    return handler


@pytest.mark.usefixtures("_no_handlers_left")
def test_running_dict_config_again_uses_the_same_sender_and_loses_nothing(url: str, store: Store) -> None:
    first = configure(url)
    logging.getLogger("shop").info("before")
    second = configure(url)
    logging.getLogger("shop").info("after")
    assert tracelog.flush(30)
    assert second is not first
    assert [entry.body for entry in store.logs(service="shop")] == ["before", "after"]
    assert first.stats() == second.stats() == books(2, stored=2)


@pytest.mark.usefixtures("_no_handlers_left")
def test_running_dict_config_again_does_not_wait_for_a_store_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    store = MemoryStore(*[StoreUnavailableError("away")] * 10_000)
    first = configure(store)
    logging.getLogger("shop").info("placed")
    monkeypatch.setattr(first._sender, "flush", lambda *_, **__: pytest.fail("it waits"))
    configure(store)
    first.flush()  # as logging did until Python 3.11 when it closed a handler
    assert first.stats().in_spool == 1
    tracelog.shutdown(0)


def test_what_could_not_be_made_is_no_handler_that_logging_flushes() -> None:
    with pytest.raises(ConfigurationError) as failure:
        StoreHandler("ftp://nowhere")
    logging.config.dictConfig({"version": 1, "disable_existing_loggers": False})
    assert failure.traceback  # which holds what was begun
