"""What every store does, in the same way: each test runs on SQLite and on real Elasticsearch nodes."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from documents import MS, START, keep, make_line, make_span, span_id, trace_id

from tracelog.errors import ConfigurationError, TraceNotFoundError
from tracelog.model import (
    ExceptionInfo,
    Finding,
    Ghost,
    LogEntry,
    Match,
    Node,
    Segment,
    Span,
    SpanEvent,
    SpanLink,
    Trace,
    TraceSummary,
)
from tracelog.schema import otel
from tracelog.store import Store
from tracelog.store.base import Refusal, WriteResult

LONG = "x" * 9000
HOSTILE = [
    "*",
    '"',
    "\\",
    "AND",
    "{",
    "_all",
    "a* OR b*",
    '"quoted"',
    "/re.*/",
    "%",
    "_",
    "'; DROP TABLE spans",
    "\0",
    LONG,
]


def outcome(result: WriteResult) -> tuple[int, int, list[Refusal], list[otel.Document]]:
    return (result.stored, result.duplicates, list(result.refused), list(result.again))


def summary(span: Span, **rest: object) -> TraceSummary:
    known = {"measure": "root", "trace_duration": span.duration, "span_count": 1, "log_count": 0, "error_count": 0}
    return TraceSummary(
        trace_id=span.trace_id,
        service=span.service,
        name=span.name,
        start=span.start,
        duration=span.duration,
        **{**known, **rest},  # type: ignore[arg-type]
    )


def test_a_batch_sent_again_is_recognised_and_stored_once(store: Store) -> None:
    documents = [*otel.encode_spans([make_span(1)]), otel.encode_log(make_line(1, "paid"))]
    assert outcome(store.write(documents)) == (2, 0, [], [])
    assert outcome(store.write(documents)) == (0, 2, [], [])
    store.refresh()
    assert (list(store.spans()), list(store.logs())) == ([make_span(1)], [make_line(1, "paid")])


def test_the_same_document_twice_in_a_batch_is_stored_once(store: Store) -> None:
    document = otel.encode_log(make_line(1, "paid"))
    assert outcome(store.write([document, document])) == (1, 1, [], [])


def test_a_broken_document_is_refused_with_a_reason_and_its_neighbours_are_stored(store: Store) -> None:
    broken = otel.Document("broken", otel.LOGS, b"not json")
    result = store.write([otel.encode_log(make_line(1, "before")), broken, otel.encode_log(make_line(2, "after"))])
    assert outcome(result) == (2, 0, [Refusal(broken, result.refused[0].reason)], [])
    assert result.refused[0].reason
    assert "\n" not in result.refused[0].reason


def test_an_empty_batch_is_nothing(store: Store) -> None:
    assert outcome(store.write([])) == (0, 0, [], [])


def test_setting_up_twice_is_fine_and_says_what_was_done(store: Store) -> None:
    assert store.setup() == store.setup() != []


def test_closing_twice_is_fine(new_store: Callable[[], Store]) -> None:
    with new_store() as store:
        keep(store, make_span(1))
        store.close()


def test_every_field_of_a_span_and_of_a_line_comes_back(store: Store) -> None:
    span = make_span(
        1,
        parent=9,
        at=123_456_789,
        kind="CLIENT",
        status="ERROR",
        status_message="card declined",
        attributes={"order.id": "A-1", "http.response.status_code": 402, "nested": {"list": [1, 2.5, None, True]}},
        resource={"service.name": "shop", "host.name": "a"},
        scope="shop.cart",
        scope_version="1.2",
        trace_state="vendor=1",
        links=(SpanLink(trace_id(2), span_id(3), {"why": "batch"}),),
    )
    line = make_line(
        1,
        {"structured": ["body", {"deep": 1}]},
        at=987_654_321,
        span=1,
        severity_number=17,
        severity_text="ERROR",
        logger="shop.cart",
        trace_flags=1,
        attributes={"user.id": 7, "schlüssel": "wert"},
        resource={"service.name": "shop"},
        exception=ExceptionInfo("shop.Declined", "card declined", "Traceback:\n  File"),
    )
    keep(store, span, line)
    assert (list(store.spans()), list(store.logs())) == ([span], [line])


def test_a_trace_is_a_tree_with_its_lines_on_their_spans(store: Store) -> None:
    retry = SpanEvent(START + 25 * MS, "retry", {"attempt": 2})
    link = SpanLink(trace_id(7), span_id(70), {"why": "follows"})
    root = make_span(1, ms=100, kind="SERVER")
    call = make_span(2, parent=1, at=20 * MS, ms=50, kind="CLIENT", links=(link,), events=(retry,))
    leaf = make_span(3, parent=2, at=30 * MS, ms=20, service="payment", status="ERROR")
    orphan = make_span(4, parent=99, at=90 * MS, ms=5)
    linking = make_span(80, trace=8, kind="CONSUMER", links=(SpanLink(trace_id(1), span_id(3)),))
    elsewhere = make_span(81, trace=8, parent=80)
    mirrored = make_line(5, "retrying", span=2, at=25 * MS, event_name="retry", severity_number=13)
    lines = [
        make_line(1, "checkout", span=1, at=1 * MS),
        make_line(2, "calling", span=2, at=21 * MS),
        make_line(3, "declined", span=3, at=40 * MS, severity_number=17),
        make_line(4, "no span", at=2 * MS, service="cron"),
    ]
    keep(store, leaf, orphan, linking, elsewhere, call, root, mirrored, *reversed(lines))
    checkout, calling, declined, unplaced = lines
    missing = f"parent {span_id(99)} never arrived; 1 span names it"
    linked_from = SpanLink(trace_id(8), span_id(80), {"service": "shop", "name": "GET /80"})
    assert store.trace(trace_id(1)) == Trace(
        trace_id=trace_id(1),
        nodes=(
            Node(
                span=root,
                index=0,
                parent=None,
                depth=0,
                descendants=2,
                self_time=50 * MS,
                logs=(checkout,),
                critical=True,
            ),
            Node(
                span=call, index=1, parent=0, depth=1, descendants=1, self_time=30 * MS, logs=(calling,), critical=True
            ),
            Node(
                span=leaf,
                index=2,
                parent=1,
                depth=2,
                descendants=0,
                self_time=20 * MS,
                logs=(declined,),
                linked_from=(linked_from,),
                critical=True,
            ),
            Node(span=orphan, index=3, parent=None, depth=0, descendants=0, self_time=5 * MS, orphan=True),
        ),
        unplaced_logs=(unplaced,),
        ghosts=(
            Ghost(
                span_id=span_id(99),
                start=orphan.start,
                end=orphan.end,
                service="shop",
                children=(span_id(4),),
                text=missing,
            ),
        ),
        critical_path=tuple(
            Segment(span, START + start * MS, START + end * MS)
            for span, start, end in ((root, 0, 20), (call, 20, 30), (leaf, 30, 50), (call, 50, 70), (root, 70, 100))
        ),
        findings=(Finding("orphan", missing, (span_id(4),)),),
    )


def test_a_trace_of_lines_alone_is_found(store: Store) -> None:
    line = make_line(1, "only me", span=5)
    keep(store, line)
    trace = store.trace(trace_id(1))
    assert (trace.nodes, trace.logs, [ghost.logs for ghost in trace.ghosts]) == ((), (line,), [(line,)])


def test_an_id_is_understood_in_every_spelling(store: Store) -> None:
    whole = "0af7651916cd43dd8448eb211c80319c"
    short = "00000000000000008448eb211c80319c"
    span = Span(trace_id=whole, span_id="b7ad6b7169203331", name="a", service="shop", start=START, duration=MS)
    padded = Span(trace_id=short, span_id="00f067aa0ba902b7", name="b", service="shop", start=START, duration=MS)
    keep(store, span, padded)
    spellings = {
        whole: whole,
        whole.upper(): whole,
        f"  {whole}\n": whole,
        "0af76519-16cd-43dd-8448-eb211c80319c": whole,
        f"0x{whole}": whole,
        f"00-{whole}-b7ad6b7169203331-01": whole,
        "b7ad6b7169203331": whole,
        "B7AD6B7169203331": whole,
        "8448eb211c80319c": short,
        "0x8448EB211C80319C": short,
        short: short,
        "00f067aa0ba902b7": short,
        "f067aa0ba902b7": short,
    }
    assert {spelling: store.trace(spelling).trace_id for spelling in spellings} == spellings


def test_finding_an_id_says_where_it_was_found(store: Store) -> None:
    keep(store, make_span(1), make_span(2, parent=1), make_line(1, "a", span=2))
    assert {text: store.find(text) for text in (trace_id(1), span_id(2), trace_id(9), span_id(9), " ")} == {
        trace_id(1): [Match(trace_id(1), "trace_id", trace_id(1), 3)],
        span_id(2): [Match(trace_id(1), "span_id", span_id(2), 2)],
        trace_id(9): [],
        span_id(9): [],
        " ": [],
    }


def test_a_value_is_found_in_fields_named_like_ids_else_in_any_attribute_else_in_text(store: Store) -> None:
    keep(
        store,
        make_span(1, attributes={"order.id": "A-1234", "note": "for A-1234"}),
        make_span(2, parent=1, attributes={"order.id": "A-1234"}),
        make_line(1, "order A-1234 is paid", attributes={"order.id": "A-1234"}),
        make_span(3, trace=2, attributes={"coupon": "A-1234", "basket": {"items": ["tea", 42]}}),
        make_line(2, "anonymous A-1234", trace=None, attributes={"order.id": "A-1234"}),
        make_line(3, "shop.errors.PaymentDeclined: card 4711", trace=3),
        make_line(4, "PaymentDeclined", trace=3),
        make_line(5, "attempt", trace=4, attributes={"sign": "***"}),
    )
    assert {text: store.find(text) for text in ("A-1234", "42", "tea", "PaymentDeclined", "card 4711", "***")} == {
        "A-1234": [Match(trace_id(1), "order.id", "A-1234", 3)],
        "42": [Match(trace_id(2), "basket.items", "42", 1)],
        "tea": [Match(trace_id(2), "basket.items", "tea", 1)],
        "PaymentDeclined": [Match(trace_id(3), "message", "PaymentDeclined", 2)],
        "card 4711": [Match(trace_id(3), "message", "card 4711", 1)],
        "***": [Match(trace_id(4), "sign", "***", 1)],
    }


def test_the_text_of_an_exception_is_found_as_that_of_a_message_is(store: Store) -> None:
    raised = ExceptionInfo("shop.Refused", "bad luck: item 13", "Traceback: in charge()\nshop.Refused: bad luck")
    keep(
        store,
        make_line(1, "handler failed", exception=raised),
        make_line(2, "bad apple", at=1, exception=ExceptionInfo("ValueError", "luck")),
        make_line(3, "out of", at=2, trace=2, attributes={"note": "bad luck"}, exception=ExceptionInfo("KeyError")),
        make_line(
            4, None, at=3, trace=3, span=1, event_name="exception", severity_number=None, observed_time=None,
            attributes={"exception.type": "shop.Refused", "exception.message": "very bad luck"},
        ),
    )  # fmt: skip
    asked = ("bad luck", "shop refused bad", "ValueError: luck", "keyerror", "item 1", "apple luck", "in charge")
    assert {text: [int(line.id[-12:]) for line in store.logs(text=text)] for text in asked} == {
        "bad luck": [1, 4],
        "shop refused bad": [1],
        "ValueError: luck": [2],
        "keyerror": [3],
        "item 1": [],
        "apple luck": [],
        "in charge": [],
    }
    assert store.find("luck: item") == [Match(trace_id(1), "exception", "luck: item", 1)]
    assert store.find("very bad") == [Match(trace_id(3), "exception", "very bad", 1)]


@pytest.mark.parametrize("text", ["", " ", "***", "🐢"])
def test_a_text_without_a_word_is_an_error_in_one_line(store: Store, text: str) -> None:
    keep(store, make_line(1, "*** 🐢"))
    with pytest.raises(ConfigurationError, match=r"no word in .* \(expected words that stand in a line\)"):
        store.logs(text=text)


def test_of_several_traces_with_a_value_the_longest_root_comes_first(store: Store) -> None:
    lasting = {1: 50, 2: 900, 3: 200}
    keep(store, *(make_span(n, trace=n, ms=ms, attributes={"order.id": "A-1"}) for n, ms in lasting.items()))
    keep(store, make_line(1, "", trace=4, attributes={"order.id": "A-1"}))
    assert store.find("A-1") == [Match(trace_id(n), "order.id", "A-1", 1) for n in (2, 3, 1, 4)]
    assert store.trace("A-1").trace_id == trace_id(2)


def test_what_is_nowhere_is_an_error_in_one_line(store: Store) -> None:
    keep(store, make_span(1))
    with pytest.raises(TraceNotFoundError) as caught:
        store.trace("B-9999")
    assert str(caught.value) == f"nothing found for 'B-9999' in {store.url}"


@pytest.mark.parametrize("text", HOSTILE)
def test_what_a_user_types_is_never_syntax(store: Store, text: str) -> None:
    keep(store, make_span(1, attributes={"order.id": "A-1", "note": "plain"}), make_line(1, "nothing special here"))
    assert (
        store.find(text),
        list(store.logs(text=f"{text} word")),
        list(store.logs(service=text)),
        list(store.spans(name=text)),
        list(store.spans(attributes={"note": text})),
        list(store.spans(attributes={text: "plain"})),
        store.slowest(operation=text),
        store.operations(service=text),
    ) == ([], [], [], [], [], [], [], [])


def test_what_a_user_types_is_found_when_it_is_there(store: Store) -> None:
    texts = [text for text in HOSTILE if text not in ("\0", LONG)]
    spans = [make_span(n, name=text, attributes={"note": text}) for n, text in enumerate(texts, 1)]
    keep(store, *spans)
    assert [list(store.spans(name=text)) for text in texts] == [[span] for span in spans]
    assert [list(store.spans(attributes={"note": text})) for text in texts] == [[span] for span in spans]


def test_the_slowest_are_the_slowest_of_all_and_not_the_latest(store: Store) -> None:
    spans = [make_span(n, trace=n, at=n * MS, ms=1 + n * 7919 % 1009) for n in range(1, 401)]
    random.Random(1).shuffle(spans)
    keep(store, *spans)
    expected = sorted(spans, key=lambda span: -span.duration)
    assert store.slowest() == [summary(span) for span in expected[:20]]
    assert store.slowest(limit=130) == [summary(span) for span in expected[:130]]
    window = [span for span in expected if START + 50 * MS <= span.start < START + 60 * MS]
    assert store.slowest(since=START + 50 * MS, until=START + 60 * MS) == [summary(span) for span in window]


def test_a_trace_is_measured_by_its_root_or_without_one_by_its_longest_entry(store: Store) -> None:
    root = make_span(1, ms=100, kind="SERVER")
    longer_child = make_span(2, parent=1, at=50 * MS, ms=300, kind="SERVER", status="ERROR")
    entry = make_span(3, trace=2, parent=77, ms=200, kind="CONSUMER")
    inner = make_span(4, trace=2, parent=3, ms=250)
    unseen = make_span(5, trace=3, parent=78, ms=900, kind="CLIENT")
    line = make_line(1, "a", span=1)
    event = make_line(2, None, span=1, event_name="note", severity_number=None, observed_time=None)
    keep(store, root, longer_child, entry, inner, unseen, line, event)
    first = {"trace_duration": 350 * MS, "span_count": 2, "log_count": 1, "error_count": 1}
    second = {"measure": "consumer", "trace_duration": 250 * MS, "span_count": 2}
    assert store.slowest() == [summary(entry, **second), summary(root, **first)]
    assert store.slowest(errors=True) == [summary(root, **first)]
    assert store.slowest(limit=1) == [summary(entry, **second)]


def test_a_trace_that_failed_before_the_window_failed(store: Store) -> None:
    root = make_span(1, ms=2000, kind="SERVER", service="gateway")
    failed = make_span(2, parent=1, at=10 * MS, ms=10, kind="CLIENT", service="gateway", status="ERROR")
    entry = make_span(3, parent=1, at=600 * MS, ms=1300, kind="SERVER", service="worker")
    keep(store, root, failed, entry)
    (row,) = store.slowest(service="worker", errors=True, since=START + 500 * MS)
    assert (row.name, row.error_count) == (entry.name, 1)


def test_the_slowest_can_be_narrowed_to_a_service_an_operation_or_an_attribute(store: Store) -> None:
    root = make_span(1, ms=100, kind="SERVER", service="gateway")
    entry = make_span(2, parent=1, ms=80, kind="SERVER", service="cart", attributes={"tenant": "blue"})
    other = make_span(3, trace=2, ms=70, kind="SERVER", service="cart", name="POST /", attributes={"tenant": "red"})
    inner = make_span(4, trace=2, parent=3, ms=60, service="cart", attributes={"tenant": "blue"})
    keep(store, root, entry, other, inner)
    as_entry = summary(entry, measure="server", trace_duration=100 * MS, span_count=2)
    as_root = summary(other, span_count=2)
    assert store.slowest(service="cart") == [as_entry, as_root]
    assert store.slowest(operation="POST /") == [as_root]
    assert store.slowest(attributes={"tenant": "blue"}) == [as_entry]
    assert store.slowest(service="gateway", attributes={"tenant": "blue"}) == []


def test_where_no_span_of_a_service_is_an_entry_the_longest_is_measured_and_it_is_said(store: Store) -> None:
    root = make_span(1, ms=100, service="gateway")
    outer = make_span(2, parent=1, ms=80, service="seats", name="GET /seats")
    inner = make_span(3, parent=2, ms=60, service="seats", name="SELECT seats")
    keep(store, root, outer, inner)
    assert store.slowest(service="gateway") == [summary(root, span_count=3)]
    assert store.notes == []
    as_it_is = {"measure": "internal", "trace_duration": 100 * MS, "span_count": 3}
    assert store.slowest(service="seats") == [summary(outer, **as_it_is)]
    assert store.slowest(operation="SELECT seats", max_duration="1h") == [summary(inner, **as_it_is)]
    assert store.notes == ["none of these spans is a root or an entry: measured at the longest of any kind"]
    for much in ("3000000h", f"{'9' * 400}s", 2**70):
        assert store.slowest(service="seats", min_duration=much) == []


def test_each_filter_of_spans_picks_its_own(store: Store) -> None:
    keep(
        store,
        make_span(1, at=0, ms=5, kind="SERVER", status="OK", attributes={"n": 1, "flag": True}),
        make_span(2, at=10, ms=20, kind="CLIENT", status="ERROR", name="pay", attributes={"n": "1"}),
        make_span(3, at=20, ms=10, service="cart", attributes={"deep": {"key": [1.5, "x"]}}),
    )
    found = {
        "service": store.spans(service="cart"),
        "name": store.spans(name="pay"),
        "kind": store.spans(kind="client"),
        "status": store.spans(status="error"),
        "status ok": store.spans(status="OK"),
        "status unset": store.spans(status="unset"),
        "at least": store.spans(min_duration=10 * MS),
        "at most": store.spans(max_duration=10 * MS),
        "since": store.spans(since=START + 10),
        "until": store.spans(until=START + 10),
        "between": store.spans(since=START + 1, until=START + 20),
        "attribute": store.spans(attributes={"n": 1}),
        "truth": store.spans(attributes={"flag": True}),
        "nested": store.spans(attributes={"deep.key": 1.5}),
        "both": store.spans(attributes={"n": 1, "flag": True}),
        "neither": store.spans(attributes={"n": 2}),
        "all": store.spans(),
    }
    assert {name: [int(span.span_id, 16) for span in spans] for name, spans in found.items()} == {
        "service": [3],
        "name": [2],
        "kind": [2],
        "status": [2],
        "status ok": [1],
        "status unset": [3],
        "at least": [2, 3],
        "at most": [1, 3],
        "since": [2, 3],
        "until": [1],
        "between": [2],
        "attribute": [1, 2],
        "truth": [1],
        "nested": [3],
        "both": [1],
        "neither": [],
        "all": [1, 2, 3],
    }


def test_each_filter_of_lines_picks_its_own(store: Store) -> None:
    keep(
        store,
        make_line(1, "Order A-1 was paid", at=0, span=1),
        make_line(2, "pool.timeout: redis.TimeoutError after 3.14 s", at=10, span=2, severity_number=17),
        make_line(3, "order: declined", at=20, trace=2, service="cart", severity_number=None, severity_text="warn"),
        make_line(4, "no level", at=30, trace=None, severity_number=None),
        make_line(5, "zero", at=40, trace=None, severity_number=0, severity_text="FATAL"),
        make_line(6, {"said": "order"}, at=50, trace=None, severity_number=5),
        make_line(7, None, at=60, span=1, event_name="order", severity_number=None, observed_time=None),
    )
    found = {
        "trace": store.logs(trace_id=trace_id(1)),
        "span": store.logs(span_id=span_id(1).upper()),
        "service": store.logs(service="cart"),
        "debug": store.logs(level="debug"),
        "info": store.logs(level="INFO"),
        "warning": store.logs(level="WARN"),
        "error": store.logs(level="error"),
        "critical": store.logs(level="CRITICAL"),
        "since": store.logs(since=START + 50),
        "until": store.logs(until=START + 10),
        "between": store.logs(since=START + 10, until=START + 20),
        "word": store.logs(text="order", until=START + 50),
        "name of an event": store.logs(text="Order", since=START + 60),
        "phrase": store.logs(text="a-1 WAS"),
        "part of a word": store.logs(text="tim"),
        "within a name": store.logs(text="TimeoutError"),
        "within a number": store.logs(text="14"),
        "around a dot": store.logs(text="redis timeouterror"),
        "out of order": store.logs(text="paid order"),
        "all": store.logs(),
    }
    assert {name: [int(line.id[-12:]) for line in lines] for name, lines in found.items()} == {
        "trace": [1, 2, 7],
        "span": [1, 7],
        "service": [3],
        "debug": [1, 2, 3, 5, 6],
        "info": [1, 2, 3, 5],
        "warning": [2, 3, 5],
        "error": [2, 5],
        "critical": [5],
        "since": [6, 7],
        "until": [1],
        "between": [2],
        "word": [1, 3],
        "name of an event": [7],
        "phrase": [1],
        "part of a word": [],
        "within a name": [2],
        "within a number": [2],
        "around a dot": [2],
        "out of order": [],
        "all": [1, 2, 3, 4, 5, 6, 7],
    }


def test_lines_come_by_time_to_the_nanosecond_then_in_the_order_of_their_calls(store: Store) -> None:
    lines = [make_line(n, str(n), at=at) for n, at in enumerate((0, 1, 1, 1, 2, 999_999, 1_000_000, 1_000_001), 1)]
    keep(store, *random.Random(2).sample(lines, len(lines)))
    assert list(store.logs()) == lines


def test_a_span_event_that_was_mirrored_as_a_record_is_listed_once(store: Store) -> None:
    span = make_span(1, events=(SpanEvent(START + 5, "retry"), SpanEvent(START + 6, "alone")))
    mirrored = make_line(1, "retrying", span=1, at=5, event_name="retry")
    keep(store, span, mirrored)
    alone = LogEntry(
        id=f"{otel.span_document_id(span)}-1",
        time=START + 6,
        event_name="alone",
        service="shop",
        trace_id=trace_id(1),
        span_id=span_id(1),
    )
    assert list(store.logs()) == [mirrored, alone]


def test_reading_may_be_given_up_at_any_time(store: Store) -> None:
    keep(store, *(make_line(n, "a", at=n) for n in range(1, 4)))
    lines = store.logs()
    assert next(lines) == make_line(1, "a", at=1)
    lines.close()  # type: ignore[attr-defined]
    assert next(store.logs()) == make_line(1, "a", at=1)


@pytest.mark.slow
def test_a_trace_of_more_documents_than_a_search_returns_arrives_whole(store: Store) -> None:
    lines = [make_line(n, f"step {n}", span=1, at=n) for n in range(1, 10_051)]
    for start in range(0, len(lines), 500):
        store.write([otel.encode_log(line) for line in lines[start : start + 500]])
    keep(store, make_span(1))
    trace = store.trace(trace_id(1))
    assert (trace.nodes[0].logs, trace.unplaced_logs) == (tuple(lines), ())
    assert list(store.logs(trace_id=trace_id(1))) == lines
    assert store.slowest() == [summary(make_span(1), log_count=10_050)]
