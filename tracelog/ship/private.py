"""Folders and files that nobody else can look into, whatever the umask; what is another's, or a link, is refused."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

DIRECT = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
"""Flags to open a file with: no link is followed, and no other program inherits it."""
_PRIVATE = 0o700
_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def user() -> int:
    """Return whose process this is; Windows has no owners that could be compared."""
    return os.geteuid() if hasattr(os, "geteuid") else 0


def make_root(folder: Path) -> None:
    """Have a folder for all spools, the ones above it included. Raise OSError where others can replace what is in it.

    One that is there is taken as it is, for others may need what is in it: it may be /tmp.
    """
    for one in (*reversed(folder.parents), folder):
        if not one.exists():
            make_private(one)
    mode = stat_of_own(folder).st_mode
    if mode & _WRITABLE_BY_OTHERS and not mode & stat.S_ISVTX:
        if any(folder.iterdir()):
            raise PermissionError(f"{folder} can be written to by others")
        folder.chmod(_PRIVATE)


def make_private(folder: Path) -> None:
    """Have a folder that nobody else can look into. Raise OSError where it is another's, or a link to somewhere."""
    with suppress(FileExistsError):
        folder.mkdir(mode=_PRIVATE)
    if stat.S_IMODE(stat_of_own(folder).st_mode) != _PRIVATE:
        folder.chmod(_PRIVATE)


def stat_of_own(folder: Path) -> os.stat_result:
    """Look at a folder. Raise OSError where there is none, or it is another's, or a link to somewhere."""
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise NotADirectoryError(f"{folder} is not a folder of its own, which a spool has to be")
    if found.st_uid != user():
        raise PermissionError(f"{folder} belongs to another user")
    return found


def write_private(path: Path, content: bytes) -> None:
    """Write a small file at once, for several processes may do so."""
    unfinished = path.with_name(f".new-{path.name}-{os.getpid()}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | DIRECT, 0o600)
    try:
        os.write(descriptor, content)
    finally:
        os.close(descriptor)
    unfinished.replace(path)
