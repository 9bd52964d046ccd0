"""The store to grow on: an Elasticsearch cluster of version 8 or 9.

The one module that knows the `elasticsearch` client; all else is handed a function that sends a request. Reading covers
every layout in `schema.layouts` whose indices are there (`elastic.sources`). Each is asked in its own words
(`elastic.queries`), all in one request (`elastic.search`), and decoded once, from bytes, by `schema`.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import elasticsearch
import msgspec

from tracelog import ids
from tracelog.errors import ConfigurationError, StoreError, StoreRejectedError, StoreUnavailableError
from tracelog.model import Coverage, LogEntry, Match, Operation, Span, SpanOutline
from tracelog.schema.otel import LOGS, TRACES, Destination, Document
from tracelog.store import resolve_destination
from tracelog.store.base import Store, TraceContents, WriteResult
from tracelog.store.elastic import answers, coverage, finding, lists, operations, outlines, traces
from tracelog.store.elastic.address import Address, is_overheard, parse_address
from tracelog.store.elastic.answers import Failure, Hit, Row
from tracelog.store.elastic.reading import Reader
from tracelog.store.elastic.search import Searcher
from tracelog.store.elastic.sources import Sources
from tracelog.store.elastic.writing import Writer
from tracelog.store.query import LogQuery, SpanQuery, Time, moment
from tracelog.store.slowest import Totals

_logger = logging.getLogger("tracelog")
_warned: set[str] = set()
_JSON, _LINES = "application/json", "application/x-ndjson"
_TIMEOUT_SECONDS = 30
_Found = TypeVar("_Found")


class ElasticsearchStore(Store):
    """A store in a cluster, written to by any number of processes. Made by `open`, which asks the cluster nothing."""

    writers = 2

    def __init__(
        self,
        url: str,
        connect: Callable[[], elasticsearch.Elasticsearch],
        destination: Destination,
        *,
        namespace: str | None = None,
        index: str | None = None,
        owns_client: bool = True,
    ) -> None:
        self.url = url
        self.destination = destination
        self._connect = connect
        self._connected = (os.getpid(), connect())
        self._owns_client = owns_client
        self._unreadable: set[int] = set()
        self._writer = Writer(url, self._request, destination)
        self._sources = Sources(self._request, self._notes.add, namespace=namespace, index=index)
        search = Searcher(url, self._request, self._notes.add)
        self._reader = Reader(search, self._sources, self._notes, self._pass_over)

    @classmethod
    def open(
        cls,
        url: str,
        *,
        api_key: str | None = None,
        ca_certs: str | None = None,
        ssl_fingerprint: str | None = None,
        dataset: str | None = None,
        namespace: str | None = None,
        index: str | None = None,
        compress: bool = False,
        client: elasticsearch.Elasticsearch | None = None,
    ) -> ElasticsearchStore:
        """Open the store at a URL; what is not given is taken from the `TRACELOG_` variables.

        `index` names what is read, as patterns by commas, instead of all layouts wherever they are. A ready `client` is
        used, and not closed, whatever the URL says. Raise ConfigurationError for what cannot work.
        """
        address = parse_address(url)
        key = api_key or (None if address.credentials else os.environ.get("TRACELOG_API_KEY"))
        if (key or address.credentials) and is_overheard(address) and address.url not in _warned:
            _warned.add(address.url)
            _logger.warning("credentials for %s go over the network in clear: use https", address.url)
        certificates = ca_certs or os.environ.get("TRACELOG_CA_CERTS")
        if certificates and not Path(certificates).exists():
            raise ConfigurationError(f"no certificates: {certificates} does not exist")
        fingerprint = ssl_fingerprint or os.environ.get("TRACELOG_SSL_FINGERPRINT")

        def connect() -> elasticsearch.Elasticsearch:
            if client is not None:
                return _untraced(client.options())
            return _untraced(_build_client(address, key, certificates, fingerprint, compress=compress))

        named = namespace or os.environ.get("TRACELOG_NAMESPACE")
        destination = resolve_destination(dataset, namespace)
        return cls(address.url, connect, destination, namespace=named, index=index, owns_client=client is None)

    def setup(self) -> list[str]:
        """Put the index templates of the dataset, over those of an earlier version too."""
        return self._writer.setup()

    def write(self, documents: Sequence[Document]) -> WriteResult:
        """Store a batch in as few bulk requests as its size allows."""
        return self._writer.write(documents)

    def refresh(self) -> None:
        """Make everything that was written to this dataset and namespace visible to searches."""
        streams = ",".join(self.destination.stream(kind).name for kind in (LOGS, TRACES))
        self._request("POST", f"/{quote(streams, safe=',')}/_refresh", ignore_unavailable=True)
        self._sources.forget()

    def close(self) -> None:
        """Close the connections, but not those of a client that was given, nor those of a parent process."""
        process, client = self._connected
        if self._owns_client and process == os.getpid():
            client.close()

    def coverage(self, *, since: Time | None = None, until: Time | None = None) -> list[Coverage]:
        """Return what is stored of each service, and how much of it has ids."""
        return coverage.coverage(self._reader, moment(since), moment(until))

    @property
    def places(self) -> list[str]:
        """What is read, each layout in its indices."""
        return [
            f"{source.layout.name} {kind} in {source.index}"
            for kind, sources in (("spans", self._reader.span_sources), ("lines", self._reader.log_sources))
            for source in sources
        ]

    def _search_spans(self, query: SpanQuery, *, longest_first: bool) -> Iterator[Span]:
        read = lists.longest_spans if longest_first else lists.spans
        yield from read(self._reader, query)

    def _operations(self, query: SpanQuery, by: int | None) -> list[Operation]:
        return operations.operations(self._reader, query, by)

    def _outlines(self, query: SpanQuery, *, names: bool) -> Iterator[Sequence[SpanOutline]]:
        return outlines.outlines(self._reader, query, names=names)

    def _outlines_around(self, trace_ids: frozenset[str], query: SpanQuery) -> Iterator[SpanOutline]:
        return outlines.outlines_around(self._reader, trace_ids, query)

    def _outlines_of(self, names: Collection[tuple[str, str]]) -> Iterator[SpanOutline]:
        return outlines.outlines_of(self._reader, names)

    def _search_logs(self, query: LogQuery) -> Iterator[LogEntry]:
        """Yield log entries by time. Text is looked for in texts, event names and exceptions, not in structures."""
        yield from lists.logs(self._reader, query)

    def _contents(self, trace_id: str) -> TraceContents:
        return traces.contents(self._reader, trace_id)

    def _totals(self, trace_ids: Collection[str]) -> Mapping[str, Totals]:
        return traces.totals(self._reader, trace_ids)

    def _root_durations(self, trace_ids: Collection[str]) -> Mapping[str, int]:
        roots = lists.longest_spans(self._reader, SpanQuery(place="root", trace_ids=frozenset(trace_ids)))
        durations: dict[str, int] = {}
        for root in roots:
            durations.setdefault(root.trace_id, root.duration)
        return durations

    def _find_ids(self, wanted: ids.Candidates) -> list[Match]:
        return finding.find_ids(self._reader, wanted)

    def _find_value(self, value: str) -> list[Match]:
        """Look for a value in attributes and, where none holds it, in text: in the latest 10,000 documents with it."""
        return finding.find_value(self._reader, value)

    def _pass_over(self, hit: Hit) -> None:
        """Count a document that cannot be read, once however often it is met; met as a row too, it is another one."""
        named = (hit.sort.trace_id, hit.sort.span_id) if isinstance(hit, Row) else (hit.index, hit.id)
        self._unreadable.add(hash(named))
        self.skipped = len(self._unreadable)

    def _request(
        self, method: str, path: str, body: Any = None, *, answer: type[_Found] | None = None, **params: Any
    ) -> _Found:
        """Send a request and read the answer as a type. A body of bytes holds one JSON value per line."""
        sent = msgspec.json.encode(body) if body is not None and not isinstance(body, bytes) else body
        headers = {"accept": _JSON}
        if sent is not None:
            headers["content-type"] = _LINES if sent is body else _JSON
        given = {name: str(value).lower() if isinstance(value, bool) else value for name, value in params.items()}
        with _translated(self.url):
            response = self._client.perform_request(method, path, params=given, headers=headers, body=sent)
            return answers.read(_raw(response.body), answer or Any)  # type: ignore[return-value]

    @property
    def _client(self) -> elasticsearch.Elasticsearch:
        """The client; a forked child makes its own, for two processes on one connection garble each other's answers."""
        if self._connected[0] != os.getpid():
            self._connected = (os.getpid(), self._connect())
        return self._connected[1]


