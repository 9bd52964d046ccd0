"""Every error that tracelog raises on purpose, as one tree.

    TracelogError
    ├── ConfigurationError (ValueError)    an argument, a URL or a variable that cannot work
    ├── MissingExtraError (ImportError)    an optional library is absent; the message names the pip command
    ├── InputError (ValueError)            a file that is not what the command reads
    ├── TraceNotFoundError (LookupError)   no trace holds the id or value that was asked for
    └── StoreError
        ├── StoreUnavailableError (ConnectionError)   unreachable or refusing for now: worth trying again
        └── StoreRejectedError (RuntimeError)         answered no: rights, version, template; waiting does not help

Each message is one line: what failed, with which value, and what to do. Nothing here is raised out of a log call.
"""

from __future__ import annotations


class TracelogError(Exception):
    """The base of all errors that tracelog raises."""


class ConfigurationError(TracelogError, ValueError):
    """An argument, a store URL or an environment variable cannot work as given."""


class MissingExtraError(TracelogError, ImportError):
    """An optional library is not installed."""

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(f"{feature} needs the extra {extra!r}: pip install 'tracelog[{extra}]'")


class InputError(TracelogError, ValueError):
    """A file holds something other than what was expected."""


class TraceNotFoundError(TracelogError, LookupError):
    """No stored trace holds the id or value that was asked for."""


class StoreError(TracelogError):
    """A store could not do what it was asked."""


class StoreUnavailableError(StoreError, ConnectionError):
    """The store cannot be reached or is too busy; the same call may go through later.

    `retry_after`: how many seconds the store asks to be left alone, where it says so.
    """

    def __init__(self, message: str = "", *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class StoreRejectedError(StoreError, RuntimeError):
    """The store answered no, and would again until someone changes something. `status`: that of HTTP, where known."""

    def __init__(self, message: str = "", *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status
