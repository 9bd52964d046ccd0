"""Dependencies as somebody declared them, a `caller -> callee` each, against those that there are.

    # who may call whom
    api-gateway -> *
    orders -> postgresql/orders     # `*` stands for any text

What is behind a `#`, at the beginning of a line or after a blank, is a comment.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tracelog.errors import InputError
from tracelog.model import Dependency

_COMMENT = re.compile(r"(^|\s)#.*")
_ARROW = "->"


class Declared(NamedTuple):
    """One of them; `*` stands for any text."""

    caller: str
    callee: str

    def allows(self, row: Dependency) -> bool:
        """Say whether a dependency is the one that is declared, or one of them."""
        pairs = ((self.caller, row.caller), (self.callee, row.callee))
        return all(re.fullmatch(re.escape(said).replace(r"\*", ".*"), name, re.DOTALL) for said, name in pairs)

    def __str__(self) -> str:
        return f"{self.caller} {_ARROW} {self.callee}"


def read_declared(lines: Iterable[str], path: str) -> list[Declared]:
    """Read what a file declares. Raise InputError, which names the file and the line, where a line declares nothing."""
    found = []
    for number, line in enumerate(lines, 1):
        said = _COMMENT.sub("", line).strip()
        caller, arrow, callee = (part.strip() for part in said.partition(_ARROW))
        if said and not (arrow and caller and callee):
            raise InputError(f"{path}: line {number}: not a dependency: {said!r} (expected CALLER -> CALLEE)")
        if said:
            found.append(Declared(caller, callee))
    return found


def undeclared(rows: Iterable[Dependency], declared: Sequence[Declared]) -> list[Dependency]:
    """Return the dependencies that are not declared."""
    return [row for row in rows if not any(one.allows(row) for one in declared)]


def unseen(rows: Sequence[Dependency], declared: Iterable[Declared]) -> list[Declared]:
    """Return what is declared, and is no dependency that there is."""
    return [one for one in declared if not any(map(one.allows, rows))]
