"""Where spools lie, whose they are, and who may have them.

    <root>/<destination>/about.json       what the destination is, in words
    <root>/<destination>/refused.jsonl    documents that the store will never take, each with its reason
    <root>/<destination>/<pid>-<id>/lock  held, by flock, as long as the process lives
    <root>/<destination>/<pid>-<id>/*.seg the segments of that process

The destination is a hash of the store's URL (without credentials), dataset and namespace: only a process with the same
one sends what a dead process left. Everything is readable by its owner alone, whatever the umask; a folder that is a
symbolic link or belongs to somebody else is refused.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import Literal
from weakref import WeakSet

import msgspec

from tracelog.schema.otel import Destination
from tracelog.ship.private import make_private, make_root, stat_of_own, user, write_private
from tracelog.ship.segment import MemorySegment
from tracelog.ship.segment_files import SUFFIX, MappedSegment, WrittenSegment

try:
    import fcntl
except ImportError:  # Windows: spools stay in memory
    fcntl = None  # type: ignore[assignment]

_LOCK, _ABOUT, _NEW = "lock", "about.json", ".new-"
_FORGOTTEN = 3600.0
"""After how many seconds a folder without a lock is one whose process is gone, or never finished it."""
_MAPPABLE = frozenset(("ext2", "ext3", "ext4", "f2fs", "overlay", "ramfs", "tmpfs", "xfs"))
"""File systems that keep what they have preallocated: on others a full disk kills who writes to a mapping."""
_MOUNT_POINT = 4
_OCTAL = re.compile(rb"\\([0-7]{3})")


def spool_root(spool: str | os.PathLike[str] | Literal[False] | None = None) -> Path | None:
    """Return the folder of all spools, None for memory: what is given, else the environment's, else the user's own."""
    if spool is False:
        return None
    given = spool or os.environ.get("TRACELOG_SPOOL")
    if given:
        return Path(given).expanduser().absolute()
    state = os.environ.get("XDG_STATE_HOME", "")
    try:
        home = Path(state) if state.startswith("/") else Path.home() / ".local" / "state"
    except RuntimeError:  # nobody's home
        return Path("/nonexistent/tracelog/spool")
    return home / "tracelog" / "spool"


class AboutDestination(msgspec.Struct):
    """What a destination is: enough to send there, without credentials."""

    url: str
    dataset: str
    namespace: str


class DestinationFolder:
    """The spools of all processes that write to one destination."""

    def __init__(self, root: Path, about: AboutDestination) -> None:
        key = f"{about.url}\0{about.dataset}\0{about.namespace}".encode()
        self.path = root / blake2b(key, digest_size=8).hexdigest()
        self.about = about

    @classmethod
    def of(cls, root: Path, url: str, destination: Destination) -> DestinationFolder:
        """Return the folder of a store and the dataset and namespace in it."""
        return cls(root, AboutDestination(url, *destination))

    @classmethod
    def all(cls, root: Path) -> list[DestinationFolder]:
        """Return the folders of all destinations below a root."""
        found = []
        for path in sorted(root.glob(f"*/{_ABOUT}")):
            with suppress(OSError, msgspec.MsgspecError):
                found.append(cls(root, msgspec.json.decode(path.read_bytes(), type=AboutDestination)))
        return found

    def claim(self, spool_id: str) -> ProcessFolder:
        """Make and lock a folder for this process. Raise OSError where none can be made, or none that is safe."""
        make_root(self.path.parent)
        make_private(self.path)
        about = self.path / _ABOUT
        if not about.exists():
            write_private(about, msgspec.json.encode(self.about))
        name = f"{os.getpid()}-{spool_id}"
        unfinished = self.path / (_NEW + name)
        make_private(unfinished)
        lock = None
        try:
            lock = _lock(unfinished / _LOCK, create=True)
            if lock is None:
                raise OSError(f"{unfinished} cannot be locked")
            return ProcessFolder(unfinished.rename(self.path / name), lock)
        except BaseException:
            _remove(unfinished)
            if lock is not None:
                os.close(lock)
            raise

    def abandoned(self) -> Iterator[ProcessFolder]:
        """Yield, each locked for the caller, the folders of processes that are gone."""
        for path in self.processes():
            with suppress(OSError):
                if path.name.startswith(_NEW):
                    if _is_forgotten(path):
                        _remove(path)
                    continue
                lock = _lock(path / _LOCK, create=_is_forgotten(path))  # created where somebody has deleted it
                if lock is not None:
                    yield ProcessFolder(path, lock)

    def processes(self) -> list[Path]:
        """Return the folders of all processes of this user, dead or alive."""
        try:
            stat_of_own(self.path.parent)
            stat_of_own(self.path)
        except OSError:
            return []
        return sorted(Path(entry.path) for entry in _entries(self.path) if _is_own_folder(entry))

    def size(self) -> int:
        """Return how many bytes all segments of the destination take."""
        return sum(_size(entry) for path in self.processes() for entry in _segments(path))


class ProcessFolder:
    """The spool of one process, and the lock that says who has it."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock = lock
        self._mappable = file_system(path) in _MAPPABLE
        _held.add(self)

    @property
    def by_hand(self) -> bool:
        """Whether segments are written by hand, for the file system is unsafe to map."""
        return not self._mappable

    def create(self, number: int, size: int, about: bytes) -> MemorySegment:
        """Make a segment with room for `size` bytes of records. Raise OSError."""
        path = self.path / f"{number:08d}{SUFFIX}"
        return (MappedSegment if self._mappable else WrittenSegment).create(path, size, about)

    def segments(self) -> list[WrittenSegment]:
        """Look at the segments that were left here, in order; those that cannot be read are left where they are."""
        found = []
        for entry in _segments(self.path):
            with suppress(OSError):
                found.append(WrittenSegment.find(Path(entry.path)))
        return sorted(found, key=lambda segment: segment.first)

    def remove(self) -> None:
        """Delete the folder, if it is empty but for the lock, and let go of it."""
        _remove(self.path)
        self.release()

    def release(self) -> None:
        """Let go of the folder: whoever comes next may have it."""
        lock, self._lock = self._lock, -1
        if lock >= 0:
            os.close(lock)  # not LOCK_UN: in a forked child that would unlock the parent's


