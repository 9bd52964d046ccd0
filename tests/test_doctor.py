"""The doctor names what is broken, handler by handler, gives advice that heals it, and leaves no trace of itself."""

from __future__ import annotations

import gc
import io
import json
import logging
import logging.config
import logging.handlers
import multiprocessing
import queue
import socket
import sys
import threading
import types
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from logging.config import DictConfigurator
from pathlib import Path
from typing import Any

import pytest
import structlog
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from pythonjsonlogger.json import JsonFormatter as PythonJsonFormatter

import tracelog
from tracelog import doctor
from tracelog.doctor import Diagnosis
from tracelog.doctor.probe import shows, shows_zeros
from tracelog.errors import ConfigurationError

configure = tracelog.configure
configure_module = sys.modules["tracelog.configuration"]

BARE = "%(levelname)s %(message)s"
WITH_ID = "%(levelname)s %(trace_id)s %(message)s"
STREAM = "<StreamHandler (NOTSET)>"
ROOT = "logging.getLogger().handlers[0]"
ADD_FILTER = f"{ROOT}.addFilter(tracelog.TraceContextFilter())"
JSON_LINES = f"{ROOT}.setFormatter(tracelog.JsonFormatter())"
NO_STAMP = "nothing puts the ids of the active span on its records"
NO_HANDLER = "the root has no handler: what reaches it goes bare to stderr at WARNING and above, else nowhere"
ZERO = "outside of any span it writes ids of nothing but zeros, and all those lines will be joined as one trace"
ADD_IDS = 'structlog.configure(processors=[tracelog.add_trace_context, *structlog.get_config()["processors"]])'

Line = logging.LogRecord


class _WithoutPytest(list[logging.Handler]):
    """Handlers of the root, without those that pytest adds while a test runs."""

    def append(self, handler: logging.Handler) -> None:
        if not type(handler).__module__.startswith("_pytest"):
            super().append(handler)


class Bench:
    """A process's logging to break, and what was written by it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.streams: list[io.StringIO] = []
        self.stores: list[tracelog.StoreHandler] = []

    def stream(self) -> io.StringIO:
        self.streams.append(io.StringIO())
        return self.streams[-1]

    def printing(self, fmt: str | logging.Formatter = BARE, *filters: Any) -> logging.Handler:
        handler = logging.StreamHandler(self.stream())
        handler.setFormatter(logging.Formatter(fmt) if isinstance(fmt, str) else fmt)
        for each in filters:
            handler.addFilter(each)
        return handler

    @property
    def url(self) -> str:
        return f"sqlite:{self.directory}/kept.db"

    def storing(self, **options: Any) -> tracelog.StoreHandler:
        self.stores.append(tracelog.StoreHandler(self.url, service="shop", **options))
        return self.stores[-1]

    def assert_silent(self) -> None:
        assert [stream.getvalue() for stream in self.streams] == [""] * len(self.streams)
        assert [store.stats().emitted for store in self.stores] == [0] * len(self.stores)
        assert not (self.directory / "kept.db").exists()


@pytest.fixture(autouse=True)
def provider(monkeypatch: pytest.MonkeyPatch) -> TracerProvider:
    """A tracer provider of the SDK, that the doctor finds."""
    made = TracerProvider(shutdown_on_exit=False)
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: made)
    return made


@pytest.fixture(autouse=True)
def _own_logging(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give a test a root and a tree of loggers of its own, and structlog as it is at the start."""
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", _WithoutPytest())
    monkeypatch.setattr(root, "filters", [])
    monkeypatch.setattr(root, "level", logging.INFO)
    monkeypatch.setattr(logging.Logger.manager, "loggerDict", {})
    monkeypatch.setattr(logging, "_handlers", weakref.WeakValueDictionary())
    monkeypatch.setattr(logging, "_handlerList", [])
    monkeypatch.setattr(configure_module, "own_handlers", [])
    monkeypatch.setattr(DictConfigurator, "configure", DictConfigurator.configure)  # configure() wraps it
    factory = logging.getLogRecordFactory()
    logging.setLogRecordFactory(logging.LogRecord)
    tracelog.uninstall()
    structlog.reset_defaults()
    yield
    structlog.reset_defaults()
    tracelog.uninstall()
    logging.setLogRecordFactory(factory)
    root.manager._clear_cache()  # type: ignore[attr-defined]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.assert_silent()


def attach(*handlers: logging.Handler, name: str | None = None) -> logging.Logger:
    logger = logging.getLogger(name)
    for handler in handlers:
        logger.addHandler(handler)
    return logger


def state() -> list[object]:
    """All that an examination could change."""
    root = logging.getLogger()
    loggers = {name: each for name, each in root.manager.loggerDict.items() if isinstance(each, logging.Logger)}
    return [
        list(root.manager.loggerDict),
        [
            (each.level, each.propagate, each.disabled, list(each.handlers), list(each.filters))
            for each in (root, *loggers.values())
        ],
        [
            (handler.level, handler.formatter, dict(vars(handler.formatter or object)), list(handler.filters))
            for each in (root, *loggers.values())
            for handler in each.handlers
        ],
        logging.getLogRecordFactory(),
        structlog.get_config(),
        trace.get_current_span(),
        list(configure_module.own_handlers),
    ]


