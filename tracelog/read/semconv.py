"""What a span says of the call that it is: what it asks for, of whom, whether it failed, and why.

It is read from its name and from the attributes that say more than a name may, such as the path of a URL and the text
of a query, by the semantic conventions of now and before.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from tracelog.model import Attributes, Span
from tracelog.read.wording import templated

_URLS = ("url.full", "http.url", "http.target", "url.path")
ASKING = ("db.query.text", "db.statement", "http.route", *_URLS, "rpc.method", "messaging.destination.name")
"""The attributes that say what a call asks for."""
_HOSTS = ("server.address", "net.peer.name", "peer.service", "network.peer.address", "net.peer.ip")
_CODE, _OLD_CODE = "http.response.status_code", "http.status_code"
_READING = ("GET", "HEAD", "OPTIONS")
_OUTCOME = re.compile(
    r"attempt|retry|retries|resend|error|exception|status|response|result|outcome|success|affected|returned|stack|thread"
    r"|duration|elapsed|latency|timestamp|^aws\..*request|^(?:http|rpc)\..*(?:header|metadata)"
    r"|^(?:net|network|tls|server|peer|destination)\.|^http\.(?:host|server_name|flavor|version|scheme)$"
    r"|^url\.(?:domain|port|scheme)$|^client\.(?:address|port)$",
    re.IGNORECASE,
)
"""The attributes that may differ between a call and the same one made again: its number, its outcome, its hosts."""
_ANSWERS, _AGAIN = range(400, 500), (408, 429)
"""What a server says of a request that it did not fail at, and those of them that ask for the same call again."""
_HOST = re.compile(r"^[a-z][a-z0-9+.-]*://[^/?#]*", re.IGNORECASE)
_READ = 2000
"""Of a URL, with its host, what is behind so many letters tells no calls apart."""


def first_of(held: Attributes, keys: Sequence[str]) -> str | None:
    """Return the first attribute of these that is there, as text."""
    for key in keys if held else ():
        if key in held:
            return str(held[key])
    return None


def end_of(asked: str | None) -> str:
    """Return something that is equal for what the same calls ask for, and quickly told: the end of a URL's path."""
    text = asked or ""
    before, _, end = text.rpartition("/")
    is_host = before.endswith(":/") and _HOST.fullmatch(before + "/")
    return str(_without_host(text)) if is_host else end


def templated_path(text: str) -> str:
    """Return what is asked for with a mark in place of what differs from call to call; of a URL, its path."""
    return templated(_path(text[:_READ]))


def is_read(span: Span) -> bool:
    """Tell whether a span is a call that changes nothing, as far as it says.

    Of what is asked of a database it cannot be told, nor of a procedure or a queue where no method of HTTP says it.
    """
    method = first_of(span.attributes, ("http.request.method", "http.method"))
    untold = ("db.",) if method else ("db.", "rpc.", "messaging.")
    if span.kind == "PRODUCER" or any(key.startswith(untold) for key in span.attributes):
        return False
    return method is None or method in _READING


def resource(span: Span) -> tuple[str | None, str]:
    """Return the host or the service that a call names, and what it asks of it, less the query of a URL."""
    held = span.attributes
    url = first_of(held, _URLS) or ""
    host = _HOST.match(url)
    return first_of(held, _HOSTS) or (host[0] if host else None), _path(url)


def same_call(span: Span) -> tuple[str, ...]:
    """Return what is equal for a call and the same one made again, to whichever host: all that it was asked with."""
    held = span.attributes
    urls, others = _arguments(tuple(held))
    return (
        span.name,
        *[f"{key}={_without_host(held[key])!r}" for key in urls],
        *[f"{key}={held[key]!r}" for key in others],
    )


@lru_cache(4096)
def _arguments(keys: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """Return the attributes that a call is asked with: those that may hold a URL, and the others."""
    asked = [key for key in sorted(keys) if not _OUTCOME.search(key)]
    urls = [key for key in asked if key.startswith(("url.", "http."))]
    return urls, [key for key in asked if key not in urls]


def failed(span: Span) -> bool:
    """Tell whether a call failed: its status says so, the type of an error, or an answer that asks to try again.

    Any other answer of 4xx is an answer, whatever else the client that got it says of it.
    """
    told = _CODE in span.attributes or _OLD_CODE in span.attributes  # which most do not, and a call takes longer
    code = status_code(span) if told else None
    if code is None:
        return span.status == "ERROR" or "error.type" in span.attributes
    if span.kind == "CLIENT" and code in _ANSWERS:
        return code in _AGAIN
    return span.status == "ERROR" or code in _AGAIN or code >= _ANSWERS.stop or "error.type" in span.attributes


def status_code(span: Span) -> int | None:
    """Return the status code of an HTTP call."""
    code = first_of(span.attributes, (_CODE, _OLD_CODE))
    return int(code) if code and code.isdecimal() else None


def reason(span: Span) -> str | None:
    """Return in a word why a call failed: the type of its exception, its status message or its HTTP status."""
    for event in reversed(span.events):
        kind = event.attributes.get("exception.type")
        if kind:
            return str(kind)
    code = status_code(span)
    return first_of(span.attributes, ("error.type",)) or span.status_message or (f"HTTP {code}" if code else None)


def _without_host(value: Any) -> Any:
    host = _HOST.match(value) if isinstance(value, str) and "://" in value else None
    return value[host.end() :] if host else value


def _path(text: str) -> str:
    """Return the path of a URL; any other text as it is."""
    path: str = _without_host(text)
    return path.partition("?")[0] if path.startswith("/") else path
