"""Draw a trace as an SVG, for the README: `python docs/make_picture.py sqlite:tracelog.db ANY_ID docs/timeline.svg`."""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

from tracelog.show.console import make_console, print_trace
from tracelog.store import open_store

COLUMNS = 110


def main(store_url: str, any_id: str, target: str) -> None:
    """Write the picture."""
    shown = io.StringIO()
    with open_store(store_url) as store:
        print_trace(make_console(shown, width=COLUMNS, color=True), store.trace(any_id))
    picture = Console(record=True, width=COLUMNS, file=io.StringIO(), highlight=False, markup=False, soft_wrap=True)
    picture.print(Text.from_ansi(shown.getvalue()))
    svg = picture.export_svg(title=f"tracelog show {any_id}", unique_id="tracelog")
    # The picture loads nothing from elsewhere: any monospaced font will do.
    Path(target).write_text(re.sub(r"@font-face \{.*?\}\n?", "", svg, flags=re.DOTALL), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
