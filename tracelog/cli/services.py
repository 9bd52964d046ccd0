"""`tracelog ops` and `deps`: how long operations take, and who calls whom."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tracelog.cli.options import attributes_option, index_option, json_option, store_option, window_options
from tracelog.cli.output import CHECK_FAILED, FOUND, opened, print_json, print_table, say
from tracelog.errors import InputError
from tracelog.model import Dependency
from tracelog.read.declared import Declared, read_declared, undeclared, unseen
from tracelog.show import words
from tracelog.store.query import KINDS, moment


@click.command()
@store_option
@index_option
@json_option
@click.option("--service", metavar="NAME", help="Only operations of this service.")
@click.option("--operation", metavar="NAME", help="Only operations of this name.")
@click.option("--kind", type=click.Choice(KINDS, case_sensitive=False), help="Only operations of this kind.")
@attributes_option
@click.option("--by", metavar="TIME", help="Each stretch of time by itself: 1m, 5m, 1h.")
@window_options
def ops(
    store_url: str | None, index: str | None, *, as_json: bool, since: str | None, until: str | None, **filters: Any
) -> int:
    """Print how long operations take and how often they fail, with an example trace.

    It is that of a span at p99; --json has one for each figure, and for the longest failure. A figure marked with ~ is
    an estimate, as Elasticsearch makes it of 20,000 spans or more.
    """
    with opened(store_url, index) as store:
        rows = store.operations(since=since, until=until, **filters)
        say(words.of_window(moment(since), moment(until)))
        if as_json:
            from tracelog.show.json_output import operation_object

            return print_json(rows, operation_object)
        return print_table("print_operations", rows)


@click.command()
@store_option
@index_option
@json_option
@click.option("--dot", is_flag=True, help="Print a graph for Graphviz.")
@click.option("--mermaid", is_flag=True, help="Print a graph for Mermaid.")
@click.option("--service", metavar="NAME", help="Only what this service calls, and is called by.")
@click.option("--operations", is_flag=True, help="From operation to operation.")
@click.option(
    "--expect", metavar="FILE", help="Exit 3 where a call is not declared there: CALLER -> CALLEE, a line each."
)
@window_options
def deps(
    store_url: str | None,
    index: str | None,
    *,
    as_json: bool,
    dot: bool,
    mermaid: bool,
    service: str | None,
    operations: bool,
    expect: str | None,
    since: str | None,
    until: str | None,
) -> int:
    """Print who really calls whom, how often per request, how long and how well.

    Databases, queues and other systems that have no spans of their own are named by the attributes of those that call
    them. FILE may hold * for any text, and comments behind #.
    """
    forms = [form for form, wanted in (("json", as_json), ("dot", dot), ("mermaid", mermaid)) if wanted]
    if len(forms) > 1:
        raise click.UsageError(f"--{forms[0]} and --{forms[1]} are two ways to print: leave out one")
    declared = None if expect is None else _declared(expect)
    with opened(store_url, index) as store:
        rows = store.dependencies(service=service, since=since, until=until, operations=operations)
        say(words.of_window(moment(since), moment(until)))
    code = _print(rows, *forms)
    if declared is None:
        return code
    surprising = undeclared(rows, declared)
    concerned = [one for one in declared if service in (None, one.caller, one.callee)]
    say(*words.of_declared(surprising, unseen(rows, concerned)))
    return CHECK_FAILED if surprising else code


def _declared(path: str) -> list[Declared]:
    try:
        return read_declared(Path(path).read_text(encoding="utf-8-sig").splitlines(), path)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: {getattr(error, 'strerror', None) or error}") from error


def _print(rows: list[Dependency], form: str | None = None) -> int:
    if form == "json":
        from tracelog.show.json_output import dependency_object

        return print_json(rows, dependency_object)
    if form is None or not rows:
        return print_table("print_dependencies", rows)
    from tracelog.show.graphs import FORMS

    click.echo("\n".join(FORMS[form](rows)))
    return FOUND
