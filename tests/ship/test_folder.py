"""Where spools lie: whose they are, what is refused as unsafe, and who may have what a dead process left."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from tracelog.ship import folder as folder_module
from tracelog.ship.folder import DestinationFolder, file_system, is_held, spool_root
from tracelog.ship.segment_files import MappedSegment, WrittenSegment

from .stores import destination_folder, files_below, write_segment

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to others")
NOBODY = 65534


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def claim(root: Path) -> Path:
    """Make the folder of a process, and let go of it as if the process had died."""
    process = destination_folder(root).claim(uuid.uuid4().hex)
    process.release()
    return process.path


def adopted(folder: DestinationFolder) -> list[Path]:
    """Adopt what is abandoned, and let go of it again; return what it was."""
    found = list(folder.abandoned())
    for process in found:
        process.release()
    return [process.path for process in found]


@pytest.mark.parametrize("umask", [0, 0o077])
def test_folders_and_files_are_their_owners_alone_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    root = tmp_path / "state" / "tracelog" / "spool"
    destination = destination_folder(root)
    before = os.umask(umask)
    try:
        process = destination.claim("feed")
        process.create(0, 4096, b"{}").release()
    finally:
        os.umask(before)
    folders = [tmp_path / "state", root.parent, root, destination.path, process.path]
    files = [destination.path / "about.json", process.path / "lock", process.path / "00000000-16.seg"]
    assert [oct(mode(path)) for path in folders] == ["0o700"] * 5
    assert [oct(mode(path)) for path in files] == ["0o600"] * 3
    process.release()


def test_one_folder_belongs_to_one_destination_and_says_which(tmp_path: Path) -> None:
    claim(tmp_path)
    (found,) = DestinationFolder.all(tmp_path)
    assert (found.path, found.about) == (destination_folder(tmp_path).path, destination_folder(tmp_path).about)
    assert len({destination_folder(tmp_path, url).path for url in ("memory:", "http://a:9200", "http://b:9200")}) == 3


def test_folders_that_do_not_say_which_destination_they_belong_to_are_passed_over(tmp_path: Path) -> None:
    claim(tmp_path)
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "about.json").write_text("{")
    (tmp_path / "odd" / "about.json").mkdir(parents=True)
    assert [found.path for found in DestinationFolder.all(tmp_path)] == [destination_folder(tmp_path).path]
    assert DestinationFolder.all(tmp_path / "missing") == []


def test_a_folder_of_all_spools_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("")
    for wanted in (0o755, 0o1777):
        tmp_path.chmod(wanted)
        claim(tmp_path)
        assert mode(tmp_path) == wanted


def test_an_empty_folder_that_others_can_write_to_is_made_private(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    claim(tmp_path)
    assert mode(tmp_path) == 0o700


def test_a_destination_that_others_can_look_into_is_made_private(tmp_path: Path) -> None:
    claim(tmp_path)
    destination_folder(tmp_path).path.chmod(0o755)
    claim(tmp_path)
    assert mode(destination_folder(tmp_path).path) == 0o700


def _others_can_write(root: Path) -> None:
    root.mkdir()
    (root / "another's").write_text("")
    root.chmod(0o777)


def _root_is_a_link(root: Path) -> None:
    root.with_name("elsewhere").mkdir()
    root.symlink_to(root.with_name("elsewhere"))


def _root_is_a_dead_link(root: Path) -> None:
    root.symlink_to(root.with_name("nowhere"))


def _root_is_a_file(root: Path) -> None:
    root.write_text("")


def _root_is_below_a_file(root: Path) -> None:
    root.parent.rmdir()
    root.parent.write_text("")


def _destination_is_a_link(root: Path) -> None:
    root.mkdir()
    root.with_name("elsewhere").mkdir()
    destination_folder(root).path.symlink_to(root.with_name("elsewhere"))


def _root_is_anothers(root: Path) -> None:
    root.mkdir()
    os.chown(root, NOBODY, NOBODY)


def _destination_is_anothers(root: Path) -> None:
    claim(root)
    os.chown(destination_folder(root).path, NOBODY, NOBODY)


UNSAFE = {
    "others_can_write": (_others_can_write, "can be written to by others"),
    "link": (_root_is_a_link, "is not a folder of its own"),
    "dead_link": (_root_is_a_dead_link, "is not a folder of its own"),
    "file": (_root_is_a_file, "is not a folder of its own"),
    "below_a_file": (_root_is_below_a_file, "Not a directory"),
    "destination_link": (_destination_is_a_link, "is not a folder of its own"),
    "anothers": (_root_is_anothers, "belongs to another user"),
    "destination_anothers": (_destination_is_anothers, "belongs to another user"),
}


@as_root
@pytest.mark.parametrize("case", UNSAFE)
def test_an_unsafe_place_is_refused_and_nothing_is_written_there(tmp_path: Path, case: str) -> None:
    make_unsafe, reason = UNSAFE[case]
    root = tmp_path / "below" / "spool"
    root.parent.mkdir()
    make_unsafe(root)
    before = files_below(tmp_path)
    with pytest.raises(OSError, match=reason):
        destination_folder(root).claim("feed")
    assert files_below(tmp_path) == before
    assert adopted(destination_folder(root)) == []


def _lock_is_a_link(process: Path) -> None:
    (process / "lock").rename(process.with_name("lock"))
    (process / "lock").symlink_to(process.with_name("lock"))


def _process_is_a_link(process: Path) -> None:
    process.rename(process.parents[1] / "elsewhere")
    process.symlink_to(process.parents[1] / "elsewhere")


def _process_is_anothers(process: Path) -> None:
    os.chown(process, NOBODY, NOBODY)


@as_root
@pytest.mark.parametrize("make_unsafe", [_lock_is_a_link, _process_is_a_link, _process_is_anothers])
def test_what_may_be_anothers_is_not_adopted(tmp_path: Path, make_unsafe: Callable[[Path], None]) -> None:
    make_unsafe(claim(tmp_path))
    assert adopted(destination_folder(tmp_path)) == []


def test_a_segment_that_is_a_link_a_folder_or_a_pipe_is_passed_over(tmp_path: Path) -> None:
    process = destination_folder(tmp_path).claim("feed")
    process.create(0, 4096, b"{}").release()
    (process.path / "1.seg").symlink_to(process.path / "00000000-16.seg")
    (process.path / "2.seg").mkdir()
    os.mkfifo(process.path / "3.seg")
    assert [segment.path.name for segment in process.segments()] == ["00000000-16.seg"]
    assert destination_folder(tmp_path).size() == 8448
    process.release()


def test_who_is_there_is_not_adopted_and_who_is_gone_is_adopted_once(tmp_path: Path) -> None:
    folder = destination_folder(tmp_path)
    process = folder.claim("feed")
    assert (adopted(folder), is_held(process.path)) == ([], True)
    process.release()
    assert is_held(process.path) is False
    (successor,) = folder.abandoned()
    assert (successor.path, adopted(folder), is_held(process.path)) == (process.path, [], True)
    successor.remove()
    assert folder.processes() == []


def test_what_is_adopted_and_not_emptied_is_there_for_the_next(tmp_path: Path) -> None:
    folder = destination_folder(tmp_path)
    process = folder.claim("feed")
    process.create(0, 4096, b"{}").release()
    process.release()
    for _ in range(3):
        (successor,) = folder.abandoned()
        successor.remove()
    assert folder.processes() == [process.path]


ADOPT = """
import sys
from pathlib import Path
from ship.stores import destination_folder
sys.stdin.read(1)
print(len([*destination_folder(Path(sys.argv[1])).abandoned()]), flush=True)
sys.stdin.read(1)
"""


@pytest.mark.slow
def test_of_several_processes_at_once_one_adopts_each_folder(tmp_path: Path) -> None:
    folder = destination_folder(tmp_path)
    for process in [folder.claim(f"{number}") for number in range(5)]:
        process.release()
    command = [sys.executable, "-c", ADOPT, str(tmp_path)]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])}
    adopters = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ)
        for _ in range(4)
    ]
    for adopter in adopters:
        assert adopter.stdin is not None
        adopter.stdin.write(".")
        adopter.stdin.flush()
    adopted = [int(adopter.stdout.readline()) for adopter in adopters if adopter.stdout is not None]
    for adopter in adopters:
        adopter.communicate(".", timeout=30)
    assert sum(adopted) == 5


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_the_copy_of_a_lock_that_a_forked_child_has_holds_nothing(tmp_path: Path) -> None:
    folder = destination_folder(tmp_path)
    claimed = folder.claim("feed")
    claim(tmp_path)
    (successor,) = folder.abandoned()
    (reading, writing), (is_ready, ready) = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        os.write(ready, b".")
        os.close(writing)
        os.read(reading, 1)
        os._exit(0)
    os.read(is_ready, 1)
    try:
        held_beside_the_child = [is_held(claimed.path), is_held(successor.path)]
        claimed.release()
        successor.release()
        assert (held_beside_the_child, len(adopted(folder))) == ([True, True], 2)
    finally:
        for descriptor in (writing, reading, is_ready, ready):
            os.close(descriptor)
        os.waitpid(child, 0)


def test_a_folder_that_is_just_being_made_is_left_alone_and_one_that_never_will_be_is_removed(tmp_path: Path) -> None:
    folder = destination_folder(tmp_path)
    process = claim(tmp_path)
    unfinished = folder.path / ".new-1-feed"
    unfinished.mkdir()
    (unfinished / "lock").write_text("")
    assert (adopted(folder), unfinished.exists()) == ([process], True)
    os.utime(unfinished, (time.time() - 4000,) * 2)
    assert (adopted(folder), unfinished.exists()) == ([process], False)


def test_a_folder_whose_lock_was_deleted_is_adopted_once_nothing_has_happened_in_it_for_long(tmp_path: Path) -> None:
    folder = destination_folder(tmp_path)
    process = claim(tmp_path)
    (process / "lock").unlink()
    assert adopted(folder) == []
    os.utime(process, (time.time() - 4000,) * 2)
    assert adopted(folder) == [process]


def test_a_folder_that_cannot_be_finished_is_removed_and_can_be_claimed_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    folder = destination_folder(tmp_path)
    for step in ("pathlib.Path.rename", "fcntl.flock"):
        with monkeypatch.context() as patch:
            patch.setattr(step, fail)
            with pytest.raises(OSError, match="No space left"):
                folder.claim("feed")
        assert [path.name for path in folder.path.iterdir()] == ["about.json"]
    folder.claim("feed").release()


def test_on_a_system_without_locks_there_is_no_spool_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tracelog.ship.folder.fcntl", None)
    folder = destination_folder(tmp_path / "spool")
    with pytest.raises(OSError, match="there is no flock on this system"):
        folder.claim("feed")
    assert (folder.processes(), folder.size(), list(folder.abandoned())) == ([], 0, [])


def test_a_folder_that_goes_while_others_are_listed_hides_none_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = destination_folder(tmp_path)
    process = claim(tmp_path)
    vanished = folder.path / "1-gone"
    vanished.mkdir()
    with os.scandir(folder.path) as scan:
        entries = list(scan)
    vanished.rmdir()
    monkeypatch.setattr(folder_module, "_entries", lambda path: entries)
    assert folder.processes() == [process]


def test_segments_are_found_in_the_order_of_their_records(tmp_path: Path) -> None:
    process = destination_folder(tmp_path).claim("feed")
    for name, first in (("00000002.seg", 0), ("00000001.seg", 7), ("00000003.seg", 3)):
        write_segment(process.path / name, first, first + 1)
    assert [segment.first for segment in process.segments()] == [0, 3, 7]
    process.release()


@pytest.mark.parametrize(
    ("where", "mapped"),
    [("ext4", True), ("xfs", True), ("tmpfs", True), ("btrfs", False), ("nfs4", False), (None, False)],
)
def test_segments_are_mapped_only_where_that_is_known_to_be_safe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str | None, mapped: bool
) -> None:
    monkeypatch.setattr("tracelog.ship.folder.file_system", lambda _: where)
    process = destination_folder(tmp_path).claim("feed")
    segment = process.create(0, 4096, b"{}")
    assert (type(segment), process.by_hand) == (MappedSegment if mapped else WrittenSegment, not mapped)
    segment.release()
    process.release()


MOUNTS = """\
21 1 0:20 / / rw,relatime shared:1 - ext4 /dev/root rw
22 21 0:21 / /proc rw - proc proc rw
23 21 0:22 / /data rw shared:7 master:1 - btrfs /dev/sdb rw
24 23 0:23 / /data/with\\040space\\134and rw - xfs /dev/sdc rw
25 21 0:24 / /data/k\u00e4se rw - tmpfs tmpfs rw
26 21 0:25 / /over rw - ext4 /dev/sdd rw
27 21 0:26 / /over rw - nfs4 server:/x rw

