"""A route -> its diagnoses: probes in each kind of span and outside of any, and the cause of what they lack."""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterator

from tracelog.capture import stdlib
from tracelog.capture.stdlib import STAMP
from tracelog.doctor import advice
from tracelog.doctor.advice import Seen, Way, child, direct, probe
from tracelog.doctor.diagnosis import Diagnosis
from tracelog.doctor.probe import IN_SPANS, Situation, active, shows, shows_zeros
from tracelog.doctor.rendering import formats, render, values_of
from tracelog.doctor.routes import Route, logger_expression
from tracelog.doctor.structlog import ADD_IDS, WITHOUT_IDS, configuration, record_through_structlog, uses_stdlib
from tracelog.ship.handler import StoreHandler

_SENTINEL = "tracelog-doctor-sentinel"


def diagnose(route: Route, routes: list[Route]) -> list[Diagnosis]:
    """Return what is wrong with a route; where nothing is, that."""
    if advice.lowest_level(route) > logging.CRITICAL:
        text = f"level {advice.lowest_level(route)} is above CRITICAL and hides every line"
        hidden = next(place for place, each in enumerate(route.handlers) if each.level > logging.CRITICAL)
        return [_say(route, "level", text, f"{route.expressions[hidden]}.setLevel(logging.NOTSET)")]
    if not formats(route.last):
        text = "how it writes a record cannot be seen without writing one"
        return [_say(route, "not_examined", text, "", ok=True)]
    inside = _inside(route, routes)
    found = [inside] if inside else []
    if not inside or inside.cause in _SEEN_INSIDE:
        found += _outside(route)
    found += _structlog(route, found)
    return [*found, *_level_note(route)] or [Diagnosis(route.logger.name, route.description, ok=True)]


_CRASHES = {"missing_field", "formatter_crash", "filter_crash", "queue"}
_SEEN_INSIDE = {"is_recording", "sampled_out"}
"""Most spans show after these, so the line outside of spans is worth a look of its own."""


def _say(route: Route, cause: str, text: str, code: str, *, ok: bool = False) -> Diagnosis:
    its_own = route.logger.name.startswith("opentelemetry.")  # the instrumentation's words about itself
    return Diagnosis(route.logger.name, route.description, ok or its_own, cause, text, code)


def _inside(route: Route, routes: list[Route]) -> Diagnosis | None:
    seen = probe(route, child, "recording")
    if seen.outcome.dropped:
        text = "its filters drop the probe at every level, so what it writes is not known"
        return _say(route, "filtered", text, "", ok=True)
    if not seen.shown and route.logger.filters and probe(route, direct, "recording").shown:
        text = "a filter on a logger does not see the records of the loggers below it; those lines have no ids"
        return _say(route, "filter_on_logger", text, advice.move_filter(route), ok=not _has_children(route.logger))
    if seen.outcome.error is not None:
        return _crash(route, seen)
    if not seen.shown:
        return _absent(route, seen, routes)
    if _is_without_ids(route, "remote"):
        text = "lines in a span that does not record have no ids: a filter, factory or formatter asks is_recording()"
        return _say(route, "is_recording", text, advice.heal(route))
    if _is_without_ids(route, "unsampled"):
        text = "lines of traces that the sampler drops have no ids: a filter, factory or formatter asks for the flag"
        return _say(route, "sampled_out", text, advice.heal(route))
    return None


def _is_without_ids(route: Route, situation: Situation) -> bool:
    """Say whether there is a line and no ids in it; a filter may well drop the lines of unsampled traces."""
    seen = probe(route, child, situation)
    return not seen.shown and not seen.outcome.dropped


def _crash(route: Route, seen: Seen, way: Way = child) -> Diagnosis:
    error, stage = seen.outcome.error, seen.outcome.stage
    said = f"{type(error).__name__}: {error}"
    if stage == "filter":
        return _say(route, "filter_crash", f"a filter or record factory raises {said}", _drop_filter(route))
    if stage == "queue" or (len(route.handlers) > 1 and probe(_last(route), way, "recording").outcome.error is None):
        text = f"the record does not come through the queue whole: {said}"
        return _say(route, "queue", text, advice.replace_queue_handler(route))
    field = advice.missing_field(error)
    if field is not None:
        text = f"the format asks for {field}, which no record has, so the line is lost"
        return _say(route, "missing_field", text, advice.default_fields(route, field, add_filter=True))
    return _say(route, "formatter_crash", f"the formatter raises {said}, so the line is lost", advice.json_lines(route))


def _drop_filter(route: Route) -> str:
    removal = advice.find_filter(route, lambda _: False)
    return removal or "logging.setLogRecordFactory(logging.LogRecord); tracelog.install()"


def _last(route: Route) -> Route:
    """Return the route as it would be without queues."""
    return Route(route.logger, route.handlers[-1:], route.expressions[-1:])


