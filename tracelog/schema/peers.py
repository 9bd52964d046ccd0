"""Whom a span calls, as its attributes name it: a database, a queue, a host.

Written as Elastic's service targets are: `postgresql/orders`, `kafka/orders.placed`, `payments:8080`. Read from what
OpenTelemetry's semantic conventions name, now and before; `peer.service`, which somebody chose, goes first.
Source: elastic/apm, `specs/agents/tracing-spans-service-target.md`, and elastic/apm-data, `input/otlp/traces.go`.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from tracelog.model import Attributes

_CHOSEN = ("service.peer.name", "peer.service")
_DATABASE = ("db.system.name", "db.system"), ("db.namespace", "db.name")
_QUEUE = ("messaging.destination.template", "messaging.destination.name", "messaging.destination")
_PASSING = ("messaging.destination.temporary", "messaging.destination.anonymous")
_MESSAGING = ("messaging.system",), _QUEUE
_RESOURCE = ("span.destination.service.resource",)
_HOST = ("server.address", "net.peer.name"), ("server.port", "net.peer.port")
_URL = ("url.full", "http.url", "url.original")
_SOCKET = ("network.peer.address", "net.peer.ip"), ("network.peer.port", "net.peer.port")
_SERVICE = ("rpc.service",)
_PORTS = {"http": 80, "https": 443}


def peer_of(held: Attributes) -> str | None:
    """Return whom a client or producer calls; None where its attributes do not tell."""
    return (
        _first(held, _CHOSEN)
        or _pair(held, _DATABASE, "/")
        or _pair(held, _MESSAGING if _is_lasting(held) else (_MESSAGING[0], ()), "/")
        or _first(held, _RESOURCE)
        or _pair(held, _HOST, ":")
        or _host_of(_first(held, _URL))
        or _pair(held, _SOCKET, ":")
        or _first(held, _SERVICE)
    )


def _first(held: Attributes, keys: tuple[str, ...]) -> str | None:
    """Return the first of some attributes that is text or a number, and not empty."""
    for key in keys:
        value = held.get(key)
        if value and isinstance(value, str | int | float):
            return str(value)
    return None


def _is_lasting(held: Attributes) -> bool:
    """Say whether a queue is more than one that was made for a single answer."""
    return not any(held.get(key) in (True, "true") for key in _PASSING)


def _pair(held: Attributes, names: tuple[tuple[str, ...], tuple[str, ...]], separator: str) -> str | None:
    """Return two parts of a name, or the first where the second is not known."""
    first = _first(held, names[0])
    second = _first(held, names[1]) if first else None
    return f"{first}{separator}{second}" if second else first


def _host_of(url: str | None) -> str | None:
    """Return the host of a URL, with its port."""
    try:
        parts = urlsplit(url or "")
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return None
    host = parts.hostname
    return f"{host}:{port}" if host and port else host
