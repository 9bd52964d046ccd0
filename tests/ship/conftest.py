"""What the tests of ship share: senders that no other test knows, and retries that do not wait."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from weakref import WeakSet

import pytest

from tracelog.capture.stdlib import uninstall
from tracelog.ship import sender, senders
from tracelog.store import Store, open_store


@pytest.fixture(autouse=True)
def _own_senders(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give each test an empty registry of senders, and close at the end what it made."""
    monkeypatch.setattr(senders, "_senders", {})
    monkeypatch.setattr(senders, "_made", WeakSet())
    monkeypatch.setattr(sender, "_pause", lambda attempts, error: 0.005)
    for name in ("TRACELOG_STORE", "TRACELOG_DATASET", "TRACELOG_NAMESPACE"):
        monkeypatch.delenv(name, raising=False)
    yield
    senders.shutdown(timeout=5)


@pytest.fixture(autouse=True)
def _record_factory() -> Iterator[None]:
    """Give each test the plain record factory, and forget what it installed."""
    before = logging.getLogRecordFactory()
    logging.setLogRecordFactory(logging.LogRecord)
    uninstall()
    yield
    logging.setLogRecordFactory(before)
    uninstall()


@pytest.fixture
def url(tmp_path: Path) -> str:
    """The URL of an embedded store that does not exist yet."""
    return f"sqlite:{tmp_path}/tracelog.db"


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    """The embedded store behind `url`."""
    with open_store(url) as opened:
        yield opened
