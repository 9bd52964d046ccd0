"""What a log call costs, from the call to the bytes, beside the peers: `pip install -e '.[bench]'`, then run this.

Every contender logs the same line (a message with one argument, two extras) inside one active, sampled span, to a sink
that throws it away. Rounds are interleaved, so that a drifting machine drifts for all; minimum and median of the rounds
are printed, in µs a call, and the ratios that matter, of the minima. OpenTelemetry's handler and logfire make their
records and spans and send them nowhere: they encode nothing.
"""

from __future__ import annotations

import gc
import logging
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib import import_module
from typing import Any, NamedTuple

import structlog
from opentelemetry import context, trace
from opentelemetry.sdk.trace import TracerProvider
from pythonjsonlogger.json import JsonFormatter as PlainJsonFormatter

import tracelog
from tracelog.capture.context import current_stamp

ROUNDS, CALLS = 25, 4_000
NAMES = "%(asctime)s %(levelname)s %(name)s %(message)s"
Call = Callable[[], object]


class Contender(NamedTuple):
    """A call, and what is set up around each of its rounds alone."""

    call: Call
    around: Callable[[], AbstractContextManager[None]] = nullcontext


class Sink:
    """A stream that forgets."""

    def write(self, _data: str | bytes) -> None:
        pass

    def flush(self) -> None:
        pass


class NoHandler(logging.Handler):
    """Does nothing with a record: what is left is the record's own cost."""

    def handle(self, record: logging.LogRecord) -> bool:
        return bool(record)


class NaiveFilter(logging.Filter):
    """The filter that everybody writes once."""

    def filter(self, record: logging.LogRecord) -> bool:
        context = trace.get_current_span().get_span_context()
        record.trace_id = format(context.trace_id, "032x")
        record.span_id = format(context.span_id, "016x")
        return True


@contextmanager
def installed() -> Iterator[None]:
    """Stamp records, and leave no record factory behind for others to pay for."""
    tracelog.install()
    yield
    tracelog.uninstall()
    logging.setLogRecordFactory(logging.LogRecord)


@contextmanager
def injected() -> Iterator[None]:
    """Let OpenTelemetry put ids on records."""
    instrumentor = import_module("opentelemetry.instrumentation.logging").LoggingInstrumentor()
    instrumentor.instrument(inject_trace_context=True, enable_log_auto_instrumentation=False)
    yield
    instrumentor.uninstrument()


@contextmanager
def outside_spans() -> Iterator[None]:
    """Have no span active."""
    token = context.attach(context.Context())
    yield
    context.detach(token)


@contextmanager
def installed_outside_spans() -> Iterator[None]:
    """Stamp records, of which none is in a span."""
    with installed(), outside_spans():
        yield


def stdlib(name: str, handler: logging.Handler, level: int = logging.INFO) -> Call:
    """Return a call of a logger with one handler."""
    logger = logging.getLogger(f"benchmark.{name}")
    logger.propagate, logger.handlers = False, [handler]
    logger.setLevel(level)
    return lambda: logger.info("order %s placed", "A-1", extra={"items": 3, "customer": "cust-4711"})


def formatted(name: str, formatter: logging.Formatter, *filters: logging.Filter) -> Call:
    """Return a call whose line is formatted to a sink."""
    handler = logging.StreamHandler(Sink())
    handler.setFormatter(formatter)
    for one in filters:
        handler.addFilter(one)
    return stdlib(name, handler)


def structlog_call(processors: list[Any], wrapper_class: Any = None, level: int = logging.INFO) -> Call:
    """Return a call of a structlog logger."""
    logger = structlog.wrap_logger(
        structlog.BytesLogger(Sink()),  # type: ignore[arg-type] # it takes what has these two methods
        processors=processors,
        wrapper_class=(wrapper_class or structlog.make_filtering_bound_logger)(level),
    ).bind()
    return lambda: logger.info("order placed", items=3, customer="cust-4711")


def recipe(_logger: Any, _name: str, event_dict: dict[str, Any]) -> dict[str, Any]:
    """Add ids the way structlog's documentation shows for OpenTelemetry."""
    span = trace.get_current_span()
    if not span.is_recording():
        event_dict["span"] = None
        return event_dict
    context, parent = span.get_span_context(), getattr(span, "parent", None)
    event_dict["span"] = {
        "span_id": format(context.span_id, "016x"),
        "trace_id": format(context.trace_id, "032x"),
        "parent_span_id": None if not parent else format(parent.span_id, "016x"),
    }
    return event_dict


