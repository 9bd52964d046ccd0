"""What the tests of capture share: a tracer with counted ids, a clock that stands still, a factory put back."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator

import pytest
from opentelemetry.trace import Tracer

from tracelog.capture import exceptions
from tracelog.capture.stdlib import uninstall

from .telemetry import NOW, make_tracer


@pytest.fixture(autouse=True)
def _record_factory() -> Iterator[None]:
    """Give each test the plain record factory, and forget what it installed."""
    before = logging.getLogRecordFactory()
    logging.setLogRecordFactory(logging.LogRecord)
    uninstall()
    exceptions._logged.clear()  # the ids of the tests' spans come again and again
    yield
    logging.setLogRecordFactory(before)
    uninstall()


@pytest.fixture
def tracer() -> Tracer:
    """A tracer whose first span has the ids TRACE and SPAN."""
    return make_tracer()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop the clock at NOW."""
    monkeypatch.setattr(time, "time_ns", lambda: NOW)
    monkeypatch.setattr(time, "time", lambda: NOW / 1e9)
