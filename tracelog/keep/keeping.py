"""What is kept of the traces that this process takes part in: `Keep`, which handlers and span processors go through.

    tracelog.configure(service="orders", keep="policies.yaml")

It knows records and what a trace's sampled flag says; what is held back, decided and let go of is the recorder's
affair. A line that is on no span belongs to no trace, and goes on if it is logged at all.
"""

from __future__ import annotations

import copy
import logging
import os
from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakSet

from msgspec.structs import replace

from tracelog.capture import crash_lines
from tracelog.capture.context import Stamp
from tracelog.capture.queues import prepared
from tracelog.capture.record import is_plain, severity_number
from tracelog.capture.stdlib import STAMP, level_number, stamp_of
from tracelog.errors import ConfigurationError
from tracelog.keep.policy_files import load_policies
from tracelog.keep.recorder import AT_ONCE, Limits, Recorder
from tracelog.model import SAMPLED, LogEntry

UNDECIDED = "tracelog.undecided"
"""The attribute, true, of a line that did not wait until its trace was decided: it may be all that is kept of it."""
_DROP_BELOW = "drop_below:"
_RECORD_SIZE = 600
"""About how many bytes a record takes, beside its text."""

_recorders: WeakSet[Recorder] = WeakSet()


class Keep:
    """Which traces are kept, and the flight recorder of those that are not decided.

    `policies`: a YAML or TOML file, or a list, as `tracelog policies test` takes; without any, all traces are kept.
    `level`: from which on lines are logged; those below it, down to `record`, are kept only where the trace failed, was
    slow or logged an error. `unsampled`: `stamp` takes lines of traces that are not sampled as all others, with
    `drop_below: WARNING` those below that level are not logged. `limits`: how much is held. Raise ConfigurationError.
    """

    def __init__(
        self,
        policies: str | os.PathLike[str] | Sequence[Any] = (),
        *,
        level: int | str = "INFO",
        record: int | str = "DEBUG",
        unsampled: str = "stamp",
        limits: Limits | None = None,
    ) -> None:
        self.file = os.path.abspath(policies) if isinstance(policies, str | os.PathLike) else None  # noqa: PTH100 - of bytes, too
        self.level = level_number(level)
        self.lowest = min(level_number(record), self.level) if policies else self.level
        """The level from which on records are wanted, to be logged or only recorded; both as stdlib numbers them."""
        self.lowest_severity = severity_number(self.lowest) or 0
        self.is_root_lowered = False
        """Whether the root's level is `lowest` for its sake; then a logger with a level of its own logs by that."""
        self._lowest = severity_number(self.level) or 0
        self._lowest_if_unsampled = severity_number(_unsampled(unsampled)) or 0
        self.recorder = Recorder(load_policies(policies), limits=limits) if policies else None
        if self.recorder is not None:
            _recorders.add(self.recorder)
            crash_lines.request_ended = _decide_request

    def put(self, record: logging.LogRecord, sink: Callable[[logging.LogRecord], None]) -> None:
        """Give a record to `sink`: now, or later, as it was now, or never."""
        held = record.__dict__
        stamp: Stamp | None = held[STAMP] if STAMP in held else stamp_of(record)
        severity = _SEVERITIES.get(record.levelno) or severity_number(record.levelno) or 0
        logged = severity >= self._lowest or (self.is_root_lowered and has_own_level(record.name))
        if stamp is None:
            if logged:
                sink(record)
            return
        if not stamp.flags & SAMPLED:
            logged = logged and severity >= self._lowest_if_unsampled
        if self.recorder is not None:
            if not is_plain(record):
                record = prepared(record)
            size = _RECORD_SIZE + len(record.msg)
            logged = self.recorder.line(stamp.trace_id, severity, record, sink, size, logged=logged)
        if logged:
            sink(_marked(record) if self._is_ahead(stamp.trace_id, severity) else record)

    def put_entry(self, entry: LogEntry, sink: Callable[[LogEntry], None]) -> None:
        """Do the same with what is read of a record already."""
        severity, flags = entry.severity_number or 0, SAMPLED if entry.trace_flags is None else entry.trace_flags
        logged = severity >= self._lowest
        if entry.trace_id is None:
            if logged:
                sink(entry)
            return
        trace_id = int(entry.trace_id, 16)
        if not flags & SAMPLED:
            logged = logged and severity >= self._lowest_if_unsampled
        if self.recorder is not None:
            logged = self.recorder.line(trace_id, severity, entry, sink, _RECORD_SIZE, logged=logged)
        if logged:
            is_ahead = self._is_ahead(trace_id, severity)
            sink(replace(entry, attributes={**entry.attributes, UNDECIDED: True}) if is_ahead else entry)

    def _is_ahead(self, trace_id: int, severity: int) -> bool:
        """Say whether a line that goes on now does not wait for the decision about its trace."""
        return severity >= AT_ONCE and self.recorder is not None and trace_id in self.recorder

    def tell(self, watch: Callable[[int], None]) -> None:
        """Have somebody who sees to their age told how many traces are undecided, whenever that changes."""
        if self.recorder is not None:
            self.recorder.is_closed = False
            if watch not in self.recorder.watchers:
                self.recorder.watchers.append(watch)

    def decide(self) -> None:
        """Decide what is undecided, with what is known of it."""
        if self.recorder is not None:
            self.recorder.decide_all("replaced")

    def stats(self) -> dict[str, int]:
        """Return what became of traces, and of lines that were held: counts by words, and how many are `undecided`."""
        return {} if self.recorder is None else {**self.recorder.counts, "undecided": len(self.recorder)}


