"""The records of a segment: what is written is found by its slot, and damage costs no record but the one it hit."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracelog.ship.records import (
    MAGIC,
    SLOT,
    SLOT_SIZE,
    Run,
    checksum,
    extent,
    reach,
    settle_slots,
    settled_slots,
    sound_runs,
    used_slots,
    weight_of,
)

START = 100
"""Where the records begin that these slots find."""
RECORDS = (b'{"create":{}}\n{"a":1}\n', b"x\n\n", b'{"create":{}}\n{"a":"' + b"x" * 60 + b'"}\n', b"{}\n{}\n")


def written(records: Sequence[bytes], unused: int = 0) -> tuple[bytearray, bytes]:
    """Return the slots of records, some unused ones behind them, and the records as they lie."""
    slots = bytearray((len(records) + unused) * SLOT_SIZE)
    offset = START
    for number, record in enumerate(records):
        SLOT.pack_into(slots, number * SLOT_SIZE, offset, len(record), checksum(record), MAGIC, number % 2, 0)
        offset += len(record)
    return slots, b"".join(records)


def sound(slots: bytes | bytearray, held: bytes | bytearray) -> list[int]:
    """Return the numbers of the sound records; their bytes are those that their run has."""
    found = []
    for run in sound_runs(bytes(slots), bytes(len(slots) // SLOT_SIZE), bytes(held), START):
        numbers = list(range(run.first, run.end))
        assert held[run.start - START : run.stop - START] == b"".join(RECORDS[number] for number in numbers)
        found += numbers
    return found


def hurt(start: int, end: int) -> list[int]:
    """Return the numbers of the records that have a byte between two places among the records."""
    places = [sum(map(len, RECORDS[:number])) for number in range(len(RECORDS) + 1)]
    return [number for number in range(len(RECORDS)) if places[number] < end and places[number + 1] > start]


@given(records=st.lists(st.binary(min_size=1, max_size=100), min_size=1, max_size=8), unused=st.integers(0, 9))
def test_records_that_are_sound_are_one_run_in_order(records: list[bytes], unused: int) -> None:
    slots, held = written(records, unused)
    used = bytes(slots[: len(records) * SLOT_SIZE])
    assert used_slots(bytes(slots)) == len(records)
    assert extent(used) == (START, START + len(held))
    assert list(sound_runs(used, bytes(9), held, START)) == [Run(0, len(records), START, START + len(held))]


def test_a_slot_says_how_much_its_record_matters() -> None:
    slots = bytes(written(RECORDS)[0])
    assert [weight_of(slots, number) for number in range(4)] == [0, 1, 0, 1]


@pytest.mark.parametrize("size", [5119, 5120, 5121, 3 * 5120 + 1, 4 * 1024 * 1024 + 9])
def test_damage_to_a_large_record_is_seen_wherever_it_is(size: int) -> None:
    slots, held = written([b"x" * size, b"{}\n{}\n"])
    for position in (0, min(5120, size - 1), size - 1):
        damaged = bytearray(held)
        damaged[position] ^= 1
        runs = [(run.first, run.end) for run in sound_runs(bytes(slots), bytes(2), bytes(damaged), START)]
        assert runs == [(1, 2)]


@pytest.mark.parametrize("pattern", [0x01, 0x80, 0xFF])
def test_a_flipped_byte_of_a_record_costs_that_record_and_no_other(pattern: int) -> None:
    slots, held = written(RECORDS)
    for position in range(len(held)):
        damaged = bytearray(held)
        damaged[position] ^= pattern
        (lost,) = hurt(position, position + 1)
        assert sound(slots, damaged) == [number for number in range(len(RECORDS)) if number != lost]


@pytest.mark.parametrize("pattern", [0x01, 0x80, 0xFF])
def test_a_flipped_byte_of_a_slot_costs_its_record_at_most(pattern: int) -> None:
    slots, held = written(RECORDS)
    for position in range(len(slots)):
        damaged = bytearray(slots)
        damaged[position] ^= pattern
        number, within = divmod(position, SLOT_SIZE)
        costs = within < SLOT_SIZE - 2  # its weight and whether it is settled are nobody's loss
        expected = [one for one in range(len(RECORDS)) if one != number or not costs]
        assert (sound(damaged, held), used_slots(bytes(damaged))) == (expected, len(RECORDS)), position
        assert settled_slots(bytes(damaged)) == bytes(len(RECORDS))


@given(start=st.integers(0, 120), garbage=st.binary(min_size=1, max_size=150))
def test_garbage_costs_the_records_that_it_lies_on(start: int, garbage: bytes) -> None:
    slots, held = written(RECORDS)
    damaged = bytearray(held)
    damaged[start : start + len(garbage)] = garbage[: max(len(held) - start, 0)]
    changed = [number for number in range(len(RECORDS)) if damaged[place(number)] != held[place(number)]]
    assert sound(slots, damaged) == [number for number in range(len(RECORDS)) if number not in changed]


def place(number: int) -> slice:
    start = sum(map(len, RECORDS[:number]))
    return slice(start, start + len(RECORDS[number]))


@given(garbage=st.binary(min_size=SLOT_SIZE, max_size=4 * SLOT_SIZE).map(lambda found: found[: len(found) // 16 * 16]))
def test_garbage_for_slots_finds_no_record_that_was_not_written(garbage: bytes) -> None:
    _, held = written(RECORDS)
    assert list(sound_runs(garbage, bytes(4), held, START)) == []


def test_records_that_are_cut_off_are_not_sound() -> None:
    slots, held = written(RECORDS)
    for length in range(len(held) + 1):
        lost = hurt(length, len(held)) if length < len(held) else []
        assert sound(slots, held[:length]) == [number for number in range(len(RECORDS)) if number not in lost]


def test_what_is_settled_is_passed_over_and_nothing_else_is() -> None:
    slots, held = written(RECORDS, unused=1)
    settle_slots(slots, SLOT_SIZE, 2)
    assert settled_slots(bytes(slots)) == bytes([0, 1, 1, 0, 0])
    runs = list(sound_runs(bytes(slots[: 4 * SLOT_SIZE]), settled_slots(bytes(slots)), held, START))
    assert [(run.first, run.end) for run in runs] == [(0, 1), (3, 4)]


def test_a_slot_that_was_not_written_to_the_end_is_no_record() -> None:
    slots, _ = written(RECORDS, unused=2)
    SLOT.pack_into(slots, 4 * SLOT_SIZE, 7, 7, 7, 0, 0, 0)
    assert used_slots(bytes(slots)) == len(RECORDS)


def test_zeros_among_slots_are_damage_to_those_and_behind_them_unused() -> None:
    slots, held = written(RECORDS)
    slots[SLOT_SIZE : 2 * SLOT_SIZE] = bytes(SLOT_SIZE)
    assert (used_slots(bytes(slots)), sound(slots, held)) == (4, [0, 2, 3])
    slots[SLOT_SIZE:] = bytes(3 * SLOT_SIZE)
    assert used_slots(bytes(slots)) == 1


def test_so_many_records_are_within_reach_as_have_at_most_so_many_bytes() -> None:
    slots, held = written(RECORDS)
    sizes = [len(record) for record in RECORDS]
    for most in range(len(held) + 2):
        assert reach(bytes(slots), most) == sum(sum(sizes[: number + 1]) <= most for number in range(len(sizes)))
