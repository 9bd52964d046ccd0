"""The one call: what it sets up, what it leaves alone, and what a second call replaces."""

from __future__ import annotations

import json
import logging
import logging.config
import sys
from collections.abc import Callable, Iterator
from logging.config import DictConfigurator, dictConfig, fileConfig
from pathlib import Path
from typing import Any
from weakref import WeakSet

import pytest
import structlog
from capture.telemetry import RecordList, make_provider
from opentelemetry import context, trace
from opentelemetry.baggage import set_baggage
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import NoOpTracerProvider
from opentelemetry.util._once import Once

import tracelog
from tracelog import StoreHandler
from tracelog.capture import baggage
from tracelog.capture.pretty import PrettyFormatter
from tracelog.capture.stdlib import uninstall
from tracelog.errors import ConfigurationError
from tracelog.ship import senders
from tracelog.store import Store, open_store

configure = tracelog.configure
configure_module = sys.modules["tracelog.configuration"]


@pytest.fixture(autouse=True)
def _own_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give each test a process that nobody has configured, as far as that goes."""
    root, factory = logging.getLogger(), logging.getLogRecordFactory()
    handlers, level = root.handlers[:], root.level
    for module, name, fresh in (
        (configure_module, "own_handlers", []),
        (configure_module, "_own_baggage", []),
        (configure_module, "_own_keep", []),
        (configure_module, "_left_alone", set()),
        (baggage, "allowed", ()),
        (senders, "_senders", {}),
        (senders, "_made", WeakSet()),
        (trace, "_TRACER_PROVIDER", None),
        (trace, "_TRACER_PROVIDER_SET_ONCE", Once()),
    ):
        monkeypatch.setattr(module, name, fresh)
    for owner, name in ((DictConfigurator, "configure"), (logging.config, "_install_loggers")):
        monkeypatch.setattr(owner, name, getattr(owner, name))  # put back what it was
    for name in ("STORE", "LEVEL", "CONSOLE", "SCHEMA"):
        monkeypatch.delenv(f"TRACELOG_{name}", raising=False)
    monkeypatch.delenv("OTEL_SERVICE_NAME", raising=False)
    monkeypatch.delenv("OTEL_RESOURCE_ATTRIBUTES", raising=False)
    structlog.reset_defaults()
    yield
    provider = trace.get_tracer_provider()
    if isinstance(provider, TracerProvider):
        provider.shutdown()
    senders.shutdown(timeout=5)
    structlog.reset_defaults()
    uninstall()
    logging.setLogRecordFactory(factory)
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def url(tmp_path: Path) -> str:
    """The URL of an embedded store that does not exist yet."""
    return f"sqlite:{tmp_path}/tracelog.db"


def own_handlers() -> list[logging.Handler]:
    """Return the root's handlers that are not pytest's."""
    return [handler for handler in logging.getLogger().handlers if type(handler).__module__.split(".")[0] != "_pytest"]


def processors(provider: TracerProvider) -> list[str]:
    return [type(processor).__name__ for processor in provider._active_span_processor._span_processors]


def stored(url: str) -> Store:
    assert tracelog.flush(30)
    return open_store(url)


def test_one_call_leads_stdlib_structlog_and_spans_into_one_store(url: str) -> None:
    configure("orders", url, console=False)
    with trace.get_tracer("shop").start_as_current_span("checkout") as span:
        logging.getLogger("shop").info("from stdlib")
        structlog.get_logger("shop").info("from structlog", items=3)
        span.add_event("cache.miss")
    with stored(url) as store:
        (kept,) = store.spans(service="orders")
        found = store.trace(kept.trace_id)
    assert [(line.body, line.service, line.span_id) for line in found.logs_of(kept)] == [
        ("from stdlib", "orders", kept.span_id),
        ("from structlog", "orders", kept.span_id),
    ]
    assert [event.name for event in found.spans[0].events] == ["cache.miss"]


def test_arguments_that_do_not_fit_cost_structlogs_text_not_the_line(url: str) -> None:
    configure("orders", url, console=False)
    structlog.get_logger("shop").info("100% sure %s", 1)
    structlog.get_logger("shop").info("%d of %d", 1, 2, _record=1)
    with stored(url) as store:
        first, second = store.logs()
    assert (first.body, first.attributes["logging.arguments"]) == ("100% sure %s", "(1,)")
    assert second.body == "1 of 2"


def test_handlers_of_others_stay_and_its_own_are_replaced(url: str) -> None:
    root, theirs = logging.getLogger(), RecordList()
    root.addHandler(theirs)
    configure("orders", url, console="json")
    first = own_handlers()
    configure("orders", url, level="WARNING", console=False)
    second = own_handlers()
    assert [type(handler) for handler in first] == [RecordList, StoreHandler, logging.StreamHandler]
    assert [type(handler) for handler in second] == [RecordList, StoreHandler]
    assert second[0] is theirs
    assert second[1] is not first[1]
    assert root.level == logging.WARNING


def test_calling_it_twice_stores_each_line_and_span_once(url: str) -> None:
    configure("orders", url, console=False)
    configure("orders", url, console=False)
    with trace.get_tracer("shop").start_as_current_span("checkout") as span:
        logging.getLogger("shop").info("placed")
        span.add_event("cache.miss")
    with stored(url) as store:
        assert [entry.message for entry in store.logs()] == ["placed", "cache.miss"]
        assert [found.name for found in store.spans()] == ["checkout"]


def test_the_handler_of_the_store_outlives_a_later_dict_config(url: str) -> None:
    configure("orders", url, console=False)
    dictConfig({"version": 1, "disable_existing_loggers": False, "root": {"level": "INFO"}})
    logging.getLogger("shop").info("placed")
    with stored(url) as store:
        assert [entry.body for entry in store.logs()] == ["placed"]


ALEMBIC = """
[loggers]
keys = root
[handlers]
keys = console
[formatters]
keys =
[logger_root]
level = INFO
handlers = console
[handler_console]
class = NullHandler
args = ()
"""


def test_the_handler_of_the_store_and_the_events_of_spans_outlive_a_later_file_config(url: str, tmp_path: Path) -> None:
    configure("orders", url, console=False)
    (tmp_path / "alembic.ini").write_text(ALEMBIC)
    others = [logger for logger in logging.Logger.manager.loggerDict.values() if isinstance(logger, logging.Logger)]
    before = [logger.disabled for logger in others]
    try:
        for _ in range(2):
            fileConfig(tmp_path / "alembic.ini")
            logging.getLogger().info("migrated")
            with trace.get_tracer("shop").start_as_current_span("checkout") as span:
                span.add_event("cache.miss")
    finally:
        for logger, disabled in zip(others, before, strict=True):
            logger.disabled = disabled
    assert [type(handler) for handler in own_handlers()] == [logging.NullHandler, StoreHandler]
    with stored(url) as store:
        assert [entry.message for entry in store.logs()] == ["migrated", "cache.miss"] * 2


def test_what_is_not_said_comes_from_the_environment(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"STORE": url, "LEVEL": "warning", "CONSOLE": "off"}
    for name, value in settings.items():
        monkeypatch.setenv(f"TRACELOG_{name}", value)
    configure("orders")
    assert [repr(handler) for handler in own_handlers()] == [f"<StoreHandler {url} (NOTSET)>"]
    assert logging.getLogger().level == logging.WARNING


def test_a_second_call_with_another_store_sends_logs_and_spans_there(url: str, tmp_path: Path) -> None:
    other = f"sqlite:{tmp_path}/other.db"
    for target in (url, other):
        configure("orders", target, console=False)
        with trace.get_tracer("shop").start_as_current_span(f"to {Path(target).stem}"):
            logging.getLogger("shop").info("to %s", Path(target).stem)
    for target, name in ((url, "to tracelog"), (other, "to other")):
        with stored(target) as store:
            assert [entry.body for entry in store.logs()] == [name]
            assert [span.name for span in store.spans()] == [name]


def test_a_second_call_turns_spans_and_events_off_and_a_third_one_on_again(url: str) -> None:
    for name, wanted in (("first", True), ("second", False), ("third", True)):
        configure("orders", url, console=False, spans=wanted, events=wanted)
        with trace.get_tracer("shop").start_as_current_span(name) as span:
            span.add_event(f"event of the {name}")
    with stored(url) as store:
        assert [span.name for span in store.spans()] == ["first", "third"]
        assert [entry.message for entry in store.logs()] == ["event of the first", "event of the third"]


def test_a_second_call_without_baggage_takes_its_keys_from_lines_and_leaves_those_that_others_allowed(url: str) -> None:
    tracelog.install(baggage_keys=["tenant"])
    configure("orders", url, console=False)
    assert baggage.allowed == ("tenant",)
    configure("orders", url, console=False, baggage=["order"])
    token = context.attach(set_baggage("order", "A-1"))
    logging.getLogger("shop").info("with")
    configure("orders", url, console=False)
    logging.getLogger("shop").info("without")
    context.detach(token)
    with stored(url) as store:
        assert [entry.attributes.get("order") for entry in store.logs()] == ["A-1", None]


def test_a_provider_that_is_there_gets_its_processors_once_and_names_the_service(url: str) -> None:
    provider = make_provider(service="theirs")
    trace.set_tracer_provider(provider)
    configure(store=url, console=False)
    configure(store=url, console=False)
    assert trace.get_tracer_provider() is provider
    assert processors(provider) == ["RequestSpanProcessor", "SpanEventLogger", "KeptSpans"]
    logging.getLogger("shop").info("placed")
    with stored(url) as store:
        assert [entry.service for entry in store.logs()] == ["theirs"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"spans": False}, ["RequestSpanProcessor", "SpanEventLogger"]),
        ({"events": False}, ["RequestSpanProcessor", "KeptSpans"]),
        ({"spans": False, "events": False}, []),
    ],
)
def test_spans_and_their_events_can_be_left_out(url: str, options: dict[str, Any], expected: list[str]) -> None:
    provider = make_provider()
    trace.set_tracer_provider(provider)
    configure("orders", url, console=False, **options)
    assert processors(provider) == expected


def test_a_foreign_provider_is_left_alone_with_one_warning(url: str) -> None:
    foreign, said = NoOpTracerProvider(), RecordList()
    trace.set_tracer_provider(foreign)
    logging.getLogger("tracelog").addHandler(said)
    try:
        configure("orders", url, console=False)
        configure("orders", url, console=False)
    finally:
        logging.getLogger("tracelog").removeHandler(said)
    assert trace.get_tracer_provider() is foreign
    warning = "spans are not stored: the tracer provider NoOpTracerProvider is not the SDK's"
    assert [record.getMessage() for record in said.records] == [warning]


def test_structlog_is_left_alone_where_somebody_has_configured_it(url: str) -> None:
    structlog.configure(processors=[structlog.processors.JSONRenderer()])
    before = structlog.get_config()["processors"]
    configure("orders", url, console=False)
    assert structlog.get_config()["processors"] is before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"level": "LOUD"}, "unknown level 'LOUD'"),
        ({"schema": "xml"}, "unknown schema 'xml'"),
        ({"console": "green"}, "unknown console 'green'"),
        ({"store": "redis://x"}, "cannot open the store 'redis://x'"),
        ({"sampling_rate": 2}, "sampling_rate is 2"),
        ({"keep": [{"name": "rest", "type": "probabilistic"}]}, "sampling_percentage is missing"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_changed(options: dict[str, Any], message: str) -> None:
    def state() -> list[Callable[..., Any] | object]:
        root = logging.getLogger()
        return [root.handlers[:], root.level, logging.getLogRecordFactory(), trace._TRACER_PROVIDER, senders._senders]

    before = state()
    with pytest.raises(ConfigurationError, match=message):
        configure("orders", **options)
    assert state() == before
    assert not structlog.is_configured()


ERRORS = [{"name": "errors", "type": "status_code", "status_code": "ERROR"}]


def test_with_policies_a_failed_trace_is_stored_whole_and_others_have_what_they_had(url: str) -> None:
    others, log = RecordList(), logging.getLogger("shop")
    logging.getLogger().addHandler(others)
    configure("orders", url, console=False, keep=ERRORS)
    for name, status in (("well", trace.StatusCode.OK), ("badly", trace.StatusCode.ERROR)):
        with trace.get_tracer("shop").start_as_current_span(name) as span:
            log.debug("%s asked", name)
            log.info("%s done", name)
            span.set_status(status)
    with stored(url) as store:
        assert [entry.message for entry in store.logs()] == ["badly asked", "badly done"]
        assert [span.name for span in store.spans()] == ["badly"]
    assert [record.getMessage() for record in others.records if record.name == "shop"] == ["well done", "badly done"]
    configure("orders", url, console=False)
    assert logging.getLogger().level == logging.INFO
    log.info("kept again")
    with stored(url) as store:
        assert "kept again" in [entry.message for entry in store.logs()]


def test_with_policies_a_logger_with_a_level_of_its_own_logs_what_it_did(url: str) -> None:
    others, talkative, child = RecordList(), logging.getLogger("shop.sql"), logging.getLogger("shop.sql.pool")
    logging.getLogger().addHandler(others)
    talkative.setLevel(logging.DEBUG)
    try:
        configure("orders", url, console=False, keep=ERRORS)
        for log in (talkative, child, logging.getLogger("shop"), logging.getLogger()):
            log.debug("by %s", log.name)
        with trace.get_tracer("shop").start_as_current_span("well"):
            child.debug("of a trace that is dropped")
    finally:
        talkative.setLevel(logging.NOTSET)
    heard = ["by shop.sql", "by shop.sql.pool"]
    assert [record.getMessage() for record in others.records] == [*heard, "of a trace that is dropped"]
    with stored(url) as store:
        assert [entry.message for entry in store.logs()] == heard


def test_a_second_call_with_the_same_file_has_the_level_and_the_policies_of_now(url: str, tmp_path: Path) -> None:
    file, tracer = tmp_path / "policies.yaml", trace.get_tracer("shop")
    file.write_text(json.dumps(ERRORS))
    configure("orders", url, "WARNING", console=False, keep=file)
    configure("orders", url, "INFO", console=False, keep=file)
    logging.getLogger("shop").info("at the level")
    with tracer.start_as_current_span("dropped"):
        pass
    file.write_text(json.dumps([{"name": "all", "type": "probabilistic", "sampling_percentage": 100}]))
    configure("orders", url, console=False, keep=file)
    with tracer.start_as_current_span("kept"):
        pass
    (handler,) = [handler for handler in own_handlers() if isinstance(handler, StoreHandler)]
    assert StoreHandler(url, keep=str(file))._keep is handler._keep
    with stored(url) as store:
        assert [entry.message for entry in store.logs()] == ["at the level"]
        assert [span.name for span in store.spans()] == ["kept"]


def test_what_is_undecided_at_a_second_call_is_decided_with_what_is_known_of_it(url: str) -> None:
    keep = tracelog.Keep([{"name": "all", "type": "probabilistic", "sampling_percentage": 100}])
    configure("orders", url, console=False, keep=keep)
    with trace.get_tracer("shop").start_as_current_span("checkout"):
        logging.getLogger("shop").info("held")
        configure("orders", url, console=False, keep=keep)
        assert keep.stats() == {"undecided": 1}
        configure("orders", url, console=False, keep=ERRORS)
    assert keep.stats() == {"undecided": 0, "kept by all": 1, "decided early: replaced": 1, "forgotten": 0}
    configure("orders", url, console=False)
    with stored(url) as store:
        assert [entry.message for entry in store.logs()] == ["held"]


def test_policies_may_come_from_the_environment(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "policies.yaml").write_text(json.dumps(ERRORS))
    monkeypatch.setenv("TRACELOG_KEEP", str(tmp_path / "policies.yaml"))
    configure("orders", url, console=False)
    (handler,) = [handler for handler in own_handlers() if isinstance(handler, StoreHandler)]
    assert handler._keep is not None
    assert [policy.name for policy in handler._keep.recorder._policies] == ["errors"]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("trusting", "caller_says", "recorded"), [(True, 1, True), (True, 0, False), (False, 1, False), (False, 0, False)]
)
def test_a_share_of_traces_is_sampled_and_callers_are_believed_or_not(
    url: str, trusting: bool, caller_says: int, recorded: bool
) -> None:
    configure("orders", url, console=False, sampling_rate=0.5, trust_inbound=trusting)
    tracer = trace.get_tracer("shop")
    above = trace.SpanContext(2**64 - 1, 1, is_remote=True, trace_flags=trace.TraceFlags(caller_says))
    called = trace.set_span_in_context(trace.NonRecordingSpan(above))
    assert tracer.start_span("called", called).is_recording() is recorded
    assert {tracer.start_span("begun").is_recording() for _ in range(100)} == {True, False}


def test_a_provider_that_is_there_keeps_its_sampler_and_that_is_said(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    trace.set_tracer_provider(make_provider())
    configure("orders", url, console=False, sampling_rate=0.0)
    assert trace.get_tracer("shop").start_span("begun").is_recording()
    assert "sampling_rate is left out" in caplog.text
    assert "lines are of orders and spans of " in caplog.text


@pytest.mark.parametrize("level", ["debug", "DEBUG", 10])
def test_a_level_is_a_name_in_any_case_or_a_number(url: str, level: int | str) -> None:
    configure("orders", url, level, console=False)
    assert logging.getLogger().level == logging.DEBUG


def test_the_console_prints_json_in_the_schema_that_was_asked_for(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure("orders", url, console="json", schema="ecs")
    logging.getLogger("shop").info("placed")
    printed = capsys.readouterr()
    line = json.loads(printed.err)
    assert (line["message"], line["log.level"], line["service.name"], printed.out) == ("placed", "info", "orders", "")


def test_the_console_is_for_people_where_that_was_asked_for(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure("orders", url, console="pretty")
    assert isinstance(own_handlers()[-1].formatter, PrettyFormatter)
    logging.getLogger("shop").info("placed")
    assert "placed" in capsys.readouterr().err


def test_a_variable_that_names_no_console_is_named_with_what_it_takes(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACELOG_CONSOLE", "green")
    with pytest.raises(
        ConfigurationError, match=r"unknown console 'green' \(.* as TRACELOG_CONSOLE pretty, json or off"
    ):
        configure("orders", url)


def test_an_argument_that_it_does_not_take_is_said_to_be_one_of_its_own(url: str) -> None:
    with pytest.raises(TypeError, match=r"^configure\(\) got an unexpected keyword argument 'servce'$"):
        configure(store=url, servce="orders")


@pytest.mark.parametrize(("terminal", "formatter"), [(True, "PrettyFormatter"), (False, "JsonFormatter")])
@pytest.mark.parametrize("console", [None, True])
def test_the_console_chooses_by_whether_a_person_is_reading(
    url: str, monkeypatch: pytest.MonkeyPatch, *, console: bool | None, terminal: bool, formatter: str
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    configure("orders", url, console=console)
    assert type(own_handlers()[-1].formatter).__name__ == formatter
