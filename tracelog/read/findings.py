"""A trace -> what is remarkable about it: few findings, each in one sentence, the most telling first.

retry      the same call made again after it had failed
gap        stretches of the critical path in which nothing was going on that can be seen
hidden     lines at ERROR in spans that do not say that they failed
unlogged   spans that failed, and no line says why
repeated   many calls of one operation by one parent
serial     calls one after the other that could be made at the same time
orphan     spans whose parents never arrived, the root among what is missing or not
ghost      span ids that only log lines carry
arriving   both of these while the trace is so young that they may yet come
cycle      spans that name each other, or themselves, as parents
unsampled  ids on lines that say themselves that their span was not recorded
skew       clocks that contradict each other
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

import msgspec

from tracelog.model import Finding, Ghost, Node, Trace
from tracelog.read.calls import calls_of
from tracelog.read.errors import hidden_findings, unlogged_findings
from tracelog.read.gaps import gap_findings
from tracelog.read.ghosts import NEVER, NOT_SAMPLED, NOT_YET, evidence, worded
from tracelog.read.repeats import repeat_findings
from tracelog.read.retries import retry_findings
from tracelog.read.serial import serial_findings
from tracelog.read.skew import Skew, skews
from tracelog.read.wording import count

KINDS = (
    "retry", "gap", "hidden", "unlogged", "repeated", "serial", "orphan", "ghost", "arriving", "cycle", "unsampled",
    "skew",
)  # fmt: skip
"""Every kind of finding, the most telling first."""
ARRIVING = 30_000_000_000
"""How long after its newest document a trace is taken to be still arriving, ns."""
_IDS_NAMED = 3
_WHOLE = 100
"""From so many milliseconds on, a tenth of one is not said."""


def judged(trace: Trace, now: int | None = None) -> Trace:
    """Return a trace with its findings; `now` (ns) tells what may still arrive from what never will."""
    age = None if now is None else _age(trace, now)
    state = NEVER if age is None else NOT_YET
    ghosts = tuple(ghost if ghost.state == state else worded(ghost, state) for ghost in trace.ghosts)
    trace = msgspec.structs.replace(trace, ghosts=ghosts)
    missing = _arriving(trace, age) if age is not None else _missing(trace)
    findings = (*explanations(trace), *missing, *_cycles(trace), *_unsampled(trace), *_skews(trace))
    return msgspec.structs.replace(trace, findings=findings)


def explanations(trace: Trace) -> Iterator[Finding]:
    """Say where the time went and what failed."""
    calls = calls_of(trace)
    yield from retry_findings(calls)
    yield from gap_findings(trace)
    yield from hidden_findings(trace)
    yield from unlogged_findings(trace, calls)
    yield from repeat_findings(calls)
    yield from serial_findings(calls)


def _age(trace: Trace, now: int) -> int | None:
    """Return the age of the newest document, ns; None if it is too old, or later than any clock's error, to matter."""
    spans = (node.span.end for node in trace.nodes)
    placed = chain.from_iterable(node.logs for node in trace.nodes)
    adrift = chain.from_iterable(ghost.logs for ghost in trace.ghosts)
    lines = (line.observed_time or line.time for line in chain(placed, adrift, trace.unplaced_logs))
    newest = max((time for time in chain(spans, lines) if time <= now + ARRIVING), default=0)
    return max(now - newest, 0) if now - newest < ARRIVING else None


class _Gaps:
    """What is missing of a trace: parents that spans name, ids that only lines carry, and the root."""

    def __init__(self, trace: Trace) -> None:
        missing = [ghost for ghost in trace.ghosts if ghost.state != NOT_SAMPLED]
        self.parents = [ghost for ghost in missing if ghost.children]
        self.others = [ghost for ghost in missing if not ghost.children]
        self.orphans = tuple(child for ghost in self.parents for child in ghost.children)
        self.root = bool(self.parents) and not any(node.is_root for node in trace.nodes)


def _arriving(trace: Trace, age: int) -> Iterator[Finding]:
    gaps = _Gaps(trace)
    waiting = [
        "the root" if gaps.root else "",
        f"{_parents(gaps.parents)} of {count(len(gaps.orphans), 'span')}" if gaps.parents else "",
        f"{count(len(gaps.others), 'span')} that lines name" if gaps.others else "",
    ]
    said = ", ".join(filter(None, waiting))
    if said:
        text = f"still arriving: the newest document is {age // 1_000_000_000} s old; not here yet: {said}"
        yield Finding("arriving", text, (*gaps.orphans, *_ids(gaps.others)))


