"""`tracelog ui` under load: fifty clients for a minute on a million documents. `-s` shows how long answers took."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator

import httpx
import pytest
from documents import MS, make_line, make_span, trace_id

from tracelog.schema import otel
from tracelog.store import open_store

pytestmark = [pytest.mark.soak, pytest.mark.timeout(600)]
TRACES, PARTS = 50_000, 10
"""Traces of so many spans and as many lines, a trace every millisecond."""
CLIENTS, SECONDS = 50, 60


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    url = f"sqlite:{tmp_path_factory.mktemp('load')}/million.db"
    chance = random.Random(1)
    with open_store(url) as opened:
        for first in range(1, TRACES, 500):
            opened.write([document for n in range(first, first + 500) for document in documents(n, chance)])
    return url


def documents(trace: int, chance: random.Random) -> Iterator[otel.Document]:
    for n in range(1, PARTS + 1):
        place = {"trace": trace, "at": trace * MS + n * 1000}
        yield otel.encode_span(
            make_span(
                n, parent=n // 2 or None, ms=round(chance.lognormvariate(3, 1)) + 1, name=f"operation {n}",
                kind="SERVER" if n == 1 else "CLIENT", service=f"service {n % 7}", **place,
            )
        )  # fmt: skip
        attributes = {"order.id": f"A-{trace}", "items": n}
        yield otel.encode_log(make_line(trace * PARTS + n, f"step {n} done", span=n, attributes=attributes, **place))


@pytest.fixture
def address(store: str) -> Iterator[str]:
    command = [sys.executable, "-m", "tracelog", "ui", "--port", "0", "--store", store]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.terminate()


def asked(chance: random.Random) -> tuple[str, str]:
    """Return what an engineer may ask for: mostly a trace, else any id or value, else a second of traffic."""
    kind, number = chance.random(), chance.randrange(1, TRACES)
    if kind < 0.5:
        return "trace", f"trace/{trace_id(number)}"
    if kind < 0.7:
        return "find", f"find?q=A-{number}"
    second = number // 1000
    window = f"?since=2026-04-19T14:23:{second:02d}&until=2026-04-19T14:23:{second + 1:02d}"
    return "search", f"{window}&service=service+1&operation=operation+1" if kind < 0.8 else window


def test_fifty_clients_get_no_error_in_a_minute_on_a_million_documents(address: str) -> None:
    took: dict[str, list[float]] = defaultdict(list)
    failed: list[str] = []
    end = time.monotonic() + SECONDS

    def ask(number: int) -> None:
        chance = random.Random(number)
        with httpx.Client(base_url=address, timeout=120, follow_redirects=True) as client:
            while time.monotonic() < end:
                kind, path = asked(chance)
                begin = time.perf_counter()
                answer = client.get(path)
                took[kind].append(time.perf_counter() - begin)
                if answer.status_code != 200:
                    failed.append(f"{path}: {answer.status_code}")

    clients = [threading.Thread(target=ask, args=(number,)) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    for kind, seconds in sorted(took.items()):
        seconds.sort()
        p50, p99 = (seconds[len(seconds) * percent // 100] for percent in (50, 99))
        print(f"{kind:8}{len(seconds):6} answers, p50 {p50:.2f} s, p99 {p99:.2f} s")  # noqa: T201 - what -s is for
    assert failed == []
    assert set(took) == {"trace", "find", "search"}
