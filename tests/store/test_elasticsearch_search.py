"""Reads of any size: few requests where little is found, pages and slices where much is, nothing left behind."""

from __future__ import annotations

import gc
import random
import threading
from typing import Any

import msgspec
import pytest
from documents import MS, START, keep, make_line, make_span, trace_id
from foreign import INSTALLED, Cluster
from layout_traps import JAEGER_SPANS, TRACE, jaeger

from tracelog.errors import StoreRejectedError, StoreUnavailableError
from tracelog.model import LogEntry, Span, SpanEvent
from tracelog.store import open_store
from tracelog.store.collecting import collector_paused
from tracelog.store.elastic import search as search_module
from tracelog.store.elastic.search import Search, Searcher
from tracelog.store.elasticsearch import ElasticsearchStore
from tracelog.store.order import distinct_spans, events_of
from tracelog.store.query import SpanQuery


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_module, "_FIRST_PAGE", 5)
    monkeypatch.setattr(search_module, "LARGEST_PAGE", 7)
    monkeypatch.setattr("tracelog.store.elastic.lists._FIRST_PAGE_OF_LONGEST", 5)


def open_contexts(store: ElasticsearchStore) -> int:
    """Return how many points in time are held on the node."""
    nodes: dict[str, Any] = store._request("GET", "/_nodes/stats/indices/search")["nodes"]
    return sum(node["indices"]["search"]["open_contexts"] for node in nodes.values())


