"""Retries: the same call made again by the same parent, after it had failed.

Each attempt but the last has failed, and the next began when it was over. Where the same call was also made again after
it had succeeded, it is made in a loop of which some passes failed: no attempt can be told from the next pass, and
nothing is found.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from tracelog.model import Finding, Node
from tracelog.read.calls import Calls
from tracelog.read.semconv import end_of, reason, same_call
from tracelog.read.wording import cropped, duration

Attempts = list[Node]
_MOST = 3


def retry_findings(calls: Calls) -> Iterator[Finding]:
    """Say what was tried again, in the order of the time that it took; calls of one name together."""
    failing = calls.failing
    together: dict[tuple[str, str], list[Attempts]] = defaultdict(list)
    for family in calls.families if any(failing) else ():
        for alike in family.alike:
            if any([failing[node.index] for node in alike]):  # noqa: C419 - faster
                for attempts in _retried(calls, alike):
                    span = attempts[0].span
                    together[span.service, span.name].append(attempts)
    longest = sorted(together.values(), key=lambda tried: -_time(tried))
    for tried in longest[:_MOST]:
        span_ids = tuple(node.span.span_id for attempts in tried for node in attempts)
        yield Finding("retry", _text(tried, failing), span_ids)


def _retried(calls: Calls, alike: Sequence[Node]) -> list[Attempts]:
    """Return the calls of one name that were made more than once, each as its attempts."""
    same: dict[object, list[Node]] = defaultdict(list)
    failing, asked = calls.failing, calls.asked
    tried = {end_of(asked[node.index]) for node in alike if failing[node.index]}
    for node in alike:
        if end_of(asked[node.index]) in tried:
            same[same_call(node.span)].append(node)
    found = []
    for again in same.values():
        attempts = _attempts(again, failing) if len(again) > 1 and failing[again[0].index] else []
        if all(failing[each[0].index] for each in attempts):
            found += [each for each in attempts if len(each) > 1]
    return found


def _attempts(again: Sequence[Node], failing: Sequence[bool]) -> list[Attempts]:
    """Part the times at which the same call was made into calls and their attempts."""
    parts: list[Attempts] = []
    for node in again:
        last = parts[-1][-1] if parts else None
        if last is not None and failing[last.index] and node.span.start >= last.span.end:
            parts[-1].append(node)
        else:
            parts.append([node])
    return parts


def _time(calls: Iterable[Attempts]) -> int:
    return sum(attempts[-1].span.end - attempts[0].span.start for attempts in calls)


def _text(calls: Sequence[Attempts], failing: Sequence[bool]) -> str:
    span = calls[0][0].span
    times, took = sum(map(len, calls)), duration(_time(calls))
    vain = sum(failing[attempts[-1].index] for attempts in calls)
    if len(calls) == 1:
        outcome = "each time in vain" if vain else "before it succeeded"
        said = f"{span.service} tried {span.name} {times} times in {took}, {outcome}"
    else:
        outcome = f", {vain} of them in vain" if vain else ""
        said = f"{span.service} tried {len(calls)} calls of {span.name} {times} times in {took}{outcome}"
    why = reason(span)
    return f"{said}: {cropped(why)}" if why else said