_loggers = logging.Logger.manager.loggerDict


def has_own_level(name: str) -> bool:
    """Say whether a logger, or one that it stands below, has a level of its own, and not the root's."""
    logger: Any = _loggers.get(name)
    if logger is None:  # the root itself, or one that stands outside of the tree
        return False
    try:
        while not logger.level:
            logger = logger.parent
    except AttributeError:  # there is only a place for such a logger, or the root has no level either
        return False
    return logger.parent is not None


Given = Keep | str | os.PathLike[str] | Sequence[Any]
"""What may be given for a `Keep`: one, or its policies."""
_by_file: dict[str, Keep] = {}
"""The one of each file that handlers and span processors share."""


def resolve_keep(keep: Given | None = None) -> Keep | None:
    """Return what is given, else that of the file that `TRACELOG_KEEP` names, else None.

    A file has one Keep in a process: lines and spans that go through it are decided together.
    """
    given = _given(keep)
    known = isinstance(given, str | os.PathLike) and _by_file.get(os.path.abspath(given))  # noqa: PTH100 - of bytes, too
    return known or share_keep(fresh_keep(given))


def fresh_keep(keep: Given | None = None, *, level: int | str = "INFO") -> Keep | None:
    """Return the same, but where it is not a Keep that is given, a new one, of policies as they are now."""
    given = _given(keep)
    return given if given is None or isinstance(given, Keep) else Keep(given, level=level)


def share_keep(keep: Keep | None) -> Keep | None:
    """Let a Keep, if it is of a file, be the one of that file from now on."""
    if keep is not None and keep.file is not None:
        _by_file[keep.file] = keep
    return keep


def _given(keep: Given | None) -> Given | None:
    return os.environ.get("TRACELOG_KEEP") or None if keep is None else keep


def decide_old() -> None:
    """Decide what is undecided for too long anywhere in this process."""
    for recorder in [*_recorders]:
        recorder.decide_old()


def decide_all() -> None:
    """Decide what is undecided anywhere in this process, with what is known of it: the process ends."""
    for recorder in [*_recorders]:
        recorder.close()


def _decide_request(stamp: Stamp, failed: bool) -> None:  # noqa: FBT001 - a callback's
    for recorder in [*_recorders]:
        recorder.request_over(stamp.trace_id, failed=failed)


def _begin_in_child() -> None:
    for recorder in [*_recorders]:
        recorder.begin()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_in_child)

_SEVERITIES = {level: severity_number(level) for level in range(10, 60, 10)}


def _marked(record: logging.LogRecord) -> logging.LogRecord:
    """Return the record with an attribute more, which other handlers do not see."""
    marked = copy.copy(record)
    marked.__dict__[UNDECIDED] = True
    return marked


def _unsampled(rule: str) -> int:
    """Return the level below which lines of unsampled traces are not logged."""
    if rule == "stamp":
        return 0
    if rule.startswith(_DROP_BELOW):
        return level_number(rule.removeprefix(_DROP_BELOW).strip())
    raise ConfigurationError(f"unsampled is {rule!r} (expected 'stamp' or for example 'drop_below: WARNING')")
