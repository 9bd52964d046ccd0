"""What policies would keep of stored traces: held against a plain model that sees everything at once."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tracelog.keep.outcome import Amount, Fates, Loss, Replay
from tracelog.keep.policies import MILLISECOND, Called, Evidence, Latency, Level, Policy, Probabilistic, StatusCode
from tracelog.keep.replay import replay
from tracelog.model import LogEntry, Span, SpanEvent
from tracelog.schema import otel
from tracelog.store import Store

START = 1_776_608_581_200_000_000
FAILED, SLOW, FINE = (0xBBBB << 96 | low for low in (2**64 - 1, 2**64 - 2, 2**64 - 3))
SHARE = 1
ERRORS, SLOW_ONES, REST = StatusCode("keep_errors"), Latency("keep_slow", 1000), Probabilistic("rest", 1)
THREE: tuple[Policy, ...] = (ERRORS, SLOW_ONES, REST)


def make_span(trace: int, number: int, service: str, *, at: float = 0, ms: float = 10, **rest: Any) -> Span:
    known: dict[str, Any] = {"kind": "SERVER", "name": f"call {number}", "parent_span_id": f"{number - 1:016x}"}
    known["parent_span_id"] = None if number == 1 else known["parent_span_id"]
    return Span(
        trace_id=f"{trace:032x}", span_id=f"{number:016x}", service=service, start=START + round(at * MILLISECOND),
        duration=round(ms * MILLISECOND), **{**known, **rest},
    )  # fmt: skip


def make_line(trace: int | None, service: str, at: float = 0, severity: int | None = 9, **rest: Any) -> LogEntry:
    time = START + round(at * MILLISECOND)
    known: dict[str, Any] = {"body": "said", "observed_time": time, "id": f"{trace}-{service}-{at}"}
    return LogEntry(
        time=time, severity_number=severity, service=service, trace_id=None if trace is None else f"{trace:032x}",
        **{**known, **rest},
    )  # fmt: skip


def size(*things: Span | LogEntry) -> int:
    spans = [each for each in things if isinstance(each, Span)]
    lines = [each for each in things if isinstance(each, LogEntry)]
    return sum(len(document.body) for document in (*otel.encode_spans(spans), *map(otel.encode_log, lines)))


def amount(traces: int, *things: Span | LogEntry) -> Amount:
    spans = sum(isinstance(each, Span) for each in things)
    return Amount(traces, spans, len(things) - spans, size(*things))


GATEWAY_FAILED = make_span(FAILED, 1, "gateway", ms=200, name="POST /pay", status="ERROR")
BANK_FAILED = make_span(FAILED, 2, "bank", at=5, ms=100, status="ERROR")
CACHE_OF_FAILED = make_span(FAILED, 3, "cache", at=6, ms=1)
GATEWAY_SLOW = make_span(SLOW, 1, "gateway", at=1000, ms=1500, name="POST /pay")
CACHE_OF_SLOW = make_span(SLOW, 3, "cache", at=1001, ms=1)
FINE_ONE = make_span(FINE, 1, "gateway", at=3000)
SHARED = (make_span(SHARE, 1, "gateway", at=4000), make_span(SHARE, 3, "cache", at=4001, ms=1))
SPANS = (GATEWAY_FAILED, BANK_FAILED, CACHE_OF_FAILED, GATEWAY_SLOW, CACHE_OF_SLOW, FINE_ONE, *SHARED)
BANK_SAYS = make_line(FAILED, "bank", 50, 17)
SHARED_SAYS = make_line(SHARE, "cache", 4001)
FINE_SAYS = make_line(FINE, "gateway", 3005)
OUTSIDE = make_line(None, "cron", 5000)
LINES = (BANK_SAYS, FINE_SAYS, SHARED_SAYS, OUTSIDE)

FAILED_LOSS = Loss(
    trace_id=FAILED, service="gateway", name="POST /pay", start=START, duration=200 * MILLISECOND, failed=True,
    slow=False, services=("gateway", "bank", "cache"), lost=("cache",),
)  # fmt: skip
SLOW_LOSS = Loss(
    trace_id=SLOW, service="gateway", name="POST /pay", start=START + 1000 * MILLISECOND, duration=1500 * MILLISECOND,
    failed=False, slow=True, services=("gateway", "cache"), lost=("cache",),
)  # fmt: skip
EXPECTED = Replay(
    start=START,
    end=START + 5000 * MILLISECOND,
    stored=amount(4, *SPANS, *LINES),
    kept=amount(3, GATEWAY_FAILED, BANK_FAILED, BANK_SAYS, GATEWAY_SLOW, *SHARED, SHARED_SAYS, OUTSIDE),
    untraced=amount(0, OUTSIDE),
    by_policy={
        "keep_errors": amount(1, GATEWAY_FAILED, BANK_FAILED, BANK_SAYS),
        "keep_slow": amount(1, GATEWAY_SLOW),
        "rest": amount(1, *SHARED, SHARED_SAYS),
    },
    fates=Fates(traces=4, whole=1, in_part=2, lost=1),
    failed=Fates(traces=1, in_part=1),
    slow=Fates(traces=1, in_part=1),
    slow_from=1000 * MILLISECOND,
    slow_by="keep_slow",
    losses=[SLOW_LOSS, FAILED_LOSS],
)


def test_each_service_keeps_its_own_part_and_what_is_lost_of_slow_and_failed_traces_is_named() -> None:
    assert replay(THREE, SPANS, LINES) == EXPECTED


def test_a_store_answers_as_the_spans_and_lines_that_were_put_in(store: Store) -> None:
    store.write([*otel.encode_spans(SPANS), *map(otel.encode_log, LINES)])
    store.refresh()
    assert replay(THREE, store.spans(), store.logs()) == EXPECTED


def test_without_a_latency_policy_slow_is_the_99th_percentile_of_what_traces_are_measured_by() -> None:
    spans = [make_span(n << 64 | 2**64 - 1, 1, "gateway", ms=n, at=n) for n in range(1, 201)]
    result = replay([ERRORS], spans, [])
    assert (result.slow_from, result.slow_by) == (198 * MILLISECOND, None)
    assert result.slow == Fates(traces=3, lost=3)
    assert [(loss.trace_id >> 64, loss.lost) for loss in result.losses] == [(n, ("gateway",)) for n in (200, 199, 198)]


def test_traces_lost_as_a_whole_come_before_longer_ones_that_are_lost_in_part() -> None:
    gone = make_span(FINE, 1, "batch", ms=900, kind="INTERNAL", status="ERROR")
    result = replay([SLOW_ONES], [GATEWAY_SLOW, CACHE_OF_SLOW, gone], [])
    assert [(loss.trace_id, loss.lost) for loss in result.losses] == [(FINE, ("batch",)), (SLOW, ("cache",))]


def test_a_trace_is_measured_by_its_root_else_by_its_entry_else_by_its_longest_span() -> None:
    entry = make_span(SLOW, 2, "gateway", ms=50, name="entry")
    inner = make_span(SLOW, 3, "gateway", ms=70, name="inner", kind="INTERNAL")
    root = make_span(SLOW, 1, "gateway", ms=30, name="root")
    for spans, name in (((inner, entry, root), "root"), ((entry, inner), "entry"), ((inner,), "inner")):
        (loss,) = replay([Probabilistic("none", 0)], spans, []).losses
        assert loss.name == name


def test_a_service_without_an_entry_span_is_judged_from_its_first_to_its_last_sight() -> None:
    seen: list[Evidence] = []
    inner = [make_span(SLOW, n, "job", at=n * 100, kind="INTERNAL", ms=10) for n in (2, 3)]
    replay([Called(seen.append, "see")], inner, [make_line(SLOW, "job", 500, None, severity_text="WARN")])
    entry = make_span(SLOW, 4, "job", ms=50)
    replay([Called(seen.append, "see")], [*inner, entry], [])
    lines = [make_line(FINE, "old", at) for at in (1, 8)] + [make_line(FINE, "old", -START / MILLISECOND - 1)]
    replay([Called(seen.append, "see")], [], lines)
    assert seen == [
        Evidence(SLOW, duration=300 * MILLISECOND, severity=13),
        Evidence(SLOW, duration=50 * MILLISECOND),
        Evidence(FINE, duration=7 * MILLISECOND, severity=9),
    ]


def test_span_events_count_as_bytes_and_not_as_lines_whether_they_come_with_the_span_or_by_themselves() -> None:
    span = make_span(SLOW, 1, "gateway", ms=1500, events=(SpanEvent(START, "retry", {"n": 1}),))
    together = replay(THREE, [span], [])
    apart = replay(THREE, [make_span(SLOW, 1, "gateway", ms=1500)], otel.event_entries(span))
    assert together.kept == apart.kept == Amount(1, 1, 0, size(span))


def test_of_nothing_nothing_is_kept() -> None:
    assert replay(THREE, [], []) == Replay(
        stored=Amount(), kept=Amount(), untraced=Amount(), by_policy={each.name: Amount() for each in THREE},
        fates=Fates(), failed=Fates(), slow=Fates(), slow_from=1000 * MILLISECOND, slow_by="keep_slow", losses=[],
    )  # fmt: skip


services = st.sampled_from(["gateway", "orders", "bank"])
traces = st.sampled_from([FAILED, SLOW, FINE, SHARE, 2**62])
milliseconds = st.sampled_from([0, 1, 400, 999.9, 1000, 2500])
spans = st.builds(
    make_span, traces, st.integers(1, 4), services, at=milliseconds, ms=milliseconds,
    kind=st.sampled_from(["SERVER", "CONSUMER", "CLIENT", "INTERNAL"]), status=st.sampled_from(["UNSET", "ERROR"]),
)  # fmt: skip
lines = st.builds(make_line, st.none() | traces, services, milliseconds, st.sampled_from([None, 1, 9, 13, 17, 24]))
policies = st.lists(
    st.sampled_from(
        [
            *THREE,
            Level("lines", "WARNING"),
            Probabilistic("half", 50),
            Called(lambda each: each.duration % 2 == 0, "even"),
        ]
    ),
    unique_by=lambda policy: policy.name,
)


def keepers(chosen: Sequence[Policy], held: list[Any]) -> dict[tuple[int, str], str | None]:
    """Return which policy keeps each part of each trace, in the plainest way: with everything at hand."""
    found: dict[tuple[int, str], str | None] = {}
    key = lambda each: (int(each.trace_id, 16), each.service)  # noqa: E731
    for (trace, service), group in groupby(sorted(held, key=key), key=key):
        part = list(group)
        mine = [each for each in part if isinstance(each, Span)]
        said = [each for each in part if isinstance(each, LogEntry)]
        entries = [each.duration for each in mine if not each.parent_span_id or each.kind in ("SERVER", "CONSUMER")]
        moments = [at for each in mine for at in (each.start, each.end)] + [each.time for each in said]
        evidence = Evidence(
            trace,
            any(each.status == "ERROR" for each in mine),
            max(entries) if entries else max(moments) - min(moments),
            max((each.severity_number or 0 for each in said), default=0),
        )
        by_evidence_first = sorted(chosen, key=lambda policy: policy.is_share)
        found[trace, service] = next((each.name for each in by_evidence_first if each.keeps(evidence)), None)
    return found


@given(chosen=policies, drawn=st.lists(spans, max_size=12), said=st.lists(lines, max_size=12), seed=st.integers())
def test_any_traces_and_policies_come_out_as_in_a_model_that_sees_everything(
    chosen: list[Policy], drawn: list[Span], said: list[LogEntry], seed: int
) -> None:
    result = replay(chosen, drawn, said)
    together: list[Any] = [*drawn, *said]
    traced = [each for each in together if each.trace_id]
    outside = [each for each in said if not each.trace_id]
    kept_by = keepers(chosen, traced)
    by_policy = {policy.name: Amount() for policy in chosen}
    for name in by_policy:
        keys = {key for key, keeper in kept_by.items() if keeper == name}
        held = [each for each in traced if (int(each.trace_id, 16), each.service) in keys]
        by_policy[name] = amount(len({trace for trace, _ in keys}), *held)
    kept = [each for each in traced if kept_by[int(each.trace_id, 16), each.service]]
    assert result.by_policy == by_policy
    assert result.kept == amount(len({each.trace_id for each in kept}), *kept, *outside)
    assert result.stored == amount(len({each.trace_id for each in traced}), *traced, *outside)
    lost = {trace: sorted(service for one, service in kept_by if one == trace and not kept_by[one, service])
            for trace, _ in kept_by}  # fmt: skip
    worth = {int(each.trace_id, 16) for each in drawn if each.status == "ERROR"}
    assert {loss.trace_id: sorted(loss.lost) for loss in result.losses if loss.failed} == {
        trace: services for trace, services in lost.items() if services and trace in worth
    }
    shuffled = random.Random(seed)
    again = replay(chosen, shuffled.sample(drawn, len(drawn)), shuffled.sample(said, len(said)))
    assert (again.kept, again.by_policy, again.fates, again.failed, again.slow) == (
        result.kept, result.by_policy, result.fates, result.failed, result.slow,
    )  # fmt: skip
