"""Log lines as they arrive, in the order of their times, although stores show them late and some later than others.

A store is asked again and again for what is new. A line is held back for a moment, until those that were written before
it and take longer have come too; what comes later still is given as it comes. No line is given twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator

from tracelog.errors import StoreUnavailableError
from tracelog.model import LogEntry, in_call_order

SECOND = 1_000_000_000
PAUSE = 1.0
"""How long to wait between two questions, seconds; at least as long as the last one took."""
HELD = 2 * SECOND
"""How long a line is held back, ns. Elasticsearch shows what was written once a second, each shard at its own time."""
LATE = 60 * SECOND
"""How old a line may be when the store shows it without being missed, where everything is followed, ns."""


class Tail:
    """What is new since the last time that was asked.

    `ask` returns the lines from a time (ns) on, None for all. `late`: of which age (ns) they are looked for at most;
    None for any, which is meant for what is as small as a trace.
    """

    def __init__(
        self, ask: Callable[[int | None], Iterable[LogEntry]], since: int | None, *, late: int | None = LATE
    ) -> None:
        self._ask, self._since, self._late = ask, since, late
        self._asked_at: int | None = None
        self._given: dict[object, int] = {}
        """Which lines were found, and the time of each."""
        self._held: list[tuple[int, LogEntry]] = []
        """When each line was found that is not yet given, and the line."""

    def poll(self, now: int) -> list[LogEntry]:
        """Ask, and return the lines that were held long enough, with those of before them. `now`: ns.

        Raise StoreUnavailableError; what arrives meanwhile is found by the next call.
        """
        since = self._horizon()
        found = [*self._ask(since)]
        first = self._asked_at is None
        self._asked_at = now
        for entry in found:
            key = _key(entry)
            if key not in self._given:
                self._given[key] = entry.time
                self._held.append((now - HELD if first and entry.time < now - HELD else now, entry))
        self._given = {key: at for key, at in self._given.items() if since is None or at >= since}
        return self._due(now)

    def _horizon(self) -> int | None:
        """Return from when on lines may be new."""
        if self._asked_at is None or self._late is None:
            return self._since
        return max(self._asked_at - self._late, self._since or 0)

    def _due(self, now: int) -> list[LogEntry]:
        latest = max((entry.time for found_at, entry in self._held if found_at <= now - HELD), default=None)
        if latest is None:
            return []
        due = [entry for _, entry in self._held if entry.time <= latest]
        self._held = [held for held in self._held if held[1].time > latest]
        return in_call_order(due)


def follow(tail: Tail, troubled: Callable[[str], None], begun: Callable[[], None] = lambda: None) -> Iterator[LogEntry]:
    """Yield lines for ever. Once a store has answered it is asked again and again, of which `troubled` hears once.

    `begun` hears that it has answered for the first time.
    Raise StoreUnavailableError if it does not.
    """
    is_answering = has_answered = False
    while True:
        began = time.monotonic()
        try:
            lines = tail.poll(time.time_ns())
        except StoreUnavailableError as error:
            if not has_answered:
                raise
            if is_answering:
                troubled(f"{error}: asking again until it answers")
            is_answering = False
        else:
            if not has_answered:
                begun()
            is_answering = has_answered = True
            yield from lines
        time.sleep(max(PAUSE, time.monotonic() - began))


def _key(entry: LogEntry) -> object:
    """Identify a line; a span event that is stored twice, as an event and as a record, is one line."""
    return (entry.time, entry.trace_id, entry.span_id, entry.event_name) if entry.event_name else entry.id
