"""Whatever users wrote is text on the page, however long or strange; a trace of any size is shown by its parts."""

from __future__ import annotations

from typing import Any

import pytest
from browsing import Opened, OpenPage
from checkout import MS, START, TRACE, make_line, make_span, span_id
from msgspec.structs import replace

from tracelog.model import ExceptionInfo, Span, SpanEvent, SpanLink, Trace
from tracelog.read.tree import build_trace

pytestmark = pytest.mark.browser

MARKUP = "</script><img src=x onerror=alert(1)><script>alert(2)</script><b id=bold>{{data}}</b>&lt;i&gt;"
UNSEEN = "a\x1b[31mb\u202ec\r\nd\x00e\ufefff\u2028g\u200bh\ue000i"
WRITTEN = r"a\x1b[31mb\u202ec\r\nd\x00e\ufefff\u2028g\u200bh\ue000i"
LONG = "long " * 200_000
MANY = {f"key {number}": number for number in range(10_000)}


def attacked(text: str) -> Trace:
    """Return a trace that has a text in every field that is shown."""
    everything: dict[str, Any] = {"attributes": {text: text, "nested": {text: [text]}}, "resource": {text: text}}
    spans = [
        make_span(
            1, None, (0, 500), text, text, status="ERROR", status_message=text, scope=text,
            events=(SpanEvent(START, text, {text: text}),), links=(SpanLink(text, text, {text: text}),), **everything,
        ),
        Span(trace_id=TRACE, span_id=text, parent_span_id=span_id(1), name=text, service="b", start=START, duration=MS),
        replace(make_span(3, None, (0, 1), "c", "c"), parent_span_id=text + "?"),
    ]  # fmt: skip
    failure = ExceptionInfo(type=text, message=text, stacktrace=text)
    lines = [make_line(1, 5, text, text, 17, exception=failure, **everything), make_line(None, 6, text, "d" + text)]
    return build_trace(TRACE, spans, [replace(line, logger=text) for line in lines])


def visit(page: Opened) -> str:
    """Go through every row and look at its details; return all that was shown."""
    shown = [page.ask("document.body.innerText")]
    for _ in page.rows:
        page.press("j")
        shown.append(page.text("#details"))
    return "\n".join(shown)


def elements(page: Opened) -> set[str]:
    return {*page.ask("[...document.querySelectorAll('*')].map((element) => element.localName)")}


def test_markup_is_text_in_every_field(open_page: OpenPage) -> None:
    page, plain = open_page(attacked(MARKUP)), open_page(attacked("plain"))
    shown = visit(page)
    assert shown.count(MARKUP) > 20
    visit(plain)
    assert elements(page) - elements(plain) == set()
    assert page.ask("document.getElementById('bold')") is None


def test_what_cannot_be_seen_is_written_out_and_turns_nothing_around(open_page: OpenPage) -> None:
    page = open_page(attacked(UNSEEN))
    shown = visit(page)
    assert WRITTEN in shown
    assert WRITTEN in page.ask("document.title")
    assert {*"\x1b\u202e\x00\ufeff\u2028\u200b\ue000"} & {*shown} == set()


def test_ids_that_are_none_are_neither_put_into_commands_nor_followed(open_page: OpenPage) -> None:
    page = open_page(attacked("$(reboot); javascript:alert(1)//"))
    page.press("Home")
    assert page.page.locator("#details .copies").get_by_role("button").all_inner_texts() == [
        "copy id", "copy command", "copy Kibana query",
    ]  # fmt: skip
    assert page.page.locator("#details .links button, #details .links a").count() == 0
    span_ids = page.page.locator("#details .facts code")
    while not (span_ids.count() and page.texts("#details .facts dd").count("b")):
        page.press("j")
    assert "reboot" in span_ids.first.inner_text()
    assert "copy command" not in page.page.locator("#details .copies").get_by_role("button").all_inner_texts()


def test_of_long_texts_and_many_attributes_the_first_is_shown_and_the_rest_when_asked_for(open_page: OpenPage) -> None:
    line = make_line(1, 5, LONG, "a", attributes={**MANY, "long": LONG})
    page = open_page(build_trace(TRACE, [make_span(1, None, (0, 9), LONG, "a")], [line]))
    page.press("Home", "j")
    assert page.ask("document.body.innerText.length") < 20_000
    more = page.page.locator("#details pre.message .more")
    assert more.inner_text() == "more (998,000 characters left)"
    more.click()
    assert page.page.locator("#details pre.message .more").inner_text() == "more (948,000 characters left)"
    names = page.page.locator("#details .attributes dt:not(.rest)")
    assert names.count() == 50
    page.page.get_by_role("button", name="more (9,951 left)").click()
    assert names.count() == 550
    page.page.get_by_role("searchbox", name="find in 10,001 attributes").fill("key 9999")
    page.until(lambda: names.count() == 1)
    assert page.texts("#details .attributes dt, #details .attributes dd") == ["key 9999", "9999"]


def test_numbers_are_shown_with_all_of_their_digits(open_page: OpenPage) -> None:
    held = {"id": 2**63 - 1, "share": 0.1, "list": [2**53 + 1, 1.5], "none": None, "yes": True}
    page = open_page(build_trace(TRACE, [make_span(1, None, (0, 9), "a", "a", attributes=held)], []))
    page.press("j")
    values = [text.replace(" ", "") for text in page.texts("#details .attributes dd")]
    assert values[0] == "9223372036854775807"
    assert values[1:2] + values[3:] == ["0.1", "null", "true"]
    assert "9007199254740993" in values[2]


def large(number: int) -> Trace:
    """Return a trace of so many spans, each with a line, of which one near the end fails."""
    spans = [make_span(1, None, (0, number), "root", "shop")]
    spans += [
        make_span(n, 1 + n // 10 if n > 20 else 1, (n, 1), f"call {n}", f"service {n % 5}", kind="CLIENT")
        for n in range(2, number)
    ]
    spans[-5] = replace(spans[-5], status="ERROR")
    return build_trace(TRACE, spans, [make_line(n, n, f"working {n}", "shop", 5) for n in range(1, number)])


def test_of_a_large_trace_only_the_rows_in_sight_are_in_the_document(open_page: OpenPage) -> None:
    page = open_page(large(3000))
    rows = page.page.locator("#tree .body [role=row]")
    assert rows.count() < 120
    folded = page.ask("Number(document.querySelector('#tree').getAttribute('aria-rowcount'))")
    assert folded < 1000
    page.press("]")
    page.until(lambda: page.ask("Number(document.querySelector('#tree').getAttribute('aria-rowcount'))") > 2 * 2999)
    page.ask("void document.querySelector('#tree').scrollTo(0, 1e9)")
    page.page.locator("#tree [aria-rowindex='6000']").wait_for()
    page.press("e")
    assert page.selected.startswith("✗ call 2995")
    page.fill("#filter-text", "working 777")
    assert page.text("#found") == "0 spans, 1 line"
    assert len(page.texts("#lines-list [role=option]")) == 1
    assert rows.count() < 120
