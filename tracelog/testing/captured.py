"""What a test wrote: its lines, its spans, and assertions that say what was written instead."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

from tracelog import ids
from tracelog.capture.values import clean
from tracelog.model import LogEntry, Span, Trace, level_of
from tracelog.read.tree import build_trace
from tracelog.testing.recording import Recording
from tracelog.testing.report import list_lines

_ABSENT = object()


class CapturedTelemetry:
    """The lines and ended spans of one test. A span is known by name once it has ended."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording

    @property
    def logs(self) -> tuple[LogEntry, ...]:
        """Every line, in the order of the calls; `id` is its number."""
        return self._recording.logs

    @property
    def spans(self) -> tuple[Span, ...]:
        """Every span that has ended, in the order of their ends."""
        return self._recording.spans

    def trace(self, trace_id: str | None = None) -> Trace:
        """Return the only trace, or the one with an id: spans as a tree, lines on their spans."""
        __tracebackhide__ = True
        known = self._trace_ids()
        wanted = known[0] if trace_id is None and len(known) == 1 else ids.trace_id(trace_id)
        if wanted not in known:
            raise AssertionError(self._which_traces(trace_id, known))
        return self._build(wanted)

    def logs_of(self, span: str, *, descendants: bool = False) -> tuple[LogEntry, ...]:
        """Return the lines written in the spans of a name; with `descendants`, also in those below them."""
        __tracebackhide__ = True
        found = [ended for ended in self.spans if ended.name == span]
        if not found:
            names = ", ".join(dict.fromkeys(repr(ended.name) for ended in self.spans)) or "none"
            raise AssertionError(f"no span named {span!r} has ended; ended are: {names}")
        lines = {
            line.id: line
            for ended in found
            for line in self._build(ended.trace_id).logs_of(ended, descendants=descendants)
        }
        return tuple(lines[number] for number in sorted(lines))

    def assert_logged(
        self,
        text: str = "",
        /,
        *,
        span: str | None = None,
        level: str | None = None,
        logger: str | None = None,
        **attributes: Any,
    ) -> LogEntry:
        """Return the first line with `text` in its message that was written so; fail with what was written instead.

        `span`: the name of the span that wrote it, itself. `level`: DEBUG, INFO, WARNING, ERROR or CRITICAL.
        `attributes`: values that the line has, among others; `**{"order.id": 7}` for names with dots.
        """
        __tracebackhide__ = True
        found = self._matching(text, span, level, logger, attributes)
        if not found:
            said = _describe(text, span, level, logger, attributes)
            elsewhere = {line.id for line in self.logs if text and text in line.message}
            note = "; those marked > say it otherwise" if elsewhere else _level_note()
            raise AssertionError(f"no line was logged{said}{note}\n{self._list(elsewhere)}")
        return found[0]

    def assert_not_logged(
        self,
        text: str = "",
        /,
        *,
        span: str | None = None,
        level: str | None = None,
        logger: str | None = None,
        **attributes: Any,
    ) -> None:
        """Fail, and show them, where there are lines that `assert_logged` would find with these arguments."""
        __tracebackhide__ = True
        found = {line.id for line in self._matching(text, span, level, logger, attributes)}
        if found:
            said = _describe(text, span, level, logger, attributes)
            raise AssertionError(f"{_count(found)} logged{said}, marked >\n{self._list(found)}")

    def assert_every_line_has_ids(self) -> None:
        """Fail, and show them, where lines were written outside any span; also where nothing was written."""
        __tracebackhide__ = True
        without = {line.id for line in self.logs if line.trace_id is None or line.span_id is None}
        if without:
            raise AssertionError(f"{_count(without)} logged without ids, marked >\n{self._list(without)}")
        if not self.logs:
            raise AssertionError("no line was logged, so none has ids")

    def _matching(
        self, text: str, span: str | None, level: str | None, logger: str | None, attributes: dict[str, Any]
    ) -> list[LogEntry]:
        __tracebackhide__ = True
        wanted_level = level_of(None, level)
        if level is not None and wanted_level is None:
            raise ValueError(f"unknown level {level!r} (expected for example INFO)")
        checks: list[Callable[[LogEntry], bool]] = [lambda line: text in line.message]
        if wanted_level is not None:
            checks.append(lambda line: line.level == wanted_level)
        if logger is not None:
            checks.append(lambda line: line.logger == logger)
        expected = {key: clean(value) for key, value in attributes.items()}
        checks.append(lambda line: all(line.attributes.get(key, _ABSENT) == expected[key] for key in expected))
        lines = self.logs if span is None else self.logs_of(span)
        return [line for line in lines if all(check(line) for check in checks)]

    def _trace_ids(self) -> list[str]:
        seen = [line.trace_id for line in self.logs] + [span.trace_id for span in self.spans]
        return list(dict.fromkeys(trace_id for trace_id in seen if trace_id is not None))

    def _build(self, trace_id: str) -> Trace:
        spans = [span for span in self.spans if span.trace_id == trace_id]
        return build_trace(trace_id, spans, [line for line in self.logs if line.trace_id == trace_id])

    def _which_traces(self, asked: str | None, known: list[str]) -> str:
        roots = [(trace_id, self._build(trace_id).root) for trace_id in known]
        listed = ", ".join(f"{trace_id} ({root.name if root else 'no span has ended'})" for trace_id, root in roots)
        if asked is not None:
            return f"no trace {asked!r} was captured; captured: {listed or 'none'}"
        return f"{len(known)} traces were captured, name one: {listed}" if known else "no trace was captured"

    def _list(self, marked: Iterable[str]) -> str:
        return list_lines(self.logs, [self._build(trace_id) for trace_id in self._trace_ids()], set(marked))


def _describe(text: str, span: str | None, level: str | None, logger: str | None, attributes: dict[str, Any]) -> str:
    """Return what was looked for, as the end of a sentence."""
    said = f" with {text!r}" if text else ""
    said += f" in span {span!r}" if span is not None else ""
    said += f" at {level.upper()}" if level is not None else ""
    said += f" by {logger!r}" if logger is not None else ""
    return said + (f" with attributes {attributes}" if attributes else "")


def _level_note() -> str:
    level = logging.getLogger().level
    return f"; the root logger's level is {logging.getLevelName(level)}" if level > logging.INFO else ""


def _count(lines: set[str]) -> str:
    return "1 line was" if len(lines) == 1 else f"{len(lines)} lines were"
