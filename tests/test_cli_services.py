"""`tracelog ops` and `deps`: what they print, where, and with which exit code."""

from __future__ import annotations

from pathlib import Path

import pytest
from asking import Ask, Said, stored
from otlp_lines import span, spans_line

SLOW, QUICK = "4bf92f3577b34da6a3ce929d0e0e4736", "a" * 32
ALL = "window: all that is stored\n"
READ = ALL + "7 spans were read\n"
ORDER, DATABASE = {"order.id": "A-1234"}, {"db.system": "sqlite", "db.name": "cards"}
STORED = [
    spans_line("gateway", span(SLOW, 1, None, 540, "POST /checkout", kind=2)),
    spans_line("gateway", span(QUICK, 11, None, 9, "POST /checkout", kind=2, at=60_000)),
    spans_line("gateway", span(SLOW, 2, 1, 500, "POST", kind=3, at=20)),
    spans_line("payments", span(SLOW, 3, 2, 490, "charge card", at=30, kind=2, status={"code": 2}, held=ORDER)),
    spans_line("payments", span(QUICK, 12, 11, 5, "charge card", at=60_001, kind=2)),
    spans_line("payments", *(span(SLOW, n, 3, n, "SELECT", at=40, kind=3, held=DATABASE) for n in (4, 5))),
]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    return stored(STORED, tmp_path_factory.mktemp("services"))


def test_ops_prints_the_latency_of_each_operation(ask: Ask) -> None:
    said = ask("ops", "--json", "--service", "payments", "--kind", "server")
    shown = {"p50": QUICK, "p95": SLOW, "p99": SLOW, "max": SLOW, "error": SLOW}
    figures = {"p50_ms": 5.0, "p95_ms": 490.0, "p99_ms": 490.0, "max_ms": 490.0, "examples": shown, "estimated": []}
    known = {"service": "payments", "name": "charge card", "kind": "SERVER"}
    row = {**known, "count": 2, "error_count": 1, "error_rate": 0.5, **figures}
    assert (said.code, said.rows, said.err) == (0, [row], ALL)
    assert ask("ops", "--service", "payments", "--kind", "server").out.splitlines() == [
        f"{'operation':<46}{'count':>9}{'p50':>9}{'p95':>9}{'p99':>9}{'max':>9}{'errors':>9}",
        f"{'charge card  payments':<46}{2:>9}{'5.00 ms':>9}{'490 ms':>9}{'490 ms':>9}{'490 ms':>9}{'50.0%':>9}",
        f"  {SLOW}",
    ]


def names(said: Said) -> list[tuple[str, int]]:
    return [(row["name"], row["count"]) for row in said.rows]


def test_ops_is_narrowed_by_what_is_known_of_spans(ask: Ask) -> None:
    assert names(ask("ops", "--json", "--operation", "SELECT")) == [("SELECT", 2)]
    assert names(ask("ops", "--json", "--kind", "client")) == [("SELECT", 2), ("POST", 1)]
    assert names(ask("ops", "--json", "--attr", "order.id=A-1234")) == [("charge card", 1)]
    assert names(ask("ops", "--json", "--since", "2026-04-19T14:24", "--service", "gateway")) == [("POST /checkout", 1)]
    assert ask("ops", "--service", "nobody") == (1, "", ALL + "nothing found in this window\n")


def test_ops_by_time_leads_from_a_moment_to_a_trace(ask: Ask) -> None:
    rows = ask("ops", "--json", "--by", "1m", "--service", "gateway", "--operation", "POST /checkout").rows
    assert [(row["bucket"], row["p99_ms"], row["examples"]["p99"]) for row in rows] == [
        ("2026-04-19T14:23:00.000Z", 540.0, SLOW),
        ("2026-04-19T14:24:00.000Z", 9.0, QUICK),
    ]
    wrong = "tracelog: not a duration: 'never' (expected for example 500ms, 1.5s or 2m)\n"
    assert ask("ops", "--by", "never") == (2, "", wrong)


CALLS = {
    "gateway > payments": (2, 1.0, 1, 500.0, SLOW, False),
    "payments > sqlite/cards": (2, 2.0, 0, 5.0, SLOW, True),
}


def test_deps_prints_who_calls_whom(ask: Ask) -> None:
    said = ask("deps", "--json")
    keys = ("calls", "calls_per_parent", "error_count", "p99_ms", "example", "external")
    found = {f"{row['caller']} > {row['callee']}": tuple(row[key] for key in keys) for row in said.rows}
    assert (said.code, found, said.err) == (0, CALLS, READ)
    code, out, err = ask("deps")
    assert (code, "payments -> sqlite/cards" in out, err) == (0, True, READ)
    assert len(ask("deps", "--json", "--service", "gateway").rows) == 1
    named = [(row["caller_operation"], row["callee_operation"]) for row in ask("deps", "--json", "--operations").rows]
    assert named == [("POST /checkout", "charge card"), ("charge card", "SELECT")]
    assert ask("deps", "--until", "2000-01-01").code == 1


def test_deps_draws_graphs(ask: Ask) -> None:
    assert [ask("deps", form).out.splitlines()[0] for form in ("--dot", "--mermaid")] == [
        "digraph dependencies {",
        "flowchart LR",
    ]
    code, out, err = ask("deps", "--dot", "--json")
    refused = "tracelog: --json and --dot are two ways to print: leave out one (see tracelog deps --help)\n"
    assert (code, out, err) == (2, "", refused)


def test_deps_fails_on_a_call_that_is_not_declared_and_names_it_with_a_trace(ask: Ask, tmp_path: Path) -> None:
    file = tmp_path / "deps.txt"
    file.write_text("gateway -> payments\npayments -> sqlite/*\n")
    assert ask("deps", "--json", "--expect", str(file))[::2] == (0, READ)
    file.write_text("gateway -> payments\ngateway -> orders # not yet\n")
    undeclared = f"not declared: payments -> sqlite/cards, 2 calls, the longest in trace {SLOW}\n"
    unseen = "declared, and not seen: gateway -> orders\n"
    assert ask("deps", "--expect", str(file))[::2] == (3, READ + undeclared + unseen)
    assert ask("deps", "--expect", str(file), "--service", "payments")[::2] == (3, READ + undeclared)


def test_deps_reads_a_file_that_begins_with_a_byte_order_mark(ask: Ask, tmp_path: Path) -> None:
    file = tmp_path / "deps.txt"
    file.write_text("gateway -> payments\npayments -> sqlite/*\n", encoding="utf-8-sig")
    assert ask("deps", "--json", "--expect", str(file))[::2] == (0, READ)


def test_deps_refuses_a_file_that_declares_nothing(ask: Ask, tmp_path: Path) -> None:
    file = tmp_path / "deps.txt"
    assert ask("deps", "--expect", str(file)) == (2, "", f"tracelog: {file}: No such file or directory\n")
    file.write_text("gateway")
    wanted = f"tracelog: {file}: line 1: not a dependency: 'gateway' (expected CALLER -> CALLEE)\n"
    assert ask("deps", "--expect", str(file)) == (2, "", wanted)
