"""The three kinds of segment: they behave alike, and differ in what outlives the process."""

from __future__ import annotations

import os
import random
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias, TypeVar

import pytest

from tracelog.ship import records as records_module
from tracelog.ship import segment as segment_module
from tracelog.ship.records import SLOT_SIZE
from tracelog.ship.segment import START, MemorySegment, Taken, buffer_size, records_at
from tracelog.ship.segment_files import MappedSegment, WrittenSegment, about_of

from .stores import numbers_of, record_of, singly

SIZE = 4096
SLOTS = 16
RECORD = len(record_of(0))
MOST = 10**9

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
            MemorySegment.of_size(size) if request.param == "memory" else KINDS[request.param].create(path, size, b"{}")
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
        assert segment.append(record_of(number), number % 2)
    return segment


def take(segment: MemorySegment, most: int = 1000, most_bytes: int = MOST) -> list[int]:
    return numbers_of(segment.take(most, most_bytes))


def take_all(segment: MemorySegment) -> list[Taken]:
    """Take until nothing is left: damage may end a run early."""
    taken = []
    while segment.taken < segment.count:
        taken += segment.take(10**6, MOST)
    return taken


def settle(segment: MemorySegment, *taken: Taken) -> None:
    for one in taken:
        segment.settle(one.first, one.end)


def left(path: Path) -> list[int]:
    """Return the numbers of the records that another process finds in a file."""
    return numbers_of(take_all(WrittenSegment.find(path)))


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_is_appended_is_taken_in_order_and_once(create: Create) -> None:
    segment = fill(create(SIZE), 0, 1, 2)
    assert take(segment, 2) == [0, 1]
    fill(segment, 3)
    assert take(segment) == [2, 3]
    assert segment.take(9, MOST) == []
    assert (segment.count, segment.taken, segment.settled, segment.waits) == (4, 4, 0, 4)


def test_what_lies_together_is_taken_together_and_parted_on_demand(create: Create) -> None:
    segment = fill(create(SIZE), 0, 1, 2)
    (taken,) = segment.take(9, MOST)
    assert taken == Taken(segment, 0, 3, record_of(0) + record_of(1) + record_of(2))
    assert singly([taken]) == [Taken(segment, number, number + 1, record_of(number)) for number in range(3)]


def test_a_batch_is_bounded_by_bytes_unless_one_record_alone_has_more(create: Create) -> None:
    segment = fill(create(SIZE), 0, 1, 2)
    assert take(segment, 9, 3 * RECORD - 1) == [0, 1]
    assert segment.take(9, RECORD - 1, one_at_least=False) == []
    assert take(segment, 9, 0) == [2]


