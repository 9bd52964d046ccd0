"""What calls are to each other: beside each other, the same again, of the same operation, failed.

A call is a span; what it did is read from its name and from the attributes that say more than a name may, such as the
path of a URL and the text of a query. A span of which it is not known is told apart by its name alone.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from tracelog.model import Node, Span

_WORDING = (
    "http.request.method", "url.full", "url.path", "url.query", "http.url", "http.target", "http.route",
    "db.query.text", "db.statement", "db.operation.name", "db.collection.name", "rpc.service", "rpc.method",
    "messaging.destination.name",
)  # fmt: skip
"""The attributes that say what a call asks for, by the semantic conventions of now and before."""
_URLS = ("url.full", "http.url", "http.target", "url.path")
_TEXTS = ("db.query.text", "db.statement", "http.route", *_URLS, "rpc.method", "messaging.destination.name")
_HOSTS = ("server.address", "net.peer.name", "peer.service", "network.peer.address", "net.peer.ip")
_READING = ("GET", "HEAD", "OPTIONS")
_OUTCOME = re.compile(r"attempt|retry|resend|error|exception|status|thread|duration")
"""What may differ between a call and the same one made again."""
_STATUS_CODES = ("http.response.status_code", "http.status_code")
_AGAIN = (408, 429)
"""Answers below 500 that ask for the same call again."""
_HOST = re.compile(r"^[a-z][a-z0-9+.-]*://[^/?#]*", re.IGNORECASE)
_VARIABLE = re.compile(
    r"""'[^']*'|"[^"]*"|[0-9a-f]{8}-[0-9a-f-]{27}|\b[0-9a-f]*\d[0-9a-f]*\b|(?<!/v)(?<!\d)\d+""", re.IGNORECASE
)


class Siblings(NamedTuple):
    """Spans of one name, kind and service below one parent, by start. `parent`: None where that one never arrived."""

    parent: Node | None
    calls: Sequence[Node]


def siblings(nodes: Sequence[Node]) -> list[Siblings]:
    """Return the spans that have others of their name beside them; the children of a ghost are beside each other."""
    families: dict[int | str, list[Node]] = defaultdict(list)
    for node in nodes:
        if node.parent is not None:
            families[node.parent].append(node)
        elif node.orphan:
            families[node.span.parent_span_id or ""].append(node)
    found = []
    for key, family in families.items():
        if len(family) > 1:
            parent = nodes[key] if isinstance(key, int) else None
            found += [Siblings(parent, calls) for calls in _by_name(family) if len(calls) > 1]
    return found


def _by_name(family: Sequence[Node]) -> Iterator[list[Node]]:
    together: dict[tuple[str, str, str], list[Node]] = defaultdict(list)
    for node in family:
        span = node.span
        together[span.name, span.service, span.kind].append(node)
    return iter(together.values())


def named(span: Span) -> str:
    """Return how sentences call a span: `inventory POST /reserve`."""
    return f"{span.service} {span.name}"


def templated(text: str) -> str:
    """Return a text with a mark in place of numbers, ids and quoted values: what differs from call to call."""
    return _VARIABLE.sub("?", text)


def callee(nodes: Sequence[Node], node: Node) -> Node | None:
    """Return the span of another service that a call is answered by, if it is there."""
    child = nodes[node.index + 1] if node.descendants else None
    return child if child and child.span.service != node.span.service else None


def is_call(node: Node) -> bool:
    """Tell whether a span is more than work of its own: it names what it calls, or something stands below it."""
    span = node.span
    return span.kind != "INTERNAL" or node.descendants > 0 or any(key in span.attributes for key in _WORDING)


def is_read(span: Span) -> bool:
    """Tell whether a span is a call that changes nothing, of anything but a database, as far as it says."""
    held = span.attributes
    method = held.get("http.request.method") or held.get("http.method") or "GET"
    return method in _READING and not any(key.startswith("db.") for key in held)


def operation(nodes: Sequence[Node], node: Node) -> tuple[str, str | None, str | None]:
    """Return what is equal for calls of one operation: its name, that of who answered, and what it asks for.

    Numbers, ids and quoted values, which are arguments, are left out of it.
    """
    other = callee(nodes, node)
    asked = next((str(node.span.attributes[key]) for key in _TEXTS if key in node.span.attributes), None)
    path = None if asked is None else templated(_path(asked))
    return (node.span.name, templated(other.span.name) if other else None, path)


def described(nodes: Sequence[Node], node: Node) -> str:
    """Return what a call asks for, in words: who answered it, else its name, and a path that the name lacks."""
    name, other, path = operation(nodes, node)
    if other is not None:
        return f"{nodes[node.index + 1].span.service} {other}"
    return f"{name} {path}" if path and path.startswith("/") and "/" not in name else name


def target(nodes: Sequence[Node], node: Node) -> tuple[str, str] | None:
    """Return whom a call asks, and for which resource; None where nobody is named. A URL's query is no resource."""
    held, other = node.span.attributes, callee(nodes, node)
    url = next((str(held[key]) for key in _URLS if key in held), "")
    host = _HOST.match(url)
    named_host = next((str(held[key]) for key in _HOSTS if key in held), host[0] if host else "")
    who = other.span.service if other else named_host
    return (who, _path(url)) if who else None


def _path(url: str) -> str:
    """Return the path of a URL; any other text as it is."""
    path = _HOST.sub("", url)
    return path.partition("?")[0] if path.startswith("/") else path


def same_call(span: Span) -> tuple[Any, ...]:
    """Return what is equal for a call and the same one made again, to whichever host."""
    if span.kind == "INTERNAL":
        told = sorted(span.attributes.items(), key=lambda item: item[0])
        return tuple((key, repr(value)) for key, value in told if not _OUTCOME.search(key))
    return tuple(_HOST.sub("", str(span.attributes.get(key))) for key in _WORDING)


def failed(span: Span) -> bool:
    """Tell whether a call failed: its status says so, the type of an error, or an answer that asks to try again."""
    if span.status == "ERROR" or "error.type" in span.attributes:
        return True
    code = status_code(span)
    return code is not None and (code in _AGAIN or code >= 500)  # noqa: PLR2004 - a server's errors


def status_code(span: Span) -> int | None:
    """Return the status code of an HTTP call."""
    for key in _STATUS_CODES:
        code = span.attributes.get(key)
        if isinstance(code, int | str) and str(code).isdecimal():
            return int(code)
    return None


def reason(span: Span) -> str | None:
    """Return in a word why a call failed: the type of its exception, its status message or its HTTP status."""
    for event in reversed(span.events):
        kind = event.attributes.get("exception.type")
        if kind:
            return str(kind)
    code = status_code(span)
    return span.attributes.get("error.type") or span.status_message or (f"HTTP {code}" if code else None)
