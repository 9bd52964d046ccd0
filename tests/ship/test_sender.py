"""The thread that empties a pipeline: stores that are away, that refuse, that log themselves, and the end of it all."""

from __future__ import annotations

import gc
import logging
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest
from capture.telemetry import make_logger, make_tracer
from opentelemetry import context
from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY
from opentelemetry.trace import use_span

import tracelog
from tracelog import Keep, KeptSpans, StoreHandler, StoreSpanExporter
from tracelog.errors import ConfigurationError, StoreRejectedError, StoreUnavailableError
from tracelog.schema.otel import Document, decode_log
from tracelog.ship import senders
from tracelog.ship.refused import read_refused, refused_file
from tracelog.ship.spool import Loss
from tracelog.store import Store
from tracelog.store.base import WriteResult

from .stores import MemoryStore, assert_balanced, books

AWAY = StoreUnavailableError("memory: away")


def bodies(store: Store) -> list[object]:
    return [entry.body for entry in store.logs()]


def test_making_a_handler_opens_nothing_and_starts_nothing(tmp_path: Path) -> None:
    handlers = [StoreHandler(f"sqlite:{tmp_path}/new.db"), StoreHandler("http://127.0.0.1:9")]
    assert list(tmp_path.iterdir()) == []
    assert [handler._sender._threads for handler in handlers] == [[], []]


def test_a_url_that_cannot_work_is_refused_at_once() -> None:
    with pytest.raises(ConfigurationError, match="cannot open the store 'redis://x'"):
        StoreHandler("redis://x")


