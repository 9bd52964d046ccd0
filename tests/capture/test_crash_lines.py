"""What a server says of a request after its span has ended carries the request's ids, and nothing else does."""

from __future__ import annotations

import asyncio
import functools
import gc
import inspect
import logging
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import Span, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind, Tracer

from tracelog.capture import crash_lines
from tracelog.capture.context import Stamp, current_stamp
from tracelog.capture.crash_lines import AFTER_END, late_stamp, note_stamp, remember_exception
from tracelog.capture.middleware import CrashLineMiddleware
from tracelog.capture.request_spans import RequestSpanProcessor, watch_requests
from tracelog.errors import ConfigurationError

from .telemetry import make_provider, make_tracer

FIRST = Stamp(1, 1, 1)
CALLER = Stamp(0xA, 0xB, 1)
TRACEPARENT = f"00-{0xA:032x}-{0xB:016x}-01"
INVALID = {
    "too short": TRACEPARENT[:-1],
    "too long": TRACEPARENT + "-00",
    "upper case": TRACEPARENT.upper(),
    "no trace": f"00-{0:032x}-{0xB:016x}-01",
    "no span": f"00-{0xA:032x}-{0:016x}-01",
    "version ff": "ff" + TRACEPARENT[2:],
    "two in one": f"{TRACEPARENT},{TRACEPARENT}",
    "ten kilobytes": "0" * 10_240,
}

ALONE = f"""
import asyncio, sys
sys.modules["opentelemetry.sdk"] = None
from tracelog.capture.context import current_stamp
from tracelog.capture.crash_lines import late_stamp
from tracelog.capture.middleware import CrashLineMiddleware

async def app(scope, receive, send):
    print(current_stamp(), late_stamp("uvicorn.error", None) is not None)

async def serve():
    await CrashLineMiddleware(app)({{"type": "http", "headers": [(b"traceparent", b"{TRACEPARENT}")]}}, None, None)
    print(late_stamp("uvicorn.error", None), current_stamp() is None)

asyncio.run(serve())
"""

Scope = dict[str, Any]
App = Callable[..., Any]


class Line(NamedTuple):
    """One record: its logger, its stamp, and whether that was found after the span's end."""

    logger: str
    stamp: Stamp | None
    after_end: bool = False


def late(logger: str, stamp: Stamp = FIRST) -> Line:
    return Line(logger, stamp, after_end=True)


@pytest.fixture(autouse=True)
def said() -> list[Line]:
    """The lines that were logged, by any logger; the record factory stamps them as `install` does."""
    lines: list[Line] = []
    crash_lines.current_request.set(None)  # a test that stands for a worker may have left a request in this thread

    def make_record(name: str, *args: Any, **kwargs: Any) -> logging.LogRecord:
        record = logging.LogRecord(name, *args, **kwargs)
        stamp = current_stamp()
        if stamp is not None:
            note_stamp(stamp)
        else:
            stamp = late_stamp(name, record.exc_info)
        lines.append(Line(name, stamp, after_end=stamp is not None and stamp.mark == AFTER_END))
        return record

    logging.setLogRecordFactory(make_record)
    return lines


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> TracerProvider:
    """The process's tracer provider, watched, with counted ids."""
    provider = make_provider()
    watch_requests(provider)  # as `configure` does
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    return provider


@pytest.fixture
def tracer(provider: TracerProvider) -> Tracer:
    return provider.get_tracer("server")


def say(logger: str, **options: Any) -> None:
    logging.getLogger(logger).error("said", **options)


async def serve(app: App, *headers: tuple[bytes, bytes], kind: str = "http") -> None:
    """Call an application as uvicorn does: in a task of its own, with its last words in the same task."""

    async def run() -> None:
        try:
            await app({"type": kind, "headers": list(headers)}, None, None)
        except LookupError as error:
            say("uvicorn.error", exc_info=error)
        say("uvicorn.access")
        say("shop")

    await asyncio.create_task(run())


def crashing(tracer: Tracer, *, speaks: bool = False) -> App:
    """An instrumented ASGI application that raises."""

    async def app(scope: Scope, receive: object, send: object) -> None:
        with tracer.start_as_current_span("GET /", kind=SpanKind.SERVER):
            if speaks:
                say("shop")
            with tracer.start_as_current_span("payment"):
                if speaks:
                    say("shop")
                raise LookupError

    return app


# --- ASGI


def test_without_the_middleware_the_access_line_of_a_crash_has_no_ids(tracer: Tracer, said: list[Line]) -> None:
    asyncio.run(serve(crashing(tracer)))
    assert said[1] == Line("uvicorn.access", None)


