"""What may befall a whole request: connections that break, answers that are late, damaged, wrong or somebody else's.

`after`: bytes of the body. `forward`: whether the upstream gets the request all the same, and does what it says, before
the client is told something else.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from .exchange import Exchange, Fault, Reply

_HTML = b"<html>\r\n<head><title>%d</title></head>\r\n<body><h1>%d</h1><hr>nginx</body>\r\n</html>\r\n"
_ERRORS = {
    401: ("security_exception", "missing authentication credentials for REST request [/_bulk]"),
    403: ("security_exception", "action [indices:data/write/bulk] is unauthorized for user [shop]"),
    413: ("content_too_long_exception", "entity content is too long"),
    429: ("es_rejected_execution_exception", "rejected execution of coordinating operation"),
    400: ("document_parsing_exception", "[1:2] failed to parse"),
    503: ("cluster_block_exception", "blocked by: [SERVICE_UNAVAILABLE/2/no master];"),
}


@dataclass(frozen=True)
class Refuse(Fault):
    """End all connections, this one too, and refuse new ones for some time. Whole tests: `proxy.refusing()`."""

    seconds: float

    def play(self, exchange: Exchange) -> None:
        exchange.count(self)
        exchange.hang_up()
        with exchange.proxy.refusing():
            exchange.hold(self.seconds)


@dataclass(frozen=True)
class ResetRequest(Fault):
    """Reset the connection when so many bytes of the request have come; the upstream hears nothing of it."""

    after: int

    def play(self, exchange: Exchange) -> None:
        if self.after:
            next(exchange.pieces(self.after), None)
        exchange.count(self)
        exchange.reset()


@dataclass(frozen=True)
class ResetReply(Fault):
    """Forward, and reset the connection when so many bytes of the reply have been sent."""

    after: int

    def play(self, exchange: Exchange) -> None:
        part = _part(exchange, self.after)
        exchange.count(self)
        exchange.send_bytes(part)
        exchange.reset()


@dataclass(frozen=True)
class TruncatedReply(Fault):
    """Forward, and close the connection in good order when so many bytes of the reply have been sent."""

    after: int

    def play(self, exchange: Exchange) -> None:
        part = _part(exchange, self.after)
        exchange.count(self)
        exchange.send_bytes(part)
        exchange.hang_up()


@dataclass(frozen=True)
class DropReply(Fault):
    """Forward, and close the connection without a reply once there is one."""

    def play(self, exchange: Exchange) -> None:
        exchange.forward()
        exchange.count(self)
        exchange.hang_up()


@dataclass(frozen=True)
class BlackHole(Fault):
    """Say nothing until released, then close the connection; with `forward` pass the request on, late, even so."""

    forward: bool = False

    def play(self, exchange: Exchange) -> None:
        exchange.count(self)
        exchange.hold()
        if self.forward:
            exchange.send(exchange.forward())
        exchange.hang_up()


@dataclass(frozen=True)
class SlowReply(Fault):
    """Forward, and keep the reply back for so many seconds, or until released."""

    seconds: float

    def play(self, exchange: Exchange) -> None:
        reply = exchange.forward()
        exchange.count(self)
        exchange.hold(self.seconds)
        exchange.send(reply)


@dataclass(frozen=True)
class Throttle(Fault):
    """Take the body and send the reply at so many bytes per second, until released."""

    rate: float

    def play(self, exchange: Exchange) -> None:
        exchange.count(self)
        exchange.read(self.rate)
        exchange.send(exchange.forward(), self.rate)


@dataclass(frozen=True)
class HttpStatus(Fault):
    """Answer with a status and an Elasticsearch error, of the type `error` where the status alone does not tell it.

    `retry_after`: a header, in seconds or as a date.
    """

    status: int
    retry_after: float | str | None = None
    error: str = ""
    forward: bool = False

    @property
    def name(self) -> str:
        return f"HttpStatus {self.status}"

    def play(self, exchange: Exchange) -> None:
        reply = error_reply(exchange, self.status, self.error)
        if self.retry_after is not None:
            reply.headers.append(("retry-after", str(self.retry_after)))
        _replace(exchange, self, reply, forward=self.forward)


@dataclass(frozen=True)
class TooLarge(Fault):
    """Answer 413 to a body of more than `limit` bytes as it was sent, compressed or not; let the others pass."""

    limit: int

    def play(self, exchange: Exchange) -> None:
        if len(exchange.read()) > self.limit:
            _replace(exchange, self, error_reply(exchange, 413))
        else:
            exchange.send(exchange.forward())


@dataclass(frozen=True)
class HtmlPage(Fault):
    """Answer as a gateway does that knows nothing of Elasticsearch: with a status and a page."""

    status: int = 502
    forward: bool = False

    @property
    def name(self) -> str:
        return f"HtmlPage {self.status}"

    def play(self, exchange: Exchange) -> None:
        page = _HTML % (self.status, self.status)
        _replace(exchange, self, Reply(self.status, [("content-type", "text/html")], page), forward=self.forward)


@dataclass(frozen=True)
class Redirect(Fault):
    """Send the client to the same path at another URL; where that is a second proxy's, it counts who comes."""

    to: str
    status: int = 307

    def play(self, exchange: Exchange) -> None:
        _replace(exchange, self, Reply(self.status, [("location", self.to + exchange.path)], b""))


@dataclass(frozen=True)
class InvalidJson(Fault):
    """Answer 200 with something that is nearly JSON."""

    forward: bool = True

    def play(self, exchange: Exchange) -> None:
        reply = Reply(200, json_headers(exchange), b'{"took": 3, "errors": false, "items": [{"create": {"sta')
        _replace(exchange, self, reply, forward=self.forward)


@dataclass(frozen=True)
class Garbage(Fault):
    """Answer with bytes that are no HTTP, and close the connection."""

    forward: bool = True

    def play(self, exchange: Exchange) -> None:
        if self.forward:
            exchange.forward()
        exchange.read()
        exchange.count(self)
        exchange.send_bytes(b"\x00\xff\x16\x03\x01 SSH-2.0-nothing \r\n\r\n" * 3)
        exchange.hang_up()


def json_headers(exchange: Exchange) -> list[tuple[str, str]]:
    """Return the headers of an answer in the form that the request asks for, Elasticsearch's own or plain JSON."""
    accepted = exchange.headers.get("accept", "")
    form = accepted if accepted.startswith("application/vnd.elasticsearch+json") else "application/json"
    return [("x-elastic-product", "Elasticsearch"), ("content-type", form)]


def error_reply(exchange: Exchange, status: int, error: str = "") -> Reply:
    cause = describe_error(status, error)
    body = {"error": {"root_cause": [cause], **cause}, "status": status}
    return Reply(status, json_headers(exchange), json.dumps(body).encode())


def describe_error(status: int, error: str = "") -> dict[str, str]:
    """Return the type and reason that Elasticsearch gives for a status, or for one of its types of error."""
    known, reason = _ERRORS.get(status, ("exception", "made up by the proxy"))
    return {"type": error or known, "reason": f"{error}: made up by the proxy" if error else reason}


def _replace(exchange: Exchange, fault: Fault, reply: Reply, *, forward: bool = False) -> None:
    if forward:
        exchange.forward()
    exchange.read()
    exchange.count(fault)
    exchange.send(reply)


def _part(exchange: Exchange, after: int) -> bytes:
    """Forward, and return the head of the reply with so many bytes of its body."""
    reply = exchange.forward()
    whole = reply.encode(exchange.method)
    return whole[: len(whole) - len(reply.body) + after]
