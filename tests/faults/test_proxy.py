"""The proxy before a small server of our own, seen from a plain HTTP client: what passes, and what each fault does."""

from __future__ import annotations

import json
import random
import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from http.client import BadStatusLine, HTTPConnection, IncompleteRead, RemoteDisconnected
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, NamedTuple

import pytest

from .exchange import Counts, Exchange, Fault
from .proxy import FaultProxy, RandomFaults, Script
from .replies import (
    BlackHole,
    DropReply,
    Garbage,
    HtmlPage,
    HttpStatus,
    InvalidJson,
    Redirect,
    Refuse,
    ResetReply,
    ResetRequest,
    SlowReply,
    Throttle,
    TooLarge,
    TruncatedReply,
)

if TYPE_CHECKING:
    from typing_extensions import Self

ANSWER = b'{"answered": true, "padding": "' + b"." * 1000 + b'"}'


class Upstream(ThreadingHTTPServer):
    """A server that remembers what it was asked, in parts for `/chunked`, and answers all the same."""

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        self.asked: list[tuple[str, str, bytes]] = []
        self.counts = Counts()
        super().__init__(("127.0.0.1", port), Answering)
        self.port = self.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self.shutdown()
        self.server_close()


class Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Upstream

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.asked.append((self.command, self.path, body))
        self.server.counts.add("asked")
        self.send_response(204 if self.path == "/nothing" else 200)
        self.send_header("x-mark", "as it is")
        if self.path == "/chunked":
            self.send_header("transfer-encoding", "chunked")
        elif self.path != "/nothing":
            self.send_header("content-length", str(len(ANSWER)))
        self.end_headers()
        if self.path == "/chunked":
            self.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(ANSWER), ANSWER))
        elif self.path != "/nothing" and self.command != "HEAD":
            self.wfile.write(ANSWER)

    do_GET = do_HEAD = do_PUT = do_POST  # noqa: N815 - names that the server looks for

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


class Client(HTTPConnection):
    """A client that keeps its connection, as long as it is kept by the other side."""

    def ask(self, body: bytes = b"{}", path: str = "/_bulk", method: str = "POST") -> Answer:
        self.request(method, path, body)
        response = self.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, headers, response.read())


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as server:
        yield server


@pytest.fixture
def proxy(upstream: Upstream) -> Iterator[FaultProxy]:
    with FaultProxy(upstream.url) as running:
        yield running


def connect(proxy: FaultProxy) -> Client:
    return Client(proxy.url.removeprefix("http://"), timeout=30)


@pytest.fixture
def client(proxy: FaultProxy) -> Iterator[Client]:
    with closing(connect(proxy)) as connected:
        yield connected


def test_without_a_fault_everything_passes_over_one_connection(
    client: Client, proxy: FaultProxy, upstream: Upstream
) -> None:
    large = b"x" * 300_000
    passed = [
        ("GET", "/", b""),
        ("HEAD", "/_bulk", b""),
        ("POST", "/_bulk?filter_path=a,b%20c", large),
        ("PUT", "/nothing", b""),
        ("POST", "/chunked", b"{}"),
    ]
    answers = [client.ask(body, path, method) for method, path, body in passed]
    assert upstream.asked == passed
    assert [answer.status for answer in answers] == [200, 200, 200, 204, 200]
    assert [answer.body for answer in answers] == [ANSWER, b"", ANSWER, b"", ANSWER]
    assert {answer.headers["x-mark"] for answer in answers} == {"as it is"}
    assert answers[1].headers["content-length"] == str(len(ANSWER))
    names = ("connections", "requests", "matched", "bytes_in", "held")
    assert [proxy.counts[name] for name in names] == [1, 5, 2, 300_002, 0]


def test_a_request_in_chunks_passes_whole(client: Client, upstream: Upstream) -> None:
    client.request("POST", "/_bulk", iter([b"one ", b"two ", b"three"]), encode_chunked=True)
    assert client.getresponse().read() == ANSWER
    assert upstream.asked == [("POST", "/_bulk", b"one two three")]


