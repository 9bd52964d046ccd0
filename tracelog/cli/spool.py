"""`tracelog spool` and `spool send`: what waits on this machine."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from tracelog.cli.options import json_option, spool_option, store_option
from tracelog.cli.output import FOUND, NOTHING_FOUND, print_json, say
from tracelog.store import public_url, resolve_url


@click.group(invoke_without_command=True)
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
        return print_json(found, msgspec.to_builtins)
    if not found:
        say(f"nothing waits in {root}")
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
        say("no process has left anything")
    return code


def _spool_root(folder: str | None) -> Path:
    from tracelog.ship.folder import spool_root

    root = spool_root(folder)
    assert root is not None  # noqa: S101 - only False means memory
    return root
