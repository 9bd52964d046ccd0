"""`tracelog ui`: the page, served on this machine."""

from __future__ import annotations

import click

from tracelog.cli.options import index_option, store_option
from tracelog.cli.output import FOUND, opened, say

PORT = 4390


@click.command()
@store_option
@index_option
@click.option("--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, help="0: any that is free.")
def ui(store_url: str | None, index: str | None, port: int) -> int:
    """Serve the page to browsers on this machine: search, durations by time, latency per operation, and each trace.

    It only reads. Prints its address; an interrupt ends it.
    """
    from tracelog.show.ui.server import serve

    def ready(address: str) -> None:
        click.echo(address)
        say(f"serving {store.url}: interrupt to end")

    with opened(store_url, index) as store:
        store.totals(["0" * 32])  # any question: where there is no store, that is said here rather than on every page
        serve(store, port, ready)
    return FOUND
