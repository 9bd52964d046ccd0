"""The served page, asked over HTTP: what it answers on every store, whom it refuses, and how it begins and ends."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
import uvicorn
from documents import keep, make_line, make_span, span_id, trace_id

from tracelog.show.ui.server import application
from tracelog.store import Store, open_store

SECOND = 10**9
ALL = "since=&until="
HOSTILE = "<img src=x onerror=alert(1)> \x1b[31m \u202e {{ 7 * 7 }}"
Get = Callable[..., httpx.Response]


def fill(store: Store) -> None:
    """Store three orders, the third slow and failed, and one trace whose texts mean harm."""
    for n, (ms, status) in enumerate(((10, "UNSET"), (20, "OK"), (2000, "ERROR")), start=1):
        keep(
            store,
            make_span(1, trace=n, at=n * SECOND, ms=ms, name="POST /orders", kind="SERVER", status=status),
            make_span(2, trace=n, parent=1, at=n * SECOND, ms=ms // 2, name="reserve", service="inventory"),
            make_line(
                n, "reserved", trace=n, span=2, at=n * SECOND, attributes={"order.id": f"A-{n}", "batch.id": "B"}
            ),
        )
    keep(store, make_span(1, trace=9, at=20 * SECOND, ms=5, name=HOSTILE, service=HOSTILE, kind="SERVER"))


class Served:
    """A store's pages at an address of their own, until the end of the test."""

    def __init__(self, store: Store) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._server = uvicorn.Server(uvicorn.Config(application(store), log_level="warning"))
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._listening]})
        self._thread.start()
        self.port = self._listening.getsockname()[1]
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=30)

    def close(self) -> None:
        self.client.close()
        self._server.should_exit = True
        self._thread.join(30)
        self._listening.close()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with open_store(f"sqlite:{tmp_path_factory.mktemp('served')}/shop.db") as store:
        fill(store)
        yield store


@pytest.fixture(scope="module")
def served(shop: Store) -> Iterator[Served]:
    found = Served(shop)
    yield found
    found.close()


@pytest.fixture
def get(served: Served) -> Get:
    return served.client.get


def cells(html: str, heading: str) -> list[list[str]]:
    """Return the texts of the rows of the table below a heading."""
    (table,) = re.findall(rf'aria-labelledby="{heading}">\s*<table>.*?<tbody>(.*?)</tbody>', html, re.DOTALL)
    rows = [re.findall(r"<td.*?</td>", row, re.DOTALL) for row in re.findall(r"<tr>(.*?)</tr>", table, re.DOTALL)]
    return [[" ".join(re.sub(r"<[^>]+>", " ", cell).split()) for cell in row] for row in rows]


def test_a_search_is_answered_by_every_store(store: Store) -> None:
    fill(store)
    served = Served(store)
    try:
        html = served.client.get(f"/?{ALL}&service=shop&operation=POST+/orders&attributes=").text
    finally:
        served.close()
    assert cells(html, "slowest") == [
        ["2.00 s", "POST /orders shop", "2", "1", "1", "2026-04-19 14:23:03 UTC"],
        ["20.0 ms", "POST /orders shop", "2", "1", "", "2026-04-19 14:23:02 UTC"],
        ["10.0 ms", "POST /orders shop", "2", "1", "", "2026-04-19 14:23:01 UTC"],
    ]
    assert cells(html, "latency") == [["POST /orders shop server", "3", "1", "20.0 ms", "2.00 s", "2.00 s", "2.00 s"]]
    dots = re.findall(r'<a href="/trace/(\w+)" tabindex="-1"><circle class="(\w+)"', html)
    assert [dot for dot in dots if dot[1] in ("trace", "failed")] == [
        (trace_id(1), "trace"), (trace_id(2), "trace"), (trace_id(3), "failed"),
    ]  # fmt: skip
    assert {(trace_id(3), "p99"), (trace_id(1), "p50")} <= set(dots)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("min=15ms&service=shop", [3, 2]),
        ("max=15ms&service=shop", [1]),
        ("errors=yes", [3]),
        ("attributes=order.id%3DA-2", []),
        ("until=2026-04-19T14:23:02&service=shop", [1]),
        ("service=inventory&operation=reserve", [3, 2, 1]),
        ("service=inventory&operation=reserve&kind=INTERNAL&min=1s", [3]),
    ],
)
def test_a_search_finds_what_its_fields_say(get: Get, query: str, found: list[int]) -> None:
    html = get(f"/?{ALL.partition('&')[0]}&{query}").text
    assert re.findall(r'class="figure"><a href="/trace/(\w+)"', html.partition('id="latency"')[0]) == [
        trace_id(n) for n in found
    ]