def test_the_traceback_and_the_access_line_have_the_ids_of_the_server_span(tracer: Tracer, said: list[Line]) -> None:
    asyncio.run(serve(CrashLineMiddleware(crashing(tracer))))
    assert said == [late("uvicorn.error"), late("uvicorn.access"), Line("shop", None)]


@pytest.mark.parametrize("sampled", [True, False])
def test_the_server_span_is_learned_from_lines_where_no_processor_tells(said: list[Line], sampled: bool) -> None:
    tracer = make_tracer() if sampled else make_tracer(sampler=ALWAYS_OFF)
    server, payment = Stamp(1, 1, int(sampled)), Stamp(1, 2, int(sampled))
    asyncio.run(serve(CrashLineMiddleware(crashing(tracer, speaks=True))))
    assert said[:4] == [
        Line("shop", server),
        Line("shop", payment),
        late("uvicorn.error", server),
        late("uvicorn.access", server),
    ]


def test_the_local_root_is_preferred_to_a_span_that_spoke_earlier(said: list[Line]) -> None:
    tracer = make_tracer()

    async def app(scope: Scope, receive: object, send: object) -> None:
        with tracer.start_as_current_span("GET /"):
            with tracer.start_as_current_span("authentication"):
                say("shop")
            say("shop")

    asyncio.run(serve(CrashLineMiddleware(app)))
    assert said[-2] == late("uvicorn.access")


def test_lines_of_requests_at_the_same_time_do_not_mix(tracer: Tracer, said: list[Line]) -> None:
    app = CrashLineMiddleware(crashing(tracer))

    async def main() -> None:
        await asyncio.gather(serve(app), serve(app))

    asyncio.run(main())
    found = [line.stamp for line in said if line.logger.startswith("uvicorn")]
    assert sorted(stamp.span_id for stamp in found if stamp) == [1, 1, 3, 3]


def test_an_application_called_within_another_leaves_the_outer_request_its_own_ids(
    tracer: Tracer, said: list[Line]
) -> None:
    inner = CrashLineMiddleware(crashing(tracer))

    async def outer(scope: Scope, receive: object, send: object) -> None:
        with tracer.start_as_current_span("outer", kind=SpanKind.SERVER):
            await inner({"type": "http", "headers": []}, None, None)

    asyncio.run(serve(CrashLineMiddleware(outer)))
    assert said[:2] == [late("uvicorn.error"), late("uvicorn.access")]


def test_a_lifespan_is_no_request(said: list[Line]) -> None:
    async def app(scope: Scope, receive: object, send: object) -> None:
        raise LookupError

    asyncio.run(serve(CrashLineMiddleware(app), (b"traceparent", TRACEPARENT.encode()), kind="lifespan"))
    assert {line.stamp for line in said} == {None}


# --- the caller's traceparent


def plain(scope: Scope, receive: object, send: object) -> Any:
    """An application in which nothing makes spans."""

    async def run() -> None:
        say("shop")
        raise LookupError

    return run()


def test_with_the_api_alone_the_callers_ids_are_on_every_line_of_the_request(said: list[Line]) -> None:
    asyncio.run(serve(CrashLineMiddleware(plain), (b"traceparent", TRACEPARENT.encode())))
    assert said == [
        Line("shop", CALLER),
        late("uvicorn.error", CALLER),
        late("uvicorn.access", CALLER),
        Line("shop", None),
    ]


def test_the_callers_span_is_remote_and_keeps_its_tracestate() -> None:
    found: list[trace.SpanContext] = []

    async def app(scope: Scope, receive: object, send: object) -> None:
        found.append(trace.get_current_span().get_span_context())

    headers = (b"traceparent", TRACEPARENT.encode())
    for state in ("vendor=1", "vendor=" + "x" * 10_240, "not a tracestate"):
        asyncio.run(serve(CrashLineMiddleware(app), headers, (b"tracestate", state.encode())))
    assert [(span.is_remote, span.trace_state.to_header()) for span in found] == [
        (True, "vendor=1"),
        (True, ""),
        (True, ""),
    ]


@pytest.mark.parametrize("header", INVALID.values(), ids=INVALID)
def test_an_invalid_traceparent_is_ignored(said: list[Line], header: str) -> None:
    asyncio.run(serve(CrashLineMiddleware(plain), (b"traceparent", header.encode())))
    assert {line.stamp for line in said} == {None}


def test_two_traceparents_are_none(said: list[Line]) -> None:
    header = (b"traceparent", TRACEPARENT.encode())
    asyncio.run(serve(CrashLineMiddleware(plain), header, header))
    assert {line.stamp for line in said} == {None}


