"""`tracelog policies test`: what policies would keep of what is stored."""

from __future__ import annotations

import click

from tracelog.cli.options import index_option, store_option, window_options
from tracelog.cli.output import FOUND, NOTHING_FOUND, opened, say
from tracelog.show import words
from tracelog.store.query import moment


@click.group(invoke_without_command=True)
@click.pass_context
def policies(context: click.Context) -> None:
    """Which traces to keep: policies as the OpenTelemetry Collector's tail sampling has them."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@policies.command()
@click.argument("file", metavar="FILE")
@store_option
@index_option
@window_options
@click.option("--limit", type=click.IntRange(0), default=10, show_default=True, help="How many losses to list.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one object.")
def test(
    file: str, store_url: str | None, index: str | None, *, since: str | None, until: str | None, limit: int,
    as_json: bool,
) -> int:  # fmt: skip
    """Replay what is stored against the policies of a YAML or TOML FILE: what they would keep, and what lose.

    Each service of a trace decides for itself, by its own spans and lines. Bytes are those of the documents as tracelog
    writes them. Losses are traces that failed (a span has the status ERROR) or were slow, and of which something would
    not be kept: those lost as a whole first, then the longest.
    """
    from tracelog.cli import policy_report
    from tracelog.keep.policy_files import load_policies
    from tracelog.keep.replay import replay
    from tracelog.show.pager import paged
    from tracelog.show.progress import progress_bar

    loaded = load_policies(file)
    with opened(store_url, index) as store:
        begin, end = moment(since), moment(until)
        with progress_bar("replaying", None):
            result = replay(loaded, store.spans(since=begin, until=end), store.logs(since=begin, until=end))
        say(words.of_window(begin, end))
    if not result.stored.size:
        say("nothing found in this window")
        return NOTHING_FOUND
    if as_json:
        from tracelog.show.json_output import encode

        click.echo(encode(policy_report.as_object(loaded, result, limit)))
        return FOUND
    with paged() as console:
        policy_report.print_report(console, loaded, result, limit)
    return FOUND