@pytest.mark.parametrize("query", ["service=inventory", "service=shop&errors=yes&operation=none", ""])
def test_of_all_that_is_stored_the_window_is_where_something_is_and_all_services_can_be_chosen(
    get: Get, query: str
) -> None:
    html = get(f"/?{ALL}&{query}").text
    (window,) = re.findall(r'<span class="window">([^<]+)</span>', html)
    assert re.findall(r"[\d-]{10} \d\d:\d\d", window) == ["2026-04-19 14:23"] * 2
    assert re.findall(r'class="pin" href="[^"]*since=(?:&amp;|&)until=2026-04-19T14', html)
    assert {"shop", "inventory"} <= set(re.findall(r'<option value="(\w+)"', html.partition("</select>")[0]))


def test_fields_keep_what_was_asked(get: Get) -> None:
    html = get(f"/?{ALL}&service=shop&operation=POST+/orders&min=1ms&errors=yes&limit=50").text
    assert '<option value="shop" selected>' in html
    assert 'name="operation" value="POST /orders"' in html
    assert 'name="min" value="1ms"' in html
    assert 'name="errors" value="yes" checked' in html
    assert "<option selected>50</option>" in html


def test_an_empty_window_leads_to_all_that_is_stored(get: Get) -> None:
    html = get("/").text
    assert 'Nothing was found in this window. <a href="/?since=">Look in all that is stored.</a>' in html


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("min=long", "not a duration: &#39;long&#39;"),
        ("since=yore", "not a time: &#39;yore&#39;"),
        ("limit=1000000", "limit &#39;1000000&#39; is not one of 50, 200, 1000"),
        ("kind=nonsense", "kind &#39;nonsense&#39; is not one of INTERNAL"),
        ("attributes=%3D3", "="),
    ],
)
def test_a_question_that_makes_no_sense_is_said_to_be_one(get: Get, query: str, said: str) -> None:
    answer = get(f"/?{query}")
    assert answer.status_code == 400
    (problem,) = re.findall(r'role="alert">(.*?)</p>', answer.text)
    assert said in problem


def test_any_id_leads_to_its_trace(get: Get) -> None:
    for wanted in (trace_id(3), trace_id(3).upper(), f"00-{trace_id(3)}-{span_id(1)}-01", "A-3"):
        answer = get("/find", params={"q": wanted})
        assert (answer.status_code, answer.headers["location"]) == (303, f"/trace/{trace_id(3)}")


def test_a_value_of_several_traces_leads_to_a_list(get: Get) -> None:
    assert cells(get("/find", params={"q": "B"}).text, "matches") == [
        ["2.00 s", trace_id(3), "batch.id", "B", "1", "2", "1", "1", "2026-04-19 14:23:03 UTC"],
        ["20.0 ms", trace_id(2), "batch.id", "B", "1", "2", "1", "", "2026-04-19 14:23:02 UTC"],
        ["10.0 ms", trace_id(1), "batch.id", "B", "1", "2", "1", "", "2026-04-19 14:23:01 UTC"],
    ]


def test_what_is_nowhere_is_not_found(get: Get) -> None:
    for path, said in (
        ("/find?q=A-77", "nothing found for &#39;A-77&#39;"),
        ("/find", "nothing found for &#39;&#39;"),
        (f"/trace/{'c' * 32}", "c" * 32),
        ("/trace/no-id", "&#39;no-id&#39; is no trace id"),
        (f"/trace/{'0' * 32}", "is no trace id"),
        ("/trace/..%2F..%2Fetc", "no page at"),
        ("/nowhere", "no page at /nowhere"),
    ):
        answer = get(path)
        assert (answer.status_code, said in answer.text) == (404, True), path


