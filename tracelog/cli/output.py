"""How commands open a store and print: data on standard output, words on standard error."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from tracelog import ids
from tracelog.show.text import escape
from tracelog.store import Store, open_store

FOUND, NOTHING_FOUND, WRONG_USE, CHECK_FAILED = 0, 1, 2, 3
"""Exit codes."""


@contextmanager
def opened(url: str | None, index: str | None = None) -> Iterator[Store]:
    """Open the store and, at the end, say what there is to know of its answers."""
    with open_store(url, **({"index": index} if index else {})) as store:
        try:
            yield store
        finally:
            say(*store.notes)
            if store.skipped:
                say(f"{store.skipped} stored documents could not be read and were passed over")


def fail(*messages: str, code: int = WRONG_USE) -> int:
    """Say what failed, each message in one line, and return the exit code."""
    say(*(f"tracelog: {' '.join(message.split())}" for message in messages))
    return code


def print_json(rows: Iterable[Any], as_object: Callable[[Any], dict[str, Any]]) -> int:
    """Print an object a line, and return the exit code."""
    from tracelog.show.json_output import encode

    code = NOTHING_FOUND
    for row in rows:
        click.echo(encode(as_object(row)))
        code = FOUND
    return code


def print_table(name: str, rows: list[Any]) -> int:
    """Print rows as the table of a name in `show.tables`, and return the exit code."""
    from tracelog.show import tables
    from tracelog.show.pager import paged

    if not rows:
        say("nothing found in this window")
        return NOTHING_FOUND
    with paged() as console:
        getattr(tables, name)(console, rows)
    return FOUND


def elsewhere(value: str) -> str:
    """Say where else a value may stand that no trace holds, unless it is an id of one."""
    if any(ids.candidates(value)):
        return ""
    return ": no trace holds it (lines outside of traces: logs --text, logs --attr; what resources say: slow --attr)"


def say(*lines: str) -> None:
    """Print words, a line each."""
    for line in lines:
        click.echo(escape(line), err=True)
