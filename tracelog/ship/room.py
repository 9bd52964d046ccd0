"""Where segments come from: the disk, within a quota that all processes of a destination share, else memory."""

from __future__ import annotations

import errno
import itertools
from collections.abc import Callable
from contextlib import suppress

from tracelog.ship.folder import DestinationFolder, ProcessFolder
from tracelog.ship.segment import MemorySegment, buffer_size

QUOTA = 1024**3
"""How many bytes all spools of a destination may take on disk."""
MEMORY = 64 * 1024 * 1024
"""How many bytes of memory stand in for the disk."""
_FULL = frozenset((errno.ENOSPC, errno.EDQUOT))


class Room:
    """Makes the segments of one spool. `folder`: None for memory alone; `about` makes JSON that is kept with each."""

    def __init__(
        self, folder: DestinationFolder | None, about: Callable[[], bytes], *, quota: int, memory: int
    ) -> None:
        self.folder = folder
        self._about = about
        self._quota, self._memory = quota, memory
        self.own: ProcessFolder | None = None
        """The folder of this process, once it has one."""

    def begin(self, spool_id: int) -> None:
        """Begin anew: at the start, and in a forked child, where the folder is the parent's."""
        if self.own is not None:
            self.own.release()
        self.own = None
        self._id = spool_id
        self._numbers = itertools.count()
        self.is_disk_full = True
        """Whether the disk took nothing more as it, or the quota, was full, rather than for another reason."""
        self.trouble: str | None = None
        """Why something is not kept on disk, in one line, until somebody has said it."""

    def on_disk(self, size: int, *, may_claim: bool = True) -> MemorySegment | None:
        """Make a segment with room for so many bytes of records, in a folder that is claimed where there is none.

        None where that is impossible. One thread at a time may claim.
        """
        if self.folder is None:
            return None
        try:
            self.is_disk_full = self.folder.size() + buffer_size(size) > self._quota
            if self.is_disk_full:
                return None
            own = self.own
            if own is None and not may_claim:
                return None
            if own is None:
                own = self.own = self.folder.claim(f"{self._id:016x}-{next(self._numbers)}")
            return own.create(next(self._numbers), size, self._about())
        except OSError as error:
            self.is_disk_full = error.errno in _FULL
            self.trouble = f"{error}; what is logged is kept in memory"
            return None

    def in_memory(self, size: int, held: int) -> MemorySegment | None:
        """Make one in memory, of which so many bytes are held already."""
        return MemorySegment.of_size(size) if held + buffer_size(size) <= self._memory else None

    def beyond_quota(self, size: int) -> MemorySegment | None:
        """Make one on disk, small and in place of a larger one."""
        if self.own is not None:
            with suppress(OSError):
                return self.own.create(next(self._numbers), size, self._about())
        return None

    @property
    def is_gone(self) -> bool:
        """Whether somebody has deleted the folder of this process."""
        return self.own is not None and not self.own.path.is_dir()

    def let_go(self) -> None:
        """Let go of the folder of this process, and delete it where it is empty."""
        own, self.own = self.own, None
        if own is not None:
            own.remove()
