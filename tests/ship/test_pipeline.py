"""What was emitted and is not yet stored: batches, order, what `flush` promises, and what dead processes left."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tracelog.schema.otel import Destination, Document
from tracelog.ship import folder as folder_module
from tracelog.ship import pipeline as pipeline_module
from tracelog.ship.folder import DestinationFolder
from tracelog.ship.pipeline import Batch, Pipeline
from tracelog.ship.segment import records_at
from tracelog.ship.segment_files import slots_of
from tracelog.ship.spool import Loss, Spool
from tracelog.store.base import Refusal, WriteResult
from tracelog.store.bulk import Bulk, action

from .stores import (
    adopt_all,
    assert_balanced,
    books,
    destination_folder,
    files_below,
    log_documents,
    make_pipeline,
    numbers_of,
    record_of,
    write_segment,
)

ONE, TWO, THREE = log_documents(1, 2, 3)


@pytest.fixture
def folder(tmp_path: Path) -> DestinationFolder:
    return destination_folder(tmp_path / "spool")


def filled(*documents: Document, folder: DestinationFolder | None = None) -> Pipeline:
    pipeline = make_pipeline(folder)
    for document in documents:
        pipeline.put(document)
    return pipeline


def leave(folder: DestinationFolder, *numbers: int) -> Path:
    """Leave records as a process that is gone; return its only segment."""
    process = folder.claim(f"dead-{numbers[0]}")
    path = write_segment(process.path / "00000000.seg", *numbers, spool=numbers[0])
    process.release()
    return path


def numbers(batch: Batch) -> list[int]:
    """Return the numbers of the records in a batch."""
    return numbers_of([one for _, one in batch.taken])


def store(pipeline: Pipeline, batch: Batch) -> None:
    pipeline.settle(batch, WriteResult(len(batch), 0))


def test_a_batch_is_taken_in_the_order_of_the_calls() -> None:
    pipeline = filled(ONE, TWO, THREE)
    assert list(pipeline.take().documents) == [ONE, TWO, THREE]
    assert pipeline.stats == books(3, in_spool=3)


def test_a_batch_has_a_largest_number_of_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline_module, "BATCH", 2)
    pipeline = filled(ONE, TWO, THREE)
    first, second = pipeline.take(), pipeline.take()
    assert [(list(first.documents), first.is_full), (list(second.documents), second.is_full)] == [
        ([ONE, TWO], True),
        ([THREE], False),
    ]


def test_a_batch_has_a_largest_number_of_bytes_whatever_spools_it_is_from(
    folder: DestinationFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave(folder, 10, 11)
    leave(folder, 20, 21)
    monkeypatch.setattr(pipeline_module, "BATCH_BYTES", 3 * len(record_of(10)))
    pipeline = filled(Document("", "logs", b'{"n":00}'), folder=folder)
    pipeline.adopt()
    first = pipeline.take()
    assert (numbers(first), first.is_full) == ([0, 10, 11], True)
    pipeline.put_back(first)
    assert numbers(pipeline.take()) == [0, 10, 11]
    assert numbers(pipeline.take()) == [20, 21]
    pipeline.close()


def test_a_settled_batch_is_booked_by_what_became_of_it() -> None:
    pipeline = filled(*log_documents(1, 2, 3, 4))
    batch = pipeline.take()
    refused = [Refusal(batch.documents[3], "bad field")]
    pipeline.settle(batch, WriteResult(1, 1, refused, failure_stored=1))
    assert pipeline.stats == books(4, stored=1, duplicate_suppressed=1, refused=1, failure_stored=1)


def test_what_is_to_be_sent_again_comes_before_what_came_since() -> None:
    pipeline = filled(ONE, TWO)
    batch = pipeline.take()
    pipeline.put(THREE)
    pipeline.put_back(batch)
    batch = pipeline.take()
    assert list(batch.documents) == [ONE, TWO, THREE]
    pipeline.settle(batch, WriteResult(1, 0, again=[ONE, THREE]))
    assert list(pipeline.take().documents) == [ONE, THREE]
    assert pipeline.stats == books(3, stored=1, in_spool=2)


def test_the_first_document_starts_who_sends_it_and_the_next_do_not_once_it_is_served() -> None:
    started: list[int] = []

    def start() -> None:
        started.append(pipeline.spool.emitted)
        pipeline.is_served = len(started) == 2

    pipeline = Pipeline(Destination(), Spool(), start)
    for document in (ONE, TWO, THREE):
        pipeline.put(document)
    assert started == [1, 2]


def test_flushing_an_empty_pipeline_is_true_at_once() -> None:
    assert make_pipeline().flush(0)


def test_flushing_is_false_when_the_time_runs_out() -> None:
    assert not filled(ONE).flush(0.001)


def test_flushing_is_true_once_all_is_settled_and_ends_the_wait_for_more() -> None:
    pipeline = filled(ONE)
    batches = []

    def send() -> None:
        pipeline.wait(3600)
        batches.append(pipeline.take())
        store(pipeline, batches[0])

    thread = threading.Thread(target=send)
    thread.start()
    assert pipeline.flush(30)
    thread.join(30)
    assert [list(batch.documents) for batch in batches] == [[ONE]]


def test_flushing_waits_for_what_came_before_it_and_not_for_what_came_later() -> None:
    pipeline = filled(ONE)
    flushed: list[bool] = []
    thread = threading.Thread(target=lambda: flushed.append(pipeline.flush(30)))
    thread.start()
    pipeline.wait(30)  # until it is wanted
    pipeline.put(TWO)
    batch = pipeline.take()
    pipeline.settle(batch, WriteResult(1, 0, again=[TWO]))
    thread.join(30)
    assert (flushed, list(batch.documents), pipeline.stats) == ([True], [ONE, TWO], books(2, stored=1, in_spool=1))


def test_flushing_is_not_done_while_what_came_later_has_overtaken_what_came_before() -> None:
    pipeline = filled(ONE, TWO)
    pipeline.settle(pipeline.take(), WriteResult(1, 0, again=[ONE]))
    assert not pipeline.flush(0)
    store(pipeline, pipeline.take())
    assert pipeline.flush(0)


def test_closing_ends_a_flush_and_a_wait() -> None:
    pipeline = filled(ONE)
    pipeline.take()
    flushed: list[bool] = []
    threads = [
        threading.Thread(target=lambda: flushed.append(pipeline.flush(3600))),
        threading.Thread(target=pipeline.wait, args=(3600,)),
    ]
    for thread in threads:
        thread.start()
    pipeline.close()
    for thread in threads:
        thread.join(30)
    assert (flushed, [thread.is_alive() for thread in threads]) == ([False], [False, False])


def test_closing_without_a_disk_gives_up_what_waits_and_what_comes_after_and_counts_both() -> None:
    pipeline = filled(ONE, TWO)
    pipeline.close()
    pipeline.put(THREE)
    assert (pipeline.stats, pipeline.flush(0)) == (books(3, lost_at_close=3), False)
    assert list(pipeline.take().documents) == []


def test_closing_with_a_disk_leaves_what_waits_and_keeps_what_comes_after(folder: DestinationFolder) -> None:
    pipeline = filled(*log_documents(1, 2), folder=folder)
    pipeline.close()
    pipeline.put(THREE)
    assert (pipeline.stats, pipeline.flush(0)) == (books(3, in_spool=3, segment_waits=1), False)
    successor = make_pipeline(folder)
    successor.adopt()
    batch = successor.take()
    assert list(batch.documents) == [ONE, TWO, THREE]
    store(successor, batch)
    assert (pipeline.stats, pipeline.flush(0)) == (books(3, in_spool=3, segment_waits=1), True)
    successor.close()


def test_what_comes_after_the_close_reaches_the_disk_where_segments_are_written_by_hand(
    folder: DestinationFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_module, "file_system", lambda _: "nfs4")
    pipeline = make_pipeline(folder)
    pipeline.close()
    pipeline.put(Document("", "logs", b"7"))
    pipeline.spool.begin()  # as if the process had died
    assert adopt_all(folder) == [7]


@pytest.mark.parametrize("end", [Pipeline.put_back, lambda p, b: p.settle(b, WriteResult(0, 0, again=b.documents))])
def test_a_batch_that_fails_after_the_close_is_lost_and_counted_where_it_is_on_no_disk(
    end: Callable[[Pipeline, Batch], None], folder: DestinationFolder
) -> None:
    for where, fate in ((None, "lost_at_close"), (folder, "in_spool")):
        pipeline = filled(ONE, TWO, folder=where)
        batch = pipeline.take()
        pipeline.close()
        end(pipeline, batch)
        assert pipeline.stats == books(2, **{fate: 2})
        assert list(pipeline.take().documents) == []


def test_a_batch_that_arrives_after_the_close_is_booked(folder: DestinationFolder) -> None:
    for where in (None, folder):
        pipeline = filled(ONE, TWO, folder=where)
        batch = pipeline.take()
        pipeline.close()
        assert not pipeline.flush(0)
        store(pipeline, batch)
        assert (pipeline.stats, pipeline.flush(0)) == (books(2, stored=2), True)


def test_a_pipeline_that_begins_anew_has_empty_books() -> None:
    pipeline = filled(ONE, TWO)
    pipeline.begin()
    pipeline.spool.begin()
    assert pipeline.stats == books(0)


def test_what_a_dead_process_left_goes_the_same_way_behind_ones_own(folder: DestinationFolder) -> None:
    left = leave(folder, 10, 11)
    pipeline = filled(ONE, folder=folder)
    pipeline.adopt()
    assert pipeline.stats == books(1, adopted=2, in_spool=3)
    batch = pipeline.take()
    assert [document.id for document in batch.documents] == [ONE.id, *(f"{10:016x}-{n:012x}" for n in (10, 11))]
    store(pipeline, batch)
    assert (pipeline.stats, left.parent.exists()) == (books(1, adopted=2, stored=3), False)
    pipeline.adopt()
    assert pipeline.stats == books(1, adopted=2, stored=3)
    pipeline.close()


def test_only_a_process_with_the_same_destination_adopts(tmp_path: Path) -> None:
    leave(destination_folder(tmp_path, "http://a:9200"), 10)
    pipeline = make_pipeline(destination_folder(tmp_path, "http://b:9200"))
    pipeline.adopt()
    assert pipeline.stats == books(0)


def test_a_pipeline_in_memory_adopts_nothing() -> None:
    pipeline = make_pipeline()
    pipeline.adopt()
    assert pipeline.stats == books(0)


def test_what_is_adopted_and_not_sent_at_the_close_is_left_for_the_next(folder: DestinationFolder) -> None:
    leave(folder, 10, 11, 12)
    pipeline = make_pipeline(folder)
    pipeline.adopt()
    batch = pipeline.take()
    settled = [document.id for document in batch.documents[:1]]
    pipeline.settle(batch, WriteResult(1, 0, again=batch.documents[1:]))
    pipeline.close()
    assert (pipeline.stats, len(settled)) == (books(0, adopted=3, stored=1, in_spool=2), 1)
    successor = make_pipeline(folder)
    successor.adopt()
    assert numbers(successor.take()) == [11, 12]
    successor.close()


def test_what_is_adopted_as_the_pipeline_closes_is_left_for_the_next(folder: DestinationFolder) -> None:
    leave(folder, 10)
    pipeline = make_pipeline(folder)
    pipeline.close()
    pipeline.adopt()
    assert pipeline.stats == books(0)
    successor = make_pipeline(folder)
    successor.adopt()
    assert successor.stats == books(0, adopted=1, in_spool=1)
    successor.close()


def test_damage_in_what_was_left_is_counted_and_told_and_the_rest_is_sent(folder: DestinationFolder) -> None:
    path = leave(folder, 10, 11, 12)
    content = bytearray(path.read_bytes())
    content[records_at(3) + len(record_of(10)) + 45] ^= 0xFF
    path.write_bytes(content)
    pipeline = make_pipeline(folder)
    pipeline.adopt()
    batch = pipeline.take()
    assert (numbers(batch), pipeline.stats) == ([10, 12], books(0, adopted=3, in_spool=2, lost_damaged=1))
    store(pipeline, batch)
    assert pipeline.stats == books(0, adopted=3, stored=2, lost_damaged=1)
    assert list(pipeline.losses()) == [Loss(1, f"{path.parent} was damaged")]
    assert (list(pipeline.losses()), files_below(folder.path)) == ([], ["about.json"])
    pipeline.close()


def test_a_spool_in_which_nothing_can_be_read_any_more_is_counted_and_removed(folder: DestinationFolder) -> None:
    path = leave(folder, 10)
    path.write_bytes(b"\xff" * 10_000)
    pipeline = make_pipeline(folder)
    pipeline.adopt()
    assert len(pipeline.take()) == 0
    assert (pipeline.stats, path.parent.exists()) == (books(0, adopted=1, lost_damaged=1), False)


def test_what_somebody_deletes_after_it_was_adopted_is_counted(folder: DestinationFolder) -> None:
    path = leave(folder, 10, 11)
    pipeline = make_pipeline(folder)
    pipeline.adopt()
    path.unlink()
    assert list(pipeline.take().documents) == []
    assert_balanced(pipeline.stats)
    assert (pipeline.stats, pipeline.flush(0)) == (books(0, adopted=2, lost_damaged=2), True)
    pipeline.close()


def test_records_of_ones_own_that_are_damaged_before_they_are_taken_are_counted(folder: DestinationFolder) -> None:
    pipeline = filled(*log_documents(1, 2, 3), folder=folder)
    (path,) = folder.path.glob("*/*.seg")
    own = action("logs-tracelog.otel-default", ONE.id) + ONE.body
    with path.open("r+b") as file:
        file.seek(records_at(slots_of(path)) + len(own) + 20)
        file.write(b"\xff\xff")
    batch = pipeline.take()
    assert list(batch.documents) == [ONE, THREE]
    store(pipeline, batch)
    assert_balanced(pipeline.stats)
    pipeline.close()
    assert pipeline.stats == books(3, stored=2, lost_damaged=1)


def test_what_the_spool_gave_up_is_told_once() -> None:
    pipeline = make_pipeline(memory=0)
    pipeline.put(ONE)
    pipeline.put(TWO)
    first, last = (Bulk.of([one], Destination()).body for one in (ONE, TWO))
    assert list(pipeline.losses()) == [Loss(2, "the spool was full", first, last)]
    assert (list(pipeline.losses()), pipeline.stats) == ([], books(2, lost_quota=2))
