"""`Keep` in a service: stdlib logging, structlog and spans go through it, and what is stored is what mattered."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import structlog
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import NonRecordingSpan, SpanContext, StatusCode, TraceFlags, use_span

import tracelog
from tracelog.capture import fork
from tracelog.errors import ConfigurationError
from tracelog.keep.keeping import Keep, has_own_level
from tracelog.keep.recorder import Limits
from tracelog.keep.spans import KeptSpans
from tracelog.model import LogEntry
from tracelog.store import open_store

POLICIES: list[dict[str, Any]] = [
    {"name": "failed", "type": "status_code", "status_code": "ERROR"},
    {"name": "loud", "type": "level", "level": "ERROR"},
]
ALL_OF_IT = [{"name": "all", "type": "probabilistic", "sampling_percentage": 100}]


class Service:
    """A service that logs and traces through a `keep`, and its store."""

    def __init__(self, url: str, keep: Keep) -> None:
        self.keep, self.url = keep, url
        self.handler = tracelog.StoreHandler(url, service="shop", keep=keep, spool=False)
        self.log = logging.Logger("shop", keep.lowest)  # noqa: LOG001 - one that nobody else has
        self.log.addHandler(self.handler)
        provider = TracerProvider()
        provider.add_span_processor(KeptSpans(tracelog.StoreSpanExporter(url, spool=False), keep))
        self.tracer = provider.get_tracer("shop")

    def lines(self) -> list[LogEntry]:
        assert tracelog.flush(30)
        with open_store(self.url) as store:
            return list(store.logs())

    def said(self) -> list[str]:
        return [line.message for line in self.lines()]

    def spans(self) -> list[str]:
        with open_store(self.url) as store:
            return [span.name for span in store.spans()]


@pytest.fixture
def make(tmp_path: Any) -> Callable[..., Service]:
    tracelog.install()

    def make_one(policies: Any = POLICIES, **options: Any) -> Service:
        return Service(f"sqlite:{tmp_path}/kept.db", Keep(policies, **options))

    return make_one


def request(service: Service, name: str, *, fail: bool = False) -> None:
    with service.tracer.start_as_current_span(name) as span:
        service.log.debug("%s begins", name)
        with service.tracer.start_as_current_span(f"{name} inner"):
            service.log.info("%s goes on", name)
        service.log.debug("%s ends", name)
        if fail:
            span.set_status(StatusCode.ERROR)


def test_a_failed_trace_is_stored_whole_with_the_lines_that_are_not_logged_and_another_not_at_all(
    make: Callable[..., Service],
) -> None:
    service = make()
    request(service, "well")
    request(service, "badly", fail=True)
    assert service.said() == ["badly begins", "badly goes on", "badly ends"]
    assert service.spans() == ["badly", "badly inner"]
    assert [line.level for line in service.lines()] == ["DEBUG", "INFO", "DEBUG"]
    assert service.keep.stats() == {"dropped": 1, "forgotten": 5, "kept by failed": 1, "undecided": 0}


def test_lines_keep_the_times_at_which_they_were_written(make: Callable[..., Service]) -> None:
    service = make()
    request(service, "badly", fail=True)
    lines = service.lines()
    with open_store(service.url) as store:
        root = store.trace(lines[0].trace_id or "").root
    assert root is not None
    assert root.start <= lines[0].time <= lines[1].time <= lines[2].time <= root.end


def test_a_line_says_what_it_said_when_it_was_written(make: Callable[..., Service]) -> None:
    service = make()
    cart, note = ["tea"], {"items": 1}
    with service.tracer.start_as_current_span("order") as span:
        service.log.debug("cart %s", cart, extra={"note": note})
        try:
            raise ValueError("no tea")
        except ValueError:
            service.log.debug("caught", exc_info=True)
        cart.append("milk")
        note["items"] = 2
        span.set_status(StatusCode.ERROR)
    first, second = service.lines()
    assert (first.message, first.attributes["note"]) == ("cart ['tea']", {"items": 1})
    assert second.exception is not None
    assert (second.exception.type, second.exception.message) == ("ValueError", "no tea")


def test_of_two_interleaved_traces_in_threads_only_the_failed_one_is_stored_in_order(
    make: Callable[..., Service],
) -> None:
    service = make()
    turns = threading.Barrier(2)

    def work(name: str, *, fail: bool) -> None:
        with service.tracer.start_as_current_span(name) as span:
            for n in range(20):
                turns.wait()
                service.log.debug("%s %d", name, n)
            if fail:
                span.set_status(StatusCode.ERROR)

    threads = [threading.Thread(target=work, args=(name,), kwargs={"fail": name == "b"}) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert service.said() == [f"b {n}" for n in range(20)]
    assert service.spans() == ["b"]


def test_of_two_interleaved_traces_in_tasks_only_the_failed_one_is_stored_in_order(
    make: Callable[..., Service],
) -> None:
    service = make()

    async def work(name: str) -> None:
        with service.tracer.start_as_current_span(name) as span:
            for n in range(20):
                service.log.debug("%s %d", name, n)
                await asyncio.sleep(0)
            if name == "b":
                span.set_status(StatusCode.ERROR)

    async def both() -> None:
        await asyncio.gather(work("a"), work("b"))

    asyncio.run(both())
    assert service.said() == [f"b {n}" for n in range(20)]


def test_a_line_at_warning_says_that_its_trace_was_undecided(make: Callable[..., Service]) -> None:
    service = make()
    with service.tracer.start_as_current_span("order"):
        service.log.warning("stock is low")
    (line,) = service.lines()
    assert line.attributes["tracelog.undecided"] is True
    assert service.spans() == []


def test_a_span_that_ends_at_what_is_no_time_is_kept_and_raises_nothing(make: Callable[..., Service]) -> None:
    service = make()
    end: Any = "now"
    span = service.tracer.start_span("order")
    span.set_status(StatusCode.ERROR)
    span.end(end)
    assert (service.lines(), service.spans()) == ([], ["order"])
    assert service.keep.stats()["undecided"] == 0


def test_an_exporter_that_fails_is_logged_where_spans_end_not_raised(caplog: pytest.LogCaptureFixture) -> None:
    class Failing(InMemorySpanExporter):
        def export(self, spans: Any) -> Any:
            raise RuntimeError("no")

    provider = TracerProvider()
    provider.add_span_processor(KeptSpans(Failing()))
    provider.get_tracer("shop").start_span("order").end()
    assert caplog.messages == ["a span cannot be kept"]


def test_lines_on_no_span_are_stored_from_the_level_on(make: Callable[..., Service]) -> None:
    service = make()
    service.log.debug("not logged")
    service.log.info("started")
    assert service.said() == ["started"]


@pytest.mark.parametrize("root", [logging.NOTSET, logging.DEBUG])
def test_a_logger_has_a_level_of_its_own_or_of_one_above_it_that_is_not_the_root(root: int) -> None:
    loud, before = logging.getLogger("own.loud"), logging.getLogger().level
    logging.getLogger("own.loud.in.it")
    loud.setLevel(logging.ERROR)
    logging.getLogger().setLevel(root)
    try:
        names = ("own", "own.loud", "own.loud.in", "own.loud.in.it", "root", "own.nobody")
        assert [name for name in names if has_own_level(name)] == ["own.loud", "own.loud.in.it"]
        assert not has_own_level(logging.getLogger("own.quiet").name)
    finally:
        logging.getLogger().setLevel(before)


def test_a_trace_whose_end_nobody_tells_is_decided_by_the_clock_alone(make: Callable[..., Service]) -> None:
    service = make(ALL_OF_IT, limits=Limits(age=0))
    decided = threading.Event()
    service.keep.tell(lambda undecided: None if undecided else decided.set())
    with remote(1):
        service.log.info("held")
    assert decided.wait(60)
    assert service.keep.stats()["decided early: age"] == 1
    assert service.said() == ["held"]


def test_what_comes_after_the_shutdown_is_decided_as_it_comes_until_there_is_a_handler_again(
    make: Callable[..., Service],
) -> None:
    service = make(ALL_OF_IT)
    tracelog.shutdown(10)
    with remote(1):
        service.log.info("nobody would decide this later")
    assert service.keep.stats()["undecided"] == 0
    tracelog.StoreHandler(service.url, keep=service.keep, spool=False)
    with remote(2):
        service.log.info("held")
    assert service.keep.stats()["undecided"] == 1


def remote(trace_id: int, flags: int = 1) -> Any:
    return use_span(NonRecordingSpan(SpanContext(trace_id, 0xDEF, is_remote=True, trace_flags=TraceFlags(flags))))


def unsampled() -> Any:
    return remote(0xABC, 0)


@pytest.mark.parametrize(
    ("rule", "stored"), [("stamp", ["info", "warning"]), ("drop_below: WARNING", ["warning"]), ("drop_below:ERROR", [])]
)
def test_lines_of_unsampled_traces_are_stored_by_the_rule_and_say_so(
    rule: str, stored: list[str], make: Callable[..., Service]
) -> None:
    service = make((), unsampled=rule)
    with unsampled():
        service.log.info("info")
        service.log.warning("warning")
    request(service, "sampled")
    lines = [line for line in service.lines() if line.trace_id == f"{0xABC:032x}"]
    assert [line.message for line in lines] == stored
    assert all(line.attributes["tracelog.unsampled"] is True for line in lines)
    assert "sampled goes on" in service.said()


@pytest.mark.parametrize("keep", [None, Keep(), Keep(ALL_OF_IT), Keep(POLICIES)])
def test_lines_of_unsampled_traces_say_so_whatever_is_kept(keep: Keep | None, tmp_path: Any) -> None:
    store = tracelog.open_store(f"sqlite:{tmp_path}/unsampled.db")
    handler = tracelog.StoreHandler(store, keep=keep, spool=False)
    renderer = tracelog.StoreRenderer(store, keep=keep, spool=False)
    log = logging.Logger("shop")  # noqa: LOG001 - one that nobody else has
    log.addHandler(handler)
    printed: list[str] = []
    for trace_id, flags in ((1, 0), (2, 1)):
        with remote(trace_id, flags):
            log.info("stdlib, logged")
            log.error("stdlib, at once")
            structlog.wrap_logger(_Printer(printed), processors=[renderer]).info("structlog")
    if keep is not None:
        keep.decide()
    assert tracelog.flush(30)
    for line in store.logs():
        assert line.attributes.get("tracelog.unsampled", False) is (line.trace_id == f"{1:032x}")
    assert len(list(store.logs(trace_id=f"{1:032x}"))) == 3
    assert "tracelog.unsampled" not in "".join(printed)
    store.close()


def test_an_error_keeps_the_lines_of_a_trace_whose_spans_are_not_sampled(make: Callable[..., Service]) -> None:
    service = make(unsampled="drop_below: WARNING")
    with unsampled():
        service.log.debug("before")
        service.log.info("also before")
        service.log.error("the error")
        service.log.debug("after")
    assert service.said() == ["before", "also before", "the error", "after"]


def test_the_crash_of_a_request_keeps_its_lines_where_there_is_no_sdk(make: Callable[..., Service]) -> None:
    service = make()

    def called(path: str, trace_id: int) -> list[bytes]:
        caller = {"HTTP_TRACEPARENT": f"00-{trace_id:032x}-{0xDEF:016x}-01", "PATH_INFO": path}
        return list(wrapped(caller, lambda *_: None))

    def application(environ: Any, start_response: Any) -> Any:
        service.log.debug("%s taken", environ["PATH_INFO"])
        if environ["PATH_INFO"] == "/badly":
            raise RuntimeError("out of stock")
        start_response("200 OK", [])
        return [b"well"]

    wrapped = tracelog.CrashLineMiddleware(application)
    assert called("/well", 1) == [b"well"]
    with pytest.raises(RuntimeError):
        called("/badly", 2)
    assert service.said() == ["/badly taken"]


def test_a_forked_child_holds_nothing_of_its_parent_and_decides_for_itself(make: Callable[..., Service]) -> None:
    service = make()
    with service.tracer.start_as_current_span("order") as span:
        service.log.debug("of the parent")
        child = os.fork()
        if child == 0:
            service.log.error("of the child")
            tracelog.shutdown(10)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        span.set_status(StatusCode.ERROR)
    assert sorted(service.said()) == ["of the child", "of the parent"]


def test_the_shutdown_decides_what_is_open(make: Callable[..., Service]) -> None:
    service = make([*POLICIES, {"name": "all", "type": "probabilistic", "sampling_percentage": 100}])
    span = service.tracer.start_span("order")
    with use_span(span):
        service.log.debug("recorded")
        service.log.info("logged")
        tracelog.shutdown(10)
    with open_store(service.url) as store:
        assert [line.message for line in store.logs()] == ["logged"]


def test_structlog_records_what_is_below_its_level(make: Callable[..., Service], tmp_path: Any) -> None:
    service = make()
    printed: list[str] = []
    renderer = tracelog.StoreRenderer(service.url, service="shop", keep=service.keep, spool=False)
    log: Any = structlog.wrap_logger(
        _Printer(printed),
        processors=[structlog.contextvars.merge_contextvars, structlog.processors.add_log_level, renderer],
        wrapper_class=tracelog.make_recording_bound_logger("INFO"),
        context_class=dict,
    ).bind(order="A-1")
    for name, status in (("well", StatusCode.OK), ("badly", StatusCode.ERROR)):
        with service.tracer.start_as_current_span(name) as span, structlog.contextvars.bound_contextvars(user="u-1"):
            log.debug("reserving %d", 3, cart=["tea"])
            log.info("reserved")
            span.set_status(status)
    first, second = service.lines()
    assert (first.message, first.level, second.message) == ("reserving 3", "DEBUG", "reserved")
    assert first.attributes == {"order": "A-1", "user": "u-1", "cart": ["tea"]}
    assert (first.trace_id, first.span_id) == (second.trace_id, second.span_id)
    assert len(printed) == 2  # both that are logged; what is printed waits for nothing


def test_structlog_records_how_ids_were_come_by(make: Callable[..., Service], monkeypatch: pytest.MonkeyPatch) -> None:
    service = make()
    renderer = tracelog.StoreRenderer(service.url, service="shop", keep=service.keep, spool=False)
    monkeypatch.setattr(fork, "forked_in_span", True)
    with service.tracer.start_as_current_span("badly") as span:
        monkeypatch.setattr(fork, "_span", span)
        renderer.record("debug", 5, "in a forked child", (), {})
        span.set_status(StatusCode.ERROR)
    assert [line.attributes for line in service.lines()] == [{"tracelog.inherited": True}]


def test_an_event_that_waits_keeps_the_exception_that_it_was_logged_with(make: Callable[..., Service]) -> None:
    service = make()
    renderer = tracelog.StoreRenderer(service.url, service="shop", keep=service.keep, spool=False)
    recorded: Any = structlog.wrap_logger(
        _Printer([]), processors=[renderer], wrapper_class=tracelog.make_recording_bound_logger("WARNING")
    )
    handled: Any = structlog.wrap_logger(
        service.log,
        processors=[structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
    )

    def fail() -> None:
        with service.tracer.start_as_current_span("order"):
            try:
                raise KeyError("cache miss")
            except KeyError as error:
                for log in (recorded, handled):
                    log.info("looked up", exc_info=True)
                    log.info("looked up", exc_info=error)
            raise RuntimeError("what failed the span")

    with pytest.raises(RuntimeError, match="what failed the span"):
        fail()
    found = [line.exception and (line.exception.type, line.exception.message) for line in service.lines() if line.body]
    assert found == [("KeyError", "'cache miss'")] * 4


class _Printer:
    def __init__(self, printed: list[str]) -> None:
        self.printed = printed

    def info(self, line: str) -> None:
        self.printed.append(line)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"level": "LOUD"}, "unknown level 'LOUD'"),
        ({"unsampled": "drop"}, "unsampled is 'drop'"),
        ({"unsampled": "drop_below: LOUD"}, "unknown level 'LOUD'"),
    ],
)
def test_what_cannot_work_is_an_error_at_once(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        Keep(POLICIES, **options)


KILLED = """
import os, signal, sys, logging, tracelog
from opentelemetry.sdk.trace import TracerProvider
from tracelog.keep.spans import KeptSpans
keep = tracelog.Keep([{"name": "failed", "type": "status_code", "status_code": "ERROR"}])
logging.getLogger().addHandler(tracelog.StoreHandler(sys.argv[1], service="shop", keep=keep))
logging.getLogger().setLevel("DEBUG")
provider = TracerProvider()
provider.add_span_processor(KeptSpans(tracelog.StoreSpanExporter(sys.argv[1]), keep))
for n in range(7):
    span = provider.get_tracer("shop").start_span(f"order {n}")
    if n < 4:
        span.end()
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_next_process_says_how_many_undecided_traces_a_killed_one_took_along(
    make: Callable[..., Service], tmp_path: Any
) -> None:
    url = f"sqlite:{tmp_path}/kept.db"
    assert subprocess.run([sys.executable, "-c", KILLED, url], check=False).returncode == -9
    tracelog.StoreHandler(url, service="next").emit(logging.makeLogRecord({"msg": "next", "levelno": 20}))
    assert tracelog.flush(30)
    deadline = time.monotonic() + 30
    with open_store(url) as store:
        while not [line for line in store.logs() if line.event_name == "tracelog.gap"]:
            assert time.monotonic() < deadline
            tracelog.flush(1)
        (gap,) = [line for line in store.logs() if line.event_name == "tracelog.gap"]
    assert gap.message.startswith("3 undecided traces are missing here: ")
