"""Options that several commands have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from tracelog.model import LEVELS

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


attributes_option = click.option(
    "--attr",
    "attributes",
    multiple=True,
    metavar="KEY[=VALUE]",
    help="Only with this attribute: KEY, KEY=VALUE, KEY>3, >=, <, <=; may repeat.",
)
