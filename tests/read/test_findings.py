"""What is said of a trace, sentence by sentence, and what is not."""

from __future__ import annotations

import msgspec
import pytest
from trees import TRACE, make_line, make_span, span_id

from tracelog.model import Finding, LogEntry, Span, Trace
from tracelog.read.findings import ARRIVING, judged
from tracelog.read.tree import build_trace

SECOND = 1_000_000_000
ROOT, CALL, LEAF = make_span(0), make_span(1, 0, start=1), make_span(2, 1, start=2)


def said(spans: list[Span], logs: list[LogEntry] | None = None, now: int | None = None) -> list[tuple[str, str]]:
    return [(finding.kind, finding.text) for finding in build_trace(TRACE, spans, logs or [], now=now).findings]


def unsampled(number: int, span: int | None, flags: int | None = 0) -> LogEntry:
    return make_line(number, span, trace_flags=flags)


def test_of_a_whole_trace_nothing_is_said_however_young() -> None:
    lines = [make_line(1, 0), make_line(2, None), unsampled(3, 1), make_line(4, None, 99, service="cron")]
    assert said([ROOT, CALL, LEAF], lines) == said([ROOT, CALL, LEAF], lines, now=20) == []
    assert said([], [make_line(1, None)]) == []


def test_a_parent_that_never_arrived_is_said_with_what_proves_it() -> None:
    lines = [make_line(n, 1, n, service="cart") for n in range(12)]
    text = f"parent {span_id(1)} never arrived; 12 lines of service cart carry its id"
    trace = build_trace(TRACE, [ROOT, LEAF], lines)
    assert trace.findings == (Finding("orphan", text, (span_id(2),)),)
    assert [ghost.text for ghost in trace.ghosts] == [text]
    assert said([ROOT, LEAF]) == [("orphan", f"parent {span_id(1)} never arrived; 1 span names it")]


def test_a_root_that_never_arrived_is_said() -> None:
    missing = f"the root never arrived: parent {span_id(0)} is missing"
    assert said([CALL, LEAF]) == [("orphan", f"{missing}; 1 span names it")]
    assert said([CALL], [make_line(1, 0)]) == [("orphan", f"{missing}; 1 line of service shop carries its id")]
    others = [make_span(n, n + 10, start=n) for n in range(3, 7)]
    named = ", ".join(span_id(n) for n in (0, 13, 14))
    missing = f"the root never arrived: 5 parents of 5 spans are missing ({named} and 2 more)"
    assert said([CALL, *others], [make_line(1, 13, 9)]) == [("orphan", f"{missing}; 1 line carries their ids")]


def test_several_parents_that_never_arrived_are_one_sentence() -> None:
    spans = [ROOT, make_span(2, 8, start=1), make_span(3, 8, start=2), make_span(4, 9, start=3)]
    trace = build_trace(TRACE, spans, [])
    text = f"2 parents of 3 spans never arrived ({span_id(8)}, {span_id(9)})"
    assert trace.findings == (Finding("orphan", text, (span_id(2), span_id(3), span_id(4))),)


def test_a_root_that_is_there_is_not_said_to_be_missing_nor_is_one_that_a_circle_hides() -> None:
    assert "root" not in str(said([ROOT, LEAF]))
    assert [kind for kind, _ in said([make_span(0, 1), make_span(1, 0, start=1)])] == ["cycle"]


def test_ids_that_only_lines_carry_are_ghosts() -> None:
    lines = [make_line(1, 7, 1, service="a"), make_line(2, 7, 2, service="b")]
    assert said([ROOT], lines) == [("ghost", f"span {span_id(7)} never arrived; 2 lines of services a, b carry its id")]
    trace = build_trace(TRACE, [], [*lines, make_line(3, 8, 3)])
    text = f"2 spans never arrived that 3 lines name: {span_id(7)}, {span_id(8)}"
    assert trace.findings == (Finding("ghost", text, (span_id(7), span_id(8))),)
    many = [make_line(n, 7, n, service=f"s{n}") for n in range(4)]
    assert said([ROOT], many) == [("ghost", f"span {span_id(7)} never arrived; 4 lines of 4 services carry its id")]


def test_what_is_missing_of_a_young_trace_is_still_arriving() -> None:
    lines = [make_line(1, 7, 3 * SECOND)]
    waiting = "not here yet: the root, 1 parent of 1 span, 1 span that lines name"
    trace = build_trace(TRACE, [CALL, LEAF], lines, now=7 * SECOND)
    text = f"still arriving: the newest document is 4 s old; {waiting}"
    assert trace.findings == (Finding("arriving", text, (span_id(1), span_id(7))),)
    assert [(ghost.state, ghost.text.partition(";")[0]) for ghost in trace.ghosts] == [
        ("not here yet", f"parent {span_id(0)} is not here yet"),
        ("not here yet", f"span {span_id(7)} is not here yet"),
    ]
    late = judged(trace, 3 * SECOND + ARRIVING)
    assert [finding.kind for finding in late.findings] == ["orphan", "ghost"]
    assert late == build_trace(TRACE, [CALL, LEAF], lines)


