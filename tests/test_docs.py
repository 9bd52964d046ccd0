"""The README's blocks run, and docs/reference.md says what `--help` says.

TRACELOG_UPDATE_DOCS=1 writes the help texts into the reference anew.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from tracelog.cli import commands

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
REFERENCE = ROOT / "docs" / "reference.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def run(arguments: list[str], directory: Path) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "TRACELOG_"))}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )


@pytest.mark.slow
def test_the_readme_starts_a_service_and_finds_its_trace(tmp_path: Path) -> None:
    start, ask = blocks("python")
    (promised,) = map(json.loads, blocks("json"))
    printed = json.loads(run(["-c", start], tmp_path).stderr)
    assert list(printed) == list(promised)
    for key in ("level", "logger", "message", "service.name", "invoice.id"):
        assert printed[key] == promised[key]
    title = blocks("console")[0].splitlines()[1]
    assert run(["-m", "tracelog", "show", "I-2041"], tmp_path).stdout.splitlines()[0] == title
    assert run(["-c", ask], tmp_path).stdout == "INFO invoice created I-2041\n"


def test_the_readme_names_only_commands_that_exist() -> None:
    named = set(re.findall(r"^\$ tracelog (\w+)", README, flags=re.MULTILINE))
    assert named <= set(commands.commands)
    assert {"show", "slow", "logs", "ops", "import"} <= named


def test_ci_runs_the_test_command_of_the_readme() -> None:
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "/pip install -e '.[test]' && .venv/bin/pytest -n 2" in blocks("sh")[1]
    assert "-e '.[test]' " in ci
    assert "-m pytest -n 2 " in ci


def help_texts() -> str:
    root = click.Context(commands, info_name="tracelog", terminal_width=100, **commands.context_settings)
    return "\n".join(help_of(commands, root))


def help_of(group: click.Group, parent: click.Context) -> Iterator[str]:
    for name, command in sorted(group.commands.items()):
        context = click.Context(command, parent=parent, info_name=name)
        yield f"### {context.command_path}\n\n```text\n{command.get_help(context)}\n```\n"
        if isinstance(command, click.Group):
            yield from help_of(command, context)


def test_the_reference_has_the_help_of_every_command() -> None:
    reference = REFERENCE.read_text(encoding="utf-8")
    before, marker, _ = reference.partition("<!-- help texts -->\n")
    assert marker
    expected = f"{before}{marker}\n{help_texts()}"
    if os.environ.get("TRACELOG_UPDATE_DOCS"):
        REFERENCE.write_text(expected, encoding="utf-8")
    assert REFERENCE.read_text(encoding="utf-8") == expected
