"""The fused bound logger writes what structlog's own writes, and does all that structlog's own does."""

from __future__ import annotations

import asyncio
import copy
import io
import json
import pickle
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import baggage, context
from opentelemetry.trace import Tracer
from structlog.contextvars import bind_contextvars, bound_contextvars, merge_contextvars, unbind_contextvars
from structlog.processors import CallsiteParameter, CallsiteParameterAdder

import tracelog
from tracelog.capture import bound_logger

from .telemetry import SPAN, TRACE, make_logger
from .test_any_value import ANY_TEXT, ANYTHING

Log = Callable[[Any], object]
START = '{"timestamp":"2026-04-19T14:23:01.200000Z","level":"INFO","message":"placed","service.name":"shop"'
METHODS = ("debug", "info", "msg", "warning", "warn", "error", "critical", "fatal", "exception")


@pytest.fixture(autouse=True)
def _structlog() -> Iterator[None]:
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


class Written:
    """A bound logger and the lines that it has written."""

    def __init__(
        self, wrapper: type[Any], *processors: Any, level: int | str = "debug", chain: Any = None, **options: Any
    ) -> None:
        self.output = io.BytesIO()
        self.renderer = tracelog.JsonRenderer(service="shop", as_bytes=True)
        self.logger = structlog.wrap_logger(
            structlog.BytesLogger(self.output),
            processors=[merge_contextvars, *processors, self.renderer] if chain is None else chain,
            wrapper_class=wrapper,
            **options,
        ).bind()

    @property
    def lines(self) -> list[str]:
        return self.output.getvalue().decode().split("\n")[:-1]


def fused(*processors: Any, level: int | str = "debug", **options: Any) -> Written:
    return Written(tracelog.make_json_bound_logger(level), *processors, **options)


def unfused(*processors: Any, level: int = 10, **options: Any) -> Written:
    return Written(structlog.make_filtering_bound_logger(level), *processors, **options)


def both(log: Log, *processors: Any) -> list[str]:
    """Log in both ways and return the lines, which must be the same but for the digits of their times."""
    ours, theirs = fused(*processors), unfused(*processors)
    log(ours.logger)
    log(theirs.logger)
    assert [timeless(line) for line in ours.lines] == [timeless(line) for line in theirs.lines]
    return ours.lines


def timeless(line: str) -> list[tuple[str, Any]]:
    """Return the fields of a line, in order, without its time and the places in a stack."""
    fields = json.loads(line)
    assert fields.pop("timestamp")
    fields.pop("exception.stacktrace", None)
    return list(fields.items())


@pytest.mark.usefixtures("clock")
def test_an_event_within_a_span_is_one_whole_line(tracer: Tracer) -> None:
    written = fused()
    with tracer.start_as_current_span("checkout"), bound_contextvars(order="A-7"):
        written.logger.bind(customer="cust-1").info("placed", items=3)
    ids = f'"trace_id":"{TRACE}","span_id":"{SPAN}","trace_flags":"01"'
    assert written.lines == [f'{START},{ids},"customer":"cust-1","items":3,"order":"A-7"}}']


@pytest.mark.usefixtures("clock")
def test_the_renderer_alone_is_a_chain_that_is_fused_and_merges_nothing() -> None:
    renderer = tracelog.JsonRenderer(service="shop", as_bytes=True)
    written = fused(chain=[renderer])
    with bound_contextvars(order="A-7"):
        written.logger.info("placed")
    assert written.lines == [f"{START}}}"]
    assert type(written.logger).__name__ == "JsonBoundLoggerFilteringAtDebug"


NAMES = ANY_TEXT | st.sampled_from(
    ["event", "level", "message", "timestamp", "exception", "trace_id", "_x", "logger", "service.name"]
)
OTHERS = {"self", "method_name", "event", "exc_info"}
"""Names that a call cannot take, as its own are the same, and the one with a form of its own."""
EVENT_DICTS = st.dictionaries(NAMES.filter(lambda name: name not in OTHERS), ANYTHING, max_size=4)
CONTEXTS = st.dictionaries(NAMES.filter(lambda name: name not in OTHERS - {"event"}), ANYTHING, max_size=3)


