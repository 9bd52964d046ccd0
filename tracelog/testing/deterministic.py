"""Ids and times that are the same in every run."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from types import SimpleNamespace

import opentelemetry.sdk.trace as sdk
import pytest
import structlog

from tracelog.schema.times import parse_iso


@contextmanager
def count_ids(provider: sdk.TracerProvider) -> Iterator[None]:
    """Give a provider's trace ids and span ids out as 1, 2, 3.

    The generator itself is changed, not replaced: tracers that exist already hold it too.
    """
    traces, spans = count(1), count(1)
    counted = {
        "generate_trace_id": lambda: next(traces),
        "generate_span_id": lambda: next(spans),
        "is_trace_id_random": lambda: False,  # else trace_flags would promise what is not so
    }
    held = vars(provider.id_generator)
    before = {name: held[name] for name in counted if name in held}
    held.update(counted)
    try:
        yield
    finally:
        for name in counted:
            del held[name]
        held.update(before)


class FrozenClock:
    """A wall clock whose first reading is `start` (ISO 8601) and that each reading moves on by `step_ms`.

    It stands in for `time.time` and `time.time_ns`, and so for the times of log records, for the clock of the SDK's
    spans and for structlog's `TimeStamper`. A module that imported its clock by name (`from time import time`,
    `datetime.now`) keeps the real one. `time.monotonic`, timeouts and sleeping are not touched.
    """

    def __init__(self, start: str = "2026-01-01T00:00:00Z", step_ms: float = 1) -> None:
        self._now = parse_iso(start)
        self._step = round(step_ms * 1_000_000)
        self._lock = threading.Lock()

    @property
    def now(self) -> int:
        """What the next reading will be, ns. To ask does not move the clock."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Move the clock on, as if this long had passed."""
        with self._lock:
            self._now += round(seconds * 1_000_000_000)

    def time_ns(self) -> int:
        """Read the clock: ns since the epoch."""
        with self._lock:
            reading = self._now
            self._now += self._step
        return reading

    def time(self) -> float:
        """Read the clock: s since the epoch."""
        return self.time_ns() / 1_000_000_000  # of two integers, which rounds once

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Put this clock in the place of the real one."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(time, "time", self.time)
            patch.setattr(time, "time_ns", self.time_ns)
            patch.setattr(sdk, "time_ns", self.time_ns)
            patch.setattr(structlog.processors, "datetime", self._datetime_module())
            yield

    def _datetime_module(self) -> SimpleNamespace:
        """Return what stands in for the module `datetime`, whose types cannot be changed."""
        read = self.time_ns

        class FrozenDatetime(dt.datetime):
            @classmethod
            def now(cls, tz: dt.tzinfo | None = None) -> FrozenDatetime:
                since_epoch = dt.timedelta(microseconds=read() // 1000)
                moment = cls(1970, 1, 1, tzinfo=dt.timezone.utc) + since_epoch
                return moment.astimezone(tz) if tz else moment.astimezone().replace(tzinfo=None)

        return SimpleNamespace(**{**vars(dt), "datetime": FrozenDatetime})
