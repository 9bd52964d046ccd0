"""What `filter_path` leaves of an answer, as Elasticsearch does it: `errors,items.*.status,-items.*._id`.

A proxy that puts items of its own into an answer needs the whole answer first, and leaves out afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import unquote_plus

_Paths = Sequence[Sequence[str]]


def split_target(target: str) -> tuple[str, str]:
    """Return the path and query of a request without `filter_path`, and what that said."""
    path, _, query = target.partition("?")
    parts = query.split("&") if query else []
    kept = [part for part in parts if not part.startswith("filter_path=")]
    filters = [unquote_plus(part.partition("=")[2]) for part in parts if part not in kept]
    return "?".join([path, *filter(None, ["&".join(kept)])]), ",".join(filters)


def filtered(answer: Any, filters: str) -> Any:
    """Return what the filters leave of an answer. What they leave empty is left out, but for the answer itself."""
    given = [part.strip() for part in filters.split(",") if part.strip()]
    wanted = [part.split(".") for part in given if not part.startswith("-")]
    unwanted = [part[1:].split(".") for part in given if part.startswith("-")]
    chosen = _only(answer, wanted) if wanted else answer
    return _without(chosen, unwanted) if unwanted else chosen


def _only(value: Any, paths: _Paths) -> Any:
    if isinstance(value, list):
        return [kept for each in value if (kept := _only(each, paths))]
    found = {}
    for name, inner in value.items() if isinstance(value, dict) else ():
        below = _below(name, paths)
        kept = inner if [] in below else _only(inner, below)
        if kept or [] in below:
            found[name] = kept
    return found


def _without(value: Any, paths: _Paths) -> Any:
    if isinstance(value, list):
        return [_without(each, paths) for each in value]
    if not isinstance(value, dict):
        return value
    return {name: _without(inner, below) for name, inner in value.items() if [] not in (below := _below(name, paths))}


def _below(name: str, paths: _Paths) -> list[list[str]]:
    """Return what remains of the paths that lead through a field; nothing remains of one that ends there."""
    remaining = []
    for first, *rest in paths:
        if first == "**":
            remaining += [[first, *rest], *([rest[1:]] if not rest or fnmatchcase(name, rest[0]) else [])]
        elif fnmatchcase(name, first):
            remaining.append(rest)
    return remaining
