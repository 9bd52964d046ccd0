"""A spool beside a model of it: whatever is appended, taken, settled, synced, killed and adopted, in whatever order.

The model knows what each record has met. What a crash leaves on the disk is made by hand: a kill leaves all that was
copied, a power cut any part of what was not synced.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from tracelog.ship import folder as folder_module
from tracelog.ship import spool as spool_module
from tracelog.ship.drain import AdoptedSpool
from tracelog.ship.records import MAGIC, SLOT, SLOT_SIZE, checksum
from tracelog.ship.segment import START, MemorySegment, Taken
from tracelog.ship.segment_files import WrittenSegment
from tracelog.ship.spool import Spool
from tracelog.store.bulk import action, decode_record

from .stores import bodies, destination_folder, singly

PAGE = 4096
SIZES = (0, 40, 900, 6000, 30_000)


@pytest.fixture(autouse=True)
def _small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_module, "FIRST", PAGE)
    monkeypatch.setattr(spool_module, "LARGEST", 4 * PAGE)


def body(record: bytes) -> int:
    return int(decode_record(record).body)


def records_in(content: bytes | bytearray, slots: int) -> dict[int, int]:
    """Return the sound records in the bytes of a segment: which number each has, by its slot."""
    found = {}
    for slot in range(slots):
        offset, length, crc, magic, _, _ = SLOT.unpack_from(content, START + slot * SLOT_SIZE)
        record = bytes(content[offset : offset + length])
        if magic == MAGIC and len(record) == length and checksum(record) == crc:
            found[slot] = body(record)
    return found


def is_settled(content: bytes | bytearray, slot: int) -> bool:
    return content[START + slot * SLOT_SIZE + SLOT_SIZE - 1] == 0xA5


class SpoolMachine(RuleBasedStateMachine):
    """`waiting` and `taken` are the model of the spool; `must` and `may` say what dead processes have left."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = TemporaryDirectory()
        self.folder = destination_folder(Path(self.directory.name))
        self.ids = count(1)
        self.made = 0
        self.cuts = 0
        self.must: set[int] = set()
        self.may: set[int] = set()
        self.adopted: list[AdoptedSpool] = []
        self.begin()

    def begin(self) -> None:
        self.spool = Spool(self.folder, quota=40 * PAGE, memory=7 * PAGE)
        self.spool._room.begin(next(self.ids))  # not random, for folders are adopted in the order of their names
        self.waiting: list[int] = []
        self.taken: list[Taken] = []
        self.emitted = self.settled = 0

    @rule(
        sizes=st.lists(st.sampled_from(SIZES), min_size=1, max_size=12), weight=st.integers(0, 1), has_id=st.booleans()
    )
    def append(self, sizes: Sequence[int], weight: int, has_id: bool) -> None:
        for size in sizes:
            number, self.made = self.made, self.made + 1
            own = action("traces-shop.otel-default", f"own-{number}") if has_id else None
            self.spool.append(b"%d" % number + b" " * size, weight, own)
            self.waiting.append(number)
            self.emitted += 1
        self.forget_what_was_given_up()

    def forget_what_was_given_up(self) -> None:
        """Take out of the model what is not in the spool any more; the spool counts it."""
        held = {body(record) for segment in self.spool._segments for _, record in segment.waiting()}
        self.waiting = [number for number in self.waiting if number in held]

    @precondition(lambda self: self.waiting)
    @rule(most=st.integers(1, 30), most_bytes=st.sampled_from((1, 2000, 10**9)))
    def take(self, most: int, most_bytes: int) -> None:
        taken = singly(self.spool.take(most, most_bytes))
        found = bodies(taken)
        assert 0 < len(found) <= most
        assert len(found) == 1 or sum(len(one.body) for one in taken) <= most_bytes
        assert found == self.waiting[: len(found)]
        self.taken += taken
        self.waiting = self.waiting[len(found) :]

    @precondition(lambda self: self.taken)
    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        chosen = data.draw(st.lists(st.sampled_from(self.taken), unique_by=lambda one: body(one.body)))
        self.spool.settle(chosen)
        self.settled += len(chosen)
        self.taken = [one for one in self.taken if one not in chosen]

    @rule()
    def prepare(self) -> None:
        self.spool.prepare()

    @rule(durably=st.booleans())
    def persist(self, durably: bool) -> None:
        self.spool.persist(durably=durably)

    @rule()
    def close(self) -> None:
        segments = [segment for segment in self.spool._segments if segment.is_durable]
        in_memory = sum(not one.segment.is_durable for one in self.taken)
        self.note_left(segments)
        lost = self.spool.close()
        assert lost == len(self.waiting) + len(self.taken) - in_memory - len(self.must & self.open_records())
        self.begin()

    @rule(data=st.data(), kind=st.sampled_from(("kill", "prefix", "pages")))
    def crash(self, data: st.DataObject, kind: str) -> None:
        unsettled = self.open_records()
        left: dict[Path, bytearray] = {}
        for segment in self.spool._segments:
            if not segment.is_durable or segment.path is None:
                continue
            content = bytearray(segment.path.read_bytes())
            copied = segment._written[0] if isinstance(segment, WrittenSegment) else segment.count
            if kind == "kill":
                assert set(records_in(content, segment.slots)) == set(range(copied))
            else:
                self.cut(data, kind, content, range(segment.persisted, copied))
            left[segment.path] = content
            whole = records_in(content, segment.slots)
            self.must |= set(whole.values()) & unsettled
            self.may |= {number for slot, number in whole.items() if not is_settled(content, slot)}
        self.spool.begin()
        for path, content in left.items():
            path.write_bytes(content)
        self.begin()

    def cut(self, data: st.DataObject, kind: str, content: bytearray, unsynced: range) -> None:
        """Lose of a segment what was not synced: some slots, some records, and perhaps what was said to be settled."""
        self.cuts += len(unsynced)
        extents = [SLOT.unpack_from(content, START + slot * SLOT_SIZE)[:2] for slot in unsynced]
        if extents:
            slots = START + unsynced.start * SLOT_SIZE, START + unsynced.stop * SLOT_SIZE
            for start, end in (slots, (extents[0][0], sum(extents[-1]))):
                for lost_from, lost_to in data.draw(lost_ranges(kind, start, end)):
                    content[lost_from:lost_to] = bytes(lost_to - lost_from)
        if data.draw(st.booleans()):
            settled_at = range(START + SLOT_SIZE - 1, START + unsynced.stop * SLOT_SIZE, SLOT_SIZE)
            content[settled_at.start : settled_at.stop : SLOT_SIZE] = bytes(len(settled_at))

    @rule()
    def adopt(self) -> None:
        for process in self.folder.abandoned():
            adopted = AdoptedSpool(process)
            assert adopted.adopted == adopted.waiting + adopted.damaged
            self.adopted.append(adopted)

    @precondition(lambda self: self.adopted)
    @rule(data=st.data(), most=st.integers(1, 20))
    def send_adopted(self, data: st.DataObject, most: int) -> None:
        adopted = data.draw(st.sampled_from(self.adopted))
        taken = singly(adopted.take(most, 10**9))
        numbers = bodies(taken)
        assert numbers == sorted(set(numbers))
        assert set(numbers) <= self.may
        assert adopted.damaged <= self.cuts
        settled = [one for one in taken if data.draw(st.booleans())]
        adopted.settle(settled)
        self.must -= set(bodies(settled))
        self.may -= set(bodies(settled))

    @precondition(lambda self: self.adopted)
    @rule(data=st.data())
    def close_adopted(self, data: st.DataObject) -> None:
        adopted = data.draw(st.sampled_from(self.adopted))
        self.adopted.remove(adopted)
        adopted.close()

    def open_records(self) -> set[int]:
        return {*self.waiting, *bodies(self.taken)}

    def note_left(self, segments: Sequence[MemorySegment]) -> None:
        """Note what a clean close leaves: what is not settled, and nothing else."""
        for segment in segments:
            held = records_in(segment._read(0, segment.size), segment.count)
            unsettled = {number for slot, number in held.items() if not segment._is_settled[slot]}
            self.must |= unsettled
            self.may |= unsettled

    @invariant()
    def the_books_balance(self) -> None:
        books = self.spool.books()
        assert books.emitted == self.emitted
        assert books.waiting == len(self.waiting) + len(self.taken)
        assert books.emitted == books.waiting + self.settled + books.lost
        assert self.spool.damaged == 0

    @invariant()
    def what_is_lost_is_told(self) -> None:
        assert sum(loss.records for loss in self.spool.losses) == self.spool.lost

    @invariant()
    def disk_and_memory_are_bounded(self) -> None:
        assert sum(one.size for one in self.spool._segments if not one.is_durable) <= 7 * PAGE

    def teardown(self) -> None:
        try:
            self.hold_against_the_model()
        finally:
            self.directory.cleanup()

    def hold_against_the_model(self) -> None:
        """Let one last process find what is left."""
        self.close()
        for adopted in self.adopted:
            adopted.close()
        found: list[int] = []
        for process in self.folder.abandoned():
            adopted = AdoptedSpool(process)
            while taken := adopted.take(7, 10**9):
                found += bodies(taken)
                adopted.settle(taken)
            adopted.close()
        assert len(found) == len(set(found))
        assert self.must <= set(found) <= self.may
        assert self.folder.processes() == []


@st.composite
def lost_ranges(draw: st.DrawFn, kind: str, start: int, end: int) -> list[tuple[int, int]]:
    """Draw which bytes between two offsets of a file are zeros after a power cut."""
    if kind == "prefix":
        return [(draw(st.integers(start, end)), end)]
    pages = [(max(page, start), min(page + PAGE, end)) for page in range(start // PAGE * PAGE, end, PAGE)]
    return [page for page in pages if draw(st.booleans())]


@pytest.mark.parametrize("examples", [40, pytest.param(150, marks=[pytest.mark.slow, pytest.mark.timeout(900)])])
@pytest.mark.parametrize("kind", ["mapped", "written"])
def test_nothing_is_lost_uncounted_whatever_happens(kind: str, examples: int, monkeypatch: pytest.MonkeyPatch) -> None:
    if kind == "written":
        monkeypatch.setattr(folder_module, "file_system", lambda _: "nfs4")
    run_state_machine_as_test(SpoolMachine, settings=settings(max_examples=examples, stateful_step_count=40))
