"""What a user has to know of how answers were found: each thing once, and how much was read for a comparison."""

from __future__ import annotations

from collections import Counter


class Notes:
    """Collects what there is to be said."""

    def __init__(self) -> None:
        self._said: dict[str, None] = {}
        self._read: Counter[str] = Counter()

    def add(self, text: str) -> None:
        """Note one thing."""
        self._said[text] = None

    def count(self, constraint: str, documents: int) -> None:
        """Note that so many documents were read as no store could compare something."""
        self._read[constraint] += documents

    def lines(self) -> list[str]:
        """Return all of it, a sentence each."""
        return [*self._said, *(f"{n:,} documents were read to compare {what}" for what, n in self._read.items())]
