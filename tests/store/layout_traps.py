"""What is odd in the documents of each layout, by hand: each case with the trace that it is, as one would draw it.

A row is `name [service KIND] ms`, with `!` where the span failed; below it stand its links (`>`), events (`*`) and
lines (`-`), deeper by one step as its children are.
"""

from __future__ import annotations

from typing import Any, NamedTuple

TRACE, OTHER = "0af7651916cd43dd8448eb211c80319c", "11111111111111112222222222222222"
A, B, C, D = "b7ad6b7169203331", "00f067aa0ba902b7", "53995c3f42cd8ad8", "c4a9b1f0e2d38475"
ISO, MS, US = "2026-04-19T14:23:01.200Z", 1_776_608_581_200, 1_776_608_581_200_000
Documents = dict[str, list[dict[str, Any]]]


class Trap(NamedTuple):
    """Documents by the name of their index, and what `show` makes of them."""

    name: str
    documents: Documents
    rows: list[str]
    trace: str = TRACE


OTEL_SPANS, OTEL_LOGS = "traces-shop.otel-{}", "logs-shop.otel-{}"


def otel(span_id: str, name: Any = "work", **rest: Any) -> dict[str, Any]:
    known = {"@timestamp": ISO, "trace_id": TRACE, "span_id": span_id, "name": name, "kind": "Internal"}
    resource = {"attributes": {"service.name": "shop"}}
    return {**known, "duration": 5_000_000, "resource": resource, "attributes": {}, **rest}


def otel_log(span_id: str | None, at: int = 0, **rest: Any) -> dict[str, Any]:
    """Make a line, written so many milliseconds after the start of all."""
    known = {
        "@timestamp": f"2026-04-19T14:23:01.{200 + at}Z",
        "observed_timestamp": ISO,
        "trace_id": TRACE,
        "span_id": span_id,
    }
    resource = {"attributes": {"service.name": "shop"}}
    return {**{key: value for key, value in known.items() if value is not None}, "resource": resource, **rest}


OTEL = [
    Trap(
        "a timestamp has four forms, all read to the nanosecond",
        {
            OTEL_SPANS: [
                otel(A, "root", kind="Server", duration=50_000_000, **{"@timestamp": f"{MS}.0"}),
                otel(D, "iso", parent_span_id=A, **{"@timestamp": "2026-04-19T14:23:01.200000007Z"}),
                otel(C, "padded", parent_span_id=A, **{"@timestamp": f"{MS}.000006"}),
                otel(B, "not padded", parent_span_id=A, **{"@timestamp": f"{MS}.5"}),
                otel("1" * 16, "milliseconds", parent_span_id=A, **{"@timestamp": str(MS + 1)}),
            ]
        },
        [
            "root [shop SERVER] 50.0",
            "  not padded [shop INTERNAL] 5.0",
            "  padded [shop INTERNAL] 5.0",
            "  iso [shop INTERNAL] 5.0",
            "  milliseconds [shop INTERNAL] 5.0",
        ],
    ),
    Trap(
        "a timestamp may be a number",
        {OTEL_SPANS: [otel(A, "root", **{"@timestamp": MS}), otel(B, parent_span_id=A, **{"@timestamp": MS + 1})]},
        ["root [shop INTERNAL] 5.0", "  work [shop INTERNAL] 5.0"],
    ),
    Trap(
        "the parent of a root is absent, empty or zeros",
        {OTEL_SPANS: [otel(A, "a"), otel(B, "b", parent_span_id=""), otel(C, "c", parent_span_id="0" * 16)]},
        ["b [shop INTERNAL] 5.0", "c [shop INTERNAL] 5.0", "a [shop INTERNAL] 5.0"],
    ),
    Trap(
        "events are documents of their own, and exceptions among them",
        {
            OTEL_SPANS: [otel(A, status={"code": "Error", "message": "declined"}, kind="Client")],
            OTEL_LOGS: [
                {**otel_log(A, event_name="retry", attributes={"attempt": 2}), "observed_timestamp": None},
                {
                    **otel_log(A, event_name="exception", attributes={"exception.type": "IOError"}),
                    "observed_timestamp": None,
                },
                otel_log(A, event_name="paid", severity_text="WARN"),
            ],
        },
        ["work [shop CLIENT] 5.0 !", "  * exception", "  * retry", "  - WARNING paid"],
    ),
    Trap(
        "a body is text, a structure, a list, or absent",
        {
            OTEL_SPANS: [otel(A)],
            OTEL_LOGS: [
                otel_log(A, 1, body={"text": "one"}, severity_number=9),
                otel_log(A, 2, body={"structured": {"two": 2}}, severity_number=17, severity_text="loud"),
                otel_log(A, 3, body={"structured": {"value": ["three"]}}, severity_text="FATAL"),
                otel_log(A, 4, body_text="four"),
                otel_log(A, 5),
            ],
        },
        [
            "work [shop INTERNAL] 5.0",
            "  - INFO one",
            '  - ERROR {"two":2}',
            '  - CRITICAL {"value":["three"]}',
            "  - None four",
            "  - None ",
        ],
    ),
    Trap(
        "links lead to other traces",
        {OTEL_SPANS: [otel(A, links=[{"trace_id": OTHER, "span_id": B, "attributes": {"why": "batch"}}])]},
        ["work [shop INTERNAL] 5.0", f"  > {OTHER} {B}"],
    ),
]