def examine() -> list[Diagnosis]:
    before = state()
    found = doctor.examine()
    assert state() == before
    return found


def healed(listener: Any = None) -> list[Diagnosis]:
    """Do what the advice says, and examine again."""
    for each in doctor.examine():
        if not each.ok:
            exec(
                each.advice,
                {
                    "logging": logging,
                    "tracelog": tracelog,
                    "structlog": structlog,
                    "listener": listener,
                    "LoggingInstrumentor": getattr(
                        sys.modules.get("opentelemetry.instrumentation.logging"), "LoggingInstrumentor", None
                    ),
                },
            )
    return [each for each in examine() if not each.ok]


def broken(cause: str, text: str, advice: str, *, logger: str = "root", handler: str = STREAM) -> Diagnosis:
    return Diagnosis(logger, handler, ok=False, cause=cause, text=text, advice=advice)


def note(cause: str, text: str, advice: str = "", *, logger: str = "root", handler: str = STREAM) -> Diagnosis:
    return replace(broken(cause, text, advice, logger=logger, handler=handler), ok=True)


def well(handler: str = STREAM, logger: str = "root") -> Diagnosis:
    return Diagnosis(logger, handler, ok=True)


class Naive(logging.Filter):
    """The filter that everybody writes first: zeros outside of spans."""

    def filter(self, record: Line) -> bool:
        record.trace_id = format(trace.get_current_span().get_span_context().trace_id, "032x")
        return True


class WhenRecording(logging.Filter):
    """The filter that asks is_recording()."""

    def filter(self, record: Line) -> bool:
        span = trace.get_current_span()
        record.trace_id = format(span.get_span_context().trace_id, "032x") if span.is_recording() else "-"
        return True


class WhenSampled(logging.Filter):
    """The filter that asks for the sampled flag."""

    def filter(self, record: Line) -> bool:
        context = trace.get_current_span().get_span_context()
        record.trace_id = format(context.trace_id, "032x") if context.trace_flags.sampled else "-"
        return True


def with_defaults() -> logging.Formatter:
    return logging.Formatter(WITH_ID, defaults={"trace_id": "-"})


# --- healthy, by every route


