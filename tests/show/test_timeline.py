"""The order of the rows: a line stands above the calls that came after it, and below those before."""

from __future__ import annotations

from checkout import LINES, MS, SPANS, checkout, make_line, make_span, span_id

from tracelog.model import SpanLink, Trace
from tracelog.read.tree import build_trace
from tracelog.show.rows import EventRow, GapRow, GhostRow, LineRow, LinkRow, Row, SpanRow
from tracelog.show.timeline import GUIDES_SHOWN, timeline_rows


def said(row: Row) -> str:
    if isinstance(row, SpanRow):
        return f"span {row.node.span.name}"
    if isinstance(row, LineRow):
        return f"line {row.entry.message[:17]}"
    if isinstance(row, GhostRow):
        return f"ghost {row.ghost.span_id[-2:]}"
    if isinstance(row, GapRow):
        return f"gap of {row.gap.duration // MS} ms"
    if isinstance(row, EventRow):
        return f"event {row.event.name}"
    assert isinstance(row, LinkRow)
    return f"link {'from' if row.incoming else 'to'}"


def test_lines_events_and_calls_stand_within_their_span_in_the_order_of_time() -> None:
    assert [said(row) for row in timeline_rows(checkout())] == [
        "span POST /checkout",
        "link from",
        "line request received",
        "span place order",
        "link to",
        "line placing order [re",
        "span SELECT stock",
        "line stock is reserved",
        "span charge card",
        "line the card gateway ",
        "gap of 300 ms",
        "event retry",
        "gap of 119 ms",
        "line charge failed",
        "line unusual: 注文 🛒 \x1b[31"[:22],
        "ghost 08",
        "span send receipt",
        "line written by anothe",
        "line cache is cold",
    ]


def test_a_line_of_the_moment_of_a_call_stands_above_it() -> None:
    spans = [make_span(1, None, (0, 9), "top", "a"), make_span(2, 1, (5, 1), "call", "a")]
    rows = timeline_rows(build_trace("f" * 32, spans, [make_line(1, 5, "calling"), make_line(1, 6, "called")]))
    assert [said(row) for row in rows] == ["span top", "line calling", "span call", "line called"]


def test_guides_say_for_each_level_whether_more_of_it_follows() -> None:
    spans = [make_span(n, parent, (n, 9), str(n), "a") for n, parent in ((1, None), (2, 1), (3, 2), (4, 1))]
    rows = list(timeline_rows(build_trace("f" * 32, spans, [make_line(3, 3, "deep"), make_line(1, 8, "last")])))
    assert [(said(row), row.guides) for row in rows] == [
        ("span 1", ()),
        ("span 2", (True,)),
        ("span 3", (True, False)),
        ("line deep", (True, False, False)),
        ("span 4", (False,)),
        ("line last", (False,)),
    ]


def gaps() -> Trace:
    spans = [
        make_span(1, None, (0, 9), "top", "a"),
        make_span(2, 8, (3, 9), "late", "a"),
        make_span(3, 8, (2, 9), "early", "b"),
        make_span(4, 3, (4, 1), "leaf", "b"),
    ]
    logs = [make_line(8, 1, "proof"), make_line(8, 5, "more"), make_line(7, -1, "alone"), make_line(None, 1, "none")]
    return build_trace("f" * 32, spans, [*logs, make_line(3, 2, "own")])


def test_ghosts_stand_at_the_top_by_start_with_their_orphans_and_lines_below_them() -> None:
    rows = list(timeline_rows(gaps()))
    assert [(said(row), row.guides) for row in rows] == [
        ("ghost 07", ()),
        ("line alone", (False,)),
        ("span top", ()),
        ("ghost 08", ()),
        ("line proof", (True,)),
        ("span early", (True,)),
        ("line own", (True, True)),
        ("span leaf", (True, False)),
        ("span late", (False,)),
        ("line more", (False,)),
        ("line none", ()),
    ]
    ghosts = gaps().ghosts
    assert [row.ghost for row in rows if isinstance(row, LineRow)] == [ghosts[0], ghosts[1], None, ghosts[1], None]


def test_a_ghost_whose_lines_are_not_wanted_is_shown_for_its_children_alone() -> None:
    rows = [said(row) for row in timeline_rows(gaps(), lambda _: False)]
    assert rows == ["span top", "ghost 08", "span early", "span leaf", "span late"]


def test_only_the_lines_that_are_wanted_are_shown() -> None:
    rows = timeline_rows(checkout(), lambda entry: entry.level == "ERROR")
    assert [row.entry for row in rows if isinstance(row, LineRow)] == [LINES[3]]


def test_a_timeline_may_begin_at_a_span_and_holds_nothing_of_its_surroundings() -> None:
    trace = checkout()
    rows = [said(row) for row in timeline_rows(trace, top=trace.node(SPANS[3]))]
    assert rows == [
        "span charge card", "line the card gateway ", "gap of 300 ms", "event retry", "gap of 119 ms",
        "line charge failed",
    ]  # fmt: skip


def test_of_many_links_the_first_are_shown_and_the_others_counted() -> None:
    links = tuple(SpanLink("e" * 32, span_id(n)) for n in range(1, 8))
    span = make_span(1, None, (0, 9), "drain", "worker", links=links)
    _, *rows = timeline_rows(build_trace("f" * 32, [span], []))
    assert rows == [
        LinkRow(link, incoming=False, more=3 * (n == 3), guides=(False,)) for n, link in enumerate(links[:4])
    ]


def test_spans_of_any_depth_are_rows_and_the_deepest_stand_below_each_other() -> None:
    spans = [make_span(n + 1, n or None, (n, 9), str(n), "a") for n in range(3000)]
    depths = [len(row.guides) for row in timeline_rows(build_trace("f" * 32, spans, []))]
    assert depths == [min(depth, GUIDES_SHOWN) for depth in range(3000)]
