"""Spans that come in any order, put together by trace, in bounded memory.

More than can be held wait in a temporary file, which SQLite sorts; it goes with the connection to it.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from itertools import chain, groupby, islice
from operator import attrgetter

import msgspec

from tracelog.model import SpanOutline

HELD = 500_000
"""How many spans are held in memory: about 200 MiB of them."""

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(SpanOutline)


def by_trace(spans: Iterable[SpanOutline], held: int = HELD) -> Iterator[Sequence[SpanOutline]]:
    """Yield the spans of each trace."""
    coming = iter(spans)
    together: dict[str, list[SpanOutline]] = defaultdict(list)
    for span in islice(coming, held):
        together[span.trace_id].append(span)
    one_more = next(coming, None)
    if one_more is None:
        while together:
            yield together.popitem()[1]  # and hold it no longer
        return
    first = (span for trace in together.values() for span in trace)
    yield from _sorted(chain(first, (one_more,), coming))


def _sorted(spans: Iterable[SpanOutline]) -> Iterator[Sequence[SpanOutline]]:
    """Yield the spans of each trace, out of a temporary file."""
    with closing(sqlite3.connect("", isolation_level=None)) as file:
        file.execute("CREATE TABLE spans (trace_id TEXT, span BLOB)")
        rows = ((span.trace_id, _encoder.encode(span)) for span in spans)
        file.execute("BEGIN")
        file.executemany("INSERT INTO spans VALUES (?, ?)", rows)
        ordered = file.execute("SELECT span FROM spans ORDER BY trace_id")
        for _, trace in groupby((_decoder.decode(span) for (span,) in ordered), attrgetter("trace_id")):
            yield list(trace)
