"""What to change, as code; where it can be, it was tried on the probe before it is given."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import NamedTuple

from tracelog.capture.context import current_stamp
from tracelog.capture.stdlib import STAMP, TraceContextFilter
from tracelog.doctor.probe import IN_SPANS, Outcome, Situation, active, first_passing, shows
from tracelog.doctor.rendering import is_otel, passed, values_of, write
from tracelog.doctor.routes import Route, logger_expression, routes_of

Way = Callable[[Route, int], "logging.LogRecord | None"]
"""How a line comes to a route's handlers: a record of a level, None where the logger's own filters drop it."""
Help = Callable[[logging.LogRecord], object]

IDS = ("trace_id", "span_id", "trace_flags")


class Seen(NamedTuple):
    """What a probe showed."""

    outcome: Outcome
    trace_id: int

    @property
    def shown(self) -> bool:
        """Whether the line has the ids."""
        return self.outcome.error is None and shows(self.outcome.text, self.trace_id)


def probe(route: Route, way: Way, situation: Situation, helped: Help | None = None) -> Seen:
    """Send a probe down a route. `helped` is done to its record first, as a change of the configuration would."""

    def attempt(level: int) -> Outcome:
        try:
            record = way(route, level)
        except Exception as error:  # noqa: BLE001 - of a filter on the logger, a factory, a processor; it is the finding
            return Outcome(error=error, stage="filter")
        if record is None:
            return Outcome()
        if helped is not None:
            helped(record)
        return write(route.handlers, record)

    with active(situation) as trace_id:
        return Seen(first_passing(attempt, lowest_level(route)), trace_id)


def lowest_level(route: Route) -> int:
    """Return the level from which on a route lets lines through."""
    return max(handler.level for handler in route.handlers)


def child(route: Route, level: int) -> logging.LogRecord:
    """Make a record as a logger below the route's would; filters on loggers do not see what propagates."""
    name = "tracelog.doctor" if route.logger is logging.getLogger() else f"{route.logger.name}.tracelog_doctor"
    return make(route, level, _name_that_passes(route) or name)


def direct(route: Route, level: int) -> logging.LogRecord | None:
    """Make a record as the route's own logger would, with its filters."""
    return passed(route.logger, make(route, level, route.logger.name))


def make(route: Route, level: int, name: str) -> logging.LogRecord:
    """Make a record through the logger's class and the active record factory."""
    return route.logger.makeRecord(name, level, __file__, 0, "tracelog doctor probe", (), None)


def _name_that_passes(route: Route) -> str | None:
    """Return the name that a plain `logging.Filter(name)` on a handler asks for."""
    held = (each for handler in route.handlers for each in handler.filters)
    return next((each.name for each in held if type(each) is logging.Filter and each.name), None)


def put_stamp(record: logging.LogRecord) -> None:
    """Do what `tracelog.install()` would."""
    record.__dict__.setdefault(STAMP, current_stamp())


def put_fields(record: logging.LogRecord) -> None:
    """Do what a `TraceContextFilter` on the first handler would."""
    put_stamp(record)
    TraceContextFilter().filter(record)


def heal(route: Route, way: Way = child) -> str:
    """Return the smallest change after which the ids are in the line: a stamp, else fields, else another formatter."""
    add_filter = f"{route.expressions[0]}.addFilter(tracelog.TraceContextFilter())"
    tries: tuple[tuple[str, Help], ...] = (("tracelog.install()", put_stamp), (add_filter, put_fields))
    for code, helped in tries:
        if all(probe(route, way, situation, helped).shown for situation in IN_SPANS):
            return code
    if is_otel(route.last):
        return _around_queue(route)
    return json_lines(route)


def _around_queue(route: Route) -> str:
    """Return the change that lets the logger call the last handler itself."""
    owner = logger_expression(route.logger)
    alone = len([each for each in routes_of(route.logger) if each.attached is route.attached]) == 1
    code = f"{owner}.addHandler({route.expressions[-1]})"
    return f"{code}; {owner}.removeHandler({route.expressions[0]})" if alone else code


