"""The flight recorder: holds what belongs to undecided traces until it is known whether they matter.

Lines and ended spans of a trace are held as they come, not yet encoded. The trace is decided once there is evidence
that it matters (a span failed, a line is at ERROR), else once its last open span in this process has ended. Then what
was held goes on or is forgotten, and what comes later follows the decision:

    KEPT     everything, with the lines that were only recorded
    SHARED   what is logged anyway: the trace is one of a fair share of all, and nothing is known of it
    DROPPED  nothing but lines at WARNING and above, which are never held back in the first place

Where there is no room, a trace loses its oldest recorded lines; beyond that, the oldest trace is decided with what is
known of it. All of that is counted.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from tracelog.keep.policies import Evidence, Level, Policy, StatusCode, decide
from tracelog.keep.undecided import DROPPED, KEPT, SHARED, Sink, Undecided
from tracelog.model import LEVELS

AT_ONCE = LEVELS["WARNING"]
"""The severity from which on lines wait for no decision."""
_SECOND = 1_000_000_000


class Limits(NamedTuple):
    """How much is held at most: bytes, as they are estimated before anything is encoded; traces; and how long, s."""

    bytes_per_trace: int = 1 << 20
    bytes_in_all: int = 64 << 20
    traces: int = 10_000
    age: float = 60.0
    decisions: int = 50_000
    """How many decisions are remembered, for what comes late."""


class Recorder:
    """Holds back, decides, lets go, in any thread.

    Nothing here raises into a log call or the end of a span: a user's policy that fails keeps the trace, counted.
    """

    def __init__(
        self,
        policies: Sequence[Policy],
        *,
        limits: Limits | None = None,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.counts: Counter[str] = Counter()
        """What became of traces and of what was held, by words."""
        self._policies = tuple(policies)
        self._early = tuple(policy for policy in policies if isinstance(policy, (StatusCode, Level)))
        """Those that later evidence cannot turn round."""
        self._limits, self._clock = limits or Limits(), clock
        self._most_of_one, self._most_in_all = self._limits.bytes_per_trace, self._limits.bytes_in_all
        self.watchers: list[Callable[[int], None]] = []
        """Told how many traces are undecided, whenever that changes."""
        self.is_closed = False
        """Whether traces are decided as they come: nobody would decide them later."""
        self.begin()

    def begin(self) -> None:
        """Begin anew with nothing held: at the start, and in a forked child, whose parent has what it held."""
        self._lock = threading.RLock()
        self._number = itertools.count().__next__
        # A plain dict that loses its first keys again and again is slow to say which is the first.
        self._undecided: OrderedDict[int, Undecided] = OrderedDict()
        """By trace id, the oldest first."""
        self._decisions: OrderedDict[int, int] = OrderedDict()
        self._bytes = 0

    def __contains__(self, trace_id: int) -> bool:
        """Whether a trace is undecided."""
        return trace_id in self._undecided

    def __len__(self) -> int:
        """How many traces are undecided."""
        return len(self._undecided)

    def line(self, trace_id: int, severity: int, item: Any, sink: Sink, size: int, *, logged: bool = True) -> bool:
        """Say whether a line goes on now; else it is held, to be let go of by `sink`, or forgotten.

        `logged`: whether it is one that is logged anyway, not one that is only recorded.
        """
        trace = self._undecided.get(trace_id)
        if trace is None:
            decision = self._decisions.get(trace_id)
            if decision is not None:
                decision = self._late(trace_id, decision, severity=severity)
                return severity >= AT_ONCE or decision == KEPT or (decision == SHARED and logged)
            trace = self._open(trace_id, severity=severity)
        if severity > trace.severity:
            trace.severity = severity
            self._reconsider(trace_id, trace)
        if severity >= AT_ONCE:
            return True
        (trace.logged if logged else trace.recorded).append((self._number(), item, sink, size))
        trace.size += size
        self._bytes += size
        if trace.size > self._most_of_one or self._bytes > self._most_in_all or trace.decision is not None:
            self._relieve(trace_id, trace)
        return False

    def span_started(self, trace_id: int, *, is_local_root: bool) -> None:
        """Note a span that has begun. The first of this service, or of another call of it, opens the trace."""
        with self._lock:
            trace = self._undecided.get(trace_id)
            if trace is None and (is_local_root or trace_id not in self._decisions):
                if self._decisions.get(trace_id) == KEPT:
                    return
                trace = self._open(trace_id)
            if trace is not None:
                trace.open_spans += 1

    def span_ended(
        self, trace_id: int, item: Any, sink: Sink, size: int, *, is_local_root: bool, failed: bool, duration: int
    ) -> bool:
        """Say whether an ended span goes on now, as `line` does. `duration`: ns."""
        with self._lock:
            trace = self._undecided.get(trace_id)
            if trace is None:
                decision = self._decisions.get(trace_id)
                if decision is not None:
                    return self._late(trace_id, decision, failed=failed) != DROPPED
                trace = self._open(trace_id, failed=failed)
            trace.open_spans = max(trace.open_spans - 1, 0)
            if is_local_root:
                trace.duration = max(trace.duration, duration)
        trace.logged.append((self._number(), item, sink, size))
        trace.size += size
        self._bytes += size
        if failed and not trace.failed:
            trace.failed = True
            self._reconsider(trace_id, trace)
        if trace.open_spans == 0 and trace.decision is None:
            self._decide(trace_id, trace)
        self._relieve(trace_id, trace)
        return False

    def request_over(self, trace_id: int, *, failed: bool) -> None:
        """Decide a trace that no span of this process tells the end of: one without the SDK, or an unsampled one."""
        trace = self._undecided.get(trace_id)
        if trace is not None and trace.open_spans == 0:
            trace.failed |= failed
            trace.duration = max(trace.duration, self._clock() - trace.began)
            self._decide(trace_id, trace)

    def close(self) -> None:
        """Decide all that is undecided with what is known of it; what comes later is decided as it comes."""
        self.is_closed = True
        self.decide_all("shutdown")

    def decide_old(self) -> None:
        """Decide the traces for which there is no more time. Somebody has to call this now and then."""
        for pressed in self._pressed(self._clock(), self._limits.traces):
            self._decide(*pressed)

    def decide_all(self, pressure: str) -> None:
        """Decide all that is undecided, for a reason that is none of its own."""
        for trace_id, trace in [*self._undecided.items()]:
            self._decide(trace_id, trace, pressure)

    def _open(self, trace_id: int, *, severity: int = 0, failed: bool = False) -> Undecided:
        """Begin to hold a trace, and decide those for which there is no more room or time; at the end, this one too."""
        now = self._clock()
        with self._lock:
            pressed = self._pressed(now, self._limits.traces - 1)
            trace = self._undecided.setdefault(trace_id, Undecided(now))
            self._tell()
        if self.is_closed:
            trace.severity, trace.failed = severity, failed
            pressed.append((trace_id, trace, "shutdown"))
        for each in pressed:
            self._decide(*each)
        return trace

    def _pressed(self, now: int, most: int) -> list[tuple[int, Undecided, str]]:
        """Return the traces that are too old, and the oldest of more than so many, each with what presses."""
        too_old = now - round(self._limits.age * _SECOND)
        pressed = []
        with self._lock:
            too_many = len(self._undecided) - most
            for number, (trace_id, trace) in enumerate(self._undecided.items()):
                if number >= too_many and trace.began >= too_old:
                    break
                pressed.append((trace_id, trace, "traces" if number < too_many else "age"))
        return pressed

    def _relieve(self, trace_id: int, trace: Undecided) -> None:
        """Make room for what is newly held, where there is none; if the trace was decided meanwhile, let go of it."""
        if trace.size > self._most_of_one:
            self._trim(trace_id, trace)
        if self._bytes > self._most_in_all:
            self._decide_oldest()
        if trace.decision is not None:
            self._let_go(trace)

    def _trim(self, trace_id: int, trace: Undecided) -> None:
        """Give up the older half of what a trace has recorded; if that is nothing, decide it."""
        given_up = trace.recorded[: (len(trace.recorded) + 1) // 2]
        del trace.recorded[: len(given_up)]
        self.counts["recorded lines given up"] += len(given_up)
        freed = sum(size for *_, size in given_up)
        trace.size -= freed
        self._bytes -= freed
        if not given_up:
            self._decide(trace_id, trace, "bytes per trace")

    def _decide_oldest(self) -> None:
        """Decide the oldest traces until there is room. The bytes are counted anew: threads may have miscounted."""
        self._bytes = sum(trace.size for trace in [*self._undecided.values()])
        for trace_id, trace in [*self._undecided.items()]:
            if self._bytes <= self._most_in_all:
                break
            self._decide(trace_id, trace, "bytes in all")

    def _reconsider(self, trace_id: int, trace: Undecided) -> None:
        """Decide at once where the evidence, which has grown, is enough."""
        if self._early and trace.decision is None and decide(self._early, _evidence(trace_id, trace)):
            self._decide(trace_id, trace)

    def _late(self, trace_id: int, decision: int, *, severity: int = 0, failed: bool = False) -> int:
        """Return the decision for what comes after it; evidence that comes late counts from then on."""
        if decision == KEPT or not self._early or not (failed or severity >= AT_ONCE):
            return decision
        if decide(self._early, Evidence(trace_id, failed=failed, severity=severity)):
            self._decisions[trace_id] = decision = KEPT
            self.counts["kept late"] += 1
        return decision

    def _decide(self, trace_id: int, trace: Undecided, pressure: str = "") -> None:
        with self._lock:
            if self._undecided.pop(trace_id, None) is not trace:
                return  # another thread was quicker
            if trace.open_spans:
                trace.duration = max(trace.duration, self._clock() - trace.began)  # it has taken that long at least
            try:
                policy = decide(self._policies, _evidence(trace_id, trace))
                trace.decision = DROPPED if policy is None else SHARED if policy.is_share else KEPT
                self.counts[f"kept by {policy.name}" if policy else "dropped"] += 1
            except Exception:  # noqa: BLE001 - a policy is anybody's code
                trace.decision = KEPT
                self.counts["kept as a policy failed"] += 1
            if pressure:
                self.counts[f"decided early: {pressure}"] += 1
            self._remember(trace_id, trace.decision)
            self._tell()
        self._let_go(trace)

    def _tell(self) -> None:
        for watch in self.watchers:
            watch(len(self._undecided))

    def _remember(self, trace_id: int, decision: int) -> None:
        self._decisions[trace_id] = decision
        self._decisions.move_to_end(trace_id)
        if len(self._decisions) > self._limits.decisions:
            self._decisions.popitem(last=False)

    def _let_go(self, trace: Undecided) -> None:
        """Let go of what a decided trace holds; more than one thread may."""
        self._bytes -= trace.size
        trace.size = 0
        kept, forgotten = trace.drain()
        self.counts["forgotten"] += forgotten
        for _, item, sink, _ in kept:
            sink(item)


def _evidence(trace_id: int, trace: Undecided) -> Evidence:
    return Evidence(trace_id, failed=trace.failed, duration=trace.duration, severity=trace.severity)
