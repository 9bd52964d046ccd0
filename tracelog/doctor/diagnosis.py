"""What the examination says about one handler, or about the process."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One finding. `cause` is empty where all is well; with `ok` true it is a note, not a break.

    logger: who owns the handler, `root` or `structlog` among them; empty where the finding is about the process.
    text: what is wrong, or what was seen. advice: what to change, as code.
    """

    logger: str
    handler: str
    ok: bool
    cause: str = ""
    text: str = ""
    advice: str = ""

    @property
    def state(self) -> str:
        """`ok`, `note` or `broken`."""
        return "broken" if not self.ok else "note" if self.cause else "ok"

    @property
    def where(self) -> str:
        """Logger and handler, as far as the finding is about one."""
        return ": ".join(part for part in (self.logger, self.handler) if part) or "process"

    def __str__(self) -> str:
        parts = (self.where, self.cause, self.text, self.advice)
        return " ".join(" - ".join(part for part in parts if part).split())


def broken(logger: str, handler: str, cause: str, text: str, advice: str) -> Diagnosis:
    """Return the finding of a break."""
    return Diagnosis(logger, handler, ok=False, cause=cause, text=text, advice=advice)


def note(logger: str, handler: str, cause: str, text: str, advice: str) -> Diagnosis:
    """Return a finding that is no break, or may be none."""
    return Diagnosis(logger, handler, ok=True, cause=cause, text=text, advice=advice)
