"""Retries: what is the same call made again after it failed, and what only looks like it."""

from __future__ import annotations

from typing import Any

import pytest
from trees import call, found

from tracelog.model import Span, SpanEvent

ROOT = call(0, None, 0, 10_000, name="POST /reserve")
TIMED_OUT = (SpanEvent(1, "exception", {"exception.type": "httpx.ReadTimeout", "exception.message": "too late"}),)


def attempt(number: int, start: float, end: float, status: str = "ERROR", **rest: Any) -> Span:
    asked = {"http.request.method": "POST", "url.full": "http://wms:80/stock", **rest.pop("attributes", {})}
    said = {"name": "POST /stock", "kind": "CLIENT", "status": status, "attributes": asked}
    return call(number, rest.pop("parent", 0), start, end, **{**said, **rest})


def test_a_call_that_failed_each_time_is_said_with_how_often_how_long_and_why() -> None:
    spans = [ROOT, *(attempt(n, n * 2000, n * 2000 + 1500, events=TIMED_OUT) for n in (1, 2, 3))]
    assert found("retry", spans) == [
        ("shop tried POST /stock 3 times in 5.50 s, each time in vain: httpx.ReadTimeout", [1, 2, 3])
    ]


def test_a_call_that_succeeded_in_the_end_is_a_retry_too() -> None:
    spans = [ROOT, attempt(1, 0, 5, status_message="503 from upstream"), attempt(2, 5, 9, "UNSET")]
    text = "shop tried POST /stock 2 times in 9.00 ms, before it succeeded: 503 from upstream"
    assert found("retry", spans) == [(text, [1, 2])]


@pytest.mark.parametrize("path", ["/stock", "/a/b?c=d/e", "", "?sku=2"])
def test_a_retry_may_ask_another_host_and_have_others_between_its_attempts(path: str) -> None:
    first, other = ({"url.full": f"http://{host}{path}"} for host in ("wms:80", "10.0.0.7"))
    spans = [
        ROOT, attempt(1, 0, 5, attributes=first), call(2, 0, 5, 6, name="resolve"),
        attempt(3, 6, 9, "OK", attributes=other), call(4, 0, 9, 10, name="resolve"),
    ]  # fmt: skip
    assert [numbers for _, numbers in found("retry", spans)] == [[1, 3]]


@pytest.mark.parametrize(
    ("failure", "why"),
    [
        ({"attributes": {"http.response.status_code": 503}}, ": HTTP 503"),
        ({"attributes": {"http.status_code": "429"}}, ": HTTP 429"),
        ({"attributes": {"error.type": "timeout"}}, ": timeout"),
        ({"attributes": {"http.response.status_code": 429, "error.type": "429"}}, ": 429"),
        ({"kind": "SERVER", "status": "ERROR", "attributes": {"http.response.status_code": 404}}, ": HTTP 404"),
        ({"status": "ERROR"}, ""),
    ],
)
def test_a_failure_is_known_by_the_status_an_error_type_or_an_answer_that_asks_to_try_again(
    failure: dict[str, Any], why: str
) -> None:
    kind = failure.get("kind", "CLIENT")
    spans = [ROOT, attempt(1, 0, 5, **{"status": "UNSET", **failure}), attempt(2, 5, 9, "UNSET", kind=kind)]
    assert found("retry", spans) == [(f"shop tried POST /stock 2 times in 9.00 ms, before it succeeded{why}", [1, 2])]


def test_many_calls_that_were_tried_again_are_one_sentence() -> None:
    asked = [{"url.full": f"http://wms/stock/{n}"} for n in range(3)]
    spans = [ROOT, attempt(1, 0, 5, attributes=asked[0]), attempt(2, 5, 9, "OK", attributes=asked[0])]
    spans += [attempt(n + 3, 10 + n, 11 + n, "OK" if n == 4 else "ERROR", attributes=asked[1]) for n in range(5)]
    spans += [attempt(n + 8, 20 + n, 21 + n, attributes=asked[2]) for n in range(2)]
    text = "shop tried 3 calls of POST /stock 9 times in 16.0 ms, 1 of them in vain"
    assert found("retry", spans) == [(text, list(range(1, 10)))]


def test_attempts_below_a_parent_that_never_arrived_are_beside_each_other() -> None:
    spans = [attempt(1, 0, 5), attempt(2, 5, 9, "OK")]
    assert [numbers for _, numbers in found("retry", spans)] == [[1, 2]]


@pytest.mark.parametrize("kind", ["INTERNAL", "UNSPECIFIED"])
def test_work_that_is_no_call_is_the_same_where_all_that_it_says_of_itself_is(kind: str) -> None:
    work = {"name": "charge", "kind": kind}
    one, two = ({"order": "A-1", "attempt": n} for n in (1, 2))
    spans = [ROOT, attempt(1, 0, 5, attributes=one, **work), attempt(2, 5, 9, "OK", attributes=two, **work)]
    assert [numbers for _, numbers in found("retry", spans)] == [[1, 2]]
    spans[2] = attempt(2, 5, 9, "OK", attributes={"order": "A-2", "attempt": 1}, **work)
    assert found("retry", spans) == []


