"""Which colour a service has: the same one wherever it appears, in every trace.

A colour is a number here; what it looks like is the affair of who draws, be it a terminal or a page.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b

COLOURS = 8
"""How many colours there are."""


@lru_cache(1024)
def colour_of(service: str) -> int:
    """Return the number of a service's colour, below `COLOURS`."""
    digest = blake2b(service.encode(errors="replace"), digest_size=2).digest()
    return int.from_bytes(digest, "big") % COLOURS
