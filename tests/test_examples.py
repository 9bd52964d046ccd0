"""The examples run as they stand, and say what they promise."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"

SAID = {
    "dict_config": ["POST /shipments -> carrier is late"],
    "flight_recorder": ["DEBUG asking the bank about card 4013", "INFO the bank has answered", "spans stored: 1"],
    "loguru_patcher": ['WARNING parcel is damaged "A-1234"'],
    "pytest_fixture": [
        "  span 'POST /checkout'",
        "    WARNING shop: order received {'order.id': 'A-1234'}",
        "    span 'charge card'",
        "    > ERROR shop: card 4000-01 refused",
    ],
    "python_json_logger": ["1 line stored: bin counted 77"],
    "query_helper": [
        "most time is spent in charge card",
        "  WARNING payment provider answers slowly, waiting",
        "by order id: True",
        "lines at WARNING or above: 1",
    ],
    "starlette_service": [
        "{'placed': 'A-1234'}",
        "POST /orders ['order received']",
    ],
    "startup_check": ["examined: ['root ok']"],
    "stdlib_three_lines": ["INFO invoice created I-2041 True"],
    "structlog_processors": ["INFO stock reserved ", "ERROR reserving by estimate TimeoutError"],
}


def run_script(path: Path, directory: Path) -> list[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "TRACELOG_"))}
    done = subprocess.run(
        [sys.executable, "-W", "error", str(path)],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


SERVERS = {"celery_worker", "gunicorn_preload", "uvicorn_crash_lines"}
"""Examples that start servers: tests/recipes runs them."""


def test_every_example_is_run() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.py")} == set(SAID) | SERVERS


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SAID))
def test_an_example_says_what_it_promises(name: str, tmp_path: Path) -> None:
    said = run_script(EXAMPLES / f"{name}.py", tmp_path)
    assert [line for line in said if line in SAID[name]] == SAID[name]


@pytest.mark.slow
def test_the_formatters_of_the_examples_print_the_ids(tmp_path: Path) -> None:
    ecs = json.loads(run_script(EXAMPLES / "dict_config.py", tmp_path)[0])
    plain = json.loads(run_script(EXAMPLES / "python_json_logger.py", tmp_path)[0])
    assert [len(ecs["trace.id"]), len(ecs["span.id"])] == [32, 16]
    assert [len(plain["trace_id"]), len(plain["span_id"])] == [32, 16]