a line that is none
28 21 0:27 / /short rw -
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/", "ext4"),
        ("/home/somebody", "ext4"),
        ("/data", "btrfs"),
        ("/data/x", "btrfs"),
        ("/database", "ext4"),
        ("/data/with space\\and/x", "xfs"),
        ("/data/with", "btrfs"),
        ("/data/k\u00e4se/x", "tmpfs"),
        ("/over/x", "nfs4"),
        ("/short/x", "ext4"),
    ],
)
def test_a_folder_is_on_the_file_system_of_the_nearest_mount(tmp_path: Path, folder: str, kind: str) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_bytes(MOUNTS.encode())
    assert file_system(Path(folder), mounts) == kind


def test_where_nobody_says_what_is_mounted_the_file_system_is_unknown(tmp_path: Path) -> None:
    assert file_system(tmp_path, tmp_path / "missing") is None
    assert file_system(tmp_path) is not None


@pytest.mark.parametrize(
    ("spool", "environ", "expected"),
    [
        (False, {"TRACELOG_SPOOL": "/a"}, None),
        ("/b", {"TRACELOG_SPOOL": "/a"}, "/b"),
        (None, {"TRACELOG_SPOOL": "/a", "XDG_STATE_HOME": "/x"}, "/a"),
        (None, {"TRACELOG_SPOOL": "", "XDG_STATE_HOME": "/x"}, "/x/tracelog/spool"),
        (None, {"XDG_STATE_HOME": "relative", "HOME": "/home/me"}, "/home/me/.local/state/tracelog/spool"),
        (None, {"HOME": "/home/me"}, "/home/me/.local/state/tracelog/spool"),
        ("~/spool", {"HOME": "/home/me"}, "/home/me/spool"),
    ],
)
def test_the_place_of_all_spools_is_what_is_given_else_the_environments_else_the_users_own(
    spool: str | None, environ: dict[str, str], expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TRACELOG_SPOOL", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert spool_root(spool) == (None if expected is None else Path(expected))


def test_a_relative_place_stays_the_same_place_when_the_process_moves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert spool_root("spool") == tmp_path / "spool"


def test_who_has_no_home_has_no_place_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("TRACELOG_SPOOL", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", fail)
    assert spool_root() == Path("/nonexistent/tracelog/spool")