def _missing(trace: Trace) -> Iterator[Finding]:
    gaps = _Gaps(trace)
    if gaps.parents:
        yield Finding("orphan", _orphan_text(gaps), gaps.orphans)
    if len(gaps.others) == 1:
        yield Finding("ghost", gaps.others[0].text, _ids(gaps.others))
    elif gaps.others:
        ids = _ids(gaps.others)
        text = f"{count(len(ids), 'span')} never arrived that {_lines(gaps.others)} name: {_named(ids)}"
        yield Finding("ghost", text, ids)


def _orphan_text(gaps: _Gaps) -> str:
    if len(gaps.parents) == 1:
        ghost = gaps.parents[0]
        return (
            f"the root never arrived: parent {ghost.span_id} is missing; {evidence(ghost)}" if gaps.root else ghost.text
        )
    root = "the root never arrived: " if gaps.root else ""
    carried = sum(len(ghost.logs) for ghost in gaps.parents)
    lines = f"; {count(carried, 'line')} {'carries' if carried == 1 else 'carry'} their ids" if carried else ""
    verb = "are missing" if gaps.root else "never arrived"
    spans = count(len(gaps.orphans), "span")
    return f"{root}{_parents(gaps.parents)} of {spans} {verb} ({_named(_ids(gaps.parents))}){lines}"


def _cycles(trace: Trace) -> Iterator[Finding]:
    tops = [node for node in trace.nodes if node.cycle is not None]
    circles = [_circle(trace, node) for node in tops]
    if len(tops) == 1:
        name, size = tops[0].span.name, len(circles[0])
        several = f"{count(size, 'span')} name each other as parents, in a circle; it was broken at {name}"
        text = f"{name} names itself as its parent" if size == 1 else several
    else:
        text = f"{len(tops):,} circles of spans that name each other as parents were broken"
    if tops:
        yield Finding("cycle", text, tuple(span_id for circle in circles for span_id in circle))


def _circle(trace: Trace, top: Node) -> list[str]:
    found = [top.span.span_id]
    current = top.cycle
    while current is not None and current != top.index:
        found.append(trace.nodes[current].span.span_id)
        current = trace.nodes[current].parent
    return found


def _unsampled(trace: Trace) -> Iterator[Finding]:
    unsampled = [ghost for ghost in trace.ghosts if ghost.state == NOT_SAMPLED]
    if unsampled:
        below = sum(len(ghost.children) for ghost in unsampled)
        rest = f"; {count(below, 'span')} {'stands' if below == 1 else 'stand'} below them" if below else ""
        yield Finding("unsampled", f"{_lines(unsampled)} of unsampled spans: their spans were never recorded{rest}",
                      _ids(unsampled))  # fmt: skip


def _skews(trace: Trace) -> Iterator[Finding]:
    for skew in skews(trace.nodes):
        yield Finding("skew", _skew_text(skew), skew.span_ids)


def _skew_text(skew: Skew) -> str:
    side = "behind" if skew.offset > 0 else "ahead of"
    seen = f"{len(skew.span_ids)} of {count(skew.calls, 'call')} between them contradict the clocks"
    if skew.calls == 1:
        seen = "the one call between them contradicts the clocks"
    return f"the clock of {skew.clock} is about {milliseconds(skew.offset)} {side} that of {skew.reference}: {seen}"


def milliseconds(offset: int) -> str:
    """Return how long an offset (ns) is, without its sign: `4.2 ms`, `1,200 ms`."""
    length = abs(offset) / 1_000_000
    return f"{length:,.0f} ms" if length >= _WHOLE else f"{length:.1f} ms"


def _parents(ghosts: Sequence[Ghost]) -> str:
    return count(len(ghosts), "parent")


def _lines(ghosts: Sequence[Ghost]) -> str:
    return count(sum(len(ghost.logs) for ghost in ghosts), "line")


def _ids(ghosts: Sequence[Ghost]) -> tuple[str, ...]:
    return tuple(ghost.span_id for ghost in ghosts)


def _named(span_ids: Sequence[str]) -> str:
    more = f" and {len(span_ids) - _IDS_NAMED:,} more" if len(span_ids) > _IDS_NAMED else ""
    return ", ".join(span_ids[:_IDS_NAMED]) + more
