"""A trace with those that it is linked with, on each store: in both directions, from one to the next, few or many."""

from __future__ import annotations

from documents import MS, keep, make_line, make_span, span_id, trace_id

from tracelog.model import LinkedTrace, Span, SpanLink
from tracelog.store import Store
from tracelog.store import following as following_module


def linking(number: int, trace: int, *to: tuple[int, int], **rest: object) -> Span:
    links = tuple(SpanLink(trace_id(other), span_id(span)) for other, span in to)
    return make_span(number, trace=trace, links=links, **rest)  # type: ignore[arg-type] # as make_span has them


def followed(store: Store, number: int) -> dict[int, LinkedTrace]:
    trace = store.trace(trace_id(number), follow_links=True)
    return {int(linked.trace_id, 16): linked for linked in trace.linked}


def test_links_are_followed_only_on_request(store: Store) -> None:
    keep(store, make_span(1, trace=1), linking(2, 2, (1, 1)))
    assert store.trace(trace_id(1)).linked == ()
    assert list(followed(store, 1)) == [2]


def test_a_queue_is_followed_in_both_directions_and_from_one_trace_to_the_next(store: Store) -> None:
    request = make_span(10, trace=1, ms=300, kind="SERVER", name="POST /orders")
    publish = make_span(11, trace=1, parent=10, ms=5, kind="PRODUCER", name="publish")
    consume = linking(20, 2, (1, 11), at=50, ms=40, kind="CONSUMER", name="consume")
    forward = make_span(21, trace=2, parent=20, ms=5, kind="PRODUCER", name="forward")
    mail = linking(30, 3, (2, 21), at=90, ms=20, kind="CONSUMER", name="mail", status="ERROR")
    keep(store, request, publish, consume, forward, mail, make_line(1, "sent", trace=3, span=30))
    from_request = followed(store, 1)
    assert [(number, each.span.name, each.incoming) for number, each in from_request.items()] == [
        (2, "publish", True),
        (3, "forward", True),
    ]
    found = from_request[3]
    assert found.trace is not None
    assert found.summary is not None
    assert [line.body for line in found.trace.logs] == ["sent"]
    assert (found.summary.name, found.summary.duration, found.summary.error_count) == ("mail", 20 * MS, 1)
    from_mail = followed(store, 3)
    assert [(number, each.span.name, each.incoming) for number, each in from_mail.items()] == [
        (2, "mail", False),
        (1, "consume", False),
    ]


def test_of_a_batch_each_trace_is_summed_up_and_none_fetched(store: Store) -> None:
    producers = [make_span(10 + n, trace=10 + n, ms=n, kind="SERVER") for n in range(1, 101)]
    batch = linking(1, 1, *((10 + n, 10 + n) for n in range(1, 101)))
    keep(store, batch, *producers)
    found = followed(store, 1)
    assert len(found) == 100
    assert all(each.trace is None and not each.incoming for each in found.values())
    lasting = {number: each.summary.duration // MS for number, each in found.items() if each.summary}
    assert lasting == {10 + n: n for n in range(1, 101)}


def test_what_is_not_stored_is_said_to_be_missing_and_what_has_no_root_is_summed_up_all_the_same(store: Store) -> None:
    inner = make_span(5, trace=3, parent=99, ms=7, kind="INTERNAL")
    keep(store, linking(1, 1, (2, 2), (3, 5)), inner)
    found = followed(store, 1)
    assert (found[2].summary, found[2].trace) == (None, None)
    assert found[3].summary is not None
    assert (found[3].summary.measure, found[3].summary.duration) == ("internal", 7 * MS)


def test_a_circle_of_links_ends(store: Store) -> None:
    keep(store, linking(1, 1, (2, 2)), linking(2, 2, (1, 1), (2, 2)))
    assert list(followed(store, 1)) == [2]


def test_no_more_than_a_few_traces_are_fetched_the_nearest_first(store: Store) -> None:
    spans = [linking(n, n, (n + 1, n + 1)) for n in range(1, 40)]
    keep(store, *spans)
    found = followed(store, 1)
    fetched = [number for number, each in found.items() if each.trace is not None]
    assert fetched == list(range(2, 2 + following_module.MOST))
    assert list(found) == list(range(2, 3 + following_module.MOST))