@given(event=ANYTHING | ANY_TEXT, event_kw=EVENT_DICTS, context_of_logger=CONTEXTS)
def test_any_event_is_the_same_line_in_both_ways(
    event: Any, event_kw: dict[str, Any], context_of_logger: dict[str, Any]
) -> None:
    given_time = {"timestamp"} & (event_kw.keys() | context_of_logger)
    lines = both(lambda logger: logger.bind(**context_of_logger).warning(event, **event_kw))
    assert len(lines) == 1
    assert given_time or json.loads(lines[0])["timestamp"] > "2026"


@given(bound=st.dictionaries(st.sampled_from(["a", "b", "event", "level"]), ANYTHING, min_size=1, max_size=1))
def test_what_is_bound_to_the_context_is_the_same_in_both_ways(bound: dict[str, Any]) -> None:
    with bound_contextvars(**bound):
        both(lambda logger: logger.info("placed", b="own", c="other"))


def test_of_context_and_logger_and_call_the_nearest_is_believed() -> None:
    bind_contextvars(a="context", b="context", c="context", gone="context")
    unbind_contextvars("gone")
    (line,) = both(lambda logger: logger.bind(b="logger", c="logger").info("placed", c="call"))
    assert {key: value for key, value in timeless(line) if key in {"a", "b", "c", "gone"}} == {
        "a": "context", "b": "logger", "c": "call",
    }  # fmt: skip


def test_without_structlogs_own_variables_its_own_processor_merges(monkeypatch: pytest.MonkeyPatch) -> None:
    assert bound_logger._variables is structlog.contextvars._CONTEXT_VARS
    monkeypatch.setattr(bound_logger, "_variables", None)
    with bound_contextvars(order="A-7"):
        (line,) = both(lambda logger: logger.info("placed"))
    assert timeless(line)[-1] == ("order", "A-7")


def test_baggage_that_is_allowed_is_on_the_line() -> None:
    tracelog.install(baggage_keys=["tenant"])
    token = context.attach(baggage.set_baggage("tenant", "acme"))
    try:
        (line,) = both(lambda logger: logger.info("placed"))
    finally:
        context.detach(token)
        tracelog.install(baggage_keys=[])
    assert timeless(line)[-1] == ("tenant", "acme")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("level", [0, 10, 20, 30, 40, 50])
def test_each_method_writes_from_its_level_on(method: str, level: int) -> None:
    ours, theirs = fused(level=level), unfused(level=level)
    for written in (ours, theirs):
        getattr(written.logger, method)("placed", items=3)
    assert [timeless(line) for line in ours.lines] == [timeless(line) for line in theirs.lines]


@pytest.mark.parametrize("level", ["info", "INFO", 20])
def test_a_level_is_named_or_numbered(level: int | str) -> None:
    made = tracelog.make_json_bound_logger(level)
    assert made is tracelog.make_json_bound_logger("INFO")
    assert issubclass(made, structlog.make_filtering_bound_logger(20))
    logger: Any = fused(level=level).logger
    assert (logger.is_enabled_for(20), logger.is_enabled_for(19), logger.get_effective_level()) == (True, False, 20)


@pytest.mark.parametrize("level", ["loud", 25])
def test_an_unknown_level_is_a_key_error_as_it_is_with_structlog(level: int | str) -> None:
    with pytest.raises(KeyError):
        tracelog.make_json_bound_logger(level)


def test_log_takes_the_level_as_a_number() -> None:
    (line,) = both(lambda logger: (logger.log(30, "placed %d", 7, items=3), logger.log(5, "never")))
    assert timeless(line)[:2] == [("level", "WARNING"), ("message", "placed 7")]