APM_SPANS, APM_ERRORS, APM_EVENTS, APM_7 = "traces-apm-{}", "logs-apm.error-{}", "logs-apm.app.shop-{}", "apm-7.17.0-{}"


def transaction(own_id: str, name: str = "POST /checkout", **rest: Any) -> dict[str, Any]:
    own = {"id": own_id, "name": name, "type": "request", "duration": {"us": 50_000}, **rest.pop("own", {})}
    return _apm({"processor": {"event": "transaction"}, "transaction": own, **rest})


def span(own_id: str, parent: str, name: str = "SELECT", **rest: Any) -> dict[str, Any]:
    own = {"id": own_id, "name": name, "type": "db", "duration": {"us": 5_000}, **rest.pop("own", {})}
    return _apm({"processor": {"event": "span"}, "span": own, "parent": {"id": parent}, **rest})


def _apm(fields: dict[str, Any]) -> dict[str, Any]:
    known = {"@timestamp": ISO, "timestamp": {"us": US}, "trace": {"id": TRACE}, "service": {"name": "shop"}}
    return {key: value for key, value in {**known, **fields}.items() if value is not None}


def error(parent: str | None, **rest: Any) -> dict[str, Any]:
    own = {"processor": {"event": "error"}, "parent": {"id": parent} if parent else None}
    return _apm({**own, "error": rest.pop("error"), **rest})


