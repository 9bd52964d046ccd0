"""What no single handler shows: lines stored twice, handlers removed, loggers that reach nothing, spans not kept."""

from __future__ import annotations

import gc
import logging
import logging.config
import sys
from collections.abc import Iterator
from itertools import combinations
from typing import Any

from opentelemetry import trace

from tracelog.doctor.diagnosis import Diagnosis, broken, note
from tracelog.doctor.rendering import is_otel_kind
from tracelog.doctor.routes import Route, all_loggers, describe, logger_expression, routes_of
from tracelog.doctor.structlog import configuration, renderers, uses_stdlib
from tracelog.ship.handler import StoreHandler

_NAMED = 5
_DEEPEST = 6


def examine_process(routes: list[Route]) -> list[Diagnosis]:
    """Return what is wrong with the process as a whole, and notes about its spans."""
    return [*_levels(), *_removed(), *_patched_around(), *_twice(routes), *_unreached(), *_disabled(), *_spans(routes)]


def _levels() -> Iterator[Diagnosis]:
    if logging.root.manager.disable >= logging.CRITICAL:
        text = "logging.disable() hides every line of this process"
        yield broken("", "", "level", text, "logging.disable(logging.NOTSET)")


def _removed() -> Iterator[Diagnosis]:
    """Find a store's handler that `tracelog.configure` put on the root, and that nobody stands in for."""
    own = getattr(sys.modules.get("tracelog.configuration"), "own_handlers", ())
    there = [_destination(handler) for handler in logging.getLogger().handlers]
    gone = [handler for handler in own if isinstance(handler, StoreHandler) and _destination(handler) not in there]
    for handler in gone:
        text = (
            f"{handler!r}, which tracelog.configure() put on the root, was taken off it "
            "(basicConfig(force=True), handlers.clear())"
        )
        yield broken("root", "", "handlers_removed", text, "tracelog.configure(...)  # after it")


def _patched_around() -> Iterator[Diagnosis]:
    """Find a handler that a patched `dictConfig` was to keep, and the modules that call the one before the patch.

    OpenTelemetry's auto-instrumentation replaces the function in `logging.config`, and so misses those who had
    said `from logging.config import dictConfig` (opentelemetry.sdk._configuration, `_overwrite_logging_config_fns`).
    """
    if getattr(logging.config.dictConfig, "__module__", "") == "logging.config":
        return
    past = sorted(name for name, module in list(sys.modules.items()) if _holds_the_original(module))
    attached = {id(handler) for logger in all_loggers() for handler in logger.handlers}
    lost = [each for each in gc.get_objects() if is_otel_kind(type(each)) and id(each) not in attached]
    if past and lost:
        text = f"the handler of OpenTelemetry was taken off the root: {past[0]} calls dictConfig past the patched one"
        code = "import logging.config; logging.config.dictConfig(...)  # not: from logging.config import dictConfig"
        yield broken("root", describe(lost[0]), "dict_config_import", text, code)


def _holds_the_original(module: object) -> bool:
    held = getattr(module, "__dict__", {}).get("dictConfig")
    return getattr(held, "__module__", "") == "logging.config"


def reached(logger: logging.Logger) -> list[Route]:
    """Return the routes that a line of a logger takes: its own, and those of the loggers it propagates to."""
    routes: list[Route] = []
    at: logging.Logger | None = logger
    while at is not None:
        routes += routes_of(at)
        at = at.parent if at.propagate else None
    return routes


def _stores(routes: list[Route]) -> list[Route]:
    return [route for route in routes if isinstance(route.last, StoreHandler)]


def _destination(handler: logging.Handler) -> Any:
    """Return what is the same for handlers of one destination: it, else their sender."""
    return getattr(handler, "destination", getattr(handler, "_sender", handler))


def _twice(routes: list[Route]) -> Iterator[Diagnosis]:
    for logger in all_loggers():
        for near, far in combinations(_stores(reached(logger)), 2):
            if near.logger is logger and _destination(near.last) == _destination(far.last):
                text = f"each line is stored twice: here and by {far.description} of {far.logger.name}"
                code = f"{logger_expression(logger)}.removeHandler({near.expressions[0]})"
                yield broken(logger.name, near.description, "stored_twice", text, code)
    yield from _rendered_and_stored(routes)


