"""`tracelog import`, `setup` and `demo`: what fills a store."""

from __future__ import annotations

import click

from tracelog.cli.options import store_option
from tracelog.cli.output import FOUND, NOTHING_FOUND, fail, opened, say
from tracelog.errors import InputError
from tracelog.store import resolve_destination, resolve_url


@click.command(name="import")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@store_option
def import_files(files: tuple[str, ...], store_url: str | None) -> int:
    """Store OTLP/JSON lines and JSON log lines, plain or gzip; `-` is standard input.

    Importing the same file twice stores it once. Where one file cannot be read, the others are imported all the same.
    """
    from pathlib import Path

    from tracelog.ship.imports import import_file
    from tracelog.show.progress import progress_bar

    found, failures = 0, []
    with opened(store_url) as store:
        for path in files:
            size = Path(path).stat().st_size if path != "-" and Path(path).is_file() else None
            try:
                with progress_bar(f"importing {path}", size) as advance:
                    report = import_file(path, store, resolve_destination(), advance)
            except InputError as error:
                failures.append(str(error))
                continue
            say(*report.words(path))
            found += report.present
        store.refresh()
    if failures:
        return fail(*failures)
    return FOUND if found else NOTHING_FOUND


@click.command()
@store_option
def setup(store_url: str | None) -> int:
    """Create what the store needs: index templates on Elasticsearch, the file on SQLite."""
    with opened(store_url) as store:
        for line in store.setup():
            click.echo(line)
    return FOUND


@click.command()
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
    with opened(url) as store:
        show_around(store, result)
    return FOUND
