"""An exception as text, taken before any queue can drop it: qualified type, message, stack, causes and groups."""

from __future__ import annotations

import sys
import traceback
from collections.abc import MutableMapping
from typing import Any

from tracelog.model import ExceptionInfo


def describe_exception(error: BaseException | None, kind: type[BaseException] | None = None) -> ExceptionInfo | None:
    """Return an exception as text; None where there is none. A broken `__str__` costs a placeholder."""
    found = type(error) if error is not None else kind
    if found is None:
        return None
    name = found.__qualname__ if found.__module__ == "builtins" else f"{found.__module__}.{found.__qualname__}"
    if error is None:
        return ExceptionInfo(type=name)
    try:
        stacktrace = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    except Exception as failure:  # noqa: BLE001 - something in the chain cannot be printed; the line must come through
        stacktrace = f"<unprintable stack: {type(failure).__name__}>"
    return ExceptionInfo(name, message_of(error), stacktrace)


def message_of(error: BaseException) -> str:
    """Return `str(error)`, or a placeholder where that raises."""
    try:
        return str(error)
    except Exception as failure:  # noqa: BLE001 - as above
        return f"<unprintable {type(error).__name__}: {type(failure).__name__}>"


def from_exc_info(info: Any) -> ExceptionInfo | None:
    """Return the exception in an `exc_info`: True for the one being handled, an exception, or its triple."""
    if info is True:
        info = sys.exc_info()
    if isinstance(info, BaseException):
        return describe_exception(info)
    if isinstance(info, tuple) and info and info[0] is not None:
        return describe_exception(info[1], info[0])
    return None


def take_exception(event_dict: MutableMapping[str, Any]) -> ExceptionInfo | None:
    """Remove the exception from a structlog event dict and return it: `exc_info`, or `exception` once rendered."""
    found = from_exc_info(event_dict.pop("exc_info", None))
    text = event_dict.get("exception")
    if found is None and isinstance(text, str):
        found = ExceptionInfo(stacktrace=text)
        del event_dict["exception"]
    return found
