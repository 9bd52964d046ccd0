"""What a log call costs, from the call to the bytes, beside the peers: `pip install -e '.[bench]'`, then run this.

Every contender logs the same line (a message with one argument, two extras) inside one active, sampled span, to a sink
that throws it away. Rounds are interleaved, so that a drifting machine drifts for all; minimum and median of the rounds
are printed, in µs a call, and the ratios that matter.
"""

from __future__ import annotations

import logging
import statistics
import sys
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

import structlog
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from pythonjsonlogger.json import JsonFormatter as PlainJsonFormatter

import tracelog
from tracelog.capture.context import current_stamp

ROUNDS, CALLS = 25, 4_000
Call = Callable[[], object]


class Sink:
    """A stream that forgets."""

    def write(self, _data: str | bytes) -> None:
        pass

    def flush(self) -> None:
        pass

    @property
    def buffer(self) -> Sink:
        return self


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


def structlog_call(processors: list[Any]) -> Call:
    """Return a call of a structlog logger."""
    logger = structlog.wrap_logger(
        structlog.BytesLogger(Sink()),  # type: ignore[arg-type] # as above
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
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


def with_install(call: Call) -> Call:
    """Mark a call as one that tracelog.install() is active for."""
    call.__dict__["before"], call.__dict__["after"] = tracelog.install, tracelog.uninstall
    return call


def with_otel_injection(call: Call) -> Call:
    """Mark a call as one that OpenTelemetry's LoggingInstrumentor injects ids for."""
    instrumentor = import_module("opentelemetry.instrumentation.logging").LoggingInstrumentor()
    call.__dict__["before"] = lambda: instrumentor.instrument(
        inject_trace_context=True, enable_log_auto_instrumentation=False
    )
    call.__dict__["after"] = instrumentor.uninstrument
    return call


def peers() -> dict[str, Call]:
    """Return the contenders whose libraries are installed, and say which are not."""
    names = "%(asctime)s %(levelname)s %(name)s %(message)s"
    native = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.format_exc_info,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    contenders: dict[str, Callable[[], Call]] = {
        "record alone": lambda: stdlib("none", NoHandler()),
        "level disabled": lambda: stdlib("off", NoHandler(), logging.ERROR),
        "stdlib Formatter": lambda: formatted("plain", logging.Formatter(names)),
        "python-json-logger": lambda: formatted("pjl", PlainJsonFormatter(names)),
        "python-json-logger + naive filter": lambda: formatted("naive", PlainJsonFormatter(names), NaiveFilter()),
        "python-json-logger + OTel instrumentor": lambda: with_otel_injection(
            formatted("otel", PlainJsonFormatter(names))
        ),
        "python-json-logger, orjson, no ids": lambda: formatted(
            "orjson", import_module("pythonjsonlogger.orjson").OrjsonFormatter(names)
        ),
        "ecs-logging": lambda: formatted("ecs", import_module("ecs_logging").StdlibFormatter()),
        "tracelog.JsonFormatter": lambda: with_install(formatted("ours", tracelog.JsonFormatter(service="shop"))),
        "tracelog.JsonFormatter, redact=True": lambda: with_install(
            formatted("ours-redacting", tracelog.JsonFormatter(service="shop", redact=True))
        ),
        "tracelog.JsonFormatter, ecs": lambda: with_install(
            formatted("ours-ecs", tracelog.JsonFormatter(schema="ecs", service="shop"))
        ),
        "structlog, orjson": lambda: structlog_call([*native, orjson_renderer()]),
        "structlog, orjson + OTel recipe": lambda: structlog_call([*native, recipe, orjson_renderer()]),
        "structlog, orjson + add_trace_context": lambda: structlog_call(
            [*native, tracelog.add_trace_context, orjson_renderer()]
        ),
        "structlog, tracelog.JsonRenderer": lambda: structlog_call(
            [structlog.contextvars.merge_contextvars, tracelog.JsonRenderer(service="shop", as_bytes=True)]
        ),
        "loguru, serialised": loguru_call,
        "eliot": eliot_call,
        "the stamp, on a hit": lambda: current_stamp,
        "get_current_span alone": lambda: trace.get_current_span,
    }
    ready = {}
    for name, make in contenders.items():
        try:
            ready[name] = make()
        except ImportError as error:
            print(f"left out: {name} ({error})", file=sys.stderr)
    return ready


def orjson_renderer() -> Any:
    """Return structlog's renderer with orjson."""
    return structlog.processors.JSONRenderer(serializer=import_module("orjson").dumps)


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


def measure(calls: dict[str, Call]) -> dict[str, list[float]]:
    """Return µs per call of each contender, one figure a round, the rounds interleaved."""
    figures: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(ROUNDS):
        for name, call in calls.items():
            call_before = getattr(call, "__dict__", {}).get("before")
            if call_before:
                call_before()
            begin = time.perf_counter_ns()
            for _ in range(CALLS):
                call()
            figures[name].append((time.perf_counter_ns() - begin) / CALLS / 1_000)
            if call_before:
                call.__dict__["after"]()
    return figures


def main() -> None:
    """Measure and print."""
    tracer = TracerProvider().get_tracer("benchmark")
    with tracer.start_as_current_span("POST /orders"):
        figures = measure(peers())
    lowest = {name: min(values) for name, values in figures.items()}
    print(f"{'µs per call':42}{'min':>8}{'median':>8}")
    for name, values in figures.items():
        print(f"{name:42}{lowest[name]:8.2f}{statistics.median(values):8.2f}")
    print()
    ratio = lowest["tracelog.JsonFormatter"] / lowest["python-json-logger + OTel instrumentor"]
    print(f"tracelog.JsonFormatter / python-json-logger + OTel instrumentor: {ratio:.2f} (wanted: 0.55)")
    bare = lowest["structlog, orjson"]
    added = (lowest["structlog, orjson + add_trace_context"] - bare) / (
        lowest["structlog, orjson + OTel recipe"] - bare
    )
    print(f"what add_trace_context adds / what the recipe adds: {added:.2f} (wanted: 0.30)")
    fused = lowest["structlog, tracelog.JsonRenderer"] / lowest["structlog, orjson + OTel recipe"]
    print(f"tracelog.JsonRenderer / structlog, orjson + recipe: {fused:.2f} (wanted: 0.50)")


if __name__ == "__main__":
    main()
