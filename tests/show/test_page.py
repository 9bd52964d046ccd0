"""The page in a browser: what it shows, where it leads, what it finds and copies."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest
from browsing import Opened, OpenPage
from checkout import TRACE, checkout, make_line, make_span, span_id

from tracelog.read.tree import build_trace

pytestmark = pytest.mark.browser

ROWS = [
    "POST /checkout api-gateway ← 1",
    "+1.00 ms DEBUG request received http.method=POST",
    "place order orders → 1",
    "+12.0 ms INFO placing order [red]A-1234[/red] order.id=A-1234 note=two words",
    "SELECT stock",
    "+25.0 ms INFO stock is reserved",
    "✗ charge card payments",
    (
        "+100 ms WARN the card gateway is slow to answer and the payment service is going to wait for it for a while "
        "longer"
    ),
    "+100 ms ⋮ waited in silence",
    "+400 ms ◆ retry attempt=2",
    "+400 ms ⋮ waited in silence",
    "+519 ms ERROR charge failed requests.Timeout: no answer in 490 ms",
    "+528 ms \N{EN DASH} unusual: 注文 🛒 \\x1b[31mred\\x1b[0m\\nsecond line",
    "? 0000000000000008 never arrived",
    "send receipt mailer",
    "+526 ms INFO written by another service smtp",
    "lines of this trace on none of its spans",
    "+300 ms WARN cache is cold cache",
]
CHARGE, FAILED = "✗ charge card payments", ROWS[11]


@pytest.fixture
def page(open_page: OpenPage) -> Opened:
    """The page of the small checkout."""
    return open_page(checkout())


def test_the_timeline_is_what_the_terminal_prints_lines_gaps_ghosts_and_all(page: Opened) -> None:
    assert page.rows == ROWS
    assert page.text("h1") == "POST /checkout api-gateway"
    assert page.text("#facts") == (
        "540 ms · 5 spans · 9 lines · 1 span failed, 1 line at ERROR · 6 services · 2026-04-19 14:23:01.200 UTC"
        " · incomplete"
    )
    assert page.ask("document.title") == "POST /checkout · tracelog"


def test_findings_stand_on_top_and_lead_to_their_spans(page: Opened) -> None:
    findings = page.texts("#findings button")
    assert [text.split()[0] for text in findings] == ["gap", "gap", "orphan"]
    page.page.locator("#findings button").nth(2).click()
    assert page.selected == "send receipt mailer"
    page.press("n")
    assert page.selected == CHARGE
    page.press("N")
    assert page.selected == "send receipt mailer"


def test_a_span_leads_to_its_lines_and_a_line_to_its_span(page: Opened) -> None:
    page.page.locator("#tree").get_by_text("charge card").click()
    assert page.text("#lines-heading") == "9 lines, 3 of the selected span and what it called"
    assert [text.split()[0] for text in page.texts("#lines-list .own")] == ["+100", "+400", "+519"]
    page.page.get_by_role("button", name="3 lines here and below").click()
    assert page.selected == ROWS[7]
    page.page.locator("#lines-list").get_by_text("charge failed").click()
    assert page.selected == FAILED
    page.page.locator("#details").get_by_role("button", name="charge card").click()
    assert page.selected == CHARGE


def test_the_lines_of_a_selected_span_are_scrolled_into_sight(open_page: OpenPage) -> None:
    lines = [make_line(1 if n < 99 else 2, n, f"line {n}") for n in range(100)]
    spans = [make_span(1, None, (0, 100), "root", "orders"), make_span(2, 1, (99, 1), "last", "orders")]
    page = open_page(build_trace(TRACE, spans, lines))
    page.page.locator("#tree").get_by_text("root", exact=True).click()
    page.press("End", "k")
    assert page.selected == "last"
    line, room = (page.page.locator(place).bounding_box() for place in ("#lines-list .own", "#lines-list"))
    assert line
    assert room
    assert room["y"] <= line["y"] <= room["y"] + room["height"] - line["height"] + 1


def test_lines_stand_beside_in_the_order_of_time_whatever_wrote_them(page: Opened) -> None:
    whens = [re.match(r"\+(\d+|\d+\.\d+) ms", text) for text in page.texts("#lines-list [role=option]")]
    assert [float(found[1]) for found in whens if found] == [1, 12, 25, 100, 300, 400, 519, 526, 528]


def test_all_of_a_span_is_in_its_details(page: Opened) -> None:
    page.page.locator("#tree").get_by_text("charge card").click()
    facts = dict(zip(page.texts("#details .facts dt"), page.texts("#details .facts dd"), strict=True))
    assert facts == {
        "service": "payments", "kind": "client", "status": "ERROR", "start": "2026-04-19T14:23:01.230Z (+30.0 ms)",
        "duration": "490 ms", "self": "490 ms", "critical path": "waited for 490 ms itself",
        "lines": "3 lines here and below, 1 error", "span id": span_id(4), "parent": "place order",
    }  # fmt: skip
    assert page.texts("#details pre") == ["gateway timeout"]


def test_all_of_a_line_is_in_its_details_also_its_stack(page: Opened) -> None:
    page.page.locator("#lines-list").get_by_text("charge failed").click()
    facts = dict(zip(page.texts("#details .facts dt"), page.texts("#details .facts dd"), strict=True))
    assert facts == {
        "service": "payments", "logger": "payments.views", "time": "2026-04-19T14:23:01.719Z (+519 ms)",
        "on span": "charge card",
    }  # fmt: skip
    assert page.texts("#details pre") == [
        "charge failed", "requests.Timeout: no answer in 490 ms Traceback (most recent call last): ...",
    ]  # fmt: skip
    page.page.locator("#lines-list").get_by_text("placing order").click()
    assert page.texts("#details .attributes dt") == ["order.id", "note", "code.line.number"]


ASKED: list[tuple[str, str, list[str], str]] = [
    ("text", "CHARGE", [ROWS[0], ROWS[2], CHARGE, FAILED], "1 span, 1 line"),
    ("text", "no answer", [ROWS[0], ROWS[2], CHARGE, FAILED], "0 spans, 1 line"),
    ("text", span_id(3), [ROWS[0], ROWS[2], ROWS[4]], "1 span, 0 lines"),
    ("text", ".*", [], "0 spans, 0 lines"),
    ("attributes", "order.id", [ROWS[0], ROWS[2], ROWS[3]], "0 spans, 1 line"),
    ("attributes", 'order.id=A-1234 note="two words"', [ROWS[0], ROWS[2], ROWS[3]], "0 spans, 1 line"),
    ("attributes", "code.line.number>6", [ROWS[0], ROWS[2], ROWS[3]], "0 spans, 1 line"),
    ("attributes", "code.line.number>7", [], "0 spans, 0 lines"),
    ("attributes", "http.route=/", [ROWS[0]], "1 span, 0 lines"),
    ("attributes", "order.id=A-1", [], "0 spans, 0 lines"),
]


def test_a_filter_keeps_what_matches_and_what_that_stands_below(page: Opened) -> None:
    for field, asked, rows, found in ASKED:
        page.fill(f"#filter-{field}", asked)
        assert (asked, page.rows, page.text("#found")) == (asked, rows, found)
        page.press("Escape", "Escape")
        assert (asked, page.rows, page.text("#found")) == (asked, ROWS, "")


def test_the_filter_knows_levels_and_services(page: Opened) -> None:
    page.page.select_option("#filter-level", label="WARNING and above")
    page.until(lambda: page.text("#found") == "1 span, 3 lines")
    assert page.rows == [ROWS[0], ROWS[2], CHARGE, ROWS[7], FAILED, *ROWS[16:]]
    assert len(page.texts("#lines-list [role=option]")) == 3
    page.page.select_option("#filter-service", label="cache")
    page.until(lambda: page.text("#found") == "0 spans, 1 line")
    page.press("0")
    page.page.select_option("#filter-service", label="any service")
    page.page.select_option("#filter-level", label="no lines")
    page.until(lambda: page.text("#found") == "5 spans, 0 lines")


def test_what_is_gone_to_ends_a_filter_that_hides_it(page: Opened) -> None:
    page.fill("#filter-text", "stock")
    page.page.locator("#findings button").first.click()
    assert (page.selected, page.rows, page.page.input_value("#filter-text")) == (CHARGE, ROWS, "")


def test_dragging_over_the_overview_shows_a_stretch_of_time_and_what_is_in_it(page: Opened) -> None:
    box = page.page.locator("#overview").bounding_box()
    assert box
    page.page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 9)
    page.page.mouse.down()
    page.page.mouse.move(box["x"] + box["width"] * 0.98, box["y"] + 9, steps=3)
    page.page.mouse.up()
    assert page.rows == [ROWS[0], ROWS[2], CHARGE, *ROWS[10:16]]
    assert all(text.endswith("ms") for text in page.texts("#tree .head .tick") if text)
    page.press("Escape")
    assert page.rows == ROWS


def test_keys_zoom_around_what_is_selected_and_to_a_span(page: Opened) -> None:
    page.page.locator("#tree").get_by_text("SELECT stock").click()
    page.press("z")
    assert page.rows == [ROWS[0], ROWS[2], ROWS[4]]
    page.press("Shift+ArrowRight", "Shift+ArrowRight")
    assert ROWS[4] not in page.rows
    page.press("0", "+", "+", "+")
    assert page.said == "0 ns to 67.5 ms: 7 rows"
    page.press("-", "-", "-")
    assert (page.rows, page.said) == (ROWS, "all of the time: 18 rows")


def test_the_critical_path_is_drawn_and_followed_in_time(page: Opened) -> None:
    widths = page.page.locator("#tree .span .bars").evaluate_all(
        "(bars) => bars.map((bar) => [...bar.querySelectorAll('.wait')].map((part) => parseFloat(part.style.width)))"
    )
    assert widths == [[1.852, 1.852], [1.852, 1.574, 1.852], [0.278], [90.741], []]
    steps = []
    for _ in range(8):
        page.press("f")
        steps.append(page.selected.split()[0])
    assert steps == ["POST", "place", "SELECT", "place", "✗", "place", "POST", "POST"]
    page.press("F", "F")
    assert page.said == "critical path 6 of 7: 10.0 ms in place order"


def test_a_folded_row_says_what_it_hides(page: Opened) -> None:
    page.page.locator("#tree").get_by_text("place order").click()
    page.press("ArrowLeft")
    assert page.rows == [*ROWS[:2], "place order orders → 1 +10 ✗ 2 ! 1", *ROWS[13:]]
    page.press("ArrowRight")
    assert page.rows == ROWS
    page.press("[")
    assert page.rows == [ROWS[0], ROWS[1], "place order orders → 1 +10 ✗ 2 ! 1", f"{ROWS[13]} +2", f"{ROWS[16]} +1 ! 1"]
    page.press("e", "e")
    assert page.selected == FAILED


def test_a_trace_without_spans_or_without_anything_is_shown_all_the_same(open_page: OpenPage) -> None:
    page = open_page(build_trace(TRACE, [], checkout().logs))
    assert page.text("h1") == "no span of this trace is stored"
    assert [row for row in page.rows if "never arrived" in row] == [
        f"? {span_id(number)} never arrived {service}"
        for number, service in ((1, "api-gateway"), (2, "orders"), (4, "payments"), (9, "smtp"))
    ]
    empty = open_page(build_trace(TRACE, [], []))
    empty.press("j", "e", "f", "n", "z", "+", "0", "l", "Enter", "Escape")
    assert (empty.rows, empty.text("#facts")[:25]) == ([], "1 ns · 0 spans · 0 lines ")


def test_circles_and_guesses_are_marked_as_such(open_page: OpenPage) -> None:
    spans = [make_span(5, 6, (80, 5), "retry", "mailer"), make_span(6, 5, (81, 2), "retry again", "mailer")]
    lines = [
        make_line(None, 82, "who wrote this?", "mailer"),
        msgspec.structs.replace(make_line(5, 81, "when?", "mailer"), time=-6_795_364_578_871_345_152),
    ]
    page = open_page(build_trace(TRACE, spans, lines))
    assert page.rows == [
        "? retry mailer", "no time INFO when?", "retry again", "+2.00 ms INFO (guessed) who wrote this?",
    ]  # fmt: skip
    page.page.locator("#tree").get_by_text("retry mailer").or_(page.page.locator("#tree .name").first).first.click()
    facts: dict[str, Any] = dict(zip(page.texts("#details .facts dt"), page.texts("#details .facts dd"), strict=True))
    assert facts["parent"] == f"{span_id(6)} (below it: a circle)"
