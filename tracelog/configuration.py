"""The one call that wires the rooms of the writing side.

    tracelog.configure(service="orders", store="http://localhost:9200")

stdlib records are stamped and stored, and printed for people on a terminal or as JSON elsewhere; structlog, where
nobody has configured it, goes the same way; spans of the OpenTelemetry SDK go into the same store, their events
are logged. A second call replaces what the first one set up and leaves alone what others did.
"""

from __future__ import annotations

import functools
import inspect
import logging
import logging.config
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal
from weakref import WeakKeyDictionary

from tracelog.capture.json import JsonFormatter
from tracelog.capture.pretty import PrettyFormatter
from tracelog.capture.redact import Redactor
from tracelog.capture.stdlib import install, level_number
from tracelog.errors import ConfigurationError
from tracelog.keep.keeping import Given, Keep, fresh_keep, has_own_level, share_keep
from tracelog.model import UNKNOWN_SERVICE
from tracelog.resource import detect_resource
from tracelog.schema.lines import line_schema
from tracelog.ship.handler import StoreHandler
from tracelog.ship.senders import sender_for
from tracelog.store import Store

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.sampling import Sampler

    from tracelog.capture.span_events import SpanEventLogger
    from tracelog.keep.spans import KeptSpans
    from tracelog.ship.exporter import StoreSpanExporter

    Exporter = Callable[[], StoreSpanExporter]

Console = Literal["pretty", "json"]

_OWN_LOGGERS = ("tracelog", "tracelog.span_events")
_logger = logging.getLogger("tracelog")
own_handlers: list[logging.Handler] = []
"""What the last call put on the root."""
_own_baggage: list[str] = []
"""The keys that the last call had every line get."""
_own_keep: list[Keep] = []
"""What decided of which traces were kept, since the last call."""


def configure(
    service: str | None = None,
    store: str | Store | None = None,
    level: int | str | None = None,
    console: bool | Console | None = None,  # noqa: FBT001 - False is the natural word for none
    *,
    schema: str | None = None,
    spans: bool = True,
    events: bool = True,
    baggage: Iterable[str] | None = None,
    redact: bool | Redactor = True,
    keep: Given | None = None,
    sampling_rate: float | None = None,
    trust_inbound: bool = True,
    spool: str | os.PathLike[str] | Literal[False] | None = None,
    **options: Any,
) -> None:
    """Set up stdlib logging, structlog and the SDK's tracer provider, in one call.

    `level`: else `TRACELOG_LEVEL`, else INFO. `console`: `pretty`, `json`, or False for none; else `TRACELOG_CONSOLE`
    (`off` for none), else `pretty` on a terminal and `json` elsewhere; always on stderr. `schema` names the keys of
    console JSON: `otel`, `ecs`, `datadog` or `gcp`; else `TRACELOG_SCHEMA`, else `otel`. `spans`: store the SDK's
    spans; `events`: log their events. `baggage`: keys of the active baggage that every line gets (`request.id`), as a
    list or separated by commas; else `TRACELOG_BAGGAGE`. `redact`: whether secrets are hidden before anything is
    stored or printed, or the Redactor that hides them. `keep`: which traces are kept, as a `Keep`, or as the policies
    of one; else `TRACELOG_KEEP`, a file of policies, else all. `sampling_rate`: the share of new traces whose spans
    are recorded at all; with `trust_inbound=False` of all traces, whatever callers say of them. `service`, `spool` and
    `options` are as for `StoreHandler`. Raise ConfigurationError for values that cannot work, before anything is
    changed.
    """
    for unknown in options.keys() - inspect.signature(sender_for).parameters.keys():
        raise TypeError(f"configure() got an unexpected keyword argument {unknown!r}")
    chosen_level = level_number(os.environ.get("TRACELOG_LEVEL", "INFO") if level is None else level)
    chosen_schema = schema or os.environ.get("TRACELOG_SCHEMA", "otel")
    line_schema(chosen_schema)
    name = service or _service_of_provider()
    options["spool"] = spool
    chosen_keep = fresh_keep(keep, level=chosen_level)
    sampler = None if sampling_rate is None else _ratio_sampler(sampling_rate, trust_inbound=trust_inbound)
    handlers: list[logging.Handler] = [StoreHandler(store, service=name, redact=redact, keep=chosen_keep, **options)]
    chosen_console = os.environ.get("TRACELOG_CONSOLE") if console is None else console
    handlers += _console_handlers(chosen_console, chosen_schema, name, redact)
    listed = os.environ.get("TRACELOG_BAGGAGE") if baggage is None else baggage
    _allow_baggage(_listed(listed))
    _survive_reconfiguration()
    if chosen_keep is None:
        _replace_handlers(handlers, chosen_level)
        _spare_others(logging.NOTSET)
    else:
        chosen_keep.is_root_lowered = True
        _replace_handlers(handlers, chosen_keep.lowest)
        _spare_others(chosen_keep.level)
    _configure_structlog()
    exporter: Exporter | None = functools.partial(_exporter, store, {**options, "redact": redact}) if spans else None
    if spans or events or chosen_keep is not None or _has_processors():
        _configure_provider(name, exporter, chosen_keep, sampler, events=events)
    _replace_keep(chosen_keep)


