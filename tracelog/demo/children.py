"""The shop's side of a process: start it, hear where it listens, tell it where the others do, let it end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from time import monotonic
from typing import IO

from tracelog.errors import TracelogError

_LAST_LINES = 3
_LINE_LENGTH = 200


class Child:
    """A running process of the shop. Its stderr goes to `errors`, a file."""

    def __init__(self, service: str, module: str, store_url: str, errors: IO[bytes]) -> None:
        self.service = service
        self._errors = errors
        self._process = subprocess.Popen(  # noqa: S603 - this interpreter, a module of this package
            [sys.executable, "-m", f"tracelog.demo.{module}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            bufsize=0,
            env=_environment(store_url),
            start_new_session=True,  # Ctrl-C is for the shop, which then ends its processes
        )

    @property
    def process_id(self) -> int:
        """The process id."""
        return self._process.pid

    def port(self) -> int:
        """Wait for the port of the process. Raise TracelogError where it ended instead of saying one."""
        assert self._process.stdout is not None  # noqa: S101 - a pipe was asked for
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            raise self.failure("did not start")
        return int(line)

    def tell(self, addresses: dict[str, str]) -> None:
        """Say where the others listen: from now on the process works."""
        assert self._process.stdin is not None  # noqa: S101 - a pipe was asked for
        try:
            self._process.stdin.write(json.dumps(addresses).encode() + b"\n")
        except OSError as error:
            self._process.wait()
            raise self.failure("did not start") from error

    def let_end(self) -> None:
        """Close stdin, whereupon the process ends when it has done its work."""
        if self._process.poll() is not None:
            raise self.failure(f"ended early with status {self._process.returncode}")
        assert self._process.stdin is not None  # noqa: S101 - a pipe was asked for
        self._process.stdin.close()

    def wait(self, deadline: float) -> None:
        """Wait for the end. Raise TracelogError for a bad one, or none by `deadline` (monotonic, s)."""
        try:
            status = self._process.wait(max(deadline - monotonic(), 0.0))
        except subprocess.TimeoutExpired as error:
            raise self.failure("did not end") from error
        if status:
            raise self.failure(f"ended with status {status}")

    def kill(self) -> None:
        """End the process at once if it still runs, and collect it."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def failure(self, what: str) -> TracelogError:
        """Return an error of one line that names the service and the last that it wrote to stderr."""
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").split("\n")
        last = [line.strip()[:_LINE_LENGTH] for line in lines if line.strip(" ^~")][-_LAST_LINES:]
        said = " | ".join(last) if last else "it wrote nothing to stderr"
        return TracelogError(f"{self.service} {what} (process {self._process.pid}): {said}")


def _environment(store_url: str) -> dict[str, str]:
    """Return the environment of a service: the user's, without OTEL_ variables that would change the demo.

    The store is named here, for a URL may hold a password, and arguments are for everyone to see.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    return {**environment, "TRACELOG_STORE": store_url, "OTEL_SEMCONV_STABILITY_OPT_IN": "http,database"}
