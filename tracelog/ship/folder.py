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
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import Literal

import msgspec

from tracelog.schema.otel import Destination
from tracelog.ship.segment import MappedSegment, MemorySegment, WrittenSegment

try:
    import fcntl
except ImportError:  # Windows: spools stay in memory
    fcntl = None  # type: ignore[assignment]

SEGMENT = ".seg"
_PRIVATE = 0o700
_LOCK, _ABOUT, _NEW = "lock", "about.json", ".new-"
_FORGOTTEN = 3600.0
"""After how many seconds a folder that was never finished is one that never will be."""
_MAPPABLE = frozenset(("ext2", "ext3", "ext4", "f2fs", "overlay", "ramfs", "tmpfs", "xfs"))
"""File systems that keep what they have preallocated: on others a full disk kills who writes to a mapping."""


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
        _make_private(self.path.parent)
        _make_private(self.path)
        about = self.path / _ABOUT
        if not about.exists():
            _write_private(about, msgspec.json.encode(self.about))
        name = f"{os.getpid()}-{spool_id}"
        unfinished = self.path / (_NEW + name)
        unfinished.mkdir(mode=_PRIVATE)
        unfinished.chmod(_PRIVATE)
        lock = _lock(unfinished / _LOCK, create=True)
        if lock is None:
            raise OSError(f"{unfinished} cannot be locked")
        return ProcessFolder(unfinished.rename(self.path / name), lock)

    def abandoned(self) -> Iterator[ProcessFolder]:
        """Yield, each locked for the caller, the folders of processes that are gone."""
        for path in self.processes():
            if path.name.startswith(_NEW):
                _remove_forgotten(path)
                continue
            with suppress(OSError):
                lock = _lock(path / _LOCK, create=False)
                if lock is not None:
                    yield ProcessFolder(path, lock)

    def processes(self) -> list[Path]:
        """Return the folders of all processes of this user, dead or alive."""
        try:
            return sorted(Path(entry.path) for entry in os.scandir(self.path) if _is_own_folder(entry))
        except OSError:
            return []

    def size(self) -> int:
        """Return how many bytes all segments of the destination take."""
        total = 0
        for path in self.processes():
            with suppress(OSError):
                total += sum(entry.stat().st_size for entry in os.scandir(path) if entry.name.endswith(SEGMENT))
        return total


class ProcessFolder:
    """The spool of one process, and the lock that says who has it."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock = lock
        self._mappable = file_system(path) in _MAPPABLE

    @property
    def by_hand(self) -> bool:
        """Whether segments are written by hand, for the file system is unsafe to map."""
        return not self._mappable

    def create(self, number: int, size: int, about: bytes) -> MemorySegment:
        """Make a segment with room for `size` bytes of records. Raise OSError."""
        path = self.path / f"{number:08d}{SEGMENT}"
        return (MappedSegment if self._mappable else WrittenSegment).create(path, size, about)

    def segments(self) -> list[WrittenSegment]:
        """Open the segments that were left here, in order; those that cannot be read are left where they are."""
        found = []
        for path in sorted(self.path.glob(f"*{SEGMENT}")):
            with suppress(OSError):
                found.append(WrittenSegment.find(path))
        return found

    def remove(self) -> None:
        """Delete the folder, if it is empty but for the lock, and let go of it."""
        with suppress(OSError):
            if not any(path.name != _LOCK for path in self.path.iterdir()):
                (self.path / _LOCK).unlink()
                self.path.rmdir()
        self.release()

    def release(self) -> None:
        """Let go of the folder: whoever comes next may have it."""
        lock, self._lock = self._lock, -1
        if lock >= 0:
            os.close(lock)  # not LOCK_UN: in a forked child that would unlock the parent's


def file_system(folder: Path, mounts: Path = Path("/proc/self/mountinfo")) -> str | None:
    """Return the type of the file system that a folder is on, None where nobody says."""
    try:
        lines = mounts.read_text(errors="replace").splitlines()
    except OSError:
        return None
    where, best, kind = folder.resolve(), -1, None
    for line in lines:
        fields, _, rest = line.partition(" - ")
        point = fields.split()[4].encode().decode("unicode_escape")
        if len(point) >= best and where.is_relative_to(point):
            best, kind = len(point), rest.split()[0]
    return kind


def _is_own_folder(entry: os.DirEntry[str]) -> bool:
    return entry.is_dir(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_uid == os.geteuid()


def _make_private(folder: Path) -> None:
    """Have a folder that nobody else can look into. Raise OSError where it is another's, or a link to somewhere."""
    with suppress(FileExistsError):
        folder.parent.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
        folder.mkdir(mode=_PRIVATE)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise NotADirectoryError(f"{folder} is not a folder of its own, which a spool has to be")
    if found.st_uid != os.geteuid():
        raise PermissionError(f"{folder} belongs to another user")
    if stat.S_IMODE(found.st_mode) != _PRIVATE:
        folder.chmod(_PRIVATE)


def _write_private(path: Path, content: bytes) -> None:
    """Write a small file at once, for several processes may do so."""
    unfinished = path.with_name(f"{_NEW}{path.name}-{os.getpid()}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, content)
    finally:
        os.close(descriptor)
    unfinished.replace(path)


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


def _remove_forgotten(path: Path) -> None:
    with suppress(OSError):
        if time.time() - path.stat().st_mtime > _FORGOTTEN:
            (path / _LOCK).unlink(missing_ok=True)
            path.rmdir()
