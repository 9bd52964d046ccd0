"""`tracelog spool` and `spool send`: what waits on this machine."""

from __future__ import annotations

import os
from pathlib import Path

import click
import msgspec

from tracelog.cli.options import json_option, spool_option, store_option
from tracelog.cli.output import FOUND, NOTHING_FOUND, fail, print_json, say
from tracelog.errors import ConfigurationError, TracelogError
from tracelog.store import public_url, resolve_url


@click.group(invoke_without_command=True)
@spool_option
@json_option
@click.pass_context
def spool(context: click.Context, folder: str | None, *, as_json: bool) -> int:
    """Print what waits on this machine to be sent, who left it, and what was refused and why."""
    from tracelog.ship import spools
    from tracelog.show.text import escape

    context.obj = folder
    if context.invoked_subcommand:
        return FOUND
    root = _spool_root(folder)
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
def send(group_folder: str | None, store_url: str | None, folder: str | None) -> int:
    """Send what processes that are gone have left, each to its own store, or all to that of --store.

    Where one store does not take it, the others get theirs; which did not is said at the end.
    """
    from tracelog.ship import spools
    from tracelog.ship.folder import DestinationFolder

    code, failures = NOTHING_FOUND, []
    for destination in DestinationFolder.all(_spool_root(folder or group_folder)):
        try:
            stats = spools.send_left(destination, store_url)
        except TracelogError as error:
            failures.append(str(error))
            continue
        if stats.adopted:
            code = FOUND
            target = public_url(resolve_url(store_url)) if store_url else destination.about.url
            click.echo(f"{target}: {spools.words_of(stats)}")
    if failures:
        return fail(*dict.fromkeys(failures))
    if code == NOTHING_FOUND:
        say("no process has left anything")
    return code


def _spool_root(folder: str | None) -> Path:
    """Return the folder of all spools. Raise ConfigurationError where it cannot be read, or was given and is absent."""
    from tracelog.ship.folder import spool_root

    root = spool_root(folder)
    assert root is not None  # noqa: S101 - only False means memory
    try:
        os.scandir(root).close()
    except OSError as error:
        if folder or not isinstance(error, FileNotFoundError):  # the user's own is made by the first who writes
            raise ConfigurationError(f"{root}: {error.strerror}") from error
    return root