@pytest.mark.parametrize(
    ("event", "arguments", "message"),
    [
        ("%s of %d", ("a", 7), "a of 7"),
        ("%(a)s", ({"a": 1},), "1"),
        ("%s", ({},), "{}"),
        ("100%", (), "100%"),
    ],
)
def test_positional_arguments_go_into_the_event(event: str, arguments: tuple[Any, ...], message: str) -> None:
    (line,) = both(lambda logger: logger.info(event, *arguments, items=3))
    assert timeless(line)[1] == ("message", message)


def test_arguments_that_do_not_fit_are_the_callers_error_as_they_are_with_structlog() -> None:
    for written in (fused(), unfused()):
        with pytest.raises(TypeError):
            written.logger.info("%d", "x")


def test_an_exception_is_taken_as_a_structure() -> None:
    def log(logger: Any) -> None:
        try:
            raise TimeoutError("external-wms")
        except TimeoutError as error:
            logger.exception("failed", items=3)
            logger.warning("failed", exc_info=error)

    for line in both(log):
        assert {"exception.type": "TimeoutError", "exception.message": "external-wms"}.items() <= dict(
            timeless(line)
        ).items()


def test_the_methods_for_coroutines_write_the_same_lines(tracer: Tracer) -> None:
    async def log(logger: Any) -> None:
        await logger.ainfo("placed %d", 7, items=3)
        await logger.alog(30, "placed")
        await logger.adebug("placed")
        try:
            raise TimeoutError("external-wms")
        except TimeoutError:
            await logger.aexception("failed")

    with tracer.start_as_current_span("checkout"), bound_contextvars(order="A-7"):
        lines = both(lambda logger: asyncio.run(log(logger)))
    assert [dict(timeless(line))["message"] for line in lines] == ["placed 7", "placed", "placed", "failed"]
    assert [dict(timeless(line))["span_id"] for line in lines] == [SPAN] * 4
    assert [dict(timeless(line))["order"] for line in lines] == ["A-7"] * 4


def test_a_logger_is_bound_and_unbound_as_ever() -> None:
    def log(logger: Any) -> None:
        bound = logger.bind(a=1, b=2)
        bound.unbind("a").info("unbound")
        bound.try_unbind("a", "c").info("tried")
        bound.info("as before")
        bound.new(c=3).info("new")
        with pytest.raises(KeyError):
            logger.unbind("a")
        assert bound == logger.bind(**structlog.get_context(bound))

    lines = both(log)
    assert [timeless(line)[3:] for line in lines] == [[("b", 2)], [("b", 2)], [("a", 1), ("b", 2)], [("c", 3)]]


def test_what_the_logger_below_returns_is_returned() -> None:
    wrapper = tracelog.make_json_bound_logger("info")
    chain: list[Any] = [merge_contextvars, tracelog.JsonRenderer(service="shop")]
    logger = structlog.wrap_logger(structlog.testing.ReturnLogger(), processors=chain, wrapper_class=wrapper)
    assert json.loads(logger.info("placed"))["message"] == "placed"
    assert logger.debug("placed") is None


def test_an_event_of_none_is_no_event() -> None:
    both(lambda logger: logger.bind(event="bound").info(None, items=3))
    both(lambda logger: logger.info(None))


def configure(**options: Any) -> io.BytesIO:
    output = io.BytesIO()
    structlog.configure(
        processors=[merge_contextvars, tracelog.JsonRenderer(service="shop", as_bytes=True)],
        wrapper_class=tracelog.make_json_bound_logger("INFO"),
        logger_factory=structlog.BytesLoggerFactory(output),
        **options,
    )
    return output


