"""The queue between a log call and the sender: order, bounds, and what `flush` promises."""

from __future__ import annotations

import threading
import time
from collections import deque

import pytest

from tracelog.schema.otel import Document
from tracelog.ship import pipeline as pipeline_module
from tracelog.ship.pipeline import Pipeline
from tracelog.store.base import Refusal, WriteResult

from .stores import books, log_documents, make_pipeline

ONE, TWO, THREE = log_documents(1, 2, 3)


def filled(*documents: Document, capacity: int = 1000) -> Pipeline:
    pipeline = make_pipeline(capacity)
    for document in documents:
        pipeline.put(document)
    return pipeline


def test_ids_are_unique_and_sort_by_the_order_of_the_calls() -> None:
    pipeline = make_pipeline()
    ids = [pipeline.next_id() for _ in range(5000)]
    assert ids == sorted(set(ids))


def test_ids_do_not_depend_on_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline = make_pipeline()
    moments = iter([5, 4])
    monkeypatch.setattr(time, "time_ns", lambda: next(moments))
    assert pipeline.next_id() < pipeline.next_id()


def test_two_pipelines_never_make_the_same_id() -> None:
    first, second = make_pipeline(), make_pipeline()
    before = first.next_id()
    first.reset()
    assert len({before[:16], first.next_id()[:16], second.next_id()[:16]}) == 3


def test_a_batch_is_taken_in_the_order_of_the_calls() -> None:
    pipeline = filled(ONE, TWO, THREE)
    assert pipeline.take(0) == [ONE, TWO, THREE]
    assert pipeline.stats == books(3, waiting=3)


def test_a_batch_has_a_largest_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline_module, "BATCH", 2)
    pipeline = filled(ONE, TWO, THREE)
    assert pipeline.take(0) == [ONE, TWO]


def test_a_settled_batch_is_booked_by_what_became_of_it() -> None:
    pipeline = filled(ONE, TWO, THREE)
    pipeline.take(0)
    pipeline.settle(WriteResult(1, 1, [Refusal(THREE, "bad field")]))
    assert pipeline.stats == books(3, stored=1, duplicates=1, refused=1)


def test_what_is_to_be_sent_again_comes_before_what_came_since() -> None:
    pipeline = filled(ONE, TWO)
    pipeline.take(0)
    pipeline.put(THREE)
    pipeline.put_back()
    assert pipeline.take(0) == [ONE, TWO, THREE]
    pipeline.settle(WriteResult(1, 0, again=[ONE, THREE]))
    assert pipeline.take(0) == [ONE, THREE]
    assert pipeline.stats == books(3, stored=1, waiting=2)


def test_a_full_queue_gives_up_the_oldest_and_counts_it() -> None:
    pipeline = filled(ONE, TWO, THREE, capacity=2)
    assert pipeline.stats == books(3, lost_queue_full=1, waiting=2)
    assert pipeline.take(0) == [TWO, THREE]


def test_flushing_an_empty_pipeline_is_true_at_once() -> None:
    assert make_pipeline().flush(0)


def test_flushing_is_false_when_the_time_runs_out() -> None:
    assert not filled(ONE).flush(0.001)


def test_flushing_is_true_once_all_is_settled_and_ends_the_wait_for_a_fuller_batch() -> None:
    pipeline = filled(ONE)
    batches = []

    def send() -> None:
        batches.append(pipeline.take(linger=3600))
        pipeline.settle(WriteResult(1, 0))

    thread = threading.Thread(target=send)
    thread.start()
    assert pipeline.flush(30)
    thread.join(30)
    assert batches == [[ONE]]


def test_flushing_is_not_done_while_what_came_later_has_overtaken_what_came_before() -> None:
    pipeline = filled(ONE, TWO)
    flushed: list[bool] = []
    thread = threading.Thread(target=lambda: flushed.append(pipeline.flush(0.2)))
    thread.start()
    with pipeline._changed:
        assert pipeline._changed.wait_for(lambda: pipeline._flushing, timeout=30)
    pipeline.put(THREE)
    pipeline.take(0)
    pipeline.settle(WriteResult(2, 0, again=[ONE]))
    thread.join(30)
    assert flushed == [False]
    pipeline.take(0)
    pipeline.settle(WriteResult(1, 0))
    assert pipeline.flush(0)


def test_closing_gives_up_what_waits_and_what_comes_after_and_counts_both() -> None:
    pipeline = filled(ONE, TWO)
    pipeline.close()
    pipeline.put(THREE)
    assert pipeline.stats == books(3, lost_at_close=3)
    assert pipeline.take(3600) == []


def test_a_batch_that_fails_after_the_close_is_given_up_and_counted() -> None:
    pipeline = filled(ONE, TWO)
    pipeline.take(0)
    pipeline.close()
    pipeline.put_back()
    assert pipeline.stats == books(2, lost_at_close=2)
    assert pipeline.take(3600) == []


def test_closing_ends_a_flush() -> None:
    pipeline = filled(ONE)
    pipeline.take(0)
    pipeline.close()
    assert not pipeline.flush(3600)


def test_a_reset_pipeline_has_empty_books() -> None:
    pipeline = filled(ONE, TWO)
    pipeline.reset()
    assert pipeline.stats == books(0)


def test_a_signal_handler_that_logs_in_the_middle_of_a_log_call_blocks_nothing() -> None:
    woken: list[Pipeline] = []
    pipeline = make_pipeline()
    pipeline._wake = woken.append

    class Interrupted(deque[Document]):
        """A queue in whose `append` the interpreter runs a handler, as it may between any two of its steps."""

        def append(self, document: Document) -> None:
            super().append(document)
            if document is ONE:
                pipeline.put(TWO)

    pipeline._queue = Interrupted()
    thread = threading.Thread(target=pipeline.put, args=(ONE,), daemon=True)
    thread.start()
    thread.join(10)
    assert not thread.is_alive()
    assert pipeline.take(0) == [ONE, TWO]
    assert woken == [pipeline]
