"""A spool whose disk is full, broken, slow to come, unsafe or gone: memory stands in, and what is lost is counted."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import pytest

from tracelog.ship import folder as folder_module
from tracelog.ship import spool as spool_module
from tracelog.ship.folder import DestinationFolder
from tracelog.ship.segment import MemorySegment, buffer_size
from tracelog.ship.segment_files import WrittenSegment
from tracelog.ship.spool import Books, Spool
from tracelog.store.bulk import decode_record

from .stores import (
    adopt_all,
    bodies,
    destination_folder,
    files_below,
    fill,
    open_files,
    padded,
    settle_all,
)

FILE = buffer_size(4096)
"""How many bytes a small segment takes; four `padded` documents fit in."""
FULL = "the spool was full"


@pytest.fixture
def folder(tmp_path: Path) -> DestinationFolder:
    return destination_folder(tmp_path / "spool")


@pytest.fixture(autouse=True)
def _small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_module, "FIRST", 4096)
    monkeypatch.setattr(spool_module, "LARGEST", 4096)


Break = Callable[[int], None]


@pytest.fixture
def break_disk() -> Iterator[Break]:
    """Return a function that has every attempt to make a segment fail with an error, none at all for 0."""
    patches = pytest.MonkeyPatch()

    def fail(error: int) -> None:
        def allocate(*_: object) -> NoReturn:
            raise OSError(error, os.strerror(error))

        patches.undo()
        if error:
            patches.setattr(os, "posix_fallocate", allocate)

    yield fail
    patches.undo()


def waiting(spool: Spool) -> list[int]:
    """Return what waits in a spool, in order; none of it is sent."""
    return bodies(spool.take(1000, 10**9))


def on_disk(folder: DestinationFolder) -> int:
    return len(list(folder.path.glob("*/*.seg")))


def test_what_a_full_quota_does_not_allow_on_disk_is_kept_in_memory(folder: DestinationFolder) -> None:
    spool = Spool(folder, quota=2 * FILE, memory=2 * FILE)
    fill(spool, *range(12))
    assert (on_disk(folder), spool.is_durable, spool.books().lost) == (2, False, 0)
    assert waiting(spool) == list(range(12))
    spool.close()


def test_what_others_keep_for_the_same_destination_counts_for_the_quota(folder: DestinationFolder) -> None:
    other = Spool(folder)
    fill(other, *range(8))
    spool = Spool(folder, quota=2 * FILE)
    fill(spool, 0)
    assert (on_disk(folder), spool.is_durable) == (2, False)
    spool.close()
    other.close()


def test_when_disk_and_memory_are_full_the_oldest_is_given_up_and_counted(folder: DestinationFolder) -> None:
    spool = Spool(folder, quota=2 * FILE, memory=2 * FILE)
    fill(spool, *range(17))
    assert spool.books() == Books(emitted=17, waiting=13, lost=4, segment_waits=4)
    fill(spool, *range(17, 24))
    assert spool.books() == Books(emitted=24, waiting=16, lost=8, segment_waits=5)
    assert [(loss.records, loss.reason) for loss in spool.losses] == [(8, FULL)]
    assert [int(decode_record(record).body) for record in spool.losses[0][2:4] if record] == [0, 7]
    assert waiting(spool) == list(range(8, 24))
    spool.close()


def test_what_is_warning_and_above_is_given_up_last(folder: DestinationFolder) -> None:
    spool = Spool(folder, quota=3 * FILE, memory=0)
    fill(spool, 0, weight=1)
    fill(spool, *range(1, 13))
    assert spool.books() == Books(emitted=13, waiting=6, lost=7, segment_waits=3)
    assert waiting(spool) == [0, 8, 9, 10, 11, 12]
    spool.close()


def test_what_is_given_up_last_is_given_up_at_last_and_the_newest_stays(folder: DestinationFolder) -> None:
    spool = Spool(folder, quota=3 * FILE, memory=0)
    fill(spool, *range(40), weight=1)
    books, left = spool.books(), waiting(spool)
    assert (books.emitted, books.lost, left) == (40, 40 - len(left), list(range(40 - len(left), 40)))
    assert len(left) >= 4
    spool.close()


def test_what_was_kept_apart_is_found_by_the_next_process(folder: DestinationFolder) -> None:
    spool = Spool(folder, quota=3 * FILE, memory=0)
    fill(spool, 0, weight=1)
    fill(spool, *range(1, 13))
    spool.close()
    assert adopt_all(folder) == [0, 8, 9, 10, 11, 12]


def test_what_is_on_its_way_is_not_given_up_and_then_the_newest_is_lost(folder: DestinationFolder) -> None:
    spool = Spool(folder, quota=FILE, memory=0)
    fill(spool, *range(4))
    taken = spool.take(2, 10**9)
    fill(spool, 4, 5)
    assert spool.books() == Books(emitted=6, waiting=4, lost=2, segment_waits=2)
    lost = spool.losses.pop()
    assert (lost[:2], [decode_record(record).body for record in lost[2:4] if record]) == (
        (2, FULL),
        [padded(4), padded(5)],
    )
    spool.settle(taken + spool.take(9, 10**9))
    fill(spool, 6)
    assert (bodies(settle_all(spool)), spool.is_durable, spool.books().lost) == ([6], True, 2)
    spool.close()


def test_a_document_that_has_no_room_anywhere_is_lost_and_counted(folder: DestinationFolder) -> None:
    spool = Spool(folder, quota=2 * FILE, memory=2 * FILE)
    spool.append(b"1".ljust(10 * FILE))
    fill(spool, 2)
    assert (spool.books(), waiting(spool)) == (Books(2, 1, 1, 1), [2])
    spool.close()


def test_a_spool_in_memory_is_bounded_alike() -> None:
    spool = Spool(memory=3 * FILE)
    fill(spool, 0, weight=1)
    fill(spool, *range(1, 13))
    assert spool.books() == Books(emitted=13, waiting=6, lost=7, segment_waits=0)
    assert waiting(spool) == [0, 8, 9, 10, 11, 12]


@pytest.mark.parametrize("step", ["oldest", "take", "settle"])
def test_a_signal_handler_that_logs_in_the_middle_of_looking_taking_or_settling_blocks_nobody(
    step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(memory=4 * FILE)
    fill(spool, *range(4))
    taken = spool.take(1, 10**9)
    fill(spool, *range(4, 16))
    original, give_up = getattr(MemorySegment, step), Spool._give_up_oldest
    is_making_room = threading.Event()
    worker = threading.Thread(target=fill, args=(spool, 16), daemon=True)

    def make_room(self: Spool) -> bool:
        is_making_room.set()
        return give_up(self)

    def interrupted(*arguments: Any, **options: Any) -> Any:
        if not is_making_room.is_set():
            worker.start()
            assert is_making_room.wait(30)
            fill(spool, 17)
        return original(*arguments, **options)

    def work() -> None:
        spool.oldest()
        spool.settle(taken)
        spool.take(1, 10**9)

    monkeypatch.setattr(Spool, "_give_up_oldest", make_room)
    monkeypatch.setattr(MemorySegment, step, interrupted)
    main = threading.Thread(target=work, daemon=True)
    main.start()
    for thread in (main, worker):
        thread.join(30)
        assert not thread.is_alive()
    assert {16, 17} <= set(waiting(spool))


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EMFILE])
def test_while_a_disk_takes_nothing_memory_stands_in_and_the_disk_is_used_again_once_it_does(
    folder: DestinationFolder, break_disk: Break, error: int
) -> None:
    heard: list[str] = []
    spool = Spool(folder, complain=heard.append)
    break_disk(error)
    fill(spool, *range(8))
    assert (on_disk(folder), spool.is_durable) == (0, False)
    break_disk(0)
    fill(spool, *range(8, 12))
    assert (on_disk(folder), spool.is_durable, spool.books().lost) == (1, False, 0)
    spool.prepare()
    assert heard == [f"[Errno {error}] {os.strerror(error)}; what is logged is kept in memory"]
    spool.settle(spool.take(8, 10**9))
    assert (waiting(spool), spool.is_durable) == ([8, 9, 10, 11], True)
    spool.close()


def test_nothing_is_said_while_a_lock_is_held_and_what_went_wrong_is_said_once(
    folder: DestinationFolder, break_disk: Break
) -> None:
    heard: list[str] = []
    woken: list[int] = []
    spool = Spool(folder, complain=heard.append, wake=lambda: woken.append(1))
    break_disk(errno.EROFS)
    fill(spool, 0)
    assert (heard, woken) == ([], [1])
    spool.prepare()
    spool.prepare()
    assert len(heard) == 1
    spool.close()


def test_a_broken_disk_costs_none_of_what_lies_on_it(folder: DestinationFolder, break_disk: Break) -> None:
    spool = Spool(folder, memory=2 * FILE)
    fill(spool, *range(8))
    break_disk(errno.EROFS)
    fill(spool, *range(8, 24))
    assert spool.books() == Books(emitted=24, waiting=16, lost=8, segment_waits=5)
    assert waiting(spool) == [*range(8), *range(16, 24)]
    spool.close()


def test_a_full_disk_makes_room_for_what_is_new(folder: DestinationFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def allocate_if_there_is_room(descriptor: int, offset: int, size: int) -> None:
        if folder.size() + size > 2 * FILE:
            raise OSError(errno.ENOSPC, "No space left on device")
        allocate(descriptor, offset, size)

    allocate = os.posix_fallocate
    monkeypatch.setattr(os, "posix_fallocate", allocate_if_there_is_room)
    spool = Spool(folder, memory=2 * FILE)
    fill(spool, *range(17))
    assert (waiting(spool), on_disk(folder)) == (list(range(4, 17)), 2)
    spool.close()


def test_kept_warnings_do_not_make_memory_grow_beyond_its_bound(folder: DestinationFolder, break_disk: Break) -> None:
    spool = Spool(folder, memory=3 * FILE)
    break_disk(errno.EIO)
    fill(spool, *range(100), weight=1)
    held = sum(segment.size for segment in spool._segments)
    assert held <= 3 * FILE
    books, left = spool.books(), waiting(spool)
    assert (books.lost, left) == (100 - len(left), list(range(100 - len(left), 100)))


@pytest.mark.parametrize("make_unsafe", [Path.touch, lambda root: root.symlink_to(root.parent)])
def test_an_unsafe_place_means_memory_and_one_complaint(tmp_path: Path, make_unsafe: Callable[[Path], None]) -> None:
    make_unsafe(tmp_path / "spool")
    heard: list[str] = []
    before = files_below(tmp_path)
    spool = Spool(destination_folder(tmp_path / "spool"), complain=heard.append)
    fill(spool, 0)
    spool.prepare()
    fill(spool, 1)
    spool.prepare()
    said = f"{tmp_path}/spool is not a folder of its own, which a spool has to be; what is logged is kept in memory"
    assert (heard, waiting(spool), spool.is_durable) == ([said], [0, 1], False)
    assert (spool.close(), files_below(tmp_path)) == (0, before)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_place_that_cannot_be_written_to_means_memory(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    spool = Spool(destination_folder(tmp_path / "spool"))
    fill(spool, 0)
    assert (waiting(spool), spool.is_durable) == ([0], False)


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k,mode=700", "tmpfs", str(disk)]
    if not shutil.which("mount") or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("file systems cannot be mounted here")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_disk_that_is_really_full_costs_nothing_until_memory_is_full_too(tiny_disk: Path) -> None:
    folder = destination_folder(tiny_disk)
    spool = Spool(folder, memory=4 * FILE)
    fill(spool, *range(32))
    assert (spool.books().lost, spool.is_durable) == (0, False)
    fill(spool, *range(32, 80))
    books = spool.books()
    assert (books.lost > 0, books.emitted - books.lost) == (True, books.waiting)
    assert bodies(settle_all(spool)) == list(range(books.lost, 80))
    fill(spool, *range(80, 88))
    assert (spool.is_durable, spool.close(), adopt_all(folder)) == (True, 0, list(range(80, 88)))


def test_a_folder_that_is_deleted_costs_nothing_while_the_process_lives_and_a_new_one_is_made(
    folder: DestinationFolder,
) -> None:
    heard: list[str] = []
    spool = Spool(folder, complain=heard.append)
    fill(spool, *range(3))
    spool.prepare()
    shutil.rmtree(folder.path.parent)
    assert (spool.persist(durably=True), spool.is_durable) == (False, False)
    assert [message.rpartition(": ")[2] for message in heard] == ["No such file or directory"]
    fill(spool, *range(3, 6))
    assert on_disk(folder) == 1
    assert bodies(spool.take(4, 10**9)) == [0, 1, 2, 3]
    assert (spool.close(), spool.books().waiting, adopt_all(folder)) == (0, 6, [4, 5])


def test_what_was_only_in_a_folder_that_was_deleted_is_lost_at_the_close_and_counted(
    folder: DestinationFolder,
) -> None:
    spool = Spool(folder)
    fill(spool, *range(3))
    spool.persist(durably=True)
    shutil.rmtree(folder.path)
    assert (spool.close(), spool.left, spool.books()) == (3, False, Books(3, 0, 0, 0))


def test_segments_written_by_hand_reach_the_disk_when_they_are_persisted(
    folder: DestinationFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_module, "file_system", lambda _: "nfs4")
    spool = Spool(folder)
    fill(spool, *range(6))

    def written() -> int:
        found = [WrittenSegment.find(path) for path in folder.path.glob("*/*.seg")]
        return sum(segment.count for segment in found)

    before = written()
    assert (spool.persist(durably=False), before, written(), spool.by_hand) == (True, 0, 6, True)
    spool.close()
    assert adopt_all(folder) == list(range(6))


def test_what_cannot_be_synced_is_said_and_the_other_segments_are_synced(
    folder: DestinationFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []
    spool = Spool(folder, complain=heard.append)
    fill(spool, *range(8))
    synced: list[str] = []

    def sync(descriptor: int) -> None:
        name = Path(f"/proc/self/fd/{descriptor}").readlink().name
        if not synced:
            synced.append("failed")
            raise OSError(errno.EIO, "Input/output error")
        synced.append(name)

    monkeypatch.setattr(os, "fsync", sync)
    assert spool.persist(durably=True) is False
    assert (len(synced), len(heard), heard[0].endswith(": Input/output error")) == (2, 1, True)
    assert spool.persist(durably=True) is True
    assert (len(synced), spool.is_durable) == (3, True)
    spool.close()


def test_what_is_synced_already_is_not_synced_again(folder: DestinationFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    spool = Spool(folder)
    fill(spool, *range(6))
    for _ in range(3):
        assert spool.persist(durably=True)
    fill(spool, 6)
    spool.persist(durably=True)
    assert len(synced) == 3
    settle_all(spool)
    spool.close()
    assert len(synced) == 3


def test_a_segment_that_cannot_be_read_for_now_is_sent_later(
    folder: DestinationFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_module, "file_system", lambda _: "nfs4")
    spool = Spool(folder)
    fill(spool, *range(4))
    spool.persist(durably=False)
    fill(spool, 4)
    spool.persist(durably=False)

    def fail(*_: object) -> NoReturn:
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr(os, "pread", fail)
        assert waiting(spool) == [4]
        assert (spool.oldest(), spool.books().waiting) == (0, 5)
    assert waiting(spool) == [0, 1, 2, 3]
    spool.close()


def test_memory_stays_flat_while_much_waits_on_a_disk_that_is_written_by_hand(
    folder: DestinationFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_module, "file_system", lambda _: "nfs4")
    spool = Spool(folder)
    for number in range(80):
        fill(spool, number)
        spool.persist(durably=False)
    held = sum(len(segment.buffer) for segment in spool._segments)
    assert (held <= 2 * FILE, waiting(spool)) == (True, list(range(80)))
    spool.close()


def test_a_broken_disk_leaves_no_file_open(folder: DestinationFolder, break_disk: Break) -> None:
    before = open_files()
    spool = Spool(folder)
    for error in (errno.ENOSPC, 0, errno.EIO, 0):
        break_disk(error)
        fill(spool, *range(5))
        spool.prepare()
    with suppress(OSError):
        shutil.rmtree(folder.path)
    fill(spool, *range(9))
    spool.close()
    assert open_files() == before
