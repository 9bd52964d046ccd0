"""The proxy before a real node, seen from its client: faults of single items, and what is stored after each fault."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import elasticsearch
import pytest

from .bulk_items import FailItems, Item, UseFailureStore, parse_bulk
from .exchange import Fault
from .filter_path import filtered, split_target
from .proxy import FaultProxy, RandomFaults, Script
from .replies import (
    BlackHole,
    DropReply,
    Garbage,
    HtmlPage,
    HttpStatus,
    InvalidJson,
    Redirect,
    Refuse,
    ResetReply,
    ResetRequest,
    SlowReply,
    Throttle,
    TooLarge,
    TruncatedReply,
)


def test_a_bulk_is_parted_into_its_operations() -> None:
    create, delete = b'{"create": {"_id": "1", "_index": "a"}}\n{"text": "one"}\n', b'{"delete": {"_id": "2"}}\n'
    assert parse_bulk(create + delete + create) == [
        Item("create", {"_id": "1", "_index": "a"}, create),
        Item("delete", {"_id": "2"}, delete),
        Item("create", {"_id": "1", "_index": "a"}, create),
    ]


def test_the_filter_is_taken_out_of_the_path_of_a_request() -> None:
    targets = ("/_bulk", "/_bulk?filter_path=a,b.*%2Cc", "/_bulk?a=1&filter_path=x&b=%20&filter_path=y")
    assert [split_target(target) for target in targets] == [
        ("/_bulk", ""),
        ("/_bulk", "a,b.*,c"),
        ("/_bulk?a=1&b=%20", "x,y"),
    ]


def test_which_items_fail_depends_on_position_contents_or_a_seed() -> None:
    items = [Item("create", {}, b"%d" % number) for number in range(100)]
    seed = random.randrange(2**32)
    assert FailItems(positions=(3, 0, 100)).pick(items) == {0, 3}
    assert FailItems(containing=b"7").pick(items) == {n for n in range(100) if "7" in str(n)}
    one, same, other = (FailItems(probability=0.5, seed=number) for number in (seed, seed, seed + 1))
    picks = [[fault.pick(items) for _ in range(3)] for fault in (one, same, other)]
    assert picks[0] == picks[1] != picks[2], (one, other)
    assert f"seed={seed}" in repr(one)


@pytest.fixture
def proxy(elasticsearch_url: str) -> Iterator[FaultProxy]:
    with FaultProxy(elasticsearch_url) as running:
        yield running


@pytest.fixture(params=[False, True], ids=["plain", "gzip"])
def client(request: pytest.FixtureRequest, proxy: FaultProxy) -> Iterator[elasticsearch.Elasticsearch]:
    """A client that tries nothing twice, and compresses or not."""
    with elasticsearch.Elasticsearch(
        proxy.url, max_retries=0, request_timeout=30, http_compress=request.param
    ) as connected:
        yield connected


def bulk(index: str, *texts: str, first: int = 0) -> list[dict[str, Any]]:
    """Return the operations that create a document of each text, the `first` of them with that number as its id."""
    operations: list[dict[str, Any]] = []
    for number, text in enumerate(texts, first):
        operations += [{"create": {"_index": index, "_id": f"{number}"}}, {"text": text}]
    return operations


FIVE = ("zero", "one", "two", "three", "four")


def statuses(answer: Any) -> list[int]:
    return [item["create"]["status"] for item in answer["items"]]


def stored(client: elasticsearch.Elasticsearch, index: str) -> set[str]:
    client.indices.refresh(index=index)
    return {hit["_id"] for hit in client.search(index=index)["hits"]["hits"]}


@pytest.mark.parametrize("status", [400, 403, 429, 503])
def test_failed_items_are_not_stored_and_stand_at_their_place_among_the_others(
    status: int, client: elasticsearch.Elasticsearch, proxy: FaultProxy, namespace: str
) -> None:
    proxy.fault = Script(FailItems(positions=(0, 3), status=status))
    answer = client.bulk(operations=bulk(namespace, *FIVE))
    assert answer["errors"]
    assert statuses(answer) == [status, 201, 201, status, 201]
    assert [item["create"]["_id"] for item in answer["items"]] == ["0", "1", "2", "3", "4"]
    failed = answer["items"][3]["create"]
    assert (set(failed), set(failed["error"])) == ({"_index", "_id", "status", "error"}, {"type", "reason"})
    assert stored(client, namespace) == {"1", "2", "4"}
    assert statuses(client.bulk(operations=bulk(namespace, *FIVE))) == [201, 409, 409, 201, 409]
    assert proxy.counts[f"FailItems {status}"] == 1


def test_true_failures_are_kept_beside_those_that_are_made_up(
    client: elasticsearch.Elasticsearch, proxy: FaultProxy, namespace: str
) -> None:
    client.bulk(operations=bulk(namespace, "zero", "one"))
    proxy.fault = FailItems(containing=b"poison", status=400, error="mapper_exception")
    answer = client.bulk(operations=bulk(namespace, "zero", "poison", "two"))
    assert statuses(answer) == [409, 400, 201]
    types = [item["create"].get("error", {}).get("type") for item in answer["items"]]
    assert types == ["version_conflict_engine_exception", "mapper_exception", None]


def test_when_all_items_fail_the_node_is_not_asked(
    client: elasticsearch.Elasticsearch, proxy: FaultProxy, namespace: str
) -> None:
    proxy.fault = FailItems(probability=1.0)
    assert statuses(client.bulk(operations=bulk(namespace, *FIVE))) == [429] * 5
    assert not client.indices.exists(index=namespace)


def test_when_no_item_is_picked_the_answer_is_that_of_the_node(
    client: elasticsearch.Elasticsearch, proxy: FaultProxy, namespace: str
) -> None:
    proxy.fault = FailItems(positions=(5,))
    assert client.bulk(operations=bulk(namespace, *FIVE), filter_path="errors").body == {"errors": False}
    assert (stored(client, namespace), proxy.counts["FailItems 429"]) == (set("01234"), 0)


def test_the_failure_store_is_said_to_be_used_for_items_that_were_stored_alone(
    client: elasticsearch.Elasticsearch, proxy: FaultProxy, namespace: str
) -> None:
    client.bulk(operations=bulk(namespace, "zero"))
    proxy.fault = UseFailureStore(positions=(0, 2))
    answer = client.bulk(operations=bulk(namespace, *FIVE), filter_path="items.*.status,items.*.failure_store")
    assert answer.body == {
        "items": [
            {"create": {"status": 409}},
            {"create": {"status": 201}},
            {"create": {"status": 201, "failure_store": "used"}},
            {"create": {"status": 201}},
            {"create": {"status": 201}},
        ]
    }
    assert stored(client, namespace) == set("01234")


@pytest.mark.parametrize(
    "filters",
    [
        "errors",
        "errors,items.*.status",
        "items.*.error",
        "items.create.error.type,errors",
        "items.*.err*",
        "items.*.error.*",
        "**.type",
        "items.**.reason",
        "-took",
        "-took,-items.*.error.reason,-items.*._id",
        "items,-items.*.status",
        "items.*.nothing",
        "**",
    ],
)
def test_a_filter_leaves_the_same_as_the_node_does(elasticsearch_url: str, namespace: str, filters: str) -> None:
    known = bulk(namespace, *FIVE)
    unreadable = [{"create": {"_index": namespace, "_id": "5"}}, {"text": {"not": "text"}}]
    with elasticsearch.Elasticsearch(elasticsearch_url) as client:
        client.bulk(operations=known)
        asked = [client.bulk(operations=[*known, *unreadable], filter_path=each).body for each in ("**", filters)]
    for answer in asked:
        answer.pop("took", None)
    whole, chosen = asked
    assert filtered(whole, filters) == chosen


UNCLEAR = (elasticsearch.ConnectionError, elasticsearch.SerializationError)
"""What a client raises that cannot know whether its bulk was stored."""


# `again` is what each document has when it is sent again: 409 where the bulk was stored the first time.
@pytest.mark.parametrize(
    ("fault", "errors", "again"),
    [
        (Refuse(0.01), UNCLEAR, 201),
        (ResetRequest(20), UNCLEAR, 201),
        (ResetReply(20), UNCLEAR, 409),
        (TruncatedReply(20), UNCLEAR, 409),
        (DropReply(), UNCLEAR, 409),
        (InvalidJson(), UNCLEAR, 409),
        (Garbage(), UNCLEAR, 409),
        (BlackHole(), elasticsearch.ConnectionTimeout, 201),
        (SlowReply(60), elasticsearch.ConnectionTimeout, 409),
        (Throttle(10), elasticsearch.ConnectionTimeout, 201),
        (HttpStatus(429, retry_after=1), elasticsearch.ApiError, 201),
        (HttpStatus(503), elasticsearch.ApiError, 201),
        (HttpStatus(504, forward=True), elasticsearch.ApiError, 409),
        (HttpStatus(401), elasticsearch.AuthenticationException, 201),
        (HttpStatus(403), elasticsearch.AuthorizationException, 201),
        (HtmlPage(), elasticsearch.ApiError, 201),
        (TooLarge(100), elasticsearch.ApiError, 201),
        (Redirect("http://127.0.0.1:9"), elasticsearch.ApiError, 201),
    ],
    ids=repr,
)
def test_each_fault_is_an_error_to_a_client_whether_its_bulk_was_stored_or_not(
    fault: Fault, errors: type[Exception], again: int, proxy: FaultProxy, namespace: str
) -> None:
    proxy.fault = Script(fault)
    patience = 1 if errors is elasticsearch.ConnectionTimeout else 30
    with elasticsearch.Elasticsearch(proxy.url, max_retries=0, request_timeout=30) as client:
        with pytest.raises(errors):
            client.options(request_timeout=patience).bulk(operations=bulk(namespace, *FIVE))
        proxy.counts.wait_for(fault.name)
        proxy.counts.wait_for("opened", 2 if isinstance(fault, Refuse) else 1)
        assert statuses(client.bulk(operations=bulk(namespace, *FIVE))) == [again] * 5
        assert stored(client, namespace) == set("01234")


def test_under_random_faults_bulks_that_are_sent_again_are_stored_once(
    client: elasticsearch.Elasticsearch, proxy: FaultProxy, namespace: str
) -> None:
    faults = [DropReply(), ResetRequest(10), ResetReply(10), TruncatedReply(5), HttpStatus(429), HttpStatus(503)]
    proxy.fault = RandomFaults(random.randrange(2**32), faults, probability=0.7)
    for number in range(20):
        while True:
            try:
                (status,) = statuses(client.bulk(operations=bulk(namespace, "text", first=number)))
            except (elasticsearch.ConnectionError, elasticsearch.ApiError):
                continue
            assert status in (201, 409), proxy
            break
    client.indices.refresh(index=namespace)
    assert client.count(index=namespace)["count"] == 20, proxy
