"""The commands, thin: arguments in, a store asked, an answer shown.

Data goes to stdout, words to stderr. Exit 0 found, 1 nothing found, 2 wrong use or no store, 3 a check
that was asked for failed; each failure is one line.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec

from tracelog.errors import ConfigurationError, TracelogError, TraceNotFoundError
from tracelog.model import LEVELS, LogEntry, Match, Trace
from tracelog.show import words
from tracelog.store import Store, open_store, public_url, resolve_destination, resolve_url
from tracelog.store.query import moment, severity_of

if TYPE_CHECKING:
    from collections.abc import Iterator

FOUND, NOTHING_FOUND, WRONG_USE, CHECK_FAILED = 0, 1, 2, 3
INTERRUPTED, PIPE_CLOSED = 130, 141

_Command = TypeVar("_Command", bound=Callable[..., Any])

store_option = click.option(
    "--store", "store_url", metavar="URL", help="The store; else TRACELOG_STORE, else sqlite:tracelog.db."
)
index_option = click.option(
    "--index",
    metavar="PATTERN[,..]",
    help="Elasticsearch: read these indices, instead of all whose layout is known.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, one object a line.")
spool_option = click.option(
    "--spool", "folder", metavar="DIR", help="The folder of all spools; else TRACELOG_SPOOL, else the user's own."
)
level_option = click.option(
    "--level",
    metavar="LEVEL",
    type=click.Choice(list(LEVELS), case_sensitive=False),
    help="Only lines at DEBUG, INFO, WARNING, ERROR or CRITICAL, or above.",
)


def window_options(command: _Command) -> _Command:
    """Add --since and --until."""
    since = click.option("--since", metavar="TIME", help="From then on: 15m, 2h, 2026-04-19T14:23 (UTC).")
    until = click.option("--until", metavar="TIME", help="Until then, exclusive.")
    return since(until(command))


def _kinds(_context: click.Context, _option: click.Parameter, value: str | None) -> tuple[str, ...]:
    from tracelog.read.findings import KINDS

    kinds = tuple(kind.strip() for kind in value.split(",")) if value else ()
    for kind in kinds:
        if kind not in KINDS:
            raise click.BadParameter(f"unknown kind {kind!r} (expected some of {', '.join(KINDS)})")
    return kinds


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="tracelog")
def commands() -> None:
    """From a slow span to the log lines that explain it."""


@commands.command()
@click.argument("any_id")
@store_option
@index_option
@json_option
@click.option("--list", "as_list", is_flag=True, help="Print every trace that matches, one row each.")
@click.option("--no-logs", is_flag=True, help="Print the spans alone.")
@level_option
@click.option("--span", "span_id", metavar="SPAN_ID", help="Begin at this span.")
@click.option("--adjust-clocks", is_flag=True, help="Move the times of hosts whose clocks contradict the calls.")
@click.option("--otlp", metavar="FILE", help="Write OTLP/JSON lines, which `import` reads; `-` is standard output.")
@click.option("--perfetto", metavar="FILE", help="Write Chrome's trace events, for ui.perfetto.dev.")
@click.option(
    "--fail-on", "kinds", metavar="KIND[,..]", callback=_kinds, help="Exit 3 where one of these findings is made."
)
def show(
    any_id: str,
    store_url: str | None,
    index: str | None,
    *,
    as_json: bool,
    as_list: bool,
    no_logs: bool,
    level: str | None,
    span_id: str | None,
    adjust_clocks: bool,
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
    exports = [(form, file) for form, file in (("otlp", otlp), ("perfetto", perfetto)) if file]
    if exports and (part or as_json or as_list or otlp == perfetto):
        raise click.UsageError("--otlp and --perfetto write the whole trace, each to its own place: leave out the rest")
    if kinds and as_list:
        raise click.UsageError("--fail-on looks at one trace: leave out --list")
    with _opened(store_url, index) as store:
        matches = store.find(any_id)
        if not matches:
            raise TraceNotFoundError(f"nothing found for {any_id!r} in {store.url}")
        if as_list:
            return _print_matches(matches, as_json=as_json)
        _say(*words.of_matches(matches))
        trace = _judged(store.trace(matches[0].trace_id), adjusted=adjust_clocks)
        _say(*words.of_clocks(trace, adjusted=adjust_clocks))
        if exports:
            _export(trace, exports)
        elif as_json:
            from tracelog.show import json_output

            click.echo(json_output.encode(json_output.trace_object(trace)))
        else:
            _print_timeline(trace, level, span_id, no_logs=no_logs)
    unwanted = words.of_findings(trace, kinds)
    _say(*unwanted)
    return CHECK_FAILED if unwanted else FOUND


@commands.command()
@click.argument("any_id", required=False)
@store_option
@index_option
@json_option
@click.option("--span", "span_id", metavar="SPAN_ID", help="Only lines of this span.")
@click.option("--service", metavar="NAME", help="Only lines of this service.")
@level_option
@window_options
@click.option("--text", metavar="WORDS", help="Only lines with these words in sequence, in any case.")
def logs(
    any_id: str | None,
    store_url: str | None,
    index: str | None,
    *,
    as_json: bool,
    since: str | None,
    until: str | None,
    **filters: Any,
) -> int:
    """Print log lines by time: of one trace (any id that `show` takes), or of everything."""
    with _opened(store_url, index) as store:
        trace_id = None
        if any_id is not None:
            matches = store.find(any_id)
            if not matches:
                raise TraceNotFoundError(f"nothing found for {any_id!r} in {store.url}")
            trace_id = matches[0].trace_id
            if matches[0].field != "trace_id":
                _say(*words.of_matches(matches))
        else:
            _say(words.of_window(moment(since), moment(until)))
        entries = store.logs(trace_id=trace_id, since=since, until=until, **filters)
        if as_json:
            from tracelog.show.json_output import log_object

            return _print_json(entries, log_object)
        from tracelog.show import console

        return FOUND if console.print_logs(console.make_console(), entries) else NOTHING_FOUND


@commands.command()
@store_option
@index_option
@json_option
@click.option("--service", metavar="NAME", help="Measure at the entry spans of this service.")
@click.option("--operation", metavar="NAME", help="Measure at the entry spans of this name.")
@click.option(
    "--attr",
    "attributes",
    multiple=True,
    metavar="KEY=VALUE",
    help="Only where the measured span has this; may repeat.",
)
@click.option("--errors", is_flag=True, help="Only traces in which a span failed.")
@window_options
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many traces.")
def slow(
    store_url: str | None, index: str | None, *, as_json: bool, service: str | None, operation: str | None,
    attributes: tuple[str, ...], errors: bool, since: str | None, until: str | None, limit: int,
) -> int:  # fmt: skip
    """Print the slowest traces of the window, truly the slowest, by their root span.

    A trace without a stored root is measured at its longest server or consumer span.
    """
    with _opened(store_url, index) as store:
        _say(words.of_window(moment(since), moment(until)))
        rows = store.slowest(
            limit=limit, service=service, operation=operation, attributes=_pairs(attributes),
            errors=errors, since=since, until=until,
        )  # fmt: skip
        if as_json:
            from tracelog.show.json_output import summary_object

            return _print_json(rows, summary_object)
        return _print_table("print_slow", rows)


@commands.command()
@store_option
@index_option
@json_option
@click.option("--service", metavar="NAME", help="Only operations of this service.")
@window_options
def ops(
    store_url: str | None, index: str | None, *, as_json: bool, service: str | None, since: str | None,
    until: str | None,
) -> int:  # fmt: skip
    """Print the latency of each operation, with an example trace for the slow end."""
    with _opened(store_url, index) as store:
        _say(words.of_window(moment(since), moment(until)))
        rows = store.operations(service=service, since=since, until=until)
        if as_json:
            from tracelog.show.json_output import operation_object

            return _print_json(rows, operation_object)
        return _print_table("print_operations", rows)


@commands.command(name="import")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@store_option
def import_files(files: tuple[str, ...], store_url: str | None) -> int:
    """Store OTLP/JSON lines and JSON log lines, plain or gzip; `-` is standard input.

    Importing the same file twice stores it once.
    """
    from pathlib import Path

    from tracelog.ship.imports import import_file
    from tracelog.show.progress import progress_bar

    found = 0
    with _opened(store_url) as store:
        for path in files:
            size = Path(path).stat().st_size if path != "-" and Path(path).is_file() else None
            with progress_bar(f"importing {path}", size) as advance:
                report = import_file(path, store, resolve_destination(), advance)
            _say(*report.words(path))
            found += report.present
        store.refresh()
    return FOUND if found else NOTHING_FOUND


@commands.command()
@store_option
def setup(store_url: str | None) -> int:
    """Create what the store needs: index templates on Elasticsearch, the file on SQLite."""
    with _opened(store_url) as store:
        for line in store.setup():
            click.echo(line)
    return FOUND


@commands.command()
@click.option(
    "--setup", required=True, metavar="MODULE[:FUNCTION]", help="What configures logging: imported, and called."
)
@json_option
def doctor(setup: str, *, as_json: bool) -> int:
    """Say which handlers write lines without ids, why, and what to change.

    One probe goes through every handler of the logging that --setup configures; nothing is written or sent.
    """
    from tracelog.doctor import as_object, examine, load_setup, rows
    from tracelog.show.text import escape

    load_setup(setup)
    diagnoses = examine()
    if as_json:
        _print_json(diagnoses, as_object)
    else:
        for state, where, text, advice in rows(diagnoses):
            click.echo(f"{state:6}  {escape(where)}")
            for line in filter(None, (text, advice)):
                click.echo(f"        {escape(line)}")
    return FOUND if all(diagnosis.ok for diagnosis in diagnoses) else CHECK_FAILED


@commands.command()
@store_option
@click.option(
    "--checkouts",
    type=click.IntRange(10, 100_000),
    default=300,
    show_default=True,
    help="How many orders to place.",
)
def demo(store_url: str | None, checkouts: int) -> int:
    """Run the example shop as real services, then find its one slow checkout and say why it was slow."""
    from tracelog.demo.shop import run_shop
    from tracelog.demo.tour import show_around
    from tracelog.show.progress import progress_bar

    url = resolve_url(store_url)
    with progress_bar("placing orders", checkouts, count=True) as advance:
        result = run_shop(url, checkouts, advance)
    with _opened(url) as store:
        show_around(store, result)
    return FOUND


@commands.group(invoke_without_command=True)
@spool_option
@json_option
@click.pass_context
def spool(context: click.Context, folder: str | None, *, as_json: bool) -> int:
    """Print what waits on this machine to be sent, who left it, and what was refused and why."""
    from tracelog.ship import spools
    from tracelog.show.text import escape

    root = _spool_root(folder)
    context.obj = root
    if context.invoked_subcommand:
        return FOUND
    found: list[spools.Waiting | spools.RefusedDocuments] = [*spools.waiting(root), *spools.refused(root)]
    if as_json:
        return _print_json(found, msgspec.to_builtins)
    if not found:
        _say(f"nothing waits in {root}")
        return NOTHING_FOUND
    for row in found:
        click.echo(escape(row.words()))
    return FOUND


@spool.command()
@store_option
@spool_option
@click.pass_obj
def send(root: Path, store_url: str | None, folder: str | None) -> int:
    """Send what processes that are gone have left, each to its own store, or all to that of --store."""
    from tracelog.ship import spools
    from tracelog.ship.folder import DestinationFolder

    code = NOTHING_FOUND
    for destination in DestinationFolder.all(_spool_root(folder) if folder else root):
        stats = spools.send_left(destination, store_url)
        if stats.adopted:
            code = FOUND
            target = public_url(resolve_url(store_url)) if store_url else destination.about.url
            click.echo(f"{target}: {spools.words_of(stats)}")
    if code == NOTHING_FOUND:
        _say("no process has left anything")
    return code


def run(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit code."""
    try:
        return int(commands.main(args=arguments, prog_name="tracelog", standalone_mode=False) or FOUND)
    except TraceNotFoundError as error:
        return _fail(str(error), NOTHING_FOUND)
    except TracelogError as error:
        return _fail(str(error), WRONG_USE)
    except click.ClickException as error:
        hint = f" (see {error.ctx.command_path} --help)" if isinstance(error, click.UsageError) and error.ctx else ""
        return _fail(error.format_message() + hint, WRONG_USE)
    except (KeyboardInterrupt, click.Abort):
        return _fail("interrupted", INTERRUPTED)
    except (BrokenPipeError, SystemExit):  # click and rich exit where the reader of a pipe has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter complains at exit
        return PIPE_CLOSED