def replace_queue_handler(route: Route) -> str:
    """Return the change to the queue handler that keeps what a record holds."""
    owner, handler = logger_expression(route.logger), route.expressions[0]
    return f"old = {handler}; {owner}.removeHandler(old); {owner}.addHandler(tracelog.QueueHandler(old.queue))"


def json_lines(route: Route) -> str:
    """Return the change to tracelog's own formatter."""
    if route.last is logging.lastResort:
        return "tracelog.configure()"
    code = f"{route.expressions[-1]}.setFormatter(tracelog.JsonFormatter())"
    return f"tracelog.install(); {code}" if len(route.handlers) > 1 else code


def move_filter(route: Route) -> str:
    """Return the change of a filter from the logger to the handler: of the one that adds the ids, else of all."""
    owner = logger_expression(route.logger)
    numbers = range(len(route.logger.filters))

    def through(number: int) -> Way:
        def way(route: Route, level: int) -> logging.LogRecord | None:
            alone = logging.Filterer()
            alone.addFilter(route.logger.filters[number])
            return passed(alone, child(route, level))

        return way

    wanted = [number for number in numbers if probe(route, through(number), "recording").shown] or numbers
    return "; ".join(f"{route.expressions[0]}.addFilter({owner}.filters[{number}])" for number in wanted)


_MISSING = re.compile(r"Formatting field not found in record: '([^']+)'")


def missing_field(error: Exception | None) -> str | None:
    """Return the name of the field that a format asks for and the record lacks."""
    match = _MISSING.search(str(error))
    if match:
        return match[1]
    return str(error.args[0]) if isinstance(error, KeyError) and error.args else None


def default_fields(route: Route, missing: str, *, add_filter: bool) -> str:
    """Return the change that gives a format its missing fields: the ids inside of spans, `-` outside."""
    formatter = route.last.formatter
    if type(formatter) is not logging.Formatter:
        return json_lines(route)
    text = getattr(formatter, "_fmt", None) or ""
    names = [name for name in IDS if re.search(rf"[({{$]{name}\b", text)]
    defaults = dict.fromkeys([*names, *([missing] if missing not in names else [])], "-")
    style = "" if "%(" in text else ", style='{'" if "{" in text and "${" not in text else ", style='$'"
    date = f", datefmt={formatter.datefmt!r}" if formatter.datefmt else ""
    code = f"{route.expressions[-1]}.setFormatter(logging.Formatter({text!r}{date}{style}, defaults={defaults!r}))"
    return f"{route.expressions[0]}.addFilter(tracelog.TraceContextFilter()); {code}" if add_filter else code


def without_zeros(route: Route) -> str:
    """Return the change that ends zeros: away with the factory or the filter that writes them, ids by tracelog."""
    with active("outside"):
        if zero_fields(make(route, logging.INFO, route.logger.name)):
            otel = "opentelemetry" in str(getattr(logging.getLogRecordFactory(), "__module__", ""))
            first = "LoggingInstrumentor().uninstrument()" if otel else "logging.setLogRecordFactory(logging.LogRecord)"
            return f"{first}; tracelog.install(); {json_lines(route)}"
        writer = find_filter(route, lambda record: bool(zero_fields(record)))
    return f"{writer}; {json_lines(route)}" if writer else json_lines(route)


def find_filter(route: Route, is_it: Callable[[logging.LogRecord | None], bool]) -> str:
    """Return the removal of the first filter on a handler that does something to a record; a crash counts as such."""
    for handler, expression in zip(route.handlers, route.expressions, strict=True):
        for place, each in enumerate(handler.filters):
            alone = logging.Filterer()
            alone.addFilter(each)
            try:
                found = is_it(passed(alone, child(route, logging.INFO)))
            except Exception:  # noqa: BLE001 - as its docstring says
                found = True
            if found:
                return f"{expression}.removeFilter({expression}.filters[{place}])"
    return ""


def zero_fields(record: logging.LogRecord | None) -> list[str]:
    """Return the fields of a record that are named as ids and hold nothing but zeros."""
    held = values_of(record) if record is not None else {}
    named = ((key, text) for key, text in held.items() if re.search("(?i)trace.?id|span.?id", key))
    return [key for key, text in named if text and not text.strip("0")]