@pytest.mark.elasticsearch
def test_what_does_not_fit_into_a_page_comes_whole_and_in_order(
    small_pages: None, elasticsearch_url: str, namespace: str
) -> None:
    lines = [make_line(n, f"step {n}", span=1, at=(n // 9) * MS + n % 4) for n in range(200)]
    spans = [make_span(n, parent=1 if n > 1 else None, at=(n // 9) * MS, ms=1 + n * 37 % 101) for n in range(1, 121)]
    everything: list[Span | LogEntry] = [*lines, *spans]
    random.Random(3).shuffle(everything)
    with ElasticsearchStore.open(elasticsearch_url, namespace=namespace) as store:
        before = open_contexts(store)
        keep(store, *everything)
        assert list(store.logs()) == sorted(lines, key=lambda line: (line.time, line.id))
        assert [span.start for span in store.spans()] == [span.start for span in spans]
        longest = list(store._search_spans(SpanQuery(), longest_first=True))
        assert [span.duration for span in longest] == sorted((span.duration for span in spans), reverse=True)
        trace = store.trace(trace_id(1))
        assert (len(trace.nodes), len(trace.logs)) == (120, 200)
        assert {line.id for line in trace.logs} == {line.id for line in lines}
        assert open_contexts(store) == before


@pytest.mark.elasticsearch
def test_spans_that_start_at_the_same_time_are_not_lost_between_pages(small_pages: None, cluster: Cluster) -> None:
    spans = [jaeger(f"{n:016x}", f"call {n}") for n in range(1, 101)]
    cluster.put(JAEGER_SPANS, [*spans, *spans[:20]], INSTALLED[JAEGER_SPANS])
    with open_store(cluster.url, index=cluster.pattern) as store:
        assert sorted(span.span_id for span in store.spans()) == [span["spanID"] for span in spans]
        assert len(store.trace(TRACE).nodes) == 100


@pytest.mark.elasticsearch
def test_a_read_that_is_given_up_leaves_nothing_behind(
    small_pages: None, elasticsearch_url: str, namespace: str
) -> None:
    with ElasticsearchStore.open(elasticsearch_url, namespace=namespace) as store:
        keep(store, *(make_line(n, "a", at=n * MS) for n in range(100)))
        before = open_contexts(store)
        threads = set(threading.enumerate())
        lines = iter(store.logs())
        for _ in range(20):
            next(lines)
        assert open_contexts(store) == before + 1
        lines.close()  # type: ignore[attr-defined]
        assert (open_contexts(store), set(threading.enumerate()) - threads) == (before, set())


@pytest.mark.elasticsearch
def test_a_small_trace_is_one_request_without_a_thread(
    elasticsearch_url: str, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    with ElasticsearchStore.open(elasticsearch_url, namespace=namespace) as store:
        keep(store, *(make_span(n, parent=1 if n > 1 else None, at=n) for n in range(1, 21)))
        keep(store, *(make_line(n, "a", span=1, at=n) for n in range(20)))
        store._reader.all_sources  # noqa: B018 - looked up once, beforehand
        monkeypatch.setattr(store._reader._search, "_request", recording(store._request, asked))
        monkeypatch.setattr(search_module, "ThreadPoolExecutor", None)
        trace = store.trace(trace_id(1))
    assert (len(trace.nodes), len(trace.logs), asked) == (20, 20, ["POST /_msearch"])


def recording(request: Any, asked: list[str]) -> Any:
    def recorded(method: str, path: str, body: Any = None, **rest: Any) -> Any:
        asked.append(f"{method} {path}")
        return request(method, path, body, **rest)

    return recorded


def answering(*responses: dict[str, Any]) -> Any:
    def request(method: str, path: str, body: Any = None, *, answer: Any, **params: Any) -> Any:
        return msgspec.json.decode(msgspec.json.encode({"responses": responses}), type=answer)

    return request


FOUND: dict[str, Any] = {"hits": {"hits": [{"_id": "1"}]}}
REFUSED: dict[str, Any] = {"status": 400, "error": {"type": "odd", "reason": "no"}}
BUSY: dict[str, Any] = {"status": 503, "error": {"type": "busy", "reason": "later"}}


def test_a_search_that_is_rejected_is_said_and_does_not_stop_the_others() -> None:
    notes: list[str] = []
    searcher = Searcher("http://es", answering(FOUND, REFUSED), notes.append)
    first, second = searcher.at_once([Search("a", {}), Search("b", {})])
    assert (bool(first), bool(second)) == (True, False)
    assert notes == ["b was passed over: http://es: HTTP 400: odd: no"]


def test_where_all_are_rejected_or_one_is_busy_there_is_no_answer() -> None:
    for responses, error in (((REFUSED, REFUSED), StoreRejectedError), ((FOUND, BUSY), StoreUnavailableError)):
        notes: list[str] = []
        searcher = Searcher("http://es", answering(*responses), notes.append)
        with pytest.raises(error):
            searcher.at_once([Search("a", {}), Search("b", {})])


def test_the_collector_is_paused_until_the_last_who_paused_it_goes() -> None:
    assert gc.isenabled()
    with collector_paused():
        assert not gc.isenabled()
        other = threading.Thread(target=pause_once)
        other.start()
        other.join()
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(ZeroDivisionError), collector_paused():
        1 / 0  # noqa: B018 - an error on purpose
    assert gc.isenabled()


def test_a_collector_that_was_off_stays_off() -> None:
    gc.disable()
    try:
        with collector_paused():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def pause_once() -> None:
    with collector_paused():
        pass


def test_copies_are_dropped_and_what_is_alike_but_far_apart_is_not() -> None:
    first, copy = make_span(1, at=0), make_span(1, at=999)
    other_kind, later = make_span(1, at=10, kind="CLIENT"), make_span(1, at=5 * MS)
    found = distinct_spans([first, other_kind, copy, later], lambda span: span.start)
    assert list(found) == [first, other_kind, later]


def test_events_come_by_time_while_spans_overlap() -> None:
    spans: list[Span] = [
        make_span(1, at=0, events=(SpanEvent(START + 9, "last"), SpanEvent(START + 1, "first"))),
        make_span(2, at=2, events=(SpanEvent(START + 3, "second"),)),
        make_span(3, at=5, events=(SpanEvent(START + 5, "third"),)),
    ]
    assert [entry.event_name for entry in events_of(spans)] == ["first", "second", "third", "last"]