def orjson_renderer() -> Any:
    """Return structlog's renderer with orjson."""
    return structlog.processors.JSONRenderer(serializer=import_module("orjson").dumps)


def orjson_formatter() -> logging.Formatter:
    """Return python-json-logger's formatter with orjson."""
    formatter: logging.Formatter = import_module("pythonjsonlogger.orjson").OrjsonFormatter(NAMES)
    return formatter


def otel_handler() -> Call:
    """Return a call whose record OpenTelemetry's handler takes, for a processor that does nothing with it."""
    logs = import_module("opentelemetry.sdk._logs")
    handlers = import_module("opentelemetry.instrumentation.logging.handler")
    nothing = {name: lambda *_: None for name in ("on_emit", "force_flush", "shutdown")}
    provider = logs.LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(type("NoProcessor", (logs.LogRecordProcessor,), nothing)())
    handler = handlers.LoggingHandler(logger_provider=provider)
    handler.flush = lambda: None  # its own starts a thread, for which it is too late at exit
    return stdlib("otel-handler", handler)


def logfire_call() -> Call:
    """Return a call of logfire, which makes a span of it."""
    logger = import_module("logfire").configure(local=True, send_to_logfire=False, console=False, metrics=False)
    return lambda: logger.info("order {order} placed", order="A-1", items=3, customer="cust-4711")


def loguru_call() -> Call:
    """Return a call of loguru, ids by its patcher."""
    logger = import_module("loguru").logger
    logger.remove()
    logger.add(Sink(), serialize=True, format="{message}")
    patched = logger.patch(lambda record: tracelog.add_trace_context(None, "", record["extra"]))
    bound = patched.bind(items=3, customer="cust-4711")
    return lambda: bound.info("order {} placed", "A-1")


def eliot_call() -> Call:
    """Return a call of eliot, which has ids of its own."""
    eliot = import_module("eliot")
    eliot.add_destinations(eliot.json._dumps_bytes)  # noqa: SLF001 - its encoder
    return lambda: eliot.log_message(message_type="order placed", items=3, customer="cust-4711")


def stdlib_contenders() -> dict[str, Callable[[], Contender]]:
    """Return what is logged with `logging`, by name."""

    def ours(name: str, around: Any = installed, **options: Any) -> Contender:
        return Contender(formatted(name, tracelog.JsonFormatter(service="shop", **options)), around)

    return {
        "record alone": lambda: Contender(stdlib("none", NoHandler())),
        "record alone, stamped": lambda: Contender(stdlib("stamped", NoHandler()), installed),
        "stdlib Formatter": lambda: Contender(formatted("plain", logging.Formatter(NAMES))),
        "python-json-logger": lambda: Contender(formatted("pjl", PlainJsonFormatter(NAMES))),
        "python-json-logger + naive filter": lambda: Contender(
            formatted("naive", PlainJsonFormatter(NAMES), NaiveFilter())
        ),
        "python-json-logger + OTel instrumentor": lambda: Contender(
            formatted("otel", PlainJsonFormatter(NAMES)), injected
        ),
        "python-json-logger, orjson, no ids": lambda: Contender(formatted("orjson", orjson_formatter())),
        "ecs-logging": lambda: Contender(formatted("ecs", import_module("ecs_logging").StdlibFormatter())),
        "OTel SDK handler": lambda: Contender(otel_handler()),
        "tracelog.JsonFormatter": lambda: ours("ours"),
        "tracelog.JsonFormatter, ecs": lambda: ours("ours-ecs", schema="ecs"),
        "tracelog.JsonFormatter, redact=True": lambda: ours("ours-redacting", redact=True),
        "tracelog.JsonFormatter, no span": lambda: ours("ours-outside", installed_outside_spans),
        "level disabled": lambda: Contender(stdlib("off", NoHandler(), logging.ERROR)),
        "level disabled, installed": lambda: Contender(stdlib("off-ours", NoHandler(), logging.ERROR), installed),
    }


