"""Answers as HTML: templates in which all text is escaped, and what they need to say times and colours."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from tracelog.errors import MissingExtraError
from tracelog.model import Match
from tracelog.read.wording import count
from tracelog.schema.times import format_iso
from tracelog.show.page.sources import join_styles, source_of
from tracelog.show.services import colour_of
from tracelog.show.text import duration, escape
from tracelog.show.ui.asked import LIMITS, PRESETS, Asked
from tracelog.show.ui.found import Found
from tracelog.show.ui.plot import plot_of
from tracelog.store import Store
from tracelog.store.slowest import Totals

try:
    from jinja2 import Environment, PackageLoader, StrictUndefined
except ModuleNotFoundError as error:
    raise MissingExtraError("the served page", "ui") from error


def search_page(store: Store, asked: Asked, found: Found | None, *, now: int, problem: str = "") -> str:
    """Return the page of a search; `found` is None where there was a problem. `now`: ns."""
    return _render(
        "search.html", store, problem,
        asked=asked, found=found, plot=None if found is None else plot_of(found),
        services=sorted({*(found.services if found else ()), *([asked.service] if asked.service else [])}),
        names=sorted({operation.name for operation in found.operations}) if found else (),
        pinned=asked.pinned(now if asked.since else found.until) if found else "", limits=LIMITS, presets=PRESETS,
    )  # fmt: skip


def matches_page(store: Store, wanted: str, matches: list[Match], totals: Mapping[str, Totals], found: int) -> str:
    """Return the page of the traces that a value was found in. `found`: in how many, if these are not all."""
    return _render("matches.html", store, wanted=wanted, matches=matches, totals=totals, found=found)


def problem_page(store: Store, problem: str, wanted: str = "") -> str:
    """Return a page that says what is wrong."""
    return _render("base.html", store, problem, wanted=wanted)


def trace_address(trace_id: str) -> str:
    """Return where a trace is shown."""
    return f"/trace/{quote(trace_id, safe='')}"


@cache
def style() -> str:
    """Return the style of all but the trace's page."""
    own = (files(__package__) / "templates" / "ui.css").read_text(encoding="utf-8")
    return join_styles("colours.css") + own


@cache
def policy() -> str:
    """Return a Content-Security-Policy that allows this style, forms that ask this server, and nothing else."""
    return f"default-src 'none'; style-src '{source_of(style())}'; img-src data:; base-uri 'none'; form-action 'self'"


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader(__package__),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        shown=escape, trace=trace_address, duration=duration, count=count,
        colour=lambda service: f"service-{colour_of(service)}",
        time=lambda time: format_iso(time, digits=0).replace("T", " ").replace("Z", " UTC"),
    )  # fmt: skip
    return made


def _render(template: str, store: Store, problem: str = "", **fields: Any) -> str:
    notes = [*store.notes, *([f"{count(store.skipped, 'stored document')} could not be read"] if store.skipped else [])]
    page = _environment().get_template(template)
    return page.render(store=store, style=style(), problem=problem, notes=notes, **fields)
