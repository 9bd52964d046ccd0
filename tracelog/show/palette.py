"""Which colour a service has and how a level is called, the same wherever they appear."""

from __future__ import annotations

from tracelog.model import ExceptionInfo
from tracelog.show import text
from tracelog.show.services import colour_of
from tracelog.show.styled import Line

_LEVEL_STYLES = {"DEBUG": "dim", "INFO": "green", "WARNING": "yellow", "ERROR": "red", "CRITICAL": "bold red"}
_LEVEL_NAMES = {"WARNING": "WARN", "CRITICAL": "CRIT"}
_PALETTE = ("cyan", "magenta", "blue", "green", "yellow", "bright_blue", "bright_magenta", "bright_cyan")


def service_style(service: str) -> str:
    """Return the colour of a service."""
    return _PALETTE[colour_of(service)]


def level_column(level: str | None) -> tuple[str, str]:
    """Return a level's name, as wide as every other, and its style."""
    name = _LEVEL_NAMES.get(level or "", level or "-")
    return f"{name:<5} ", _LEVEL_STYLES.get(level or "", "dim")


def raised(exception: ExceptionInfo) -> Line:
    """Return an exception as it is read: its type and its message."""
    said = exception.message or (exception.stacktrace or "").strip().rpartition("\n")[2]
    kind = exception.type or ("" if said else "exception")
    whole = said if kind and said.startswith(kind) else ": ".join(filter(None, (kind, said)))
    return Line(text.escape(whole), "red")