def test_who_asks_before_sending_is_told_to_go_on(client: Client) -> None:
    client.putrequest("POST", "/_bulk")
    client.putheader("content-length", "2")
    client.putheader("expect", "100-continue")
    client.endheaders()
    assert client.sock.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    client.send(b"{}")
    assert client.getresponse().read() == ANSWER


def test_a_fault_befalls_bulks_alone_unless_told_otherwise(
    client: Client, proxy: FaultProxy, upstream: Upstream
) -> None:
    proxy.fault = HttpStatus(503)
    paths = ("/", "/logs/_search", "/_bulk", "/logs/_bulk?refresh=true", "/_bulky")
    assert [client.ask(path=path).status for path in paths] == [200, 200, 503, 503, 200]
    with (
        FaultProxy(upstream.url, HttpStatus(429), matches=lambda method, path: method == "GET") as other,
        closing(connect(other)) as asking,
    ):
        assert [asking.ask(method=method).status for method in ("GET", "POST")] == [429, 200]


def test_while_refusing_nobody_is_connected_and_afterwards_the_same_port_answers(
    client: Client, proxy: FaultProxy, upstream: Upstream
) -> None:
    for _ in range(3):
        client.ask()
        url = proxy.url
        with proxy.refusing():
            with pytest.raises((ConnectionError, BadStatusLine)):
                client.ask()
            client.close()
            with pytest.raises(ConnectionRefusedError):
                client.connect()
        assert proxy.url == url
    assert client.ask().body == ANSWER
    assert len(upstream.asked) == 4


def test_refusing_as_a_fault_ends_by_itself_and_at_the_latest_when_released(
    client: Client, proxy: FaultProxy, upstream: Upstream
) -> None:
    for times, seconds in enumerate((0.05, 3600.0), start=1):
        proxy.fault = Script(Refuse(seconds))
        with pytest.raises((ConnectionError, BadStatusLine)):
            client.ask()
        client.close()
        if seconds > 60:
            proxy.counts.wait_for("held")
            with pytest.raises(ConnectionRefusedError):
                client.connect()
            proxy.release()
        proxy.counts.wait_for("opened", times + 1)
        assert client.ask().body == ANSWER
    assert (proxy.counts["Refuse"], len(upstream.asked)) == (2, 2)


def test_a_request_is_reset_and_never_comes_to_the_upstream(
    client: Client, proxy: FaultProxy, upstream: Upstream
) -> None:
    for after in (0, 1, 70_000, 200_000):
        proxy.fault = ResetRequest(after)
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            client.ask(b"x" * 200_000)
        client.close()
    assert (upstream.asked, proxy.counts["ResetRequest"]) == ([], 4)
    assert proxy.counts["bytes_in"] == 270_001


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (ResetReply(0), ConnectionResetError),
        (ResetReply(10), ConnectionResetError),
        (TruncatedReply(10), IncompleteRead),
        (DropReply(), RemoteDisconnected),
        (InvalidJson(), json.JSONDecodeError),
        (Garbage(), BadStatusLine),
    ],
    ids=repr,
)
def test_a_reply_is_damaged_after_the_upstream_has_done_its_work(
    fault: Fault, error: type[Exception], client: Client, proxy: FaultProxy, upstream: Upstream
) -> None:
    proxy.fault = Script(None, fault)
    client.ask()
    with pytest.raises(error) as caught:
        json.loads(client.ask().body)
    assert type(caught.value) is error
    assert proxy.counts[fault.name] == 1
    client.close()
    assert client.ask().body == ANSWER
    assert len(upstream.asked) == 3


def test_a_truncated_reply_is_the_beginning_of_the_true_one(client: Client, proxy: FaultProxy) -> None:
    proxy.fault = TruncatedReply(10)
    with pytest.raises(IncompleteRead) as caught:
        client.ask()
    assert caught.value.partial == ANSWER[:10]


def test_a_black_hole_answers_nobody_and_hangs_up_when_released(
    client: Client, proxy: FaultProxy, upstream: Upstream
) -> None:
    proxy.fault = BlackHole()
    with ThreadPoolExecutor() as pool, closing(connect(proxy)) as other:
        asking = [pool.submit(each.ask) for each in (client, other)]
        proxy.counts.wait_for("held", 2)
        assert [each.done() for each in asking] == [False, False]
        proxy.release()
        assert [type(each.exception(30)) for each in asking] == [RemoteDisconnected] * 2
    assert upstream.asked == []


