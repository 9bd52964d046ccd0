"""`tracelog show`: one trace, as a timeline, as JSON, or in a form of others."""

from __future__ import annotations

import time
from collections.abc import Mapping

import click

from tracelog.cli.options import index_option, json_option, level_option, store_option
from tracelog.cli.output import CHECK_FAILED, FOUND, elsewhere, opened, print_json, print_table, say
from tracelog.errors import ConfigurationError, TraceNotFoundError
from tracelog.model import LEVELS, LogEntry, Match, Trace
from tracelog.show import words
from tracelog.store.query import severity_of


def _kinds(_context: click.Context, _option: click.Parameter, value: str | None) -> tuple[str, ...]:
    from tracelog.read.findings import KINDS

    kinds = tuple(kind.strip() for kind in value.split(",")) if value is not None else ()
    for kind in kinds:
        if kind not in KINDS:
            raise click.BadParameter(f"unknown kind {kind!r} (expected some of {', '.join(KINDS)})")
    return kinds


def _completed(_context: click.Context, _option: click.Parameter, incomplete: str) -> list[str]:
    """Complete the last of the kinds that are written so far."""
    from tracelog.read.findings import KINDS

    before, comma, last = incomplete.rpartition(",")
    return [f"{before}{comma}{kind}" for kind in KINDS if kind.startswith(last)]


@click.command()
@click.argument("any_id")
@store_option
@index_option
@json_option
@click.option("--list", "as_list", is_flag=True, help="Print every trace that matches, one row each.")
@click.option("--all", "whole", is_flag=True, help="Fold nothing: DEBUG lines, repeated calls, most of a huge trace.")
@click.option("--no-logs", is_flag=True, help="Print the spans alone.")
@level_option
@click.option("--span", "span_id", metavar="SPAN_ID", help="Begin at this span.")
@click.option("--follow-links", is_flag=True, help="Show the traces that it is linked with too, in both directions.")
@click.option("--adjust-clocks", is_flag=True, help="Move the times of hosts whose clocks contradict the calls.")
@click.option("--redact", is_flag=True, help="Hide secrets, as they are hidden where lines are captured.")
@click.option("--html", metavar="FILE", help="Write a page of its own, for any browser; `-` is standard output.")
@click.option("--otlp", metavar="FILE", help="Write OTLP/JSON lines, which `import` reads; `-` is standard output.")
@click.option("--perfetto", metavar="FILE", help="Write Chrome's trace events, for ui.perfetto.dev.")
@click.option(
    "--fail-on", "kinds", metavar="KIND[,..]", callback=_kinds, shell_complete=_completed,
    help="Exit 3 where one of these findings is made.",
)  # fmt: skip
def show(
    any_id: str,
    store_url: str | None,
    index: str | None,
    *,
    as_json: bool,
    as_list: bool,
    whole: bool,
    no_logs: bool,
    level: str | None,
    span_id: str | None,
    follow_links: bool,
    adjust_clocks: bool,
    redact: bool,
    html: str | None,
    otlp: str | None,
    perfetto: str | None,
    kinds: tuple[str, ...],
) -> int:
    """Show a trace as one timeline, its log lines inside.

    ANY_ID is a trace id, span id or traceparent, or a value such as an order id found in attributes or messages.
    """
    part = bool(no_logs or level or span_id)
    if as_json and part:
        raise click.UsageError("--json prints the whole trace: leave out --no-logs, --level and --span")
    exports = {form: file for form, file in (("html", html), ("otlp", otlp), ("perfetto", perfetto)) if file}
    if exports and (part or as_json or as_list or len({*exports.values()}) < len(exports)):
        raise click.UsageError(
            "--html, --otlp and --perfetto write the whole trace, each to its own place: leave out the rest"
        )
    if kinds and as_list:
        raise click.UsageError("--fail-on looks at one trace: leave out --list")
    with opened(store_url, index) as store:
        matches = store.find(any_id)
        if not matches:
            raise TraceNotFoundError(f"nothing found for {any_id!r} in {store.url}{elsewhere(any_id)}")
        if as_list:
            return _print_matches(matches, as_json=as_json)
        say(*words.of_matches(matches))
        trace = store.trace(matches[0].trace_id, follow_links=follow_links)
        trace = _judged(_redacted(trace) if redact else trace, adjusted=adjust_clocks)
        say(*words.of_clocks(trace, adjusted=adjust_clocks))
        if exports:
            _export(trace, exports)
        elif as_json:
            from tracelog.show import json_output

            click.echo(json_output.encode(json_output.trace_object(trace)))
        else:
            _print_timeline(trace, level, span_id, whole=whole, no_logs=no_logs)
    unwanted = words.of_findings(trace, kinds)
    say(*unwanted)
    return CHECK_FAILED if unwanted else FOUND


def _print_matches(matches: list[Match], *, as_json: bool) -> int:
    if as_json:
        from tracelog.show.json_output import match_object

        return print_json(matches, match_object)
    return print_table("print_matches", matches)


def _judged(trace: Trace, *, adjusted: bool) -> Trace:
    from tracelog.read.clocks import adjust_clocks
    from tracelog.read.findings import judged

    now = time.time_ns()
    return adjust_clocks(trace, now=now) if adjusted else judged(trace, now)


def _redacted(trace: Trace) -> Trace:
    from tracelog.capture.redact import Redactor
    from tracelog.read.rebuild import rebuilt

    redactor = Redactor()
    trace = rebuilt(trace, redactor, redactor)
    say(f"secrets hidden: {redactor.count}")
    return trace


def _print_timeline(trace: Trace, level: str | None, span_id: str | None, *, whole: bool, no_logs: bool) -> None:
    from tracelog import ids
    from tracelog.show.console import print_trace
    from tracelog.show.pager import paged

    lowest = severity_of(level)

    def keep(entry: LogEntry) -> bool:
        if no_logs:
            return False
        return lowest is None or LEVELS.get(entry.level or "", 0) >= lowest

    top = None
    if span_id is not None:
        try:
            top = trace.node(ids.span_id(span_id) or span_id)
        except KeyError:
            raise TraceNotFoundError(f"span {span_id!r} is not in trace {trace.trace_id}") from None
    with paged() as console:
        print_trace(console, trace, keep, top=top, whole=whole)


def _export(trace: Trace, exports: Mapping[str, str]) -> None:
    from tracelog.show.exports import FORMS

    for form, path in exports.items():
        try:
            with click.open_file(path, "wb") as file:
                file.writelines(FORMS[form](trace))
        except BrokenPipeError:
            raise
        except OSError as error:
            raise ConfigurationError(f"{path}: {error.strerror or error}") from error
        if path != "-":
            say(f"written: {path}")