def test_configure_is_healthy(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    for console in ("json", "pretty"):
        configure("shop", bench.url, console=console, spans=False, events=False)
        bench.stores += [each for each in logging.getLogger().handlers if isinstance(each, tracelog.StoreHandler)]
        assert [each for each in examine() if not each.ok or each.logger] == [
            well(repr(handler)) for handler in logging.getLogger().handlers
        ]
    assert capsys.readouterr() == ("", "")


def test_dict_config_is_healthy(bench: Bench) -> None:
    logging.config.dictConfig(
        {
            "version": 1,
            "formatters": {"json": {"()": "tracelog.JsonFormatter", "schema": "ecs"}},
            "handlers": {
                "console": {"class": "logging.StreamHandler", "formatter": "json", "stream": bench.stream()},
                "store": {"class": "tracelog.StoreHandler", "store": bench.url},
            },
            "root": {"handlers": ["console", "store"], "level": "INFO"},
        }
    )
    names = ("console", "store")
    handlers = logging.getLogger().handlers
    lines = [well(f"{name} {handler!r}") for name, handler in zip(names, handlers, strict=True)]
    exporter = f"tracelog.StoreSpanExporter({bench.url!r})"
    unstored = f"trace.get_tracer_provider().add_span_processor(SimpleSpanProcessor({exporter}))"
    text = "lines are stored and the spans they belong to are not"
    assert examine() == [*lines, note("spans_not_stored", text, unstored, logger="", handler="")]


def structlog_native(*processors: Any) -> None:
    structlog.configure(processors=list(processors), logger_factory=structlog.PrintLoggerFactory())


def structlog_to_stdlib(*processors: Any) -> None:
    wrap = structlog.stdlib.ProcessorFormatter.wrap_for_formatter
    structlog.configure(processors=[*processors, wrap], logger_factory=structlog.stdlib.LoggerFactory())


def processor_formatter(*foreign: Any) -> structlog.stdlib.ProcessorFormatter:
    meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    return structlog.stdlib.ProcessorFormatter(
        processors=[meta, structlog.processors.JSONRenderer()], foreign_pre_chain=foreign
    )


@pytest.mark.parametrize(
    "renderer",
    [structlog.processors.JSONRenderer(), structlog.dev.ConsoleRenderer(), structlog.processors.LogfmtRenderer()],
)
def test_structlog_by_itself_is_healthy(bench: Bench, renderer: Any, capsys: pytest.CaptureFixture[str]) -> None:
    structlog_native(
        structlog.contextvars.merge_contextvars, structlog.stdlib.add_log_level, tracelog.add_trace_context, renderer
    )
    where = f"{type(renderer).__name__} -> PrintLoggerFactory"
    bare = note(
        "no_handler",
        NO_HANDLER,
        "tracelog.configure()",
        handler=repr(logging.lastResort),
    )
    assert examine() == [bare, well(where, "structlog")]
    assert capsys.readouterr() == ("", "")


def test_structlog_that_stores_its_lines_is_healthy(bench: Bench) -> None:
    structlog_native(tracelog.StoreRenderer(bench.url))
    attach(bench.printing(tracelog.JsonFormatter()))
    assert examine() == [well(), well("StoreRenderer -> PrintLoggerFactory", "structlog")]


def test_structlog_through_stdlib_is_healthy(bench: Bench) -> None:
    structlog_to_stdlib(structlog.stdlib.filter_by_level, structlog.stdlib.add_logger_name, tracelog.add_trace_context)
    attach(bench.printing(processor_formatter(tracelog.add_trace_context)))
    assert examine() == [well()]


def test_structlog_that_renders_to_arguments_of_stdlib_is_healthy(bench: Bench) -> None:
    structlog.configure(
        processors=[tracelog.add_trace_context, structlog.stdlib.render_to_log_kwargs],
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    attach(bench.printing(PythonJsonFormatter(), tracelog.TraceContextFilter()))
    assert examine() == [well()]


def test_python_json_logger_with_the_filter_is_healthy(bench: Bench) -> None:
    attach(bench.printing(PythonJsonFormatter("%(message)s"), tracelog.TraceContextFilter()))
    assert examine() == [well()]


def test_a_format_with_ids_and_defaults_and_the_filter_is_healthy(bench: Bench) -> None:
    attach(bench.printing(with_defaults(), tracelog.TraceContextFilter()))
    assert examine() == [well()]


def through_queue(
    *behind: logging.Handler, name: str | None = None
) -> tuple[logging.handlers.QueueHandler, logging.handlers.QueueListener]:
    records: queue.Queue[Any] = queue.Queue()
    handler = logging.handlers.QueueHandler(records)
    attach(handler, name=name)
    return handler, logging.handlers.QueueListener(records, *behind)


QUEUED = f"<QueueHandler (NOTSET)> -> {STREAM}"


def test_a_queue_with_a_listener_is_healthy(bench: Bench) -> None:
    tracelog.install()
    store = bench.storing()
    handler, listener = through_queue(bench.printing(tracelog.JsonFormatter()), store)
    vars(handler)["listener"] = listener  # as dictConfig notes it since 3.12
    found = examine()
    assert found[:2] == [well(QUEUED), well(f"<QueueHandler (NOTSET)> -> {store!r}")]
    records: Any = handler.queue
    assert records.empty()
    assert [each.ok for each in found] == [True] * 3


def test_a_memory_handler_is_healthy(bench: Bench) -> None:
    tracelog.install()
    attach(logging.handlers.MemoryHandler(10, target=bench.printing(tracelog.JsonFormatter())))
    assert examine() == [well(f"<MemoryHandler (NOTSET)> -> {STREAM}")]


def test_ids_as_datadog_and_google_spell_them_are_found() -> None:
    trace_id = 0x0AF7651916CD43DD8448EB211C80319C
    for text in (
        "0AF7651916CD43DD8448EB211C80319C",
        "0af76519-16cd-43dd-8448-eb211c80319c",
        str(0x8448EB211C80319C),
        "8448eb211c80319c",
        str(trace_id),
        "projects/shop/traces/0af7651916cd43dd8448eb211c80319c",
    ):
        assert shows(f'{{"trace": "{text}"}}', trace_id)
    assert not shows('{"trace": "0af7651916cd43dd"}', trace_id)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"[{'0' * 32}] paid", True),
        ('{"trace_id": "0"}', True),
        ('{"dd.trace_id": 0}', True),
        ("otelTraceID=0 paid", True),
        ('{"logging.googleapis.com/trace": "projects/shop/traces/0"}', True),
        ("INFO - paid 0 of 1000000000000000000", False),
        ('{"trace_id": null}', False),
        ('{"trace_id": "0af7651916cd43dd8448eb211c80319c"}', False),
    ],
)
def test_zeros_are_told_from_ids(text: str, expected: bool) -> None:
    assert shows_zeros(text) is expected


# --- broken, one cause each; the advice heals it


def test_no_stamp(bench: Bench) -> None:
    attach(bench.printing(PythonJsonFormatter()))
    assert examine() == [broken("no_stamp", NO_STAMP, ADD_FILTER)]
    assert healed() == []


def test_a_plain_format_leaves_the_ids_out(bench: Bench) -> None:
    tracelog.install()
    attach(bench.printing(), bench.printing(BARE, tracelog.TraceContextFilter()))
    drops = "the ids are on the record {}, and the formatter leaves them out"
    assert examine() == [
        broken("formatter_drops_ids", drops.format("by tracelog.install()"), JSON_LINES),
        broken("formatter_drops_ids", drops.format("as trace_id"), JSON_LINES.replace("[0]", "[1]")),
    ]
    assert healed() == []


