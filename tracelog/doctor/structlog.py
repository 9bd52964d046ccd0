"""structlog's own processors, run on a probe event up to what the logger would be given; nothing is logged.

`StoreRenderer`, which stores what it renders, is replaced by a stand-in that only says which ids it would store.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable
from typing import Any

from tracelog.capture.structlog import read_event
from tracelog.doctor.diagnosis import Diagnosis
from tracelog.doctor.probe import IN_SPANS, MESSAGE, Outcome, Situation, active, first_passing, shows, shows_zeros

ADD_IDS = 'structlog.configure(processors=[tracelog.add_trace_context, *structlog.get_config()["processors"]])'
_METHODS = {10: "debug", 20: "info", 30: "warning", 40: "error", 50: "critical"}


def configuration() -> dict[str, Any] | None:
    """Return structlog's configuration, None where nobody configured it."""
    if "structlog" not in sys.modules:
        return None
    import structlog

    return structlog.get_config() if structlog.is_configured() else None


def uses_stdlib(config: dict[str, Any]) -> bool:
    """Say whether structlog hands its lines to stdlib loggers."""
    import structlog

    factory = config["logger_factory"]
    return isinstance(factory, structlog.stdlib.LoggerFactory) or factory is logging.getLogger


def renderers(processors: Iterable[Any]) -> list[Any]:
    """Return the `StoreRenderer`s among processors."""
    module = sys.modules.get("tracelog.ship.renderer")
    return [each for each in processors if module is not None and isinstance(each, module.StoreRenderer)]


def harmless(processors: Iterable[Any]) -> list[Any]:
    """Return processors that store nothing."""
    found = list(processors)
    storing = renderers(found)
    return [_would_store if any(each is one for one in storing) else each for each in found]


def _would_store(logger: Any, method: str, event_dict: dict[str, Any]) -> str:
    entry = read_event(logger, method, event_dict, {})
    return " ".join(filter(None, (entry.trace_id, entry.span_id)))


def run_chain(config: dict[str, Any], logger: Any, level: int) -> Any:
    """Return what the last processor returns, None where the event is dropped."""
    import structlog

    event: Any = config["context_class"]()
    event["event"] = MESSAGE
    try:
        for process in harmless(config["processors"]):
            event = process(logger, _METHODS[level], event)
    except structlog.DropEvent:
        return None
    return event


def record_through_structlog(config: dict[str, Any], logger: logging.Logger, name: str, level: int) -> Any:
    """Return the record that stdlib makes of what structlog hands over, None where the event is dropped."""
    result = run_chain(config, logger, level)
    if result is None:
        return None
    args, kwargs = (
        result if isinstance(result, tuple) else ((), result) if isinstance(result, dict) else ((result,), {})
    )
    kwargs = dict(kwargs)
    message, *rest = args or (kwargs.pop("msg", kwargs.pop("event", "")),)
    extra = kwargs.get("extra")
    return logger.makeRecord(name, level, __file__, 0, message, tuple(rest), None, extra=extra)


class _StandInLogger:
    """What processors may ask of a logger, and nothing that would write."""

    name = "tracelog.doctor"
    disabled = False
    level = logging.NOTSET

    def isEnabledFor(self, _level: int) -> bool:  # noqa: N802 - stdlib's name
        return True

    def getEffectiveLevel(self) -> int:  # noqa: N802 - stdlib's name
        return logging.NOTSET


def examine_structlog() -> list[Diagnosis]:
    """Examine structlog where it prints by itself; what it hands to stdlib is seen handler by handler."""
    config = configuration()
    if config is None or uses_stdlib(config):
        return []
    where = _describe(config)
    findings = [finding for finding in (_inside(config, where), _outside(config, where)) if finding]
    return findings or [Diagnosis("structlog", where, ok=True)]


def _say(where: str, cause: str, text: str, advice: str = "", *, ok: bool = False) -> Diagnosis:
    return Diagnosis("structlog", where, ok, cause, text, advice)


def _describe(config: dict[str, Any]) -> str:
    parts = (*config["processors"][-1:], config["logger_factory"])
    return " -> ".join(getattr(each, "__qualname__", type(each).__name__) for each in parts)


def _probe(config: dict[str, Any], situation: Situation) -> tuple[Outcome, int]:
    def attempt(level: int) -> Outcome:
        try:
            result = run_chain(config, _StandInLogger(), level)
        except Exception as error:  # noqa: BLE001 - in a real call it goes into the application; here it is the finding
            return Outcome(error=error, stage="format")
        shell = logging.makeLogRecord({"msg": result})
        return Outcome() if result is None else Outcome(_as_text(result), shell)

    with active(situation) as trace_id:
        return first_passing(attempt, logging.NOTSET), trace_id


def _as_text(result: Any) -> str:
    return bytes(result).decode("utf-8", "replace") if isinstance(result, (bytes, bytearray)) else str(result)


def _inside(config: dict[str, Any], where: str) -> Diagnosis | None:
    for situation in IN_SPANS:
        outcome, trace_id = _probe(config, situation)
        if outcome.error is not None:
            text = f"a processor raises {type(outcome.error).__name__}: {outcome.error}"
            return _say(where, "processor_crash", text)
        if outcome.dropped:
            text = "its processors drop every probe, so what it writes is not known"
            return _say(where, "filtered", text, ok=True)
        if not shows(outcome.text, trace_id):
            cause, text = WITHOUT_IDS[situation]
            return _say(where, cause, text, ADD_IDS)
    return None


WITHOUT_IDS: dict[Situation, tuple[str, str]] = {
    "recording": ("structlog_no_ids", "no processor adds the ids of the active span"),
    "remote": (
        "is_recording",
        "lines in a span that does not record have no ids: a processor asks is_recording()",
    ),
    "unsampled": (
        "sampled_out",
        "lines of traces that the sampler drops have no ids: a processor asks for the sampled flag",
    ),
}


def _outside(config: dict[str, Any], where: str) -> Diagnosis | None:
    outcome, _ = _probe(config, "outside")
    if not shows_zeros(outcome.text):
        return None
    text = "outside of any span it writes ids of nothing but zeros, and all those lines will be joined as one trace"
    return _say(where, "zero_ids", text, ADD_IDS)