def test_where_there_is_a_provider_the_server_span_stays_one(provider: TracerProvider, said: list[Line]) -> None:
    from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware

    kinds: list[SpanKind] = []

    async def app(scope: Scope, receive: object, send: object) -> None:
        span = trace.get_current_span()
        assert isinstance(span, Span)
        kinds.append(span.kind)
        raise LookupError

    headers = (b"traceparent", TRACEPARENT.encode()), (b"host", b"shop")
    traced = OpenTelemetryMiddleware(app, tracer_provider=provider)
    asyncio.run(serve(CrashLineMiddleware(traced), *headers))
    assert kinds == [SpanKind.SERVER]
    assert said[:2] == [late("uvicorn.error", Stamp(0xA, 1, 1)), late("uvicorn.access", Stamp(0xA, 1, 1))]


@pytest.mark.parametrize(("asked", "during"), [(None, None), (True, CALLER)])
def test_a_provider_without_instrumentation_uses_the_traceparent_when_told_to(
    provider: TracerProvider, said: list[Line], asked: bool | None, during: Stamp | None
) -> None:
    app = CrashLineMiddleware(plain, traceparent=asked)
    asyncio.run(serve(app, (b"traceparent", TRACEPARENT.encode())))
    assert said == [
        Line("shop", during),
        late("uvicorn.error", CALLER),
        late("uvicorn.access", CALLER),
        Line("shop", None),
    ]


# --- WSGI


class File:
    """A `wsgi.file_wrapper`: an iterator that servers send without reading it."""

    def __init__(self) -> None:
        self.chunks = iter([b"file"])

    def __iter__(self) -> Iterator[bytes]:
        return self.chunks


def serve_wsgi(app: App, **environ: Any) -> bytes:
    """Call an application as gunicorn's workers do: one thread, one context, request after request."""
    sent = b""
    try:
        body: Iterable[bytes] = app({"wsgi.file_wrapper": File, **environ}, None)
        try:
            for chunk in body:
                sent += chunk
        finally:
            say("gunicorn.access")
            if hasattr(body, "close"):
                body.close()
    except LookupError:
        say("gunicorn.error", exc_info=True)
        if not sent:
            say("gunicorn.access")
    return sent


def traced(tracer: Tracer, answer: Callable[[], Iterable[bytes]]) -> App:
    """An instrumented WSGI application, whose span ends before the server writes its access line."""

    def app(environ: dict[str, Any], start_response: object) -> Iterable[bytes]:
        with tracer.start_as_current_span("GET /", kind=SpanKind.SERVER):
            return answer()

    return app


def crash() -> Iterable[bytes]:
    raise LookupError


def crash_at_once() -> Iterator[bytes]:
    yield from crash()


def crash_later() -> Iterator[bytes]:
    yield b"part"
    yield from crash()


