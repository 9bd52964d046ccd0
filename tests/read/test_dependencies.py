"""Which calls are counted, and which are not, in traces of every odd shape."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import permutations
from typing import Any

import pytest
from msgspec.structs import replace
from trees import MS, TRACE, call, span_id

from tracelog.model import Dependency, Span, SpanLink
from tracelog.read.dependencies import CallGraph
from tracelog.read.outlines import Known
from tracelog.schema.outlines import outline

CLIENT, SERVER = {"kind": "CLIENT"}, {"kind": "SERVER"}
PRODUCER, CONSUMER = {"kind": "PRODUCER"}, {"kind": "CONSUMER"}


def graph(*traces: Iterable[Span], found: Known | None = None, **window: Any) -> CallGraph:
    made = CallGraph(**window)
    for spans in traces:
        made.add([outline(span) for span in spans], found or {})
    return made


def edges(*traces: Iterable[Span]) -> dict[str, tuple[int, float]]:
    """Return how many calls each edge has, and how many of them each entry makes."""
    return {f"{row.caller} > {row.callee}": (row.calls, row.calls_per_parent) for row in graph(*traces).dependencies()}


def peer(name: str) -> Mapping[str, Any]:
    return {"kind": "CLIENT", "attributes": {"peer.service": name}}


ROOT = call(0, None, 0, 100, service="web", **SERVER)

SHAPES: dict[str, tuple[list[Span], dict[str, tuple[int, float]]]] = {
    "spans without kinds": ([ROOT, call(1, 0, 1, 9, service="cart")], {"web > cart": (1, 1.0)}),
    "a service that calls itself": (
        [ROOT, call(1, 0, 1, 9, service="web", **CLIENT), call(2, 1, 2, 8, service="web", **SERVER)],
        {"web > web": (1, 1.0)},
    ),
    "spans within a service": ([ROOT, call(1, 0, 1, 9, service="web"), call(2, 1, 2, 8, service="web")], {}),
    "a server beside its own server": ([ROOT, call(1, 0, 1, 9, service="web", **SERVER)], {}),
    "a client that nobody answers, and that names nobody": ([ROOT, call(1, 0, 1, 9, service="web", **CLIENT)], {}),
    "a client around the one of its transport": (
        [ROOT, call(1, 0, 1, 9, service="web", **peer("db")), call(2, 1, 2, 8, service="web", **peer("db:5432"))],
        {"web > db:5432": (1, 1.0)},
    ),
    "a name that is answered by one service": (
        [
            ROOT,
            call(1, 0, 1, 9, service="web", **peer("cart:80")),
            call(2, 1, 2, 8, service="cart", **SERVER),
            call(3, 0, 10, 19, service="web", **peer("cart:80")),
        ],
        {"web > cart": (2, 2.0)},
    ),
    "a name that is answered by two": (
        [
            ROOT,
            call(1, 0, 1, 9, service="web", **peer("mesh")),
            call(2, 1, 2, 8, service="cart", **SERVER),
            call(3, 0, 10, 19, service="web", **peer("mesh")),
            call(4, 3, 11, 18, service="bank", **SERVER),
            call(5, 0, 20, 29, service="web", **peer("mesh")),
        ],
        {"web > bank": (1, 1.0), "web > cart": (1, 1.0), "web > mesh": (1, 1.0)},
    ),
    "a client below another service's, whose own call nobody answers": (
        [ROOT, call(1, 0, 1, 9, service="web", **peer("cart:80")), call(2, 1, 2, 8, service="cart", **peer("db"))],
        {"cart > db": (1, 1.0), "web > cart": (1, 1.0)},
    ),
    "a message that is taken by two": (
        [
            ROOT,
            call(1, 0, 1, 2, service="web", **PRODUCER),
            call(2, 1, 50, 60, service="mail", **CONSUMER),
            call(3, 1, 50, 70, service="audit", **CONSUMER),
        ],
        {"web > audit": (1, 1.0), "web > mail": (1, 1.0)},
    ),
    "a message that nobody took": (
        [ROOT, call(1, 0, 1, 2, service="web", kind="PRODUCER", attributes={"messaging.system": "kafka"})],
        {"web > kafka": (1, 1.0)},
    ),
    "a server with the id of its client": (
        [ROOT, call(1, 0, 1, 9, service="web", **CLIENT), call(1, 0, 2, 8, service="cart", **SERVER)],
        {"web > cart": (1, 1.0)},
    ),
    "what arrived twice": ([ROOT, *[call(1, 0, 1, 9, service="cart", **SERVER)] * 2], {"web > cart": (1, 1.0)}),
    "two that are each other's parent": (
        [call(0, 1, 0, 9, service="web"), call(1, 0, 1, 8, service="cart")],
        {"web > cart": (1, 1.0)},
    ),
    "its own parent": ([call(0, 0, 0, 9, service="web")], {}),
    "clients whose entry is not stored": (
        [call(1, 99, 1, 2, service="web", **peer("db")), call(2, 99, 3, 4, service="web", **peer("db"))],
        {"web > db": (2, 2.0)},
    ),
    "calls that come out of one another": (
        [ROOT, *(call(n, n - 1, n, 100 - n, service=f"s{n}") for n in range(1, 4))],
        {"s1 > s2": (1, 1.0), "s2 > s3": (1, 1.0), "web > s1": (1, 1.0)},
    ),
    "none": ([], {}),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_each_call_is_counted_once(shape: str) -> None:
    spans, expected = SHAPES[shape]
    assert edges(*([spans] if spans else [])) == expected
    assert edges(*([list(reversed(spans))] if spans else [])) == expected


def test_an_operation_is_called_that_answered_others_of_the_same_name_if_it_is_but_one() -> None:
    def answered(client: str, server: str) -> list[Span]:
        made = call(1, 0, 1, 9, service="web", name=client, **peer("cart:80"))
        return [ROOT, made, call(2, 1, 2, 8, service="cart", name=server, **SERVER)]

    unanswered = [[ROOT, call(1, 0, 1, 9, service="web", name=name, **peer("cart:80"))] for name in ("GET", "POST")]
    read, changed = answered("GET", "GET /cart"), [answered("POST", f"POST /{part}") for part in ("cart", "item")]
    rows = graph(read, *changed, *unanswered, operations=True).dependencies()
    assert [(row.callee, row.callee_operation, row.calls, row.external) for row in rows] == [
        ("cart", "GET /cart", 2, False),
        ("cart", "POST", 1, True),
        ("cart", "POST /cart", 1, False),
        ("cart", "POST /item", 1, False),
    ]


def sent(*numbers: int) -> tuple[SpanLink, ...]:
    return tuple(SpanLink(TRACE, span_id(number)) for number in numbers)


def test_messages_that_traces_of_their_own_take_are_calls_of_one_request() -> None:
    request = [ROOT, *(call(n, 0, n, n + 1, service="web", **PRODUCER) for n in range(1, 5))]
    taken = [call(9, None, 50, 60, service="mail", links=sent(n), **CONSUMER) for n in range(1, 5)]
    apart = [replace(span, trace_id=f"{n:032x}") for n, span in enumerate(taken, 1)]
    found = {(span.trace_id, span.span_id): [outline(span)] for span in request}
    (row,) = graph(request, *([span] for span in apart), found=found).dependencies()
    assert (row.caller, row.callee, row.calls, row.calls_per_parent) == ("web", "mail", 4, 4.0)


MAIL = {"service": "mail", **CONSUMER}
TAKEN: dict[str, list[Span]] = {
    "the same link twice": [call(5, None, 50, 60, links=sent(1, 1, 2), **MAIL)],
    "received, then processed": [
        call(5, None, 50, 60, links=sent(1, 2), **MAIL),
        *(call(5 + n, 5, 51, 59, links=sent(n), **MAIL) for n in (1, 2)),
    ],
    "received below what sent it, then processed": [
        *(call(n + 4, n, 50, 60, **MAIL) for n in (1, 2)),
        *(call(n + 6, n + 4, 51, 59, links=sent(n), **MAIL) for n in (1, 2)),
    ],
    "received together, then more": [
        call(5, None, 50, 60, links=sent(1), **MAIL),
        call(6, 5, 51, 59, links=sent(1, 2), **MAIL),
    ],
}


@pytest.mark.parametrize("way", TAKEN)
def test_a_message_is_one_call_however_often_it_is_named(way: str) -> None:
    request = [ROOT, *(call(n, 0, n, n + 1, service="web", **PRODUCER) for n in (1, 2))]
    assert edges([*request, *TAKEN[way]]) == {"web > mail": (2, 2.0)}


def test_a_call_takes_as_long_as_its_client_and_fails_with_either_side() -> None:
    fine = [ROOT, call(1, 0, 10, 40, service="web", **CLIENT), call(2, 1, 20, 30, service="cart", **SERVER)]
    failed = [ROOT, call(1, 0, 10, 20, service="web", **CLIENT), call(2, 1, 11, 12, service="cart", status="ERROR")]
    assert graph(fine, failed).dependencies() == [
        Dependency(
            caller="web", callee="cart", calls=2, calls_per_parent=2.0, error_count=1, p50=10 * MS, p99=30 * MS,
            example=ROOT.trace_id,
        )
    ]  # fmt: skip


CIRCLE = [call(n, (n + 1) % 4, 0, 9, service=f"s{n % 3}") for n in range(4)]
COPIES = [call(1, 0, 1, 9, service="cart", status="ERROR"), call(1, 0, 2, 7, service="cart")]


@pytest.mark.parametrize("spans", [CIRCLE, [ROOT, *COPIES]], ids=["a circle", "copies that differ"])
def test_the_order_in_which_spans_came_changes_nothing(spans: list[Span]) -> None:
    first, *others = (graph(order).dependencies() for order in permutations(spans))
    assert first
    assert all(rows == first for rows in others)


def test_very_deep_and_very_wide_traces_are_read_in_proportion_to_their_size() -> None:
    many = 20_000
    deep = [call(n, n - 1 if n else None, n, 2 * many - n, service=f"s{n % 2}") for n in range(many)]
    wide = [call(n, 0 if n else None, n, n + 1, service="hub" if n else "web") for n in range(many)]
    assert edges(deep) == {"s0 > s1": (many // 2, 1.0), "s1 > s0": (many // 2 - 1, 1.0)}
    assert edges(wide) == {"web > hub": (many - 1, many - 1.0)}
