"""The index templates that tracelog puts into a cluster: one for logs, one for traces, each of a dataset.

Nothing is mapped dynamically: attributes, whose keys are anyone's, live in `flattened` fields, so that no number of
keys grows the mapping and no two types of a value are in conflict. `index.mode` is said to be `standard`, for
Elasticsearch 9 makes any `logs-*` data stream a `logsdb`, which rebuilds documents from columns rather than keep them.
"""

from __future__ import annotations

from typing import Any

from tracelog.schema.otel import LOGS, TRACES

_PRIORITY = 500  # above those that Elastic ships, which have 100 to 250
_LONGEST = 8191  # characters: 32,766 bytes, the longest term of Lucene, at four bytes each

_TIME = {"type": "date_nanos"}
_LONG = {"type": "long"}
_ID = {"type": "keyword", "ignore_above": 256}
_KEYWORD = {"type": "keyword", "ignore_above": _LONGEST}
_ATTRIBUTES = {"type": "flattened", "ignore_above": _LONGEST}
_LENIENT_LONG = {"type": "long", "ignore_malformed": True}

_COMMON = {
    "@timestamp": _TIME,
    "data_stream": {"properties": {"type": _ID, "dataset": _ID, "namespace": _ID}},
    "trace_id": _ID,
    "span_id": _ID,
    "attributes": _ATTRIBUTES,
    "resource": {"properties": {"attributes": _ATTRIBUTES}},
    "scope": {"properties": {"name": _KEYWORD, "version": _ID, "attributes": _ATTRIBUTES}},
    "service": {"properties": {"name": _KEYWORD}},
}
_SPAN = {
    "parent_span_id": _ID,
    "name": _KEYWORD,
    "kind": _ID,
    "duration": _LONG,
    "status": {"properties": {"code": _ID, "message": _KEYWORD}},
    "links": {"properties": {"trace_id": _ID, "span_id": _ID}},
    "http": {"properties": {"response": {"properties": {"status_code": _LENIENT_LONG}}}},
}
_LOG = {
    "observed_timestamp": _TIME,
    "trace_flags": _LONG,
    "severity_number": _LONG,
    "severity_text": _ID,
    "event_name": _KEYWORD,
    # `match_only_text` would be smaller, but is not part of the server's core.
    "body": {"properties": {"text": {"type": "text", "norms": False}}},
}


def templates(dataset: str) -> dict[str, dict[str, Any]]:
    """Return the index templates of a dataset, each under its name."""
    return {
        f"{kind}-{dataset}.otel@tracelog": _template(f"{kind}-{dataset}.otel-*", {**_COMMON, **own})
        for kind, own in ((LOGS, _LOG), (TRACES, _SPAN))
    }


def _template(pattern: str, properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "index_patterns": [pattern],
        "data_stream": {},
        "priority": _PRIORITY,
        "template": {
            "settings": {"index": {"mode": "standard"}},
            "mappings": {"dynamic": False, "properties": properties},
        },
        "_meta": {"description": "Spans and logs in the OpenTelemetry layout, written by tracelog"},
    }
