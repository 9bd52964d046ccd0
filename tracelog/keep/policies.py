"""Policies: which traces to keep, judged by how they went.

The types, their fields and their meaning are those of the OpenTelemetry Collector's tail sampling, so that a
configuration can be moved (README of `processor/tailsamplingprocessor` in opentelemetry-collector-contrib):
`status_code`, `latency`, `probabilistic`. `level` is new, for the Collector sees no log lines. Two things differ: a
service judges its own part of a trace, and `probabilistic` decides as the SDK's `TraceIdRatioBased` does, by bits of
the trace id, where the Collector hashes all of it with a salt. So all services, and a sampler at the head, agree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ClassVar, Protocol, runtime_checkable

import msgspec

from tracelog.errors import ConfigurationError
from tracelog.model import LEVELS

MILLISECOND = 1_000_000
_LOW_BITS = 2**64 - 1
_ALL = 100
_LONGEST = 2**63
_SYNONYMS = {"WARN": "WARNING", "FATAL": "CRITICAL"}
_LONGEST_SHOWN = 60


class Evidence(msgspec.Struct, gc=False):
    """What one service knows of one trace.

    `trace_id`: 128 bits, as OpenTelemetry has it. `failed`: a span has the status ERROR. `duration`: ns, of the local
    root or, without one, from the first to the last sight of the trace. `severity`: the highest severity number of its
    lines (OpenTelemetry logs data model; 17 is ERROR), 0 without any.
    """

    trace_id: int
    failed: bool = False
    duration: int = 0
    severity: int = 0


@runtime_checkable
class Policy(Protocol):
    """One reason to keep a trace.

    `is_share`: it keeps a share of everything, rather than traces with something to show. Lines below the configured
    level are not kept for a share.
    """

    @property
    def name(self) -> str:
        """What reports call it; no two policies share one."""

    @property
    def is_share(self) -> bool:
        """Whether it keeps a share of everything."""

    def keeps(self, evidence: Evidence) -> bool:
        """Say whether to keep the trace."""


@dataclass(frozen=True, slots=True)
class StatusCode:
    """Keep traces in which a span failed. `status_code` is ERROR: OK and UNSET say nothing of a whole trace."""

    name: str
    status_code: str = "ERROR"

    type: ClassVar[str] = "status_code"
    expected: ClassVar[str] = "ERROR"
    is_share: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.status_code != "ERROR":
            raise unexpected(self, self.status_code)

    def keeps(self, evidence: Evidence) -> bool:
        """Say whether a span failed."""
        return evidence.failed


@dataclass(frozen=True, slots=True)
class Latency:
    """Keep traces that took at least `threshold_ms` milliseconds."""

    name: str
    threshold_ms: float

    type: ClassVar[str] = "latency"
    expected: ClassVar[str] = "a number of milliseconds"
    is_share: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if not _is_number(self.threshold_ms) or not 0 <= self.threshold_ms * MILLISECOND < _LONGEST:
            raise unexpected(self, self.threshold_ms)

    def keeps(self, evidence: Evidence) -> bool:
        """Say whether it took as long."""
        return evidence.duration >= self.threshold_ms * MILLISECOND


@dataclass(frozen=True, slots=True)
class Probabilistic:
    """Keep a share of all traces, by trace id alone: every service keeps the same ones.

    `bound`: the decision of the SDK's `TraceIdRatioBased` for the same ratio, that the low 64 bits are below it.
    """

    name: str
    sampling_percentage: float
    bound: int = field(init=False, repr=False)

    type: ClassVar[str] = "probabilistic"
    expected: ClassVar[str] = "a number from 0 to 100"
    is_share: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not _is_number(self.sampling_percentage) or not 0 <= self.sampling_percentage <= _ALL:
            raise unexpected(self, self.sampling_percentage)
        # As decimals: 0.7 / 100 is not the float that is written 0.007, and the bound would be another one.
        rate = float(Decimal(repr(self.sampling_percentage)) / _ALL)
        object.__setattr__(self, "bound", round(rate * 2**64))

    def keeps(self, evidence: Evidence) -> bool:
        """Say whether the trace is of the share."""
        return evidence.trace_id & _LOW_BITS < self.bound


@dataclass(frozen=True, slots=True)
class Level:
    """Keep traces with a log line at `level` or above."""

    name: str
    level: str
    severity: int = field(init=False, repr=False)

    type: ClassVar[str] = "level"
    expected: ClassVar[str] = f"one of {', '.join(LEVELS)}"
    is_share: ClassVar[bool] = False

    def __post_init__(self) -> None:
        given: object = self.level
        level = given.upper() if isinstance(given, str) else ""
        level = _SYNONYMS.get(level, level)
        if level not in LEVELS:
            raise unexpected(self, self.level)
        object.__setattr__(self, "level", level)
        object.__setattr__(self, "severity", LEVELS[level])

    def keeps(self, evidence: Evidence) -> bool:
        """Say whether there is such a line."""
        return evidence.severity >= self.severity


@dataclass(slots=True)
class Called:
    """Keep traces for which a function of yours returns true; its name is that of the function.

    Where it raises, the trace is kept, and the application does not notice: `failures` counts, `failure` is the last.
    """

    function: Callable[[Evidence], object]
    name: str = ""
    failures: int = field(default=0, init=False, compare=False)
    failure: str = field(default="", init=False, compare=False)

    is_share: ClassVar[bool] = False

    def __post_init__(self) -> None:
        self.name = self.name or getattr(self.function, "__name__", type(self.function).__name__)

    def keeps(self, evidence: Evidence) -> bool:
        """Say what the function says."""
        try:
            return bool(self.function(evidence))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is not the application's
            self.failures += 1
            self.failure = f"{type(error).__name__}: {error}"
            return True


def decide(policies: Iterable[Policy], evidence: Evidence) -> Policy | None:
    """Return the first policy that keeps a trace, or None: drop it.

    Those that judge by evidence are asked before those that keep a share, in whichever order they are given: a failed
    trace that is of the share as well is kept as a failed one, with its DEBUG lines.
    """
    share = None
    for policy in policies:
        if (share is None or not policy.is_share) and policy.keeps(evidence):
            if not policy.is_share:
                return policy
            share = policy
    return share


TYPES = {kind.type: kind for kind in (StatusCode, Latency, Probabilistic, Level)}
"""The policies that a file can name, by their type."""

FIELDS = {
    "status_code": "status_code",
    "latency": "threshold_ms",
    "probabilistic": "sampling_percentage",
    "level": "level",
}
"""What a policy of each type must say."""


def unexpected(policy: StatusCode | Latency | Probabilistic | Level, value: object) -> ConfigurationError:
    """Return the error that a field of a policy is other than expected."""
    return ConfigurationError(f"{FIELDS[policy.type]} is {shown(value)} (expected {policy.expected})")


def shown(value: object) -> str:
    """Return a value as a message says it: short, and on one line."""
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return "empty"
    if isinstance(value, dict | list | tuple | set | frozenset):  # which may hold itself
        return "a mapping" if isinstance(value, dict) else "a list"
    if isinstance(value, int) and abs(value) >= 2**63:
        return "a number beyond 64 bits"
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 1]}…"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
