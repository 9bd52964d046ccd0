"""Real servers for the recipes: started as people start them, asked over HTTP, ended, and what they printed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
SERVERS = Path(__file__).parent / "servers"


def environment() -> dict[str, str]:
    """The environment without settings for what is tested, and with the servers' modules in reach."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "TRACELOG_"))}
    return kept | {"PYTHONPATH": os.pathsep.join([str(SERVERS), os.environ.get("PYTHONPATH", "")])}


def run_example(name: str, directory: Path, *arguments: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / f"{name}.py"), *arguments],
        cwd=directory,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout.splitlines()


def serve(
    command: Sequence[str], directory: Path, ready: str, paths: Sequence[str], stop: signal.Signals = signal.SIGTERM
) -> list[dict[str, Any]]:
    """Start a server on `server.sock`, request the paths, stop it; return the JSON lines that it printed."""
    command = [sys.executable, "-m", *command]
    with subprocess.Popen(command, cwd=directory, env=environment(), stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            printed = [next(line for line in server.stdout if ready in line)]
            transport = httpx.HTTPTransport(uds=str(directory / "server.sock"))
            with httpx.Client(transport=transport, base_url="http://shop", timeout=30) as client:
                for path in paths:
                    client.get(path)
        finally:
            server.send_signal(stop)
        printed += server.stdout
    return [json.loads(line) for line in printed if line.startswith("{")]
