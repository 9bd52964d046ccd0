"""Secrets are hidden before anything is stored, queued or printed: `[redacted]` stands where they stood.

    connecting with password=hunter2          ->  connecting with password=[redacted]
    {"headers": {"Cookie": "a=b", "Via": 1}}  ->  {"headers": {"Cookie": "[redacted]", "Via": 1}}

Here is who hides them, in whatever entries hold. A key that asks for it (see `redact_names`) has its whole value
hidden; every text, keys included, is searched (see `redact_text`). Most entries hold no secret, so each is looked at
first: what its keys ask for is remembered, and its texts are searched together. Only where that finds something is the
entry gone through value by value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from tracelog.capture.record import Said
from tracelog.capture.redact_names import (
    ALL,
    LONGEST,
    PLAIN,
    REDACTED,
    asks_to_hide,
    compile_words,
    judge,
    normalise,
)
from tracelog.capture.redact_text import hide_secrets, is_suspicious
from tracelog.capture.values import clean
from tracelog.errors import ConfigurationError
from tracelog.model import Attributes, ExceptionInfo, LogEntry, Span, SpanEvent, SpanLink
from tracelog.schema.lines import PLACE

__all__ = ["FAILURE", "REDACTED", "Redactor", "make_redactor"]

FAILURE = "tracelog.redaction_error"
"""The attribute that names the error where redaction itself failed and all else was hidden."""

Extra = Callable[[str, Any], Any]
_Entry = TypeVar("_Entry", LogEntry, Span)
_Fields = TypeVar("_Fields", bound=Struct)

_SECRET, _SKIP = 8, 16
"""What a key may be besides what its name asks for: a secret itself; one to pass over, for where in the code a line
stands is on every line and no secret."""
_KEYS_REMEMBERED = 4096

_SCALARS = frozenset({bool, int, float, type(None)})
_FIELDS: dict[type[Any], dict[str, str]] = {
    LogEntry: {"body": "message", "event_name": "name", "attributes": "", "exception": ""},
    ExceptionInfo: {"message": "exception.message", "stacktrace": "exception.stacktrace"},
    Span: {"name": "name", "status_message": "status.message", "attributes": "", "events": "", "links": ""},
    SpanEvent: {"name": "name", "attributes": ""},
    SpanLink: {"attributes": ""},
}
"""The fields that may hold a secret, and the key under which `extra` is given their text."""


class Redactor:
    """Hide secrets in log entries and spans. Never raises: where it fails, it hides everything.

    `keys`: more words that keys end with (`"tenant_pin"` is also `tenantPin`), or expressions to search keys for;
    numbers under them are hidden too. `patterns`: more expressions to hide in any text; they should be linear.
    `extra` is called as `extra(key, value)` for every scalar that is left, texts after the patterns, and returns what
    shall stand there; where it raises, the value is hidden. The key is the nearest one: items of a list have the
    list's; other texts have `message`, `exception.message`, `exception.stacktrace`, `status.message`, `name`. With
    `patterns` or `extra` no entry is cheap. A resource is looked at once, not again for each entry.

    `count` is the number of values that were hidden, whole or in part; `errors` that of failures, mostly `extra`'s.
    """

    def __init__(
        self,
        *,
        keys: Iterable[str | re.Pattern[str]] = (),
        patterns: Iterable[str | re.Pattern[str]] = (),
        extra: Extra | None = None,
    ) -> None:
        given = [keys] if isinstance(keys, (str, re.Pattern)) else list(keys)
        self._words = compile_words(key for key in given if isinstance(key, str))
        self._expressions = [key for key in given if isinstance(key, re.Pattern)]
        texts = [patterns] if isinstance(patterns, (str, re.Pattern)) else patterns
        self._patterns = [_compile(pattern) for pattern in texts]
        self._extra = extra
        self._is_suspicious = _is_suspicious_or_names if given else is_suspicious
        self._looks_at_all = bool(self._patterns) or extra is not None
        self._kinds: dict[str, int] = dict.fromkeys(PLACE, _SKIP)
        self._resource: tuple[Attributes, Attributes | None] = ({}, None)
        self.count = 0
        self.errors = 0

    def __call__(self, entry: _Entry) -> _Entry:
        """Return an entry or a span without its secrets: itself, where it has none."""
        try:
            known, hidden = self._resource
            if entry.resource is not known and entry.resource != known:
                hidden = self._look_at_resource(entry.resource)
            if hidden is not None:
                entry = replace(entry, resource=hidden)
            return self._hide_fields(entry) if self._may_hold_secrets(entry) else entry
        except Exception as error:  # noqa: BLE001 - whatever it was, neither may the line be lost nor the secret shown
            self.errors += 1
            return _hide_everything(entry, error)

    def said(self, body: Any, attributes: dict[str, Any], exception: ExceptionInfo | None) -> Said:
        """Return what a record says as an entry would have it: the same three objects, where they hold no secret."""
        try:
            if self._may_say_secrets(body, attributes, exception):
                return self._hide("message", body), self._hide("", attributes), self._hide("", exception)
        except Exception as error:  # noqa: BLE001 - as above
            self.errors += 1
            return _hide_all_said(body, exception, error)
        return body, attributes, exception

    def _look_at_resource(self, resource: Attributes) -> Attributes | None:
        hidden = self._hide_mapping(resource) if self._may_hold_secrets(resource) else resource
        self._resource = (resource, None if hidden is resource else hidden)
        return self._resource[1]

    def _may_hold_secrets(self, value: Any) -> bool:
        if type(value) is LogEntry and value.event_name is None:  # most are, and go without detours
            return self._may_say_secrets(value.body, value.attributes, value.exception)
        texts: list[str] = []
        return self._looks_at_all or self._collect(value, texts) or self._is_suspicious("\n".join(texts))

    def _may_say_secrets(self, body: Any, attributes: Attributes, exception: ExceptionInfo | None) -> bool:
        if self._looks_at_all:
            return True
        texts: list[str] = []
        if type(body) is str:
            texts.append(body)
        elif self._collect(body, texts):
            return True
        if exception is not None and self._collect(exception, texts):
            return True
        return self._collect_mapping(attributes, texts) or self._is_suspicious("\n".join(texts))

    def _collect(self, value: Any, texts: list[str]) -> bool:
        """Collect the texts within a value; return whether a key in it asks for something to be hidden."""
        kind = type(value)
        if kind in _SCALARS:
            return False
        if isinstance(value, str):
            texts.append(value)
        elif kind is dict or isinstance(value, Mapping):
            return self._collect_mapping(value, texts)
        elif isinstance(value, (list, tuple)):
            return any(self._is_asking_pair(item) or self._collect(item, texts) for item in value)
        elif kind in _FIELDS:
            return any(self._collect(getattr(value, field), texts) for field in _FIELDS[kind])
        return False

    def _collect_mapping(self, mapping: Mapping[Any, Any], texts: list[str]) -> bool:
        kinds = self._kinds
        for key, value in mapping.items():
            asked = kinds.get(key)
            if asked != PLAIN:
                asked = self._kind(key) if asked is None else asked
                if asked == _SKIP:
                    continue
                if asked & _SECRET or asks_to_hide(asked, value):
                    return True
            kind = type(value)
            if kind is str:
                texts.append(value)
            elif kind not in _SCALARS and self._collect(value, texts):
                return True
        return False

    def _is_asking_pair(self, item: Any) -> bool:
        """Return whether an item of a list is a name that asks and its value, as in a list of headers."""
        match item:
            case [str(name), value]:
                return asks_to_hide(self._kind(name), value)
        return False

    def _kind(self, key: Any) -> int:
        """Return what a key asks for and is, from memory where it was seen before."""
        if not isinstance(key, str):
            return PLAIN
        kind = self._kinds.get(key)
        if kind is None:
            kind = self._judge(key[-LONGEST:]) | (_SECRET if self._hide_patterns(key) != key else PLAIN)
            if len(self._kinds) >= _KEYS_REMEMBERED:
                self._kinds = dict.fromkeys(PLACE, _SKIP)
            if len(key) <= LONGEST:
                self._kinds[key] = kind
        return kind

    def _judge(self, end: str) -> int:
        if any(expression.search(end) for expression in self._expressions):
            return ALL
        name = normalise(end)
        return judge(name, self._words) if self._is_suspicious(f"{name}=") else PLAIN

    def _hide(self, key: str, value: Any) -> Any:
        """Return a value without what is secret in it; itself where nothing is."""
        if isinstance(value, str):
            return self._hide_text(key, value)
        if isinstance(value, Mapping):
            return self._hide_mapping(value)
        if isinstance(value, (list, tuple)):
            return self._hide_items(key, value)
        return self._hide_fields(value) if type(value) in _FIELDS else self._ask(key, value)

    def _hide_fields(self, value: _Fields) -> _Fields:
        changes = {}
        for field, key in _FIELDS[type(value)].items():
            before = getattr(value, field)
            after = self._hide(key, before)
            if after is not before:
                changes[field] = after
        return replace(value, **changes) if changes else value

    def _hide_mapping(self, mapping: Mapping[Any, Any]) -> Mapping[Any, Any]:
        hidden: dict[Any, Any] = {}
        same = True
        for key, value in mapping.items():
            kind = self._kind(key)
            name = self._rename(key, taken=(mapping, hidden)) if kind & _SECRET else key
            after = self._hide_whole() if asks_to_hide(kind, value) else self._hide(name, value)
            same = same and name is key and after is value
            hidden[name] = after
        return mapping if same else hidden

    def _rename(self, key: str, taken: tuple[Mapping[Any, Any], ...]) -> str:
        """Return a key without what is secret in it, apart from the keys that are there."""
        self.count += 1
        name = hidden = self._hide_patterns(key)
        number = len(taken[-1])
        while any(name in keys for keys in taken):
            name = f"{hidden} {number}"
            number += 1
        return name

    def _hide_items(self, key: str, items: list[Any] | tuple[Any, ...]) -> list[Any] | tuple[Any, ...]:
        hidden = [self._hide_item(key, item) for item in items]
        if all(after is before for after, before in zip(hidden, items, strict=True)):
            return items
        return tuple(hidden) if isinstance(items, tuple) else hidden

    def _hide_item(self, key: str, item: Any) -> Any:
        if self._is_asking_pair(item):
            return [self._hide(key, item[0]), self._hide_whole()]
        return self._hide(key, item)

    def _hide_whole(self) -> str:
        self.count += 1
        return REDACTED

    def _hide_text(self, key: str, text: str) -> Any:
        hidden = self._hide_patterns(text)
        if hidden == text:
            return self._ask(key, text)
        self.count += 1
        return self._ask(key, hidden)

    def _hide_patterns(self, text: str) -> str:
        if self._is_suspicious(text):
            text = hide_secrets(text, self._kind)
        for pattern in self._patterns:
            text = pattern.sub(_hide_match, text)
        return text

    def _ask(self, key: str, scalar: Any) -> Any:
        if self._extra is None or scalar is None:
            return scalar
        try:
            answer = clean(self._extra(key, scalar))
        except Exception:  # noqa: BLE001 - the callback is not ours
            self.errors += 1
            return self._hide_whole()
        if type(answer) is type(scalar) and answer == scalar:
            return scalar
        self.count += 1
        return answer


@cache
def _default_redactor() -> Redactor:
    return Redactor()


def make_redactor(redact: bool | Redactor | None) -> Redactor | None:  # noqa: FBT001 - the public parameter, passed on
    """Return what the public `redact=` stands for: True is the default one, which all share; False and None, none."""
    if redact is True:
        return _default_redactor()
    if redact is None or redact is False:
        return None
    if isinstance(redact, Redactor):
        return redact
    raise ConfigurationError(f"redact cannot be {redact!r} (expected True, False or a Redactor)")


def _compile(pattern: str | re.Pattern[str]) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise ConfigurationError(f"the pattern {pattern!r} to redact is no regular expression: {error}") from error


def _is_suspicious_or_names(text: str) -> bool:
    """Return whether a text may hold a secret or any name with a value, for names of the user's may be asked for."""
    return "=" in text or ":" in text or is_suspicious(text)


def _hide_match(found: re.Match[str]) -> str:
    return REDACTED if found[0] else ""


def _hide_everything(entry: _Entry, error: Exception) -> _Entry:
    """Return an entry with its ids, its names and the error alone."""
    if isinstance(entry, LogEntry):
        body, why, kind = _hide_all_said(entry.body, entry.exception, error)
        return replace(entry, body=body, attributes=why, resource={}, exception=kind)
    return replace(entry, status_message=None, attributes=_why(error), resource={}, events=(), links=())


def _hide_all_said(body: Any, exception: ExceptionInfo | None, error: Exception) -> Said:
    return body and REDACTED, _why(error), exception and ExceptionInfo(exception.type)


def _why(error: Exception) -> dict[str, Any]:
    return {FAILURE: type(error).__name__}
