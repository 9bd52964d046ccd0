"""The stamp: the active span's ids, valid even where nothing records, absent where there is no span."""

from __future__ import annotations

import pickle
import threading

import pytest
from opentelemetry import context, trace
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, Tracer, use_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from tracelog.capture.context import Stamp, current_stamp

from .telemetry import SPAN, TRACE, make_tracer


def test_the_stamp_has_the_ids_and_flags_of_the_active_span(tracer: Tracer) -> None:
    with tracer.start_as_current_span("checkout"):
        stamp = current_stamp()
    assert stamp is not None
    assert (stamp.trace_id, stamp.span_id, stamp.flags, stamp.texts) == (1, 1, 1, (TRACE, SPAN, "01"))


def test_there_is_no_stamp_where_there_is_no_span() -> None:
    assert current_stamp() is None


def test_there_is_no_stamp_again_once_the_span_has_ended(tracer: Tracer) -> None:
    with tracer.start_as_current_span("checkout"):
        assert current_stamp() is not None
    assert current_stamp() is None


@pytest.mark.parametrize(("trace_id", "span_id"), [(0, 0), (1, 0), (0, 1)])
def test_a_context_with_an_id_of_zero_gives_no_stamp(trace_id: int, span_id: int) -> None:
    with use_span(NonRecordingSpan(SpanContext(trace_id, span_id, is_remote=False))):
        assert current_stamp() is None


def test_an_unsampled_span_keeps_its_ids_with_flags_00() -> None:
    with make_tracer(sampler=ALWAYS_OFF).start_as_current_span("checkout") as span:
        assert not span.is_recording()
        stamp = current_stamp()
    assert stamp is not None
    assert stamp.texts == (TRACE, SPAN, "00")


@pytest.mark.parametrize("flags", ["00", "01"])
def test_a_remote_parent_is_stamped_with_the_flags_it_came_with(flags: str) -> None:
    carrier = {"traceparent": f"00-{'a' * 32}-{'b' * 16}-{flags}"}
    token = context.attach(TraceContextTextMapPropagator().extract(carrier))
    try:
        stamp = current_stamp()
    finally:
        context.detach(token)
    assert stamp is not None
    assert stamp.texts == ("a" * 32, "b" * 16, flags)


def test_calls_in_one_span_share_one_stamp(tracer: Tracer) -> None:
    with tracer.start_as_current_span("checkout"):
        first = current_stamp()
        assert current_stamp() is first
        with tracer.start_as_current_span("payment"):
            assert current_stamp() is not first
        assert current_stamp() == first


def test_the_texts_of_a_stamp_are_made_once() -> None:
    stamp = Stamp(1, 2, 0)
    assert stamp.texts is stamp.texts


def test_a_stamp_survives_a_pickle_and_equals_its_copy() -> None:
    stamp = Stamp(0xABC, 0xDEF, 1)
    copy = pickle.loads(pickle.dumps(stamp))
    assert (copy, hash(copy), repr(copy)) == (stamp, hash(stamp), f"Stamp({0xABC:032x}, {0xDEF:016x}, flags=01)")
    assert stamp != Stamp(0xABC, 0xDEF, 0)
    assert stamp != stamp.texts


def test_threads_that_alternate_each_get_the_stamp_of_their_own_span(tracer: Tracer) -> None:
    turns = threading.Barrier(2, timeout=30)
    seen: dict[str, set[str]] = {}

    def work(name: str) -> None:
        with tracer.start_as_current_span(name) as span:
            own = trace.format_trace_id(span.get_span_context().trace_id)
            found = set()
            for _ in range(20):
                turns.wait()
                stamp = current_stamp()
                found.add(stamp.texts[0] if stamp else "none")
            seen[own] = found

    threads = [threading.Thread(target=work, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert seen == {f"{1:032x}": {f"{1:032x}"}, f"{2:032x}": {f"{2:032x}"}}


def test_a_span_of_another_library_is_stamped_too() -> None:
    class ForeignSpan(NonRecordingSpan):
        def get_span_context(self) -> SpanContext:  # a new object at each call, unlike the SDK's
            return SpanContext(7, 8, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))

    with use_span(ForeignSpan(SpanContext(0, 0, is_remote=False))):
        stamp = current_stamp()
    assert stamp == Stamp(7, 8, 1)
