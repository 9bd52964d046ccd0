"""What calls are to each other: beside each other, the same again, of the same operation, failed.

A call is a span; what it did is read from its name and from the attributes that say more than a name may, such as the
path of a URL and the text of a query. A span of which it is not known is told apart by its name alone.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from tracelog.model import Attributes, Node, Span

_URLS = ("url.full", "http.url", "http.target", "url.path")
_TEXTS = ("db.query.text", "db.statement", "http.route", *_URLS, "rpc.method", "messaging.destination.name")
"""The attributes that say what a call asks for, by the semantic conventions of now and before."""
_HOSTS = ("server.address", "net.peer.name", "peer.service", "network.peer.address", "net.peer.ip")
LOCAL = ("INTERNAL", "UNSPECIFIED")
"""The kinds of work within a service; OTLP has a span without a kind taken for internal."""
UNTOLD = (None, None)
"""What a call is asked for that says nothing of it."""
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
_QUOTED, _UUID = r"""'[^']*'|"[^"]*\"""", r"[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}"
# The digit is looked for ahead, so that no text takes more than a step a letter.
_HEX = r"(?=[a-fA-F]*\d)[0-9a-fA-F]+\b"
_NUMBER = r"(?<!/v)(?<!\d)\d+"  # but that of a version in a path
_VARIABLE = re.compile(rf"{_QUOTED}|\b(?:{_UUID}|{_HEX})|{_NUMBER}")
_LONGEST = 1000
"""What is behind so many letters of a text tells no calls apart."""
_READ = 2 * _LONGEST
"""And of a URL, with its host, what is behind so many."""


Failing = Sequence[bool]
"""Whether each node of a trace failed."""


class Siblings(NamedTuple):
    """Spans of one name but for arguments, of one kind and service, below one parent, by start.

    `parent`: None where that one never arrived.
    """

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
        together[templated(span.name), span.service, span.kind].append(node)
    return iter(together.values())


def named(span: Span) -> str:
    """Return how sentences call a span: `inventory POST /reserve`."""
    return f"{span.service} {span.name}"


def caller(group: Siblings) -> str:
    """Name the parent of calls; where it never arrived, their service."""
    return named(group.parent.span) if group.parent else group.calls[0].span.service


def times_of(calls: Sequence[Node]) -> tuple[int, int]:
    """Return how long at least one of the calls was running, and how long all would one by one, ns.

    They are ordered by start.
    """
    time, total, reached = 0, 0, calls[0].span.start
    for node in calls:
        span = node.span
        start, duration = span.start, span.duration
        end = start + duration
        total += duration
        if start >= reached:
            time += duration
            reached = end
        elif end > reached:
            time += end - reached
            reached = end
    return time, total


def templated(text: str) -> str:
    """Return a text with a mark in place of numbers, ids and quoted values: what differs from call to call.

    Of a long text its beginning.
    """
    return _templated(text[:_LONGEST])


@lru_cache(4096)
def _templated(text: str) -> str:
    return _VARIABLE.sub("?", text)


@lru_cache(4096)
def _templated_path(text: str) -> str:
    return templated(_path(text))


def callee(nodes: Sequence[Node], node: Node) -> Node | None:
    """Return the span of another service that a call is answered by, if it is there."""
    child = nodes[node.index + 1] if node.descendants else None
    return child if child and child.span.service != node.span.service else None


def is_call(node: Node) -> bool:
    """Tell whether a span is more than work of its own: it names what it calls, or something stands below it."""
    span = node.span
    return span.kind not in LOCAL or node.descendants > 0 or _first(span.attributes, _TEXTS) is not None


def is_read(span: Span) -> bool:
    """Tell whether a span is a call that changes nothing, as far as it says.

    Of what is asked of a database it cannot be told, nor of a procedure or a queue where no method of HTTP says it.
    """
    method = _first(span.attributes, ("http.request.method", "http.method"))
    untold = ("db.",) if method else ("db.", "rpc.", "messaging.")
    if span.kind == "PRODUCER" or any(key.startswith(untold) for key in span.attributes):
        return False
    return method is None or method in _READING


def operation(nodes: Sequence[Node], node: Node) -> tuple[str | None, str | None]:
    """Return what is equal for siblings of one operation: who answered, else what they ask for, else `UNTOLD`.

    Numbers, ids and quoted values, which are arguments, are left out of it.
    """
    other = callee(nodes, node)
    if other is not None:
        return (templated(other.span.name), None)
    asked = _first(node.span.attributes, _TEXTS)
    return (None, None if asked is None else _templated_path(asked[:_READ]))


def name_of(calls: Sequence[Node]) -> str:
    """Return the name of siblings; without arguments where these differ."""
    name = calls[0].span.name
    return name if all(node.span.name == name for node in calls) else templated(name)


def described(nodes: Sequence[Node], calls: Sequence[Node]) -> str:
    """Return what calls of one operation ask for, in words: who answered, else their name, and a path that it lacks."""
    other, path = operation(nodes, calls[0])
    if other is not None:
        return f"{nodes[calls[0].index + 1].span.service} {other}"
    name = name_of(calls)
    return f"{name} {path}" if path and path.startswith("/") and "/" not in name else name


def target(nodes: Sequence[Node], node: Node) -> tuple[str, str] | None:
    """Return whom a call asks, and for which resource; None where nobody is named. A URL's query is no resource."""
    held, other = node.span.attributes, callee(nodes, node)
    url = _first(held, _URLS) or ""
    host = _HOST.match(url)
    who = other.span.service if other else _first(held, _HOSTS) or (host and host[0])
    return (who, _path(url)) if who else None


def same_call(span: Span) -> tuple[str, ...]:
    """Return what is equal for a call and the same one made again, to whichever host: all that it was asked with."""
    held = span.attributes
    urls, others = _arguments(tuple(held))
    return (
        span.name,
        *[f"{key}={_without_host(held[key])!r}" for key in urls],
        *[f"{key}={held[key]!r}" for key in others],
    )


def part_of_call(span: Span) -> str:
    """Return something that `same_call` holds too, and that is quickly told: the end of a URL's path."""
    return str(_without_host(_first(span.attributes, _URLS) or "")).rpartition("/")[2]


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
    if not span.attributes:
        return span.status == "ERROR"
    code = status_code(span) or 0
    if span.kind == "CLIENT" and code in _ANSWERS:
        return code in _AGAIN
    return span.status == "ERROR" or code in _AGAIN or code >= _ANSWERS.stop or "error.type" in span.attributes


def status_code(span: Span) -> int | None:
    """Return the status code of an HTTP call."""
    code = _first(span.attributes, ("http.response.status_code", "http.status_code"))
    return int(code) if code and code.isdecimal() else None


def reason(span: Span) -> str | None:
    """Return in a word why a call failed: the type of its exception, its status message or its HTTP status."""
    for event in reversed(span.events):
        kind = event.attributes.get("exception.type")
        if kind:
            return str(kind)
    code = status_code(span)
    return _first(span.attributes, ("error.type",)) or span.status_message or (f"HTTP {code}" if code else None)


def _first(held: Attributes, keys: Sequence[str]) -> str | None:
    """Return the first attribute of these that is there, as text."""
    for key in keys if held else ():
        if key in held:
            return str(held[key])
    return None


def _without_host(value: Any) -> Any:
    host = _HOST.match(value) if isinstance(value, str) and "://" in value else None
    return value[host.end() :] if host else value


def _path(text: str) -> str:
    """Return the path of a URL; any other text as it is."""
    path: str = _without_host(text)
    return path.partition("?")[0] if path.startswith("/") else path
