"""Decoders of documents that others wrote fail with `msgspec.DecodeError` or ValueError alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

_Asked = ParamSpec("_Asked")
_Decoded = TypeVar("_Decoded")


def guarded(decode: Callable[_Asked, _Decoded]) -> Callable[_Asked, _Decoded]:
    """Make a decoder raise ValueError where a document is nested more deeply than Python recurses.

    Elasticsearch takes 1000 levels in one.
    """

    @wraps(decode)
    def guard(*args: _Asked.args, **kwargs: _Asked.kwargs) -> _Decoded:
        try:
            return decode(*args, **kwargs)
        except RecursionError as error:
            raise ValueError("a document that is nested too deeply") from error

    return guard