def test_a_trace_is_shown_on_its_own_page(get: Get) -> None:
    answer = get(f"/trace/{trace_id(3)}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert f'"trace_id":"{trace_id(3)}"' in answer.text
    assert '"home":"/"' in answer.text


def test_text_that_means_harm_stays_text(get: Get) -> None:
    for path in (f"/?{ALL}", f"/trace/{trace_id(9)}", f"/find?q={quote(HOSTILE)}", f"/?{ALL}&service={quote(HOSTILE)}"):
        html = get(path).text
        assert "<img" not in html, path
        assert "{{ 7 * 7 }}" in html, path
        seen = re.sub(r"<script.*?</script>|<[^>]*>", "", html, flags=re.DOTALL)
        assert ("\x1b" in seen, "\u202e" in seen) == (False, False), path
    assert "\\x1b[31m \\u202e {{ 7 * 7 }}" in get(f"/?{ALL}").text


@pytest.mark.parametrize("path", [f"/?{ALL}", f"/trace/{trace_id(3)}", "/find?q=B", "/nowhere"])
def test_every_page_forbids_whatever_it_does_not_need(get: Get, path: str) -> None:
    headers = get(path).headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "no-referrer")
    assert (headers["cache-control"], headers["cross-origin-resource-policy"]) == ("no-store", "same-origin")


def test_only_requests_to_this_machine_are_answered(served: Served) -> None:
    for host, code in (("127.0.0.1", 200), (f"localhost:{served.port}", 200), ("evil.example", 400), ("10.0.0.1", 400)):
        assert served.client.get(f"/?{ALL}", headers={"host": host}).status_code == code, host


def test_requests_from_pages_of_other_sites_are_refused(served: Served) -> None:
    own = f"http://127.0.0.1:{served.port}"
    for origin, code in ((own, 200), ("https://evil.example", 403), ("null", 403), ("http://127.0.0.1:1", 403)):
        assert served.client.get(f"/?{ALL}", headers={"origin": origin}).status_code == code, origin


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_it_only_reads(served: Served, method: str) -> None:
    for path in ("/", "/find", f"/trace/{trace_id(1)}"):
        assert served.client.request(method, path).status_code == 405


def test_a_store_that_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    with open_store(f"sqlite:{tmp_path}/none.db") as store:
        served = Served(store)
        try:
            for path in ("/", "/find?q=A-1", f"/trace/{trace_id(1)}"):
                answer = served.client.get(path)
                assert (answer.status_code, "no store at" in answer.text) == (503, True), path
        finally:
            served.close()


def test_the_command_says_where_it_serves_and_ends_when_interrupted(shop: Store) -> None:
    command = [sys.executable, "-m", "tracelog", "ui", "--port", "0", "--store", shop.url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        address = process.stdout.readline().strip()
        assert httpx.get(f"{address}?{ALL}", timeout=30).status_code == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        assert process.stderr.read() == f"serving {shop.url}: interrupt to end\n"


def test_the_command_does_not_serve_a_store_that_is_not_there(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tracelog", "ui", "--port", "0", "--store", f"sqlite:{tmp_path}/none.db"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"tracelog: no store at sqlite:{tmp_path}/none.db (write to it first, ")


def test_a_port_that_is_taken_is_said_to_be(shop: Store, served: Served) -> None:
    command = [sys.executable, "-m", "tracelog", "ui", "--port", str(served.port), "--store", shop.url]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"tracelog: port {served.port}: Address already in use (name another with --port)\n"


@pytest.mark.parametrize("library", ["jinja2", "starlette", "uvicorn"])
def test_a_library_that_is_missing_is_named_by_its_extra(library: str, tmp_path: Path) -> None:
    program = f"import sys; sys.modules['{library}'] = None; from tracelog.cli import run; sys.exit(run(['ui']))"
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    said = "tracelog: the served page needs the extra 'ui': pip install 'tracelog[ui]'\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", said)
