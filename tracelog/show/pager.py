"""A console whose output is shown a page at a time, where there is a person before a terminal.

As git has it: `PAGER`, else `less`, which ends by itself where everything fits on the screen. An empty `PAGER`, or
`cat`, is none.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, cast

from rich.console import Console

from tracelog.show import text
from tracelog.show.console import make_console

LESS = "FRX"
"""What `less` does unless LESS says otherwise: end on a short text, show colours, leave the text on the screen."""


@contextmanager
def paged() -> Iterator[Console]:
    """Yield a console for stdout, behind the pager where that is a terminal.

    Who ends the pager early has seen enough: what was being printed ends there, and nothing is raised.
    """
    screen = make_console()
    command = _command() if screen.is_terminal and not screen.is_dumb_terminal else None
    if command is None:
        yield screen
        return
    colored = screen.color_system is not None and not screen.no_color
    with subprocess.Popen(  # noqa: S603 - the pager that the user chose
        command, stdin=subprocess.PIPE, env={"LESS": LESS, **os.environ}, encoding=sys.stdout.encoding,
        errors=text.ASCII_FALLBACK,
    ) as pager:  # fmt: skip
        pages = cast("IO[str]", pager.stdin)
        with suppress(BrokenPipeError, KeyboardInterrupt):
            yield make_console(pages, width=screen.width, color=colored)
        with suppress(BrokenPipeError):
            pages.close()
        _await(pager)


def _command() -> list[str] | None:
    words = shlex.split(os.environ.get("PAGER", "less"))
    if not words or words == ["cat"] or shutil.which(words[0]) is None:
        return None
    return words


def _await(pager: subprocess.Popen[str]) -> None:
    """Wait until the reader is done; an interrupt is the pager's to understand."""
    while pager.poll() is None:
        with suppress(KeyboardInterrupt):
            pager.wait()
