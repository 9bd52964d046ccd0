"""The probe: spans whose ids are known, every spelling of an id, and what became of a record.

The spans are `NonRecordingSpan`s, so opentelemetry-api suffices, nothing is exported, and no sampler is asked.
"""

from __future__ import annotations

import logging
import random
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, NamedTuple

from opentelemetry import context, trace

from tracelog import ids

Situation = Literal["recording", "remote", "unsampled", "outside"]
"""A sampled span, a sampled parent of another process, a span that the sampler dropped, no span at all."""
IN_SPANS: tuple[Situation, ...] = ("recording", "remote", "unsampled")

MESSAGE = "tracelog doctor probe"
_LOW_64 = 2**64 - 1
_ZERO = re.compile(
    r"(?i)(?<![0-9a-f-])(?:0{32}|0{16})(?![0-9a-f-])"
    r"""|(?:trace[._]?id|/trace|span[._]?id)["']?\s*[=:]\s*["']?(?:projects/[^/]*/traces/)?0+(?![0-9a-z.])"""
)


class _RecordingSpan(trace.NonRecordingSpan):
    """A span that says it records, for those who ask."""

    def is_recording(self) -> bool:
        return True


@contextmanager
def active(situation: Situation) -> Iterator[int]:
    """Make a span of its own the active one; yield its trace id, 0 outside of any span."""
    span, trace_id = _span(situation)
    token = context.attach(trace.set_span_in_context(span))
    try:
        yield trace_id
    finally:
        context.detach(token)


def _span(situation: Situation) -> tuple[trace.Span, int]:
    if situation == "outside":
        return trace.INVALID_SPAN, 0
    trace_id, span_id = random.getrandbits(128) | 1 << 127, random.getrandbits(64) | 1 << 63
    flags = trace.TraceFlags(trace.TraceFlags.DEFAULT if situation == "unsampled" else trace.TraceFlags.SAMPLED)
    held = trace.SpanContext(trace_id, span_id, is_remote=situation == "remote", trace_flags=flags)
    return (_RecordingSpan if situation == "recording" else trace.NonRecordingSpan)(held), trace_id


def shows(text: str, trace_id: int) -> bool:
    """Say whether a text has a trace id, as hex (dashed or not), or decimal, whole or the low 64 bits."""
    spelled = ids.format_trace_id(trace_id)
    lowered = text.lower()
    return any(
        each in lowered for each in (spelled, spelled[16:], str(trace_id), str(trace_id & _LOW_64))
    ) or spelled in lowered.replace("-", "")


def shows_zeros(text: str) -> bool:
    """Say whether a text has an id of nothing but zeros, or `0` under the name of an id."""
    return _ZERO.search(text) is not None


class Outcome(NamedTuple):
    """What became of a record. `record`: as the last handler saw it, None where a filter dropped it."""

    text: str = ""
    record: logging.LogRecord | None = None
    error: Exception | None = None
    stage: Literal["", "filter", "queue", "format"] = ""
    """Where the error was raised."""

    @property
    def dropped(self) -> bool:
        """Whether a filter let nothing through."""
        return self.record is None and self.error is None


LEVELS = (logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL, logging.DEBUG)


def first_passing(attempt: Callable[[int], Outcome], lowest: int) -> Outcome:
    """Try level after level, from `lowest` on, until filters let the probe through."""
    outcome = Outcome()
    for level in LEVELS:
        if level >= lowest and outcome.dropped:
            outcome = attempt(level)
    return outcome
