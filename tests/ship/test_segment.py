"""The three kinds of segment: they behave alike, and differ in what outlives the process."""

from __future__ import annotations

import os
import random
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias, TypeVar

import pytest

from tracelog.schema.otel import LOGS, Document
from tracelog.ship import segment as segment_module
from tracelog.ship.records import Record, encode_record, read_records
from tracelog.ship.segment import START, MappedSegment, MemorySegment, WrittenSegment, about_of

SPOOL = 0xFEED
SIZE = 4096
RECORD = 40
"""How many bytes the record of `{"n": 0}` takes."""

Create = Callable[[int], MemorySegment]
Segment = TypeVar("Segment", bound=MemorySegment)
FileKind: TypeAlias = "type[MappedSegment | WrittenSegment]"
KINDS: dict[str, FileKind] = {"mapped": MappedSegment, "written": WrittenSegment}


@pytest.fixture(params=["memory", *KINDS])
def create(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Create]:
    """Return a function that makes a segment with room for so many bytes, of each kind in turn."""
    made: list[MemorySegment] = []

    def create_one(size: int = SIZE) -> MemorySegment:
        path = tmp_path / f"{len(made)}.seg"
        made.append(
            MemorySegment(size) if request.param == "memory" else KINDS[request.param].create(path, size, b"{}")
        )
        return made[-1]

    yield create_one
    for segment in made:
        segment.release()


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> FileKind:
    """Each kind of segment that has a file."""
    return KINDS[request.param]


def fill(segment: Segment, *numbers: int) -> Segment:
    for number in numbers:
        segment.append(encode_record(SPOOL, number, Document("", LOGS, b'{"n": %d}' % number)))
    return segment


def numbers(records: list[Record]) -> list[int]:
    return [record.number for record in records]


def left(path: Path) -> list[int]:
    """Return the numbers of the records that another process finds in a file."""
    return numbers(WrittenSegment.find(path).take(1000, 10**9))


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_is_appended_is_taken_in_order_and_once(create: Create) -> None:
    segment = fill(create(SIZE), 0, 1, 2)
    assert numbers(segment.take(2, 10**9)) == [0, 1]
    fill(segment, 3)
    assert numbers(segment.take(9, 10**9)) == [2, 3]
    assert segment.take(9, 10**9) == []
    assert (segment.count, segment.taken, segment.settled) == (4, 4, 0)


def test_a_batch_is_bounded_by_bytes_unless_one_record_alone_has_more(create: Create) -> None:
    segment = fill(create(SIZE), 0, 1, 2)
    assert numbers(segment.take(9, 16)) == [0, 1]
    assert numbers(segment.take(9, 0, one_at_least=False)) == []
    assert numbers(segment.take(9, 0)) == [2]


def test_what_waits_can_be_looked_at_without_taking_it(create: Create) -> None:
    segment = fill(create(SIZE), 0, 1, 2)
    segment.take(1, 10**9)
    assert numbers(list(segment.waiting())) == [1, 2]
    assert numbers(segment.take(9, 10**9)) == [1, 2]


def test_records_are_settled_in_any_order_and_each_once(create: Create) -> None:
    segment = fill(create(SIZE), 0, 1, 2)
    first, second, third = segment.take(9, 10**9)
    for record in (third, first, third):
        segment.settle(record.offset)
    assert (segment.settled, segment.settled_up_to(), segment.oldest()) == (2, second.offset, 1)
    segment.settle(second.offset)
    assert (segment.settled, segment.settled_up_to(), segment.oldest()) == (3, third.end, None)


def test_the_oldest_is_what_is_on_its_way_then_what_waits(create: Create) -> None:
    segment = fill(create(SIZE), 0, 1)
    assert segment.oldest() == 0
    (record,) = segment.take(1, 10**9)
    assert segment.oldest() == 0
    segment.settle(record.offset)
    assert segment.oldest() == 1


def test_a_segment_is_done_when_it_is_full_and_all_of_it_is_settled(create: Create) -> None:
    segment = fill(create(SIZE), 0)
    (record,) = segment.take(9, 10**9)
    segment.settle(record.offset)
    done_while_more_may_come = segment.is_done
    segment.is_full = True
    assert (done_while_more_may_come, segment.is_done) == (False, True)


def test_a_segment_that_becomes_full_while_it_is_read_is_not_done_before_its_last_record_is_taken(
    create: Create, monkeypatch: pytest.MonkeyPatch
) -> None:
    segment = fill(create(SIZE), 0)

    def read_late(buffer: bytes, offset: int, end: int) -> Iterator[object]:
        fill(segment, 1)
        segment.is_full = True
        return read_records(buffer, offset, end)

    monkeypatch.setattr(segment_module, "read_records", read_late)
    (first,) = segment.take(9, 10**9)
    monkeypatch.undo()
    segment.settle(first.offset)
    assert not segment.is_done
    (second,) = segment.take(9, 10**9)
    segment.settle(second.offset)
    assert (second.number, segment.is_done) == (1, True)


