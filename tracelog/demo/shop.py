"""Run the shop: start its processes, drive checkouts through it, let it finish what is under way, end it.

Processes that still run when anything goes wrong, Ctrl-C included, are killed and collected. Those of a shop
that was killed itself end on their own (see `process`).
"""

from __future__ import annotations

from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from threading import Timer
from time import monotonic, perf_counter_ns
from typing import TYPE_CHECKING, NamedTuple

from tracelog.demo.children import Child
from tracelog.errors import MissingExtraError
from tracelog.read.latency import nearest_rank
from tracelog.store import open_store, resolve_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

WORKER = "fulfilment-worker"
MODULES = {
    "api-gateway": "gateway",
    "auth-service": "auth",
    "orders-service": "orders",
    "inventory-service": "inventory",
    "external-wms": "warehouse",
    "cache": "cache",
    WORKER: "worker",
}
_LIBRARIES = (
    "starlette",
    "uvicorn",
    "httpx",
    "opentelemetry.sdk",
    "opentelemetry.instrumentation.starlette",
    "opentelemetry.instrumentation.httpx",
    "opentelemetry.instrumentation.sqlite3",
)
_START_S = 30.0
_END_S = 15.0


class ShopResult(NamedTuple):
    """What the shop did. Durations: ns, as the client saw them; `elapsed` covers start and end too."""

    slow_order_id: str
    slow_customer: str
    checkouts: int
    failures: int
    p50: int
    p99: int
    elapsed: int


def run_shop(store_url: str, checkouts: int = 300, on_progress: Callable[[int], None] | None = None) -> ShopResult:
    """Run the whole shop once; its spans and logs are in the store when this returns.

    `on_progress` is called with how many checkouts are done. Raise MissingExtraError without the demo's
    libraries, StoreError for a store that does not answer, TracelogError where a service ends early.
    """
    started = perf_counter_ns()
    url = resolve_url(store_url)
    _need_libraries()
    from tracelog.demo.checkouts import run_checkouts

    with open_store(url) as store:
        store.write([])  # a store that cannot be written to, or reached, shows now and not at the end
        store.refresh()
        with Shop(url) as shop:
            done = run_checkouts(shop.addresses["api-gateway"], checkouts, on_progress)
            shop.finish()
        store.refresh()
    return ShopResult(
        slow_order_id=done.slow_order_id,
        slow_customer=done.slow_customer,
        checkouts=len(done.durations),
        failures=done.failures,
        p50=nearest_rank(done.durations, 50),
        p99=nearest_rank(done.durations, 99),
        elapsed=perf_counter_ns() - started,
    )


class Shop:
    """The processes of the shop, running within `with`. `addresses`: URL by service."""

    def __init__(self, store_url: str) -> None:
        self._store_url = store_url
        self._resources = ExitStack()
        self._children: dict[str, Child] = {}
        self.addresses: dict[str, str] = {}

    def __enter__(self) -> Shop:  # noqa: PYI034 - Self is not in the typing module of Python 3.10
        with self._resources:  # closed here if the start fails, else kept for __exit__
            self._start()
            self._resources = self._resources.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._resources.close()

    @property
    def processes(self) -> list[int]:
        """The ids of the processes."""
        return [child.process_id for child in self._children.values()]

    def finish(self) -> None:
        """End each process when its work is done and stored; the worker last, for it drains the queue."""
        self._end([child for name, child in self._children.items() if name != WORKER])
        self._end([self._children[WORKER]])

    def _start(self) -> None:
        """Start all at once; each says where it listens, then all are told."""
        directory = self._resources.enter_context(TemporaryDirectory(prefix="tracelog-demo-"))
        database = _create_database(Path(directory))
        for service, module in MODULES.items():
            errors = self._resources.enter_context(TemporaryFile())  # noqa: SIM115 - closed by the stack
            child = Child(service, module, self._store_url, errors)
            self._resources.callback(child.kill)
            self._children[service] = child
        ports = self._ports()
        self.addresses = {name: f"http://127.0.0.1:{port}" for name, port in ports.items() if port}
        for child in self._children.values():
            child.tell({**self.addresses, "database": database})

    def _ports(self) -> dict[str, int]:
        """Hear every process; one that says nothing in time is killed, which reads as a failed start."""
        timer = Timer(_START_S, self._kill)
        timer.daemon = True
        timer.start()
        try:
            return {name: child.port() for name, child in self._children.items()}
        finally:
            timer.cancel()

    def _kill(self) -> None:
        for child in self._children.values():
            child.kill()

    def _end(self, children: Iterable[Child]) -> None:
        children = list(children)
        for child in children:
            child.let_end()
        deadline = monotonic() + _END_S
        for child in children:
            child.wait(deadline)


def _create_database(directory: Path) -> str:
    from tracelog.demo.database import Database

    path = str(directory / "shop.db")
    database = Database(path)
    database.create()
    database.close()
    return path


def _need_libraries() -> None:
    try:
        there = all(find_spec(library) for library in _LIBRARIES)
    except (ModuleNotFoundError, ValueError):  # no parent package, or an import that was blocked
        there = False
    if not there:
        raise MissingExtraError("tracelog demo", "demo")
