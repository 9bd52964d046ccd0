"""The same by `dictConfig`: the store is one more handler; what goes to the console stays as it was."""

import logging
from logging.config import dictConfig

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

import tracelog

dictConfig(
    {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": "tracelog.JsonFormatter", "schema": "ecs", "service": "shipping"}},
        "handlers": {
            "console": {"class": "logging.StreamHandler", "formatter": "json", "stream": "ext://sys.stdout"},
            "store": {"class": "tracelog.StoreHandler", "store": "sqlite:tracelog.db", "service": "shipping"},
        },
        "root": {"handlers": ["console", "store"], "level": "INFO"},
    }
)

provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(tracelog.StoreSpanExporter("sqlite:tracelog.db")))
with provider.get_tracer("shipping").start_as_current_span("POST /shipments"):
    logging.getLogger("shipping").warning("carrier is late", extra={"shipment.id": "S-77"})

tracelog.flush()
with tracelog.open_store("sqlite:tracelog.db") as store:
    trace = store.trace("S-77")  # any value of an attribute finds its trace
    print(trace.spans[0].name, "->", trace.logs_of(trace.spans[0])[0].message)
