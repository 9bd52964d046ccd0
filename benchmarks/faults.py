"""What is lost and doubled, beside the peers: `pip install -e '.[bench]'`, then run this.

killed           the process is killed with SIGKILL when half of its lines are logged
exit             the process ends by `os._exit` right after its last call
store away       connections are refused while the lines are logged, and accepted again after ten seconds
node killed      the node is killed with SIGKILL while it works on the third bulk, and started again with its data
replies dropped  the node has done what a bulk says, but the connection ends without an answer: three of the first six
document refused one document of 500 that the mapping does not take: a word where the others have a number

Everybody logs at a pace that all of them can keep up with where nothing happens, about 5,000 lines a second. After the
first two a second process with the same configuration runs: it logs one line and ends in good order. In the others the
process lives on until all is sent that it will send. Emitted are the lines whose call has returned; the node is asked,
by their numbers, for those that it has not, and has more than once. The longest call is that of one run, with whatever
else the machine did. python-logstash-async writes to a TCP socket, which has no answers and no mapping; it gets a
twentieth of the lines in the same time, and instead of the node its socket is away for ten seconds.
"""

from __future__ import annotations

import argparse
import json
import logging
import mmap
import os
import struct
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "tests"))

from faults.exchange import Exchange, Fault  # noqa: E402 - found only now
from faults.proxy import FaultProxy, Script  # noqa: E402
from faults.replies import DropReply  # noqa: E402
from nodes import Node  # noqa: E402

from benchmarks.contenders import (  # noqa: E402
    LONGEST,
    Contender,
    Place,
    active_span,
    contender,
    installed,
    log_line,
    make_logger,
)
from benchmarks.targets import Job, Sink, Stored, answer, await_true, running_node  # noqa: E402

LINES, FEW = 10_000, 500
_RATE, _AT_ONCE = 5_000, 10
_AWAY_SECONDS = 10.0
_PROGRESS = struct.Struct("<QQ")


class Row(NamedTuple):
    """What became of the lines of one contender. `longest`: of its calls, ms."""

    emitted: int
    lost: int
    doubled: int
    longest: float


class Progress:
    """How many calls of a process have returned, and how long the longest took, ns, kept where no kill reaches it."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(bytes(_PROGRESS.size))
        with path.open("r+b") as file:
            self._shared = mmap.mmap(file.fileno(), _PROGRESS.size)

    def write(self, returned: int, longest: int) -> None:
        """Note it; this makes no system call."""
        _PROGRESS.pack_into(self._shared, 0, returned, longest)

    def read(self) -> tuple[int, int]:
        """Return both."""
        returned, longest = _PROGRESS.unpack_from(self._shared)
        return returned, longest


# In a process of its own.


def emit(*, name: str, url: str, stream: str, folder: str, lines: int, bad: int, leave: bool) -> None:
    """Say when all is set up, log lines, say so, and send what there is. `bad`: the line whose document is refused.

    `leave`: by `os._exit`, right after the last call.
    """
    one = contender(name)
    shipping = one.start(Place(url, stream, folder))
    logger = make_logger(shipping.handler)
    with active_span():
        logger.info("here")
        shipping.finish()
        answer("ready")
        sys.stdin.readline()
        log_lines(logger, lines, bad, _AT_ONCE / _RATE / one.share, Progress(Path(folder) / "progress"))
        if leave:
            os._exit(0)
        answer("emitted")
        sys.stdin.readline()
        shipping.finish()
        answer("sent")


def log_lines(logger: logging.Logger, lines: int, bad: int, pause: float, progress: Progress) -> None:
    """Log lines, with a pause after every few, and note each call that has returned."""
    longest = 0
    for number in range(lines):
        begin = time.perf_counter_ns()
        log_line(logger, number, "three" if number == bad else 3)
        longest = max(longest, time.perf_counter_ns() - begin)
        progress.write(number + 1, longest)
        if number % _AT_ONCE == 0:
            time.sleep(pause)


# In the process that was started.


class Target(NamedTuple):
    """What a contender ships to, and the harm that may befall it."""

    url: str
    stored: Callable[[str], Counter[int]]
    refusing: Callable[[], AbstractContextManager[None]]
    proxy: FaultProxy | None = None
    node: Node | None = None


class Run:
    """One contender at one target, in a process that is ready to emit."""

    def __init__(
        self, one: Contender, target: Target, folder: Path, lines: int, *, bad: int = -1, leave: bool = False
    ) -> None:
        self.target = target
        self.lines = max(int(lines * one.share), 1)
        self._name = uuid.uuid4().hex
        self._stream = one.stream.format(self._name) if one.stream else ""
        self._folder = folder / self._name
        self._given = {"name": one.name, "url": target.url, "stream": self._name, "folder": str(self._folder)}
        self.job = self._start(self.lines, bad=bad, leave=leave)
        self._progress = Progress(self._folder / "progress")

    def _start(self, lines: int, *, bad: int = -1, leave: bool = False) -> Job:
        job = Job(__file__, self._folder, **self._given, lines=lines, bad=bad, leave=leave)
        job.answer()
        return job

    def emit(self) -> None:
        """Have all lines emitted."""
        self.job.tell()
        self.job.answer()

    def await_returned(self, calls: int) -> None:
        """Wait until so many calls have returned."""
        if not await_true(lambda: self._progress.read()[0] >= calls, LONGEST):
            raise TimeoutError(f"{self._progress.read()[0]} calls returned in {LONGEST} s, not {calls}")

    def finish(self) -> None:
        """Have all sent that will be sent."""
        self.job.tell()
        self.job.answer()
        self.job.wait()

    def follow(self) -> None:
        """Have a second process come, and go in good order."""
        self.job = self._start(0)
        self.emit()
        self.finish()

    def row(self) -> Row:
        """Say what became of the lines."""
        returned, longest = self._progress.read()
        found = self.target.stored(self._stream)
        lost = sum(1 for number in range(returned) if number not in found)
        return Row(returned, lost, found.total() - len(found), longest / 1e6)


def killed(run: Run) -> None:
    """Kill the process in the middle."""
    run.job.tell()
    run.await_returned(run.lines // 2)
    run.job.process.kill()
    run.job.wait()
    run.follow()


def left(run: Run) -> None:
    """Have the process end by itself, at once."""
    run.job.tell()
    run.job.wait()
    run.follow()


def store_away(run: Run) -> None:
    """Refuse connections from the first line to some time after the last."""
    with run.target.refusing():
        until = time.monotonic() + _AWAY_SECONDS
        run.emit()
        time.sleep(max(until - time.monotonic(), 0.0))
    run.finish()


def node_killed(run: Run) -> None:
    """Kill the node within a bulk, and start it again."""
    proxy, node = run.target.proxy, run.target.node
    if proxy is None or node is None:
        socket_closed(run)
        return
    killing = KillNode(node)
    proxy.fault = Script(None, None, killing)
    run.emit()
    if not killing.done.wait(LONGEST):
        raise TimeoutError(f"there was no third bulk in {LONGEST} s")
    node.start()
    run.finish()


def socket_closed(run: Run) -> None:
    """Close the socket when a quarter of the lines has come, and open it again."""
    run.emit()
    await_true(lambda: len(run.target.stored("")) > run.lines // 4, LONGEST)
    with run.target.refusing():
        time.sleep(_AWAY_SECONDS)
    run.finish()


def replies_dropped(run: Run) -> None:
    """Drop three replies."""
    assert run.target.proxy
    run.target.proxy.fault = Script(None, DropReply(), None, DropReply(), None, DropReply())
    run.emit()
    run.finish()


def document_refused(run: Run) -> None:
    """Do no harm: it is in the lines."""
    run.emit()
    run.finish()


class KillNode(Fault):
    """Forward, and kill the node a moment later. `done`: set when it is dead."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self.done = threading.Event()

    def play(self, exchange: Exchange) -> None:
        killing = threading.Timer(0.005, self._kill)
        killing.start()
        try:
            exchange.send(exchange.forward())
        finally:
            killing.join()

    def _kill(self) -> None:
        self._node.kill()
        self.done.set()