def test_a_filter_on_a_logger(bench: Bench) -> None:
    shop = attach(bench.printing(with_defaults()), name="shop")
    shop.addFilter(tracelog.TraceContextFilter())
    text = "a filter on a logger does not see the records of the loggers below it; those lines have no ids"
    move = "logging.getLogger('shop').handlers[0].addFilter(logging.getLogger('shop').filters[0])"
    attach(bench.printing(tracelog.JsonFormatter()))
    assert examine() == [well(), note("filter_on_logger", text, move, logger="shop")]
    logging.getLogger("shop.orders")
    assert examine() == [well(), broken("filter_on_logger", text, move, logger="shop")]
    assert healed() == []


def test_a_filter_on_the_root(bench: Bench) -> None:
    attach(bench.printing(WITH_ID)).addFilter(Naive())
    assert [(each.cause, each.ok) for each in examine()] == [("filter_on_logger", False)]


def test_is_recording(bench: Bench) -> None:
    attach(bench.printing(WITH_ID, WhenRecording()))
    text = "lines in a span that does not record have no ids: a filter, factory or formatter asks is_recording()"
    assert examine() == [broken("is_recording", text, JSON_LINES)]
    assert healed() == []


def test_sampled_out(bench: Bench) -> None:
    attach(bench.printing(WITH_ID, WhenSampled()))
    text = "lines of traces that the sampler drops have no ids: a filter, factory or formatter asks for the flag"
    assert examine() == [broken("sampled_out", text, JSON_LINES)]
    assert healed() == []


def test_a_missing_field(bench: Bench) -> None:
    attach(bench.printing(WITH_ID))
    text = "the format asks for trace_id, which no record has, so the line is lost"
    put = f"{ROOT}.setFormatter(logging.Formatter({WITH_ID!r}, defaults={{'trace_id': '-'}}))"
    assert examine() == [broken("missing_field", text, f"{ADD_FILTER}; {put}")]
    assert healed() == []


def test_a_field_that_is_missing_outside_of_spans(bench: Bench) -> None:
    for style, fmt in (("%", WITH_ID), ("{", "{trace_id} {message}"), ("$", "${trace_id} ${message}")):
        handler = bench.printing(logging.Formatter(fmt, style=style), OnlyInSpans())  # type: ignore[arg-type]
        attach(handler, name=f"shop{'%{$'.index(style)}")
    text = "outside of any span the format asks for trace_id, which the record lacks, so the line is lost"
    attach(bench.printing(tracelog.JsonFormatter()))
    found = examine()
    assert [(each.logger, each.cause, each.text) for each in found[1:]] == [
        (f"shop{number}", "missing_field", text) for number in range(3)
    ]
    assert healed() == []


class OnlyInSpans(logging.Filter):
    """The field is there in spans alone."""

    def filter(self, record: Line) -> bool:
        context = trace.get_current_span().get_span_context()
        if context.is_valid:
            record.trace_id = format(context.trace_id, "032x")
        return True


def test_a_formatter_that_crashes(bench: Bench) -> None:
    class Crashing(logging.Formatter):
        def format(self, record: Line) -> str:
            raise TypeError("not\nserialisable")

    attach(bench.printing(Crashing()))
    text = "the formatter raises TypeError: not\nserialisable, so the line is lost"
    assert examine() == [broken("formatter_crash", text, JSON_LINES)]
    assert healed() == []


def test_a_filter_that_crashes(bench: Bench) -> None:
    class Crashing(logging.Filter):
        def filter(self, record: Line) -> bool:
            raise LookupError("no request")

    attach(bench.printing(tracelog.JsonFormatter(), Crashing()))
    text = "a filter or record factory raises LookupError: no request"
    assert examine() == [broken("filter_crash", text, f"{ROOT}.removeFilter({ROOT}.filters[0])")]
    assert healed() == []


def test_zero_ids_of_a_filter(bench: Bench) -> None:
    attach(bench.printing(WITH_ID, Naive()))
    assert examine() == [broken("zero_ids", ZERO, f"{ROOT}.removeFilter({ROOT}.filters[0]); {JSON_LINES}")]
    assert healed() == []


def test_zero_ids_of_a_factory(bench: Bench) -> None:
    def make(*args: Any, **kwargs: Any) -> Line:
        record = logging.LogRecord(*args, **kwargs)
        record.otelTraceID = format(trace.get_current_span().get_span_context().trace_id, "x")
        return record

    logging.setLogRecordFactory(make)
    attach(bench.printing("[%(otelTraceID)s] %(message)s"))
    advice = f"logging.setLogRecordFactory(logging.LogRecord); tracelog.install(); {JSON_LINES}"
    assert examine() == [broken("zero_ids", ZERO, advice)]
    assert healed() == []


def test_zero_ids_of_the_instrumentor(bench: Bench) -> None:
    instrumentor = pytest.importorskip("opentelemetry.instrumentation.logging").LoggingInstrumentor()
    instrumentor.instrument(inject_trace_context=True, enable_log_auto_instrumentation=False)
    try:
        attach(bench.printing("[%(otelTraceID)s] %(message)s"))
        advice = f"LoggingInstrumentor().uninstrument(); tracelog.install(); {JSON_LINES}"
        assert [each for each in examine() if each.logger == "root"] == [broken("zero_ids", ZERO, advice)]
        assert healed() == []
    finally:
        if instrumentor.is_instrumented_by_opentelemetry:
            instrumentor.uninstrument()


