"""Processes that log, and say of each call that it returned, so that it is known what must not be lost.

    with spawn_emitter("emitting.emit(logging.getLogger().info, 10**6)", name="a") as emitter:
        emitter.wait_for(1000)
        emitter.kill()
    emitter.acknowledged  # [0, 1, 2, ...

The emitting side is `Emitting`: it logs `line <emitter> <number>` and, after the call returned, writes the number to a
pipe, as 8 bytes, the lowest first. What was written is read even when the process was killed; bytes at the end that do
not make a number are passed over.
"""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import Self

WAIT_SECONDS = 60.0
LANE = 2**40
"""How many numbers a lane has: those of lane 2 begin at 2 * LANE."""

_NAME, _PIPE = "EMITTER_NAME", "EMITTER_PIPE"
_NUMBER = struct.Struct("<Q")
_READY = 2**64 - 1


class Emitting:
    """The emitting side, in the emitter's process. Its lines are numbered from 0, in the order of their calls.

    Threads and forked children need a `lane` each, for the numbers of a lane are promised in order and never twice.
    """

    def __init__(self, name: str, pipe: int, lane: int = 0) -> None:
        self.name = name
        self._pipe = pipe
        self._next = lane * LANE

    @classmethod
    def inherit(cls) -> Self:
        """Make the one of this process, from what `spawn_emitter` put into its environment."""
        return cls(os.environ[_NAME], int(os.environ[_PIPE]))

    def lane(self, number: int) -> Emitting:
        return Emitting(self.name, self._pipe, number)

    def emit(self, call: Callable[[str], object], times: int = 1) -> None:
        """Log lines by way of `call`, `logger.info` for example, and acknowledge each."""
        for _ in range(times):
            number, self._next = self._next, self._next + 1
            call(f"line {self.name} {number}")
            self._write(number)

    def ready(self) -> None:
        """Say that the process is where the test wants it."""
        self._write(_READY)

    def hear(self) -> str:
        """Wait for a line that the test tells; the empty string when the test has ended."""
        return sys.stdin.readline()

    def _write(self, number: int) -> None:
        os.write(self._pipe, _NUMBER.pack(number))


Program = str | Callable[[Emitting], object] | Sequence[str]


class Emitter:
    """An emitter's process seen from the test. Within `with`; at the end it is killed, with all its children.

    `ready`: set when the emitter says so, or acknowledges its first line.
    """

    def __init__(self, command: Sequence[str], name: str, env: Mapping[str, str], cwd: Path | None) -> None:
        self.name = name
        self.ready = threading.Event()
        self._acknowledged: list[int] = []
        self._changed = threading.Condition()
        self._has_ended = False
        self._stdout, self._stderr = Printed(), Printed()
        reading, writing = os.pipe()
        try:
            self._process = subprocess.Popen(
                command,
                env={**env, _NAME: name, _PIPE: str(writing)},
                cwd=cwd,
                stdin=subprocess.PIPE,
                stdout=self._stdout.file,
                stderr=self._stderr.file,
                pass_fds=[writing],
                start_new_session=True,
            )
        finally:
            os.close(writing)
        self._reader = threading.Thread(target=self._read, args=(reading,), daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def acknowledged(self) -> list[int]:
        """The numbers of the lines whose calls returned, in that order; all of them once `wait` or `kill` returned."""
        with self._changed:
            return list(self._acknowledged)

    @property
    def stdout(self) -> str:
        return self._stdout.text

    @property
    def stderr(self) -> str:
        return self._stderr.text

    def wait_for(self, count: int, timeout: float = WAIT_SECONDS) -> None:
        """Wait until so many lines are acknowledged. Raise TimeoutError."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._acknowledged) >= count or self._has_ended, timeout)
            if len(self._acknowledged) < count:
                raise TimeoutError(f"{len(self._acknowledged)} lines acknowledged, not {count}: {self.stderr}")

    def tell(self, line: str = "") -> None:
        """Give the emitter a line to `hear`."""
        assert self._process.stdin
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()

    def kill(self, number: signal.Signals = signal.SIGKILL, timeout: float = WAIT_SECONDS) -> int:
        """Send the process, not its children, a signal, and wait."""
        self._process.send_signal(number)
        return self.wait(timeout)

    def wait(self, timeout: float = WAIT_SECONDS) -> int:
        """Wait until the process and all children that may emit have ended; return its exit status."""
        status = self._process.wait(timeout)
        self._reader.join(timeout)
        if self._reader.is_alive():
            raise TimeoutError(f"a child of emitter {self.name} lives on")
        return status

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._reader.is_alive() or self._process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
        self.wait()
        if self._process.stdin:
            with suppress(BrokenPipeError):
                self._process.stdin.close()
        self._stdout.close()
        self._stderr.close()

    def __repr__(self) -> str:
        return f"<Emitter {self.name!r}, {len(self.acknowledged)} lines acknowledged>"

    def _read(self, pipe: int) -> None:
        left = b""
        while data := os.read(pipe, 65536):
            left += data
            whole = len(left) - len(left) % _NUMBER.size
            numbers = [number for (number,) in _NUMBER.iter_unpack(left[:whole])]
            left = left[whole:]
            with self._changed:
                self._acknowledged += [number for number in numbers if number != _READY]
                self._changed.notify_all()
            if numbers:
                self.ready.set()
        os.close(pipe)
        with self._changed:
            self._has_ended = True
            self._changed.notify_all()


class Printed:
    """What a process prints, in a file without a name; read without a seek, which would move the process's end too."""

    def __init__(self) -> None:
        self.file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed with its emitter
        self._final: str | None = None

    @property
    def text(self) -> str:
        if self._final is not None:
            return self._final
        number = self.file.fileno()
        return os.pread(number, os.fstat(number).st_size, 0).decode(errors="replace")

    def close(self) -> None:
        self._final = self.text
        self.file.close()


def spawn_emitter(
    program: Program,
    *,
    name: str = "a",
    args: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Emitter:
    """Start a process that emits.

    `program`: Python text that finds an `emitting`, a function of a module that is called with one, or a command whose
    process makes its own. `args` are in `sys.argv[1:]`. Settings of tracelog and OpenTelemetry it has from `env`.
    """
    begin = f"from {Emitting.__module__} import Emitting\nemitting = Emitting.inherit()\n"
    if isinstance(program, str):
        command = [sys.executable, "-c", begin + program, *args]
    elif callable(program):
        function: Any = program
        called = f"from {function.__module__} import {function.__qualname__} as emit\nemit(emitting)\n"
        command = [sys.executable, "-c", begin + called, *args]
    else:
        command = [*program, *args]
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "TRACELOG_"))}
    paths = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return Emitter(command, name, {**kept, **paths, **(env or {})}, cwd)
