"""A line of the terminal as parts, each in a style, and how it is cropped, filled, folded and written.

rich knows the terminal: its width, its colours, how wide a character is. Its own `Text` does far more than rows of a
table need, and a trace may have a hundred thousand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from typing_extensions import Self

ELLIPSIS = "…"
UNBOUNDED = 1_000_000
"""The width of what is no terminal: there, nothing is cropped or folded."""
_LAID_OUT = 160
"""The width that columns have there, unless what stands in them is wider."""
_NARROWEST = 20
"""How many cells a folded text gets at least, however far to the right it begins."""


class Line:
    """Text in parts, each with the name of a style; widths are in cells of the terminal."""

    __slots__ = ("parts",)

    def __init__(self, text: str = "", style: str = "") -> None:
        self.parts: list[tuple[str, str]] = [(text, style)] if text else []

    def add(self, text: str, style: str = "") -> Self:
        """Append text in a style of its own."""
        if text:
            self.parts.append((text, style))
        return self

    def extend(self, line: Line) -> Self:
        """Append another line."""
        self.parts += line.parts
        return self

    @property
    def plain(self) -> str:
        """The text without its styles."""
        return "".join([text for text, _ in self.parts])

    @property
    def width(self) -> int:
        """How many cells it takes."""
        return sum([_cells(text) for text, _ in self.parts])

    def cut(self, at: int) -> tuple[Line, Line]:
        """Return the first so many characters and the others."""
        first, rest = Line(), Line()
        for text, style in self.parts:
            first.add(text[:at], style)
            rest.add(text[at:], style)
            at = max(at - len(text), 0)
        return first, rest

    def cropped(self, width: int) -> Line:
        """Return the line in at most the given width, with an ellipsis where something is missing."""
        if self.width <= width:
            return self
        first, _ = self.cut(len(_fitting(self.plain, width - 1).rstrip()))
        return first.add(ELLIPSIS, "dim")

    def fitted(self, width: int, spare: int = 0) -> Line:
        """Return the line in the given width, cropped or filled with blanks. `spare`: by how much it may be wider."""
        cropped = self.cropped(width + spare)
        return Line().extend(cropped).add(" " * (width - cropped.width))


def laid_out(width: int) -> int:
    """Return the width that columns are made for."""
    return width if width < UNBOUNDED else _LAID_OUT


def folded(prefix: Line, said: Line, below: Line, *, width: int, rows: int) -> Iterator[Line]:
    """Yield a text behind its prefix, folded into at most so many rows, the last cropped; others begin with `below`."""
    room = max(width - prefix.width, _NARROWEST)
    most = rows * room
    if sum(len(text) for text, _ in said.parts) > most:  # measuring a long text costs more than showing its beginning
        said = said.cut(most)[0].add(ELLIPSIS, "dim")
    for number in range(rows):
        if number == rows - 1 or said.width <= room:
            yield Line().extend(prefix).extend(said.cropped(room))
            return
        plain = said.plain
        end = _break_at(plain, room)
        shown, rest = said.cut(end)
        yield Line().extend(prefix).extend(shown.cut(len(plain[:end].rstrip()))[0])
        said = rest
        prefix = below


def writer(console: Console) -> Callable[[Line], None]:
    """Return what writes lines as they are to a console, in its colours if it has any."""
    write = console.file.write

    @lru_cache(256)
    def codes(style: str) -> tuple[str, str]:
        with console.capture() as captured:
            console.print(Text("x", style), end="")
        before, _, after = captured.get().partition("x")
        return before, after

    def write_line(line: Line) -> None:
        said = []
        for text, style in line.parts:
            before, after = codes(style)
            said.append(f"{before}{text}{after}" if before else text)
        write("".join(said) + "\n")

    return write_line


def _cells(text: str) -> int:
    return len(text) if text.isascii() else cell_len(text)


def _fitting(text: str, width: int) -> str:
    return text[:width] if text.isascii() else set_cell_size(text, width)


def _break_at(plain: str, room: int) -> int:
    """Return where to break a text to fit a width: behind the last blank that fits, else in mid word."""
    fitting = len(_fitting(plain, room).rstrip())
    blank = plain.rfind(" ", room // 2, fitting + 1)
    return blank + 1 if blank > 0 else max(fitting, 1)
