"""What commands say beside their answer: where an id was found, which window was searched."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from tracelog.model import Dependency, Match, Trace
from tracelog.read.declared import Declared
from tracelog.read.wording import count
from tracelog.schema.times import format_short
from tracelog.show.text import escape

OTHERS_NAMED = 5
"""How many further traces are named; `--list` has them all."""


def of_matches(matches: Sequence[Match]) -> list[str]:
    """Say where the first match was found, and which other traces match."""
    first, others = matches[0], [match.trace_id for match in matches[1:]]
    said = [f"found as {first.field} in {count(first.count, 'document')} of trace {first.trace_id}"]
    if others:
        rest = f" and {len(others) - OTHERS_NAMED} more (see --list)" if len(others) > OTHERS_NAMED else ""
        said.append(f"also in {', '.join(others[:OTHERS_NAMED])}{rest}")
    return said


def of_clocks(trace: Trace, *, adjusted: bool) -> list[str]:
    """Say what may be done, or was not, about clocks that contradict each other."""
    skewed = any(finding.kind == "skew" for finding in trace.findings)
    if skewed and not adjusted:
        return ["clocks contradict each other: --adjust-clocks moves the times of those that are off"]
    return ["no clocks contradict each other: no times were moved"] if adjusted and not skewed else []


def of_findings(trace: Trace, kinds: Collection[str]) -> list[str]:
    """Say what was found of these kinds, one line each."""
    return [f"{finding.kind}: {escape(finding.text)}" for finding in trace.findings if finding.kind in kinds]


def of_declared(undeclared: Iterable[Dependency], unseen: Iterable[Declared]) -> list[str]:
    """Say which dependencies are not declared, each with an example, and which that are declared there are not."""
    said = [
        f"not declared: {escape(row.caller)} -> {escape(row.callee)}, {count(row.calls, 'call')},"
        f" the longest in trace {row.example}"
        for row in undeclared
    ]
    return [*said, *(f"declared, and not seen: {escape(str(one))}" for one in unseen)]


def of_timeless(lines: int, most: int) -> list[str]:
    """Say how many lines are in no window since their time is not known; `most`: so many were counted, or more."""
    more = " or more" if lines == most else ""
    return [f"in no window, for their time is not known: {count(lines, 'line')}{more}"] if lines else []


def of_window(since: int | None, until: int | None) -> str:
    """Say which window was searched. `since`, `until`: ns."""
    if since is None and until is None:
        return "window: all that is stored"
    begin = "the first" if since is None else format_short(since)
    end = "the last" if until is None else format_short(until)
    return f"window: from {begin} until {end}"