@pytest.mark.parametrize(
    ("span_end", "line_time", "now", "arriving"),
    [
        (0, None, ARRIVING - 1, True),
        (0, None, ARRIVING, False),
        (0, ARRIVING, ARRIVING + 1, True),
        (5 * SECOND, None, 0, True),
        (ARRIVING + 1, None, 0, True),
        (10 * ARRIVING, None, 3 * ARRIVING, False),
    ],
)
def test_a_trace_is_young_while_its_newest_document_is_unless_that_is_from_the_future(
    span_end: int, line_time: int | None, now: int, arriving: bool
) -> None:
    spans = [make_span(1, 0, start=0, duration=0), make_span(2, 1, duration=span_end)]
    lines = [] if line_time is None else [make_line(1, 1, line_time)]
    assert [kind for kind, _ in said(spans, lines, now)] == ["arriving" if arriving else "orphan"]


def test_circles_are_said_to_be_circles_and_their_spans_not_to_be_orphans() -> None:
    ring = [make_span(0, 2), make_span(1, 0, start=1), make_span(2, 1, start=2)]
    trace = build_trace(TRACE, [*ring, make_span(3, 2, start=3)], [])
    text = "3 spans name each other as parents, in a circle; it was broken at call 0"
    assert trace.findings == (Finding("cycle", text, (span_id(0), span_id(2), span_id(1))),)
    assert not any(node.orphan for node in trace.nodes)
    assert said([make_span(5, 5)]) == [("cycle", "call 5 names itself as its parent")]
    several = build_trace(TRACE, [*ring, make_span(5, 5)], []).findings
    assert [(each.kind, len(each.span_ids)) for each in several] == [("cycle", 4)]
    assert several[0].text == "2 circles of spans that name each other as parents were broken"


def test_spans_that_share_an_id_are_no_circle_even_where_the_server_names_its_own_id() -> None:
    client = make_span(1, 0, start=1, kind="CLIENT")
    server = make_span(1, 1, start=2, kind="SERVER", service="cards")
    assert said([ROOT, client, server]) == []


def test_lines_of_unsampled_spans_are_named_and_their_spans_not_said_to_be_lost() -> None:
    trace = build_trace(TRACE, [ROOT], [unsampled(1, 7), unsampled(2, 7), unsampled(3, 8), unsampled(4, 8, None)])
    text = "4 lines of unsampled spans: their spans were never recorded"
    assert trace.findings == (Finding("unsampled", text, (span_id(7), span_id(8))),)
    assert [ghost.state for ghost in trace.ghosts] == ["not sampled", "not sampled"]
    assert judged(trace, 5).findings == trace.findings
    assert said([LEAF], [unsampled(1, 1)]) == [
        ("unsampled", "1 line of unsampled spans: their spans were never recorded; 1 span stands below them")
    ]


@pytest.mark.parametrize("flags", [1, 3, None])
def test_lines_with_the_sampled_bit_or_without_flags_are_not_of_unsampled_spans(flags: int | None) -> None:
    assert [kind for kind, _ in said([ROOT], [unsampled(1, 7, flags)])] == ["ghost"]


def test_one_sampled_line_proves_that_a_span_was_sampled() -> None:
    assert [kind for kind, _ in said([ROOT], [unsampled(1, 7), unsampled(2, 7, 1)])] == ["ghost"]


def test_an_unsampled_line_that_meets_its_span_is_like_any_other() -> None:
    assert said([ROOT], [unsampled(1, 0)]) == []


def test_whatever_is_missing_the_sentences_are_few() -> None:
    spans = [make_span(n, n + 1000, start=n) for n in range(200)]
    spans += [make_span(n, n, start=n) for n in range(300, 400)]
    lines = [make_line(n, 5000 + n, trace_flags=n % 2) for n in range(200)]
    trace = build_trace(TRACE, spans, lines)
    assert [finding.kind for finding in trace.findings] == ["orphan", "ghost", "cycle", "unsampled"]
    assert max(len(finding.text) for finding in trace.findings) < 160


def test_findings_and_words_are_no_part_of_what_was_built() -> None:
    trace = build_trace(TRACE, [LEAF], [])
    assert judged(msgspec.structs.replace(trace, findings=())) == trace
    assert isinstance(trace, Trace)
