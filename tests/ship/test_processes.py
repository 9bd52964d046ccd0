"""Real processes: they fork, exit, are told to end, and log to the last moment; no line is lost or there twice."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import tracelog
from tracelog.ship.spools import waiting
from tracelog.store import open_store

pytestmark = pytest.mark.slow

BEGIN = """
import logging, os, signal, sys, threading, time, warnings
warnings.simplefilter("ignore")  # of forks beside threads
import tracelog
handler = tracelog.StoreHandler(sys.argv[1], service="shop")
logger = logging.getLogger("shop")
logger.addHandler(handler)
logger.setLevel("INFO")
"""


def run(url: str, program: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a program that begins with a logger of the store, and wait for it."""
    paths = os.pathsep.join([str(Path(tracelog.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, "-c", BEGIN + program, url],
        env={**os.environ, "PYTHONPATH": paths, **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def run_well(url: str, program: str) -> Counter[object]:
    """Run a program that ends well and silently, and return how often each line is stored."""
    ended = run(url, program)
    assert (ended.returncode, ended.stderr) == (0, "")
    with open_store(url) as store:
        return Counter(entry.body for entry in store.logs())


def once(*lines: str) -> Counter[str]:
    return Counter(lines)


def test_a_process_that_ends_without_a_flush_stores_everything(url: str) -> None:
    found = run_well(url, 'for number in range(700): logger.info("%d", number)')
    assert found == once(*map(str, range(700)))


def test_spans_and_lines_of_a_process_that_ends_without_a_flush_are_stored(url: str) -> None:
    program = """
from opentelemetry import trace
logger.removeHandler(handler)
tracelog.configure(service="shop", store=sys.argv[1], console=False)
with trace.get_tracer("shop").start_as_current_span("checkout"):
    logger.info("placed")
"""
    assert run_well(url, program) == once("placed")
    with open_store(url) as store:
        assert [span.name for span in store.spans()] == ["checkout"]


def test_lines_of_exit_handlers_are_stored_too(url: str) -> None:
    program = 'import atexit; atexit.register(logger.info, "at exit"); logger.info("in time")'
    assert run_well(url, program) == once("in time", "at exit")


def test_a_process_that_ends_with_an_error_stores_what_it_logged(url: str) -> None:
    ended = run(url, 'logger.info("before"); raise SystemExit(3)')
    assert (ended.returncode, ended.stderr) == (3, "")
    with open_store(url) as store:
        assert [entry.body for entry in store.logs()] == ["before"]


def test_a_server_that_turns_sigterm_into_an_exit_stores_everything(url: str) -> None:
    program = """
def leave(*_):
    logger.info("leaving")
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)
for number in range(10**9):
    logger.info("%d", number)
    print(number, flush=True)
    if number == 0:  # not before: what nobody has begun to send is left to the next process
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGTERM)).start()
    time.sleep(0.001)
"""
    ended = run(url, program)
    assert (ended.returncode, ended.stderr) == (0, "")
    returned = len(ended.stdout.split())
    with open_store(url) as store:
        lines = [entry.body for entry in store.logs()]
    assert lines in ([*map(str, range(count)), "leaving"] for count in (returned, returned + 1))


def test_a_forked_child_and_its_parent_store_each_line_once(url: str) -> None:
    program = """
logger.info("before the fork")
child = os.fork()
if child == 0:
    logger.info("child")
    sys.exit(0)
logger.info("parent")
assert os.waitpid(child, 0)[1] == 0
logger.info("parent after the child")
"""
    assert run_well(url, program) == once("before the fork", "child", "parent", "parent after the child")


def test_forks_under_load_neither_hang_nor_lose_nor_double_a_line(url: str) -> None:
    program = """
done, count = threading.Event(), 0
def work():
    global count
    while not done.is_set():
        logger.info("parent %d", count)
        count += 1
        done.wait(0.0005)
thread = threading.Thread(target=work)
thread.start()
children = []
for number in range(12):
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        done.set()
        logger.info("child %d", number)
        sys.exit(0)
    children.append(child)
    if len(children) == 4:
        assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4
        children.clear()
done.set()
thread.join()
logger.info("parent %d", count)
"""
    found = run_well(url, program)
    parents = [line for line in found if str(line).startswith("parent")]
    assert found == once(*[f"parent {n}" for n in range(len(parents))], *[f"child {n}" for n in range(12)])


def test_a_child_that_outlives_its_parent_stores_what_it_logs_after_the_parent_has_gone(url: str) -> None:
    program = """
logger.info("parent")
assert tracelog.flush(20)
(is_ready, ready), (has_ended, end) = os.pipe(), os.pipe()
if os.fork() == 0:
    os.close(end)
    logger.info("child of a parent")
    assert tracelog.flush(20)
    os.write(ready, b".")
    os.read(has_ended, 1)  # returns when the parent has gone, and nobody can write any more
    logger.info("orphan")
    sys.exit(0)
os.read(is_ready, 1)
sys.exit(0)
"""
    assert run_well(url, program) == once("parent", "child of a parent", "orphan")


def test_a_fork_while_the_store_is_being_opened_leaves_the_child_a_store(url: str) -> None:
    program = """
from tracelog.ship import senders
opening, forking = threading.Event(), threading.Event()
open_store = senders.open_store
def open_slowly(*arguments, **options):
    opening.set()
    forking.wait(0.1)  # in the middle of an import, as far as a fork can tell
    return open_store(*arguments, **options)
senders.open_store = open_slowly
assert "tracelog.store.sqlite" not in sys.modules
logger.info("parent")
assert opening.wait(20)
child = os.fork()
if child == 0:
    loaded = "tracelog.store.sqlite" in sys.modules
    logger.info("child, loaded: %s", loaded)
    sys.exit(0)
assert os.waitpid(child, 0)[1] == 0
"""
    assert run_well(url, program) == once("parent", "child, loaded: True")


def test_a_process_that_ends_while_its_store_is_away_says_so_and_the_next_one_sends_for_it(tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path}/later/tracelog.db"
    ended = run(url, 'logger.info("placed")')
    assert ended.returncode == 0
    assert ended.stderr.splitlines()[-1:] == [
        f"tracelog: 1 documents wait on disk for {url} (run: tracelog spool send)"
    ]
    (tmp_path / "later").mkdir()
    assert run_well(url, 'logger.info("paid")') == once("placed", "paid")


def test_a_process_without_a_spool_on_disk_that_ends_while_its_store_is_away_says_what_is_lost(tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path}/nowhere/tracelog.db"
    program = """
from tracelog.ship import senders
senders.shutdown.__defaults__ = (0.2,)
logger.removeHandler(handler)
logger.addHandler(tracelog.StoreHandler(sys.argv[1], spool=False))
logger.info("placed")
"""
    ended = run(url, program)
    assert ended.returncode == 0
    assert ended.stderr.splitlines()[-1:] == [
        f"tracelog: 1 documents could not be sent to {url} before the process ended"
    ]


@pytest.mark.parametrize("late", ["pass", 'logger.info("parent before the fork")'])
def test_children_that_are_forked_after_a_shutdown_and_their_parent_each_keep_each_line_once(
    url: str, late: str
) -> None:
    program = f"""
logger.info("before")
tracelog.shutdown()
{late}
for name in range(3):
    child = os.fork()
    if child == 0:
        for number in range(3):
            logger.info("child %d %d", name, number)
        os._exit(0)
    os.waitpid(child, 0)
logger.info("parent")
logger.info("parent again")
"""
    run(url, program)
    expected = ["before", "parent", "parent again", *[f"child {n} {m}" for n in range(3) for m in range(3)], "next"]
    if late != "pass":
        expected.append("parent before the fork")
    assert run_well(url, 'logger.info("next")') == once(*expected)


def test_what_a_child_leaves_is_known_by_its_own_pid(tmp_path: Path) -> None:
    program = """
child = os.fork()
if child == 0:
    logger.info("child")
    os._exit(0)
os.waitpid(child, 0)
print(child)
"""
    ended = run(f"sqlite:{tmp_path}/nowhere/tracelog.db", program, TRACELOG_SPOOL=f"{tmp_path}/spool")
    assert [left.pid for left in waiting(tmp_path / "spool")] == [int(ended.stdout)]
