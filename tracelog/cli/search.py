"""`tracelog logs` and `slow`: lines and traces of a window."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import partial
from itertools import chain, islice
from typing import Any

import click

from tracelog import ids
from tracelog.cli.options import (
    attributes_option,
    index_option,
    json_option,
    level_option,
    store_option,
    window_options,
)
from tracelog.cli.output import FOUND, NOTHING_FOUND, elsewhere, opened, print_json, print_table, say
from tracelog.errors import TraceNotFoundError
from tracelog.model import LogEntry
from tracelog.show import words
from tracelog.store import Store
from tracelog.store.query import KINDS, STATUSES, moment

_UNKNOWN = 1
"""Lines from before that, ns, are those whose time is not known."""
_MOST_COUNTED = 1000


@click.command()
@click.argument("any_id", required=False)
@store_option
@index_option
@json_option
@click.option("--span", "span_id", metavar="SPAN_ID", help="Only lines of this span.")
@click.option("--service", metavar="NAME", help="Only lines of this service.")
@level_option
@window_options
@click.option("--text", metavar="WORDS", help="Only lines with these words in sequence, in any case.")
@attributes_option
@click.option("--follow", "-f", is_flag=True, help="Go on and print lines as they arrive, until interrupted.")
def logs(
    any_id: str | None,
    store_url: str | None,
    index: str | None,
    *,
    as_json: bool,
    follow: bool,
    since: str | None,
    until: str | None,
    **filters: Any,
) -> int:
    """Print log lines by time: of one trace (any id that `show` takes), or of everything.

    --follow begins now where neither a trace nor --since says otherwise. Of one trace it finds whatever arrives, of
    everything what arrives within a minute of its time. A trace that is not there yet is waited for, where its whole
    trace id is given.
    """
    if follow and until:
        raise click.UsageError("--follow goes on and on: leave out --until")
    with opened(store_url, index) as store:
        trace_id = None if any_id is None else _traced(store, any_id, awaited=follow)
        ask = partial(store.logs, trace_id=trace_id, until=until, **filters)
        entries = _followed(ask, trace_id, since) if follow else _begun(ask(since=since))
        if trace_id is None and not follow:
            say(words.of_window(moment(since), moment(until)))
        if (since or until) and not follow:
            timeless = len([*islice(store.logs(trace_id=trace_id, until=_UNKNOWN, **filters), _MOST_COUNTED)])
            say(*words.of_timeless(timeless, _MOST_COUNTED))
        if as_json:
            from tracelog.show.json_output import log_object

            return print_json(entries, log_object)
        from tracelog.show.console import make_console, print_logs
        from tracelog.show.pager import paged

        found = True  # and stays so where the pager is ended early
        with nullcontext(make_console()) if follow else paged() as console:
            found = print_logs(console, entries) > 0
        if not found:
            say("nothing found in this window" if trace_id is None else f"no such lines in trace {trace_id}")
        return FOUND if found else NOTHING_FOUND


def _begun(entries: Iterator[LogEntry]) -> Iterator[LogEntry]:
    """Look for the first line now, so that a failure comes before any word."""
    return chain([*islice(entries, 1)], entries)


def _traced(store: Store, any_id: str, *, awaited: bool) -> str:
    """Return the trace that an id or value belongs to; a trace id that is not stored too, if it is awaited."""
    matches = store.find(any_id)
    if not matches:
        pasted = ids.candidates(any_id)
        if not awaited or pasted.trace_id is None or pasted.span_id is not None:
            why = " (only a whole trace id is waited for)" if awaited else elsewhere(any_id)
            raise TraceNotFoundError(f"nothing found for {any_id!r} in {store.url}{why}")
        say(f"nothing of trace {pasted.trace_id} is stored yet")
        return pasted.trace_id
    if matches[0].field != "trace_id":
        say(*words.of_matches(matches))
    return matches[0].trace_id


def _followed(ask: Callable[..., Iterator[LogEntry]], trace_id: str | None, since: str | None) -> Iterator[LogEntry]:
    from tracelog.read.tail import LATE, Tail, follow

    begin = moment(since)
    if begin is None and trace_id is None:
        begin = time.time_ns()
    tail = Tail(lambda since: ask(since=since), begin, late=LATE if trace_id is None else None)
    for line in follow(tail, say, partial(say, "following: interrupt to end")):
        yield line
        sys.stdout.flush()  # printed by now: whoever reads from a pipe has it at once


@click.command()
@store_option
@index_option
@json_option
@click.option("--service", metavar="NAME", help="Measure at the entry spans of this service.")
@click.option("--operation", metavar="NAME", help="Measure at the entry spans of this name.")
@click.option("--kind", type=click.Choice(KINDS, case_sensitive=False), help="Measure at the spans of this kind.")
@click.option("--status", type=click.Choice(STATUSES, case_sensitive=False), help="Measure at spans of this status.")
@click.option("--min-duration", metavar="TIME", help="Only where what is measured took as long: 500ms, 1.5s.")
@click.option("--max-duration", metavar="TIME", help="Only where it did not take longer.")
@attributes_option
@click.option("--errors", is_flag=True, help="Only traces in which a span failed.")
@click.option("--errors-first", is_flag=True, help="Those first, then the others.")
@window_options
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many traces.")
def slow(
    store_url: str | None,
    index: str | None,
    *,
    as_json: bool,
    errors: bool,
    errors_first: bool,
    since: str | None,
    until: str | None,
    **filters: Any,
) -> int:
    """Print the slowest traces of the window, truly the slowest, by their root span.

    A trace without a stored root is measured at its longest server or consumer span; with a service or an operation of
    which no span is a root or one of these, at the longest that is. Which span it was is in the output, beside how long
    all of the trace took.
    """
    with opened(store_url, index) as store:
        filters["errors"] = "first" if errors_first else errors
        rows = store.slowest(since=since, until=until, **filters)
        say(words.of_window(moment(since), moment(until)))
        if as_json:
            from tracelog.show.json_output import summary_object

            return print_json(rows, summary_object)
        return print_table("print_slow", rows)
