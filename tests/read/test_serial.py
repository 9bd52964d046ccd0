"""Serial calls: what is said of them, and what may have a reason to wait."""

from __future__ import annotations

from typing import Any

import pytest
from trees import call, found

from tracelog.model import Span

ROOT = call(0, None, 0, 1000, name="GET /orders")


def quote(number: int, start: float, end: float, who: str, **rest: Any) -> Span:
    return call(
        number, 0, start, end, **{"kind": "CLIENT", "name": "GET /quote", "attributes": {"server.address": who}, **rest}
    )


def quotes(**rest: Any) -> list[Span]:
    return [quote(n, n * 200 - 200, n * 200 - 1, who, **rest) for n, who in enumerate(("ups", "dhl", "gls"), start=1)]


def quotes_with(attributes: dict[str, Any], **rest: Any) -> list[Span]:
    return [
        quote(n, n * 200 - 200, n * 200, who, attributes={"server.address": who, **attributes}, **rest)
        for n, who in enumerate("abc", start=1)
    ]


def test_calls_of_different_targets_right_behind_each_other_are_said_to_wait_for_each_other() -> None:
    text = (
        "shop GET /orders called GET /quote of 3 targets one after the other in 597 ms;"
        " at the same time they would take 199 ms"
    )
    assert found("serial", [ROOT, *quotes()]) == [(text, [1, 2, 3])]
    servers = [call(n + 10, n, n * 200 - 190, n * 200 - 10, service=f"carrier {n}", kind="SERVER") for n in (1, 2, 3)]
    assert found("serial", [ROOT, *quotes(attributes={}), *servers]) == [(text, [1, 2, 3])]
    asked = {"rpc.system": "connect_rpc", "rpc.method": "Quote", "http.request.method": "GET"}
    assert [numbers for _, numbers in found("serial", [ROOT, *quotes_with(asked)])] == [[1, 2, 3]]


def test_arguments_in_names_do_not_tell_serial_calls_apart() -> None:
    spans = [
        quote(n, n * 200 - 200, n * 200, "s", name=f"GET /item/{n}", attributes={"url.full": f"http://s/item/{n}"})
        for n in (1, 2, 3)
    ]
    ((text, numbers),) = found("serial", [ROOT, *spans])
    assert text.startswith("shop GET /orders called GET /item/? of 3 targets one after the other in 600 ms;")
    assert numbers == [1, 2, 3]


PAGES = [quote(n, n * 200 - 200, n * 200, "s", attributes={"url.full": f"http://s/list?page={n}"}) for n in (1, 2, 3)]


@pytest.mark.parametrize(
    "spans",
    [
        quotes()[:2],
        quotes(attributes={"server.address": "one"}),
        quotes(attributes={}),
        [quote(n, n * 30, n * 30 + 29, who) for n, who in enumerate("abc", start=1)],
        [quote(n, n * 9, n * 9 + 500, who) for n, who in enumerate("abc", start=1)],
        [quote(n, n * 300 - 300, n * 300 - 100, who) for n, who in enumerate("abc", start=1)],
        [*quotes()[:2], quote(3, 400, 599, "gls", status="ERROR")],
        quotes_with({"http.request.method": "POST"}),
        quotes_with({"db.system": "pg"}),
        quotes_with({}, kind="PRODUCER"),
        quotes_with({"messaging.operation.type": "send"}),
        quotes_with({"rpc.system": "grpc", "rpc.method": "Debit"}),
        PAGES,
        [*quotes(), call(9, 0, 190, 210, name="compare")],
        [*quotes(), call(9, 0, 0, 1000, name="stream")],
    ],
    ids=[
        "two", "one target", "no target named", "short", "at once", "pauses", "failed", "writes", "database",
        "publishing", "messages", "procedures", "pages", "work in between", "not waited for",
    ],
)  # fmt: skip
def test_what_may_have_a_reason_to_wait_is_not_serial(spans: list[Span]) -> None:
    assert found("serial", [ROOT, *spans]) == []
