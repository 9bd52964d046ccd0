"""The `error.*` fields of log lines and of Elastic APM's error documents -> an exception as text.

Lines have `error.type`, `error.message` and `error.stack_trace`. APM has `error.exception`, an array: what was thrown,
then its causes; of which one each is the cause says `parent`, an index, and absent it is of the one before
(elastic/apm-data, `model/internal/modeljson/error.go`). Its stacks are structures, the latest call first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from tracelog.model import ExceptionInfo
from tracelog.schema import dotted

_THROWN = "error.exception"
_LOG_STACK = "error.log.stacktrace"
CAPTURED_FIELDS = (_THROWN, f"{_THROWN}.type", f"{_THROWN}.message", "error.log.message", "error.grouping_key")
"""Fields that only an error has which was sent as such."""
ERROR_FIELDS = (*CAPTURED_FIELDS, _LOG_STACK, "error.type", "error.message", "error.stack_trace")
"""Without one of them a document tells of no error."""
_BUILT_IN = ("builtins", "__builtins__", "exceptions")


class Line(msgspec.Struct):
    """Where in its file a frame stands."""

    number: Any = None
    context: Any = None


class Frame(msgspec.Struct):
    """One call of a stack."""

    filename: Any = None
    abs_path: Any = None
    module: Any = None
    classname: Any = None
    function: Any = None
    line: Line | None = None

    def __str__(self) -> str:
        """Write the frame as one line and, where it is known, the source below."""
        owner = f"{self.classname}." if self.classname else ""
        place = self.filename or self.abs_path or self.module or "?"
        number = f":{self.line.number}" if self.line and self.line.number is not None else ""
        source = f"\n        {str(self.line.context).strip()}" if self.line and self.line.context else ""
        return f"    at {owner}{self.function or '?'} ({place}{number}){source}"


class Thrown(msgspec.Struct):
    """One exception, or the cause of one before it."""

    type: str | None = None
    message: str | None = None
    module: str | None = None
    code: Any = None
    handled: bool | None = None
    parent: int | None = None
    stacktrace: list[Frame] | None = None
    attributes: dict[str, Any] | None = None

    @property
    def qualified_type(self) -> str | None:
        """The type with its module, as a stack would print it."""
        if not self.type or not self.module or self.module in _BUILT_IN or self.type.startswith(f"{self.module}."):
            return self.type
        return f"{self.module}.{self.type}"

    def __str__(self) -> str:
        """Write the exception as the first line of a stack."""
        return ": ".join(part for part in (self.qualified_type, self.message) if part) or "exception"


class Error(NamedTuple):
    """What a document says of an error. `captured`: it is one that an agent of APM sent as such."""

    captured: bool
    exception: ExceptionInfo | None = None
    text: str | None = None


def take_error(flat: dict[str, Any], *, captured: bool) -> Error:
    """Remove what makes an exception from a flat document; what is no such value stays."""
    captured = captured or not flat.keys().isdisjoint(CAPTURED_FIELDS)
    thrown = _take_thrown(flat)
    logged = _take_frames(flat)
    stack = flat.pop("error.stack_trace", None)
    if isinstance(stack, list):  # a line each, as ECS loggers for Java may write it
        stack = "\n".join(str(line) for line in stack)
    stack = None if stack is None else str(stack)
    if thrown:
        exception = ExceptionInfo(thrown[0].qualified_type, thrown[0].message, stack or _stack(thrown))
        return Error(captured, exception, str(thrown[0]))
    exception = ExceptionInfo(
        dotted.take_text(flat, "error.type"), dotted.take_text(flat, "error.message"), stack or logged
    )
    if not (exception.type or exception.message or exception.stacktrace):
        return Error(captured)
    return Error(captured, exception, exception.message or exception.type)


def stack_text(frames: Sequence[Frame]) -> str:
    """Return a stack as text, a line a call."""
    return "\n".join(str(frame) for frame in frames)


def _take_thrown(flat: dict[str, Any]) -> list[Thrown]:
    """Remove `error.exception`, an array or one, but for what more is said of the first.

    That goes by its own name; `handled`, by OpenTelemetry's name for the contrary.
    """
    parts = {name: f"{_THROWN}.{name}" for name in Thrown.__struct_fields__}
    value = flat.get(_THROWN) or [{name: flat[path] for name, path in parts.items() if path in flat}]
    try:
        thrown = msgspec.convert(value, list[Thrown])
    except msgspec.ValidationError:
        return []
    if value == [{}]:
        return []
    for path in (_THROWN, *parts.values()):
        flat.pop(path, None)
    first = thrown[0]
    flat.update(dotted.flatten({f"{_THROWN}.code": first.code, f"{_THROWN}.attributes": first.attributes}))
    if first.handled is not None:
        flat["exception.escaped"] = not first.handled
    return thrown


def _take_frames(flat: dict[str, Any]) -> str | None:
    if _LOG_STACK not in flat:
        return None
    try:
        frames = msgspec.convert(flat[_LOG_STACK], list[Frame])
    except msgspec.ValidationError:
        return None
    del flat[_LOG_STACK]
    return stack_text(frames) or None


def _stack(thrown: Sequence[Thrown]) -> str | None:
    """Write exceptions and stacks in the order of the array; None where there is but one and it has no frames."""
    lines = []
    for index, each in enumerate(thrown):
        of = "" if each.parent is None or each.parent == index - 1 else f" of {_named(thrown, each.parent)}"
        lines.append(f"Caused by{of}: {each}" if index else str(each))
        lines += [str(frame) for frame in each.stacktrace or ()]
    return "\n".join(lines) if len(lines) > 1 else None


def _named(thrown: Sequence[Thrown], index: int) -> str:
    return str(thrown[index].qualified_type) if 0 <= index < len(thrown) else f"exception {index}"