ACCESS, ERROR = "gunicorn.access", "gunicorn.error"
ANSWERS: dict[str, tuple[Callable[[], Iterable[bytes]], bytes, list[Line]]] = {
    "list": (lambda: [b"list"], b"list", [late(ACCESS)]),
    "file": (File, b"file", [late(ACCESS)]),
    "iterator": (lambda: iter([b"iter", b"ator"]), b"iterator", [late(ACCESS)]),
    "crash": (crash, b"", [late(ERROR), late(ACCESS)]),
    "crash at once": (crash_at_once, b"", [late(ACCESS), late(ERROR), late(ACCESS)]),
    "crash later": (crash_later, b"part", [late(ACCESS), late(ERROR)]),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_the_last_words_on_a_wsgi_request_have_its_ids_and_what_the_thread_says_next_has_none(
    tracer: Tracer, said: list[Line], name: str
) -> None:
    answer, sent, expected = ANSWERS[name]
    app = CrashLineMiddleware(traced(tracer, answer))
    assert serve_wsgi(app) == sent
    say(ERROR)  # "Worker exiting", or a request that cannot be parsed
    say(ACCESS)
    assert said == [*expected, Line(ERROR, None), Line(ACCESS, None)]


def test_without_the_middleware_a_wsgi_access_line_has_no_ids(tracer: Tracer, said: list[Line]) -> None:
    serve_wsgi(traced(tracer, lambda: [b""]))
    assert said == [Line(ACCESS, None)]


def test_a_list_stays_a_list_for_the_servers_that_ask_for_its_length(tracer: Tracer) -> None:
    body = [b"one"]
    assert CrashLineMiddleware(traced(tracer, lambda: body))({}, None) is body


def test_a_servers_file_wrapper_may_be_a_function(tracer: Tracer, said: list[Line]) -> None:
    app = CrashLineMiddleware(traced(tracer, lambda: iter([b"iter", b"ator"])))
    assert serve_wsgi(app, **{"wsgi.file_wrapper": lambda file, size=8192: file}) == b"iterator"
    assert said == [late(ACCESS)]


def test_with_the_api_alone_a_wsgi_request_has_the_callers_ids_until_its_body_is_closed(said: list[Line]) -> None:
    def app(environ: dict[str, Any], start_response: object) -> Iterator[bytes]:
        say("shop")
        yield b"answer"
        say("shop")

    assert serve_wsgi(CrashLineMiddleware(app), HTTP_TRACEPARENT=TRACEPARENT) == b"answer"
    say("shop")
    assert said == [Line("shop", CALLER), Line("shop", CALLER), Line(ACCESS, CALLER), Line("shop", None)]


def test_a_body_that_fails_to_close_still_ends_the_request(tracer: Tracer, said: list[Line]) -> None:
    class Broken(File):
        def close(self) -> None:
            raise OSError

    body = CrashLineMiddleware(traced(tracer, Broken))({}, None)
    with pytest.raises(OSError, match=r"^$"):
        body.close()
    say(ACCESS)
    assert said == [Line(ACCESS, None)]


# --- which interface


class Callable3:
    async def __call__(self, scope: Scope, receive: object, send: object) -> None: ...


class Callable2:
    def __call__(self, environ: dict[str, Any], start_response: object) -> Iterable[bytes]:
        return []


async def asgi(scope: Scope, receive: object, send: object, extra: int = 0) -> None: ...


def wsgi(environ: dict[str, Any], start_response: object) -> Iterable[bytes]:
    return []


ASGI_APPS: list[App] = [asgi, plain, Callable3(), functools.partial(asgi, extra=1), CrashLineMiddleware(asgi)]
WSGI_APPS: list[App] = [wsgi, Callable2(), Callable2().__call__, CrashLineMiddleware(wsgi)]


@pytest.mark.parametrize("app", [*ASGI_APPS, *WSGI_APPS])
def test_the_interface_is_seen_in_the_application_and_by_servers_in_the_wrapper(app: App) -> None:
    assert inspect.iscoroutinefunction(type(CrashLineMiddleware(app)).__call__) is (app in ASGI_APPS)


def test_an_application_that_takes_anything_must_be_named() -> None:
    def app(*request: Any) -> list[bytes]:
        return [b"any"]

    with pytest.raises(ConfigurationError, match="interface='asgi' or 'wsgi'"):
        CrashLineMiddleware(app)
    assert CrashLineMiddleware(app, interface="wsgi")({}, None) == [b"any"]


# --- the exception itself


def fail(tracer: Tracer) -> None:
    with tracer.start_as_current_span("job"):
        raise LookupError


def test_an_exception_out_of_a_pool_has_the_ids_of_the_span_it_ended(tracer: Tracer, said: list[Line]) -> None:
    with ThreadPoolExecutor(1) as pool:
        error = pool.submit(fail, tracer).exception(30)
    say("shop", exc_info=error)
    assert said == [late("shop")]


def test_a_task_exception_that_nobody_retrieved_has_the_ids_of_its_span(tracer: Tracer, said: list[Line]) -> None:
    async def job() -> None:
        fail(tracer)

    async def main() -> None:
        done = asyncio.Event()
        task = asyncio.create_task(job())
        task.add_done_callback(lambda _: done.set())
        await done.wait()
        del task
        gc.collect()

    asyncio.run(main())
    assert late("asyncio") in said


def test_the_outermost_span_that_an_exception_passes_is_the_one_it_names(tracer: Tracer, said: list[Line]) -> None:
    with pytest.raises(LookupError) as caught, tracer.start_as_current_span("request"):
        fail(tracer)
    say("shop", exc_info=caught.value)
    assert said == [late("shop")]


def test_a_span_that_ends_well_while_an_exception_is_handled_is_not_passed_by_it(
    tracer: Tracer, said: list[Line]
) -> None:
    try:
        fail(tracer)
    except LookupError as error:
        with tracer.start_as_current_span("fallback"):
            pass
        say("shop", exc_info=error)
    assert said == [late("shop")]


def test_an_exit_that_ends_a_span_has_its_ids_though_it_sets_no_status(tracer: Tracer, said: list[Line]) -> None:
    with pytest.raises(SystemExit) as caught, tracer.start_as_current_span("request"):
        raise SystemExit
    say("shop", exc_info=caught.value)
    assert said == [late("shop")]


def test_an_exception_raised_from_another_has_its_ids_unless_cut_off(tracer: Tracer, said: list[Line]) -> None:
    def translate(cause: BaseException | None) -> None:
        try:
            fail(tracer)
        except LookupError as error:
            raise ValueError from (error if cause is None else cause)

    for cause in (None, KeyError()):
        with pytest.raises(ValueError, match=r"^$") as caught:
            translate(cause)
        say("shop", exc_info=caught.value)
    assert said == [late("shop"), Line("shop", None)]


def test_an_active_span_comes_before_the_ids_of_an_exception(tracer: Tracer, said: list[Line]) -> None:
    with pytest.raises(LookupError) as caught:
        fail(tracer)
    with tracer.start_as_current_span("handler"):
        say("shop", exc_info=caught.value)
    assert said == [Line("shop", Stamp(2, 2, 1))]


def test_a_pickled_exception_keeps_its_ids_as_plain_numbers(said: list[Line]) -> None:
    error = LookupError("gone")
    remember_exception(error, FIRST)
    copy = pickle.dumps(error)
    assert b"tracelog." not in copy
    say("shop", exc_info=pickle.loads(copy))
    assert said == [late("shop")]


def test_an_exception_that_takes_no_attributes_goes_without(tracer: Tracer, said: list[Line]) -> None:
    class FrozenError(Exception):
        def __setattr__(self, name: str, value: object) -> None:
            if name.startswith("__tracelog"):
                raise AttributeError(name)
            super().__setattr__(name, value)

    error = FrozenError()
    with pytest.raises(FrozenError), tracer.start_as_current_span("job"):
        raise error
    say("shop", exc_info=error)
    assert said == [Line("shop", None)]


def test_an_exception_being_handled_may_be_named_by_true(tracer: Tracer) -> None:
    try:
        fail(tracer)
    except LookupError:
        assert late_stamp("shop", exc_info=True) == FIRST


@pytest.mark.parametrize("given", [None, True, (None, None, None), False, "text", ()])
def test_no_exception_gives_no_ids(given: object) -> None:
    assert late_stamp("shop", given) is None


# --- the processor


def test_the_middleware_watches_the_sdk_provider_by_itself(monkeypatch: pytest.MonkeyPatch, said: list[Line]) -> None:
    provider = make_provider()
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    asyncio.run(serve(CrashLineMiddleware(crashing(provider.get_tracer("server")))))
    assert said[:2] == [late("uvicorn.error"), late("uvicorn.access")]


def test_the_sdk_is_not_needed(tmp_path: Path) -> None:
    (tmp_path / "alone.py").write_text(ALONE)
    command = [sys.executable, "-W", "error", str(tmp_path / "alone.py")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stderr, done.stdout) == ("", f"{CALLER!r} False\n{CALLER!r} True\n")


def test_a_provider_is_watched_once() -> None:
    provider = make_provider()
    watch_requests(provider)
    watch_requests(provider)
    processors = provider._active_span_processor._span_processors
    assert [type(processor) for processor in processors] == [RequestSpanProcessor]


def test_a_worker_thread_is_not_given_the_ids_of_a_request_that_is_over(tracer: Tracer, said: list[Line]) -> None:
    def work() -> None:
        serve_wsgi(CrashLineMiddleware(traced(tracer, crash)))
        say("shop")
        say(ERROR)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(30)
    assert said == [late(ERROR), late(ACCESS), Line("shop", None), Line(ERROR, None)]


def test_a_request_that_made_no_span_and_has_no_caller_leaves_its_lines_without_ids(said: list[Line]) -> None:
    asyncio.run(serve(CrashLineMiddleware(plain)))
    assert {line.stamp for line in said} == {None}


@pytest.mark.parametrize(("logger", "answer"), [("django.request", FIRST), ("werkzeug", FIRST), ("shop", None)])
def test_within_a_wsgi_request_a_framework_that_speaks_outside_the_span_is_given_its_ids(
    tracer: Tracer, said: list[Line], logger: str, answer: Stamp | None
) -> None:
    spoken = traced(tracer, lambda: [b""])

    def app(environ: dict[str, Any], start_response: object) -> Iterable[bytes]:
        body: Iterable[bytes] = spoken(environ, start_response)
        say(logger)
        return body

    CrashLineMiddleware(app)({}, None)
    assert [line.stamp for line in said] == [answer]


def test_the_werkzeug_server_has_the_ids_for_its_traceback_which_is_text(tracer: Tracer, said: list[Line]) -> None:
    CrashLineMiddleware(traced(tracer, lambda: [b""]))({}, None)
    say("werkzeug")
    say("werkzeug")
    assert said == [late("werkzeug"), late("werkzeug")]
