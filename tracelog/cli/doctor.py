"""`tracelog doctor`: why lines have no ids, and why what is stored does not join up."""

from __future__ import annotations

import click

from tracelog.cli.options import index_option, json_option, store_option, window_options
from tracelog.cli.output import CHECK_FAILED, FOUND, opened, print_json, say
from tracelog.show import words
from tracelog.store.query import moment


@click.command()
@click.option(
    "--setup", metavar="MODULE[:FUNCTION]", help="Examine the logging that this configures: imported, and called."
)
@store_option
@index_option
@window_options
@json_option
def doctor(
    setup: str | None,
    store_url: str | None,
    index: str | None,
    since: str | None,
    until: str | None,
    *,
    as_json: bool,
) -> int:
    """Say why lines lack ids, or why what is stored does not join up, and what to change.

    With --setup, one probe goes through every handler of the logging that it configures; nothing is written or sent.
    Without it, what is stored is examined: which services log ids, whether these meet spans, which spans have no lines,
    whether clocks agree, and where it was looked.
    """
    from tracelog.doctor import as_object, examine, examine_store, load_setup, rows
    from tracelog.show.text import escape

    if setup:
        load_setup(setup)
        diagnoses = examine()
    else:
        with opened(store_url, index) as store:
            diagnoses = examine_store(store, since=since, until=until)
            say(words.of_window(moment(since), moment(until)))
    if as_json:
        print_json(diagnoses, as_object)
    else:
        for state, where, text, advice in rows(diagnoses):
            click.echo(f"{state:6}  {escape(where)}")
            for line in filter(None, (text, advice)):
                click.echo(f"        {escape(line)}")
    return FOUND if all(diagnosis.ok for diagnosis in diagnoses) else CHECK_FAILED
