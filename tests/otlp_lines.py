"""OTLP/JSON lines for the tests of the command line and of import, as an exporter would write them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

START = 1_776_608_581_200_000_000
"""2026-04-19T14:23:01.200Z"""
MS = 1_000_000


def attributes(held: Mapping[str, str]) -> list[dict[str, Any]]:
    return [{"key": key, "value": {"stringValue": value}} for key, value in held.items()]


def span(trace_id: str, number: int, parent: int | None, ms: float, name: str, **rest: Any) -> dict[str, Any]:
    """Return a span that starts `at` ms after the start of all; `held` are its attributes."""
    start = START + round(rest.pop("at", 0) * MS)
    return {
        "traceId": trace_id,
        "spanId": f"{number:016x}",
        "parentSpanId": "" if parent is None else f"{parent:016x}",
        "name": name,
        "startTimeUnixNano": str(start),
        "endTimeUnixNano": str(start + round(ms * MS)),
        "attributes": attributes(rest.pop("held", {})),
        **rest,
    }


def record(trace_id: str, span_number: int, at: float, body: str, severity: int = 9, **rest: Any) -> dict[str, Any]:
    return {
        "traceId": trace_id,
        "spanId": f"{span_number:016x}" if span_number else "",
        "timeUnixNano": str(START + round(at * MS)),
        "severityNumber": severity,
        "body": {"stringValue": body},
        "attributes": attributes(rest.pop("held", {})),
        **rest,
    }


def spans_line(service: str, *spans: dict[str, Any]) -> str:
    group = {"resource": {"attributes": attributes({"service.name": service})}, "scopeSpans": [{"spans": spans}]}
    return json.dumps({"resourceSpans": [group]}) + "\n"


def logs_line(service: str, *records: dict[str, Any]) -> str:
    group = {"resource": {"attributes": attributes({"service.name": service})}, "scopeLogs": [{"logRecords": records}]}
    return json.dumps({"resourceLogs": [group]}) + "\n"