def _listed(keys: Iterable[str] | None) -> list[str] | None:
    """Return keys as a list; of a text those that stand between its commas."""
    if isinstance(keys, str):
        return [key.strip() for key in keys.split(",") if key.strip()]
    return None if keys is None else [*keys]


def _allow_baggage(keys: list[str] | None) -> None:
    install(baggage_keys=() if keys is None and _own_baggage else keys)
    _own_baggage[:] = keys or ()


def _survive_reconfiguration() -> None:
    """Let the store's handler outlive a later `dictConfig` or `fileConfig`, which take every handler off the root.

    What is replaced is what every way to them ends in, so that `from logging.config import dictConfig` in an
    application makes no difference. The console's handler is left to the new configuration.
    """
    for owner, name in ((logging.config.DictConfigurator, "configure"), (logging.config, "_install_loggers")):
        original = getattr(owner, name, None)  # the latter is none of logging's public names
        if original is not None and not hasattr(original, "__wrapped__"):
            setattr(owner, name, _restoring(original))


def _restoring(original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def configure_and_restore(*args: Any, **named: Any) -> None:
        original(*args, **named)
        _restore_handlers()

    return configure_and_restore


def _restore_handlers() -> None:
    root = logging.getLogger()
    stored = {handler.destination for handler in root.handlers if isinstance(handler, StoreHandler)}
    for handler in own_handlers:
        if isinstance(handler, StoreHandler) and handler.destination not in stored:
            root.addHandler(handler)
    for name in _OWN_LOGGERS:
        logging.getLogger(name).disabled = False  # disable_existing_loggers means those of the application


def _replace_handlers(handlers: list[logging.Handler], level: int) -> None:
    root = logging.getLogger()
    for handler in own_handlers:
        root.removeHandler(handler)
        handler.close()
    own_handlers[:] = handlers
    for handler in handlers:
        root.addHandler(handler)
    root.setLevel(level)


def _replace_keep(keep: Keep | None) -> None:
    """Let a Keep be the one of its file; what another one held is decided, since nobody tells that one how it ends."""
    share_keep(keep)
    for before in _own_keep:
        if before is not keep:
            before.decide()
    _own_keep[:] = () if keep is None else (keep,)


class _AtLevel(logging.Filter):
    """Keeps what is only recorded from a handler that is not ours."""

    level = logging.NOTSET

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= self.level or has_own_level(record.name)


_at_level = _AtLevel()


def _spare_others(level: int) -> None:
    """Let handlers of others on the root have what they had: records from the level on, or from their logger's own."""
    _at_level.level = level
    for handler in logging.getLogger().handlers:
        if level and not isinstance(handler, StoreHandler):
            handler.addFilter(_at_level)  # once: a handler knows its filters


def _console_handlers(
    console: bool | str | None,  # noqa: FBT001 - the public parameter, passed on
    schema: str,
    service: str | None,
    redact: bool | Redactor,  # noqa: FBT001 - as above
) -> list[logging.Handler]:
    """Return the handler that prints on stderr, or none."""
    if console in (False, "off"):
        return []
    if console not in (None, True, "pretty", "json"):
        raise ConfigurationError(
            f"unknown console {console!r} (expected pretty, json or False; as TRACELOG_CONSOLE pretty, json or off)"
        )
    handler = logging.StreamHandler(sys.stderr)
    pretty = console == "pretty" or (console != "json" and sys.stderr.isatty())
    handler.setFormatter(
        PrettyFormatter(service=service, redact=redact)
        if pretty
        else JsonFormatter(schema=schema, service=service, redact=redact)
    )
    return [handler]


def _configure_structlog() -> None:
    """Send structlog through stdlib, where nobody has configured it; its event dict arrives at the handlers whole."""
    import structlog

    if structlog.is_configured():
        return
    from tracelog.capture.structlog import add_trace_context, format_arguments

    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,
            format_arguments,
            structlog.processors.StackInfoRenderer(),
            add_trace_context,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


_left_alone: set[type] = set()
"""The foreign providers that were warned of."""


class _OwnProcessors:
    """What was added to a provider, which cannot be rid of it any more."""

    events: SpanEventLogger | None = None
    spans: KeptSpans | None = None


_own_processors: WeakKeyDictionary[TracerProvider, _OwnProcessors] = WeakKeyDictionary()


def _has_processors() -> bool:
    from opentelemetry import trace

    return trace.get_tracer_provider() in _own_processors


def _configure_provider(
    service: str | None, exporter: Exporter | None, keep: Keep | None, sampler: Sampler | None, *, events: bool
) -> None:
    """Add the processors to the SDK's provider, once; make a provider where there is none."""
    try:
        from opentelemetry.sdk.trace import TracerProvider
    except ImportError:
        return  # stamping needs the API alone; without the SDK there are no spans to store
    provider = _provider(service, sampler)
    if not isinstance(provider, TracerProvider):
        if type(provider) not in _left_alone:
            _left_alone.add(type(provider))
            _logger.warning("spans are not stored: the tracer provider %s is not the SDK's", type(provider).__name__)
        return
    from tracelog.capture.request_spans import watch_requests

    watch_requests(provider)
    own = _own_processors.setdefault(provider, _OwnProcessors())
    _log_events(provider, own, is_wanted=events)
    _keep_spans(provider, own, None if exporter is None else exporter(), keep)


def _exporter(store: str | Store | None, options: Mapping[str, Any]) -> StoreSpanExporter:
    from tracelog.ship.exporter import StoreSpanExporter

    return StoreSpanExporter(store, **options)


def _log_events(provider: TracerProvider, own: _OwnProcessors, *, is_wanted: bool) -> None:
    if own.events is not None:
        own.events.is_on = is_wanted
    elif is_wanted:
        from tracelog.capture.span_events import SpanEventLogger

        own.events = SpanEventLogger()
        provider.add_span_processor(own.events)


def _keep_spans(
    provider: TracerProvider, own: _OwnProcessors, exporter: StoreSpanExporter | None, keep: Keep | None
) -> None:
    if own.spans is not None:
        own.spans.exporter, own.spans.keep = exporter, keep
    elif exporter is not None or keep is not None:
        from tracelog.keep.spans import KeptSpans

        own.spans = KeptSpans(exporter, keep)
        provider.add_span_processor(own.spans)


def _provider(service: str | None, sampler: Sampler | None) -> Any:
    from opentelemetry import trace
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider

    provider = trace.get_tracer_provider()
    if isinstance(provider, trace.ProxyTracerProvider):
        provider = TracerProvider(sampler, resource=Resource.create({**detect_resource(service)}))
        trace.set_tracer_provider(provider)
        return provider
    if sampler is not None:
        _logger.warning("sampling_rate is left out: the tracer provider was made before, with a sampler of its own")
    known = _service_of(provider)
    if None not in (service, known) and service != known:
        _logger.warning("lines are of %s and spans of %s: the tracer provider was made before", service, known)
    return provider


def _ratio_sampler(rate: float, *, trust_inbound: bool) -> Sampler | None:
    """Return the SDK's sampler by trace id; unless callers are trusted, their sampled flag counts for nothing."""
    if not 0 <= rate <= 1:
        raise ConfigurationError(f"sampling_rate is {rate!r} (expected a number from 0 to 1)")
    try:
        from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
    except ImportError:
        return None
    by_id = TraceIdRatioBased(rate)
    if trust_inbound:
        return ParentBased(by_id)
    return ParentBased(by_id, remote_parent_sampled=by_id, remote_parent_not_sampled=by_id)


def _service_of_provider() -> str | None:
    """Return the service name of an SDK provider that is set up already."""
    from opentelemetry import trace

    name = _service_of(trace.get_tracer_provider())
    return name if isinstance(name, str) and not name.startswith(UNKNOWN_SERVICE) else None


def _service_of(provider: Any) -> Any:
    """Return the service name in the resource of a tracer provider, None where it has none."""
    resource = getattr(provider, "resource", None)
    return None if resource is None else resource.attributes.get("service.name")