def structlog_contenders() -> dict[str, Callable[[], Contender]]:
    """Return what is logged with structlog, by name."""
    merge = structlog.contextvars.merge_contextvars
    native = [
        merge,
        structlog.processors.add_log_level,
        structlog.processors.format_exc_info,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    ours = [merge, tracelog.JsonRenderer(service="shop", as_bytes=True)]
    fused = tracelog.make_json_bound_logger
    return {
        "structlog, orjson": lambda: Contender(structlog_call([*native, orjson_renderer()])),
        "structlog, orjson + OTel recipe": lambda: Contender(structlog_call([*native, recipe, orjson_renderer()])),
        "structlog, orjson + add_trace_context": lambda: Contender(
            structlog_call([*native, tracelog.add_trace_context, orjson_renderer()])
        ),
        "structlog, JsonRenderer": lambda: Contender(structlog_call(ours)),
        "structlog, make_json_bound_logger": lambda: Contender(structlog_call(ours, fused)),
        "structlog, make_json_bound_logger, no span": lambda: Contender(structlog_call(ours, fused), outside_spans),
        "structlog, level disabled": lambda: Contender(structlog_call(ours, level=logging.ERROR)),
        "structlog, level disabled, ours": lambda: Contender(structlog_call(ours, fused, logging.ERROR)),
    }


def other_contenders() -> dict[str, Callable[[], Contender]]:
    """Return other libraries, and parts, by name."""
    return {
        "loguru, serialised": lambda: Contender(loguru_call()),
        "eliot": lambda: Contender(eliot_call()),
        "logfire": lambda: Contender(logfire_call()),
        "the stamp, on a hit": lambda: Contender(current_stamp),
        "get_current_span alone": lambda: Contender(trace.get_current_span),
    }


def contenders() -> dict[str, Contender]:
    """Return the contenders whose libraries are installed, and say which are not."""
    ready = {}
    for name, make in {**stdlib_contenders(), **structlog_contenders(), **other_contenders()}.items():
        try:
            ready[name] = make()
        except ImportError as error:
            print(f"left out: {name} ({error})", file=sys.stderr)
    return ready


def measure(named: dict[str, Contender]) -> dict[str, list[float]]:
    """Return µs per call of each contender, one figure a round, the rounds interleaved."""
    figures: dict[str, list[float]] = {name: [] for name in named}
    gc.collect()
    gc.freeze()  # what all these libraries keep is not walked in anybody's round
    for _ in range(ROUNDS):
        for name, (call, around) in named.items():
            with around():
                call()
                begin = time.perf_counter_ns()
                for _ in range(CALLS):
                    call()
                figures[name].append((time.perf_counter_ns() - begin) / CALLS / 1_000)
    return figures


def ratios(lowest: dict[str, float]) -> Iterator[tuple[str, float, str]]:
    """Return what is compared, the ratio, and what was wanted."""

    def ratio(one: str, other: str, wanted: str) -> tuple[str, float, str]:
        return f"{one} / {other}", lowest[one] / lowest[other], wanted

    yield ratio("tracelog.JsonFormatter", "python-json-logger + OTel instrumentor", "at most 0.55")
    yield ratio("structlog, make_json_bound_logger", "structlog, orjson + OTel recipe", "at most 0.50")
    plain = lowest["structlog, orjson"]
    ours, recipes = (lowest[f"structlog, orjson + {name}"] - plain for name in ("add_trace_context", "OTel recipe"))
    yield "what add_trace_context adds / what the recipe adds", ours / recipes, "at most 0.30"
    yield ratio("tracelog.JsonFormatter, no span", "tracelog.JsonFormatter", "below 1")
    yield ratio("structlog, make_json_bound_logger, no span", "structlog, make_json_bound_logger", "below 1")
    yield ratio("level disabled, installed", "level disabled", "1")
    yield ratio("structlog, level disabled, ours", "structlog, level disabled", "1")


def main() -> None:
    """Measure and print."""
    tracer = TracerProvider().get_tracer("benchmark")
    with tracer.start_as_current_span("POST /orders"):
        figures = measure(contenders())
    lowest = {name: min(values) for name, values in figures.items()}
    print(f"{'µs per call':44}{'min':>8}{'median':>8}")
    for name, values in figures.items():
        print(f"{name:44}{lowest[name]:8.2f}{statistics.median(values):8.2f}")
    print()
    for what, ratio, wanted in ratios(lowest):
        print(f"{what}: {ratio:.2f} (wanted: {wanted})")


if __name__ == "__main__":
    main()