def test_a_black_hole_may_pass_on_late_what_its_client_has_long_given_up(
    client: Client, proxy: FaultProxy, upstream: Upstream
) -> None:
    proxy.fault = BlackHole(forward=True)
    client.timeout = 0.05
    with pytest.raises(TimeoutError):
        client.ask(b"late")
    client.close()
    proxy.counts.wait_for("held")
    proxy.fault = Script(DropReply())  # the next to come is one of the other fault
    with pytest.raises(RemoteDisconnected):
        client.ask(b"again")
    upstream.counts.wait_for("asked", 2)
    assert sorted(body for _, _, body in upstream.asked) == [b"again", b"late"]


def test_a_slow_reply_comes_whole_when_its_time_is_over_or_when_released(
    client: Client, proxy: FaultProxy, upstream: Upstream
) -> None:
    proxy.fault = SlowReply(0.1)
    begin = time.monotonic()
    assert client.ask().body == ANSWER
    assert time.monotonic() - begin >= 0.1
    proxy.fault = SlowReply(3600)
    with ThreadPoolExecutor() as pool:
        asking = pool.submit(client.ask)
        proxy.counts.wait_for("held")
        assert (len(upstream.asked), asking.done()) == (2, False)
        proxy.fault = None
        assert asking.result(30).body == ANSWER


def test_a_throttled_connection_takes_its_time_both_ways_until_released(client: Client, proxy: FaultProxy) -> None:
    proxy.fault = Throttle(10_000)
    begin = time.monotonic()
    assert client.ask(b"x" * 1000).body == ANSWER
    assert time.monotonic() - begin >= 0.2
    proxy.fault = Throttle(1)
    with ThreadPoolExecutor() as pool:
        asking = pool.submit(client.ask)
        proxy.counts.wait_for("Throttle", 2)
        proxy.release()
        assert asking.result(30).body == ANSWER


@pytest.mark.parametrize("status", [401, 403, 429, 502, 503, 504])
@pytest.mark.parametrize("retry_after", [None, 7])
def test_a_status_is_answered_as_elasticsearch_would_and_the_connection_goes_on(
    status: int, retry_after: int | None, client: Client, proxy: FaultProxy, upstream: Upstream
) -> None:
    proxy.fault = Script(HttpStatus(status, retry_after=retry_after))
    answer, _ = client.ask(), client.ask()
    assert answer.status == status
    assert answer.headers.get("retry-after") == (None if retry_after is None else "7")
    assert answer.headers["x-elastic-product"] == "Elasticsearch"
    said = json.loads(answer.body)
    assert (said["status"], set(said["error"])) == (status, {"root_cause", "type", "reason"})
    assert (proxy.counts["connections"], len(upstream.asked)) == (1, 1)


@pytest.mark.parametrize(
    "fault", [HttpStatus(504, forward=True), HtmlPage(504, forward=True), InvalidJson(), Garbage()], ids=repr
)
def test_a_gateway_may_answer_for_itself_though_it_has_passed_the_request_on(
    fault: Fault, proxy: FaultProxy, upstream: Upstream, client: Client
) -> None:
    proxy.fault = fault
    with suppress(BadStatusLine):
        assert client.ask().body != ANSWER
    assert len(upstream.asked) == 1


def test_a_page_of_a_gateway_is_html(client: Client, proxy: FaultProxy, upstream: Upstream) -> None:
    proxy.fault = HtmlPage()
    answer = client.ask()
    assert (answer.status, answer.headers["content-type"], upstream.asked) == (502, "text/html", [])
    assert answer.body.startswith(b"<html>")


def test_what_is_too_large_is_what_has_more_bytes_than_the_limit(
    client: Client, proxy: FaultProxy, upstream: Upstream
) -> None:
    proxy.fault = TooLarge(100)
    assert [client.ask(b"x" * size).status for size in (100, 101, 99)] == [200, 413, 200]
    assert (proxy.counts["TooLarge"], len(upstream.asked)) == (1, 2)


