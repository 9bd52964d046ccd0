"""Row 21 of the fault table: no secret is in the spool, in the refused file, on stderr, in the store or in a repr."""

from __future__ import annotations

import base64
import os
import urllib.request
from pathlib import Path

import pytest

from tracelog.capture.redact import REDACTED
from tracelog.ship.refused import refused_file

from .bulk_items import FailItems
from .proxy import FaultProxy
from .replies import HttpStatus
from .shipping import Shipping

pytestmark = [pytest.mark.slow, pytest.mark.elasticsearch]

SECRET = "correct-horse-battery"
CREDENTIALS = f"shop:{SECRET}"
FORMS = [SECRET.encode(), base64.b64encode(CREDENTIALS.encode())]
TEXT = f"cannot log in to postgres://bob:{SECRET}@db.example/orders with password={SECRET}"


def log_secrets(shipping: Shipping, word: str) -> None:
    """Log a line that has a secret wherever a line can have one."""
    extra = {"api_key": SECRET, "headers": {"Authorization": f"Bearer {SECRET}"}, "dsn": f"redis://:{SECRET}@cache"}
    try:
        raise PermissionError(TEXT)
    except PermissionError:
        shipping.logger.exception("%s: %s", word, TEXT, extra=extra)


def assert_no_secret(data: bytes) -> None:
    assert [form for form in FORMS if form in data] == []


def everything_in_spools() -> bytes:
    root = Path(os.environ["TRACELOG_SPOOL"])
    return b"".join(path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file())


def documents(shipping: Shipping) -> bytes:
    url = f"{shipping.node}/logs-tracelog.otel-{shipping.namespace}"
    with urllib.request.urlopen(f"{url}/_refresh", timeout=60), urllib.request.urlopen(f"{url}/_search") as answer:
        found: bytes = answer.read()
    return found


@pytest.fixture
def guarded(proxy: FaultProxy, elasticsearch_url: str, namespace: str) -> Shipping:
    """A logger whose handler logs in to the node with a password."""
    url = proxy.url.replace("://", f"://{CREDENTIALS}@")
    return Shipping(url, namespace, node=elasticsearch_url)


def test_row_21_no_secret_of_a_line_is_in_the_spool(guarded: Shipping, proxy: FaultProxy) -> None:
    with proxy.refusing():
        log_secrets(guarded, "kept")
        spooled = everything_in_spools()
    assert REDACTED.encode() in spooled
    assert_no_secret(spooled)
    assert guarded.settle().stored == 1


def test_row_21_no_secret_of_a_line_is_in_store_refused_file_or_stderr(
    guarded: Shipping, proxy: FaultProxy, capsys: pytest.CaptureFixture[str]
) -> None:
    proxy.fault = FailItems(status=400, containing=b"never taken")
    log_secrets(guarded, "taken")
    log_secrets(guarded, "never taken")
    stats = guarded.settle()
    assert (stats.stored, stats.refused) == (1, 1)
    folder = guarded.sender.pipeline.spool.folder
    assert folder is not None
    for data in (refused_file(folder.path).read_bytes(), documents(guarded)):
        assert REDACTED.encode() in data
        assert_no_secret(data)
    said = capsys.readouterr().err
    assert "refused 1 documents" in said
    assert_no_secret(said.encode())


@pytest.mark.parametrize("fault", [HttpStatus(401), HttpStatus(403), HttpStatus(503), None], ids=repr)
def test_row_21_no_credentials_are_in_what_is_said_shown_or_kept_in_trouble(
    fault: HttpStatus | None, guarded: Shipping, proxy: FaultProxy, capsys: pytest.CaptureFixture[str]
) -> None:
    proxy.fault = fault
    guarded.log(1)
    if fault:
        proxy.counts.wait_for(fault.name, 2)
    else:
        with proxy.refusing():
            guarded.log(1)
            assert not guarded.sender.flush(0.2)
    shown = repr([guarded.handler, guarded.sender, guarded.sender.pipeline, guarded.handler.destination])
    said = capsys.readouterr().err
    for text in (shown, guarded.handler.state, said):
        assert_no_secret(text.encode())
    assert_no_secret(everything_in_spools())
    assert proxy.url in said
    proxy.fault = None
    guarded.assert_stored_once()


def test_row_21_an_api_key_is_in_nothing_that_is_shown_or_kept(
    proxy: FaultProxy, elasticsearch_url: str, namespace: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shipping = Shipping(proxy.url, namespace, node=elasticsearch_url, api_key=SECRET)
    with proxy.refusing():
        shipping.log(1)
        assert not shipping.sender.flush(0.2)
        assert_no_secret(everything_in_spools())
    assert_no_secret(repr([shipping.handler, shipping.sender, shipping.handler.destination]).encode())
    assert_no_secret(capsys.readouterr().err.encode())
    shipping.assert_stored_once()
