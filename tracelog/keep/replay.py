"""Try policies on what is stored: what would have been kept of it, and what lost.

Each service of a trace decides for itself, by its own spans and lines, as it does when it runs. What is remembered are
sums for each service of each trace, so memory grows with these and not with documents. Two things are coarser than in
the service itself: a service that is called several times in a trace, or runs as several processes, is one, and its
duration is that of its longest entry span (root, SERVER or CONSUMER) or, without one, from its first to its last sight.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import ceil
from typing import NamedTuple

import msgspec

from tracelog.keep.outcome import Amount, Fates, Loss, Replay
from tracelog.keep.policies import MILLISECOND, Evidence, Latency, Policy, decide
from tracelog.model import CALLED, LEVELS, LogEntry, Span
from tracelog.schema import otel

_SLOWEST = 99
_ROOT, _ENTRY, _ANY = 2, 1, 0
_NEVER = -1


class _Part(Amount):
    """What one service has of one trace. `entry`: ns, of its longest entry span."""

    start: int = 2**63
    end: int = -(2**63)
    entry: int = _NEVER
    failed: bool = False
    severity: int = 0

    def evidence(self, trace_id: int) -> Evidence:
        """Return what the service knows."""
        duration = self.entry if self.entry != _NEVER else max(self.end - self.start, 0)
        return Evidence(trace_id, self.failed, duration, self.severity)

    def see(self, start: int, end: int) -> None:
        """Widen the time in which the trace was seen."""
        self.start = min(self.start, start)
        self.end = max(self.end, end)


class _Measured(NamedTuple):
    """The span that a trace is measured by; the greatest is."""

    rank: int = _ANY
    duration: int = _NEVER
    start: int = 0
    service: str = ""
    name: str = ""


class _Seen(msgspec.Struct):
    """One trace: its parts by service."""

    parts: dict[str, _Part]
    measured: _Measured = _Measured()

    @property
    def failed(self) -> bool:
        """Whether a span failed."""
        return any(part.failed for part in self.parts.values())


def replay(policies: Sequence[Policy], spans: Iterable[Span], lines: Iterable[LogEntry]) -> Replay:
    """Say what policies would have kept of spans and log lines, which are read once and may come in any order."""
    traces: dict[int, _Seen] = {}
    for span in spans:
        _add_span(traces.setdefault(int(span.trace_id, 16), _Seen({})), span)
    outside = _Part()
    for line in lines:
        seen = traces.setdefault(int(line.trace_id, 16), _Seen({})) if line.trace_id else None
        _add_line(outside if seen is None else seen.parts.setdefault(line.service, _Part()), line)
    return _judged(policies, traces, outside)


def _add_span(seen: _Seen, span: Span) -> None:
    part = seen.parts.setdefault(span.service, _Part())
    rank = _ENTRY if span.kind in CALLED else _ANY
    rank = rank if span.parent_span_id else _ROOT
    if rank != _ANY:
        part.entry = max(part.entry, span.duration)
    part.see(span.start, span.end)
    part.failed |= span.status == "ERROR"
    part.spans += 1
    part.size += sum(len(document.body) for document in otel.encode_spans([span]))
    seen.measured = max(seen.measured, _Measured(rank, span.duration, span.start, span.service, span.name))


def _add_line(part: _Part, line: LogEntry) -> None:
    if line.has_time:
        part.see(line.time, line.time)
    part.severity = max(part.severity, line.severity_number or LEVELS.get(line.level or "", 0))
    part.lines += not line.is_span_event
    part.size += len(otel.encode_log(line).body)


def _judged(policies: Sequence[Policy], traces: dict[int, _Seen], outside: _Part) -> Replay:
    untraced = Amount(0, 0, outside.lines, outside.size)
    slow_from, slow_by = _slow(policies, traces.values())
    found = Replay(
        stored=Amount(), kept=Amount(), untraced=untraced, by_policy={policy.name: Amount() for policy in policies},
        fates=Fates(), failed=Fates(), slow=Fates(), slow_from=slow_from, slow_by=slow_by, losses=[],
    )  # fmt: skip
    for trace_id, seen in traces.items():
        lost = _decided(found, policies, trace_id, seen)
        loss = _loss(trace_id, seen, lost, slow_from)
        for fates, concerned in ((found.fates, True), (found.failed, loss.failed), (found.slow, loss.slow)):
            if concerned:
                _count(fates, loss)
        if lost and (loss.failed or loss.slow):
            found.losses.append(loss)
    found.losses.sort(key=lambda loss: (loss.lost != loss.services, -loss.duration, loss.trace_id))
    for amount in (found.stored, found.kept):
        amount.add(untraced)
    parts = [outside, *(part for seen in traces.values() for part in seen.parts.values())]
    known = [part for part in parts if part.start <= part.end]
    found.start = min((part.start for part in known), default=0)
    found.end = max((part.end for part in known), default=0)
    return found


def _decided(found: Replay, policies: Sequence[Policy], trace_id: int, seen: _Seen) -> tuple[str, ...]:
    """Let each service of a trace decide; count what is kept, and return the services that lose theirs."""
    lost = []
    keeping = set()
    for service, part in seen.parts.items():
        found.stored.add(part)
        policy = decide(policies, part.evidence(trace_id))
        if policy is None:
            lost.append(service)
            continue
        found.kept.add(part)
        found.by_policy[policy.name].add(part)
        keeping.add(policy.name)
    found.stored.traces += 1
    found.kept.traces += bool(keeping)
    for name in keeping:
        found.by_policy[name].traces += 1
    return tuple(lost)


def _loss(trace_id: int, seen: _Seen, lost: tuple[str, ...], slow_from: int) -> Loss:
    measured = seen.measured
    return Loss(
        trace_id=trace_id, service=measured.service, name=measured.name, start=measured.start,
        duration=max(measured.duration, 0), failed=seen.failed, slow=measured.duration >= slow_from,
        services=tuple(seen.parts), lost=lost,
    )  # fmt: skip


def _count(fates: Fates, loss: Loss) -> None:
    fates.traces += 1
    if not loss.lost:
        fates.whole += 1
    elif loss.lost == loss.services:
        fates.lost += 1
    else:
        fates.in_part += 1


def _slow(policies: Sequence[Policy], traces: Iterable[_Seen]) -> tuple[int, str | None]:
    """Return from which duration on, in ns, a trace is slow, and which policy says so: else the slowest 1 % are."""
    latencies = [policy for policy in policies if isinstance(policy, Latency)]
    if latencies:
        lowest = min(latencies, key=lambda policy: policy.threshold_ms)
        return ceil(lowest.threshold_ms * MILLISECOND), lowest.name
    durations = sorted(_durations(traces))
    rank = -(-len(durations) * _SLOWEST // 100)
    return (durations[rank - 1] if durations else 0), None


def _durations(traces: Iterable[_Seen]) -> Iterator[int]:
    for seen in traces:
        if seen.measured.duration != _NEVER:
            yield seen.measured.duration