def _rendered_and_stored(routes: list[Route]) -> Iterator[Diagnosis]:
    """Find a `StoreRenderer` whose line then comes to a `StoreHandler`."""
    config = configuration()
    stores = _stores(reached(logging.getLogger()))
    if config is not None and uses_stdlib(config) and renderers(config["processors"]) and stores:
        text = f"each event is stored twice: by StoreRenderer and by {stores[0].description} of {stores[0].logger.name}"
        code = (
            'structlog.configure(processors=[*structlog.get_config()["processors"][:-1], '
            "structlog.processors.JSONRenderer()])"
        )
        yield broken("structlog", "StoreRenderer", "structlog_twice", text, code)
    for route in routes:
        stores = _stores(reached(route.logger))
        if renderers(getattr(route.last.formatter, "processors", ())) and stores:
            text = f"each line is stored twice: by StoreRenderer in its formatter and by {stores[0].description}"
            code = f"{route.expressions[-1]}.formatter.processors[-1] = structlog.processors.JSONRenderer()"
            yield broken(route.logger.name, route.description, "structlog_twice", text, code)


def _unreached() -> Iterator[Diagnosis]:
    """Find loggers that do not propagate and so miss every handler, or the store."""
    stores = _stores(routes_of(logging.getLogger()))
    for logger in all_loggers()[1:]:
        if logger.propagate:
            continue
        if not logger.handlers:
            text = "it has no handler and does not propagate: its lines reach no handler"
            code = f"{logger_expression(logger)}.propagate = True"
            yield broken(logger.name, "", "propagate_false", text, code)
        elif stores and routes_of(logger) and not _stores(routes_of(logger)):
            text = f"it does not propagate: its lines are not stored by {describe(stores[0].attached)} of root"
            code = f"{logger_expression(logger)}.addHandler({stores[0].expressions[0]})"
            yield note(logger.name, "", "propagate_false", text, code)


def _disabled() -> Iterator[Diagnosis]:
    names = [logger.name for logger in all_loggers() if logger.disabled]
    if names:
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        text = f"disabled, most likely by dictConfig: {', '.join(names[:_NAMED])}{more}"
        yield note("", "", "logger_disabled", text, 'dictConfig({..., "disable_existing_loggers": False})')


def _spans(routes: list[Route]) -> Iterator[Diagnosis]:
    provider = trace.get_tracer_provider()
    if isinstance(provider, (trace.ProxyTracerProvider, trace.NoOpTracerProvider)):
        text = "no tracer provider is set: until one is, no span made here has ids"
        code = "trace.set_tracer_provider(opentelemetry.sdk.trace.TracerProvider())"
        yield note("", "", "no_span_provider", text, code)
    elif (stores := _stores(routes)) and _is_sdk(provider) and not _exports_to_store(provider, _DEEPEST):
        text = "lines are stored and the spans they belong to are not"
        sender = getattr(stores[0].last, "_sender", None)
        exporter = f"tracelog.StoreSpanExporter({'' if sender is None else repr(sender.url)})"
        code = f"trace.get_tracer_provider().add_span_processor(SimpleSpanProcessor({exporter}))"
        yield note("", "", "spans_not_stored", text, code)


def _is_sdk(provider: object) -> bool:
    module = sys.modules.get("opentelemetry.sdk.trace")
    return module is not None and isinstance(provider, module.TracerProvider)


def _exports_to_store(held: object, depth: int) -> bool:
    """Say whether a `StoreSpanExporter` is found in a provider, its processors and what they hold."""
    module = sys.modules.get("tracelog.ship.exporter")
    if module is None or depth == 0:
        return False
    if isinstance(held, module.StoreSpanExporter):
        return True
    if isinstance(held, (list, tuple)):
        return any(_exports_to_store(each, depth - 1) for each in held)
    ours = type(held).__module__.startswith(("opentelemetry.sdk.", "tracelog.keep."))
    return ours and any(_exports_to_store(each, depth - 1) for each in getattr(held, "__dict__", {}).values())
