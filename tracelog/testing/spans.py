"""The SDK's tracer provider in use, and the spans that it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from weakref import WeakKeyDictionary

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from tracelog.capture.spans import read_span
from tracelog.errors import ConfigurationError
from tracelog.model import UNKNOWN_SERVICE, Span
from tracelog.resource import detect_resource

Keep = Callable[[Span], None]


def tracer_provider() -> TracerProvider:
    """Return the global provider; where none is set, set one, for good: a process can do that only once."""
    if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        trace.set_tracer_provider(
            TracerProvider(sampler=ALWAYS_ON, resource=Resource(_plain_resource()), shutdown_on_exit=False)
        )
    provider = trace.get_tracer_provider()
    if not isinstance(provider, TracerProvider):
        raise ConfigurationError(
            f"tracelog.testing reads spans of the OpenTelemetry SDK; the tracer provider is {type(provider).__name__}"
        )
    return provider


def _plain_resource() -> dict[str, str]:
    """Return what OTEL_* variables say of this process, and nothing that differs between machines."""
    said = {key: value for key, value in detect_resource().items() if key != "host.name"}
    if said["service.name"].startswith(f"{UNKNOWN_SERVICE}:"):
        said["service.name"] = UNKNOWN_SERVICE
    return said


class _Relay(SpanProcessor):
    """A processor that stays with its provider, which has no way to remove one, and does nothing between tests."""

    def __init__(self) -> None:
        self.keepers: list[Keep] = []

    def on_end(self, span: ReadableSpan) -> None:
        ended = read_span(span) if self.keepers else None
        if ended is not None:
            for keep in list(self.keepers):
                keep(ended)


_relays: WeakKeyDictionary[TracerProvider, _Relay] = WeakKeyDictionary()


@contextmanager
def keep_spans(provider: TracerProvider, keep: Keep) -> Iterator[None]:
    """Hand every span that ends to `keep`."""
    relay = _relays.get(provider)
    if relay is None:
        relay = _relays[provider] = _Relay()
        provider.add_span_processor(relay)
    relay.keepers.append(keep)
    try:
        yield
    finally:
        relay.keepers.remove(keep)
