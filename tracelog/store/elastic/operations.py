"""The latency of operations, by aggregations: the cluster groups and ranks, and only figures come back.

Percentiles are exact below 20,000 spans to an operation, and estimates of the cluster beyond (`elastic.percentiles`).
Where an operation is in several places, they are those of the place with most spans, and are estimates too.

Where an index is mapped so that it cannot be grouped by, all spans are read instead.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from tracelog.model import Operation
from tracelog.read.latency import in_order, operations_of
from tracelog.store.elastic.examples import Examples, find_examples
from tracelog.store.elastic.grouping import Group, Key, groupable, groups, together
from tracelog.store.elastic.lists import spans
from tracelog.store.elastic.reading import Reader
from tracelog.store.query import SpanQuery


def operations(reader: Reader, query: SpanQuery, by: int | None) -> list[Operation]:
    """Return the latency of each operation, as `read.latency.in_order` has them; `by`: in stretches of so many ns."""
    timed = by is not None or query.since is not None or query.until is not None
    odd = [source.index for source in reader.span_sources if not groupable(source, timed=timed)]
    if odd:
        reader.notes.add(f"{', '.join(odd)}: spans are read one by one, as names, durations, times or tags are mapped")
        return operations_of(spans(reader, query), by)
    return _grouped(reader, query, by)


def _grouped(reader: Reader, query: SpanQuery, by: int | None) -> list[Operation]:
    asked = (query.service, query.name, query.kind)
    found: dict[Key, list[Group]] = defaultdict(list)
    for key, group in groups(reader, query, by):
        if all(each in (None, held) for each, held in zip(asked, key, strict=False)):
            found[key].append(group)
    chosen = _largest(reader, found)
    examples = find_examples(reader, query, by, chosen)
    return in_order(_operation(key, found[key], chosen[key], examples) for key in found)


def _largest(reader: Reader, grouped: Mapping[Key, Sequence[Group]]) -> dict[Key, Group]:
    """Put groups together that one search can ask for; return those in the place with most spans."""
    chosen: dict[Key, Group] = {}
    parted: dict[Key, Sequence[Group]] = {}
    for key, held in grouped.items():
        places: dict[tuple[str, str], list[Group]] = defaultdict(list)
        for group in held:
            places[group.source.index, group.quantity.field].append(group)
        most = max(places.values(), key=lambda several: sum(group.measured for group in several))
        chosen[key] = most[0]
        if len(most) > 1:
            parted[key] = most
        if len(places) > 1:
            reader.notes.add(
                f"{key[0]}: {key[1]} is in several places: its percentiles are those of the one with most spans"
            )
    chosen.update(zip(parted, together(reader, list(parted.values())) if parted else (), strict=True))
    return chosen


def _operation(key: Key, held: Sequence[Group], chosen: Group, examples: Examples) -> Operation:
    """Build a row. Percentiles of one place among several are estimates."""
    in_ns = {f"p{percent}": found.value * chosen.quantity.unit for percent, found in chosen.percentiles.items()}
    partial = chosen.measured < sum(group.spans for group in held)
    longest, of_longest = max((group.longest[0] * group.quantity.unit, group.longest[1]) for group in held)
    failed = [(group.failed[0] * group.quantity.unit, group.failed[1] or "") for group in held if group.failed]
    shown = {f"p{percent}": examples.get((key, percent)) for percent in chosen.percentiles}
    shown |= {"max": of_longest, "error": max(failed)[1] if failed else None}
    return Operation(
        service=key[0],
        name=key[1],
        kind=key[2],
        bucket=key[3],
        count=sum(group.spans for group in held),
        error_count=sum(group.error_count for group in held),
        max=longest,
        examples={figure: trace_id for figure, trace_id in shown.items() if trace_id},
        estimated=tuple(f"p{p}" for p, found in chosen.percentiles.items() if partial or not found.exact),
        **{"p50": 0, "p95": 0, "p99": 0, **in_ns},
    )
