"""`tracelog doctor`: why lines have no ids."""

from __future__ import annotations

import click

from tracelog.cli.options import json_option
from tracelog.cli.output import CHECK_FAILED, FOUND, print_json


@click.command()
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
        print_json(diagnoses, as_object)
    else:
        for state, where, text, advice in rows(diagnoses):
            click.echo(f"{state:6}  {escape(where)}")
            for line in filter(None, (text, advice)):
                click.echo(f"        {escape(line)}")
    return FOUND if all(diagnosis.ok for diagnosis in diagnoses) else CHECK_FAILED
