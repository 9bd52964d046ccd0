"""Rows 17 and 22 of the fault table: disks that are full, slow or closed, a quota that is reached, and unsafe folders.

Each is seen from the log call to the reader: what the disk does not take is kept in memory, what even that does not
take is counted and shown to readers, and all of it mends by itself. What the spool does with each is in `tests/ship`.
"""

from __future__ import annotations

import errno
import os
import resource
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tracelog.ship import gaps, private
from tracelog.ship import spool as spool_module
from tracelog.ship.refused import refused_file
from tracelog.ship.segment_files import SUFFIX

from .bulk_items import FailItems
from .oracle import Verdict
from .proxy import FaultProxy
from .shipping import Shipping, verdicts

pytestmark = [pytest.mark.slow, pytest.mark.elasticsearch]

LINES = 1500
"""More than fit into the first segment."""


@contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    """Have the kernel refuse to make files larger than so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def disk_that_says(code: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have no file get its blocks."""

    def fail(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as broken:
        broken.setattr(os, "posix_fallocate", fail)
        yield


def segments() -> list[Path]:
    return [path for path in Path(os.environ["TRACELOG_SPOOL"]).rglob(f"*{SUFFIX}") if has_room(path)]


def has_room(path: Path) -> bool:
    """Say whether a segment has got its blocks; the keeper may be about to try, and to fail."""
    try:
        return path.stat().st_size > 0
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, None], ids=str)
def test_row_17_what_the_disk_does_not_take_is_kept_in_memory_until_it_does(
    code: int | None,
    shipping: Shipping,
    proxy: FaultProxy,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    broken = no_file_larger_than(100_000) if code is None else disk_that_says(code, monkeypatch)
    with proxy.refusing():
        with broken:
            shipping.log(LINES)
            assert not shipping.sender.flush(durable=True)
            assert shipping.stats.in_spool == LINES
        shipping.log(LINES)
        assert segments() != []
    stats = shipping.assert_stored_once()
    assert (stats.stored, stats.lost) == (2 * LINES, 0)
    with proxy.refusing():
        shipping.log(1)
        assert shipping.sender.flush(durable=True)
    shipping.assert_stored_once()
    assert "; what is logged is kept in memory\n" in capsys.readouterr().err


def gaps_in(shipping: Shipping) -> int:
    """Return how many lines a reader is told to be missing."""
    found = (line for line in shipping.read() if line.event_name == gaps.EVENT)
    return sum(line.attributes[gaps.LOST] for line in found)


def log_more_than_fits(shipping: Shipping) -> None:
    """Log 5 MB, a hundredth of it as warnings."""
    for _ in range(100):
        shipping.log(99)
        shipping.logger.warning("line w %d", shipping.logged)


def assert_that_gaps_are_told(shipping: Shipping, capsys: pytest.CaptureFixture[str]) -> None:
    """Wait until all that is left is stored, and see that what was lost is counted, shown and said."""
    stats = shipping.settle()
    while stats.emitted < shipping.settle().emitted:  # records of what was lost are emitted too
        stats = shipping.settle()
    assert stats.lost == stats.lost_quota > 0
    raw, read = verdicts(shipping.node, shipping.namespace, {"a": range(shipping.logged)})
    assert len(raw.lost) == stats.lost_quota
    assert raw == read == Verdict(lost=raw.lost)
    assert gaps_in(shipping) == stats.lost_quota
    warnings = [line for line in shipping.read() if line.message.startswith("line w ")]
    assert len(warnings) == 100
    assert " are lost so far: the spool was full\n" in capsys.readouterr().err


def test_row_17_where_disk_and_memory_are_full_the_oldest_is_given_up_counted_and_shown(
    shipping: Shipping, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(spool_module, "LARGEST", spool_module.FIRST)
    shipping.sender.pipeline.spool._room._memory = 2_000_000
    with proxy.refusing(), disk_that_says(errno.ENOSPC, monkeypatch):
        log_more_than_fits(shipping)
        assert 0 < shipping.stats.lost_quota < shipping.stats.emitted
    assert_that_gaps_are_told(shipping, capsys)


def test_row_17_where_the_quota_is_reached_the_oldest_is_given_up_counted_and_shown(
    shipping: Shipping, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(spool_module, "LARGEST", spool_module.FIRST)
    spool = shipping.sender.pipeline.spool
    spool._room._quota, spool._room._memory = 2_000_000, 2_000_000
    with proxy.refusing():
        log_more_than_fits(shipping)
        assert 0 < shipping.stats.lost_quota < shipping.stats.emitted
        assert sum(path.stat().st_size for path in segments()) <= 2_000_000
    assert_that_gaps_are_told(shipping, capsys)


def test_row_17_no_call_waits_for_a_disk_that_is_slow(
    shipping: Shipping, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_waited_for, is_mended = threading.Event(), threading.Event()

    def wait(_descriptor: int) -> None:
        is_waited_for.set()
        is_mended.wait(60)

    monkeypatch.setattr(os, "fsync", wait)
    with proxy.refusing():
        shipping.log(10)
        assert is_waited_for.wait(60)
        shipping.log(LINES)
    assert shipping.assert_stored_once().stored == 10 + LINES
    assert not is_mended.is_set()
    is_mended.set()


def test_row_17_a_folder_that_cannot_be_made_is_made_when_it_can(
    proxy: FaultProxy, elasticsearch_url: str, namespace: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    in_the_way = tmp_path / "state"
    in_the_way.write_text("no folder")
    spool = in_the_way / "spool"
    shipping = Shipping(proxy.url, namespace, node=elasticsearch_url, spool=spool)
    with proxy.refusing():
        shipping.log(LINES)
        assert (shipping.stats.in_spool, shipping.stats.lost) == (LINES, 0)
        in_the_way.unlink()
        shipping.log(LINES)
        assert list(spool.rglob("*.seg"))
    assert shipping.assert_stored_once().stored == 2 * LINES
    assert "; what is logged is kept in memory\n" in capsys.readouterr().err


@pytest.fixture
def _no_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("_no_umask")
def test_row_22_spools_and_refused_documents_are_their_owners_alone_whatever_the_umask(
    proxy: FaultProxy, elasticsearch_url: str, namespace: str, tmp_path: Path
) -> None:
    root = tmp_path / "state" / "spool"
    shipping = Shipping(proxy.url, namespace, node=elasticsearch_url, spool=root)
    proxy.fault = FailItems(status=400, containing=b"never taken")
    shipping.logger.info("never taken")
    assert shipping.settle().refused == 1
    with proxy.refusing():
        shipping.log(LINES)
        paths = [root.parent, root, *root.rglob("*")]
        modes = {path.suffix or path.name: stat.S_IMODE(path.stat().st_mode) for path in paths if path.is_file()}
        assert modes == dict.fromkeys((".jsonl", ".json", ".seg", "lock"), 0o600)
        assert {stat.S_IMODE(path.stat().st_mode) for path in paths if path.is_dir()} == {0o700}
    shipping.assert_stored_once()
    folder = shipping.sender.pipeline.spool.folder
    assert folder is not None
    assert refused_file(folder.path) in paths


@pytest.mark.parametrize("case", ["link", "owner"])
def test_row_22_a_folder_that_may_be_anothers_is_left_alone_and_the_lines_are_kept_in_memory(
    case: str,
    shipping: Shipping,
    proxy: FaultProxy,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    root = Path(os.environ["TRACELOG_SPOOL"])
    if case == "link":
        theirs = root.rename(root.with_name("theirs"))
        root.symlink_to(theirs)
    else:
        theirs = root
        monkeypatch.setattr(private, "user", lambda: os.geteuid() + 1)
    with proxy.refusing():
        shipping.log(LINES)
        assert not shipping.sender.flush(durable=True)
        assert (shipping.stats.in_spool, shipping.stats.lost) == (LINES, 0)
    shipping.assert_stored_once()
    assert list(theirs.iterdir()) == []
    assert f"tracelog: {root} " in capsys.readouterr().err
