"""Spans that never arrived -> ghosts: what their children and the lines that carry their ids prove of them.

A ghost is no span and no node of the tree: it has no name, no kind and no duration that anybody measured. Orphans
stay at the top of the tree; `Ghost.children` says which of them belong together, and under what.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from tracelog.model import CALLING, SAMPLED, Ghost, LogEntry, Span
from tracelog.read.wording import count

NEVER, NOT_YET, NOT_SAMPLED = "never arrived", "not here yet", "not sampled"
_LOCAL = ("INTERNAL", *CALLING)
"""Kinds of span whose parent is in the same process."""
_SERVICES_NAMED = 3


def find_ghosts(
    spans: Sequence[Span], orphans: Mapping[str, Sequence[int]], adrift: Mapping[str, Sequence[LogEntry]]
) -> list[Ghost]:
    """Return a ghost for each id that orphans or lines name, by start. `orphans` are positions in `spans`."""
    found = [
        _ghost(span_id, [spans[position] for position in orphans.get(span_id, ())], adrift.get(span_id, ()))
        for span_id in {**orphans, **adrift}
    ]
    return sorted(found, key=lambda ghost: (ghost.start, ghost.span_id))


def worded(ghost: Ghost, state: str) -> Ghost:
    """Return a ghost in another state, with the sentence that says it; being unsampled does not change."""
    if ghost.state == NOT_SAMPLED:
        state = NOT_SAMPLED
    who = "parent" if ghost.children else "span"
    was = {NEVER: "never arrived", NOT_YET: "is not here yet", NOT_SAMPLED: "was not sampled"}[state]
    text = f"{who} {ghost.span_id} {was}; {evidence(ghost)}"
    return msgspec.structs.replace(ghost, state=state, text=text)


def evidence(ghost: Ghost) -> str:
    """Say what proves a ghost: `12 lines of service cart carry its id`, or which spans name it."""
    if not ghost.logs:
        return f"{count(len(ghost.children), 'span')} {'names' if len(ghost.children) == 1 else 'name'} it"
    services = list(dict.fromkeys(line.service for line in ghost.logs))
    lines = count(len(ghost.logs), "line")
    verb = "carries" if len(ghost.logs) == 1 else "carry"
    if len(services) > _SERVICES_NAMED:
        return f"{lines} of {len(services)} services {verb} its id"
    return f"{lines} of service{'s' * (len(services) > 1)} {', '.join(services)} {verb} its id"


def _ghost(span_id: str, children: Sequence[Span], lines: Sequence[LogEntry]) -> Ghost:
    times = [line.time for line in lines if line.has_time] or [line.time for line in lines if not children]
    flags = [line.trace_flags for line in lines if line.trace_flags is not None]
    unsampled = bool(flags) and not any(flag & SAMPLED for flag in flags)
    ghost = Ghost(
        span_id=span_id,
        start=min([*times, *(child.start for child in children)]),
        end=max([*times, *(child.end for child in children)]),
        service=_service(children, lines),
        children=tuple(child.span_id for child in children),
        logs=tuple(lines),
        state=NOT_SAMPLED if unsampled else NEVER,
    )
    return worded(ghost, ghost.state)


def _service(children: Sequence[Span], lines: Sequence[LogEntry]) -> str | None:
    """Return the service of all lines; without lines, that of all children whose parent is in their process."""
    proving = {line.service for line in lines} or {child.service for child in children if child.kind in _LOCAL}
    return proving.pop() if len(proving) == 1 else None