def _absent(route: Route, seen: Seen, routes: list[Route]) -> Diagnosis:
    if _goes_through_structlog(route) and _shown_through_structlog(route):
        text = "lines of stdlib loggers have no ids: the processors of structlog do not run for them"
        code = f"{route.expressions[-1]}.formatter.foreign_pre_chain = [tracelog.add_trace_context]"
        return _say(route, "foreign_pre_chain", text, code)
    if len(route.handlers) > 1 and probe(_last(route), child, "recording").shown:
        text = "the ids are read behind the queue, where the span is not active"
        return _say(route, "queue", text, advice.heal(route))
    if route.last is logging.lastResort:
        text = "the root has no handler: what reaches it goes bare to stderr at WARNING and above, else nowhere"
        others = len(routes) > 1 or configuration() is not None
        return _say(route, "no_handler", text, advice.json_lines(route), ok=others)
    return _unstamped(route, seen, routes)


def _unstamped(route: Route, seen: Seen, routes: list[Route]) -> Diagnosis:
    cause, text = "no_stamp", "nothing puts the ids of the active span on its records"
    held = _carrier(seen)
    if held is not None:
        named = f"as {held}" if held != STAMP else "by tracelog.install()"
        cause, text = "formatter_drops_ids", f"the ids are on the record {named}, and the formatter leaves them out"
    elif _factory_is_replaced():
        cause, text = "factory_replaced", "tracelog.install() was called, and another record factory was set over it"
    if not route.logger.propagate and _root_is_healthy(routes):
        text = f"it does not propagate to the root, whose lines have ids, and here {text}"
        cause = "propagate_false"
    return _say(route, cause, text, advice.heal(route))


def _carrier(seen: Seen) -> str | None:
    """Return the attribute in which a record holds the ids; a public one first."""
    held = values_of(seen.outcome.record) if seen.outcome.record is not None else {}
    names = [key for key, text in held.items() if shows(text, seen.trace_id)]
    return next((key for key in names if key != STAMP), STAMP if names else None)


def _factory_is_replaced() -> bool:
    installed = getattr(getattr(stdlib, "_Switch", None), "active", False)
    made = logging.getLogRecordFactory()("tracelog.doctor", logging.DEBUG, "", 0, "", (), None)
    return installed and STAMP not in made.__dict__


def _has_children(logger: logging.Logger) -> bool:
    below = f"{logger.name}."
    return logger is logging.getLogger() or any(name.startswith(below) for name in logging.Logger.manager.loggerDict)


def _root_is_healthy(routes: list[Route]) -> bool:
    own = [route for route in routes if route.logger is logging.getLogger() and route.last is not logging.lastResort]
    return bool(own) and all(probe(route, child, "recording").shown for route in own)


def _outside(route: Route) -> Iterator[Diagnosis]:
    """Look at a line outside of any span: the ids are to be absent, without a crash."""
    outcome = probe(route, child, "outside").outcome
    field = advice.missing_field(outcome.error)
    if outcome.error is not None and field is not None:
        text = f"outside of any span the format asks for {field}, which the record lacks, so the line is lost"
        yield _say(route, "missing_field", text, advice.default_fields(route, field, add_filter=False))
    elif outcome.error is not None:
        text = f"outside of any span the formatter raises {type(outcome.error).__name__}: {outcome.error}"
        yield _say(route, "formatter_crash", text, advice.json_lines(route))
    elif outcome.record is not None and (shows_zeros(outcome.text) or _prints_zeros(route, outcome.record)):
        text = "outside of any span it writes ids of nothing but zeros, and all those lines will be joined as one trace"
        yield _say(route, "zero_ids", text, advice.without_zeros(route))


def _prints_zeros(route: Route, record: logging.LogRecord) -> bool:
    """Say whether fields that are zero come to the line: another value in them is looked for there."""
    changed = copy.copy(record)
    changed.__dict__.update(dict.fromkeys(advice.zero_fields(record), _SENTINEL))
    with active("outside"):
        return _SENTINEL in render(route.last, changed).text


def _goes_through_structlog(route: Route) -> bool:
    config = configuration()
    if config is None or not uses_stdlib(config):
        return False
    return route.logger is logging.getLogger() or hasattr(route.last.formatter, "foreign_pre_chain")


def _through_structlog(route: Route, level: int) -> logging.LogRecord | None:
    record: logging.LogRecord | None = record_through_structlog(
        configuration() or {}, route.logger, child(route, level).name, level
    )
    return record


def _shown_through_structlog(route: Route) -> bool:
    return probe(route, _through_structlog, "recording").shown


def _structlog(route: Route, found: list[Diagnosis]) -> Iterator[Diagnosis]:
    """Look at a line of structlog that comes down the same route."""
    if not _goes_through_structlog(route) or any(each.cause in {"filtered", "no_handler"} for each in found):
        return
    for situation in IN_SPANS:
        seen = probe(route, _through_structlog, situation)
        if seen.outcome.dropped or seen.shown:
            continue
        if seen.outcome.error is not None:
            if not any(each.cause in _CRASHES for each in found):
                yield _crash(route, seen, _through_structlog)
        else:
            cause, text = WITHOUT_IDS[situation]
            yield _say(route, cause, f"structlog: {text}", ADD_IDS)
        return


def _level_note(route: Route) -> Iterator[Diagnosis]:
    level = max(advice.lowest_level(route), route.logger.getEffectiveLevel())
    if isinstance(route.last, StoreHandler) and level > logging.INFO:
        text = f"lines below {logging.getLevelName(level)} are not stored"
        yield _say(route, "level", text, f"{logger_expression(route.logger)}.setLevel(logging.INFO)", ok=True)
