"""The page as a file: the data that it carries, and what keeps everything but its own script from running."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections import Counter
from hashlib import sha256
from html.parser import HTMLParser
from typing import Any

import msgspec
from checkout import MS, OTHER, START, TRACE, checkout, make_line, make_span, span_id

from tracelog.model import Span, SpanEvent, SpanLink, Trace
from tracelog.read.tree import build_trace
from tracelog.show import palette
from tracelog.show.page import page_html
from tracelog.show.page.data import CRITICAL, EVENT, GAP, GHOST, GUESSED, LINE, ORPHAN, SPAN, TIMELESS, page_object
from tracelog.show.page.sources import frame, join_modules
from tracelog.show.services import colour_of


class Page(HTMLParser):
    """The elements of a page that hold text of their own, and what of it would load something."""

    def __init__(self, trace: Trace) -> None:
        super().__init__()
        self.held: dict[str, str] = {}
        self.policy = ""
        self.elements: Counter[str] = Counter()
        self.loads: list[str] = []
        self._inside = ""
        self.feed(b"".join(page_html(trace)).decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.elements[tag] += 1
        self._inside = found.get("type") or tag
        self.loads += [f"{tag} {name}" for name in ("src", "href", "action", "style") if name in found]
        if found.get("http-equiv") == "Content-Security-Policy":
            self.policy = found.get("content") or ""

    def handle_data(self, data: str) -> None:
        self.held[self._inside] = self.held.get(self._inside, "") + data

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""


def test_the_data_is_the_timeline_in_columns_each_text_once() -> None:
    root = make_span(
        1, None, (0, 540), "GET /", "shop", kind="SERVER", attributes={"http.route": "/"}, resource={"host.name": "a"}
    )
    call = make_span(
        2, 1, (10, 500), "GET /", "cards", status="ERROR", status_message="no",
        events=(SpanEvent(START + 20 * MS, "exception", {"exception.type": "KeyError"}),),
        links=(SpanLink(OTHER, span_id(7), {"why": "batch"}),),
    )  # fmt: skip
    orphan = make_span(3, 99, (530, 1), "late", "shop")
    lines = [make_line(2, 100, "GET /", "cards", 13), make_line(None, 5, "guess", "shop", 0, attributes={"n": 1.0})]
    timeless = msgspec.structs.replace(make_line(1, 1, "when?", "shop"), time=-(2**62))
    data = page_object(build_trace(TRACE, [root, call, orphan], [*lines, timeless]))
    texts, rows = data["texts"], data["rows"]
    assert len(texts) == len(set(texts))
    assert {name: data[name] for name in ("trace_id", "start", "duration", "root", "complete", "services")} == {
        "trace_id": TRACE, "start": "2026-04-19T14:23:01.200Z", "duration": 540 * MS, "root": 0, "complete": False,
        "services": [{"name": name, "colour": colour_of(name)} for name in ("shop", "cards")],
    }  # fmt: skip
    assert list(zip(rows["kind"], rows["parent"], rows["at"], rows["duration"], rows["flags"], strict=True)) == [
        (SPAN, -1, 0, 540 * MS, CRITICAL),
        (LINE, 0, 0, 0, TIMELESS),
        (LINE, 0, 5 * MS, 0, GUESSED),
        (SPAN, 0, 10 * MS, 500 * MS, CRITICAL),
        (EVENT, 3, 20 * MS, 0, 0),
        (LINE, 3, 100 * MS, 0, 0),
        (GAP, 3, 100 * MS, 410 * MS, 0),
        (GHOST, -1, 530 * MS, 1 * MS, 0),
        (SPAN, 7, 530 * MS, 1 * MS, ORPHAN),
    ]
    assert [texts[place] for place in rows["text"]] == [
        "GET /", "when?", "guess", "GET /", "exception", "GET /", "waited in silence", "never arrived", "late",
    ]  # fmt: skip
    assert [texts[place] for place in rows["id"]] == [
        span_id(1),
        "",
        "",
        span_id(2),
        "",
        "",
        "",
        span_id(99),
        span_id(3),
    ]
    assert (rows["severity"], rows["service"]) == ([0, 2, 0, 4, 0, 3, 0, 0, 0], [0, 0, 0, 1, 1, 1, 1, 0, 0])
    assert (rows["self"][0], rows["self"][3]) == (40 * MS, 500 * MS)
    assert [texts[place] for place in rows["attributes"] if place] == [
        '{"http.route":"/"}', '{"n":1.0}', '{"exception.type":"KeyError"}',
    ]  # fmt: skip
    rest = [json.loads(texts[place] or "null") for place in rows["rest"]]
    assert rest[0] == {"kind": "SERVER", "resource": {"host.name": "a"}}
    assert rest[3] == {
        "kind": "INTERNAL", "status": "ERROR", "status_message": "no",
        "links": [{"trace_id": OTHER, "span_id": span_id(7), "attributes": {"why": "batch"}}],
    }  # fmt: skip
    assert rest[4]["exception"]["type"] == "KeyError"
    assert data["path"] == {"row": [0, 3, 0], "from": [0, 10 * MS, 510 * MS], "to": [10 * MS, 510 * MS, 540 * MS]}
    assert [(finding["kind"], finding["rows"]) for finding in data["findings"]] == [("gap", [3]), ("orphan", [8])]


def test_the_page_may_run_its_own_script_and_style_and_nothing_else() -> None:
    page = Page(checkout())

    def hash_of(text: str) -> str:
        return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"

    assert dict(part.strip().split(" ", 1) for part in page.policy.split(";")) == {
        "default-src": "'none'", "script-src": hash_of(page.held["module"]), "style-src": hash_of(page.held["style"]),
        "img-src": "data:", "base-uri": "'none'", "form-action": "'none'", "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }  # fmt: skip
    assert page.loads == ["link href"]


def test_whatever_is_written_stays_in_the_one_inert_element() -> None:
    hostile = "</script><script>alert(1)</script><!--<script>\r\n\x00\u2028]]>"
    trace = build_trace(TRACE, [Span(**hostile_span(hostile))], [make_line(1, 1, hostile, hostile)])
    plain, attacked = Page(build_trace(TRACE, [], [])), Page(trace)
    assert attacked.elements == plain.elements
    assert "<" not in attacked.held["application/json"]
    assert hostile in json.loads(attacked.held["application/json"])["texts"]
    assert {**attacked.held, "application/json": ""} == {**plain.held, "application/json": ""}


def hostile_span(text: str) -> dict[str, Any]:
    return {
        "trace_id": TRACE, "span_id": span_id(1), "name": text, "service": text, "start": START, "duration": MS,
        "status": "ERROR", "status_message": text, "attributes": {text: text}, "resource": {text: [text]},
        "events": (SpanEvent(START, text, {text: text}),), "links": (SpanLink(text, text, {text: text}),),
    }  # fmt: skip


def test_without_its_data_the_page_is_small_and_has_no_trace_of_modules() -> None:
    before, behind = frame()
    assert len(before) + len(behind) < 200_000
    script = join_modules("main.js")
    assert not re.search(r"^\s*(import|export)\b(?!\()", script, flags=re.MULTILINE)
    for name in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "fetch("):
        assert name not in script


def test_no_two_modules_have_a_name_in_common_for_joined_they_share_one_scope() -> None:
    named = re.findall(
        r"^(?:async )?(?:function\*?|class|const|let) (\w+)", join_modules("main.js"), flags=re.MULTILINE
    )
    assert [name for name, count in Counter(named).items() if count > 1] == []


def test_a_service_has_one_colour_on_the_page_and_on_a_terminal() -> None:
    names = [f"service-{number}" for number in range(200)]
    styles = {colour_of(name): palette.service_style(name) for name in names}
    assert len(styles) == 8
    assert [palette.service_style(name) for name in names] == [styles[colour_of(name)] for name in names]
