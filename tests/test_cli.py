"""What each command prints, where, and with which exit code."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from asking import Ask, Said, stored
from otlp_lines import logs_line, record, span, spans_line

SLOW, QUICK, ROOTLESS = "4bf92f3577b34da6a3ce929d0e0e4736", "a" * 32, "b" * 32
ORDER = {"order.id": "A-1234"}
STORED = [
    spans_line("gateway", span(SLOW, 1, None, 540, "POST /checkout", kind=2)),
    spans_line("gateway", span(QUICK, 11, None, 9, "POST /checkout", kind=2)),
    spans_line("payments", span(SLOW, 2, 1, 490, "charge card", at=30, kind=2, status={"code": 2}, held=ORDER)),
    spans_line("payments", span(QUICK, 12, 11, 5, "charge card", at=1, kind=2, held=ORDER)),
    spans_line("worker", span(ROOTLESS, 21, 20, 80, "drain queue", kind=5), span(ROOTLESS, 22, 21, 70, "drain one")),
    logs_line("gateway", record(SLOW, 1, 1, "request received", 5), record(SLOW, 1, 539, "answered 502", 13)),
    logs_line("payments", record(SLOW, 2, 500, "charge failed: [red]timeout[/red]", 17, held={"attempt": "2"})),
    logs_line("payments", record(QUICK, 12, 4, "charged at last")),
    logs_line("cron", record("", 0, -3_600_000, "an hour before", 0)),
]  # fmt: skip


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    return stored(STORED, tmp_path_factory.mktemp("cli"))


def found(field: str, count: int = 5, trace: str = SLOW) -> str:
    return f"found as {field} in {count} document{'' if count == 1 else 's'} of trace {trace}\n"


TIMELINE = """\
POST /checkout  gateway
2026-04-19T14:23:01.200Z  540 ms · 2 spans · 3 lines · 1 error
trace 4bf92f3577b34da6a3ce929d0e0e4736
"""


@pytest.mark.parametrize(
    "spelling", [SLOW, SLOW.upper(), f" {SLOW} ", f"00-{SLOW}-{2:016x}-01", "4bf92f35-77b3-4da6-a3ce-929d0e0e4736"]
)
def test_show_finds_a_trace_by_its_id_in_any_spelling(spelling: str, ask: Ask) -> None:
    code, out, err = ask("show", spelling)
    assert (code, out[: len(TIMELINE)], err) == (0, TIMELINE, found("trace_id"))


def test_show_finds_a_trace_by_a_span_id(ask: Ask) -> None:
    code, out, err = ask("show", f"{2:016X}")
    assert (code, out[: len(TIMELINE)], err) == (0, TIMELINE, found("span_id", 2))


def test_show_finds_a_trace_by_the_words_of_a_line(ask: Ask) -> None:
    code, out, err = ask("show", "CHARGED at")
    assert (code, out.splitlines()[0], err) == (0, "POST /checkout  gateway", found("message", 1, QUICK))


def test_show_takes_the_longest_of_several_traces_and_names_the_others(ask: Ask) -> None:
    code, out, err = ask("show", "A-1234")
    assert (code, out[: len(TIMELINE)], err) == (0, TIMELINE, found("order.id", 1) + f"also in {QUICK}\n")


def test_show_prints_the_spans_with_their_lines_inside(ask: Ask) -> None:
    rows = below_header(ask("show", SLOW).out).splitlines()
    assert [re.split("[━─┈]", row)[0].rstrip() for row in rows] == [
        f"{'POST /checkout  gateway':<57}  540 ms  50.0 ms",
        "│ +1.00 ms DEBUG request received",
        f"{'┗ ✗ charge card  payments':<57}  490 ms   490 ms",
        "    +30.0 ms ⋮     470 ms waited in silence",
        "    +500 ms  ERROR charge failed: [red]timeout[/red]  attempt=2",
        "  +539 ms  WARN  answered 502",
    ]


def test_show_json_prints_the_whole_trace(ask: Ask) -> None:
    code, out, err = ask("show", "A-1234", "--json")
    (trace,) = Said(code, out, err).rows
    assert (code, err) == (0, found("order.id", 1) + f"also in {QUICK}\n")
    assert (trace["trace_id"], trace["duration_ms"], trace["complete"]) == (SLOW, 540.0, True)
    assert [(each["name"], [line["message"] for line in each["logs"]]) for each in trace["spans"]] == [
        ("POST /checkout", ["request received", "answered 502"]),
        ("charge card", ["charge failed: [red]timeout[/red]"]),
    ]


def test_show_list_prints_every_match_as_a_row(ask: Ask) -> None:
    rows = [{"trace_id": trace, "field": "order.id", "value": "A-1234", "count": 1} for trace in (SLOW, QUICK)]
    said = ask("show", "A-1234", "--list", "--json")
    assert (said.code, said.rows, said.err) == (0, rows, "")
    code, out, err = ask("show", "A-1234", "--list")
    assert (code, [trace for trace in (SLOW, QUICK) if trace in out], err) == (0, [SLOW, QUICK], "")


def below_header(out: str) -> str:
    return out.partition("critical path)")[2].partition("\n")[2]


def messages(out: str) -> list[str]:
    said = ("request received", "answered 502", "charge failed", "charged at last", "an hour before")
    return [message for message in said if message in out]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), ["request received", "answered 502", "charge failed"]),
        (("--no-logs",), []),
        (("--level", "warning"), ["answered 502", "charge failed"]),
        (("--level", "CRITICAL"), []),
        (("--span", f"{2:016x}"), ["charge failed"]),
        (("--span", "2", "--no-logs"), []),
    ],
)
def test_show_prints_only_the_lines_that_are_wanted(options: tuple[str, ...], expected: list[str], ask: Ask) -> None:
    said = ask("show", SLOW, *options)
    assert (said.code, messages(below_header(said.out))) == (0, expected)


FOUND_BOTH = found("order.id", 1) + f"also in {QUICK}\n"
ALL = "window: all that is stored\n"


@pytest.mark.parametrize("text", ["", "***", "🐢"])
def test_a_text_without_a_word_is_wrong_use(ask: Ask, text: str) -> None:
    said = ask("logs", "--text", text)
    assert (said.code, said.out) == (2, "")
    assert said.err.splitlines()[-1].endswith(f"no word in {text!r} (expected words that stand in a line)")


@pytest.mark.parametrize(
    ("options", "expected", "err"),
    [
        ((), ["an hour before", "request received", "charged at last", "charge failed", "answered 502"], ALL),
        ((SLOW,), ["request received", "charge failed", "answered 502"], ""),
        (("A-1234",), ["request received", "charge failed", "answered 502"], FOUND_BOTH),
        ((SLOW, "--span", "2"), ["charge failed"], ""),
        (("--level", "WARNING"), ["charge failed", "answered 502"], ALL),
        (("--level", "error"), ["charge failed"], ALL),
        (("--service", "payments"), ["charged at last", "charge failed"], ALL),
        (("--text", "CHARGED AT"), ["charged at last"], ALL),
        (
            ("--since", "2026-04-19T14:23"),
            ["request received", "charged at last", "charge failed", "answered 502"],
            "window: from 2026-04-19T14:23:00Z until the last\n",
        ),
        (("--until", "2026-04-19 14:00"), ["an hour before"], "window: from the first until 2026-04-19T14:00:00Z\n"),
        (
            ("--since", "2026-04-19", "--until", "2026-04-19T16:00+02:00"),
            ["an hour before"],
            "window: from 2026-04-19T00:00:00Z until 2026-04-19T14:00:00Z\n",
        ),
        (("--since", "0001-01-01", "--until", "9999-12-31", "--level", "ERROR"), ["charge failed"],
         "window: from 1677-09-21T00:12:43.145224192Z until 2262-04-11T23:47:16.854775807Z\n"),
    ],
)  # fmt: skip
def test_logs_prints_the_lines_that_are_wanted_by_time(
    options: tuple[str, ...], expected: list[str], err: str, ask: Ask
) -> None:
    said = ask("logs", *options, "--json")
    assert (said.code, [row["message"].partition(":")[0] for row in said.rows], said.err) == (0, expected, err)
    assert sorted(messages(ask("logs", *options).out)) == sorted(expected)


def test_logs_says_that_there_are_none(ask: Ask) -> None:
    assert ask("logs", "--service", "nobody") == (1, "", ALL + "nothing found in this window\n")
    assert ask("logs", SLOW, "--service", "nobody") == (1, "", f"no such lines in trace {SLOW}\n")


def test_logs_with_json_says_by_its_exit_code_alone_that_there_are_none(ask: Ask) -> None:
    assert ask("logs", "--service", "nobody", "--json") == (1, "", ALL)


def summary(trace: str, service: str, name: str, ms: float, counts: tuple[int, int, int], *, measure: str) -> Any:
    spans, lines, errors = counts
    return {
        "trace_id": trace, "service": service, "name": name, "measure": measure,
        "start_time": "2026-04-19T14:23:01.200Z", "duration_ms": ms, "trace_ms": ms, "span_count": spans,
        "log_count": lines, "error_count": errors,
    }  # fmt: skip


def test_slow_prints_the_slowest_traces_with_exactly_the_keys_of_the_design(ask: Ask) -> None:
    slowest = summary(SLOW, "gateway", "POST /checkout", 540.0, (2, 3, 1), measure="root")
    rootless = summary(ROOTLESS, "worker", "drain queue", 80.0, (2, 0, 0), measure="consumer")
    quick = summary(QUICK, "gateway", "POST /checkout", 9.0, (2, 1, 0), measure="root")
    assert ask("slow", "--json").rows == [slowest, rootless, quick]
    assert ask("slow", "--json", "--limit", "1").rows == [slowest]
    assert ask("slow", "--json", "--errors").rows == [slowest]
    assert ask("slow", "--json", "--operation", "drain queue").rows == [rootless]
    assert ask("slow", "--json", "--errors-first", "--limit", "2").rows == [slowest, rootless]
    assert ask("slow", "--json", "--max-duration", "100ms", "--min-duration", "0.05s").rows == [rootless]
    assert [row["measure"] for row in ask("slow", "--json", "--kind", "consumer").rows] == ["consumer"]
    charged = ask("slow", "--json", "--service", "payments", "--attr", "order.id=A-1234").rows
    assert [(row["trace_id"], row["measure"], row["duration_ms"]) for row in charged] == [
        (SLOW, "server", 490.0), (QUICK, "server", 5.0),
    ]  # fmt: skip


def test_slow_prints_a_table_and_says_which_window_it_means(ask: Ask) -> None:
    code, out, err = ask("slow")
    assert (code, [trace for trace in (SLOW, ROOTLESS, QUICK) if trace in out], err) == (
        0,
        [SLOW, ROOTLESS, QUICK],
        ALL,
    )
    assert ask("slow", "--since", "2100-01-01") == (
        1, "", "window: from 2100-01-01T00:00:00Z until the last\nnothing found in this window\n",
    )  # fmt: skip


def test_setup_creates_the_store(tmp_path: Path, ask: Ask) -> None:
    assert ask("setup", "--store", f"sqlite:{tmp_path}/new.db") == (0, f"{tmp_path}/new.db: ready\n", "")
    assert ask("slow", "--json", "--store", f"sqlite:{tmp_path}/new.db") == (1, "", ALL)


def test_help_names_every_command(ask: Ask) -> None:
    code, out, err = ask("--help")
    listed = [line.split()[0] for line in out.partition("Commands:")[2].splitlines() if line.strip()]
    assert (code, set(listed) >= {"demo", "deps", "import", "logs", "ops", "setup", "show", "slow"}, err) == (
        0,
        True,
        "",
    )