def test_the_handler_of_opentelemetry_loses_the_span_behind_a_queue(bench: Bench) -> None:
    kind = pytest.importorskip("opentelemetry.instrumentation.logging.handler").LoggingHandler
    attach(kind())
    _, listener = through_queue(kind(), name="shop")
    found = examine()
    assert [(each.logger, each.cause) for each in (found[0], found[-1])] == [("root", ""), ("shop", "queue")]
    shop = "logging.getLogger('shop')"
    assert found[-1].advice == f"{shop}.addHandler(listener.handlers[0]); {shop}.removeHandler({shop}.handlers[0])"
    assert healed(listener) == []


def test_a_queue_between_processes_is_pickled_through(bench: Bench) -> None:
    tracelog.install()
    records: Any = multiprocessing.get_context("spawn").Queue()
    attach(logging.handlers.QueueHandler(records))
    assert examine() == [well("<QueueHandler (NOTSET)>")]
    assert records.empty()
    logging.getLogger().handlers[0].addFilter(Unpicklable())
    (found,) = examine()
    assert (found.cause, found.text.split(":")[0]) == ("queue", "the record does not come through the queue whole")
    records.close()


class Unpicklable(logging.Filter):
    """Puts a lock on each record."""

    def filter(self, record: Line) -> bool:
        record.lock = threading.Lock()
        return True


def test_ids_that_are_read_behind_a_queue(bench: Bench) -> None:
    _, listener = through_queue(bench.printing(PythonJsonFormatter(), tracelog.TraceContextFilter()))
    text = "the ids are read behind the queue, where the span is not active"
    assert examine() == [broken("queue", text, "tracelog.install()", handler=QUEUED)]
    assert healed(listener) == []


def test_an_event_dict_that_a_queue_makes_text(bench: Bench) -> None:
    structlog_to_stdlib(tracelog.add_trace_context)
    tracelog.install()
    _, listener = through_queue(bench.printing(processor_formatter(tracelog.add_trace_context)))
    (found,) = examine()
    assert (found.cause, found.ok, found.handler) == ("queue", False, QUEUED)
    assert found.text.startswith("the record does not come through the queue whole: AttributeError")
    del listener


def test_a_queue_whose_listener_is_elsewhere(bench: Bench) -> None:
    attach(logging.handlers.QueueHandler(queue.Queue()))
    assert examine() == [broken("no_stamp", NO_STAMP, "tracelog.install()", handler="<QueueHandler (NOTSET)>")]
    assert healed() == []


def test_a_logger_that_does_not_propagate(bench: Bench) -> None:
    attach(bench.printing(tracelog.JsonFormatter()))
    attach(bench.printing(PythonJsonFormatter()), name="uvicorn.access").propagate = False
    logging.getLogger("lonely").propagate = False
    text = f"it does not propagate to the root, whose lines have ids, and here {NO_STAMP}"
    alone = "it has no handler and does not propagate: its lines reach no handler"
    advice = "logging.getLogger('uvicorn.access').handlers[0].addFilter(tracelog.TraceContextFilter())"
    assert examine() == [
        well(),
        broken("propagate_false", text, advice, logger="uvicorn.access"),
        broken("propagate_false", alone, "logging.getLogger('lonely').propagate = True", logger="lonely", handler=""),
    ]
    assert healed() == []


def test_a_logger_that_does_not_propagate_to_the_store(bench: Bench, provider: TracerProvider) -> None:
    keep_spans(bench, provider)
    store = bench.storing()
    attach(store)
    attach(bench.printing(tracelog.JsonFormatter()), name="uvicorn.access").propagate = False
    text = f"it does not propagate: its lines are not stored by {store!r} of root"
    advice = "logging.getLogger('uvicorn.access').addHandler(logging.getLogger().handlers[0])"
    assert examine() == [
        well(repr(store)),
        well(logger="uvicorn.access"),
        note("propagate_false", text, advice, logger="uvicorn.access", handler=""),
    ]


def keep_spans(bench: Bench, provider: TracerProvider) -> None:
    provider.add_span_processor(SimpleSpanProcessor(tracelog.StoreSpanExporter(bench.url)))


def test_a_store_that_was_taken_off_the_root(bench: Bench) -> None:
    configure("shop", bench.url, console="json", spans=False, events=False)
    store = logging.getLogger().handlers[0]
    logging.basicConfig(force=True, handlers=[bench.printing(tracelog.JsonFormatter())])
    text = (
        f"{store!r}, which tracelog.configure() put on the root, was taken off it "
        "(basicConfig(force=True), handlers.clear())"
    )
    assert examine() == [
        well(),
        broken("handlers_removed", text, "tracelog.configure(...)  # after it", handler=""),
    ]


