"""One small checkout, made by hand, that has a bit of everything a timeline shows."""

from __future__ import annotations

from typing import Any

from tracelog.model import ExceptionInfo, LogEntry, Span, SpanEvent, SpanLink, Trace
from tracelog.read.tree import build_trace

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
OTHER = "c0ffee00c0ffee00c0ffee00c0ffee00"
START = 1_776_608_581_200_000_000
"""2026-04-19T14:23:01.200Z"""
MS = 1_000_000


def span_id(number: int) -> str:
    return f"{number:016x}"


def make_span(number: int, parent: int | None, when: tuple[float, float], name: str, service: str, **rest: Any) -> Span:
    """Make a span; `when` are its start after that of the trace, and its duration, in milliseconds."""
    at, ms = when
    return Span(
        trace_id=TRACE,
        span_id=span_id(number),
        parent_span_id=None if parent is None else span_id(parent),
        start=START + round(at * MS),
        duration=round(ms * MS),
        name=name,
        service=service,
        **rest,
    )


def make_line(
    span: int | None, at: float, body: str, service: str = "orders", severity: int = 9, **rest: Any
) -> LogEntry:
    """Make a line that a span wrote `at` milliseconds after the start of the trace."""
    return LogEntry(
        id=f"{at:09.3f}{body[:20]}",
        time=START + round(at * MS),
        observed_time=START + round(at * MS),
        body=body,
        service=service,
        severity_number=severity or None,
        logger=f"{service}.views",
        trace_id=TRACE,
        span_id=None if span is None else span_id(span),
        **rest,
    )


SPANS = (
    make_span(1, None, (0, 540), "POST /checkout", "api-gateway", kind="SERVER", attributes={"http.route": "/"}),
    make_span(
        2, 1, (10, 520), "place order", "orders", kind="SERVER",
        links=(SpanLink(OTHER, span_id(7), {"why": "retry of"}),),
    ),
    make_span(3, 2, (20, 1.5), "SELECT stock", "orders", kind="CLIENT"),
    make_span(
        4, 2, (30, 490), "charge card", "payments", kind="CLIENT", status="ERROR", status_message="gateway timeout",
        events=(SpanEvent(START + 400 * MS, "retry", {"attempt": 2}),),
    ),
    make_span(9, 8, (525, 4), "send receipt", "mailer", kind="CONSUMER"),
)  # fmt: skip
LINES = (
    make_line(1, 1, "request received", "api-gateway", 5, attributes={"http.method": "POST"}),
    make_line(
        2, 12, "placing order [red]A-1234[/red]",
        attributes={"order.id": "A-1234", "note": "two words", "code.line.number": 7},
    ),
    make_line(2, 25, "stock is reserved"),
    make_line(
        4, 519, "charge failed", "payments", 17,
        exception=ExceptionInfo("requests.Timeout", "no answer in 490 ms", "Traceback (most recent call last): ..."),
    ),
    make_line(
        4, 100, "the card gateway is slow to answer and the payment service is going to wait for it for a while longer",
        "payments", 13,
    ),
    make_line(2, 528, "unusual: 注文 🛒 \x1b[31mred\x1b[0m\nsecond line", severity=0),
    make_line(9, 526, "written by another service", "smtp"),
    make_line(None, 300, "cache is cold", "cache", 13),
)  # fmt: skip
LINKING = (
    Span(
        trace_id=OTHER, span_id=span_id(6), name="audit", service="auditor", start=START + 900 * MS, duration=MS,
        links=(SpanLink(TRACE, span_id(1)),),
    ),
)  # fmt: skip


def checkout() -> Trace:
    return build_trace(TRACE, SPANS, LINES, LINKING)
