"""Whatever happens to documents, in whatever order: the books balance, nothing is lost, and order is kept."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from tracelog.errors import StoreRejectedError, StoreUnavailableError
from tracelog.schema.otel import Destination, Document
from tracelog.ship import pipeline as pipeline_module
from tracelog.ship.sender import Sender
from tracelog.store.base import Refusal, WriteResult

from .stores import MemoryStore, assert_balanced, log_documents, make_pipeline

CAPACITY, BATCH = 6, 4
FATES = ("stored", "duplicate", "refused", "again")


class PipelineMachine(RuleBasedStateMachine):
    """A pipeline beside a model of it: the list of what waits, and the counts of what does not."""

    def __init__(self) -> None:
        super().__init__()
        self.pipeline = make_pipeline(CAPACITY)
        self.queued: list[Document] = []
        self.taken: list[Document] = []
        self.emitted = 0
        self.closed = False

    @rule(count=st.integers(1, 9))
    def put(self, count: int) -> None:
        for document in log_documents(*range(self.emitted, self.emitted + count)):
            self.pipeline.put(document)
            if not self.closed:
                self.queued.append(document)
                if len(self.queued) > CAPACITY:
                    self.queued.pop(0)
        self.emitted += count

    @precondition(lambda self: self.queued and not self.taken)
    @rule()
    def take(self) -> None:
        self.taken, self.queued = self.queued[:BATCH], self.queued[BATCH:]
        assert self.pipeline.take(0) == self.taken

    @precondition(lambda self: self.taken)
    @rule(fates=st.lists(st.sampled_from(FATES), min_size=BATCH, max_size=BATCH))
    def settle(self, fates: list[str]) -> None:
        met: dict[str, list[Document]] = {fate: [] for fate in FATES}
        for document, fate in zip(self.taken, fates, strict=False):
            met[fate].append(document)
        refused = [Refusal(document, "bad field") for document in met["refused"]]
        self.pipeline.settle(WriteResult(len(met["stored"]), len(met["duplicate"]), refused, met["again"]))
        self._return(met["again"])

    @precondition(lambda self: self.taken)
    @rule()
    def put_back(self) -> None:
        self.pipeline.put_back()
        self._return(self.taken)

    @precondition(lambda self: not self.closed)
    @rule()
    def close(self) -> None:
        self.pipeline.close()
        self.closed, self.queued = True, []

    @invariant()
    def the_books_balance(self) -> None:
        stats = self.pipeline.stats
        assert_balanced(stats)
        assert (stats.emitted, stats.waiting) == (self.emitted, len(self.queued) + len(self.taken))

    @invariant()
    def flushing_is_true_when_nothing_waits(self) -> None:
        assert self.pipeline.flush(0) == (not self.queued and not self.taken)

    def _return(self, documents: Sequence[Document]) -> None:
        self.queued = [] if self.closed else [*documents, *self.queued]
        self.taken = []


def test_the_books_balance_whatever_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline_module, "BATCH", BATCH)
    run_state_machine_as_test(
        PipelineMachine, settings=settings(max_examples=60, stateful_step_count=25, deadline=None)
    )


@pytest.fixture(scope="module", autouse=True)
def _small_batches() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline_module, "BATCH", BATCH)
        patch.setattr("tracelog.ship.sender._pause", lambda attempts, error: 0.0)
        patch.setattr("tracelog.ship.sender.Sender._complain", lambda self, message: None)
        yield


FAILURES = st.sampled_from(
    [StoreUnavailableError("away"), StoreRejectedError("no right"), OSError("reset"), ValueError("a bug")]
)


def run(sender: Sender, documents: Sequence[Document]) -> None:
    """Put documents in from two threads, and wait until they are stored."""
    halves = [documents[::2], documents[1::2]]
    threads = [threading.Thread(target=lambda half: [*map(sender.pipeline.put, half)], args=(half,)) for half in halves]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sender.flush(30)
    sender.close()


@settings(max_examples=40, deadline=None)
@given(failures=st.lists(st.none() | FAILURES, max_size=12), count=st.integers(1, 30))
def test_a_store_that_comes_and_goes_gets_every_document_once_and_in_order(
    failures: list[Exception | None], count: int
) -> None:
    store = MemoryStore()
    store.answers += [failure or store.keep for failure in failures]
    sender = Sender(lambda: store, "memory:", Destination(), owns_store=True)
    run(sender, documents := log_documents(*range(count)))
    assert sorted(store.documents) == [document.id for document in documents]
    for half in (documents[::2], documents[1::2]):  # of each thread
        assert [document for document in store.documents.values() if document in half] == half
    assert (sender.stats.stored, sender.stats.waiting) == (count, 0)
    assert_balanced(sender.stats)


@settings(max_examples=40, deadline=None)
@given(data=st.data(), count=st.integers(1, 30))
def test_each_document_of_a_mixed_answer_meets_its_own_fate(data: st.DataObject, count: int) -> None:
    documents = log_documents(*range(count))
    named = st.sets(st.sampled_from([document.id for document in documents]), max_size=8)
    refused = data.draw(named)
    store = MemoryStore()
    for again in data.draw(st.lists(named, max_size=8)):
        store.answers.append(partial(store.part, refused=refused - again, again=again))
    store.answers += [partial(store.part, refused=refused)] * count
    sender = Sender(lambda: store, "memory:", Destination(), owns_store=True)
    run(sender, documents)
    assert sorted(store.documents) == sorted({document.id for document in documents} - refused)
    assert (sender.stats.stored, sender.stats.refused) == (count - len(refused), len(refused))
    assert_balanced(sender.stats)
