"""The flight recorder: what is kept is what a plain model keeps that sees everything; in order; within its bounds."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracelog.keep.policies import Called, Evidence, Latency, Level, Probabilistic, StatusCode
from tracelog.keep.recorder import Limits, Recorder
from tracelog.model import LEVELS

MS, SECOND = 10**6, 10**9
DEBUG, INFO, WARNING, ERROR = (LEVELS[name] for name in ("DEBUG", "INFO", "WARNING", "ERROR"))
FAILED, SLOW, LOUD = StatusCode("failed"), Latency("slow", 100), Level("loud", "ERROR")
ALL_OF_IT, NONE_OF_IT = Probabilistic("share", 100), Probabilistic("share", 0)


class Bench:
    """A recorder at a clock of its own, and what went on, in the order in which it did."""

    def __init__(self, *policies: Any, **limits: Any) -> None:
        self.now = 0
        self.kept: list[Any] = []
        self.recorder = Recorder(policies, limits=Limits(**limits), clock=lambda: self.now)

    def line(self, trace_id: int, text: str, severity: int = INFO, size: int = 100) -> None:
        logged = severity >= INFO
        if self.recorder.line(trace_id, severity, text, self.kept.append, size, logged=logged):
            self.kept.append(text)

    def begin(self, trace_id: int, *, is_local_root: bool = True) -> None:
        self.recorder.span_started(trace_id, is_local_root=is_local_root)

    def end(
        self, trace_id: int, name: str = "span", *, failed: bool = False, ms: int = 1, is_local_root: bool = True
    ) -> None:
        if self.recorder.span_ended(
            trace_id, name, self.kept.append, 100, is_local_root=is_local_root, failed=failed, duration=ms * MS
        ):
            self.kept.append(name)

    def request(self, trace_id: int, **end: Any) -> list[Any]:
        """Run a request that says something at each level below WARNING; return what is kept of all, so far."""
        self.begin(trace_id)
        self.line(trace_id, f"{trace_id} debug", DEBUG)
        self.line(trace_id, f"{trace_id} info")
        self.end(trace_id, f"{trace_id} span", **end)
        return self.kept


WHOLE = ["1 debug", "1 info", "1 span"]


@pytest.mark.parametrize(
    ("policies", "end", "kept"),
    [
        ([FAILED], {"failed": True}, WHOLE),
        ([FAILED], {}, []),
        ([SLOW], {"ms": 100}, WHOLE),
        ([SLOW], {"ms": 99}, []),
        ([ALL_OF_IT], {}, WHOLE[1:]),
        ([NONE_OF_IT], {"failed": True}, []),
        ([ALL_OF_IT, FAILED], {"failed": True}, WHOLE),
        ([Called(lambda evidence: evidence.duration == 7 * MS)], {"ms": 7}, WHOLE),
        ([Called(lambda _: 1 / 0)], {}, WHOLE),
        ([], {}, []),
    ],
)
def test_a_trace_is_kept_whole_or_as_a_share_or_not_at_all(
    policies: list[Any], end: dict[str, Any], kept: list[str]
) -> None:
    bench = Bench(*policies)
    assert bench.request(1, **end) == kept
    assert len(bench.recorder) == 0


def test_a_line_at_error_keeps_the_trace_at_once_and_what_follows_is_kept_as_it_comes() -> None:
    bench = Bench(LOUD)
    bench.begin(1)
    bench.line(1, "before", DEBUG)
    assert bench.kept == []
    bench.line(1, "the error", ERROR)
    bench.line(1, "after", DEBUG)
    assert bench.kept == ["before", "the error", "after"]
    bench.end(1, "span")
    assert bench.kept[3:] == ["span"]


def test_a_line_at_warning_waits_for_nothing_and_decides_nothing() -> None:
    bench = Bench(LOUD)
    bench.begin(1)
    bench.line(1, "before")
    bench.line(1, "careful", WARNING)
    bench.end(1)
    assert bench.kept == ["careful"]


def test_a_span_that_fails_within_keeps_the_trace_before_its_root_has_ended() -> None:
    bench = Bench(FAILED)
    bench.begin(1)
    bench.begin(1, is_local_root=False)
    bench.line(1, "why", DEBUG)
    bench.end(1, "inner", failed=True, is_local_root=False)
    assert bench.kept == ["why", "inner"]


def test_work_that_outlives_its_root_is_waited_for() -> None:
    bench = Bench(FAILED)
    bench.begin(1)
    bench.begin(1, is_local_root=False)
    bench.line(1, "begun")
    bench.end(1, "root")
    assert (bench.kept, len(bench.recorder)) == ([], 1)
    bench.line(1, "still at it", DEBUG)
    bench.end(1, "background", failed=True, is_local_root=False)
    assert bench.kept == ["begun", "root", "still at it", "background"]


def test_what_comes_late_follows_the_decision() -> None:
    for policy, late in ((FAILED, []), (ALL_OF_IT, ["late info", "late span"])):
        bench = Bench(policy)
        bench.request(1)
        del bench.kept[:]
        bench.line(1, "late debug", DEBUG)
        bench.line(1, "late info")
        bench.begin(1, is_local_root=False)
        bench.end(1, "late span", is_local_root=False)
        assert bench.kept == late


def test_a_failure_that_comes_late_is_kept_from_then_on() -> None:
    bench = Bench(FAILED, LOUD)
    bench.request(1)
    bench.line(1, "late error", ERROR)
    bench.line(1, "and after", DEBUG)
    assert bench.kept == ["late error", "and after"]
    bench.request(2)
    bench.end(2, "late failure", failed=True, is_local_root=False)
    assert bench.kept[2:] == ["late failure"]


def test_a_second_call_of_the_service_in_one_trace_is_judged_anew() -> None:
    bench = Bench(FAILED)
    bench.request(1)
    assert bench.request(1, failed=True) == WHOLE


def test_traces_do_not_mix() -> None:
    bench = Bench(FAILED)
    bench.begin(1)
    bench.begin(2)
    for n in range(4):
        bench.line(1 + n % 2, f"{1 + n % 2} line {n}", DEBUG)
    bench.end(2, "2 span", failed=True)
    bench.end(1, "1 span")
    assert bench.kept == ["2 line 1", "2 line 3", "2 span"]


def test_a_trace_without_spans_is_decided_by_the_end_of_its_request() -> None:
    bench = Bench(FAILED, SLOW)
    for trace_id, failed, ms in ((1, False, 1), (2, True, 1), (3, False, 100)):
        bench.line(trace_id, f"{trace_id} debug", DEBUG)
        bench.now += ms * MS
        bench.recorder.request_over(trace_id, failed=failed)
    assert bench.kept == ["2 debug", "3 debug"]


def test_a_trace_whose_end_nobody_tells_is_decided_when_it_is_too_old() -> None:
    bench = Bench(ALL_OF_IT, age=10)
    bench.line(1, "forgotten debug", DEBUG)
    bench.line(1, "info")
    bench.now = 11 * SECOND
    bench.line(2, "another's")
    assert bench.kept == ["info"]
    assert bench.recorder.counts["decided early: age"] == 1


def test_a_span_that_is_open_for_long_is_as_slow_as_it_is_old() -> None:
    bench = Bench(SLOW, age=10)
    bench.begin(1)
    bench.line(1, "hanging", DEBUG)
    bench.now = 11 * SECOND
    bench.begin(2)
    assert bench.kept == ["hanging"]


def test_where_there_are_too_many_traces_the_oldest_is_decided() -> None:
    bench = Bench(LOUD, ALL_OF_IT, traces=3)
    for n in range(5):
        bench.line(n, f"line of {n}")
    assert (bench.kept, len(bench.recorder)) == (["line of 0", "line of 1"], 3)
    assert bench.recorder.counts["decided early: traces"] == 2


def test_a_trace_that_says_too_much_loses_its_oldest_recorded_lines_first() -> None:
    bench = Bench(FAILED, bytes_per_trace=1000)
    bench.begin(1)
    bench.line(1, "info")
    for n in range(100):
        bench.line(1, f"debug {n}", DEBUG)
    bench.end(1, "span", failed=True)
    assert (bench.kept[0], bench.kept[-2:]) == ("info", ["debug 99", "span"])
    recorded = bench.kept[1:-1]
    assert recorded == [f"debug {n}" for n in range(100 - len(recorded), 100)]
    assert 3 <= len(recorded) <= 9
    assert bench.recorder.counts["recorded lines given up"] == 100 - len(recorded)


def test_a_trace_that_logs_too_much_is_decided_with_what_is_known() -> None:
    bench = Bench(ALL_OF_IT, bytes_per_trace=1000)
    bench.begin(1)
    for n in range(20):
        bench.line(1, f"info {n}")
    assert bench.kept == [f"info {n}" for n in range(20)]
    assert bench.recorder.counts["decided early: bytes per trace"] == 1


def test_where_all_say_too_much_the_oldest_traces_are_decided() -> None:
    bench = Bench(ALL_OF_IT, bytes_in_all=1000)
    for n in range(20):
        bench.line(n, f"info of {n}")
    assert bench.kept == [f"info of {n}" for n in range(10)]
    assert len(bench.recorder) == 10


def test_at_the_end_all_is_decided_with_what_is_known() -> None:
    bench = Bench(FAILED, ALL_OF_IT)
    bench.begin(1)
    bench.line(1, "debug", DEBUG)
    bench.line(1, "info")
    bench.recorder.close()
    assert (bench.kept, len(bench.recorder)) == (["info"], 0)
    bench.end(1, "span")
    assert bench.kept == ["info", "span"]


def test_the_clock_decides_what_is_too_old_and_nothing_else() -> None:
    bench = Bench(ALL_OF_IT, age=10)
    bench.line(1, "of long ago")
    bench.now = 5 * SECOND
    bench.line(2, "of now")
    bench.now = 11 * SECOND
    bench.recorder.decide_old()
    assert (bench.kept, len(bench.recorder)) == (["of long ago"], 1)


def test_what_comes_after_the_end_is_decided_as_it_comes_by_what_it_says_itself() -> None:
    bench = Bench(FAILED, LOUD)
    bench.recorder.close()
    bench.line(1, "forgotten")
    bench.line(2, "the error", ERROR)
    bench.line(2, "after it", DEBUG)
    bench.end(3, "failure", failed=True)
    bench.request(4)
    assert (bench.kept, len(bench.recorder)) == (["the error", "after it", "failure"], 0)


def test_decisions_are_forgotten_in_the_end() -> None:
    bench = Bench(FAILED, decisions=2)
    for trace_id in range(5):
        bench.request(trace_id)
    assert len(bench.recorder._decisions) == 2


class Step(NamedTuple):
    """Something that happens in a trace: a line is written, or a span begins or ends."""

    what: str
    severity: int = 0
    failed: bool = False
    ms: int = 0

    @property
    def is_logged(self) -> bool:
        return self.what == "end" or self.severity >= INFO


class Story(NamedTuple):
    """A trace: what happens from the beginning of its root to its end, and what comes late."""

    within: list[Step]
    late: list[Step]


lines = st.builds(lambda severity: Step("line", severity), st.sampled_from([DEBUG, INFO, WARNING, ERROR]))
ends = st.builds(lambda failed, ms: Step("end", 0, failed, ms), st.booleans(), st.sampled_from([1, 200]))
policies = st.lists(st.sampled_from([FAILED, SLOW, LOUD, ALL_OF_IT, NONE_OF_IT]), max_size=4, unique=True)


def story(happening: list[Step], root: Step, late: list[Step]) -> Story:
    """Make a trace of what happens: spans that are begun within are ended within, the root last."""
    within, inner = [Step("begin")], 0
    for step in happening:
        if step.what != "end" or inner:
            inner += {"begin": 1, "end": -1, "line": 0}[step.what]
            within.append(step)
    return Story([*within, *[Step("end")] * inner, root], late)


def judged(asked: list[Any], steps: list[Step], duration: int = 0) -> str:
    """Say what policies make of all that happened."""
    evidence = Evidence(
        0, any(step.failed for step in steps), duration, max([step.severity for step in steps], default=0)
    )
    reasons = [policy for policy in asked if policy.keeps(evidence)]
    return "dropped" if not reasons else "shared" if all(policy.is_share for policy in reasons) else "kept"


def model(told: Story, asked: list[Any]) -> list[bool]:
    """Say which steps are kept, seeing all of a trace before its decision, and after that each as it comes."""
    decision = judged(asked, told.within, told.within[-1].ms * MS)
    early = [policy for policy in asked if policy in (FAILED, LOUD)]
    kept = [is_kept(decision, step) for step in told.within]
    for step in told.late:
        if judged(early, [step]) == "kept":
            decision = "kept"
        kept.append(is_kept(decision, step))
    return kept


def is_kept(decision: str, step: Step) -> bool:
    if step.what == "begin":
        return False
    return step.severity >= WARNING or decision == "kept" or (decision == "shared" and step.is_logged)


happening = st.lists(st.one_of(lines, ends, st.just(Step("begin"))), max_size=15)
stories = st.builds(story, happening, ends, st.lists(lines, max_size=3))


@given(st.lists(stories, min_size=1, max_size=4), policies, st.randoms(use_true_random=False))
def test_what_is_kept_is_what_a_model_keeps_that_sees_everything(
    told: list[Story], asked: list[Any], chance: Any
) -> None:
    bench = Bench(*asked)
    waiting = {number: list(enumerate([*each.within, *each.late])) for number, each in enumerate(told)}
    while waiting:
        number = chance.choice(sorted(waiting))
        place, step = waiting[number].pop(0)
        is_root = place in (0, len(told[number].within) - 1)
        if step.what == "line":
            bench.line(number, (number, place), step.severity)  # type: ignore[arg-type]
        elif step.what == "begin":
            bench.begin(number, is_local_root=is_root)
        else:
            bench.end(number, (number, place), failed=step.failed, ms=step.ms, is_local_root=is_root)  # type: ignore[arg-type]
        if not waiting[number]:
            del waiting[number]
    expected = [
        (number, place)
        for number, each in enumerate(told)
        for place, is_kept in enumerate(model(each, asked))
        if is_kept
    ]
    assert sorted(bench.kept) == expected
    for number in range(len(told)):
        own = [place for each, place in bench.kept if each == number and severity_at(told[number], place) < WARNING]
        assert own == sorted(own)


def severity_at(told: Story, place: int) -> int:
    return [*told.within, *told.late][place].severity


@pytest.mark.slow
def test_threads_that_write_while_others_decide_lose_and_double_nothing() -> None:
    kept: list[tuple[int, int]] = []
    recorder = Recorder([FAILED, ALL_OF_IT])
    rounds, writers = 300, 3

    def write(start: Callable[[], object], number: int) -> None:
        for trace_id in range(rounds):
            start()
            for n in range(20):
                item = (trace_id, number * 100 + n)
                if recorder.line(trace_id, INFO, item, kept.append, 100):
                    kept.append(item)

    barrier = threading.Barrier(writers + 1)
    threads = [threading.Thread(target=write, args=(barrier.wait, number)) for number in range(writers)]
    for trace_id in range(rounds):
        recorder.span_started(trace_id, is_local_root=True)
    for thread in threads:
        thread.start()
    for trace_id in range(rounds):
        barrier.wait()
        recorder.span_ended(
            trace_id, (trace_id, -1), kept.append, 100, is_local_root=True, failed=trace_id % 2 == 0, duration=1
        )
    for thread in threads:
        thread.join()
    spoken = [(trace_id, n + 100 * w) for trace_id in range(rounds) for w in range(writers) for n in range(20)]
    assert sorted(kept) == sorted([*spoken, *((trace_id, -1) for trace_id in range(rounds))])
    own: dict[tuple[int, int], list[int]] = {}
    for trace_id, n in kept:
        own.setdefault((trace_id, n // 100), []).append(n)
    assert all(numbers == sorted(numbers) for numbers in own.values())