def test_a_store_that_is_down_at_the_start_gets_everything_later(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"sqlite:{tmp_path}/later/tracelog.db"
    handler = StoreHandler(url)
    logger = make_logger(handler)
    for number in range(3):
        logger.info("order %d", number)
    while handler.state == "ready":
        assert not tracelog.flush(0.05)
    assert handler.stats().in_spool == 3
    (tmp_path / "later").mkdir()
    logger.info("order 3")
    assert tracelog.flush(30)
    with tracelog.open_store(url) as store:
        assert bodies(store) == ["order 0", "order 1", "order 2", "order 3"]
    assert handler.stats()._replace(retries=0) == books(4, stored=4)
    missing = f"there is no folder {tmp_path}/later"
    assert capsys.readouterr().err.startswith(f"tracelog: {url}: {missing} (keeps trying; ")


def test_an_outage_in_the_middle_costs_neither_a_line_nor_the_order() -> None:
    store = MemoryStore()
    store.answers += [store.keep, AWAY, AWAY]
    handler = StoreHandler(store)
    logger = make_logger(handler)
    for number in range(4):
        logger.info("order %d", number)
        handler.flush(30)
    assert store.messages == ["order 0", "order 1", "order 2", "order 3"]
    assert handler.stats() == books(4, stored=4, retries=2)


@pytest.mark.parametrize("error", [StoreRejectedError("no right to write"), RuntimeError("a bug"), OSError("reset")])
def test_no_error_of_a_store_ends_the_thread(error: Exception) -> None:
    store = MemoryStore(error)
    handler = StoreHandler(store)
    make_logger(handler).info("placed")
    assert tracelog.flush(30)
    assert store.messages == ["placed"]


class UnspeakableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("a bug")


@pytest.mark.parametrize("error", [UnspeakableError, SystemExit])
def test_not_even_an_error_that_nobody_can_name_ends_the_thread_or_costs_what_was_being_sent(
    error: type[BaseException],
) -> None:
    def fail(_: Sequence[Document]) -> WriteResult:
        raise error

    store = MemoryStore(fail)
    handler = StoreHandler(store)
    make_logger(handler).info("placed")
    assert tracelog.flush(30)
    assert (store.messages, handler.stats()._replace(retries=0)) == (["placed"], books(1, stored=1))


def test_a_stderr_that_raises_whatever_it_likes_ends_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def write(self, _: str) -> None:
            raise RuntimeError("redirected to something that is closed")

    monkeypatch.setattr(sys, "stderr", Broken())
    store = MemoryStore(AWAY)
    make_logger(StoreHandler(store)).info("placed")
    assert tracelog.flush(30)
    assert store.messages == ["placed"]


def test_a_reply_that_was_lost_is_recognised_when_the_batch_is_sent_again() -> None:
    def keep_and_fail(batch: Sequence[Document]) -> WriteResult:
        store.keep(batch)
        raise StoreUnavailableError("the reply was lost")

    store = MemoryStore(keep_and_fail)
    handler = StoreHandler(store)
    make_logger(handler).info("placed")
    assert tracelog.flush(30)
    assert store.received == [store.received[0]] * 2
    assert handler.stats() == books(1, duplicate_suppressed=1, retries=1)


def test_trouble_is_said_once_on_stderr_and_not_at_each_attempt(capsys: pytest.CaptureFixture[str]) -> None:
    handler = StoreHandler(MemoryStore(*[AWAY] * 5))
    make_logger(handler).info("placed")
    assert tracelog.flush(30)
    assert capsys.readouterr().err == "tracelog: memory: away (keeps trying; 1 documents wait)\n"


def test_undecided_traces_that_went_with_a_process_are_said_to_be_lost_in_their_number(
    capsys: pytest.CaptureFixture[str],
) -> None:
    handler = StoreHandler(MemoryStore())
    handler._sender.pipeline.spool.losses.append(Loss(3, "7-a ended before they were decided", what="undecided traces"))
    make_logger(handler).info("placed")
    tracelog.shutdown(30)
    expected = "tracelog: 3 undecided traces for memory: are lost so far: 7-a ended before they were decided\n"
    assert (capsys.readouterr().err, handler.stats()) == (expected, books(2, stored=2))


def test_a_refused_document_is_repaired_and_stored_with_what_it_said(capsys: pytest.CaptureFixture[str]) -> None:
    store = MemoryStore(lambda batch: store.part(batch, refused=[batch[0].id]))
    handler = StoreHandler(store, service="shop")
    make_logger(handler).info("placed", extra={"order": {"id": 4711}})
    assert tracelog.flush(30)
    assert handler.stats() == books(1, stored=1, repaired=1)
    (stored,) = (decode_log(document.body) for document in store.documents.values())
    assert (stored.body, stored.service) == ("placed", "shop")
    assert stored.attributes["tracelog.repaired"] == "bad field"
    assert msgspec.json.decode(stored.attributes["tracelog.original"])["order"] == {"id": 4711}
    assert capsys.readouterr().err == ""


def test_what_is_refused_even_when_repaired_is_set_aside_with_the_reason(capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(batch: Sequence[Document]) -> WriteResult:
        return store.part(batch, refused=[document.id for document in batch])

    store = MemoryStore(refuse, refuse)
    handler = StoreHandler(store)
    make_logger(handler).info("placed")
    assert tracelog.flush(30)
    assert handler.stats() == books(1, refused=1)
    folder = handler._sender.pipeline.spool.folder
    assert folder is not None
    (line,) = read_refused(folder.path)
    assert (line.reason, line.stream, decode_log(line.document).body) == ("bad field", "logs", "placed")
    assert stat.S_IMODE(refused_file(folder.path).stat().st_mode) == 0o600
    assert capsys.readouterr().err == "tracelog: memory: refused 1 documents: bad field\n"


def test_a_store_whose_client_logs_and_traces_does_not_feed_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    root, client = logging.getLogger(), logging.getLogger("elastic_transport.transport")
    tracer_of_client = make_tracer()

    def log_and_keep(batch: Sequence[Document]) -> WriteResult:
        assert context.get_value(_SUPPRESS_INSTRUMENTATION_KEY)
        client.debug("POST /_bulk [status:200]")
        with tracer_of_client.start_as_current_span("POST") as span:
            exporter.export([span])  # type: ignore[list-item]  # the SDK's span is a readable one
        return store.keep(batch)

    store = MemoryStore(log_and_keep, log_and_keep)
    handler, exporter = StoreHandler(store, level="DEBUG"), StoreSpanExporter(store)
    monkeypatch.setattr(root, "level", logging.DEBUG)
    root.manager._clear_cache()  # type: ignore[attr-defined]  # levels are remembered
    root.addHandler(handler)
    try:
        logging.getLogger("shop").debug("placed")
        assert tracelog.flush(30)
        logging.getLogger("shop").debug("paid")
        assert tracelog.flush(30)
    finally:
        root.removeHandler(handler)
        monkeypatch.undo()
        root.manager._clear_cache()  # type: ignore[attr-defined]
    assert store.messages == ["placed", "paid"]
    assert handler.stats() == books(2, stored=2)


def collecting(store: MemoryStore) -> Callable[[Sequence[Document]], WriteResult]:
    """Return an answer of a store in the middle of which garbage is collected, in the sender's thread that is."""

    def collect_and_keep(batch: Sequence[Document]) -> WriteResult:
        gc.collect()
        return store.keep(batch)

    return collect_and_keep


class Garbage:
    """What does something when it is collected."""

    def __init__(self, finalise: Callable[[], object]) -> None:
        self.itself, self.finalise = self, finalise

    def __del__(self) -> None:
        self.finalise()


@pytest.fixture
def _no_collection_by_chance() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("_no_collection_by_chance")
@pytest.mark.parametrize("policies", [None, [{"name": "all", "type": "probabilistic", "sampling_percentage": 100}]])
def test_what_finalisers_log_and_trace_is_stored_though_they_run_in_the_senders_thread(policies: Any) -> None:
    store = MemoryStore()
    store.answers += [collecting(store)] * 9  # the first batch may well be on its way before there is any garbage
    keep = policies and Keep(policies)
    handler = StoreHandler(store, keep=keep)
    logger, span = make_logger(handler), make_tracer(KeptSpans(StoreSpanExporter(store), keep)).start_span("stream")
    with use_span(span):
        logger.info("streamed")
    Garbage(span.end)
    Garbage(partial(logger.info, "closed"))
    logger.info("placed")
    del span
    assert tracelog.flush(30)
    assert tracelog.flush(30)  # of what finalisers added while the first one waited
    assert sorted(store.messages) == ["closed", "placed", "streamed"]
    assert [document.stream for document in store.documents.values()].count("traces") == 1
    assert handler.stats() == books(4, stored=4)


@pytest.mark.usefixtures("_no_collection_by_chance")
def test_what_a_store_logs_is_left_out_after_a_collection_as_before() -> None:
    def collect_and_log(batch: Sequence[Document]) -> WriteResult:
        gc.collect()
        logger.info("written")
        return store.keep(batch)

    store = MemoryStore(collect_and_log)
    logger = make_logger(StoreHandler(store))
    logger.info("placed")
    assert tracelog.flush(30)
    assert tracelog.flush(30)
    assert store.messages == ["placed"]


def test_credentials_are_neither_shown_nor_kept_nor_part_of_the_destination(tmp_path: Path) -> None:
    handler, other = (StoreHandler(f"http://{user}:s3cret@localhost:9/", spool=tmp_path) for user in ("ann", "bob"))
    assert repr(handler) == "<StoreHandler http://localhost:9 (NOTSET)>"
    make_logger(handler).info("placed")
    tracelog.shutdown(5)
    held = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert held
    assert not [content for content in held if b"s3cret" in content or b"ann" in content]
    folders = [one._sender.pipeline.spool.folder for one in (handler, other)]
    assert [folder.path for folder in folders if folder] == [next(tmp_path.iterdir())] * 2


def test_handlers_of_one_destination_share_one_sender(url: str) -> None:
    assert StoreHandler(url)._sender is StoreHandler(url)._sender
    assert StoreHandler(url)._sender is not StoreHandler(url, namespace="other")._sender


def test_the_store_and_its_address_come_from_the_environment(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACELOG_STORE", url)
    assert StoreHandler()._sender is StoreHandler(url)._sender
    assert repr(StoreHandler(level="INFO")) == f"<StoreHandler {url} (INFO)>"


def test_shutting_down_sends_what_waits() -> None:
    store = MemoryStore()
    handler = StoreHandler(store)
    make_logger(handler).info("placed")
    tracelog.shutdown(30)
    assert store.messages == ["placed"]


def test_shutting_down_while_the_store_is_away_leaves_what_waits_on_disk(capsys: pytest.CaptureFixture[str]) -> None:
    handler = StoreHandler(MemoryStore(*[AWAY] * 10_000))
    logger = make_logger(handler)
    logger.info("placed")
    logger.info("paid")
    tracelog.shutdown(30)
    assert handler.stats()._replace(retries=0) == books(2, in_spool=2)
    said = capsys.readouterr().err
    assert said.endswith("tracelog: 2 documents wait on disk for memory: (run: tracelog spool send)\n")
    store = MemoryStore()
    successor = StoreHandler(store)
    make_logger(successor).info("shipped")
    tracelog.flush(30)
    tracelog.shutdown(30)
    assert sorted(store.messages) == ["paid", "placed", "shipped"]
    assert successor.stats() == books(1, adopted=2, stored=3)


def test_shutting_down_without_a_spool_on_disk_is_bounded_counted_and_said(capsys: pytest.CaptureFixture[str]) -> None:
    handler = StoreHandler(MemoryStore(*[AWAY] * 10_000), spool=False)
    logger = make_logger(handler)
    logger.info("placed")
    logger.info("paid")
    tracelog.shutdown(0.02)
    assert handler.stats()._replace(retries=0) == books(2, lost_at_close=2)
    assert capsys.readouterr().err.endswith(
        "tracelog: 2 documents could not be sent to memory: before the process ended\n"
    )


def test_the_thread_ends_with_the_sender_even_when_its_last_batch_failed() -> None:
    handler = StoreHandler(MemoryStore(*[AWAY] * 10_000))
    make_logger(handler).info("placed")
    tracelog.flush(0.01)
    (thread,) = handler._sender._threads
    tracelog.shutdown(0)
    thread.join(10)
    assert not thread.is_alive()


@pytest.mark.parametrize(("spool", "fate"), [(None, "in_spool"), (False, "lost_at_close")])
def test_logging_after_the_shutdown_makes_no_noise_and_is_kept_on_disk_or_counted(
    spool: Literal[False] | None, fate: str, capsys: pytest.CaptureFixture[str]
) -> None:
    handler = StoreHandler(MemoryStore(), spool=spool)
    logger = make_logger(handler)
    tracelog.shutdown(5)
    before = set(threading.enumerate())
    logger.info("too late")
    handler.flush(0)
    tracelog.shutdown(5)
    assert handler.stats() == books(1, **{fate: 1})
    assert (capsys.readouterr().err, set(threading.enumerate()) - before) == ("", set())


def test_what_is_logged_after_the_shutdown_is_sent_by_the_next_sender_of_the_process_and_a_flush_knows() -> None:
    store = MemoryStore()
    late = make_logger(StoreHandler(store), name="late")
    tracelog.shutdown(5)
    late.info("too late")
    late.info("later still")
    assert not tracelog.flush(0)
    make_logger(StoreHandler(store)).info("begun again")
    while not tracelog.flush(30):
        pass
    assert sorted(store.messages) == ["begun again", "later still", "too late"]


def test_a_store_that_was_given_is_left_open_and_one_that_was_opened_is_closed(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, opened = MemoryStore(), MemoryStore()
    monkeypatch.setattr(senders, "open_store", lambda *_, **__: opened)
    for target in (given, url):
        handler = StoreHandler(target)
        make_logger(handler).info("placed")
        assert tracelog.flush(30)
        tracelog.shutdown(30)
        (thread,) = handler._sender._threads
        thread.join(30)
    assert (given.closed, opened.closed) == (False, True)


def test_threads_that_log_at_once_lose_nothing_and_keep_each_its_order(store: Store) -> None:
    handler = StoreHandler(store)
    logger = make_logger(handler)

    def work(name: int) -> None:
        for number in range(200):
            logger.info("%d", 1000 * name + number)

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert tracelog.flush(30)
    found = [int(str(body)) for body in bodies(store)]
    assert sorted(found) == [1000 * name + number for name in range(4) for number in range(200)]
    assert [sorted(line for line in found if line // 1000 == name) for name in range(4)] == [
        [line for line in found if line // 1000 == name] for name in range(4)
    ]
    assert_balanced(handler.stats())


@pytest.mark.timeout(30, func_only=True)
def test_at_the_end_nobody_who_goes_on_logging_is_run_after() -> None:
    class Slow(MemoryStore):
        def write(self, documents: Sequence[Document]) -> WriteResult:
            time.sleep(0.05)  # so that something always waits
            return super().write(documents)

    handler = StoreHandler(Slow())
    logger, ended = make_logger(handler), threading.Event()

    def go_on() -> None:
        while not ended.wait(0.001):
            logger.info("and on")

    logger.info("placed")
    going = threading.Thread(target=go_on)
    going.start()
    try:
        tracelog.shutdown(120)
    finally:
        ended.set()
        going.join()
    assert handler.stats().stored >= 1