FOUR_MS = {"duration": {"us": 4_000}}
ELASTIC = [
    Trap(
        "a parent is a span or a transaction, and a transaction may name its id twice",
        {
            APM_SPANS: [
                transaction(A, span={"id": A}),
                span(B, A, transaction={"id": A}),
                transaction(C, "GET /cart", parent={"id": B}, own=FOUR_MS, service={"name": "cart"}),
            ]
        },
        ["POST /checkout [shop SERVER] 50.0", "  SELECT [shop CLIENT] 5.0", "    GET /cart [cart SERVER] 4.0"],
    ),
    Trap(
        "a composite is one document for many calls, and an unsampled transaction has no spans",
        {
            APM_SPANS: [
                transaction(A, own={"sampled": False}),
                span(B, A, own={"composite": {"count": 7, "sum": {"us": 4_900}}}),
            ]
        },
        ["POST /checkout [shop SERVER] 50.0", "  SELECT [shop CLIENT] 5.0"],
    ),
    Trap(
        "a time is in microseconds, else the timestamp; a duration too, and before the pipeline in nanoseconds",
        {
            APM_SPANS: [
                transaction(A, timestamp=None, own={"duration": None}, event={"duration": 60_000_000}),
                span(C, A, "later", timestamp={"us": US + 2}),
                span(B, A, "earlier", timestamp={"us": US + 1}, event={"outcome": "failure"}),
            ]
        },
        ["POST /checkout [shop SERVER] 60.0", "  earlier [shop CLIENT] 5.0 !", "  later [shop CLIENT] 5.0"],
    ),
    Trap(
        "links and children are named",
        {
            APM_SPANS: [
                transaction(A, own={"type": "messaging"}, child={"id": [B]}),
                span(B, A, own={"links": [{"trace": {"id": OTHER}, "span": {"id": C}}]}),
            ]
        },
        [
            "POST /checkout [shop CONSUMER] 50.0",
            f"  > {TRACE} {B}",
            "  SELECT [shop CLIENT] 5.0",
            f"    > {OTHER} {C}",
        ],
    ),
    Trap(
        "an error is a line, with an array of exceptions, of the span that is its parent",
        {
            APM_SPANS: [transaction(A), span(B, A)],
            APM_ERRORS: [
                error(
                    B,
                    transaction={"id": A},
                    error={"exception": [{"type": "Declined", "message": "card", "handled": False}]},
                ),
                error(A, timestamp={"us": US + 1}, error={"log": {"message": "gave up", "level": "warning"}}),
            ],
        },
        [
            "POST /checkout [shop SERVER] 50.0",
            "  - WARNING gave up",
            "  SELECT [shop CLIENT] 5.0",
            "    - ERROR Declined: card",
        ],
    ),
    Trap(
        "span events of the OTLP intake are documents with the name for a message",
        {
            APM_SPANS: [transaction(A)],
            APM_EVENTS: [
                _apm(
                    {
                        "event": {"kind": "event", "dataset": "apm"},
                        "transaction": {"id": A},
                        "span": {"id": A},
                        "message": "retry",
                    }
                )
            ],
        },
        ["POST /checkout [shop SERVER] 50.0", "  * retry"],
    ),
    Trap(
        "an index of APM Server 7 has documents of every kind",
        {
            APM_7: [
                transaction(A),
                span(B, A),
                error(B, error={"log": {"message": "gave up"}}),
                _apm({"processor": {"event": "metric"}, "transaction": {"name": "POST /checkout"}}),
            ]
        },
        ["POST /checkout [shop SERVER] 50.0", "  SELECT [shop CLIENT] 5.0", "    - ERROR gave up"],
    ),
    Trap(
        "names are dotted, nested, or both in one document, and values may be arrays",
        {
            APM_SPANS: [transaction(A)],
            "filebeat-{}": [
                {
                    "@timestamp": ISO, "log.level": "info", "log": {"logger": "shop"}, "trace": {"id": TRACE},
                    "transaction.id": A, "message": "mixed", "service.name": "shop",
                },
                {
                    "@timestamp": ["2026-04-19T14:23:01.201Z"], "log": {"level": ["error"]}, "trace.id": [TRACE],
                    "span": {"id": [A]}, "message": ["arrays"], "service": {"name": ["shop"]},
                },
            ],
        },
        ["POST /checkout [shop SERVER] 50.0", "  - INFO mixed", "  - ERROR arrays"],
    ),
    Trap(
        "a line without a trace id belongs to the trace that its text names; one with another id does not",
        {
            APM_SPANS: [transaction(A)],
            "logs-nginx-{}": [
                {"@timestamp": ISO, "message": f"GET /pay?trace={TRACE} 502", "service": {"name": "edge"}},
                {"@timestamp": ISO, "message": f"viewed {TRACE}", "trace": {"id": OTHER}},
            ],
        },
        ["POST /checkout [shop SERVER] 50.0", f"- None GET /pay?trace={TRACE} 502"],
    ),
]  # fmt: skip

JAEGER_SPANS = "jaeger-span-{}"


