"""The forms in which a trace is written to a file, each a function from a trace to parts of its bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from tracelog.model import Trace
from tracelog.show.otlp import otlp_lines
from tracelog.show.page import page_html
from tracelog.show.perfetto import perfetto_json

FORMS: Mapping[str, Callable[[Trace], Iterator[bytes]]] = {
    "html": page_html, "otlp": otlp_lines, "perfetto": perfetto_json,
}  # fmt: skip