@pytest.mark.parametrize("cached", [True, False])
def test_logs_are_captured_while_captured_and_written_before_and_after(cached: bool) -> None:
    output = configure(cache_logger_on_first_use=cached)
    logger = structlog.get_logger(customer="cust-1")
    logger.info("before")
    bound = logger.bind(items=3)
    with structlog.testing.capture_logs() as captured:
        logger.info("during")
        bound.warning("during %d", 2)
        logger.debug("never")
    bound.info("after")
    assert captured == [
        {"customer": "cust-1", "event": "during", "log_level": "info"},
        {"customer": "cust-1", "items": 3, "event": "during 2", "log_level": "warning"},
    ]
    assert [json.loads(line)["message"] for line in output.getvalue().splitlines()] == ["before", "after"]


def test_a_logger_that_is_cached_is_made_once() -> None:
    configure(cache_logger_on_first_use=True)
    logger = structlog.get_logger()
    assert logger.bind() is logger.bind()


def test_more_processors_are_run_and_may_drop_the_event() -> None:
    def drop_health_checks(_logger: Any, _name: str, event_dict: Any) -> Any:
        if event_dict.get("path") == "/health":
            raise structlog.DropEvent
        return {**event_dict, "seen": True}

    lines = both(lambda logger: (logger.info("get", path="/health"), logger.info("get")), drop_health_checks)
    assert [timeless(line)[-1] for line in lines] == [("seen", True)]


class Shouting(tracelog.JsonRenderer):
    def __call__(self, logger: Any, method_name: str, event_dict: Any) -> Any:
        return super().__call__(logger, method_name, {**event_dict, "event": event_dict["event"].upper()})


def test_what_cannot_be_fused_is_a_logger_of_structlogs_class() -> None:
    plain = structlog.make_filtering_bound_logger(10)
    renderer = tracelog.JsonRenderer(service="shop", as_bytes=True)
    callsite = CallsiteParameterAdder([CallsiteParameter.PATHNAME])
    assert type(fused(callsite).logger) is plain
    assert type(fused(chain=[Shouting()]).logger) is plain
    assert type(fused(chain=[renderer, renderer]).logger) is plain
    assert type(fused(context_class=OrderedDict).logger) is plain
    wrapper: Any = tracelog.make_json_bound_logger(10)
    assert type(wrapper(make_logger(), [renderer], {})) is plain


def test_processors_that_look_for_the_caller_find_it() -> None:
    (line,) = both(lambda logger: logger.info("placed"), CallsiteParameterAdder([CallsiteParameter.PATHNAME]))
    assert Path(json.loads(line)["pathname"]).name == Path(__file__).name


def test_a_subclass_keeps_its_methods_whatever_the_chain() -> None:
    class Auditing(tracelog.make_json_bound_logger("info")):  # type: ignore[misc]
        def audit(self, event: str, **event_kw: Any) -> Any:
            return self.info(event, audit=True, **event_kw)

    for written in (Written(Auditing), Written(Auditing, structlog.processors.add_log_level)):
        written.logger.audit("placed")
        written.logger.bind(a=1).audit("placed")
        assert [json.loads(line)["audit"] for line in written.lines] == [True, True]


def test_a_logger_can_be_copied_and_pickled(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    logger: Any = fused().logger
    renderer = logger._processors[-1]
    copied = copy.copy(logger.bind(a=1))
    assert (type(copied), copied) == (type(logger), logger.bind(a=1))
    for schema in ("otel", "ecs", "datadog", "gcp"):
        renderer = tracelog.JsonRenderer(schema, service="shop", as_bytes=True)
        revived = pickle.loads(
            pickle.dumps(type(logger)(structlog.BytesLogger(), [merge_contextvars, renderer], {"a": 1}))
        )
        assert type(revived) is type(logger)
        revived.info("placed")
        assert json.loads(capsysbinary.readouterr().out)["a"] == 1


def test_a_logger_says_what_it_is() -> None:
    assert repr(fused().logger.bind(a=1)).startswith("<JsonBoundLoggerFilteringAtDebug(context={'a': 1}, processors=[")
