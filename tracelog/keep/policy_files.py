"""Policies as people write them: a file of YAML or TOML, or a list in Python.

    - {name: keep_errors, type: status_code, status_code: ERROR}
    - {name: keep_slow, type: latency, threshold_ms: 1000}
    - {name: probabilistic_rest, type: probabilistic, sampling_percentage: 1}

The list may stand under `policies:`, and the Collector's configuration is understood as it is, with the list under
`tail_sampling:` (and `processors:` above that) and the field of a policy under its type: `latency: {threshold_ms: 1}`.
What stands beside the list is the Collector's own and not looked at. Whatever is wrong is a ConfigurationError of one
line: the file, the line, the policy, and what was expected.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from tracelog.errors import ConfigurationError
from tracelog.keep.policies import FIELDS, TYPES, Called, Evidence, Policy, StatusCode, shown
from tracelog.keep.policy_texts import Steps, Written, read_text

PolicySource = str | os.PathLike[str] | Sequence[Any] | Mapping[str, Any]
"""The path of a file (`.yaml`, `.yml`, `.json`, `.toml`), or what would be in it: mappings, policies and functions."""

_SHAPES: tuple[tuple[str, ...], ...] = (
    ("policies",),
    ("tail_sampling", "policies"),
    ("processors", "tail_sampling", "policies"),
)
_CODES = "status_codes"
_ELSEWHERE = "a list of policies, by itself or under policies:, tail_sampling: or processors: tail_sampling:"


def load_policies(source: PolicySource) -> tuple[Policy, ...]:
    """Return the policies of a file or of a list, in its order. Raise ConfigurationError, MissingExtraError.

    A list may hold mappings as a file has them, policies, and functions that take Evidence and say whether to keep.
    """
    try:
        written = read_text(os.fspath(source)) if isinstance(source, str | os.PathLike) else _given(source)
        return _policies(written)
    except ConfigurationError as error:
        raise ConfigurationError(_on_one_line(str(error))) from error.__cause__


def _given(source: Sequence[Any] | Mapping[str, Any]) -> Written:
    def at(steps: Steps) -> str:
        position = next((step for step in steps if isinstance(step, int)), None)
        return "policies" if position is None else f"policies[{position}]"

    return Written(source, at)


def _policies(written: Written) -> tuple[Policy, ...]:
    steps, found = _list_in(written.values)
    if not isinstance(found, Sequence) or isinstance(found, str | bytes):
        raise ConfigurationError(f"{written.at(steps)}: no policies (expected {_ELSEWHERE})")
    if not found:
        raise ConfigurationError(f"{written.at(steps)}: no policies (expected at least one)")
    policies: dict[str, Policy] = {}
    for position, each in enumerate(found):
        entry = _Entry(written.at, (*steps, position), each)
        policy = entry.policy()
        if policy.name in policies:
            first = written.at((*steps, list(policies).index(policy.name), "name"))
            raise entry.error(f"the name is taken by {first} (expected one of its own)", "name")
        policies[policy.name] = policy
    return tuple(policies.values())


def _list_in(values: Any) -> tuple[tuple[str, ...], Any]:
    """Return the list of policies, and the way to it; where there is none, what stands in its place."""
    for shape in _SHAPES:
        held = values
        for key in shape:
            held = held.get(key) if isinstance(held, Mapping) else None
        if held is not None:
            return shape, held
    return (), values


class _Entry:
    """One policy as it is written: read, checked and made."""

    def __init__(self, at: Callable[[Steps], str], steps: Steps, said: Any) -> None:
        self._at = at
        self._steps = steps
        self._said = said

    def policy(self) -> Policy:
        """Return the policy. Raise ConfigurationError."""
        said = self._said
        if isinstance(said, Mapping):
            return self._made()
        if not isinstance(said, type):
            if isinstance(said, Policy):
                return said
            if callable(said):
                function: Callable[[Evidence], object] = said
                return Called(function)
        raise self.error(f"{shown(said)} is no policy (expected a mapping with name and type)")

    def _made(self) -> Policy:
        name = self._text("name", "text")
        kind = TYPES[self._text("type", _listed(TYPES), TYPES)]
        *outer, field = steps = self._steps_to_value(kind.type)
        held = self._said[kind.type] if outer else self._said
        if field not in held:
            raise self.error(f"{field} is missing (expected {kind.expected})")
        try:
            return kind(name, _one_of_all(held[field]) if field == _CODES else held[field])
        except ConfigurationError as error:
            raise self.error(str(error), *steps) from None

    def _text(self, key: str, expected: str, known: Iterable[str] = ()) -> str:
        """Return the text under a key; where some are known, one of these."""
        if key not in self._said:
            raise self.error(f"{key} is missing (expected {expected})")
        text = self._said[key]
        if not isinstance(text, str) or not text.strip():
            raise self.error(f"{key} is {shown(text)} (expected {expected})", key)
        if known and text not in known:
            raise self.error(f"unknown {key} {shown(text)} (expected {expected}{_suggestion(text, known)})", key)
        return text

    def _steps_to_value(self, kind: str) -> tuple[str, ...]:
        """Return where the value that a policy of this type is about belongs, though it may be missing."""
        inner, field = self._said.get(kind), FIELDS[kind]
        if not isinstance(inner, Mapping):
            self._check_keys(self._said, ("name", "type", field))
            return (field,)
        field = _CODES if kind == StatusCode.type else field
        self._check_keys(self._said, ("name", "type", kind))
        self._check_keys(inner, (field,), kind)
        return kind, field

    def _check_keys(self, held: Mapping[Any, Any], known: Sequence[str], *steps: str) -> None:
        for key in held:
            if key not in known:
                within = f" in {steps[0]}" if steps else ""
                suggestion = _suggestion(key, known) if isinstance(key, str) else ""
                raise self.error(
                    f"unknown key {shown(key)}{within} (expected {_listed(known)}{suggestion})", *steps, key
                )

    def error(self, problem: str, *steps: Any) -> ConfigurationError:
        """Return the error that says where, in which policy, and what is wrong."""
        name = self._said.get("name") if isinstance(self._said, Mapping) else getattr(self._said, "name", None)
        label = f"{name if name.isprintable() else shown(name)}: " if isinstance(name, str) and name.strip() else ""
        return ConfigurationError(f"{self._at((*self._steps, *steps))}: {label}{problem}")


def _one_of_all(codes: Any) -> Any:
    """Return ERROR for a list of nothing else, as the Collector has it; else what is wrong with it."""
    if not isinstance(codes, list | tuple) or not codes:
        return codes
    return next((code for code in codes if code != "ERROR"), "ERROR")


def _listed(names: Iterable[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last


def _suggestion(text: str, known: Iterable[str]) -> str:
    names = list(known)
    close = get_close_matches(text.lower(), names, n=1) if len(names) > 1 else []
    return f"; did you mean {close[0]}?" if close else ""


def _on_one_line(text: str) -> str:
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)
