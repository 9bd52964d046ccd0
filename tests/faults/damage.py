"""A spool that a process has left, damaged in one way or another, and what a process that adopts it makes of that.

left = leave_spool(tmp_path / "left")
send_damaged(left, flip(left.content, 4711), left.spoilt(4711, 4712), tmp_path / "damaged")
"""

from __future__ import annotations

import shutil
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from capture.telemetry import make_logger
from ship.stores import MemoryStore, assert_balanced

import tracelog
from tracelog import StoreHandler
from tracelog.errors import StoreUnavailableError
from tracelog.ship import gaps
from tracelog.ship.folder import SEGMENT
from tracelog.ship.records import Record, read_records
from tracelog.ship.segment import START

LINES = 8
AWAY = StoreUnavailableError("memory: away")


class Left(NamedTuple):
    """A spool that a process has left: its root, its one segment, and the records in that."""

    root: Path
    segment: Path
    content: bytes
    records: list[Record]

    def spoilt(self, start: int, end: int) -> set[str]:
        """Return the ids of the records that lie, even if in part, between two offsets."""
        return {record.document.id for record in self.records if record.offset < end and record.end > start}


def leave_spool(root: Path) -> Left:
    """Leave a spool of a few records, none of which was sent."""
    logger = make_logger(StoreHandler(MemoryStore(*[AWAY] * 1000), spool=root))
    for number in range(LINES):
        logger.info("line a %d", number)
    tracelog.shutdown(0)
    (segment,) = root.rglob(f"*{SEGMENT}")
    content = segment.read_bytes()
    records = [found for found in read_records(content, START, len(content)) if isinstance(found, Record)]
    assert len(records) == LINES, records
    return Left(root, segment, content, records)


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
    there = {record.document.id: record.document for record in left.records}
    intact = {key: document for key, document in there.items() if key not in spoilt}
    assert intact.items() <= stored.items() <= there.items()  # the zeros behind a record may be spoilt at no cost
    assert (stats.in_spool, stats.lost, stats.adopted) == (0, stats.lost_damaged, len(stored) + stats.lost_damaged)
    assert list(root.rglob(f"*{SEGMENT}")) == []
    shutil.rmtree(root)
