"""Why a line has no ids: one probe through every configured handler, and what is to be changed.

    from tracelog.doctor import assert_healthy, examine
    for diagnosis in examine():
        print(diagnosis.ok, diagnosis.logger, diagnosis.handler, diagnosis.cause, diagnosis.advice)
    assert_healthy()  # the same as one ConfigurationError, for the start of a service

Each handler is given records as its loggers would give them, inside spans of several kinds and outside of any, and
what it would write is searched for the trace id. Nothing is written or sent, and no logger, handler, formatter or
factory is changed.

probe      the spans, the spellings of an id, what became of a record
routes     every handler, also those behind queues
rendering  what a handler would write
structlog  structlog's own processors, up to the renderer
handlers   a route -> its diagnoses
advice     what is to be changed, as code
process    what no single handler shows: doubled lines, lost handlers, the tracer provider
setup      the user's own configuration, imported for the command line
stored     what a store holds, service by service: ids, whether they meet spans, clocks
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tracelog.doctor.diagnosis import Diagnosis
from tracelog.doctor.setup import load_setup
from tracelog.errors import ConfigurationError

if TYPE_CHECKING:
    from tracelog.store import Store
    from tracelog.store.query import Time

__all__ = ["Diagnosis", "as_object", "assert_healthy", "examine", "examine_store", "load_setup", "rows"]


def examine() -> list[Diagnosis]:
    """Examine the logging of this process as it is configured now, handler by handler."""
    from tracelog.doctor.handlers import diagnose
    from tracelog.doctor.process import examine_process
    from tracelog.doctor.routes import find_routes
    from tracelog.doctor.structlog import examine_structlog

    routes = find_routes()
    found = [diagnosis for route in routes for diagnosis in diagnose(route, routes)]
    return [*found, *examine_structlog(), *examine_process(routes)]


def examine_store(store: Store, *, since: Time | None = None, until: Time | None = None) -> list[Diagnosis]:
    """Examine what a store holds of a window: do lines have ids, and do these join up with spans."""
    from tracelog.doctor import stored

    return stored.examine_store(store, since=since, until=until)


def assert_healthy() -> None:
    """Raise a ConfigurationError, one line per break, where lines of this process lack ids."""
    broken = [diagnosis for diagnosis in examine() if not diagnosis.ok]
    if broken:
        raise ConfigurationError("\n".join(str(diagnosis) for diagnosis in broken))


def rows(diagnoses: Iterable[Diagnosis]) -> list[tuple[str, str, str, str]]:
    """Return state (`ok`, `note`, `broken`), where, what is wrong or what was seen, and what to change."""
    return [
        (each.state, each.where, ": ".join(filter(None, (each.cause, each.text))), each.advice) for each in diagnoses
    ]


def as_object(diagnosis: Diagnosis) -> dict[str, Any]:
    """Return a diagnosis as JSON has it."""
    return asdict(diagnosis)
