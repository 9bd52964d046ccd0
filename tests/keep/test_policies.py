"""What each policy keeps, and which of several is the one that kept a trace."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace.sampling import Decision, TraceIdRatioBased

from tracelog.errors import ConfigurationError
from tracelog.keep.policies import (
    MILLISECOND,
    Called,
    Evidence,
    Latency,
    Level,
    Policy,
    Probabilistic,
    StatusCode,
    decide,
)

ERRORS, SLOW, REST = StatusCode("errors"), Latency("slow", 1000), Probabilistic("rest", 1)
KEPT_BY_SHARE, NOT_BY_SHARE = 1, 2**64 - 1
trace_ids = st.integers(min_value=1, max_value=2**128 - 1)


def test_status_code_keeps_what_failed() -> None:
    assert [ERRORS.keeps(Evidence(1, failed)) for failed in (True, False)] == [True, False]


def test_latency_keeps_what_took_as_long_or_longer_to_the_nanosecond() -> None:
    at = 1000 * MILLISECOND
    assert [SLOW.keeps(Evidence(1, duration=each)) for each in (at - 1, at, at + 1)] == [False, True, True]
    assert [Latency("short", 0.5).keeps(Evidence(1, duration=each)) for each in (499_999, 500_000)] == [False, True]


def test_level_keeps_what_has_a_line_at_or_above_it() -> None:
    assert [Level("lines", "ERROR").keeps(Evidence(1, severity=each)) for each in (0, 13, 16, 17, 21)] == [
        False, False, False, True, True,
    ]  # fmt: skip
    assert (Level("lines", "warn"), Level("lines", "Fatal")) == (Level("lines", "WARNING"), Level("lines", "CRITICAL"))


@given(trace_id=trace_ids, percentage=st.decimals(0, 100, places=4), near=st.integers(-2, 2))
def test_probabilistic_decides_as_the_sdks_sampler_of_the_same_ratio(
    trace_id: int, percentage: Decimal, near: int
) -> None:
    policy, sampler = Probabilistic("share", float(percentage)), TraceIdRatioBased(float(percentage / 100))
    for each in (trace_id, trace_id >> 64 << 64 | (policy.bound + near) % 2**64):
        sampled = sampler.should_sample(None, each, "span").decision is Decision.RECORD_AND_SAMPLE
        assert policy.keeps(Evidence(each)) == sampled


def test_probabilistic_keeps_its_share_of_random_traces_whatever_else_is_known_of_them() -> None:
    draw = random.Random(1).getrandbits
    drawn = [draw(128) for _ in range(100_000)]
    kept = [each for each in drawn if REST.keeps(Evidence(each))]
    assert 900 < len(kept) < 1100
    assert kept == [each for each in drawn if REST.keeps(Evidence(each, failed=True, duration=10**10, severity=24))]
    assert not any(Probabilistic("none", 0).keeps(Evidence(each)) for each in drawn)
    assert all(Probabilistic("all", 100).keeps(Evidence(each)) for each in drawn)


def test_called_keeps_what_a_function_says_under_the_functions_name() -> None:
    def odd_ones(evidence: Evidence) -> object:
        return evidence.trace_id % 2

    policy = Called(odd_ones)
    assert (policy.name, [policy.keeps(Evidence(each)) for each in (1, 2)]) == ("odd_ones", [True, False])
    assert Called(odd_ones, "odd").name == "odd"


def test_a_function_that_raises_keeps_the_trace_and_is_counted() -> None:
    def broken(evidence: Evidence) -> bool:
        raise KeyError("tenant")

    policy = Called(broken)
    assert policy.keeps(Evidence(1))
    assert (policy.failures, policy.failure) == (1, "KeyError: 'tenant'")


def test_only_probabilistic_keeps_a_share_of_everything() -> None:
    policies: list[Policy] = [ERRORS, SLOW, REST, Level("lines", "ERROR"), Called(bool)]
    assert all(isinstance(policy, Policy) for policy in policies)
    assert [policy.is_share for policy in policies] == [False, False, True, False, False]


@pytest.mark.parametrize("policies", [(REST, SLOW, ERRORS), (SLOW, REST, ERRORS), (SLOW, ERRORS, REST)])
def test_evidence_decides_before_a_share_wherever_the_share_stands(policies: tuple[Policy, ...]) -> None:
    assert decide(policies, Evidence(KEPT_BY_SHARE, failed=True)) is ERRORS
    assert decide(policies, Evidence(KEPT_BY_SHARE, failed=True, duration=10**10)) is SLOW
    assert decide(policies, Evidence(KEPT_BY_SHARE)) is REST
    assert decide(policies, Evidence(NOT_BY_SHARE)) is None


def test_the_first_of_two_shares_decides() -> None:
    half = Probabilistic("half", 50)
    assert decide([half, REST], Evidence(KEPT_BY_SHARE)) is half
    assert decide([REST, half], Evidence(KEPT_BY_SHARE)) is REST
    assert decide([REST, half], Evidence(2**62)) is half


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        (StatusCode, "OK", "status_code is 'OK' (expected ERROR)"),
        (Latency, -1, "threshold_ms is -1 (expected a number of milliseconds)"),
        (Latency, "1s", "threshold_ms is '1s' (expected a number of milliseconds)"),
        (Latency, float("nan"), "threshold_ms is nan (expected a number of milliseconds)"),
        (Latency, float("inf"), "threshold_ms is inf (expected a number of milliseconds)"),
        (Latency, 10**999, "threshold_ms is a number beyond 64 bits (expected a number of milliseconds)"),
        (Latency, True, "threshold_ms is true (expected a number of milliseconds)"),
        (Probabilistic, 150, "sampling_percentage is 150 (expected a number from 0 to 100)"),
        (Probabilistic, -0.5, "sampling_percentage is -0.5 (expected a number from 0 to 100)"),
        (Probabilistic, None, "sampling_percentage is empty (expected a number from 0 to 100)"),
        (Level, "LOUD", "level is 'LOUD' (expected one of DEBUG, INFO, WARNING, ERROR, CRITICAL)"),
        (Level, [], "level is a list (expected one of DEBUG, INFO, WARNING, ERROR, CRITICAL)"),
    ],
)
def test_a_policy_that_cannot_be_says_what_was_expected(kind: Any, value: object, said: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        kind("name", value)
    assert str(raised.value) == said
