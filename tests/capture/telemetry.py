"""Spans and lines that are the same in every run: counted ids, one moment, providers and loggers of the test's own."""

from __future__ import annotations

import io
import logging
from itertools import count
from typing import TYPE_CHECKING

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, Sampler
from opentelemetry.trace import Tracer

TRACE, SPAN = f"{1:032x}", f"{1:016x}"
"""The ids of the first span that a tracer of `make_tracer` starts."""

NOW = 1_776_608_581_200_000_000
"""2026-04-19T14:23:01.200Z in ns: the time that the fixture `clock` stops at."""


class CountedIds(IdGenerator):
    """Ids 1, 2, 3, for traces and spans apart."""

    def __init__(self) -> None:
        self._traces, self._spans = count(1), count(1)

    def generate_trace_id(self) -> int:
        return next(self._traces)

    def generate_span_id(self) -> int:
        return next(self._spans)


def make_provider(*processors: SpanProcessor, sampler: Sampler = ALWAYS_ON, service: str = "shop") -> TracerProvider:
    provider = TracerProvider(
        sampler=sampler,
        resource=Resource({"service.name": service}),
        id_generator=CountedIds(),
        shutdown_on_exit=False,
    )
    for processor in processors:
        provider.add_span_processor(processor)
    return provider


def make_tracer(*processors: SpanProcessor, sampler: Sampler = ALWAYS_ON, service: str = "shop") -> Tracer:
    return make_provider(*processors, sampler=sampler, service=service).get_tracer("shop.tracing", "1.0")


class RecordList(logging.Handler):
    """A handler that keeps the records that it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


if TYPE_CHECKING:
    _TextHandler = logging.StreamHandler[io.StringIO]
else:
    _TextHandler = logging.StreamHandler  # it takes no type before Python 3.11


class Printed(_TextHandler):
    """A handler that prints into memory, as to a console."""

    def __init__(self, formatter: logging.Formatter) -> None:
        super().__init__(io.StringIO())
        self.setFormatter(formatter)

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()


def make_logger(*handlers: logging.Handler, name: str = "shop.orders") -> logging.Logger:
    """Make a logger that no other test knows: it stands outside the tree of loggers."""
    logger = logging.Logger(name, logging.DEBUG)  # noqa: LOG001 - getLogger would put it into the tree
    for handler in handlers:
        logger.addHandler(handler)
    return logger