def test_a_segment_is_full_when_its_bytes_or_its_slots_are_used(create: Create) -> None:
    for size, fits in ((3 * RECORD + 5, 1), (256 * 5, 5), (50 * RECORD, 50 * RECORD // 256)):
        segment = create(size)
        appended = [segment.append(record_of(number), 0) for number in range(60)]
        assert (sum(appended), segment.count, appended[:fits]) == (fits, fits, [True] * fits)
        assert take(segment) == list(range(fits))


def test_what_waits_can_be_looked_at_without_taking_it(create: Create) -> None:
    segment = fill(create(SIZE), 0, 1, 2)
    segment.take(1, MOST)
    assert list(segment.waiting()) == [(1, record_of(1)), (0, record_of(2))]
    assert take(segment) == [1, 2]


def test_records_are_settled_in_any_order_and_each_once(create: Create) -> None:
    segment = fill(create(SIZE), 0, 1, 2)
    first, second, third = singly(segment.take(9, MOST))
    settle(segment, third, first, third)
    assert (segment.settled, segment.oldest()) == (2, 1)
    settle(segment, second)
    assert (segment.settled, segment.oldest()) == (3, None)


def test_the_oldest_is_what_is_on_its_way_then_what_waits(create: Create) -> None:
    segment = create(SIZE)
    segment.begin(100)
    fill(segment, 0, 1)
    assert segment.oldest() == 100
    taken = segment.take(1, MOST)
    assert segment.oldest() == 100
    settle(segment, *taken)
    assert segment.oldest() == 101


def test_what_is_given_up_is_settled_and_not_what_is_on_its_way(create: Create) -> None:
    segment = fill(create(SIZE), 0, 1, 2)
    taken = segment.take(1, MOST)
    assert (segment.give_up_waiting(), segment.waits, segment.take(9, MOST)) == (2, 1, [])
    settle(segment, *taken)
    assert segment.waits == 0


def test_a_segment_is_done_when_it_is_full_and_all_of_it_is_settled(create: Create) -> None:
    segment = fill(create(SIZE), 0)
    settle(segment, *segment.take(9, MOST))
    done_while_more_may_come = segment.is_done
    segment.is_full = True
    assert (done_while_more_may_come, segment.is_done) == (False, True)


def test_a_segment_that_becomes_full_while_it_is_read_is_not_done_before_its_last_record_is_taken(
    create: Create, monkeypatch: pytest.MonkeyPatch
) -> None:
    segment = fill(create(SIZE), 0)

    def reach_late(slots: bytes, most_bytes: int) -> int:
        fill(segment, 1)
        segment.is_full = True
        return len(slots) // SLOT_SIZE

    monkeypatch.setattr(records_module, "reach", reach_late)
    first = segment.take(9, MOST)
    monkeypatch.undo()
    settle(segment, *first)
    assert not segment.is_done
    second = segment.take(9, MOST)
    settle(segment, *second)
    assert (numbers_of(second), segment.is_done) == ([1], True)


@pytest.mark.parametrize("step", ["before", "after"])
def test_an_exception_in_the_middle_of_an_append_leaves_no_trace(
    create: Create, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_slot = segment_module._write_slot

    def interrupted(*arguments: object) -> None:
        if step == "after":
            write_slot(*arguments)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    segment = fill(create(SIZE), 0)
    monkeypatch.setattr(segment_module, "_write_slot", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fill(segment, 7)
    monkeypatch.undo()
    fill(segment, 1)
    assert (take(segment), segment.count) == ([0, 1], 2)


def test_damage_in_a_file_is_passed_over_counted_and_given_up(kind: FileKind, tmp_path: Path) -> None:
    segment = fill(kind.create(tmp_path / "0.seg", SIZE, b"{}"), 0, 1, 2, 3)
    segment.persist(durably=False)
    flip(segment.path, records_at(SLOTS) + RECORD + 9)
    found = WrittenSegment.find(segment.path)
    taken = found.take(9, MOST)
    assert [(one.first, one.end) for one in taken] == [(0, 1), (2, 4)]
    assert (found.damaged, found.waits) == (1, 3)
    settle(found, *taken)
    assert (found.is_done, left(segment.path)) == (True, [])
    segment.release()


@pytest.mark.parametrize("number", [0, 1, 3])
@pytest.mark.parametrize("within", [0, 3, 4, 7])
def test_a_damaged_slot_costs_its_record_alone_wherever_it_points(tmp_path: Path, number: int, within: int) -> None:
    path = fill(MappedSegment.create(tmp_path / "0.seg", SIZE, b"{}"), 0, 1, 2, 3).path
    flip(path, START + number * SLOT_SIZE + within)
    found = WrittenSegment.find(path)
    assert numbers_of(take_all(found)) == [one for one in range(4) if one != number]
    assert (found.damaged, found.count) == (1, 4)


def flip(path: Path, offset: int) -> None:
    content = bytearray(path.read_bytes())
    content[offset] ^= 0xFF
    path.write_bytes(content)


def test_touching_changes_nothing_that_is_read(create: Create) -> None:
    segment = create(20 * 4096)
    segment.touch()
    fill(segment, 0)
    assert take(segment) == [0]


def test_what_a_process_has_copied_or_written_is_found_by_another(kind: FileKind, tmp_path: Path) -> None:
    segment = fill(kind.create(tmp_path / "0.seg", SIZE, b"{}"), 0, 1)
    segment.persist(durably=False)
    assert left(segment.path) == [0, 1]
    fill(segment, 2)
    segment.persist(durably=True)
    assert left(segment.path) == [0, 1, 2]
    segment.release()


def test_a_mapped_record_is_kept_as_soon_as_it_is_copied(tmp_path: Path) -> None:
    segment = fill(MappedSegment.create(tmp_path / "0.seg", SIZE, b"{}"), 0)
    assert left(segment.path) == [0]
    segment.release()


def test_the_number_of_the_first_record_is_found(kind: FileKind, tmp_path: Path) -> None:
    segment = kind.create(tmp_path / "0.seg", SIZE, b"{}")
    segment.begin(4711)
    fill(segment, 0).persist(durably=False)
    assert (WrittenSegment.find(segment.path).first, about_of(segment.path)) == (4711, b"{}")
    segment.release()


def test_each_record_that_is_settled_is_not_found_again(kind: FileKind, tmp_path: Path) -> None:
    segment = fill(kind.create(tmp_path / "0.seg", SIZE, b"{}"), 0, 1, 2, 3)
    segment.persist(durably=False)
    first, second, third, _ = singly(segment.take(9, MOST))
    settle(segment, second)
    assert left(segment.path) == [0, 2, 3]
    settle(segment, first, third)
    found = WrittenSegment.find(segment.path)
    assert (found.count, found.waits, [one.first for one in found.take(9, MOST)]) == (4, 1, [3])
    segment.release()


def test_what_is_settled_before_it_is_written_is_not_found(tmp_path: Path) -> None:
    segment = fill(WrittenSegment.create(tmp_path / "0.seg", SIZE, b"{}"), 0, 1)
    settle(segment, *segment.take(1, MOST))
    segment.persist(durably=False)
    assert left(segment.path) == [1]


def test_where_it_is_unclear_whether_a_record_is_settled_it_is_found_again(tmp_path: Path) -> None:
    segment = fill(MappedSegment.create(tmp_path / "0.seg", SIZE, b"{}"), 0, 1)
    settle(segment, *segment.take(1, MOST))
    segment.release()
    assert left(segment.path) == [1]
    for bit in range(8):
        content = bytearray(segment.path.read_bytes())
        content[START + SLOT_SIZE - 1] ^= 1 << bit
        (tmp_path / f"{bit}-{SLOTS}.seg").write_bytes(content)
        assert left(tmp_path / f"{bit}-{SLOTS}.seg") == [0, 1]


def test_what_was_found_and_settled_is_not_found_again(tmp_path: Path) -> None:
    segment = fill(MappedSegment.create(tmp_path / "0.seg", SIZE, b"{}"), 0, 1, 2)
    segment.close()
    found = WrittenSegment.find(segment.path)
    assert (found.count, found.first, found.damaged) == (3, 0, 0)
    settle(found, *found.take(2, MOST))
    assert left(segment.path) == [2]


def test_a_written_segment_that_is_full_and_written_holds_no_bytes(tmp_path: Path) -> None:
    segment = fill(WrittenSegment.create(tmp_path / "0.seg", SIZE, b"{}"), 0, 1)
    segment.persist(durably=False)
    held = [len(segment.buffer)]
    segment.is_full = True
    segment.persist(durably=False)
    held.append(len(segment.buffer))
    assert (held, take(segment)) == ([buffer_size(SIZE), 0], [0, 1])


def test_a_written_segment_that_is_taken_before_it_is_written_is_written_all_the_same(tmp_path: Path) -> None:
    segment = fill(WrittenSegment.create(tmp_path / "0.seg", SIZE, b"{}"), 0, 1)
    segment.is_full = True
    assert take(segment) == [0, 1]
    segment.persist(durably=False)
    assert left(segment.path) == [0, 1]


def test_records_of_a_found_segment_that_somebody_deletes_are_gone_and_nothing_waits_for_them(tmp_path: Path) -> None:
    path = fill(MappedSegment.create(tmp_path / "0.seg", SIZE, b"{}"), 0, 1).path
    found = WrittenSegment.find(path)
    path.unlink()
    assert found.take(9, MOST) == []
    assert (found.is_done, found.waits, found.damaged) == (True, 0, 2)


@pytest.mark.parametrize("length", [0, 1, 8, 12, START - 1, START, START + 1, START + SLOTS * SLOT_SIZE - 1])
def test_a_file_without_all_its_slots_has_no_record_and_shows_its_damage(tmp_path: Path, length: int) -> None:
    segment = fill(MappedSegment.create(tmp_path / "0.seg", SIZE, b"{}"), 0)
    segment.close()
    os.truncate(segment.path, length)
    found = WrittenSegment.find(segment.path)
    assert (found.take(9, MOST), found.is_done) == ([], True)
    assert found.damaged == int(length > 0) + int(length > START + SLOT_SIZE)


@pytest.mark.parametrize("name", ["0.seg", f"0-{SLOTS}.seg", "0-99999999999999.seg", "0-x.seg"])
@pytest.mark.parametrize("content", [b"\xff" * 3 * START, bytes(3 * START), random.Random(7).randbytes(3 * START)])
def test_a_file_that_is_no_segment_has_no_record(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    found = WrittenSegment.find(path)
    assert take_all(found) == []
    assert (found.waits, found.damaged > 0, found.is_done) == (0, any(content), True)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    segment = fill(MappedSegment.create(tmp_path / "real.seg", SIZE, b"{}"), 0)
    segment.close()
    link = tmp_path / f"link-{SLOTS}.seg"
    link.symlink_to(segment.path)
    with pytest.raises(OSError, match="link"):
        WrittenSegment.find(link)


@pytest.mark.parametrize("umask", [0, 0o077])
def test_a_file_is_its_owners_alone_and_has_all_its_room_from_the_start(
    kind: FileKind, tmp_path: Path, umask: int
) -> None:
    before = os.umask(umask)
    try:
        segment = kind.create(tmp_path / "0.seg", 1_000_000, b"{}")
    finally:
        os.umask(before)
    found = segment.path.stat()
    assert (stat.S_IMODE(found.st_mode), found.st_size) == (0o600, buffer_size(1_000_000))
    assert found.st_blocks * 512 >= found.st_size
    segment.release()


def test_a_file_that_is_there_already_is_left_alone(kind: FileKind, tmp_path: Path) -> None:
    path = tmp_path / f"0-{SLOTS}.seg"
    path.write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        kind.create(tmp_path / "0.seg", SIZE, b"{}")
    assert path.read_bytes() == b"mine"


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
    assert segment.path.stat().st_size == records_at(SLOTS) + 2 * RECORD
    assert left(segment.path) == [0, 1]


def test_removing_deletes_the_file_and_what_is_settled_later_is_no_trouble(kind: FileKind, tmp_path: Path) -> None:
    segment = fill(kind.create(tmp_path / "0.seg", SIZE, b"{}"), 0)
    taken = segment.take(9, MOST)
    segment.remove()
    settle(segment, *taken)
    assert files(tmp_path) == []


def test_releasing_leaves_the_file_as_it_is(kind: FileKind, tmp_path: Path) -> None:
    segment = fill(kind.create(tmp_path / "0.seg", SIZE, b"{}"), 0)
    segment.persist(durably=False)
    segment.release()
    assert (segment.path.stat().st_size, left(segment.path)) == (buffer_size(SIZE), [0])


@pytest.mark.parametrize("about", [b'{"pid":1}', b"{}", b"x" * (START - 28)])
def test_a_segment_says_whose_it_is(kind: FileKind, tmp_path: Path, about: bytes) -> None:
    segment = kind.create(tmp_path / "0.seg", SIZE, about)
    segment.release()
    assert about_of(segment.path) == about


def test_what_is_said_of_an_owner_never_reaches_into_the_records(tmp_path: Path) -> None:
    segment = fill(MappedSegment.create(tmp_path / "0.seg", SIZE, b"x" * START), 0)
    assert (about_of(segment.path), left(segment.path)) == (b"{}", [0])
    segment.release()


@pytest.mark.parametrize("content", [b"", b"tracelg2", b"\0" * START])
def test_a_segment_that_does_not_say_whose_it_is_says_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "0.seg").write_bytes(content)
    assert about_of(tmp_path / "0.seg") == b"{}"
    assert about_of(tmp_path / "missing.seg") == b"{}"


def test_a_number_of_undecided_traces_is_believed_only_where_it_is_undamaged(kind: FileKind, tmp_path: Path) -> None:
    segment = kind.create(tmp_path / "0.seg", SIZE, b"{}")
    segment.begin(0)
    segment.note_undecided(7)
    segment.append(b"record", 0)
    segment.persist(durably=False)
    assert WrittenSegment.find(segment.path).undecided == 7
    page = segment.path.read_bytes()
    for place in range(START - 8, START):
        segment.path.write_bytes(page[:place] + bytes([page[place] ^ 1]) + page[place + 1 :])
        assert WrittenSegment.find(segment.path).undecided == 0
    segment.release()
