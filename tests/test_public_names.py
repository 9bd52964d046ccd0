"""The public names: all there, sorted, cheap to import, and clear about what is missing."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import tracelog

HEAVY = ("elasticsearch", "urllib3", "rich", "click", "structlog", "pythonjsonlogger", "opentelemetry.sdk")
NEEDS_SDK = ("KeptSpans", "SpanEventLogger", "StoreSpanExporter")

WITHOUT_SDK = """
import sys
from importlib.abc import MetaPathFinder
class Missing(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "opentelemetry.sdk" or name.startswith("opentelemetry.sdk."):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
import tracelog
"""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join([str(Path(tracelog.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_all_is_sorted_and_names_each_name_once() -> None:
    assert tracelog.__all__ == sorted(set(tracelog.__all__))


def test_all_names_can_be_imported_and_no_other_is_listed() -> None:
    namespace: dict[str, object] = {}
    exec("from tracelog import *", namespace)
    assert sorted(namespace.keys() - {"__builtins__"}) == tracelog.__all__ == dir(tracelog)


def test_each_name_says_where_it_is_at_home_and_what_it_does() -> None:
    undocumented = [name for name in tracelog.__all__ if not getattr(tracelog, name).__doc__]
    assert undocumented == []


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'tracelog' has no attribute 'nothing'"):
        _ = tracelog.nothing


@pytest.mark.slow
def test_importing_the_package_loads_nothing_heavy() -> None:
    ended = run("-X", "importtime", "-c", "import tracelog")
    loaded = set(re.findall(r"\|\s+([\w.]+)$", ended.stderr, re.MULTILINE))
    assert "tracelog" in loaded
    assert [name for name in HEAVY if any(module == name or module.startswith(f"{name}.") for module in loaded)] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", NEEDS_SDK)
def test_without_the_sdk_a_name_that_needs_it_says_what_to_install(name: str) -> None:
    ended = run("-c", f"{WITHOUT_SDK}tracelog.{name}")
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1] == (
        f"tracelog.errors.MissingExtraError: tracelog.{name} needs the extra 'sdk': pip install 'tracelog[sdk]'"
    )


@pytest.mark.slow
def test_without_the_sdk_every_other_name_works(tmp_path: Path) -> None:
    others = [name for name in tracelog.__all__ if name not in NEEDS_SDK]
    program = f"""{WITHOUT_SDK}
for name in {others!r}:
    getattr(tracelog, name)
import logging
tracelog.configure("orders", "sqlite:{tmp_path}/tracelog.db", console=False)
logging.getLogger("shop").info("placed")
assert tracelog.flush(20)
print([entry.body for entry in tracelog.open_store("sqlite:{tmp_path}/tracelog.db").logs()])
"""
    ended = run("-c", program)
    assert (ended.stdout, ended.stderr) == ("['placed']\n", "")
