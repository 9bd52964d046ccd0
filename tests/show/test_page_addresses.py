"""What leads to the page and away from it: addresses of spans and lines, links between traces, what is copied."""

from __future__ import annotations

import pytest
from browsing import Opened, OpenPage
from checkout import TRACE, checkout, make_span, span_id
from msgspec.structs import replace

from tracelog.model import LinkedTrace, SpanLink
from tracelog.read.tree import build_trace

pytestmark = pytest.mark.browser

CHARGE = "✗ charge card payments"
WARNING = (
    "+100 ms WARN the card gateway is slow to answer and the payment service is going to wait for it for a while longer"
)
GAP = "+100 ms ⋮ waited in silence"
GHOST = "? 0000000000000008 never arrived"


def test_an_address_names_a_span_or_a_line_and_follows_the_selection(open_page: OpenPage) -> None:
    page = open_page(checkout(), f"#span={span_id(4)}")
    assert page.selected == CHARGE
    page.press("j", "j")
    assert (page.selected, page.hash) == (GAP, f"#span={span_id(4)}")
    page.press("k")
    assert page.hash == "#line=4"
    assert open_page(checkout(), "#line=4").selected == WARNING
    page.ask(f"void (location.hash = 'span={span_id(8)}')")
    page.until(lambda: page.selected == GHOST)


def test_an_address_that_names_nothing_selects_nothing(open_page: OpenPage) -> None:
    page = open_page(checkout(), "#span=%00")
    assert (len(page.rows), page.selected, page.said) == (18, "", "not in this trace: span=%00")
    for address in (f"span={span_id(77)}", "line=99", "line=x", "line=-1", "span=", "<script>", "span=<b>"):
        page.ask(f"""new Promise((done) => {{
          addEventListener("hashchange", done, {{ once: true }});
          location.hash = {address!r};
        }})""")
        assert (len(page.rows), page.selected) == (18, "")


def copied(page: Opened) -> str:
    return str(page.ask("navigator.clipboard.readText()"))


def test_ids_commands_and_queries_are_copied(open_page: OpenPage) -> None:
    page = open_page(checkout(), permissions=["clipboard-read", "clipboard-write"])

    def copy(place: str, label: str) -> str:
        page.page.locator(place).get_by_role("button", name=label).click()
        page.until(lambda: page.said.startswith("copied"))
        return copied(page)

    of_trace = f'trace_id: "{TRACE}" or trace.id: "{TRACE}" or traceID: "{TRACE}"'
    assert copy("#copies", "copy id") == TRACE
    assert copy("#copies", "copy command") == f"tracelog show {TRACE}"
    assert copy("#copies", "copy Kibana query") == of_trace
    page.page.locator("#tree").get_by_text("place order").click()
    fields = ("span_id", "span.id", "transaction.id", "spanID")
    of_span = " or ".join(f'{field}: "{span_id(2)}"' for field in fields)
    assert copy("#details", "copy id") == span_id(2)
    assert copy("#details .copies", "copy command") == f"tracelog show {TRACE} --span {span_id(2)}"
    assert copy("#details", "copy Kibana query") == f"({of_trace}) and ({of_span})"
    assert copy("#details .links", "copy command") == "tracelog show c0ffee00c0ffee00c0ffee00c0ffee00"
    page.press("c")
    page.until(lambda: copied(page) == span_id(2))


def test_where_the_clipboard_is_closed_it_is_copied_all_the_same(open_page: OpenPage) -> None:
    page = open_page(checkout(), permissions=["clipboard-read"])
    page.ask("void Object.defineProperty(navigator.clipboard, 'writeText', { value: () => Promise.reject() })")
    page.page.locator("#copies").get_by_role("button", name="copy id").click()
    page.until(lambda: page.said == f"copied: {TRACE}")
    assert copied(page) == TRACE
    assert page.ask("document.querySelectorAll('textarea').length") == 0


def test_links_lead_to_the_traces_that_the_page_has_and_back(open_page: OpenPage) -> None:
    first, second, third = (f"{number:032x}" for number in (1, 2, 3))
    publish = replace(
        make_span(1, None, (0, 9), "publish", "shop", links=(SpanLink(third, span_id(9)),)), trace_id=first
    )
    consume = replace(
        make_span(2, None, (20, 9), "consume", "mailer", links=(SpanLink(first, span_id(1)),)), trace_id=second
    )
    trace, other = build_trace(first, [publish], [], [consume]), build_trace(second, [consume], [])
    known = (
        LinkedTrace(trace_id=second, incoming=True, trace=other, span=publish),
        LinkedTrace(trace_id=third, incoming=False, span=publish),
    )
    page = open_page(replace(trace, linked=known))
    page.press("j")
    links = page.page.locator("#details .links a")
    assert page.texts("#details .links a") == [f"{second} {span_id(2)}"]
    assert "nothing of it is stored" in page.texts("#details .links li")[0]
    links.click()
    page.page.locator("h1").get_by_text("consume").wait_for()
    assert (page.selected, page.hash) == ("consume mailer → 1", f"#trace={second}&span={span_id(2)}")
    assert page.texts("#details .links a") == [f"{first} {span_id(1)}"]
    page.page.go_back()
    page.page.locator("h1").get_by_text("publish").wait_for()
    assert page.selected == "publish shop → 1 ← 1"
