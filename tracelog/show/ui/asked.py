"""What is looked for, as it stands in the address of a page; so that each page can be kept and sent on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import msgspec

from tracelog.errors import ConfigurationError
from tracelog.schema.times import SECOND, format_short
from tracelog.store.query import KINDS, moment

LIMITS = (50, 200, 1000)
"""How many traces may be asked for; the second is the default."""
PRESETS = {"15m": "15 min", "1h": "1 h", "24h": "24 h", "7d": "7 days", "": "all"}
"""Windows that a click asks for."""
_WINDOW = "1h"


class Asked(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The fields of the search, as text that a person wrote; empty means any."""

    service: str = ""
    operation: str = ""
    kind: str = ""
    min: str = ""
    max: str = ""
    attributes: str = ""
    errors: str = ""
    since: str = _WINDOW
    until: str = ""
    limit: int = LIMITS[1]

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Asked:
        """Read an address's query, without what is unknown in it. Raise ConfigurationError for what is no choice."""
        known = {name: query[name].strip() for name in cls.__struct_fields__ if name in query}
        for name, choices in (("limit", [*map(str, LIMITS)]), ("kind", ["", *KINDS])):
            if known.get(name, choices[0]) not in choices:
                raise ConfigurationError(f"{name} {known[name]!r} is not one of {', '.join(filter(None, choices))}")
        return msgspec.convert(known, cls, strict=False)

    def address(self, **changes: str) -> str:
        """Return the address of a page on which some of it is changed."""
        fields = msgspec.to_builtins(msgspec.structs.replace(self, **changes))
        return f"/?{urlencode(fields)}" if fields else "/"

    def pinned(self, now: int) -> str:
        """Return the address that shows the same window tomorrow. `now`: ns."""
        since, until = self.window
        end = -(-now // SECOND) * SECOND if until is None else until
        return self.address(since="" if since is None else format_short(since), until=format_short(end))

    @property
    def window(self) -> tuple[int | None, int | None]:
        """From when until when, ns; None: from the first, until the last. Raise ConfigurationError for what is none."""
        return moment(self.since or None), moment(self.until or None)

    @property
    def filters(self) -> dict[str, Any]:
        """The same as what `Store.slowest` takes."""
        since, until = self.window
        return {
            **{name: getattr(self, name) or None for name in ("service", "operation", "kind")},
            "min_duration": self.min or None,
            "max_duration": self.max or None,
            "attributes": [part.strip() for part in self.attributes.split(",") if part.strip()] or None,
            "errors": bool(self.errors),
            "since": since,
            "until": until,
        }
