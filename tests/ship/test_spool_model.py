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

from tracelog.schema.otel import LOGS, Document
from tracelog.ship import folder as folder_module
from tracelog.ship import spool as spool_module
from tracelog.ship.drain import AdoptedSpool, Taken
from tracelog.ship.records import Record, read_records
from tracelog.ship.segment import START, MemorySegment, WrittenSegment
from tracelog.ship.spool import Spool

from .stores import destination_folder

PAGE = 4096
SIZES = (0, 40, 900, 6000, 30_000)


@pytest.fixture(autouse=True)
def _small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_module, "FIRST", PAGE)
    monkeypatch.setattr(spool_module, "LARGEST", 4 * PAGE)


def body(record: Record) -> int:
    return int(record.document.body)


def records_in(segment: MemorySegment) -> list[Record]:
    return [found for found in read_records(segment._bytes(), START, segment.end) if isinstance(found, Record)]


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
        self.adopted: dict[AdoptedSpool, set[int]] = {}
        self.begin()

    def begin(self) -> None:
        self.spool = Spool(self.folder, quota=40 * PAGE, memory=6 * PAGE)
        self.spool.id = next(self.ids)  # not random, for folders are adopted in the order of their names
        self.waiting: list[int] = []
        self.taken: list[Taken] = []
        self.emitted = self.settled = 0

    @rule(
        sizes=st.lists(st.sampled_from(SIZES), min_size=1, max_size=12), weight=st.integers(0, 1), has_id=st.booleans()
    )
    def append(self, sizes: Sequence[int], weight: int, has_id: bool) -> None:
        for size in sizes:
            number, self.made = self.made, self.made + 1
            own_id = f"own-{number}" if has_id else ""
            self.spool.append(Document(own_id, LOGS, b"%d" % number + b" " * size), weight)
            self.waiting.append(number)
            self.emitted += 1
        self.forget_what_was_given_up()

    def forget_what_was_given_up(self) -> None:
        """Take out of the model what is not in the spool any more; the spool counts it."""
        held = {body(record) for segment in self.spool._segments for record in segment.waiting()}
        self.waiting = [number for number in self.waiting if number in held]

    @precondition(lambda self: self.waiting)
    @rule(most=st.integers(1, 30), most_bytes=st.sampled_from((1, 2000, 10**9)))
    def take(self, most: int, most_bytes: int) -> None:
        taken = self.spool.take(most, most_bytes)
        found = [body(one.record) for one in taken]
        assert 0 < len(found) <= most
        assert len(found) == 1 or sum(len(one.record.document.body) for one in taken) <= most_bytes
        assert found == self.waiting[: len(found)]
        self.taken += taken
        self.waiting = self.waiting[len(found) :]

    @precondition(lambda self: self.taken)
    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        chosen = data.draw(st.lists(st.sampled_from(self.taken), unique_by=lambda one: body(one.record)))
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
        self.note_left(segments, self.open_records())
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
            copied = segment._written if isinstance(segment, WrittenSegment) else segment.end
            for start, end in data.draw(lost_ranges(kind, segment.persisted, copied)):
                content[start:end] = bytes(end - start)
                self.cuts += 1
            left[segment.path] = content
            whole = {body(found) for found in read_records(content, START, copied) if isinstance(found, Record)}
            self.must |= whole & unsettled
            self.may |= whole
            for record in records_in(segment):
                if kind == "kill" and record.end <= copied:
                    assert body(record) in whole
        self.spool.begin()
        for path, content in left.items():
            path.write_bytes(content)
        self.begin()

    @rule()
    def adopt(self) -> None:
        for process in self.folder.abandoned():
            adopted = AdoptedSpool(process)
            assert adopted.adopted == adopted.waiting + adopted.damaged
            assert adopted.damaged <= self.cuts
            self.adopted[adopted] = {body(record) for segment in adopted._segments for record in segment.waiting()}

    @precondition(lambda self: self.adopted)
    @rule(data=st.data(), most=st.integers(1, 20))
    def send_adopted(self, data: st.DataObject, most: int) -> None:
        adopted = data.draw(st.sampled_from(list(self.adopted)))
        taken = adopted.take(most, 10**9)
        numbers = [one.record.number for one in taken]
        assert numbers == sorted(set(numbers))
        assert {body(one.record) for one in taken} <= self.may
        settled = [one for one in taken if data.draw(st.booleans())]
        adopted.settle(settled)
        self.must -= {body(one.record) for one in settled}
        self.adopted[adopted] -= {body(one.record) for one in settled}

    @precondition(lambda self: self.adopted)
    @rule(data=st.data())
    def close_adopted(self, data: st.DataObject) -> None:
        adopted = data.draw(st.sampled_from(list(self.adopted)))
        self.note_left(adopted._segments, self.adopted.pop(adopted))
        adopted.close()

    def open_records(self) -> set[int]:
        return {*self.waiting, *(body(one.record) for one in self.taken)}

    def note_left(self, segments: Sequence[MemorySegment], unsettled: set[int]) -> None:
        """Note what a clean close leaves: all that is not settled, and what was settled behind it, nothing before."""
        for segment in segments:
            held = [body(record) for record in records_in(segment)]
            first = next((index for index, number in enumerate(held) if number in unsettled), len(held))
            self.may -= set(held[:first])
            self.may |= set(held[first:])
            self.must |= set(held) & unsettled

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
        assert sum(one.size for one in self.spool._segments if not one.is_durable) <= 6 * PAGE

    def teardown(self) -> None:
        try:
            self.hold_against_the_model()
        finally:
            self.directory.cleanup()

    def hold_against_the_model(self) -> None:
        """Let one last process find what is left."""
        self.close()
        for adopted, unsettled in self.adopted.items():
            self.note_left(adopted._segments, unsettled)
            adopted.close()
        found: list[int] = []
        for process in self.folder.abandoned():
            adopted = AdoptedSpool(process)
            while taken := adopted.take(7, 10**9):
                found += [body(one.record) for one in taken]
                adopted.settle(taken)
            adopted.close()
        assert len(found) == len(set(found))
        assert self.must <= set(found) <= self.must | self.may
        assert self.folder.processes() == []


@st.composite
def lost_ranges(draw: st.DrawFn, kind: str, synced: int, copied: int) -> list[tuple[int, int]]:
    """Draw which bytes of a file are zeros after a crash, none of them synced."""
    if kind == "kill" or synced >= copied:
        return []
    if kind == "prefix":
        return [(draw(st.integers(synced // 8, copied // 8)) * 8, copied)]
    pages = [(max(start, synced), min(start + PAGE, copied)) for start in range(START, copied, PAGE)]
    return [page for page in pages if page[0] < page[1] and draw(st.booleans())]


@pytest.mark.parametrize("examples", [40, pytest.param(300, marks=[pytest.mark.slow, pytest.mark.timeout(900)])])
@pytest.mark.parametrize("kind", ["mapped", "written"])
def test_nothing_is_lost_uncounted_whatever_happens(kind: str, examples: int, monkeypatch: pytest.MonkeyPatch) -> None:
    if kind == "written":
        monkeypatch.setattr(folder_module, "file_system", lambda _: "nfs4")
    run_state_machine_as_test(SpoolMachine, settings=settings(max_examples=examples, stateful_step_count=40))
