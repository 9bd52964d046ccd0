"""An exception as text, taken before any queue can drop it: qualified type, message, stack, causes and groups."""

from __future__ import annotations

import sys
import traceback
from collections import deque
from collections.abc import MutableMapping
from typing import Any

from tracelog.model import ExceptionInfo


def describe_exception(error: BaseException | None, kind: type[BaseException] | None = None) -> ExceptionInfo | None:
    """Return an exception as text; None where there is none. A broken `__str__` costs a placeholder."""
    found = type(error) if error is not None else kind
    if found is None:
        return None
    name = qualified_name(found)
    if error is None:
        return ExceptionInfo(type=name)
    try:
        stacktrace = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    except Exception as failure:  # noqa: BLE001 - something in the chain cannot be printed; the line must come through
        stacktrace = f"<unprintable stack: {type(failure).__name__}>"
    return ExceptionInfo(name, message_of(error), stacktrace)


def qualified_name(kind: type[BaseException]) -> str:
    """Return a type's name with its module, but for builtins, as OpenTelemetry writes `exception.type`."""
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def message_of(error: BaseException) -> str:
    """Return `str(error)`, or a placeholder where that raises."""
    try:
        return str(error)
    except Exception as failure:  # noqa: BLE001 - as above
        return f"<unprintable {type(error).__name__}: {type(failure).__name__}>"


def exc_info_of(info: Any) -> tuple[type[BaseException], BaseException | None, Any] | None:
    """Return the triple that an `exc_info` stands for: of an exception, or of the one being handled for True or 1."""
    if isinstance(info, BaseException):
        return type(info), info, info.__traceback__
    if isinstance(info, int) and info:
        info = sys.exc_info()
    match info:
        case (type() as kind, error, stack) if issubclass(kind, BaseException):
            return kind, error if isinstance(error, BaseException) else None, stack
    return None


def from_exc_info(info: Any) -> ExceptionInfo | None:
    """Return the exception in an `exc_info`: an exception, its triple, True or 1 for the one being handled.

    One that was taken before, as text, is returned as it is.
    """
    if isinstance(info, ExceptionInfo):
        return info
    triple = exc_info_of(info)
    return None if triple is None else describe_exception(triple[1], triple[0])


def take_exc_info(event_dict: MutableMapping[str, Any]) -> ExceptionInfo | None:
    """Remove `exc_info` from a structlog event dict and return its exception; text, which only tells of one, stays."""
    info = event_dict.get("exc_info")
    found = from_exc_info(info)
    if not isinstance(info, str):
        event_dict.pop("exc_info", None)
    return found


def take_exception(event_dict: MutableMapping[str, Any]) -> ExceptionInfo | None:
    """Do the same, and take `exception`, which is rendered already, where there is no other."""
    found = take_exc_info(event_dict)
    text = event_dict.get("exception")
    if found is None and isinstance(text, str):
        found = ExceptionInfo(stacktrace=text)
        del event_dict["exception"]
    return found


_logged: deque[tuple[str, str | None, str | None]] = deque(maxlen=256)
"""The exceptions that were logged last: span id, type, message."""
_LOGGED_IN = "_tracelog_logged_in"
"""The attribute of an exception that has the ids of the spans within which it was logged."""


def _said_by(error: BaseException) -> tuple[str, str]:
    return qualified_name(type(error)), message_of(error)


def note_logged(span_id: str, info: Any) -> None:
    """Remember that an exception, or the one of an `exc_info` triple, was logged within a span."""
    error = info[1] if isinstance(info, tuple) and len(info) > 1 else info
    if isinstance(error, BaseException):
        _logged.append((span_id, *_said_by(error)))
        error.__dict__.setdefault(_LOGGED_IN, set()).add(span_id)


def was_logged(span_id: str, exception: ExceptionInfo) -> bool:
    """Say whether an exception was logged within a span, lately.

    The one that ends the span is known by itself, for another one may have said the same before.
    """
    ending = sys.exc_info()[1]
    if ending is not None and _said_by(ending) == (exception.type, exception.message):
        return span_id in ending.__dict__.get(_LOGGED_IN, ())
    return (span_id, exception.type, exception.message) in _logged