class Scenario(NamedTuple):
    """A way to lose lines. `needs_answers`: it cannot befall who writes to a TCP socket."""

    name: str
    play: Callable[[Run], None]
    needs_answers: bool = False
    needs_node: bool = False
    lines: int = LINES
    bad: int = -1
    leave: bool = False


SCENARIOS = (
    Scenario("process killed", killed),
    Scenario("os._exit after the last call", left, leave=True),
    Scenario("store away for 10 s", store_away),
    Scenario("node killed in a bulk", node_killed, needs_node=True),
    Scenario("three replies dropped", replies_dropped, needs_answers=True),
    Scenario("one document of 500 refused", document_refused, needs_answers=True, lines=FEW, bad=FEW // 2),
)


@contextmanager
def target_of(one: Contender, url: str, node: Node | None) -> Iterator[Target]:
    """Give what a contender ships to: the node behind a proxy, or a TCP server."""
    if one.stream is None:
        with Sink() as sink:
            yield Target(sink.url, lambda _: sink.settled(), sink.refusing)
        return
    stored = Stored(url)
    with FaultProxy(url) as proxy:
        yield Target(proxy.url, stored.lines, proxy.refusing, proxy, node)
    stored.close()


def play(scenario: Scenario, one: Contender, target: Target, folder: Path, lines: int) -> Row:
    """Return what becomes of the lines of a contender."""
    count = min(lines, scenario.lines)
    run = Run(one, target, folder, count, bad=scenario.bad, leave=scenario.leave)
    scenario.play(run)
    return run.row()


def print_all(url: str, node: Node | None, folder: Path, lines: int) -> None:
    """Play every scenario with everybody, and print what came of it."""
    contenders = [one for one in installed() if one.name != "nothing"]
    for scenario in SCENARIOS:
        if node is None and scenario.needs_node:
            print(f"\n{scenario.name}: left out, the node is somebody else's")
            continue
        print(f"\n{scenario.name:40}{'emitted':>10}{'lost':>10}{'doubled':>10}{'longest call, ms':>18}")
        for one in contenders:
            if scenario.needs_answers and one.stream is None:
                continue
            with target_of(one, url, node) as target:
                row = play(scenario, one, target, folder, lines)
            print(f"{one.name:40}{row.emitted:10,}{row.lost:10,}{row.doubled:10,}{row.longest:18.1f}", flush=True)


def main() -> None:
    """Play and print; or be one of the processes."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition(":")[0])
    options.add_argument("--rounds", type=int, default=1)
    options.add_argument("--lines", type=int, default=LINES, help="of each contender")
    options.add_argument("--url", help="a node that runs already, which is not killed then")
    options.add_argument("--job", type=json.loads, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.job:
        emit(**given.job)
        return
    with tempfile.TemporaryDirectory() as folder, running_node(given.url, Path(folder)) as (url, node):
        for _ in range(given.rounds):
            print_all(url, node, Path(folder), given.lines)


if __name__ == "__main__":
    main()
