"""What is stored, examined on each store: ids, whether they meet spans, what has no lines, clocks, an empty pane."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tracelog.cli import run
from tracelog.doctor import Diagnosis, examine_store
from tracelog.model import LogEntry, Span
from tracelog.schema import otel
from tracelog.store import Store, open_store
from tracelog.store.elasticsearch import ElasticsearchStore

MS = 1_000_000
START = 1_776_608_580_000_000_000


def span(number: int, trace: int, service: str, parent: int | None = None, **rest: Any) -> Span:
    known = {"start": START, "duration": 100 * MS, "kind": "SERVER", **rest}
    return Span(
        trace_id=f"{trace:032x}",
        span_id=f"{number:016x}",
        parent_span_id=None if parent is None else f"{parent:016x}",
        name="GET /",
        service=service,
        **known,
    )


def line(number: int, trace: int | None, service: str, at: int | None = None) -> LogEntry:
    return LogEntry(
        id=f"line-{number}",
        time=START + number,
        observed_time=START + number,
        body="said",
        service=service,
        trace_id=None if trace is None else f"{trace:032x}",
        span_id=None if at is None else f"{at:016x}",
    )


def keep(store: Store, *things: Span | LogEntry) -> None:
    documents = [otel.encode_span(one) if isinstance(one, Span) else otel.encode_log(one) for one in things]
    assert store.write(documents).stored == len(documents)
    store.refresh()


def said(store: Store, **window: Any) -> dict[tuple[str, str], Diagnosis]:
    return {(each.logger, each.cause): each for each in examine_store(store, **window)}


def test_where_all_joins_up_it_says_what_was_looked_at_and_that_all_is_well(store: Store) -> None:
    keep(store, span(1, 1, "shop"), line(1, 1, "shop", 1), line(2, 1, "shop", 1), line(3, None, "shop"))
    looked_at, shop = examine_store(store)
    assert (looked_at.cause, looked_at.ok) == ("looked at", True)
    assert looked_at.text.startswith("3 lines and 1 span of 1 service: ")
    assert (shop.logger, shop.state, shop.text) == ("shop", "ok", "3 lines, 66.7% of them with ids; 1 span")


def test_a_service_that_never_logs_ids_is_broken_and_one_that_seldom_does_is_noted(store: Store) -> None:
    keep(store, span(1, 1, "cart"), line(1, None, "cart"), line(2, None, "cart"))
    keep(store, span(2, 2, "shop"), line(3, 2, "shop", 2), line(4, None, "shop"), line(5, None, "shop"))
    found = said(store)
    assert found["cart", "no ids"].text == "none of its 2 lines carries a trace id"
    assert not found["cart", "no ids"].ok
    assert found["shop", "few ids"].text == "33% of 3 lines carry a trace id"
    assert found["shop", "few ids"].ok


def test_ids_that_meet_no_span_are_broken_and_some_that_do_not_are_noted(store: Store) -> None:
    keep(store, line(1, 7, "cart", 1), line(2, 8, "cart", 1))
    keep(store, span(3, 3, "shop"), line(3, 3, "shop", 3), line(4, 9, "shop", 3))
    found = said(store)
    cart, shop = found["cart", "spans missing"], found["shop", "spans missing"]
    assert (cart.ok, cart.text) == (False, "of the latest 2 traces that its lines name, none is with spans")
    assert (shop.ok, shop.text) == (True, "of the latest 2 traces that its lines name, 1 are with spans")


def test_lines_that_name_a_trace_and_no_span_are_noted(store: Store) -> None:
    keep(store, span(1, 1, "shop"), line(1, 1, "shop", 1), line(2, 1, "shop"))
    assert said(store)["shop", "no span ids"].text == "1 of 2 lines name a trace and no span of it"


def test_spans_without_lines_are_noted_by_service_and_by_trace(store: Store) -> None:
    keep(store, span(1, 1, "shop"), line(1, 1, "shop", 1), span(2, 2, "shop"), span(3, 3, "mail"))
    found = said(store)
    assert found["mail", "no lines"].text == "1 span and not one line under this name"
    assert found["shop", "silent traces"].text == "of the latest 2 traces of its spans, 1 are with a line"
    assert all(each.ok for each in found.values())


def test_clocks_that_contradict_each_other_are_compared(store: Store) -> None:
    for trace in (1, 2, 3):
        client = span(10 * trace, trace, "shop", kind="CLIENT", resource={"host.name": "a"})
        server = span(
            10 * trace + 1, trace, "cart", 10 * trace,
            start=START - 500 * MS, duration=80 * MS, resource={"host.name": "b"},
        )  # fmt: skip
        keep(
            store,
            client,
            server,
            line(trace, trace, "shop", 10 * trace),
            line(9 + trace, trace, "cart", 10 * trace + 1),
        )
    assert said(store)["store", "clocks"].text == "host b is about 510 ms behind host a, in 3 traces"


@pytest.mark.parametrize(
    ("things", "cause"),
    [([], "nothing there"), ([line(1, 1, "shop", 1)], "no spans"), ([span(1, 1, "shop")], "no lines")],
)
def test_an_empty_pane_is_explained(store: Store, things: list[Span | LogEntry], cause: str) -> None:
    if things:
        keep(store, *things)
    else:
        keep(store, span(1, 1, "shop", start=START + 10**12))
    diagnosis = examine_store(store, until=START + 10**9)[0]
    assert (diagnosis.logger, diagnosis.cause, diagnosis.ok) == ("store", cause, False)
    assert diagnosis.advice


def test_a_window_of_lines_whose_spans_began_before_it_is_whole(store: Store) -> None:
    keep(store, span(1, 1, "shop"), line(5 * MS, 1, "shop", 1))
    assert examine_store(store, since=START + MS)[0].cause == "looked at"
    assert examine_store(store, until=START + MS)[0].cause == "looked at"


def test_the_window_is_that_which_is_asked_for(store: Store) -> None:
    keep(store, span(1, 1, "shop"), line(1, 1, "shop", 1), line(10**9, None, "cart"))
    assert {where for where, _ in said(store)} == {"store", "shop", "cart"}
    assert {where for where, _ in said(store, until=START + 10**6)} == {"store", "shop"}
    assert {where for where, _ in said(store, since=START + 10**6)} == {"store", "cart"}


def test_the_command_prints_it_and_fails_where_something_is_broken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"sqlite:{tmp_path}/t.db"
    with open_store(url) as store:
        keep(store, span(1, 1, "shop"), line(1, 1, "shop", 1))
        assert run(["doctor", "--store", url]) == 0
        assert capsys.readouterr().out == (
            f"note    store\n        looked at: 1 line and 1 span of 1 service: {url}\n"
            "ok      shop\n        1 line, 100.0% of them with ids; 1 span\n"
        )
        keep(store, line(2, None, "cart"))
    assert run(["doctor", "--store", url, "--json"]) == 3
    rows = [json.loads(row) for row in capsys.readouterr().out.splitlines()]
    assert [(row["logger"], row["cause"], row["ok"]) for row in rows] == [
        ("store", "looked at", True),
        ("cart", "no ids", False),
        ("shop", "", True),
    ]


@pytest.mark.elasticsearch
@pytest.mark.parametrize("mapping", ["keyword", "text"])
def test_ids_of_zeros_which_others_write_are_broken(elasticsearch_url: str, namespace: str, mapping: str) -> None:
    index = f"filebeat-{namespace}"
    with open_store(elasticsearch_url, index=index) as store:
        assert isinstance(store, ElasticsearchStore)
        exact = {"keyword": {"type": "keyword"}} if mapping == "text" else {}
        field = {"type": mapping, **({"fields": exact} if exact else {})}
        named = {"properties": {"id": field}}
        mapped = {"@timestamp": {"type": "date"}, "trace": named, "service": {"properties": {"name": field}}}
        store._request("PUT", f"/{index}", {"mappings": {"properties": mapped}}, answer=dict)
        for trace_id in ("0" * 32, "0", f"{1:032x}", None):
            ids = {} if trace_id is None else {"trace": {"id": trace_id}}
            document = {"@timestamp": "2026-04-19T14:23:00Z", "message": "said", "service": {"name": "cart"}, **ids}
            store._request("POST", f"/{index}/_doc", document, answer=dict, refresh=True)
        found = said(store)
        assert found["cart", "zero ids"].text == "2 of 4 lines carry an id of zeros, which joins with nothing"
        assert found["cart", "few ids"].text == "25% of 4 lines carry a trace id"
        assert index in found["store", "no spans"].text
        store._request("DELETE", f"/{index}", answer=dict)
