"""Fixtures for the tests of those who use tracelog: what a test logged, and in which span.

    pytest_plugins = ["tracelog.testing"]       # in the top-level conftest.py

    def test_a_refusal_is_logged_where_it_happened(captured_telemetry):
        checkout(card="refused")
        captured_telemetry.assert_logged("card refused", span="charge card", level="WARNING")

`deterministic_ids` and `frozen_clock` make two runs the same, so that whole documents can be compared. Options
are given by a marker with the name of the fixture. (pytest reads this word here: PYTEST_DONT_REWRITE. No
`assert` in this package needs rewriting, and so it may be imported before pytest loads it as a plugin.)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tracelog.errors import MissingExtraError

try:
    import pytest

    from tracelog.testing.captured import CapturedTelemetry
    from tracelog.testing.deterministic import FrozenClock, count_ids
    from tracelog.testing.recording import record_telemetry
    from tracelog.testing.spans import tracer_provider
except ModuleNotFoundError as error:
    if (error.name or "").partition(".")[0] not in ("pytest", "opentelemetry"):
        raise
    missing = MissingExtraError("tracelog.testing", "sdk")
    missing.msg = "tracelog.testing needs pytest and the OpenTelemetry SDK: pip install pytest 'tracelog[sdk]'"
    missing.args = (missing.msg,)
    raise missing from error

__all__ = [
    "CapturedTelemetry",
    "FrozenClock",
    "captured_telemetry",
    "deterministic_ids",
    "frozen_clock",
]


def pytest_configure(config: pytest.Config) -> None:
    """Make the markers known, for suites with `--strict-markers`."""
    for line in (
        "captured_telemetry(level=None, code=True): root level; whether lines keep their code.* attributes",
        "frozen_clock(start='2026-01-01T00:00:00Z', step_ms=1): first reading, how far each moves the clock",
    ):
        config.addinivalue_line("markers", line)


@pytest.fixture
def captured_telemetry(request: pytest.FixtureRequest) -> Iterator[CapturedTelemetry]:
    """Capture what the test writes: lines of stdlib logging and structlog, and spans that end."""
    with record_telemetry(**_options(request, "captured_telemetry")) as recording:
        yield CapturedTelemetry(recording)


@pytest.fixture
def deterministic_ids() -> Iterator[None]:
    """Count trace ids and span ids: 1, 2, 3, in the order in which spans start."""
    with count_ids(tracer_provider()):
        yield


@pytest.fixture
def frozen_clock(request: pytest.FixtureRequest) -> Iterator[FrozenClock]:
    """Stop the clock: it moves only when it is read, by 1 ms, or when the test moves it."""
    clock = FrozenClock(**_options(request, "frozen_clock"))
    with clock.in_use():
        yield clock


def _options(request: pytest.FixtureRequest, name: str) -> dict[str, Any]:
    marker = request.node.get_closest_marker(name)
    return dict(marker.kwargs) if marker else {}
