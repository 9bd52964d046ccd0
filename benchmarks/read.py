"""What it costs to read traces, beside the peers: `pip install -e '.[bench]'`, then run this.

large     20,000 spans and 100,000 lines of one trace from Elasticsearch, built into a tree, beside `helpers.scan`,
          which builds none
small     a trace of 20 spans and 20 lines from Elasticsearch, beside the bare `_msearch` that it takes
tree      100,000 spans built into a tree, beside what orjson takes to parse their documents; a million; 10,000 spans
          built and printed, beside eliot-tree
embedded  a million documents into SQLite, a thousand at once, with every index that is asked; then traces by id; DuckDB
          with one index beside it
start     `tracelog show` of a small trace as a process, less the bare interpreter or a bare `import elasticsearch`
incidents every recording of `shared/incidents` in one SQLite file, where they are there: each command as a process
services  the same recordings in one node: `tracelog ops` and `deps` as processes

Everything is measured in processes of its own, those from Elasticsearch against one real node on the same machine;
contenders take turns. Printed are medians. Nothing fails because of a figure: the ratios are printed at the end, beside
what was wanted.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from math import ceil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "tests"))

from benchmarks.reading import JOBS, Figures, fill  # noqa: E402 - those of this folder
from benchmarks.targets import Job, running_node  # noqa: E402
from tracelog.store import open_store  # noqa: E402

ROUNDS = 5
INCIDENTS = Path(os.environ.get("TRACELOG_INCIDENTS") or ROOT.parent / "shared" / "incidents")
PARTS = ("large", "small", "tree", "embedded", "start", "incidents", "services")
Printed = list[str]


class Bench:
    """Runs jobs and commands, and keeps the ratios for the end."""

    def __init__(self, folder: Path, rounds: int) -> None:
        self.folder = folder
        self.rounds = rounds
        self.ratios: Printed = []

    def job(self, work: str, answers: int = 1, **given: object) -> Figures:
        """Have a job done, and return its figures."""
        job = Job(str(Path(__file__)), self.folder / work, work=work, **given)
        figures: Figures = {}
        for _ in range(answers):
            figures.update(job.answer())
        job.wait()
        return figures

    def processes(self, commands: dict[str, Sequence[str]], rounds: int) -> Figures:
        """Run commands in turns, each in a process of its own, and return what they took."""
        took: Figures = defaultdict(list)
        for _ in range(rounds):
            for name, command in commands.items():
                used, begin = cpu_of_children(), time.perf_counter()
                subprocess.run(command, check=False, capture_output=True, cwd=self.folder)
                took[name].append(time.perf_counter() - begin)
                took[f"{name}, CPU"].append(cpu_of_children() - used)
        return took

    def wanted(self, what: str, found: float, wanted: str) -> None:
        """Note a ratio or a figure, beside what was wanted."""
        self.ratios.append(f"{what}: {found:.2f} (wanted: {wanted})")


def cpu_of_children() -> float:
    """Return the CPU seconds of all processes that were started and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def middle(figures: Figures, name: str) -> float:
    """Return the median of a figure."""
    return statistics.median(figures[name])


def percentile(values: list[float], share: float) -> float:
    """Return a percentile by nearest rank."""
    return sorted(values)[ceil(share * len(values)) - 1]


def print_rows(title: str, figures: Figures, unit: float = 1000, digits: int = 0) -> None:
    """Print medians by the clock and of the CPU, in ms or, with a `unit` of 1, in s."""
    print(f"\n{title + (', ms' if unit == 1000 else ', s'):48}{'median':>10}{'CPU':>10}")
    for name in figures:
        if f"{name}, CPU" in figures:
            wall, used = (middle(figures, key) * unit for key in (name, f"{name}, CPU"))
            print(f"{name:48}{wall:10.{digits}f}{used:10.{digits}f}")


def large(bench: Bench, url: str) -> None:
    """Measure a large trace from Elasticsearch."""
    figures = bench.job("large", url=url, namespace=uuid.uuid4().hex, spans=20_000, logs=100_000, rounds=bench.rounds)
    print_rows("120,000 documents of one trace", figures)
    ratio = middle(figures, "store.trace") / middle(figures, "helpers.scan, 1,000 a page")
    bench.wanted("120,000 documents into a tree / helpers.scan without one", ratio, "0.6 at most")