def test_dict_config_after_configure_is_healthy(bench: Bench, provider: TracerProvider) -> None:
    keep_spans(bench, provider)
    configure("shop", bench.url, console="json", spans=False, events=False)
    store = logging.getLogger().handlers[0]
    logging.config.dictConfig({"version": 1, "root": {"handlers": [], "level": "INFO"}})
    assert examine() == [well(repr(store))]


def test_dict_config_past_the_one_that_opentelemetry_patched(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = pytest.importorskip("opentelemetry.instrumentation.logging.handler").LoggingHandler
    every_object = gc.get_objects
    # What other tests have left behind does not count.
    others = {id(each) for each in every_object() if type(each).__name__ == kind.__name__}
    monkeypatch.setattr(gc, "get_objects", lambda: [each for each in every_object() if id(each) not in others])
    kept = kind()
    original = logging.config.dictConfig

    def patched(config: dict[str, Any]) -> None:
        original(config)
        attach(kept)

    monkeypatch.setattr(logging.config, "dictConfig", patched)
    application = types.ModuleType("application")
    vars(application)["dictConfig"] = original  # from logging.config import dictConfig, before the patch
    monkeypatch.setitem(sys.modules, "application", application)
    attach(kept, bench.printing(tracelog.JsonFormatter()))
    assert [each.ok for each in examine() if each.logger == "root"] == [True, True]
    logging.getLogger().removeHandler(kept)
    text = "the handler of OpenTelemetry was taken off the root: application calls dictConfig past the patched one"
    code = "import logging.config; logging.config.dictConfig(...)  # not: from logging.config import dictConfig"
    lost = broken("dict_config_import", text, code, handler=repr(kept))
    assert [each for each in examine() if each.logger == "root"] == [well(), lost]


def test_a_factory_that_was_set_over_install(bench: Bench) -> None:
    tracelog.install()
    logging.setLogRecordFactory(logging.LogRecord)
    _, listener = through_queue(bench.printing(PythonJsonFormatter("%(message)s")))
    text = "tracelog.install() was called, and another record factory was set over it"
    assert examine() == [broken("factory_replaced", text, f"{ADD_FILTER}", handler=QUEUED)]
    assert healed(listener) == []


RECIPE = "lines in a span that does not record have no ids: a processor asks is_recording()"


def recipe(_logger: Any, _method: str, event_dict: dict[str, Any]) -> dict[str, Any]:
    """Add ids the way that structlog's documentation has it."""
    span = trace.get_current_span()
    if not span.is_recording():
        event_dict["span"] = None
        return event_dict
    context = span.get_span_context()
    event_dict["span"] = {"trace_id": format(context.trace_id, "032x"), "span_id": format(context.span_id, "016x")}
    return event_dict


def zeros(_logger: Any, _method: str, event_dict: dict[str, Any]) -> dict[str, Any]:
    event_dict.setdefault("trace_id", format(trace.get_current_span().get_span_context().trace_id, "032x"))
    return event_dict


@pytest.mark.parametrize(
    ("processors", "cause", "text"),
    [
        ([], "structlog_no_ids", "no processor adds the ids of the active span"),
        ([recipe], "is_recording", RECIPE),
        ([zeros], "zero_ids", ZERO),
    ],
)
def test_structlog_by_itself_without_ids(bench: Bench, processors: list[Any], cause: str, text: str) -> None:
    attach(bench.printing(tracelog.JsonFormatter()))
    structlog_native(*processors, structlog.processors.JSONRenderer())
    where = "JSONRenderer -> PrintLoggerFactory"
    assert examine() == [well(), broken(cause, text, ADD_IDS, logger="structlog", handler=where)]
    if cause != "zero_ids":
        assert healed() == []


def test_structlog_through_stdlib_without_ids(bench: Bench) -> None:
    structlog_to_stdlib(recipe)
    attach(bench.printing(processor_formatter(tracelog.add_trace_context)))
    assert examine() == [broken("is_recording", f"structlog: {RECIPE}", ADD_IDS)]
    assert healed() == []


def test_foreign_lines_through_structlog_without_ids(bench: Bench) -> None:
    structlog_to_stdlib(tracelog.add_trace_context)
    attach(bench.printing(processor_formatter()))
    text = "lines of stdlib loggers have no ids: the processors of structlog do not run for them"
    advice = f"{ROOT}.formatter.foreign_pre_chain = [tracelog.add_trace_context]"
    assert examine() == [broken("foreign_pre_chain", text, advice)]
    assert healed() == []


def test_a_processor_that_crashes(bench: Bench) -> None:
    attach(bench.printing(tracelog.JsonFormatter()))
    structlog_native(lambda *_: 1 / 0, structlog.processors.JSONRenderer())
    where = "JSONRenderer -> PrintLoggerFactory"
    text = "a processor raises ZeroDivisionError: division by zero"
    assert examine() == [well(), broken("processor_crash", text, "", logger="structlog", handler=where)]


def test_structlog_that_is_stored_twice(bench: Bench, provider: TracerProvider) -> None:
    keep_spans(bench, provider)
    store = bench.storing()
    attach(store)
    structlog.configure(
        processors=[tracelog.add_trace_context, tracelog.StoreRenderer(bench.url)],
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    text = f"each event is stored twice: by StoreRenderer and by {store!r} of root"
    kept = '*structlog.get_config()["processors"][:-1]'
    advice = f"structlog.configure(processors=[{kept}, structlog.processors.JSONRenderer()])"
    twice = broken("structlog_twice", text, advice, logger="structlog", handler="StoreRenderer")
    assert examine() == [well(repr(store)), twice]
    assert healed() == []


def test_a_formatter_that_stores_beside_a_store(bench: Bench, provider: TracerProvider) -> None:
    keep_spans(bench, provider)
    store, formatter = bench.storing(), processor_formatter(tracelog.add_trace_context)
    formatter.processors = [*formatter.processors[:-1], tracelog.StoreRenderer(bench.url)]
    attach(bench.printing(formatter), store)
    text = f"each line is stored twice: by StoreRenderer in its formatter and by {store!r}"
    advice = f"{ROOT}.formatter.processors[-1] = structlog.processors.JSONRenderer()"
    assert examine() == [well(), well(repr(store)), broken("structlog_twice", text, advice)]
    assert healed() == []


def test_two_store_handlers_on_one_route(bench: Bench, provider: TracerProvider) -> None:
    keep_spans(bench, provider)
    above, below = bench.storing(), bench.storing(level="WARNING")
    attach(above)
    attach(below, name="shop")
    text = f"each line is stored twice: here and by {above!r} of root"
    advice = "logging.getLogger('shop').removeHandler(logging.getLogger('shop').handlers[0])"
    hidden = note(
        "level", "lines below WARNING are not stored", "logging.getLogger('shop').setLevel(logging.INFO)",
        logger="shop", handler=repr(below),
    )  # fmt: skip
    twice = broken("stored_twice", text, advice, logger="shop", handler=repr(below))
    assert examine() == [well(repr(above)), hidden, twice]
    assert healed() == []


def test_a_level_that_hides_everything(bench: Bench, provider: TracerProvider) -> None:
    keep_spans(bench, provider)
    store = bench.storing(level=60)
    attach(store)
    text = "level 60 is above CRITICAL and hides every line"
    assert examine() == [broken("level", text, f"{ROOT}.setLevel(logging.NOTSET)", handler=repr(store))]
    assert healed() == []


def test_logging_that_is_switched_off(bench: Bench) -> None:
    attach(bench.printing(tracelog.JsonFormatter()))
    logging.disable()
    try:
        text = "logging.disable() hides every line of this process"
        off = broken("level", text, "logging.disable(logging.NOTSET)", logger="", handler="")
        assert examine() == [well(), off]
        assert healed() == []
    finally:
        logging.disable(logging.NOTSET)


def test_no_handler_at_all() -> None:
    bare = broken("no_handler", NO_HANDLER, "tracelog.configure()", handler=repr(logging.lastResort))
    assert examine() == [bare]


def test_no_handler_on_the_root_alone(bench: Bench) -> None:
    attach(bench.printing(tracelog.JsonFormatter()), name="shop")
    bare = note("no_handler", NO_HANDLER, "tracelog.configure()", handler=repr(logging.lastResort))
    assert examine() == [bare, well(logger="shop")]


def test_many_breaks_at_once_are_each_named(bench: Bench) -> None:
    attach(bench.printing(), bench.printing(WITH_ID), bench.storing(level=99))
    attach(bench.printing(WITH_ID), name="shop").addFilter(Naive())
    logging.getLogger("shop.orders")
    attach(bench.printing(WITH_ID, WhenRecording()), name="shop.payments")
    _, listener = through_queue(bench.printing(PythonJsonFormatter(), tracelog.TraceContextFilter()), name="shop.stock")
    attach(bench.printing(WITH_ID, Naive()), name="uvicorn.access").propagate = False
    structlog_native(recipe, structlog.processors.JSONRenderer())
    assert [(each.logger, each.cause) for each in examine() if not each.ok] == [
        ("root", "no_stamp"),
        ("root", "missing_field"),
        ("root", "level"),
        ("shop", "filter_on_logger"),
        ("shop.payments", "is_recording"),
        ("shop.stock", "queue"),
        ("uvicorn.access", "zero_ids"),
        ("structlog", "is_recording"),
    ]
    with pytest.raises(ConfigurationError) as raised:
        doctor.assert_healthy()
    assert len(str(raised.value).splitlines()) == 8
    assert healed(listener) == [each for each in examine() if each.cause == "zero_ids"]
    assert healed(listener) == []
    doctor.assert_healthy()


# --- notes


def test_no_tracer_provider_is_a_note(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace, "get_tracer_provider", trace.ProxyTracerProvider)
    attach(bench.printing(tracelog.JsonFormatter()))
    text = "no tracer provider is set: until one is, no span made here has ids"
    advice = "trace.set_tracer_provider(opentelemetry.sdk.trace.TracerProvider())"
    assert examine() == [well(), note("no_span_provider", text, advice, logger="", handler="")]


@pytest.mark.parametrize("processor", [None, SimpleSpanProcessor, BatchSpanProcessor])
def test_spans_that_are_not_stored_are_a_note(
    bench: Bench, provider: TracerProvider, processor: Callable[..., Any] | None
) -> None:
    attach(bench.storing())
    if processor is not None:
        provider.add_span_processor(processor(tracelog.StoreSpanExporter(bench.url)))
    assert [each.cause for each in examine()] == ["", *(["spans_not_stored"] if processor is None else [])]
    provider.shutdown()


def test_disabled_loggers_are_a_note(bench: Bench) -> None:
    attach(bench.printing(tracelog.JsonFormatter()))
    logging.getLogger("old").disabled = True
    text = "disabled, most likely by dictConfig: old"
    advice = 'dictConfig({..., "disable_existing_loggers": False})'
    assert examine() == [well(), note("logger_disabled", text, advice, logger="", handler="")]


def test_what_cannot_be_seen_is_a_note(bench: Bench) -> None:
    class Sending(logging.Handler):
        def emit(self, record: Line) -> None:
            raise AssertionError

        def __repr__(self) -> str:
            return "<Sending>"

    refuse = bench.printing(tracelog.JsonFormatter(), lambda _record: False)
    attach(Sending(), refuse)
    assert examine() == [
        note("not_examined", "how it writes a record cannot be seen without writing one", handler="<Sending>"),
        note("filtered", "its filters drop the probe at every level, so what it writes is not known"),
    ]


def test_filters_that_pass_some_levels_or_names_are_met(bench: Bench) -> None:
    below_warning = bench.printing(tracelog.JsonFormatter(), lambda record: record.levelno < logging.INFO)
    errors = bench.printing(tracelog.JsonFormatter())
    errors.setLevel(logging.ERROR)
    attach(below_warning, errors, bench.printing(tracelog.JsonFormatter(), logging.Filter("shop.orders")))
    assert examine() == [well(), well("<StreamHandler (ERROR)>"), well()]


def test_handlers_that_send_are_not_made_to(bench: Bench) -> None:
    tracelog.install()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        host, port = server.getsockname()[:2]
        http = logging.handlers.HTTPHandler(f"{host}:{port}", "/log")
        http.addFilter(tracelog.TraceContextFilter())
        smtp = logging.handlers.SMTPHandler((host, port), "a@example.org", ["b@example.org"], "lines")
        smtp.setFormatter(tracelog.JsonFormatter())
        attach(logging.handlers.SocketHandler(host, port), http, smtp)
        assert [each.cause for each in examine()] == ["", "", ""]
        with pytest.raises(BlockingIOError):
            server.accept()


# --- for the command line


def test_rows_are_plain_text(bench: Bench) -> None:
    attach(bench.printing(PythonJsonFormatter()), bench.printing(tracelog.JsonFormatter()))
    logging.getLogger("old").disabled = True
    assert doctor.rows(examine()) == [
        ("broken", f"root: {STREAM}", f"no_stamp: {NO_STAMP}", ADD_FILTER),
        ("ok", f"root: {STREAM}", "", ""),
        (
            "note",
            "process",
            "logger_disabled: disabled, most likely by dictConfig: old",
            'dictConfig({..., "disable_existing_loggers": False})',
        ),
    ]
    assert json.loads(json.dumps(doctor.as_object(examine()[1]))) == {
        "logger": "root",
        "handler": STREAM,
        "ok": True,
        "cause": "",
        "text": "",
        "advice": "",
    }


def test_a_break_is_one_line_of_the_error(bench: Bench) -> None:
    attach(bench.printing(PythonJsonFormatter()))
    with pytest.raises(ConfigurationError) as raised:
        doctor.assert_healthy()
    assert str(raised.value) == f"root: {STREAM} - no_stamp - {NO_STAMP} - {ADD_FILTER}"


SETUP = """
import logging, tracelog
def configure():
    handler = logging.StreamHandler()
    handler.setFormatter(tracelog.JsonFormatter())
    logging.getLogger().addHandler(handler)
def fail():
    raise OSError("no such\\nfile")
def leave():
    raise SystemExit(7)
"""


@pytest.fixture
def setup_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shop_logging.py").write_text(SETUP, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "shop_logging", raising=False)


@pytest.mark.usefixtures("setup_module")
def test_the_users_own_setup_is_examined(capsys: pytest.CaptureFixture[str]) -> None:
    doctor.load_setup("shop_logging:configure")
    assert [each.ok for each in examine()] == [True]
    assert capsys.readouterr() == ("", "")


@pytest.mark.usefixtures("setup_module")
@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("shop_logging:absent", "AttributeError: module 'shop_logging' has no attribute 'absent'"),
        ("shop_logging:fail", "OSError: no such file"),
        ("shop_logging:leave", "SystemExit: 7"),
        (":configure", "ValueError: Empty module name"),
    ],
)
def test_a_setup_that_fails_is_one_line(target: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        doctor.load_setup(target)
    assert str(raised.value) == f"--setup {target} failed: {said}"