KAFKA = {"messaging.system": "kafka", "messaging.destination.name": "orders"}
S3 = {"rpc.service": "S3", "rpc.method": "GetObject", "aws.s3.bucket": "photos"}
QUERY = {"db.system.name": "postgresql", "db.query.text": "SELECT * FROM orders WHERE id = $1"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (KAFKA | {"messaging.message.id": "m1"}, KAFKA | {"messaging.message.id": "m2"}),
        (KAFKA | {"messaging.kafka.message.key": "A-1"}, KAFKA | {"messaging.kafka.message.key": "B-2"}),
        (S3 | {"aws.s3.key": "one"}, S3 | {"aws.s3.key": "two"}),
        (QUERY | {"db.query.parameter.0": "1"}, QUERY | {"db.query.parameter.0": "2"}),
        ({"db.system": "redis", "db.operation": "GET"}, {"db.system": "redis", "db.operation": "SET"}),
    ],
    ids=["message", "key of a message", "object", "parameter", "operation"],
)
def test_any_argument_tells_a_retry_from_another_call(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert found("retry", [ROOT, attempt(1, 0, 5, attributes=one), attempt(2, 5, 9, "OK", attributes=other)]) == []
    again = [ROOT, attempt(1, 0, 5, attributes=one), attempt(2, 5, 9, "OK", attributes=one)]
    assert [numbers for _, numbers in found("retry", again)] == [[1, 2]]


def test_how_often_and_from_where_a_call_was_made_and_what_became_of_it_are_no_arguments() -> None:
    asked = {"http.method": "POST", "http.url": "http://wms/stock?sku=1", "http.request.body.size": 20}
    first = {
        "thread.id": 7, "network.local.port": 40_112, "net.peer.port": 80, "http.host": "wms", "error.type": "timeout",
        "http.request.header.traceparent": "00-1", "aws.request_id": "r1", "code.stacktrace": "a", "elapsed_ms": 5,
        "client.port": 50_112,
    }  # fmt: skip
    second = {
        "thread.id": 8, "network.local.port": 40_113, "net.peer.port": 81, "http.host": "wms-2", "retryCount": 1,
        "http.request.resend_count": 1, "http.request.header.traceparent": "00-2", "aws.request_id": "r2",
        "http.response.body.size": 512, "http.flavor": "1.1", "network.protocol.version": "1.1", "server.port": 81,
        "client.port": 50_113,
    }  # fmt: skip
    spans = [ROOT, attempt(1, 0, 5, attributes=asked | first), attempt(2, 5, 9, "OK", attributes=asked | second)]
    assert [numbers for _, numbers in found("retry", spans)] == [[1, 2]]


@pytest.mark.parametrize(
    "spans",
    [
        [attempt(1, 0, 5, "OK"), attempt(2, 5, 9, "OK")],
        [attempt(1, 0, 5, "OK"), attempt(2, 5, 9)],
        [attempt(1, 0, 5), attempt(2, 4, 9, "OK")],
        [attempt(1, 0, 5), attempt(2, 5, 9, "OK", attributes={"url.full": "http://wms/stock?sku=2"})],
        [attempt(1, 0, 5), attempt(2, 5, 9, "OK", name="GET /stock")],
        [attempt(1, 0, 5, name="POST /stock/1"), attempt(2, 5, 9, "OK", name="POST /stock/2")],
        [attempt(1, 0, 5), attempt(2, 5, 9, "OK", service="cards")],
        [attempt(1, 0, 5), call(3, 0, 5, 9), attempt(2, 5, 9, "OK", parent=3)],
        [attempt(1, 0, 5, "UNSET", attributes={"http.response.status_code": 404}), attempt(2, 5, 9, "OK")],
        [attempt(1, 0, 5, attributes={"http.response.status_code": 404, "error.type": "404"}), attempt(2, 5, 9, "OK")],
    ],
    ids=[
        "fine", "failed last", "at once", "other arguments", "other name", "other id in the name",
        "other service", "other parent", "404", "404 as an error",
    ],
)  # fmt: skip
def test_what_is_not_the_same_call_after_a_failure_is_no_retry(spans: list[Span]) -> None:
    assert found("retry", [ROOT, *spans]) == []


def test_a_loop_of_which_some_passes_fail_is_no_retry() -> None:
    insert = {"name": "INSERT items", "attributes": {"db.query.text": "INSERT INTO items VALUES (?)"}}
    spans = [attempt(n, n, n + 1, "ERROR" if n == 3 else "UNSET", **insert) for n in range(1, 7)]
    assert found("retry", [ROOT, *spans]) == []
