"""`tracelog policies test`: what it prints at which width, as JSON, and with which exit code."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from otlp_lines import logs_line, record, span, spans_line

from tracelog.cli import run

FAILED, SLOW, FINE, SHARED = (f"{low:032x}" for low in (2**64 - 1, 2**64 - 2, 2**64 - 3, 1))
STORED = [
    spans_line("gateway", span(FAILED, 1, None, 200, "POST /pay", kind=2, status={"code": 2})),
    spans_line("bank", span(FAILED, 2, 1, 100, "charge", at=5, kind=2, status={"code": 2})),
    spans_line("cache", span(FAILED, 3, 1, 1, "GET", at=1, kind=2), span(SLOW, 4, 5, 1, "GET", at=1001, kind=2)),
    spans_line("gateway", span(SLOW, 5, None, 1500, "POST /pay", at=1000, kind=2)),
    spans_line("gateway", span(FINE, 6, None, 9, "GET /", at=3000, kind=2)),
    spans_line("gateway", span(SHARED, 7, None, 9, "GET /", at=4000, kind=2)),
    logs_line("bank", record(FAILED, 2, 50, "declined", 17)),
    logs_line("gateway", record(FINE, 6, 3001, "served"), record(SHARED, 7, 4001, "served")),
    logs_line("cron", record("", 0, 86_400_000, "a day later")),
]
POLICIES = """\
- {name: keep_errors, type: status_code, status_code: ERROR}
- {name: keep_slow, type: latency, threshold_ms: 1000}
- {name: probabilistic_rest, type: probabilistic, sampling_percentage: 1}
"""


class Said(NamedTuple):
    """What the command did."""

    code: int
    out: str
    err: str


Ask = Callable[..., Said]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("policies")
    (folder / "stored.jsonl").write_text("".join(STORED))
    (folder / "policies.yaml").write_text(POLICIES)
    (folder / "lines.toml").write_text('[[policies]]\nname = "loud"\ntype = "level"\nlevel = "CRITICAL"\n')
    assert run(["import", f"{folder}/stored.jsonl", "--store", f"sqlite:{folder}/policies.db"]) == 0
    return folder


@pytest.fixture
def ask(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Test a file of policies against the store, on a terminal of so many columns."""
    monkeypatch.setenv("TRACELOG_STORE", f"sqlite:{folder}/policies.db")
    monkeypatch.chdir(folder)
    capsys.readouterr()

    def asked(*arguments: str, width: int = 80) -> Said:
        monkeypatch.setenv("COLUMNS", str(width))
        code = run(["policies", "test", *arguments])
        return Said(code, *capsys.readouterr())

    return asked


NARROW = """\
policy                       traces    spans    lines    bytes    share    a day
keep_errors  ERROR spans          1        2        1  1.15 kB    28.8%  1.15 kB
keep_slow  from 1.00 s            1        1        0    341 B     8.5%    341 B
probabilistic_rest  1 %           1        1        1    731 B    18.3%    731 B
lines outside of traces           -        -        1    321 B     8.0%    321 B
kept                              3        4        3  2.55 kB    63.6%  2.55 kB
stored                            4        7        4  4.00 kB   100.0%  4.00 kB

all traces: 1 of 4 kept whole, 2 in part (by some services), 1 lost
failed ones: 0 of 1 kept whole, 1 in part (by some services), 0 lost
slow ones (from 1.00 s, the threshold of keep_slow): 0 of 1 kept whole, 1 in
  part (by some services), 0 lost
kept a day, at the rate from 2026-04-19T14:23:01Z until 2026-04-20T14:23:01Z: 3
  traces, 4 spans, 3 lines

slow or failed, and not whole                         duration     kept      why
POST /pay  gateway                                      1.50 s   1 of 2     slow
  0000000000000000fffffffffffffffe  cache
POST /pay  gateway                                      200 ms   2 of 3   failed
  0000000000000000ffffffffffffffff  cache
"""
WIDE_LOSSES = """\
slow or failed, and not whole duration     kept      why  trace, services that lose it
POST /pay  gateway              1.50 s   1 of 2     slow  0000000000000000fffffffffffffffe  cache
and 1 more (see --limit)
"""
UNLOVED = """\
all traces: 0 of 4 kept whole, 0 in part, 4 lost
failed ones: 0 of 1 kept whole, 0 in part, 1 lost
slow ones (from 1.50 s, the 99th percentile): 0 of 1 kept whole, 0 in part, 1 lost
"""


def test_it_prints_what_each_policy_keeps_and_which_slow_or_failed_traces_would_not_be_whole(ask: Ask) -> None:
    assert ask("policies.yaml") == (0, NARROW, "window: all that is stored\n")


