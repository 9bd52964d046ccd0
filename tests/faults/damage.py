"""A spool that a process has left, damaged in one way or another, and what a process that adopts it makes of that.

left = leave_spool(tmp_path / "left")
send_damaged(left, flip(left.content, 4711), left.spoilt(4711, 4712), tmp_path / "damaged")
"""

from __future__ import annotations

import shutil
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

import pytest
from capture.telemetry import make_logger
from ship.stores import MemoryStore, assert_balanced

import tracelog
from tracelog import StoreHandler
from tracelog.errors import StoreUnavailableError
from tracelog.schema.otel import Document
from tracelog.ship import gaps
from tracelog.ship import spool as spool_module
from tracelog.ship.records import SLOT, SLOT_SIZE
from tracelog.ship.segment import START
from tracelog.ship.segment_files import SUFFIX
from tracelog.store.bulk import decode_record

LINES, SIZE = 8, 16_384
"""How many lines are left, and the room that a segment has for them: few of its slots are not used."""
AWAY = StoreUnavailableError("memory: away")


class Left(NamedTuple):
    """A spool that a process has left: its root, its one segment, and what lies in that: where, by its slots."""

    root: Path
    segment: Path
    content: bytes
    documents: list[Document]
    places: list[tuple[range, range]]

    def spoilt(self, start: int, end: int) -> set[str]:
        """Return the ids of the documents whose slot or record lies, even if in part, between two offsets."""
        return {
            document.id
            for document, places in zip(self.documents, self.places, strict=True)
            if any(place.start < end and place.stop > start for place in places)
        }


def leave_spool(root: Path) -> Left:
    """Leave a spool of a few records, none of which was sent."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spool_module, "FIRST", SIZE)
        logger = make_logger(StoreHandler(MemoryStore(*[AWAY] * 1000), spool=root))
        for number in range(LINES):
            logger.info("line a %d", number)
        tracelog.shutdown(0)
    (segment,) = root.rglob(f"*{SUFFIX}")
    content = segment.read_bytes()
    documents, places = [], []
    for slot in range(LINES):
        at = START + slot * SLOT_SIZE
        offset, length, *_ = SLOT.unpack_from(content, at)
        documents.append(decode_record(content[offset : offset + length]))
        places.append((range(at, at + SLOT_SIZE), range(offset, offset + length)))
    assert offset + length == len(content)
    return Left(root, segment, content, documents, places)


def flip(content: bytes, offset: int) -> bytes:
    return content[:offset] + bytes([content[offset] ^ 0xFF]) + content[offset + 1 :]


def cut(content: bytes, offset: int) -> bytes:
    return content[:offset]


def send_damaged(left: Left, damaged: bytes, spoilt: Collection[str], root: Path) -> None:
    """Have another process's handler adopt the damaged spool, and see that it got all records that are not spoilt."""
    shutil.copytree(left.root, root)
    (root / left.segment.relative_to(left.root)).write_bytes(damaged)
    store = MemoryStore()
    handler = StoreHandler(store, spool=root)
    handler._sender.drain(30)
    tracelog.shutdown(30)
    stats = handler.stats()
    assert_balanced(stats)
    stored = {key: found for key, found in store.documents.items() if gaps.EVENT.encode() not in found.body}
    there = {document.id: document for document in left.documents}
    intact = {key: document for key, document in there.items() if key not in spoilt}
    assert intact.items() <= stored.items() <= there.items()  # a slot's last bytes may be spoilt at no cost
    assert (stats.in_spool, stats.lost, stats.adopted) == (0, stats.lost_damaged, len(stored) + stats.lost_damaged)
    assert list(root.rglob(f"*{SUFFIX}")) == []
    shutil.rmtree(root)
