"""What people log that JSON cannot hold: each value becomes something readable, and no line is lost for it."""

from __future__ import annotations

import enum
import json
import math
import numbers
import threading
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID

import pytest

from tracelog import JsonFormatter

from .telemetry import Printed, make_logger


class Colour(enum.Enum):
    RED = "red"
    DEEP = ("deep", 1)


class Size(enum.IntEnum):
    LARGE = 3


class Int64(int):
    """An integer of a class of its own, as numpy's."""

    def __repr__(self) -> str:
        return f"Int64({int(self)})"


class Float64(float):
    def __repr__(self) -> str:
        return f"Float64({float(self)})"


class Word(str):
    __slots__ = ()


class Int32:
    """An integer only by registration, as numpy.int32 is."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __int__(self) -> int:
        return self.value

    def __repr__(self) -> str:
        return f"Int32({self.value})"


numbers.Integral.register(Int32)


class BrokenRepr:
    def __repr__(self) -> str:
        raise RuntimeError("no")


class BrokenMapping(Mapping[str, int]):
    def __getitem__(self, key: str) -> int:
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        raise RuntimeError("detached")

    def __len__(self) -> int:
        return 1


class Unbound:
    """A proxy that is bound to nothing at the moment, as werkzeug's outside a request."""

    @property
    def __class__(self) -> Any:
        raise RuntimeError("working outside of request context")

    @__class__.setter
    def __class__(self, value: Any) -> None:
        raise NotImplementedError


def line_of(value: Any) -> dict[str, Any]:
    """Log a value as an extra and return the line that was printed."""
    handler = Printed(JsonFormatter(service="shop"))
    make_logger(handler).info("said", extra={"value": value})
    (line,) = handler.lines
    found: dict[str, Any] = json.loads(line)
    return found


def printed(value: Any) -> Any:
    return line_of(value)["value"]


PLAIN = {
    "null": (None, None),
    "true": (True, True),
    "largest": (2**63 - 1, 2**63 - 1),
    "beyond 64 bits": (2**70, "1180591620717411303424"),
    "below 64 bits": (-(2**63) - 1, "-9223372036854775809"),
    "nan": (math.nan, "nan"),
    "infinity": (-math.inf, "-inf"),
    "int subclass": (Int64(5), 5),
    "large int subclass": (Int64(2**70), "1180591620717411303424"),
    "float subclass": (Float64(0.5), 0.5),
    "nan subclass": (Float64("nan"), "nan"),
    "registered integer": (Int32(7), 7),
    "str subclass": (Word("hello"), "hello"),
    "decimal": (Decimal("12.50"), "12.50"),
    "enum": (Colour.RED, "red"),
    "enum of a tuple": (Colour.DEEP, ["deep", 1]),
    "int enum": (Size.LARGE, 3),
    "bytes": (b"caf\xc3\xa9", "café"),
    "bytes that are no text": (bytearray(b"\xff\x00a"), "\\xff\x00a"),
    "memory": (memoryview(b"ab"), "ab"),
    "naive datetime": (datetime(2026, 4, 19, 14, 23), "2026-04-19T14:23:00"),  # noqa: DTZ001 - the point
    "aware datetime": (datetime(2026, 4, 19, 14, 23, tzinfo=timezone.utc), "2026-04-19T14:23:00+00:00"),
    "date": (date(2026, 4, 19), "2026-04-19"),
    "duration": (timedelta(seconds=90), "0:01:30"),
    "uuid": (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    "path": (PurePosixPath("/tmp/a"), "/tmp/a"),
    "set": ({3}, [3]),
    "frozenset": (frozenset(["a"]), ["a"]),
    "tuple": ((1, "a"), [1, "a"]),
    "keys of a dict": ({"a": 1}.keys(), ["a"]),
    "tuple key": ({(1, "a"): 1}, {"(1, 'a')": 1}),
    "other keys": ({1: "a", None: "b", b"c": "d"}, {"1": "a", "None": "b", "b'c'": "d"}),
    "NUL": ("a\0b", "a\0b"),
    "NUL in a key": ({"a\0b": 1}, {"a\0b": 1}),
    "lone surrogate": ("a\ud800b", "a\\ud800b"),
    "lone surrogate in a key": ({"a\udfff": ["\ud800"]}, {"a\\udfff": ["\\ud800"]}),
    "surrogates in bytes": ("caf\udce9", "caf\\udce9"),
    "broken repr": (BrokenRepr(), "<unprintable BrokenRepr: RuntimeError>"),
    "broken repr within": ([1, {"a": BrokenRepr()}], [1, {"a": "<unprintable BrokenRepr: RuntimeError>"}]),
    "broken repr as a key": ({BrokenRepr(): 1}, {"<unprintable BrokenRepr: RuntimeError>": 1}),
    "broken mapping": ([BrokenMapping()], ["<unprintable BrokenMapping: RuntimeError>"]),
    "unbound proxy": ([Unbound(), 1], ["<unprintable Unbound: RuntimeError>", 1]),
}


@pytest.mark.parametrize(("value", "expected"), PLAIN.values(), ids=PLAIN)
def test_a_value_is_printed_as_json_can_hold_it(value: Any, expected: Any) -> None:
    assert printed(value) == expected


def test_any_other_object_is_printed_as_its_repr() -> None:
    assert printed(threading.local).startswith("<class '_thread._local'>")


def test_a_cycle_ends_where_it_closes() -> None:
    looped: dict[str, Any] = {"name": "a"}
    looped["self"] = [looped, {"again": looped}]
    assert printed(looped) == {"name": "a", "self": ["<cycle>", {"again": "<cycle>"}]}


def test_a_wide_cycle_does_not_grow_without_end() -> None:
    parent: dict[str, Any] = {"name": "parent"}
    parent["children"] = [{"name": number, "parent": parent} for number in range(100)]
    children = [{"name": number, "parent": "<cycle>"} for number in range(100)]
    assert printed(parent) == {"name": "parent", "children": children}


def test_a_value_that_stands_twice_without_a_cycle_is_printed_twice() -> None:
    shared = {"a": 1}
    assert printed([shared, shared]) == [shared, shared]


def test_depth_is_cut_at_8_and_what_lies_deeper_is_text() -> None:
    nested: Any = "deepest"
    for _ in range(200):
        nested = [nested]
    found = printed(nested)
    for _ in range(8):
        (found,) = found
    assert found == "[" * 192 + "'deepest'" + "]" * 192


def test_a_surrogate_in_the_message_costs_an_escape_not_the_line() -> None:
    handler = Printed(JsonFormatter(service="shop"))
    make_logger(handler, name="shop.\ud800").info("torn \udc80 %s", "\ud800", extra={"key\udc80": 1})
    line = json.loads(handler.text)
    assert (line["message"], line["logger"], line["key\\udc80"]) == ("torn \\udc80 \\ud800", "shop.\\ud800", 1)


def test_a_message_of_many_lines_and_control_characters_is_one_line() -> None:
    handler = Printed(JsonFormatter(service="shop"))
    make_logger(handler).info("a\r\nb\0\x1b[31m\x85\N{LINE SEPARATOR}c")
    assert handler.text.count("\n") == 1
    assert json.loads(handler.text)["message"] == "a\r\nb\0\x1b[31m\x85\N{LINE SEPARATOR}c"
