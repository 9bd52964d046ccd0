"""Records of stdlib logging, events of structlog and ended spans, kept as they are written.

Nothing is replaced: handlers, levels, filters and processors stay those of the user. stdlib records are read where a
logger hands them to handlers, after its level and filters and whether or not it propagates. structlog events are
read by a processor right before the renderer, put into the very list that cached loggers hold. An event that a
stdlib logger prints becomes one line, not two.
"""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import ExitStack, contextmanager
from itertools import count
from typing import Any

import msgspec
import structlog

from tracelog.capture.record import read_record
from tracelog.capture.structlog import read_event
from tracelog.model import LogEntry, Span, level_of
from tracelog.ship.sending import is_sending
from tracelog.testing.spans import keep_spans, tracer_provider

_CODE = ("code.file.path", "code.line.number", "code.function.name")
_WHOLE_EVENT = [
    structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    structlog.stdlib.render_to_log_kwargs,
    *filter(None, [getattr(structlog.stdlib, "render_to_log_args_and_kwargs", None)]),
]
"""What leaves all of an event on the stdlib record: there the record is read, and the event need not be."""


class Recording:
    """What was written: lines in the order of their calls, spans in the order in which they ended."""

    def __init__(self, resource: Mapping[str, Any], *, code: bool) -> None:
        self._resource = resource
        self._code = code
        self._numbers = count(1)
        self._logs: list[LogEntry] = []
        self._spans: list[Span] = []
        self._thread = threading.local()
        self.add_span = self._spans.append

    @property
    def logs(self) -> tuple[LogEntry, ...]:
        """Every line so far."""
        return tuple(sorted(self._logs, key=lambda entry: entry.id))

    @property
    def spans(self) -> tuple[Span, ...]:
        """Every span that has ended so far."""
        return tuple(self._spans)

    def handle(self, original: Callable[..., Any], logger: logging.Logger, record: logging.LogRecord) -> Any:
        """Stand around `Logger.handle`: know the event, if any, that structlog rendered into this record."""
        outer, rendered = self._rendered_now, self._take_rendered(logger, record)
        self._thread.now = rendered
        try:
            return original(logger, record)
        finally:
            self._thread.now = outer

    def call_handlers(self, original: Callable[..., Any], logger: logging.Logger, record: logging.LogRecord) -> Any:
        """Stand around `Logger.callHandlers`: keep the record, with what the filters of handlers add to it."""
        if is_sending():
            return original(logger, record)
        number, event = self._next_id(), self._rendered_now
        try:
            return original(logger, record)
        finally:
            entry = read_record(record, self._resource) if event is None else event
            self._add(entry, number)

    def see_event(self, logger: Any, method_name: str, event: Any, renderer: Any) -> None:
        """Keep an event that is about to be rendered; for a stdlib logger, until its record comes by."""
        on_record = isinstance(logger, logging.Logger)
        foreign = isinstance(event, Mapping) and "_record" in event
        if foreign or is_sending() or (on_record and any(renderer is known for known in _WHOLE_EVENT)):
            return
        said = dict(event) if isinstance(event, Mapping) else {"event": event}
        entry = read_event(logger, method_name, said, self._resource)
        if on_record:
            self._thread.waiting = (logger, entry)
        else:
            self._add(entry, self._next_id())

    @property
    def _rendered_now(self) -> LogEntry | None:
        return getattr(self._thread, "now", None)

    def _take_rendered(self, logger: logging.Logger, record: logging.LogRecord) -> LogEntry | None:
        """Return the event that waits for this record. One whose record a level stopped is forgotten."""
        waiting = getattr(self._thread, "waiting", None)
        self._thread.waiting = None
        if waiting is None or waiting[0] is not logger:
            return None
        entry: LogEntry = waiting[1]
        return entry if entry.level in (None, level_of(None, record.levelname)) else None

    def _next_id(self) -> str:
        return f"{next(self._numbers):08d}"

    def _add(self, entry: LogEntry, number: str) -> None:
        attributes = entry.attributes
        if not self._code:
            attributes = {key: value for key, value in attributes.items() if key not in _CODE}
        self._logs.append(msgspec.structs.replace(entry, id=number, attributes=attributes))


@contextmanager
def record_telemetry(*, level: int | str | None = None, code: bool = True) -> Iterator[Recording]:
    """Record all that is written, under the root logger's level `level`; `code`: with `code.*` attributes."""
    provider = tracer_provider()
    recording = Recording(dict(provider.resource.attributes), code=code)
    root = logging.getLogger()
    with ExitStack() as stack:
        if level is not None:
            stack.callback(root.setLevel, root.level)
            root.setLevel(level)
        stack.enter_context(keep_spans(provider, recording.add_span))
        stack.enter_context(_around(logging.Logger, "handle", recording.handle))
        stack.enter_context(_around(logging.Logger, "callHandlers", recording.call_handlers))
        stack.enter_context(_structlog_chains(recording))
        yield recording


@contextmanager
def _around(owner: type, name: str, hook: Callable[..., Any]) -> Iterator[None]:
    """Call `hook(original, ...)` in place of a method; where others stand on it afterwards, only fall silent."""
    original = getattr(owner, name)
    active = True

    @functools.wraps(original)
    def call(*args: Any, **kwargs: Any) -> Any:
        return hook(original, *args, **kwargs) if active else original(*args, **kwargs)

    setattr(owner, name, call)
    try:
        yield
    finally:
        active = False
        if getattr(owner, name) is call:
            setattr(owner, name, original)


class _SeeEvent:
    """The processor that reads an event before the last of its processors, the renderer, takes it."""

    def __init__(self, recording: Recording, processors: list[Any]) -> None:
        self._recording: Recording | None = recording
        self._processors = processors

    def __call__(self, logger: Any, method_name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        if self._recording is not None:
            self._recording.see_event(logger, method_name, event, self._processors[-1])
        return event

    def remove(self) -> None:
        """Leave the processors, and do nothing for those who have a copy of them."""
        self._recording = None
        self._processors[:] = [processor for processor in self._processors if processor is not self]


@contextmanager
def _structlog_chains(recording: Recording) -> Iterator[None]:
    """Read the events of the configured processors, and of those that a logger is bound with from now on."""
    inserted: list[_SeeEvent] = []

    def insert(processors: Any) -> Any:
        chain: list[Any] = processors if isinstance(processors, list) else list(processors)
        if chain and not any(isinstance(processor, _SeeEvent) and processor in inserted for processor in chain):
            inserted.append(_SeeEvent(recording, chain))
            chain.insert(len(chain) - 1, inserted[-1])
        return chain

    def bind(original: Callable[..., None], bound: Any, logger: Any, processors: Any, context: Any) -> None:
        original(bound, logger, insert(processors), context)

    insert(structlog.get_config()["processors"])
    try:
        with _around(structlog.BoundLoggerBase, "__init__", bind):
            yield
    finally:
        for processor in inserted:
            processor.remove()