def _fail(message: str, code: int) -> int:
    _say(f"tracelog: {' '.join(message.split())}")
    return code


@contextmanager
def _opened(url: str | None, index: str | None = None) -> Iterator[Store]:
    with open_store(url, **({"index": index} if index else {})) as store:
        try:
            yield store
        finally:
            _say(*store.notes)
            if store.skipped:
                _say(f"{store.skipped} stored documents could not be read and were passed over")


def _print_json(rows: Iterable[Any], as_object: Callable[[Any], dict[str, Any]]) -> int:
    from tracelog.show.json_output import encode

    code = NOTHING_FOUND
    for row in rows:
        click.echo(encode(as_object(row)))
        code = FOUND
    return code


def _print_table(name: str, rows: list[Any]) -> int:
    from tracelog.show import console, tables

    if not rows:
        _say("nothing found in this window")
        return NOTHING_FOUND
    getattr(tables, name)(console.make_console(), rows)
    return FOUND


def _print_matches(matches: list[Match], *, as_json: bool) -> int:
    if as_json:
        from tracelog.show.json_output import match_object

        return _print_json(matches, match_object)
    return _print_table("print_matches", matches)


def _judged(trace: Trace, *, adjusted: bool) -> Trace:
    from tracelog.read.clocks import adjust_clocks
    from tracelog.read.findings import judged

    now = time.time_ns()
    return adjust_clocks(trace, now=now) if adjusted else judged(trace, now)


def _print_timeline(trace: Trace, level: str | None, span_id: str | None, *, no_logs: bool) -> None:
    from tracelog import ids
    from tracelog.show import console

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
    console.print_trace(console.make_console(), trace, keep, top=top)


def _export(trace: Trace, exports: Iterable[tuple[str, str]]) -> None:
    from tracelog.show.exports import FORMS

    for form, path in exports:
        try:
            with click.open_file(path, "wb") as file:
                file.writelines(FORMS[form](trace))
        except BrokenPipeError:
            raise
        except OSError as error:
            raise ConfigurationError(f"{path}: {error.strerror or error}") from error
        if path != "-":
            _say(f"written: {path}")


def _spool_root(folder: str | None) -> Path:
    from tracelog.ship.folder import spool_root

    root = spool_root(folder)
    assert root is not None  # noqa: S101 - only False means memory
    return root


def _say(*lines: str) -> None:
    for line in lines:
        click.echo(line, err=True)


def _pairs(texts: Iterable[str]) -> Mapping[str, str]:
    pairs = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise ConfigurationError(f"not an attribute: {text!r} (expected KEY=VALUE)")
        pairs[key] = value
    return pairs