class _Untouched(elasticsearch.JsonSerializer):
    """Leaves bytes as they are: an answer, and the body of a bulk, which the client's own copies with the lock held."""

    def loads(self, data: bytes) -> bytes:
        return data


def _build_client(
    address: Address, api_key: str | None, ca_certs: str | None, fingerprint: str | None, *, compress: bool
) -> elasticsearch.Elasticsearch:
    options: dict[str, Any] = {
        "basic_auth": None if api_key else address.credentials,
        "api_key": api_key,
        "ca_certs": ca_certs,
        "ssl_assert_fingerprint": fingerprint,
    }
    try:
        return elasticsearch.Elasticsearch(
            list(address.hosts),
            serializers={_JSON: _Untouched(), _LINES: _Untouched()},
            request_timeout=_TIMEOUT_SECONDS,
            http_compress=compress,
            max_retries=len(address.hosts) - 1,  # on the other hosts; to try again later is the sender's part
            **{name: value for name, value in options.items() if value is not None},
        )
    except (TypeError, ValueError, OSError) as error:
        raise ConfigurationError(f"{address.url}: {error}") from error


def _untraced(client: elasticsearch.Elasticsearch) -> elasticsearch.Elasticsearch:
    """Switch off the client's own spans: each bulk of spans would make another one, to be sent in the next bulk."""
    tracing = getattr(client, "_otel", None)
    if tracing is not None:
        tracing.enabled = False
    return client


def _raw(body: Any) -> bytes:
    """Return an answer's bytes; a ready client has decoded them already."""
    return body if isinstance(body, bytes) else msgspec.json.encode(body)


@contextmanager
def _translated(url: str) -> Iterator[None]:
    """Turn the client's errors into those of a store, in one line that names the cluster."""
    try:
        yield
    except elasticsearch.UnsupportedProductError as error:
        raise StoreRejectedError(f"{url}: what answers there is not Elasticsearch") from error
    except elasticsearch.ApiError as error:
        asked = error.meta.headers.get("retry-after") or ""
        failure = answers.read_failure(_raw(error.body))
        raise _error(url, error.meta.status, failure, float(asked) if asked.isdecimal() else None) from error
    except (elasticsearch.TransportError, msgspec.MsgspecError) as error:
        said = f"{error}: {error.message}" if isinstance(error, elasticsearch.SSLError) else str(error)
        reason = " ".join(said.split())
        raise StoreUnavailableError(f"{url}: cannot be reached ({reason})") from error


def _error(url: str, status: int, failure: Failure, retry_after: float | None) -> StoreError:
    if failure.type == "media_type_header_exception":
        major = elasticsearch.__version__[0]
        return StoreRejectedError(
            f"{url}: the server is older than version {major} of the client: pip install 'elasticsearch<{major}'"
        )
    return answers.error(url, status, failure, retry_after)
