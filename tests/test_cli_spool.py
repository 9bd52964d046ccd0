"""`tracelog spool`: what waits, who left it, what was refused; and sending it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import tracelog
from tracelog.cli import run
from tracelog.schema.otel import Destination, Document
from tracelog.ship.folder import DestinationFolder, spool_root
from tracelog.ship.refused import set_aside
from tracelog.store.base import Refusal

LEAVE = """
import logging, os, sys, tracelog
logger = logging.getLogger("shop")
logger.addHandler(tracelog.StoreHandler(sys.argv[1], service="shop"))
for number in range(3):
    logger.warning("order %d", number)
os._exit(0)
"""


def leave(url: str) -> int:
    """Run a process that logs and is gone before anything is sent; return its pid."""
    package = str(Path(tracelog.__file__).parents[1])
    process = subprocess.Popen(
        [sys.executable, "-c", LEAVE, url],
        env={**os.environ, "PYTHONPATH": package},
        stderr=subprocess.DEVNULL,
    )
    assert process.wait(60) == 0
    return process.pid


def own_folder(url: str) -> DestinationFolder:
    root = spool_root()
    assert root is not None
    return DestinationFolder.of(root, url, Destination())


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A store in a folder that is not there yet."""
    return f"sqlite:{tmp_path}/later/tracelog.db"


def test_where_nothing_waits_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["spool"]) == 1
    assert capsys.readouterr() == ("", f"nothing waits in {spool_root()}\n")
    assert run(["spool", "send"]) == 1
    assert capsys.readouterr() == ("", "no process has left anything\n")


def test_what_a_process_left_is_named_with_who_left_it_and_since_when(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pid = leave(url)
    assert run(["spool", "--json"]) == 0
    (row,) = map(json.loads, capsys.readouterr().out.splitlines())
    oldest, size = row.pop("oldest"), row.pop("bytes")
    assert row == {
        "url": url,
        "dataset": "tracelog",
        "namespace": "default",
        "pid": pid,
        "service": "shop",
        "state": "left",
        "documents": 3,
        "damaged": 0,
    }
    assert run(["spool"]) == 0
    said = f"3 documents wait since {oldest} for {url} (shop, pid {pid}, left, {size / 2**20:.1f} MiB)\n"
    assert capsys.readouterr().out == said


def test_what_was_left_is_sent_to_its_store_once_that_is_there(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    leave(url)
    assert run(["spool", "send"]) == 2
    said = f"tracelog: {url}: there is no folder {tmp_path}/later (3 documents still wait)\n"
    assert capsys.readouterr() == ("", said)
    (tmp_path / "later").mkdir()
    assert run(["spool", "send"]) == 0
    assert capsys.readouterr().out == f"{url}: 3 documents stored\n"
    assert run(["spool", "send"]) == 1
    with tracelog.open_store(url) as store:
        assert [line.message for line in store.logs()] == ["order 0", "order 1", "order 2"]


def test_what_one_store_does_not_take_keeps_nothing_from_the_others_and_is_said_at_the_end(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    healthy = [f"sqlite:{tmp_path}/{name}.db" for name in ("a", "b", "c")]
    for target in (url, *healthy):
        leave(target)
    assert run(["spool", "send"]) == 2
    printed = capsys.readouterr()
    assert sorted(printed.out.splitlines()) == [f"{target}: 3 documents stored" for target in healthy]
    assert printed.err == f"tracelog: {url}: there is no folder {tmp_path}/later (3 documents still wait)\n"
    assert run(["spool", "--json"]) == 0
    (row,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (row["url"], row["documents"]) == (url, 3)


def test_what_was_left_can_be_sent_to_another_store(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    leave(url)
    other = f"sqlite:{tmp_path}/other.db"
    assert run(["spool", "send", "--store", other]) == 0
    assert capsys.readouterr().out == f"{other}: 3 documents stored\n"
    with tracelog.open_store(other) as store:
        assert len(list(store.logs())) == 3


def test_spools_elsewhere_are_found_by_their_folder(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TRACELOG_SPOOL", str(tmp_path / "elsewhere"))
    leave(url)
    monkeypatch.delenv("TRACELOG_SPOOL")
    assert run(["spool", "--spool", str(tmp_path / "elsewhere"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["documents"] == 3
    other = f"sqlite:{tmp_path}/other.db"
    assert run(["spool", "send", "--spool", str(tmp_path / "elsewhere"), "--store", other]) == 0


def test_what_runs_is_named_and_left_alone(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder = own_folder(url)
    process = folder.claim("0" * 16)
    from tracelog.ship.spool import Spool

    spool = Spool(folder)
    spool.append(b"{}")
    try:
        assert run(["spool", "--json"]) == 0
        row = json.loads(capsys.readouterr().out)
        assert (row["documents"], row["state"], row["oldest"]) == (1, "running", None)
        assert run(["spool", "send"]) == 1
    finally:
        process.remove()
        spool.close()


def test_what_was_refused_is_named_with_the_reason(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder = own_folder(url)
    folder.claim("0" * 16).remove()
    set_aside(folder.path, [Refusal(Document("d1", "logs", b'{"a": 1}'), "mapper_parsing: \x1b[31mbad field")])
    assert run(["spool"]) == 0
    file = folder.path / "refused.jsonl"
    assert capsys.readouterr().out == (
        f"1 documents were refused by {url}, the last for mapper_parsing: \\x1b[31mbad field ({file})\n"
    )


@pytest.mark.parametrize("command", [["spool"], ["spool", "send"]])
def test_a_folder_that_was_named_and_is_none_is_said_to_be_none(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    for name, reason in (("absent", "No such file or directory"), ("file", "Not a directory")):
        assert run([*command, "--spool", f"{tmp_path}/{name}"]) == 2
        assert capsys.readouterr() == ("", f"tracelog: {tmp_path}/{name}: {reason}\n")


def test_a_folder_that_cannot_be_read_is_not_said_to_be_empty(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", refuse)
    assert run(["spool"]) == 2
    assert capsys.readouterr() == ("", f"tracelog: {spool_root()}: Permission denied\n")
