"""Whatever happens to documents, in whatever order: the books balance, nothing is lost, and order is kept."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from tracelog.errors import StoreRejectedError, StoreUnavailableError
from tracelog.schema.otel import Destination, Document
from tracelog.ship import pipeline as pipeline_module
from tracelog.ship import spool as spool_module
from tracelog.ship.pipeline import Batch
from tracelog.ship.segment import buffer_size
from tracelog.ship.sender import Sender
from tracelog.store.base import Refusal, WriteResult

from .stores import MemoryStore, assert_balanced, destination_folder, log_documents, make_pipeline, write_segment

BATCH, SEGMENT = 4, 512
FATES = ("stored", "duplicate", "failed", "refused", "again")


@pytest.fixture(scope="module", autouse=True)
def _small_and_quick() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline_module, "BATCH", BATCH)
        patch.setattr(spool_module, "FIRST", SEGMENT)
        patch.setattr(spool_module, "LARGEST", SEGMENT)
        patch.setattr("tracelog.ship.sender._pause", lambda attempts, error: 0.0)
        patch.setattr("tracelog.ship.sender.Sender._say", staticmethod(lambda message: None))
        yield


class PipelineMachine(RuleBasedStateMachine):
    """A pipeline beside a model of it: what goes again, what waits behind that, and what is on its way."""

    is_on_disk = False

    def __init__(self) -> None:
        super().__init__()
        self.directory = TemporaryDirectory()
        folder = destination_folder(Path(self.directory.name)) if self.is_on_disk else None
        self.pipeline = make_pipeline(folder, quota=8 * buffer_size(SEGMENT), memory=4 * buffer_size(SEGMENT))
        self.again: list[str] = []
        self.waiting: list[str] = []
        self.batches: list[Batch] = []
        self.emitted = self.adopted = self.done = 0
        self.dead = count(1)
        self.is_closed = False

    @rule(number=st.integers(1, 9), weight=st.integers(0, 1))
    def put(self, number: int, weight: int) -> None:
        for document in log_documents(*range(self.emitted, self.emitted + number)):
            self.pipeline.put(document, weight)
            self.waiting.append(document.id)
        self.emitted += number

    @rule()
    def take(self) -> None:
        self.batches.append(self.pipeline.take())
        taken = [document.id for document in self.batches[-1].documents]
        assert len(taken) <= BATCH
        number = sum(own_id in self.again for own_id in taken)
        again, fresh = taken[:number], taken[number:]
        assert again == self.again[:number]
        assert bool(again) == bool(self.again)
        assert not fresh or number == len(self.again)
        assert [own_id for own_id in self.waiting if own_id in fresh] == [
            own_id for own_id in fresh if own_id[0] == "d"
        ]
        self.again = self.again[number:]
        self.waiting = [own_id for own_id in self.waiting if own_id not in fresh]

    @precondition(lambda self: self.batches)
    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        batch = self.batches.pop(data.draw(st.integers(0, len(self.batches) - 1)))
        met: dict[str, list[Document]] = {fate: [] for fate in FATES}
        for document in batch.documents:
            met[data.draw(st.sampled_from(FATES))].append(document)
        refused = [Refusal(document, "bad field") for document in met["refused"]]
        counts = len(met["stored"]), len(met["duplicate"])
        self.pipeline.settle(batch, WriteResult(*counts, refused, met["again"], len(met["failed"])))
        self.done += len(batch) - len(met["again"])
        self.send_again([document for document in batch.documents if document in met["again"]])

    @precondition(lambda self: self.batches)
    @rule()
    def put_back(self) -> None:
        batch = self.batches.pop()
        self.pipeline.put_back(batch)
        self.send_again(batch.documents)

    @precondition(lambda self: self.is_on_disk and not self.is_closed)
    @rule(records=st.integers(1, 6), is_damaged=st.booleans())
    def adopt(self, records: int, is_damaged: bool) -> None:
        folder = self.pipeline.spool.folder
        assert folder is not None
        spool = next(self.dead)
        process = folder.claim(f"dead-{spool}")
        path = write_segment(process.path / "00000000.seg", *range(records), spool=spool)
        if is_damaged:
            path.write_bytes(path.read_bytes()[:-20])
        process.release()
        self.pipeline.adopt()
        self.adopted += records

    @precondition(lambda self: not self.is_closed)
    @rule()
    def close(self) -> None:
        self.pipeline.close()
        self.is_closed = True
        self.again, self.waiting = [], []

    def send_again(self, documents: Sequence[Document]) -> None:
        if not self.is_closed:
            self.again += [document.id for document in documents]

    @invariant()
    def the_books_balance(self) -> None:
        stats = self.pipeline.stats
        assert_balanced(stats)
        assert (stats.emitted, stats.adopted) == (self.emitted, self.adopted)
        assert stats.emitted + stats.adopted == self.done + stats.in_spool + stats.lost
        assert self.is_on_disk or self.is_closed or stats.lost == stats.lost_quota

    @invariant()
    def flushing_is_true_when_nothing_waits(self) -> None:
        stats = self.pipeline.stats
        own = self.pipeline.spool.waiting
        assert self.pipeline.flush(0) == (not own and not (self.is_closed and stats.lost_at_close))

    def teardown(self) -> None:
        try:
            self.close()
            self.the_books_balance()
        finally:
            self.directory.cleanup()


class DiskMachine(PipelineMachine):
    is_on_disk = True


@pytest.mark.parametrize("machine", [PipelineMachine, DiskMachine])
def test_the_books_balance_whatever_happens(machine: type[PipelineMachine]) -> None:
    run_state_machine_as_test(machine, settings=settings(max_examples=40, stateful_step_count=25))


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


@settings(max_examples=40)
@given(failures=st.lists(st.none() | FAILURES, max_size=12), number=st.integers(1, 30), is_on_disk=st.booleans())
def test_a_store_that_comes_and_goes_gets_every_document_once_and_in_order(
    failures: list[Exception | None], number: int, is_on_disk: bool
) -> None:
    store = MemoryStore()
    store.answers += [failure or store.keep for failure in failures]
    with TemporaryDirectory() as root:
        folder = destination_folder(Path(root)) if is_on_disk else None
        sender = Sender(lambda: store, "memory:", Destination(), owns_store=True, folder=folder)
        run(sender, documents := log_documents(*range(number)))
    assert sorted(store.documents) == [document.id for document in documents]
    for half in (documents[::2], documents[1::2]):  # of each thread
        assert [document for document in store.documents.values() if document in half] == half
    assert (sender.stats.stored, sender.stats.in_spool) == (number, 0)
    assert_balanced(sender.stats)


@settings(max_examples=40)
@given(data=st.data(), number=st.integers(1, 30))
def test_each_document_of_a_mixed_answer_meets_its_own_fate(data: st.DataObject, number: int) -> None:
    documents = log_documents(*range(number))
    named = st.sets(st.sampled_from([document.id for document in documents]), max_size=8)
    refused = data.draw(named)
    store = MemoryStore()
    for again in data.draw(st.lists(named, max_size=8)):
        store.answers.append(partial(store.part, refused=refused - again, again=again))
    store.answers += [partial(store.part, refused=refused)] * (3 * number)
    sender = Sender(lambda: store, "memory:", Destination(), owns_store=True)
    run(sender, documents)
    assert sorted(store.documents) == sorted({document.id for document in documents} - refused)
    assert (sender.stats.stored, sender.stats.refused) == (number - len(refused), len(refused))
    assert_balanced(sender.stats)
