"""The page's sources, as they are written: HTML, styles, and a script of ES modules, joined into one of each.

A module names what it needs by `import {a, b} from "./other.js"`, so editors and type checkers understand it. Joined,
each stands once, behind those it imports, in one scope. The policy names the joined script and style by their hashes:
nothing else runs, nothing is loaded, nothing is sent, and no text ever becomes markup.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from importlib.resources import files

_SOURCE = files(__package__) / "source"
_STYLES = ("colours.css", "layout.css", "rows.css", "panels.css")
_MAIN = "main.js"
_IMPORT = re.compile(r'^import \{[^}]*\} from "\./([\w-]+\.js)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|class|const)\b)", re.MULTILINE)


@cache
def frame() -> tuple[bytes, bytes]:
    """Return the page before its data, and behind it."""
    style, script = _parts()
    page = _read("page.html")
    for place, text in (("policy", policy()), ("style", style), ("script", script)):
        page = page.replace(f"{{{{{place}}}}}", text)
    before, _, behind = page.partition("{{data}}")
    return before.encode(), behind.encode()


@cache
def policy() -> str:
    """Return a Content-Security-Policy that allows the page's style and script alone; images are the page's own."""
    style, script = _parts()
    return (
        f"default-src 'none'; script-src '{source_of(script)}'; style-src '{source_of(style)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )


def join_styles(*names: str) -> str:
    """Return these styles as one."""
    return "".join(map(_read, names))


@cache
def _parts() -> tuple[str, str]:
    return join_styles(*_STYLES), join_modules(_MAIN)


def join_modules(main: str) -> str:
    """Return a module and all that it imports as one script, each behind what it needs."""
    joined: dict[str, str] = {}
    for name in _needed(main, {}):
        joined[name] = _EXPORT.sub("", _IMPORT.sub("", _read(name))).strip("\n")
    return "\n".join(f"// {name}\n{text}\n" for name, text in joined.items())


def _needed(name: str, seen: dict[str, None]) -> Iterator[str]:
    """Yield the names of the modules that one needs, and its own behind them."""
    if name in seen:
        return
    seen[name] = None
    for needed in _IMPORT.findall(_read(name)):
        yield from _needed(needed, seen)
    yield name


def _read(name: str) -> str:
    return (_SOURCE / name).read_text(encoding="utf-8")


def source_of(text: str) -> str:
    """Return what a policy calls a style or script that stands in a page."""
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"
