"""What is declared of dependencies, as it is written, against those that there are."""

from __future__ import annotations

import pytest

from tracelog.errors import InputError
from tracelog.model import Dependency
from tracelog.read.declared import Declared, read_declared, undeclared, unseen


def row(caller: str, callee: str) -> Dependency:
    return Dependency(
        caller=caller, callee=callee, calls=1, calls_per_parent=1.0, error_count=0, p50=1, p99=1, example="a" * 32
    )


LINES = ["# who may call whom", "", "web -> *  # all of them", "  orders->postgresql/orders", "a b -> queue#1 "]


def test_a_line_declares_one_and_comments_none() -> None:
    assert read_declared(LINES, "deps.txt") == [
        Declared("web", "*"), Declared("orders", "postgresql/orders"), Declared("a b", "queue#1")
    ]  # fmt: skip


@pytest.mark.parametrize("line", ["web", "web ->", "-> orders", "->", "web => orders"])
def test_a_line_that_declares_nothing_is_named_with_its_place(line: str) -> None:
    with pytest.raises(InputError) as error:
        read_declared(["web -> orders", line], "deps.txt")
    expected = f"deps.txt: line 2: not a dependency: {line!r} (expected CALLER -> CALLEE)"
    assert str(error.value) == expected


def test_what_is_not_declared_is_found_and_what_is_declared_in_vain_too() -> None:
    declared = read_declared([*LINES, "[a-z] -> .*"], "deps.txt")
    rows = [row("web", "anything\nat all"), row("orders", "postgresql/orders"), row("orders", "redis"), row("x", "y")]
    assert undeclared(rows, declared) == rows[2:]
    assert unseen(rows, declared) == [Declared("a b", "queue#1"), Declared("[a-z]", ".*")]
