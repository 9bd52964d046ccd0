"""No way to the store, or to the console that configure sets up, lets a secret through."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import pytest
from capture.telemetry import Printed, make_logger, make_tracer
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import StatusCode

import tracelog
from tracelog import JsonFormatter, StoreHandler, StoreRenderer, StoreSpanExporter
from tracelog.capture.redact import REDACTED, Redactor
from tracelog.errors import ConfigurationError
from tracelog.schema.otel import Document
from tracelog.store import Store
from tracelog.store.base import WriteResult

from .stores import MemoryStore

SECRET = "hunter2"
SAID = f"login with password={SECRET} at https://bob:{SECRET}@db.example/orders"


def everything_in(directory: Path) -> bytes:
    return b"".join(path.read_bytes() for path in directory.iterdir() if path.is_file())


def fail_with_the_secret(handler: logging.Handler) -> None:
    try:
        raise PermissionError(SAID)
    except PermissionError:
        make_logger(handler).exception(SAID, extra={"api_key": SECRET, "nested": {"db": {"password": SECRET}}})


def test_nothing_in_the_file_of_the_store_is_a_secret(store: Store, tmp_path: Path) -> None:
    fail_with_the_secret(StoreHandler(store, service="shop"))
    StoreRenderer(store, service="shop")(None, "info", {"event": SAID, "authorization": f"Bearer {SECRET}"})
    with make_tracer(SimpleSpanProcessor(StoreSpanExporter(store))).start_as_current_span("checkout") as span:
        span.set_attribute("db.password", SECRET)
        span.add_event("retry", {"url": f"https://bob:{SECRET}@db.example/orders"})
        span.set_status(StatusCode.ERROR, SAID)
    assert tracelog.flush(30)
    found = everything_in(tmp_path)
    assert REDACTED.encode() in found
    assert SECRET.encode() not in found


def test_the_renderer_prints_what_it_stores(store: Store) -> None:
    line = StoreRenderer(store, service="shop")(None, "info", {"event": SAID})
    assert SECRET not in line


def test_the_renderer_prints_no_secret_of_an_event_that_cannot_be_read(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("tracelog.ship.renderer.read_event", fail)
    line = StoreRenderer(store)(None, "info", {"event": SAID, "api_key": SECRET})
    assert "login with" in line
    assert SECRET not in line


def test_the_renderer_prints_no_secret_of_what_a_store_logs_in_its_senders_thread() -> None:
    def log_and_keep(batch: Sequence[Document]) -> WriteResult:
        lines.append(renderer(None, "info", {"event": SAID}))
        return store.keep(batch)

    store, lines = MemoryStore(log_and_keep), list[str]()
    renderer = StoreRenderer(store)
    renderer(None, "info", {"event": "placed"})
    assert tracelog.flush(30)
    assert store.messages == ["placed"]
    assert ["login with" in line and SECRET not in line for line in lines] == [True]


def test_the_formatter_hides_secrets_where_it_is_told_to() -> None:
    hiding, plain = Printed(JsonFormatter(redact=True)), Printed(JsonFormatter())
    for handler in (hiding, plain):
        fail_with_the_secret(handler)
    assert SECRET not in hiding.text
    assert SECRET in plain.text


def test_redaction_can_be_left_out(store: Store) -> None:
    make_logger(StoreHandler(store, service="shop", redact=False)).info(SAID)
    assert tracelog.flush(30)
    assert [line.message for line in store.logs()] == [SAID]


def test_a_redactor_of_ones_own_is_used(store: Store) -> None:
    redactor = Redactor(keys=["customer"])
    make_logger(StoreHandler(store, service="shop", redact=redactor)).info("placed", extra={"customer": "Bob"})
    assert tracelog.flush(30)
    assert [line.attributes["customer"] for line in store.logs()] == [REDACTED]
    assert redactor.count == 1


def test_what_is_no_redactor_is_refused() -> None:
    with pytest.raises(ConfigurationError):
        StoreHandler("sqlite:unused.db", redact="yes")  # type: ignore[arg-type]