@pytest.mark.parametrize("step", ["before", "between"])
def test_an_exception_in_the_middle_of_an_append_leaves_no_trace(
    create: Create, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(buffer: bytearray, offset: int, record: bytes) -> None:
        if step == "between":
            buffer[offset + 8 : offset + len(record)] = record[8:]
        raise KeyboardInterrupt

    segment = fill(create(SIZE), 0)
    monkeypatch.setattr(segment_module, "write_record", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fill(segment, 1)
    monkeypatch.undo()
    fill(segment, 1)
    assert (numbers(segment.take(9, 10**9)), segment.count) == ([0, 1], 2)


def test_damage_in_a_segment_is_passed_over(create: Create) -> None:
    segment = fill(create(SIZE), 0, 1, 2)
    assert not isinstance(segment.buffer, bytes)
    segment.buffer[START + RECORD + 9] ^= 0xFF
    assert numbers(segment.take(9, 10**9)) == [0, 2]


def test_touching_changes_nothing_that_is_read(create: Create) -> None:
    segment = create(20 * 4096)
    segment.touch()
    fill(segment, 0)
    assert numbers(segment.take(9, 10**9)) == [0]


def test_what_a_process_has_copied_or_written_is_found_by_another(kind: FileKind, tmp_path: Path) -> None:
    segment = fill(kind.create(tmp_path / "0.seg", SIZE, b"{}"), 0, 1)
    segment.persist(durably=False)
    assert left(tmp_path / "0.seg") == [0, 1]
    fill(segment, 2)
    segment.persist(durably=True)
    assert left(tmp_path / "0.seg") == [0, 1, 2]
    segment.release()


def test_a_mapped_record_is_kept_as_soon_as_it_is_copied(tmp_path: Path) -> None:
    segment = fill(MappedSegment.create(tmp_path / "0.seg", SIZE, b"{}"), 0)
    assert left(tmp_path / "0.seg") == [0]
    segment.release()


def test_what_is_settled_is_not_found_again(kind: FileKind, tmp_path: Path) -> None:
    segment = fill(kind.create(tmp_path / "0.seg", SIZE, b"{}"), 0, 1, 2)
    segment.persist(durably=False)
    first, second, _ = segment.take(9, 10**9)
    segment.settle(second.offset)
    segment.acknowledge()
    assert left(tmp_path / "0.seg") == [0, 1, 2]
    segment.settle(first.offset)
    segment.acknowledge()
    assert left(tmp_path / "0.seg") == [2]
    segment.release()


@pytest.mark.parametrize("position", range(8, 16))
def test_where_it_is_unclear_how_far_records_are_settled_all_are_found_again(tmp_path: Path, position: int) -> None:
    path = tmp_path / "0.seg"
    segment = fill(MappedSegment.create(path, SIZE, b"{}"), 0, 1)
    segment.settle(segment.take(1, 10**9)[0].offset)
    segment.acknowledge()
    assert left(path) == [1]
    segment.buffer[position] ^= 0x10
    assert left(path) == [0, 1]
    segment.release()


def test_what_was_found_and_settled_is_not_found_again(tmp_path: Path) -> None:
    path = tmp_path / "0.seg"
    fill(MappedSegment.create(path, SIZE, b"{}"), 0, 1, 2).close()
    found = WrittenSegment.find(path)
    assert (found.count, found.first, found.damaged) == (3, 0, 0)
    for record in found.take(2, 10**9):
        found.settle(record.offset)
    found.acknowledge()
    assert left(path) == [2]


def test_a_found_segment_holds_its_bytes_only_while_they_are_taken(tmp_path: Path) -> None:
    path = tmp_path / "0.seg"
    fill(MappedSegment.create(path, SIZE, b"{}"), 0, 1).close()
    found = WrittenSegment.find(path)
    held = [len(found.buffer)]
    for _ in range(2):
        found.take(1, 10**9)
        held.append(len(found.buffer))
    assert held == [0, START + 2 * RECORD, 0]


def test_a_written_segment_that_is_full_and_written_holds_no_bytes_until_it_is_taken(tmp_path: Path) -> None:
    segment = fill(WrittenSegment.create(tmp_path / "0.seg", SIZE, b"{}"), 0, 1)
    segment.persist(durably=False)
    held = [len(segment.buffer)]
    segment.is_full = True
    segment.persist(durably=False)
    held.append(len(segment.buffer))
    assert (held, numbers(segment.take(9, 10**9))) == ([START + SIZE, 0], [0, 1])


def test_a_written_segment_that_is_taken_before_it_is_written_is_written_all_the_same(tmp_path: Path) -> None:
    segment = fill(WrittenSegment.create(tmp_path / "0.seg", SIZE, b"{}"), 0, 1)
    segment.is_full = True
    assert numbers(segment.take(9, 10**9)) == [0, 1]
    segment.persist(durably=False)
    assert left(tmp_path / "0.seg") == [0, 1]


def test_records_of_a_found_segment_that_somebody_deletes_are_gone_and_nothing_waits_for_them(tmp_path: Path) -> None:
    path = tmp_path / "0.seg"
    fill(MappedSegment.create(path, SIZE, b"{}"), 0, 1).close()
    found = WrittenSegment.find(path)
    path.unlink()
    assert found.take(9, 10**9) == []
    assert (found.is_done, found.count - found.settled) == (True, 2)


@pytest.mark.parametrize("length", [0, 1, 8, 12, START - 1])
def test_a_file_without_a_whole_first_page_has_no_record_and_shows_its_damage(tmp_path: Path, length: int) -> None:
    path = tmp_path / "0.seg"
    fill(MappedSegment.create(path, SIZE, b"{}"), 0).close()
    os.truncate(path, length)
    found = WrittenSegment.find(path)
    assert (found.count, found.damaged, found.is_done) == (0, int(length > 0), True)


@pytest.mark.parametrize("content", [b"\xff" * 3 * START, bytes(3 * START), random.Random(7).randbytes(3 * START)])
def test_a_file_that_is_no_segment_has_no_record(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "0.seg"
    path.write_bytes(content)
    found = WrittenSegment.find(path)
    assert (found.count, found.damaged, found.is_done) == (0, int(any(content)), True)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    fill(MappedSegment.create(tmp_path / "real.seg", SIZE, b"{}"), 0).close()
    (tmp_path / "link.seg").symlink_to(tmp_path / "real.seg")
    with pytest.raises(OSError, match="link"):
        WrittenSegment.find(tmp_path / "link.seg")


@pytest.mark.parametrize("umask", [0, 0o077])
def test_a_file_is_its_owners_alone_and_has_all_its_room_from_the_start(
    kind: FileKind, tmp_path: Path, umask: int
) -> None:
    before = os.umask(umask)
    try:
        segment = kind.create(tmp_path / "0.seg", 1_000_000, b"{}")
    finally:
        os.umask(before)
    found = (tmp_path / "0.seg").stat()
    assert (stat.S_IMODE(found.st_mode), found.st_size) == (0o600, START + 1_000_000)
    assert found.st_blocks * 512 >= found.st_size
    segment.release()


def test_a_file_that_is_there_already_is_left_alone(kind: FileKind, tmp_path: Path) -> None:
    (tmp_path / "0.seg").write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        kind.create(tmp_path / "0.seg", SIZE, b"{}")
    assert (tmp_path / "0.seg").read_bytes() == b"mine"


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_segment_that_cannot_be_made_leaves_no_file(
    kind: FileKind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(os, "posix_fallocate", fail)
    with pytest.raises(type(error)):
        kind.create(tmp_path / "0.seg", SIZE, b"{}")
    assert files(tmp_path) == []


def test_closing_cuts_the_room_that_was_not_used(kind: FileKind, tmp_path: Path) -> None:
    segment = fill(kind.create(tmp_path / "0.seg", SIZE, b"{}"), 0, 1)
    segment.persist(durably=True)
    segment.close()
    assert (tmp_path / "0.seg").stat().st_size == START + 2 * RECORD
    assert left(tmp_path / "0.seg") == [0, 1]


def test_removing_deletes_the_file_and_what_is_settled_later_is_no_trouble(kind: FileKind, tmp_path: Path) -> None:
    segment = fill(kind.create(tmp_path / "0.seg", SIZE, b"{}"), 0)
    (record,) = segment.take(9, 10**9)
    segment.remove()
    segment.settle(record.offset)
    segment.acknowledge()
    assert files(tmp_path) == []


def test_releasing_leaves_the_file_as_it_is(kind: FileKind, tmp_path: Path) -> None:
    segment = fill(kind.create(tmp_path / "0.seg", SIZE, b"{}"), 0)
    segment.persist(durably=False)
    segment.release()
    assert ((tmp_path / "0.seg").stat().st_size, left(tmp_path / "0.seg")) == (START + SIZE, [0])


@pytest.mark.parametrize("about", [b'{"pid":1}', b"{}", b"x" * (START - 20)])
def test_a_segment_says_whose_it_is(kind: FileKind, tmp_path: Path, about: bytes) -> None:
    kind.create(tmp_path / "0.seg", SIZE, about).release()
    assert about_of(tmp_path / "0.seg") == about


def test_what_is_said_of_an_owner_never_reaches_into_the_records(tmp_path: Path) -> None:
    segment = fill(MappedSegment.create(tmp_path / "0.seg", SIZE, b"x" * START), 0)
    assert (about_of(tmp_path / "0.seg"), left(tmp_path / "0.seg")) == (b"{}", [0])
    segment.release()


@pytest.mark.parametrize("content", [b"", b"tracelg1", b"\0" * START])
def test_a_segment_that_does_not_say_whose_it_is_says_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "0.seg").write_bytes(content)
    assert about_of(tmp_path / "0.seg") == b"{}"
    assert about_of(tmp_path / "missing.seg") == b"{}"
