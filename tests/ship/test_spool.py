"""The spool: order, ids, segments ahead of need, what a close leaves, and what comes in the middle of an append."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from itertools import count
from pathlib import Path
from shutil import rmtree
from types import FrameType
from typing import Any

import pytest

from tracelog.schema.otel import LOGS, TRACES, Destination, Document
from tracelog.ship import folder as folder_module
from tracelog.ship import segment as segment_module
from tracelog.ship import spool as spool_module
from tracelog.ship.drain import AdoptedSpool
from tracelog.ship.folder import DestinationFolder
from tracelog.ship.segment import buffer_size
from tracelog.ship.segment_files import MappedSegment, slots_of
from tracelog.ship.spool import Books, Spool
from tracelog.store.bulk import action

from .stores import (
    PADDED,
    adopt_all,
    bodies,
    destination_folder,
    documents,
    files_below,
    fill,
    open_files,
    padded,
    record_of,
    settle_all,
    singly,
)

PER_SEGMENT = 4
"""How many `padded` documents a small segment has room for."""

INTERRUPTED = frozenset(module.__file__ for module in (spool_module, segment_module))
MakeSpool = Callable[..., Spool]


@pytest.fixture
def folder(tmp_path: Path) -> DestinationFolder:
    return destination_folder(tmp_path / "spool")


@pytest.fixture(autouse=True)
def _small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_module, "FIRST", 4096)
    monkeypatch.setattr(spool_module, "LARGEST", 4096)


@pytest.fixture(params=["mapped", "written", "memory"])
def make(request: pytest.FixtureRequest, folder: DestinationFolder, monkeypatch: pytest.MonkeyPatch) -> MakeSpool:
    """Return a function that makes a spool, of each kind in turn."""
    if request.param == "written":
        monkeypatch.setattr(folder_module, "file_system", lambda _: "nfs4")
    return lambda **options: Spool(None if request.param == "memory" else folder, **options)


def take(spool: Spool, most: int = 1000) -> list[int]:
    return bodies(spool.take(most, 10**9))


def segments(folder: DestinationFolder) -> list[int]:
    """Return how many bytes of records each segment on disk has room for, in order."""
    found = [path.stat().st_size for path in sorted(folder.path.glob("*/*.seg"))]
    return [size - buffer_size(0) - 16 * (slots - 1) for size, slots in zip(found, slots_in(folder), strict=True)]


def slots_in(folder: DestinationFolder) -> list[int]:
    return [slots_of(path) for path in sorted(folder.path.glob("*/*.seg"))]


def test_what_is_appended_is_taken_in_order_whatever_segment_it_is_in(make: MakeSpool) -> None:
    spool = make()
    fill(spool, *range(11))
    assert take(spool, 3) == [0, 1, 2]
    fill(spool, *range(11, 14))
    assert take(spool) == list(range(3, 14))
    assert spool.books() == Books(emitted=14, waiting=14, lost=0, segment_waits=0 if spool.folder is None else 3)
    spool.close()


def test_a_document_without_an_id_gets_one_by_its_place_and_one_with_an_id_keeps_it(make: MakeSpool) -> None:
    spool = make()
    for own in (None, action("traces-shop.otel-default", "own"), None):
        spool.append(b"{}", 0, own)
    found = documents(spool.take(9, 10**9))
    assert found == [
        Document(f"{spool.id:016x}-000000000000", LOGS, b"{}"),
        Document("own", TRACES, b"{}"),
        Document(f"{spool.id:016x}-000000000002", LOGS, b"{}"),
    ]
    spool.close()


def test_no_two_spools_make_the_same_ids() -> None:
    spool = Spool()
    before = spool.id
    spool.begin()
    assert len({before, spool.id, Spool().id}) == 3


def test_a_batch_is_bounded_across_segments_unless_one_document_alone_has_more(make: MakeSpool) -> None:
    spool = make()
    fill(spool, *range(PER_SEGMENT))
    spool.append(b"9".ljust(100_000))
    assert bodies(spool.take(9, 3 * PADDED)) == [0, 1, 2]
    assert bodies(spool.take(9, 3 * PADDED)) == [3]
    assert bodies(spool.take(9, 3 * PADDED)) == [9]
    spool.close()


def test_a_record_goes_where_its_destination_says(folder: DestinationFolder) -> None:
    spool = Spool(folder, destination=Destination("shop", "50%"))
    spool.append(b"{}")
    (taken,) = spool.take(9, 10**9)
    assert taken.body == b'{"create":{"_index":"logs-shop.otel-50%%","_id":"%016x-000000000000"}}\n{}\n' % spool.id
    spool.close()


def test_what_is_settled_is_deleted_segment_by_segment_in_whatever_order(folder: DestinationFolder) -> None:
    spool = Spool(folder)
    fill(spool, *range(3 * PER_SEGMENT))
    taken = singly(spool.take(100, 10**9))
    spool.settle(taken[PER_SEGMENT:])
    assert (len(segments(folder)), spool.waiting, spool.oldest()) == (2, 4, 0)
    spool.settle(taken[:PER_SEGMENT])
    assert (len(segments(folder)), spool.waiting, spool.oldest()) == (1, 0, None)
    spool.close()
    assert files_below(folder.path) == ["about.json"]


def test_the_oldest_that_is_not_settled_is_known_by_its_number(make: MakeSpool) -> None:
    spool = make()
    fill(spool, *range(6))
    taken = singly(spool.take(3, 10**9))
    assert spool.oldest() == 0
    spool.settle([taken[0], taken[2]])
    assert spool.oldest() == 1
    spool.settle([taken[1]])
    assert spool.oldest() == 3
    spool.close()


def test_segments_grow_and_a_document_that_is_too_large_has_one_of_its_own(
    folder: DestinationFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_module, "LARGEST", 20_000)
    spool = Spool(folder)
    fill(spool, *range(4 + 16 + 20))
    large = b"7".ljust(20_000_000)
    spool.append(large)
    fill(spool, 8)
    assert segments(folder) == [4096, 16384, 20_000, len(record_of(0, large)), 20_000]
    assert take(spool) == [*range(40), 7, 8]
    spool.close()


def test_a_segment_is_prepared_when_a_quarter_of_the_one_before_is_used_and_then_nobody_waits(
    folder: DestinationFolder,
) -> None:
    woken: list[int] = []
    spool = Spool(folder, wake=lambda: woken.append(spool.emitted))
    fill(spool, 0)
    spool.prepare()
    assert (woken, segments(folder)) == ([], [4096])
    fill(spool, 1)
    spool.prepare()
    assert (woken, segments(folder)) == ([2], [4096] * 3)
    fill(spool, *range(2, 3 * PER_SEGMENT))
    spool.prepare()
    assert (woken, spool.segment_waits, take(spool)) == ([2, 6, 10], 0, list(range(3 * PER_SEGMENT)))
    spool.close()
    assert len(segments(folder)) == 3


def test_a_call_that_finds_no_segment_ready_makes_one_and_is_counted(folder: DestinationFolder) -> None:
    spool = Spool(folder)
    fill(spool, *range(3 * PER_SEGMENT))
    assert spool.segment_waits == 2
    spool.close()


def test_a_segment_that_is_ready_and_too_small_waits_for_what_fits(folder: DestinationFolder) -> None:
    spool = Spool(folder)
    fill(spool, 0, 1, 2)
    spool.prepare()
    spool.append(b"9".ljust(10_000))
    fill(spool, 3)
    assert segments(folder) == [4096, 4096, 4096, len(record_of(0, bytes(10_000)))]
    assert take(spool) == [0, 1, 2, 9, 3]
    spool.close()


def test_no_call_waits_for_the_thread_that_prepares(folder: DestinationFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, end = threading.Event(), threading.Event()

    def touch(segment: MappedSegment) -> None:
        begun.set()
        assert end.wait(30)

    spool = Spool(folder)
    fill(spool, 0, 1, 2)
    monkeypatch.setattr(MappedSegment, "touch", touch)
    keeper = threading.Thread(target=spool.prepare)
    keeper.start()
    assert begun.wait(30)
    fill(spool, *range(3, 9))
    end.set()
    keeper.join(30)
    assert (spool.segment_waits, take(spool)) == (2, list(range(9)))
    spool.close()


def test_a_close_while_a_segment_is_prepared_leaves_none_behind(
    folder: DestinationFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, end = threading.Event(), threading.Event()
    touch = MappedSegment.touch

    def touch_late(segment: MappedSegment) -> None:
        begun.set()
        assert end.wait(30)
        touch(segment)

    spool = Spool(folder)
    fill(spool, 0, 1, 2)
    settle_all(spool)
    monkeypatch.setattr(MappedSegment, "touch", touch_late)
    keeper, closer = threading.Thread(target=spool.prepare), threading.Thread(target=spool.close)
    keeper.start()
    assert begun.wait(30)
    closer.start()
    end.set()
    for thread in (keeper, closer):
        thread.join(30)
    assert files_below(folder.path) == ["about.json"]


def test_whoever_hears_a_complaint_may_log_it(tmp_path: Path) -> None:
    heard: list[str] = []

    def log(message: str) -> None:
        heard.append(message)
        thread = threading.Thread(target=fill, args=(spool, 7))
        thread.start()
        thread.join(30)
        assert not thread.is_alive()

    (tmp_path / "spool").write_text("")
    spool = Spool(destination_folder(tmp_path / "spool"), complain=log)
    fill(spool, 0)
    spool.prepare()
    assert (len(heard), take(spool)) == (1, [0, 7])


def test_closing_leaves_what_waits_for_the_next_and_nothing_else(folder: DestinationFolder) -> None:
    spool = Spool(folder)
    fill(spool, *range(6))
    spool.settle(spool.take(2, 10**9))
    assert (spool.close(), spool.left, spool.books()) == (0, True, Books(6, 4, 0, 1))
    assert adopt_all(folder) == [2, 3, 4, 5]
    assert files_below(folder.path) == ["about.json"]


def test_closing_when_nothing_waits_leaves_nothing(make: MakeSpool, folder: DestinationFolder) -> None:
    spool = make()
    fill(spool, *range(6))
    settle_all(spool)
    assert (spool.close(), spool.left, spool.books().waiting) == (0, False, 0)
    assert [name for name in files_below(folder.path) if name != "about.json"] == []


def test_closing_a_spool_in_memory_loses_what_waits_and_says_how_much() -> None:
    spool = Spool()
    fill(spool, *range(6))
    taken = spool.take(2, 10**9)
    assert (spool.close(), spool.left, spool.books()) == (4, False, Books(6, 2, 0, 0))
    assert (spool.give_up(taken), spool.waiting) == (2, 0)


def test_closing_twice_is_fine(make: MakeSpool) -> None:
    spool = make()
    fill(spool, 0)
    spool.close()
    assert (spool.close(), spool.emitted) == (0, 1)


def test_what_is_appended_after_a_close_begins_a_new_spool_whatever_the_old_one_left(
    folder: DestinationFolder,
) -> None:
    complaints: list[str] = []
    spool = Spool(folder, complain=complaints.append)
    fill(spool, 0, 1)
    spool.close()
    fill(spool, 2)
    spool.prepare()
    assert (complaints, spool.is_durable, spool.books()) == ([], True, Books(3, 3, 0, 1))
    assert adopt_all(folder) == [0, 1]
    assert take(spool) == [2]
    spool.close()
    assert adopt_all(folder) == [2]


def test_a_spool_that_is_closed_and_used_again_never_makes_an_id_twice(make: MakeSpool) -> None:
    spool, seen = make(), []
    for _ in range(3):
        fill(spool, 0, 1)
        seen += [document.id for document in documents(settle_all(spool))]
        spool.close()
    assert len(set(seen)) == 6


def test_what_is_undecided_at_a_close_is_noted_once_for_the_next(folder: DestinationFolder) -> None:
    spool = Spool(folder)
    fill(spool, 0)
    spool.note_undecided(2)
    for number in (1, 2):
        spool.close()
        fill(spool, number)
    spool.close()
    assert [AdoptedSpool(process).undecided for process in folder.abandoned()] == [2, 0, 0]


def test_what_was_on_its_way_at_the_close_can_be_settled_after_it(make: MakeSpool) -> None:
    spool = make()
    fill(spool, *range(6))
    taken = spool.take(100, 10**9)
    spool.close()
    spool.settle(taken)
    assert (spool.waiting, spool.left) == (0, False)


def test_an_append_in_the_middle_of_an_append_comes_behind_it(make: MakeSpool, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = make()

    def interrupted(*arguments: Any) -> None:
        """Write, and run a handler, as the interpreter may between any two steps."""
        if len(nested) < 3:
            nested.append(len(nested) + 1)
            fill(spool, nested[-1])
        write_slot(*arguments)

    nested: list[int] = []
    write_slot = segment_module._write_slot
    monkeypatch.setattr(segment_module, "_write_slot", interrupted)
    fill(spool, 0)
    assert (take(spool), spool.emitted) == ([0, 1, 2, 3], 4)
    spool.close()


def test_what_a_signal_handler_logs_before_it_raises_is_kept(make: MakeSpool, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = make()

    def leave(*_: object) -> None:
        monkeypatch.undo()
        monkeypatch.setattr(spool_module, "LARGEST", 4096)
        fill(spool, 9)
        raise SystemExit

    monkeypatch.setattr(segment_module, "_write_slot", leave)
    with pytest.raises(SystemExit):
        fill(spool, 0)
    assert (take(spool), spool.emitted) == ([9], 1)
    spool.close()


def raise_at(step: int) -> Callable[[FrameType, str, object], None]:
    """Return a profiler that raises at the nth call or return in spool or segment, as a signal handler may there."""
    steps = count()

    def profile(frame: FrameType | None, event: str, argument: object) -> None:
        caller = frame if event.startswith("c_") else frame and frame.f_back
        if caller and caller.f_code.co_filename in INTERRUPTED and next(steps) == step:
            raise KeyboardInterrupt

    return profile


@pytest.mark.filterwarnings("ignore:.*scandir:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("before", [1, PER_SEGMENT])
def test_an_append_that_is_interrupted_anywhere_costs_no_other_record_and_no_number_is_used_twice(
    make: MakeSpool, folder: DestinationFolder, before: int
) -> None:
    for step in count():
        spool = make()
        fill(spool, *range(before))
        try:
            sys.setprofile(raise_at(step))
            spool.append(padded(99))
            sys.setprofile(None)
            returned = True
        except KeyboardInterrupt:
            returned = False
        finally:
            sys.setprofile(None)
        fill(spool, *range(before, before + 2))
        taken = settle_all(spool)
        ids = [document.id for document in documents(taken)]
        assert [body for body in bodies(taken) if body != 99] == list(range(before + 2)), step
        assert (len(set(ids)), len(ids) <= before + 3, spool.books().waiting) == (len(ids), True, 0), step
        assert (spool.emitted, spool.lost, spool.damaged) == (len(ids), 0, 0), step
        spool.close()
        rmtree(folder.path, ignore_errors=True)  # of what cannot be made in one step, a part may be left
        if returned:
            assert step > 10
            return


def test_a_close_in_the_middle_of_an_append_ends_and_costs_no_other_record(
    folder: DestinationFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def close_and_write(*arguments: Any) -> None:
        spool.close()
        write_slot(*arguments)

    write_slot = segment_module._write_slot
    spool = Spool(folder)
    fill(spool, 0, 1)
    monkeypatch.setattr(segment_module, "_write_slot", close_and_write)
    with pytest.raises((TypeError, ValueError), match="mmap"):
        fill(spool, 2)
    monkeypatch.undo()
    assert (spool.emitted, adopt_all(folder)) == (2, [0, 1])


def test_threads_that_append_take_and_settle_at_once_lose_nothing_and_keep_each_its_order(
    make: MakeSpool, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = make()
    seen: list[int] = []
    done = threading.Event()

    def work(name: int) -> None:
        fill(spool, *range(1000 * name, 1000 * name + 300))

    def drain() -> None:
        while not done.is_set() or spool.waiting:
            seen.extend(bodies(settle_all(spool)))

    def keep() -> None:
        while not done.is_set():
            spool.prepare()
            spool.persist(durably=False)

    workers = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    others = [threading.Thread(target=target) for target in (drain, keep)]
    for thread in (*workers, *others):
        thread.start()
    for thread in workers:
        thread.join(60)
    done.set()
    for thread in others:
        thread.join(60)
    assert sorted(seen) == [1000 * name + number for name in range(4) for number in range(300)]
    for name in range(4):
        mine = [number for number in seen if number // 1000 == name]
        assert mine == sorted(mine)
    books = spool.books()
    assert (books.emitted, books.waiting, books.lost, spool.damaged) == (1200, 0, 0, 0)
    spool.close()


def test_a_spool_that_is_used_and_closed_keeps_no_file_open(make: MakeSpool) -> None:
    before = open_files()
    for _ in range(3):
        spool = make()
        fill(spool, *range(9))
        spool.prepare()
        spool.persist(durably=True)
        spool.settle(spool.take(5, 10**9))
        spool.close()
    assert open_files() == before


@pytest.fixture
def in_child() -> Callable[[Callable[[], object]], str]:
    """Return a function that runs another in a forked child, and returns what that returned, as text."""

    def run(work: Callable[[], object]) -> str:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            try:
                os.write(writing, repr(work()).encode())
            finally:
                os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as file:
            said = file.read()
        os.waitpid(child, 0)
        return said

    return run


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_begins_anew_and_leaves_its_parents_segments_alone(
    make: MakeSpool, folder: DestinationFolder, in_child: Callable[[Callable[[], object]], str]
) -> None:
    before = open_files()
    spool = make()
    fill(spool, *range(6))
    spool.prepare()
    spool.persist(durably=False)
    taken = spool.take(2, 10**9)
    own_id, files = spool.id, files_below(folder.path)

    def begin() -> tuple[object, ...]:
        spool.begin()
        still_open = len(open_files() - before)
        fill(spool, 50)
        found = take(spool)
        spool.close()
        return still_open - 1, spool.id != own_id, found, spool.emitted  # one is the pipe of this test

    assert in_child(begin) == "(0, True, [50], 1)"
    spool.settle(taken)
    assert (take(spool), spool.books().waiting) == ([2, 3, 4, 5], 4)
    if spool.folder is not None:
        assert set(files_below(folder.path)) >= set(files)
    spool.close()
