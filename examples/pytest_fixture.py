"""pytest: what a test logged, and in which span. `pytest_plugins` belongs into the conftest.py of a suite."""

import logging

import pytest
from opentelemetry import trace

from tracelog.testing import CapturedTelemetry

pytest_plugins = ["tracelog.testing"]

log = logging.getLogger("shop")
tracer = trace.get_tracer("shop")


def checkout(card: str) -> None:
    with tracer.start_as_current_span("POST /checkout"):
        log.warning("order received", extra={"order.id": "A-1234"})
        with tracer.start_as_current_span("charge card"):
            log.error("card %s refused", card)


def test_a_refusal_is_logged_by_the_span_that_charges(captured_telemetry: CapturedTelemetry) -> None:
    checkout("4000-01")
    captured_telemetry.assert_logged("refused", span="charge card", level="ERROR")
    captured_telemetry.assert_not_logged("refused", span="POST /checkout")
    captured_telemetry.assert_every_line_has_ids()


@pytest.mark.usefixtures("deterministic_ids", "frozen_clock")
def test_two_runs_are_the_same(captured_telemetry: CapturedTelemetry) -> None:
    checkout("4000-01")
    spans = [(span.name, span.span_id, span.duration) for span in captured_telemetry.trace().spans]
    assert spans == [("POST /checkout", f"{1:016x}", 5_000_000), ("charge card", f"{2:016x}", 2_000_000)]


def test_a_failure_says_what_was_logged_where(captured_telemetry: CapturedTelemetry) -> None:
    checkout("4000-01")
    with pytest.raises(AssertionError) as failure:
        captured_telemetry.assert_logged("refused", span="POST /checkout")
    print(failure.value)


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__, "-q", "-s", "-p", "no:randomly"]))