def small(bench: Bench, url: str) -> None:
    """Measure a small trace from Elasticsearch."""
    figures = bench.job("small", url=url, namespace=uuid.uuid4().hex, rounds=100 * bench.rounds)
    print_rows("20 spans and 20 lines", figures, digits=2)
    ratio = middle(figures, "store.trace") / middle(figures, "_msearch")
    bench.wanted("20 + 20 documents into a tree / _msearch", ratio, "1.1 at most")


def tree(bench: Bench) -> None:
    """Measure what is built and printed of spans that are there already."""
    figures = bench.job("build", spans=100_000, rounds=bench.rounds)
    print_rows("100,000 spans", figures)
    ratio = middle(figures, "build_trace, CPU") / middle(figures, "orjson.loads, CPU")
    bench.wanted("build_trace / orjson.loads, 100,000 spans", ratio, "3 at most")
    many = bench.job("million", spans=1_000_000, rounds=3)
    print_rows("1,000,000 spans", many, unit=1, digits=1)
    print(f"{'memory for the tree, MiB':48}{many['memory'][0]:10.0f}")
    growth = middle(many, "build_trace, CPU") / middle(figures, "build_trace, CPU")
    bench.wanted("build_trace of 1,000,000 spans / of 100,000", growth, "about 10")
    if find_spec("eliottree") is None:
        print("\neliot-tree is not installed: left out")
        return
    peers = bench.job("eliot", actions=10_000)
    print_rows("10,000 actions built and printed", peers)
    ratio = middle(peers, "tracelog, CPU") / middle(peers, "eliot-tree, CPU")
    bench.wanted("10,000 spans built and printed / eliot-tree", ratio, "below 1")


def embedded(bench: Bench, count: int) -> None:
    """Measure the embedded store, and DuckDB beside it."""
    contenders = {"SQLite, every index": "embedded", "DuckDB, one index": "duck"}
    columns = ("docs/s", "by CPU", "p50 ms", "p99 ms", "p99, CPU")
    print(f"\n{f'{count:,} documents':40}{''.join(f'{column:>10}' for column in columns)}")
    for name, work in contenders.items():
        if work == "duck" and find_spec("duckdb") is None:
            print("DuckDB is not installed: left out")
            continue
        path = str(bench.folder / f"{work}.db")
        figures = bench.job(work, answers=2, path=path, count=count, asked=5000)
        rates = [count / figures[key][0] for key in ("stored", "stored, CPU")]
        shares = (("read", 0.5), ("read", 0.99), ("read, CPU", 0.99))
        times = [percentile(figures[key], share) * 1000 for key, share in shares]
        print(f"{name:40}{''.join(f'{rate:10,.0f}' for rate in rates)}{''.join(f'{time:10.2f}' for time in times)}")
        if work == "embedded":
            bench.wanted("thousands of documents a second into SQLite", rates[0] / 1000, "50 at least")
            bench.wanted("thousands of documents into SQLite by a second of CPU", rates[1] / 1000, "50 at least")
            bench.wanted(f"trace by id among {count:,} documents, p99, ms", times[1], "below 1")


def start(bench: Bench, url: str) -> None:
    """Measure `tracelog show` as a process."""
    namespace = uuid.uuid4().hex
    stores = {"SQLite": f"sqlite:{bench.folder}/small.db", "Elasticsearch": url}
    commands: dict[str, Sequence[str]] = {
        "python": [sys.executable, "-c", "pass"],
        "import elasticsearch": [sys.executable, "-c", "import elasticsearch"],
    }
    for name, where in stores.items():
        with open_store(where, **({} if name == "SQLite" else {"namespace": namespace})) as store:
            trace_id = fill(store, namespace, spans=20, logs=20)
        commands[f"tracelog show, {name}"] = show(trace_id, where)
    figures = bench.processes(commands, 4 * bench.rounds)
    print_rows("start", figures)
    for name, bare in (("SQLite", "python"), ("Elasticsearch", "import elasticsearch")):
        for kind in ("", ", CPU"):
            more = middle(figures, f"tracelog show, {name}{kind}") - middle(figures, f"{bare}{kind}")
            bench.wanted(f"tracelog show on {name}, ms more than `{bare}`{kind}", more * 1000, "250 at most")


