"""What only the Elasticsearch store has to get right: addresses, rights, versions, mappings, failures in a line."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import elasticsearch
import msgspec
import pytest
from documents import START, keep, make_line, make_span, span_id, trace_id
from nodes import NodeURL
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from tracelog.errors import ConfigurationError, StoreRejectedError, StoreUnavailableError
from tracelog.model import Match
from tracelog.schema import otel
from tracelog.store import open_store
from tracelog.store.base import Refusal, WriteResult
from tracelog.store.elastic.address import Address, parse_address
from tracelog.store.elastic.templates import templates
from tracelog.store.elastic.writing import Writer
from tracelog.store.elasticsearch import ElasticsearchStore

if TYPE_CHECKING:
    from typing_extensions import Self


def ask(store: ElasticsearchStore, method: str, path: str, body: Any = None) -> Any:
    """Send a request that no store would send."""
    return store._request(method, path, body)


def test_an_address_is_parted_into_hosts_and_credentials() -> None:
    texts = (
        "http://localhost:9200",
        "https://example.org",
        "http://elastic:p%40ss:word@a:9200,b:9201/prefix/",
        "http://user:p@ss/w,ord@[::1]:9200",
    )
    assert [parse_address(text) for text in texts] == [
        Address("http://localhost:9200", ("http://localhost:9200",)),
        Address("https://example.org", ("https://example.org:443",)),
        Address("http://a:9200,b:9201/prefix/", ("http://a:9200", "http://b:9201/prefix"), ("elastic", "p@ss:word")),
        Address("http://[::1]:9200", ("http://[::1]:9200",), ("user", "p@ss/w,ord")),
    ]


@pytest.mark.parametrize(
    "url",
    [
        "http://user:secret@",
        "http://user:secret@host:port",
        "http://user:secret@host:9200?pretty",
        "http://user:secret@a:9200,user:secret@b:9200",
        "http://secret@host:9200",
        "htp://user:secret@host",
    ],
)
def test_an_address_that_cannot_work_is_an_error_without_the_password(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        open_store(url)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_certificates_that_are_not_there_are_an_error_at_once() -> None:
    with pytest.raises(ConfigurationError, match=r"no certificates: /nowhere/ca\.pem does not exist"):
        open_store("https://192.0.2.1:9200", ca_certs="/nowhere/ca.pem")


def test_what_is_no_text_opens_no_store() -> None:
    with pytest.raises(ConfigurationError, match="cannot open the store 5 "):
        open_store(5)  # type: ignore[arg-type]  # as somebody may without a type checker


def test_opening_a_store_asks_the_network_nothing_and_shows_no_password() -> None:
    store = open_store("http://elastic:secret@192.0.2.1:9200,192.0.2.2:9200")
    assert (store.url, repr(store)) == (
        "http://192.0.2.1:9200,192.0.2.2:9200",
        "ElasticsearchStore('http://192.0.2.1:9200,192.0.2.2:9200')",
    )
    store.close()
    store.close()


def test_importing_the_stores_does_not_load_the_client() -> None:
    program = "import sys, tracelog.store, tracelog.store.sqlite; print('elasticsearch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_where_nothing_listens_the_store_is_unavailable_and_says_where_in_one_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening: connecting is refused
        url = f"127.0.0.1:{taken.getsockname()[1]}"
        with open_store(f"http://elastic:secret@{url}") as store:
            for attempt in (
                lambda: store.write([otel.encode_log(make_line(1))]),
                lambda: list(store.logs()),
                lambda: store.trace(trace_id(1)),
                store.setup,
                store.refresh,
            ):
                with pytest.raises(StoreUnavailableError) as caught:
                    attempt()
                assert str(caught.value).startswith(f"http://{url}: cannot be reached (")
                assert "secret" not in str(caught.value)
                assert "\n" not in str(caught.value)


class Cluster(ThreadingHTTPServer):
    """A server that says what it is told to say: for what a real node without security never says."""

    daemon_threads = True

    def __init__(self, status: int, body: bytes) -> None:
        self.status, self.body = status, body
        self.asked: list[str] = []
        super().__init__(("127.0.0.1", 0), Saying)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self.shutdown()
        self.server_close()


class Saying(BaseHTTPRequestHandler):
    """Answers every request with what the cluster is to say."""

    server: Cluster

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.asked.append(f"{self.command} {self.path}")
        self.send_response(self.server.status)
        self.send_header("x-elastic-product", "Elasticsearch")
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    do_GET = do_PUT = do_DELETE = do_POST  # noqa: N815 - names that the server looks for

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, StoreRejectedError),
        (401, StoreRejectedError),
        (403, StoreRejectedError),
        (404, StoreRejectedError),
        (429, StoreUnavailableError),
        (500, StoreUnavailableError),
        (503, StoreUnavailableError),
    ],
)
def test_a_status_tells_whether_trying_again_may_help(status: int, error: type[Exception]) -> None:
    body = b'{"error": {"type": "security_exception", "reason": "action is\\nunauthorized"}, "status": 403}'
    with Cluster(status, body) as cluster, open_store(cluster.url) as store:
        for attempt in (lambda: store.write([otel.encode_log(make_line(1))]), lambda: list(store.logs())):
            with pytest.raises(error) as caught:
                attempt()
            assert str(caught.value) == f"{cluster.url}: HTTP {status}: security_exception: action is unauthorized"


def test_what_a_proxy_says_is_an_error_in_one_line_too() -> None:
    with Cluster(502, b"<html>\n<h1>Bad\nGateway</h1>") as cluster, open_store(cluster.url) as store:
        with pytest.raises(StoreUnavailableError) as caught:
            store.refresh()
        assert str(caught.value) == f"{cluster.url}: HTTP 502: error: <html> <h1>Bad Gateway</h1>"


def test_each_document_of_a_bulk_is_stored_known_refused_or_to_be_sent_again() -> None:
    documents = [otel.encode_log(make_line(number)) for number in range(5)]
    full, broken = '{"type": "rejected", "reason": "full"}', '{"type": "parsing", "reason": "broken"}'
    outcomes = ['"status": 201', '"status": 409, "error": {}', f'"status": 429, "error": {full}']
    outcomes += [f'"status": 400, "error": {broken}', f'"status": 503, "error": {full}']
    items = ", ".join(f'{{"create": {{{outcome}}}}}' for outcome in outcomes)
    with Cluster(200, f'{{"errors": true, "items": [{items}]}}'.encode()) as cluster, open_store(cluster.url) as store:
        assert store.write(documents) == WriteResult(
            1, 1, [Refusal(documents[3], "parsing: broken")], [documents[2], documents[4]]
        )
        assert cluster.asked == [
            "GET /_index_template?filter_path=index_templates.name",
            "PUT /_index_template/logs-tracelog.otel%40tracelog",
            "PUT /_index_template/traces-tracelog.otel%40tracelog",
            (
                "POST /_bulk?filter_path=errors,items.*.status,items.*.error,items.*.failure_store"
                "&require_data_stream=true"
            ),
        ]


def test_documents_without_the_right_to_write_them_are_not_given_up() -> None:
    denied = b'{"items": [{"create": {"status": 403, "error": {"type": "security_exception", "reason": "no"}}}]}'
    with Cluster(200, denied) as cluster, open_store(cluster.url) as store:
        with pytest.raises(StoreRejectedError) as caught:
            store.write([otel.encode_log(make_line(1))])
        assert str(caught.value) == f"{cluster.url}: security_exception: no"


def test_the_templates_of_a_dataset_differ_from_those_of_another_in_names_alone() -> None:
    one, other = (msgspec.json.encode(templates(name)).decode() for name in ("one", "other"))
    assert one.replace("one.otel", "other.otel") == other


def test_setting_up_puts_templates_that_make_data_streams(elasticsearch_url: str, namespace: str) -> None:
    with ElasticsearchStore.open(elasticsearch_url, dataset=namespace) as store:
        names = [f"logs-{namespace}.otel@tracelog", f"traces-{namespace}.otel@tracelog"]
        done = [f"{store.url}: template {name} is in place" for name in names]
        assert (store.setup(), store.setup()) == (done, done)
        found = [ask(store, "GET", f"/_index_template/{name}")["index_templates"] for name in names]
        assert [(len(one), one[0]["index_template"]["index_patterns"]) for one in found] == [
            (1, [f"logs-{namespace}.otel-*"]),
            (1, [f"traces-{namespace}.otel-*"]),
        ]
        keep(store, make_line(1), make_span(1))
        streams = ask(store, "GET", f"/_resolve/index/*-{namespace}.otel-*")["data_streams"]
        assert [stream["name"] for stream in streams] == [
            f"logs-{namespace}.otel-default",
            f"traces-{namespace}.otel-default",
        ]


def test_keys_without_number_and_values_of_any_type_leave_the_mapping_alone(
    elasticsearch_url: str, namespace: str
) -> None:
    with ElasticsearchStore.open(elasticsearch_url, dataset=namespace) as store:
        keep(store, make_line(1), make_span(1))
        before = ask(store, "GET", f"/*-{namespace}.otel-*/_mapping")
        values: list[Any] = [1, "text", 1.5, True, None, {"deep": {"er": 1}}, [1, "two", {"three": 3}], "2026-04-19"]
        lines = [make_line(n, "a", at=n, attributes={f"key{n}": n, "any": values[n % 8]}) for n in range(2, 302)]
        spans = [
            make_span(n, at=n, attributes={f"key.{n}": values[n % 8], "any": values[n % 8]}) for n in range(2, 302)
        ]
        keep(store, *lines, *spans)
        assert ask(store, "GET", f"/*-{namespace}.otel-*/_mapping") == before


def test_what_elasticsearch_will_not_take_is_refused_alone_and_in_its_words(
    elasticsearch_url: str, namespace: str
) -> None:
    documents = [otel.encode_log(make_line(n, attributes={key: 1})) for n, key in enumerate(("good", "ba\0d", "fine"))]
    with open_store(elasticsearch_url, namespace=namespace) as store:
        result = store.write(documents)
        assert result == WriteResult(2, 0, result.refused, [])
        assert [refusal.document for refusal in result.refused] == [documents[1]]
        assert "reserved character" in result.refused[0].reason


def test_a_batch_larger_than_a_bulk_may_be_is_parted(
    elasticsearch_url: str, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tracelog.store.elastic.writing._LARGEST", 1000)
    lines = [make_line(n, "a", at=n) for n in range(10)]
    with open_store(elasticsearch_url, namespace=namespace) as store:
        keep(store, *lines)
        assert list(store.logs()) == lines
        assert store.write([otel.encode_log(line) for line in lines]) == WriteResult(0, 10, [], [])


def test_without_templates_nothing_is_stored_and_setting_up_is_advised(
    elasticsearch_url: str, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Writer, "_set_up_where_absent", lambda self: None)
    with ElasticsearchStore.open(elasticsearch_url, dataset=namespace) as store:
        with pytest.raises(StoreRejectedError) as caught:
            store.write([otel.encode_log(make_line(1))])
        assert str(caught.value).startswith(f"{store.url}: index_not_found_exception: no such index")
        assert str(caught.value).endswith("(run: tracelog setup)")
        assert ask(store, "GET", f"/_resolve/index/*-{namespace}.otel-*") == {
            "indices": [],
            "aliases": [],
            "data_streams": [],
        }


def test_reading_covers_every_namespace_unless_one_is_named(elasticsearch_url: str, namespace: str) -> None:
    span = make_span(1, trace=int(namespace, 16), attributes={"order.id": namespace})
    with (
        open_store(elasticsearch_url, namespace=namespace) as writer,
        open_store(elasticsearch_url, namespace=f"{namespace}-other") as other,
        open_store(elasticsearch_url) as everywhere,
    ):
        keep(writer, span)
        expected = [Match(namespace, "order.id", namespace, 1)]
        assert [store.find(namespace + " ") for store in (writer, everywhere)] == [
            [Match(namespace, "trace_id", namespace, 1)]
        ] * 2
        assert [list(store.spans(attributes={"order.id": namespace})) for store in (writer, other, everywhere)] == [
            [span],
            [],
            [span],
        ]
        assert expected == writer._find_value(namespace)


def test_where_nothing_was_ever_written_nothing_is_found(elasticsearch_url: str, namespace: str) -> None:
    with open_store(elasticsearch_url, namespace=namespace) as store:
        assert (
            list(store.spans()),
            list(store.logs(text="a")),
            store.find("A-1"),
            store.find(trace_id(1)),
            store.slowest(),
            store.operations(),
        ) == ([], [], [], [], [], [])
        store.refresh()


def test_documents_of_others_are_read_in_their_forms_and_unreadable_ones_are_counted(
    elasticsearch_url: str, namespace: str
) -> None:
    def document(name: str, /, **rest: Any) -> otel.Document:
        known = {"@timestamp": START // 1_000_000, "trace_id": trace_id(1), "span_id": span_id(1), "duration": 7}
        resource = {"attributes": {"service.name": "theirs"}}
        return otel.Document(name, otel.TRACES, msgspec.json.encode({**known, "resource": resource, **rest}))

    with open_store(elasticsearch_url, namespace=namespace) as store:
        result = store.write(
            [
                document("whole", name="GET /", kind="Server", parent_span_id=""),
                document("zeros", span_id="0" * 16),
                document("odd", attributes={}, name={"not": "text"}),
            ]
        )
        store.refresh()
        assert (result.stored, [refusal.document.id for refusal in result.refused]) == (2, ["odd"])
        (span,) = store.spans(service="theirs")
        assert (span.name, span.kind, span.start, span.parent_span_id) == ("GET /", "SERVER", START, None)
        assert store.skipped == 1
        assert [(row.service, row.name, row.kind) for row in store.operations()] == [
            ("theirs", "", "UNSPECIFIED"),
            ("theirs", "GET /", "SERVER"),
        ]
        assert [row.measure for row in store.slowest()] == ["root"]


def test_a_ready_client_is_used_and_keeps_its_own_tracing(elasticsearch_url: str, namespace: str) -> None:
    client = elasticsearch.Elasticsearch(elasticsearch_url)
    with open_store("http://elsewhere:9200", client=client, namespace=namespace) as store:
        span, line = make_span(1), make_line(1, "paid", at=5)
        keep(store, span, line)
        assert (list(store.spans()), list(store.logs())) == ([span], [line])
        assert getattr(client, "_otel").enabled  # noqa: B009 - not part of the client's types


def test_what_is_sent_again_after_a_rollover_is_there_once(elasticsearch_url: str, namespace: str) -> None:
    span, line = make_span(1), make_line(1, "paid", span=1)
    with open_store(elasticsearch_url, namespace=namespace) as store:
        assert isinstance(store, ElasticsearchStore)
        keep(store, span, line)
        for kind in ("logs", "traces"):
            ask(store, "POST", f"/{kind}-tracelog.otel-{namespace}/_rollover")
        keep(store, span, line)
        (trace,) = store.trace(trace_id(1)).nodes
        assert (list(store.spans()), list(store.logs()), trace.logs) == ([span], [line], (line,))
        assert [row.span_count for row in store.slowest()] == [1]


def test_a_forked_child_makes_connections_of_its_own(elasticsearch_url: str, namespace: str) -> None:
    with open_store(elasticsearch_url, namespace=namespace) as store:
        keep(store, make_line(1, "parent", at=1))
        child = os.fork()
        if child == 0:
            code = 1
            try:
                keep(store, make_line(2, "child", at=2))
                code = 0
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert [line.body for line in store.logs()] == ["parent", "child"]


def test_asking_and_writing_make_no_spans(
    elasticsearch_url: str, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    provider = TracerProvider()
    monkeypatch.setattr("elasticsearch._otel._tracer", provider.get_tracer("elasticsearch-api"))
    monkeypatch.setattr(trace.Tracer, "start_span", lambda *rest, **more: made.append("span"), raising=False)
    monkeypatch.setattr(type(provider.get_tracer("a")), "start_span", lambda *rest, **more: made.append("span"))
    with open_store(elasticsearch_url, namespace=namespace) as store:
        keep(store, make_span(1))
        assert len(list(store.spans())) == 1
    assert made == []
    provider.shutdown()


@pytest.mark.slow
@pytest.mark.elasticsearch
@pytest.mark.timeout(180, func_only=True)
@pytest.mark.skipif(version("elasticsearch").startswith("8."), reason="client 8 is understood by servers of 8 and 9")
def test_a_client_newer_than_the_server_says_which_one_to_install(node_url: NodeURL) -> None:
    with open_store(node_url("8.19.21")) as store:
        for attempt in (lambda: store.write([otel.encode_log(make_line(1))]), lambda: list(store.logs()), store.setup):
            with pytest.raises(StoreRejectedError) as caught:
                attempt()
            assert str(caught.value) == (
                f"{store.url}: the server is older than version 9 of the client: pip install 'elasticsearch<9'"
            )


@pytest.mark.parametrize(
    ("url", "api_key", "warned"),
    [
        ("http://u:secret@es-{}.example:9200", None, True),
        ("http://es-{}.example:9200", "secret", True),
        ("http://es-{}.example:9200", None, False),
        ("https://u:secret@es-{}.example:9200", None, False),
        ("http://u:secret@localhost:9200/{}", None, False),
        ("http://u:secret@127.0.0.1:9200/{}", None, False),
        ("http://u:secret@[::1]:9200/{}", None, False),
    ],
)
def test_credentials_that_would_go_over_the_network_in_clear_are_warned_of_once(
    url: str, api_key: str | None, warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    url = url.format(uuid.uuid4().hex)
    for _ in range(2):
        open_store(url, api_key=api_key).close()
    named = url.replace("u:secret@", "")
    said = [f"credentials for {named} go over the network in clear: use https"] if warned else []
    assert caplog.messages == said


@pytest.mark.elasticsearch
def test_bodies_can_be_compressed(elasticsearch_url: str, namespace: str) -> None:
    with open_store(elasticsearch_url, namespace=namespace, compress=True) as store:
        assert store.write([otel.encode_log(make_line(1))]).stored == 1
        store.refresh()
        assert [line.message for line in store.logs()] == [make_line(1).message]
