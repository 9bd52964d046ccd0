"""Code as users write it, which mypy must accept in its strict mode. It is checked, and never run."""

from __future__ import annotations

import logging
import logging.config
from collections.abc import Iterator

import structlog
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

import tracelog
from tracelog.keep.policies import Latency


def configure_everything() -> None:
    tracelog.configure()
    tracelog.configure("orders", "sqlite:tracelog.db", logging.INFO, console=False)
    tracelog.configure(service="orders", store="http://localhost:9200", level="INFO", console="json", schema="ecs")
    tracelog.configure(store=tracelog.open_store(), spans=False, events=False, dataset="shop", namespace="test")
    tracelog.install()
    tracelog.uninstall()


def log_with_handlers() -> logging.Logger:
    logger = logging.getLogger("shop")
    console = logging.StreamHandler()
    console.addFilter(tracelog.TraceContextFilter())
    console.setFormatter(tracelog.JsonFormatter(schema="ecs", service="orders", static_fields={"team": "checkout"}))
    store = tracelog.StoreHandler("sqlite:tracelog.db", service="orders", level="WARNING", api_key=None)
    logger.addHandler(console)
    logger.addHandler(store)
    logging.config.dictConfig({"version": 1, "handlers": {"store": {"class": "tracelog.StoreHandler"}}})
    waiting: int = store.stats().in_spool
    logger.info("%d wait", waiting, extra={"trace_id": "mine"})
    return logger


def log_with_structlog() -> None:
    structlog.configure(
        processors=[
            structlog.stdlib.add_log_level,
            tracelog.add_trace_context,
            tracelog.StoreRenderer("sqlite:tracelog.db", service="orders", schema="otel"),
        ]
    )


def store_spans(provider: TracerProvider) -> bool:
    exporter = tracelog.StoreSpanExporter("sqlite:tracelog.db")
    provider.add_span_processor(tracelog.SpanEventLogger())
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return exporter.force_flush(1000)


def keep_what_matters(provider: TracerProvider) -> dict[str, int]:
    tracelog.configure(keep="policies.yaml", sampling_rate=0.1, trust_inbound=False)
    tracelog.configure(keep=[Latency("slow", threshold_ms=1000), lambda evidence: evidence.failed])
    keep = tracelog.Keep("policies.toml", level="INFO", record="DEBUG", unsampled="drop_below: WARNING")
    provider.add_span_processor(tracelog.KeptSpans(tracelog.StoreSpanExporter(), keep))
    logging.getLogger().addHandler(tracelog.StoreHandler(keep=keep))
    structlog.configure(
        processors=[tracelog.StoreRenderer(keep=keep)], wrapper_class=tracelog.make_recording_bound_logger("INFO")
    )
    return keep.stats()


def read(any_id: str) -> Iterator[str]:
    with tracelog.open_store("sqlite:tracelog.db") as store:
        trace = store.trace(any_id)
        for span in trace.spans:
            yield f"{span.name} {span.duration // 1_000_000} ms"
        for segment in trace.critical_path:
            yield f"{segment.span.name} {segment.duration // 1_000_000} ms"
        for finding in trace.findings:
            yield f"{finding.kind}: {finding.text} ({', '.join(finding.span_ids)})"
            for line in trace.logs_of(span, descendants=False):
                yield f"{line.level or '-'} {line.message}"
        for entry in store.logs(service="orders", level="ERROR", since="15m", text="out of stock"):
            yield entry.message
        for summary in store.slowest(limit=5, attributes={"order.id": "A-7"}):
            yield summary.trace_id


def end() -> None:
    try:
        done: bool = tracelog.flush(timeout=2.0)
    except tracelog.TracelogError as error:
        raise SystemExit(str(error)) from error
    tracelog.shutdown(timeout=0 if done else 5)


def accept(store: tracelog.Store) -> str:
    return store.url