def show(trace_id: str, store: str) -> list[str]:
    """Return the command that shows a trace."""
    return [sys.executable, "-m", "tracelog", "show", trace_id, "--store", store]


def incidents(bench: Bench) -> None:
    """Measure what commands take on all recordings in one store."""
    store = ["--store", f"sqlite:{bench.folder}/incidents.db"]
    if not import_recordings(bench, store):
        return
    command = [sys.executable, "-m", "tracelog"]
    rows = subprocess.run([*command, "slow", "--json", *store], check=True, capture_output=True).stdout
    slowest = json.loads(rows.splitlines()[0])["trace_id"]
    asked = {
        "slow": ["slow"],
        "slow --errors": ["slow", "--errors"],
        "ops": ["ops"],
        "ops --by 5m": ["ops", "--by", "5m"],
        "deps": ["deps"],
        "logs --level error": ["logs", "--level", "error"],
        "logs --text 'not there'": ["logs", "--text", "not there"],
        "logs, of the slowest trace": ["logs", slowest],
        "show, of the slowest trace": ["show", slowest],
        "show shanghai, which 2,500 traces say": ["show", "shanghai"],
        "show nothing-holds-this": ["show", "nothing-holds-this"],
    }
    figures = bench.processes({name: [*command, *each, *store] for name, each in asked.items()}, bench.rounds)
    print_rows("commands on all of them", figures)
    for kind in ("", ", CPU"):
        longest = max(middle(figures, f"{name}{kind}") for name in asked if name != "deps")
        bench.wanted(f"the slowest command but deps on all incidents, s{kind}", longest, "below 1")
        bench.wanted(f"deps on all incidents, s{kind}", middle(figures, f"deps{kind}"), "below 2")


def services(bench: Bench, url: str) -> None:
    """Measure what `ops` and `deps` take on all recordings in a node."""
    store = ["--store", url]
    os.environ["TRACELOG_NAMESPACE"] = uuid.uuid4().hex
    try:
        if not import_recordings(bench, store):
            return
        command = [sys.executable, "-m", "tracelog"]
        asked = {"ops": ["ops"], "ops --by 5m": ["ops", "--by", "5m"], "deps": ["deps"]}
        figures = bench.processes({name: [*command, *each, *store] for name, each in asked.items()}, bench.rounds)
    finally:
        del os.environ["TRACELOG_NAMESPACE"]
    print_rows("commands on all of them in a node", figures)
    for name in ("ops", "deps"):
        bench.wanted(f"{name} on all incidents in a node, s", middle(figures, name), "below 2")


def import_recordings(bench: Bench, store: list[str]) -> bool:
    """Import all recordings, and say whether there are any."""
    files = sorted(map(str, INCIDENTS.glob("*.jsonl.gz")))
    if not files:
        print("\nno recordings of incidents: left out")
        return False
    begin = time.perf_counter()
    command = [sys.executable, "-m", "tracelog", "import", *files, *store]
    subprocess.run(command, check=True, capture_output=True, cwd=bench.folder)
    print(f"\n{len(files)} recordings were imported in {time.perf_counter() - begin:.0f} s")
    return True


def main() -> None:
    """Measure and print; or do one job of it."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition(":")[0])
    options.add_argument("--rounds", type=int, default=ROUNDS)
    options.add_argument("--documents", type=int, default=1_000_000, help="in the embedded store")
    options.add_argument("--url", help="a node that runs already")
    options.add_argument("--only", action="append", help=f"a part of it: {', '.join(PARTS)}")
    options.add_argument("--job", type=json.loads, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.job:
        JOBS[given.job.pop("work")](**given.job)
        return
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), given.rounds)
        alone: dict[str, Callable[[], None]] = {
            "tree": lambda: tree(bench),
            "embedded": lambda: embedded(bench, given.documents),
            "incidents": lambda: incidents(bench),
        }
        on_node = {"large": large, "small": small, "start": start, "services": services}
        asked = given.only or [*on_node, *alone]
        for name, measure in alone.items():
            if name in asked:
                measure()
        if any(name in asked for name in on_node):
            with running_node(given.url, bench.folder) as (url, _):
                for part, measured in on_node.items():
                    if part in asked:
                        measured(bench, url)
        print("", *bench.ratios, sep="\n")


if __name__ == "__main__":
    main()