def jaeger(own_id: str, name: str = "work", at: int = 0, us: int = 5_000, **rest: Any) -> dict[str, Any]:
    known = {"traceID": TRACE, "spanID": own_id, "operationName": name, "startTime": US + at, "duration": us}
    process = {"serviceName": "shop", "tags": []}
    return {**known, "startTimeMillis": (US + at) // 1000, "tags": [], "process": process, **rest}


def reference(kind: str, span_id: str, trace_id: str = TRACE) -> dict[str, str]:
    return {"refType": kind, "traceID": trace_id, "spanID": span_id}


def tag(key: str, value: Any, kind: str = "string") -> dict[str, Any]:
    return {"key": key, "type": kind, "value": value}


SHORT = "8448eb211c80319"
JAEGER = [
    Trap(
        "a parent is named, else the first reference to a span of the trace; other references are links",
        {
            JAEGER_SPANS: [
                jaeger(A, "root", us=50_000, references=[reference("FOLLOWS_FROM", D, OTHER)]),
                jaeger(B, "named", 1, parentSpanID=A, references=[reference("CHILD_OF", A)]),
                jaeger(C, "child", 2, references=[reference("CHILD_OF", D, OTHER), reference("CHILD_OF", A)]),
                jaeger(D, "follower", 3, references=[reference("FOLLOWS_FROM", C)]),
            ]
        },
        [
            "root [shop UNSPECIFIED] 50.0",
            f"  > {OTHER} {D}",
            "  named [shop UNSPECIFIED] 5.0",
            "  child [shop UNSPECIFIED] 5.0",
            f"    > {OTHER} {D}",
            "    follower [shop UNSPECIFIED] 5.0",
        ],
    ),
    Trap(
        "ids may be short and may have lost their zeros",
        {
            JAEGER_SPANS: [
                jaeger(A, "whole", us=50_000, traceID=f"0{SHORT}".rjust(32, "0")),
                jaeger(B, "short", 1, traceID=f"0{SHORT}", parentSpanID=A),
                jaeger(B.lstrip("0")[:-1], "stripped", 2, traceID=SHORT, parentSpanID=B.lstrip("0")),
            ]
        },
        [
            "whole [shop UNSPECIFIED] 50.0",
            "  short [shop UNSPECIFIED] 5.0",
            "    stripped [shop UNSPECIFIED] 5.0",
        ],
        trace=SHORT.rjust(32, "0"),
    ),
    Trap(
        "arrays may be null, and values strings of their type",
        {
            JAEGER_SPANS: [
                jaeger(A, references=None, tags=None, logs=None),
                jaeger(B, "typed", 1, parentSpanID=A, tags=[tag("error", "true", "bool"), tag("span.kind", "client")]),
            ]
        },
        ["work [shop UNSPECIFIED] 5.0", "  typed [shop CLIENT] 5.0 !"],
    ),
    Trap(
        "tags stand in an array and in a map with another character for dots",
        {
            JAEGER_SPANS: [
                jaeger(A, tag={"span@kind": "server", "error": True}),
                jaeger(
                    B, "other", 1, parentSpanID=A, tags=[tag("otel.status_code", "ERROR")], tag={"span@kind": "client"}
                ),
            ]
        },
        ["work [shop SERVER] 5.0 !", "  other [shop CLIENT] 5.0 !"],
    ),
    Trap(
        "events are the logs of a span, named by a field",
        {
            JAEGER_SPANS: [
                jaeger(
                    A,
                    logs=[
                        {"timestamp": US + 3, "fields": [tag("event", "retry"), tag("attempt", "2", "int64")]},
                        {"timestamp": US + 2, "fields": [tag("message", "none")]},
                    ],
                )
            ]
        },
        ["work [shop UNSPECIFIED] 5.0", "  * log", "  * retry"],
    ),
    Trap(
        "a span stored twice is one",
        {
            JAEGER_SPANS: [
                jaeger(A),
                jaeger(A),
                jaeger(B, "child", 1, parentSpanID=A),
                jaeger(B, "child", 1, parentSpanID=A),
            ]
        },
        ["work [shop UNSPECIFIED] 5.0", "  child [shop UNSPECIFIED] 5.0"],
    ),
]

SPREAD = Trap(
    "a trace over four layouts is one tree, and a span that two of them have is one",
    {
        APM_SPANS: [transaction(A), span(B, A)],
        JAEGER_SPANS: [
            jaeger(C, "charge", 1_000, parentSpanID=B, tags=[tag("span.kind", "server")]),
            jaeger(
                D, "work", 2_000, parentSpanID=C, tags=[tag("span.kind", "internal")], process={"serviceName": "bank"}
            ),
        ],
        OTEL_SPANS: [
            otel(
                D, parent_span_id=C, resource={"attributes": {"service.name": "bank"}}, **{"@timestamp": f"{MS + 2}.7"}
            )
        ],
        OTEL_LOGS: [otel_log(D, body={"text": "declined"}, severity_number=17)],
        "logs-nginx-{}": [{"@timestamp": ISO, "message": "edge", "trace": {"id": TRACE}, "span": {"id": A}}],
    },
    [
        "POST /checkout [shop SERVER] 50.0",
        "  - None edge",
        "  SELECT [shop CLIENT] 5.0",
        "    charge [shop SERVER] 5.0",
        "      work [bank INTERNAL] 5.0",
        "        - ERROR declined",
    ],
)

TRAPS = [*OTEL, *ELASTIC, *JAEGER, SPREAD]
