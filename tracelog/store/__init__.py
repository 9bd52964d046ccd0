"""Where spans and logs are kept: one protocol, two stores, opened by URL.

`sqlite:PATH` is the embedded default; `http(s)://[user:password@]host:9200` is Elasticsearch.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tracelog.errors import ConfigurationError
from tracelog.schema.otel import Destination
from tracelog.store.base import Store

DEFAULT_URL = "sqlite:tracelog.db"


def resolve_url(url: str | None = None) -> str:
    """Return the store's URL: the one given, else `TRACELOG_STORE`, else `sqlite:tracelog.db`, path absolute."""
    chosen = url or os.environ.get("TRACELOG_STORE") or DEFAULT_URL
    if not isinstance(chosen, str):  # whatever the types say, a path or a number is given in its place
        raise ConfigurationError(f"cannot open the store {chosen!r} (expected sqlite:PATH or http(s)://host:9200)")
    scheme, _, path = chosen.partition(":")
    if scheme == "sqlite":
        if not path:
            raise ConfigurationError(f"store URL {chosen!r} names no file (expected sqlite:PATH)")
        return f"sqlite:{Path(path).expanduser().absolute()}"
    if scheme not in ("http", "https"):
        shown = f"{scheme}://{chosen.rpartition('@')[2]}" if "@" in chosen else chosen  # without user and password
        raise ConfigurationError(f"cannot open the store {shown!r} (expected sqlite:PATH or http(s)://host:9200)")
    return chosen


def public_url(url: str) -> str:
    """Return a store's URL without credentials: to be printed, kept, and compared. Raise ConfigurationError."""
    if url.startswith("sqlite:"):
        return url
    from tracelog.store.elastic.address import parse_address

    return parse_address(url).url.rstrip("/")


def resolve_destination(dataset: str | None = None, namespace: str | None = None) -> Destination:
    """Return where documents go: as given, else `TRACELOG_DATASET` and `TRACELOG_NAMESPACE`, else the defaults."""
    default = Destination()
    return Destination(
        dataset or os.environ.get("TRACELOG_DATASET") or default.dataset,
        namespace or os.environ.get("TRACELOG_NAMESPACE") or default.namespace,
    )


def open_store(url: str | None = None, **options: Any) -> Store:
    """Open a store by its URL; nothing is connected before the first question.

    `options` are for Elasticsearch: `api_key`, `ca_certs`, `ssl_fingerprint`, `dataset`, `namespace`, each with its
    `TRACELOG_` variable, `compress` (gzip bodies: fewer bytes for more CPU), `index` (which indices are read, as
    patterns by commas; else all whose layout is known), or a ready `client`. Raise ConfigurationError for a URL that is
    no store's.
    """
    resolved = resolve_url(url)
    if resolved.startswith("sqlite:"):
        if options.get("index"):
            raise ConfigurationError(f"{resolved} has no indices (expected http(s)://host:9200 with an index)")
        from tracelog.store.sqlite import SQLiteStore

        return SQLiteStore(Path(resolved.removeprefix("sqlite:")))
    from tracelog.store.elasticsearch import ElasticsearchStore

    return ElasticsearchStore.open(resolved, **options)


__all__ = ["DEFAULT_URL", "Store", "open_store", "public_url", "resolve_destination", "resolve_url"]