_held: WeakSet[ProcessFolder] = WeakSet()


def _release_all() -> None:
    """Let go, in a forked child, of what is the parent's: its lock would be held for as long as either is there."""
    for folder in tuple(_held):
        folder.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_release_all)


def file_system(folder: Path, mounts: Path = Path("/proc/self/mountinfo")) -> str | None:
    """Return the type of the file system that a folder is on, None where nobody says."""
    try:
        lines = mounts.read_bytes().splitlines()
    except OSError:
        return None
    where, best, kind = folder.resolve(), -1, None
    for line in lines:
        fields, _, rest = line.partition(b" - ")
        if fields.count(b" ") < _MOUNT_POINT or not rest.strip():
            continue
        point = os.fsdecode(_OCTAL.sub(lambda found: bytes([int(found[1], 8)]), fields.split(b" ")[_MOUNT_POINT]))
        if len(point) >= best and where.is_relative_to(point):  # of those at one place, the last lies on top
            best, kind = len(point), rest.split()[0].decode(errors="replace")
    return kind


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """Return what is in a folder, nothing where there is none."""
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []


def _segments(folder: Path) -> list[os.DirEntry[str]]:
    """Return the segments in a folder, in the order in which they were made."""
    found = [entry for entry in _entries(folder) if entry.name.endswith(SUFFIX)]
    return sorted((entry for entry in found if entry.is_file(follow_symlinks=False)), key=lambda entry: entry.name)


def _size(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat(follow_symlinks=False).st_size
    except OSError:  # it has just been sent
        return 0


def _is_own_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_uid == user()
    except OSError:
        return False


def _lock(path: Path, *, create: bool) -> int | None:
    """Return the descriptor of a lock file that is now held, None where somebody else holds it. Raise OSError."""
    if fcntl is None:
        raise OSError("there is no flock on this system")
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | (os.O_CREAT if create else 0)
    descriptor = os.open(path, flags, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(descriptor).st_ino == path.stat().st_ino:  # else its last holder has just deleted it
            return descriptor
    except BlockingIOError:
        pass
    except OSError:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


def is_held(folder: Path) -> bool:
    """Say whether the process that a folder belongs to is there."""
    try:
        lock = _lock(folder / _LOCK, create=False)
    except OSError:
        return False
    if lock is not None:
        os.close(lock)
    return lock is None


def _remove(folder: Path) -> None:
    """Delete the folder of a process, if it is empty but for the lock."""
    with suppress(OSError):
        if {path.name for path in folder.iterdir()} <= {_LOCK}:
            (folder / _LOCK).unlink(missing_ok=True)
            folder.rmdir()


def _is_forgotten(folder: Path) -> bool:
    return time.time() - folder.stat().st_mtime > _FORGOTTEN