@pytest.mark.parametrize("status", [302, 307])
def test_who_follows_a_redirect_is_seen_at_the_other_host(
    status: int, client: Client, proxy: FaultProxy, upstream: Upstream
) -> None:
    with FaultProxy(upstream.url) as elsewhere:
        proxy.fault = Redirect(elsewhere.url, status)
        answer = client.ask(path="/_bulk?pretty=true")
        assert (answer.status, answer.headers["location"]) == (status, f"{elsewhere.url}/_bulk?pretty=true")
        assert (elsewhere.counts["connections"], upstream.asked) == (0, [])
        with closing(connect(elsewhere)) as following:
            following.ask()
        assert elsewhere.counts["connections"] == 1


def test_a_script_plays_each_fault_once_in_turn_and_then_none(client: Client, proxy: FaultProxy) -> None:
    proxy.fault = Script(HttpStatus(429), None, HttpStatus(503))
    assert [client.ask(path="/_bulk").status for _ in range(5)] == [429, 200, 503, 200, 200]
    assert repr(proxy.fault).endswith(", 0 left")


def test_the_same_seed_plays_the_same_faults(client: Client, proxy: FaultProxy) -> None:
    seed = random.randrange(2**32)
    runs = []
    for _ in range(2):
        proxy.fault = RandomFaults(seed, [HttpStatus(429), HttpStatus(503)], probability=0.5)
        runs.append([client.ask().status for _ in range(40)])
    assert runs[0] == runs[1], proxy
    assert set(runs[0]) == {200, 429, 503}, proxy
    assert f"seed={seed}" in repr(proxy)
    assert sum(proxy.counts[f"HttpStatus {status}"] for status in (429, 503)) == 80 - 2 * runs[0].count(200)


def test_when_the_upstream_has_gone_the_client_is_hung_up_on_until_it_is_back() -> None:
    with Upstream() as upstream, FaultProxy(upstream.url) as proxy, closing(connect(proxy)) as client:
        client.ask()
        upstream.__exit__()
        client.close()
        with pytest.raises(RemoteDisconnected):
            client.ask()
        client.close()
        with Upstream(upstream.port) as again:
            assert client.ask().body == ANSWER
            assert len(again.asked) == 1


def test_closing_the_proxy_ends_what_it_holds_and_leaves_no_thread(upstream: Upstream) -> None:
    before = set(threading.enumerate())
    with ThreadPoolExecutor() as pool:
        with FaultProxy(upstream.url, BlackHole()) as proxy:
            idle, held, refused = connect(proxy), connect(proxy), connect(proxy)
            idle.connect()
            asking = [pool.submit(held.ask)]
            proxy.counts.wait_for("held")
            with proxy._lock:
                proxy._fault = Refuse(3600)
            asking.append(pool.submit(refused.ask))
            proxy.counts.wait_for("held", 2)
        assert [isinstance(each.exception(30), (ConnectionError, BadStatusLine)) for each in asking] == [True, True]
    for client in (idle, held, refused):
        client.close()
    left = set(threading.enumerate()) - before
    assert not [thread for thread in left if thread.name.endswith(("(_accept)", "(_serve)"))]


def test_a_mistake_in_a_fault_fails_the_test_that_plays_it(upstream: Upstream) -> None:
    class Mistaken(Fault):
        def play(self, exchange: Exchange) -> None:
            raise ZeroDivisionError

    with (
        pytest.raises(ZeroDivisionError),
        FaultProxy(upstream.url, Mistaken()) as proxy,
        closing(connect(proxy)) as client,
        pytest.raises(RemoteDisconnected),
    ):
        client.ask()


def test_waiting_for_what_does_not_happen_ends_and_says_what_did(client: Client, proxy: FaultProxy) -> None:
    client.ask()
    with pytest.raises(
        TimeoutError, match=re.escape("'DropReply' has not come to 1 after 0.01 s: {'opened': 1, 'conn")
    ):
        proxy.counts.wait_for("DropReply", timeout=0.01)
