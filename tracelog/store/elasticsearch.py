"""The store to grow on: an Elasticsearch cluster of version 8 or 9.

The one module that knows the `elasticsearch` client. Questions are built in `elasticsearch_queries`, answers are read
in `elasticsearch_answers`; between them goes JSON as bytes, so that a document is decoded once, by `schema`.
Reading covers every dataset in the OpenTelemetry layout, and every namespace unless one was named.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import quote

import elasticsearch
import msgspec

from tracelog import ids
from tracelog.errors import ConfigurationError, StoreError, StoreRejectedError, StoreUnavailableError
from tracelog.model import LogEntry, Match, Operation, Span
from tracelog.schema import otel
from tracelog.schema.otel import LOGS, TRACES, Destination, Document
from tracelog.store import elasticsearch_answers as answers
from tracelog.store import elasticsearch_queries as queries
from tracelog.store import resolve_destination
from tracelog.store.base import Store, Totals, TraceContents, WriteResult
from tracelog.store.elasticsearch_address import Address, is_overheard, parse_address
from tracelog.store.elasticsearch_answers import Failure, Hit
from tracelog.store.elasticsearch_search import Searcher
from tracelog.store.elasticsearch_writing import Writer
from tracelog.store.query import LogQuery, SpanQuery, Time, moment
from tracelog.store.terms import matches_attributes, words_pattern

_logger = logging.getLogger("tracelog")
_warned: set[str] = set()
_JSON, _LINES = "application/json", "application/x-ndjson"
_MOST_TRACES = 1000
_TIMEOUT_SECONDS = 30
_Found = TypeVar("_Found")
_Decoded = TypeVar("_Decoded")


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
        owns_client: bool = True,
    ) -> None:
        self.url = url
        self.destination = destination
        self._connect = connect
        self._connected = (os.getpid(), connect())
        self._owns_client = owns_client
        self._search = Searcher(url, self._request)
        self._writer = Writer(url, self._request, destination)
        self._spans, self._logs = (f"{kind}-*.otel-{namespace or '*'}" for kind in (TRACES, LOGS))

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
        compress: bool = False,
        client: elasticsearch.Elasticsearch | None = None,
    ) -> ElasticsearchStore:
        """Open the store at a URL; what is not given is taken from the `TRACELOG_` variables.

        A ready `client` is used, and not closed, whatever the URL says. Raise ConfigurationError for what cannot work.
        """
        address = parse_address(url)
        key = api_key or (None if address.credentials else os.environ.get("TRACELOG_API_KEY"))
        if (key or address.credentials) and is_overheard(address) and address.url not in _warned:
            _warned.add(address.url)
            _logger.warning("credentials for %s go over the network in clear: use https", address.url)
        certificates = ca_certs or os.environ.get("TRACELOG_CA_CERTS")
        fingerprint = ssl_fingerprint or os.environ.get("TRACELOG_SSL_FINGERPRINT")

        def connect() -> elasticsearch.Elasticsearch:
            if client is not None:
                return _untraced(client.options())
            return _untraced(_build_client(address, key, certificates, fingerprint, compress=compress))

        named = namespace or os.environ.get("TRACELOG_NAMESPACE")
        destination = resolve_destination(dataset, namespace)
        return cls(address.url, connect, destination, namespace=named, owns_client=client is None)

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

    def close(self) -> None:
        """Close the connections, but not those of a client that was given, nor those of a parent process."""
        process, client = self._connected
        if self._owns_client and process == os.getpid():
            client.close()

    def operations(
        self, *, service: str | None = None, since: Time | None = None, until: Time | None = None
    ) -> list[Operation]:
        """Return the latency of each operation.

        Percentiles are exact where the span at their rank is among the 10,000 shortest or longest of its operation, and
        estimates of the cluster (t-digest) beyond; p50 is exact up to 20,000 spans, p99 up to a million.
        """
        window = (moment(since), moment(until))
        groups = list(self._groups(service, *window))
        asked = [
            (self._spans, queries.ranked_span(group["key"], *window, rank=rank, count=group["doc_count"], about=about))
            for group in groups
            for rank, about in answers.ranks(group)
        ]
        spans = [next(iter(answer.hits.hits), None) for answer in self._search.at_once(*asked)]
        each = len(queries.PERCENTS)
        rows = [answers.operation(group, spans[each * n : each * (n + 1)]) for n, group in enumerate(groups)]
        return sorted(rows, key=lambda row: (-row.count, row.service, row.name))

    def _groups(self, service: str | None, since: int | None, until: int | None) -> Iterator[dict[str, Any]]:
        after: Mapping[str, Any] | None = None
        while True:
            answer = self._search.one(self._spans, queries.group_operations(service, since, until, after))
            page = answer.aggregations.get("operations", {})
            yield from page.get("buckets", ())
            after = page.get("after_key")
            if not after:
                return

    def _search_spans(self, query: SpanQuery, *, longest_first: bool) -> Iterator[Span]:
        hits = self._search.pages(self._spans, queries.search_spans(query, longest_first=longest_first))
        found = self._decoded(hits, lambda hit: otel.decode_span(hit.source))
        kept = ((name, span) for name, span in found if matches_attributes(span.attributes, query.attributes))
        if longest_first:
            yield from (span for _, span in kept)
        else:
            yield from answers.in_order(kept, lambda span: span.start)

    def _search_logs(self, query: LogQuery) -> Iterator[LogEntry]:
        """Yield log entries by time. Text is looked for in bodies of text and in event names, not in structures."""
        pattern = words_pattern(query.text) if query.text else None
        hits = self._search.pages(self._logs, queries.search_logs(query))
        found = self._decoded(hits, lambda hit: otel.decode_log(hit.source, hit.id))
        kept = (pair for pair in found if pattern is None or pattern.search(pair[1].message))
        return answers.in_order(kept, lambda entry: entry.time)

    def _contents(self, trace_id: str) -> TraceContents:
        spans, logs, linking = self._search.whole(
            (self._spans, queries.search_trace("trace_id", trace_id)),
            (self._logs, queries.search_trace("trace_id", trace_id)),
            (self._spans, queries.search_trace("links.trace_id", trace_id)),
        )
        return TraceContents(
            [span for _, span in self._decoded(spans, lambda hit: otel.decode_span(hit.source))],
            [entry for _, entry in self._decoded(logs, lambda hit: otel.decode_log(hit.source, hit.id))],
            [span for _, span in self._decoded(linking, lambda hit: otel.decode_span(hit.source))],
        )

    def _totals(self, trace_ids: Collection[str]) -> Mapping[str, Totals]:
        if not trace_ids:
            return {}
        lines = self._search.one(self._logs, queries.count_lines(trace_ids))
        (spans,) = self._search.whole((self._spans, queries.measure_spans(trace_ids)))
        return answers.totals(spans, answers.counts(lines))

    def _find_ids(self, wanted: ids.Candidates) -> list[Match]:
        everywhere = f"{self._spans},{self._logs}"
        for field, value in (("trace_id", wanted.trace_id), ("span_id", wanted.span_id)):
            if value is None:
                continue
            answer = self._search.one(everywhere, queries.count_documents(field, value, _MOST_TRACES))
            found = answers.counts(answer)
            if found:
                return [Match(trace_id, field, value, count) for trace_id, count in found.items()]
        return []

    def _find_value(self, value: str) -> list[Match]:
        """Look for a value in attributes and, where none holds it, in text: in the latest 10,000 documents with it."""
        everywhere = f"{self._spans},{self._logs}"
        held = self._search.one(everywhere, queries.find_attribute(value))
        matches = answers.holders(held, value)
        if matches:
            return matches
        said = self._search.one(self._logs, queries.find_words(value))
        lines = self._decoded(said.hits.hits, lambda hit: otel.decode_log(hit.source, hit.id))
        return answers.sayers((line for _, line in lines), value)

    def _decoded(self, hits: Iterable[Hit], decode: Callable[[Hit], _Decoded]) -> Iterator[tuple[str, _Decoded]]:
        """Yield (document id, what it holds), passing over and counting what cannot be read."""
        for hit in hits:
            try:
                yield hit.id, decode(hit)
            except (msgspec.MsgspecError, ValueError):
                self.skipped += 1

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
            return msgspec.json.decode(_raw(response.body), type=answer or Any)  # type: ignore[return-value]

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
        reason = " ".join(str(error).split())
        raise StoreUnavailableError(f"{url}: cannot be reached ({reason})") from error


def _error(url: str, status: int, failure: Failure, retry_after: float | None) -> StoreError:
    if failure.type == "media_type_header_exception":
        major = elasticsearch.__version__[0]
        return StoreRejectedError(
            f"{url}: the server is older than version {major} of the client: pip install 'elasticsearch<{major}'"
        )
    return answers.error(url, status, failure, retry_after)