def test_on_a_wide_terminal_the_traces_stand_beside_their_figures(ask: Ask) -> None:
    code, out, _ = ask("policies.yaml", "--limit", "1", width=140)
    assert (code, "\n".join(out.splitlines()[-3:]) + "\n") == (0, WIDE_LOSSES)
    assert max(map(len, out.splitlines())) <= 140
    assert len({len(line) for line in out.splitlines()[:7]}) == 1


def test_without_a_latency_in_the_file_slow_is_the_99th_percentile(ask: Ask) -> None:
    code, out, _ = ask("lines.toml", width=100)
    assert (code, UNLOVED in out) == (0, True)


def amounts(traces: int, spans: int, lines: int, size: int) -> dict[str, object]:
    sums = {"traces": traces, "spans": spans, "lines": lines, "bytes": size}
    return {**sums, "per_day": sums}


def policy(name: str, kind: str, counts: dict[str, object], *, is_share: bool = False) -> dict[str, object]:
    return {"name": name, "type": kind, "is_share": is_share, **counts}


def test_json_is_one_object_with_the_same_in_it(ask: Ask) -> None:
    code, out, err = ask("policies.yaml", "--json", "--limit", "1")
    assert (code, err, len(out.splitlines())) == (0, "window: all that is stored\n", 1)
    assert json.loads(out) == {
        "start_time": "2026-04-19T14:23:01.200Z",
        "end_time": "2026-04-20T14:23:01.200Z",
        "stored": amounts(4, 7, 4, 4005),
        "kept": amounts(3, 4, 3, 2546),
        "untraced": amounts(0, 0, 1, 321),
        "policies": [
            policy("keep_errors", "status_code", amounts(1, 2, 1, 1153)),
            policy("keep_slow", "latency", amounts(1, 1, 0, 341)),
            policy("probabilistic_rest", "probabilistic", amounts(1, 1, 1, 731), is_share=True),
        ],
        "slow_ms": 1000.0,
        "slow_by": "keep_slow",
        "traces": {"traces": 4, "whole": 1, "in_part": 2, "lost": 1},
        "failed_traces": {"traces": 1, "whole": 0, "in_part": 1, "lost": 0},
        "slow_traces": {"traces": 1, "whole": 0, "in_part": 1, "lost": 0},
        "loss_count": 2,
        "losses": [
            {
                "trace_id": SLOW,
                "service": "gateway",
                "name": "POST /pay",
                "start_time": "2026-04-19T14:23:02.200Z",
                "duration_ms": 1500.0,
                "failed": False,
                "slow": True,
                "services": ["gateway", "cache"],
                "lost": ["cache"],
            }
        ],
    }


def test_of_a_moment_nothing_is_said_of_a_day(ask: Ask) -> None:
    code, out, err = ask("policies.yaml", "--since", "2026-04-20T00:00")
    assert (code, err) == (0, "window: from 2026-04-20T00:00:00Z until the last\n")
    assert out.splitlines()[4:] == [
        "lines outside of traces           -        -        1    321 B   100.0%        -",
        "kept                              0        0        1    321 B   100.0%        -",
        "stored                            0        0        1    321 B   100.0%        -",
        "",
        "all traces: there are none",
        "failed ones: there are none",
        "slow ones (from 1.00 s, the threshold of keep_slow): there are none",
    ]
    (row,) = map(json.loads, ask("policies.yaml", "--since", "2026-04-20T00:00", "--json").out.splitlines())
    assert row["kept"] == {"traces": 0, "spans": 0, "lines": 1, "bytes": 321, "per_day": None}


def test_a_window_with_nothing_in_it_is_exit_1(ask: Ask) -> None:
    said = "window: from 2100-01-01T00:00:00Z until the last\nnothing found in this window\n"
    assert ask("policies.yaml", "--since", "2100-01-01") == (1, "", said)
    assert ask("policies.yaml", "--since", "2100-01-01", "--json") == (1, "", said)


def test_without_a_command_help_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["policies"]) == 0
    out, err = capsys.readouterr()
    assert (out.splitlines()[0], err) == ("Usage: tracelog policies [OPTIONS] [COMMAND] [ARGS]...", "")
    assert "\nCommands:\n  test  Replay what is stored" in out


def test_wrong_policies_are_exit_2_and_one_line_before_a_store_is_opened(ask: Ask, folder: Path) -> None:
    (folder / "wrong.yaml").write_text("- name: rest\n  type: probabilistic\n  sampling_percentage: 150\n")
    said = "tracelog: wrong.yaml:3: rest: sampling_percentage is 150 (expected a number from 0 to 100)\n"
    assert ask("wrong.yaml", "--store", "sqlite:absent.db") == (2, "", said)
    assert ask("absent.yaml") == (2, "", "tracelog: absent.yaml: no such file or directory\n")
