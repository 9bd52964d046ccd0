"""Baggage on every line: `request.id`, `tenant` and the like, by allow-list, since baggage comes from whoever calls.

W3C baggage travels with the trace context (https://www.w3.org/TR/baggage/). Only the keys that were allowed are taken,
only text, and a value that the caller of the logger gives goes first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from opentelemetry import baggage

LONGEST = 1024
"""A longer value, in characters, is cut: what callers send must not swell every line."""

allowed: tuple[str, ...] = ()
"""The keys that lines get. Set by `allow`."""


def allow(keys: Iterable[str]) -> None:
    """Name the keys of the baggage that every line of this process gets; none, to stop that. A text is one key."""
    global allowed  # noqa: PLW0603 - one list for the process, as there is one record factory
    allowed = (keys,) if isinstance(keys, str) else tuple(keys)


def current_baggage() -> Mapping[str, str]:
    """Return what the active context holds under the allowed keys."""
    held = baggage.get_all()
    return {key: value[:LONGEST] for key in allowed if isinstance(value := held.get(key), str)}
