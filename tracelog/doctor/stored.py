"""What is stored: do lines have ids, do these meet spans, have spans lines, do clocks agree? It explains an empty pane.

All lines and spans of the window are counted; whether they meet is seen on the latest traces of each service.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice, zip_longest
from statistics import median

from tracelog.doctor.diagnosis import Diagnosis, broken, note
from tracelog.model import Coverage
from tracelog.read.findings import milliseconds
from tracelog.read.skew import skews
from tracelog.read.wording import count
from tracelog.store import Store
from tracelog.store.query import Time
from tracelog.store.slowest import Totals

_COMPARED = 20
"""In how many traces clocks are compared."""
_FEW = 0.5
"""Below which share of a service's lines ids are few; there are always some outside of any span."""
_STORE = "store"
_FIND_HANDLER = "there, tracelog doctor --setup MODULE says which handler, why, and what to change"
_OTHER_PLACE = "look where they go: another store, other indices (--index), a sampler, ids in another spelling"


def examine_store(store: Store, *, since: Time | None = None, until: Time | None = None) -> list[Diagnosis]:
    """Examine what is stored of a window, service by service."""
    services = store.coverage(since=since, until=until)
    totals = store.totals({*chain.from_iterable((*one.line_traces, *one.span_traces) for one in services)})
    found = [diagnosis for one in services for diagnosis in _service(one, totals)]
    return [*_whole(store, services, totals), *found, *_clocks(store, services)]


def _whole(store: Store, services: Sequence[Coverage], totals: Mapping[str, Totals]) -> Iterator[Diagnosis]:
    lines, spans = sum(one.lines for one in services), sum(one.spans for one in services)
    looked_at = f"{count(lines, 'line')} and {count(spans, 'span')} of {count(len(services), 'service')}"
    where = "; ".join(store.places)
    if not services:
        advice = "write to it, import into it, or say where else to look: --store, --index, --since"
        yield broken(_STORE, "", "nothing there", f"nothing is stored in this window: {where or store.url}", advice)
    elif not spans and not any(total.span_count for total in totals.values()):  # before a short window neither
        yield broken(_STORE, "", "no spans", f"{looked_at}: {where}", f"of spans: {_OTHER_PLACE}")
    elif not lines and not any(total.log_count for total in totals.values()):
        yield broken(_STORE, "", "no lines", f"{looked_at}: {where}", f"of lines: {_OTHER_PLACE}")
    else:
        yield note(_STORE, "", "looked at", f"{looked_at}: {where}", "")


def _service(one: Coverage, totals: Mapping[str, Totals]) -> Iterator[Diagnosis]:
    found = [*_lines(one, totals), *_spans(one, totals)]
    yield from found or [Diagnosis(one.service, "", ok=True, text=_healthy(one))]


def _healthy(one: Coverage) -> str:
    lines = f"{count(one.lines, 'line')}, {one.traced / one.lines:.1%} of them with ids; " if one.lines else ""
    return f"{lines}{count(one.spans, 'span')}"


def _lines(one: Coverage, totals: Mapping[str, Totals]) -> Iterator[Diagnosis]:
    if not one.lines:
        return
    lines = count(one.lines, "line")
    if one.zeros:
        text = f"{one.zeros:,} of {lines} carry an id of zeros, which joins with nothing"
        yield broken(one.service, "", "zero ids", text, "leave ids out where there is no span: TraceContextFilter()")
    if not one.traced:
        text = f"none of its {lines} carries a trace id"
        yield broken(one.service, "", "no ids", text, f"tracelog.install() in that service; {_FIND_HANDLER}")
        return
    if one.traced < one.lines * _FEW:
        text = f"{one.traced / one.lines:.0%} of {lines} carry a trace id"
        yield note(one.service, "", "few ids", text, _FIND_HANDLER)
    if one.placed < one.traced:
        text = f"{one.traced - one.placed:,} of {lines} name a trace and no span of it"
        yield note(
            one.service, "", "no span ids", text, "they are shown at the deepest span open at the time, as a guess"
        )
    met = sum(trace_id in totals for trace_id in one.line_traces)
    if met < len(one.line_traces):
        text = f"of the latest {count(len(one.line_traces), 'trace')} that its lines name, {_none(met)} with spans"
        say = note if met else broken
        yield say(one.service, "", "spans missing", text, f"of spans: {_OTHER_PLACE}")


def _spans(one: Coverage, totals: Mapping[str, Totals]) -> Iterator[Diagnosis]:
    if not one.spans:
        return
    if not one.lines:
        text = f"{count(one.spans, 'span')} and not one line under this name"
        yield note(one.service, "", "no lines", text, f"of its lines: {_OTHER_PLACE}; or another service.name on them")
    known = [totals[trace_id] for trace_id in one.span_traces if trace_id in totals]
    with_lines = sum(total.log_count > 0 for total in known)
    if with_lines < len(known):
        text = f"of the latest {count(len(known), 'trace')} of its spans, {_none(with_lines)} with a line"
        yield note(one.service, "", "silent traces", text, f"of lines: {_OTHER_PLACE}; or a level that is too high")


def _none(number: int) -> str:
    return f"{number:,} are" if number else "none is"


def _clocks(store: Store, services: Sequence[Coverage]) -> Iterator[Diagnosis]:
    """Compare the clocks of hosts in a few traces of each service in turn."""
    in_turn = chain.from_iterable(zip_longest(*(one.span_traces for one in services)))
    offsets: dict[tuple[str, str], list[int]] = defaultdict(list)
    for trace_id in islice(dict.fromkeys(filter(None, in_turn)), _COMPARED):
        for skew in skews(store.trace(trace_id).nodes):
            offsets[skew.clock, skew.reference].append(skew.offset)
    for (clock, reference), found in sorted(offsets.items()):
        offset = round(median(found))
        side = "behind" if offset > 0 else "ahead of"
        text = f"{clock} is about {milliseconds(offset)} {side} {reference}, in {count(len(found), 'trace')}"
        yield note(_STORE, "", "clocks", text, "let NTP set it; until then: tracelog show --adjust-clocks")
