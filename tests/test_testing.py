"""`tracelog.testing` in suites as users have them: each suite here is written to a directory and run by pytest."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., list[str]]

CONFTEST = 'pytest_plugins = ["tracelog.testing"]\n'

IMPORTS = """\
import asyncio, logging, logging.config, sys, threading, time
import pytest, structlog
from opentelemetry import trace
from opentelemetry.sdk import trace as sdk
from tracelog.testing import CapturedTelemetry, FrozenClock

tracer = trace.get_tracer("shop")
span = tracer.start_as_current_span
log = logging.getLogger("shop")

def said(telemetry):
    return [line.message for line in telemetry.logs]

"""


@pytest.fixture
def run_suite(tmp_path: Path) -> Run:
    """Return a function that runs a suite and returns what pytest says, colours off, each warning an error."""
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -q -rA --tb=short --strict-markers -p no:randomly\n")

    def run(suite: str, *, conftest: str = CONFTEST, **environment: str) -> list[str]:
        (tmp_path / "conftest.py").write_text(conftest)
        (tmp_path / "test_suite.py").write_text(IMPORTS + suite)
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-W", "error"],
            cwd=tmp_path,
            env={**plain_environment(), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return (done.stdout + done.stderr).splitlines()

    return run


def plain_environment() -> dict[str, str]:
    left_out = ("OTEL_", "TRACELOG_", "PYTEST_", "COV_", "FORCE_COLOR", "PY_COLORS")
    return {key: value for key, value in os.environ.items() if not key.startswith(left_out)}


def assert_passed(said: list[str], count: int) -> None:
    assert said[-1].startswith(f"{count} passed in "), "\n".join(said)


pytestmark = pytest.mark.slow


def test_stdlib_lines_are_captured_as_the_users_levels_and_filters_let_them_through(run_suite: Run) -> None:
    suite = """
class AddTenant(logging.Filter):
    def filter(self, record):
        record.tenant = "acme"
        return True

@pytest.fixture(autouse=True)
def configured():
    root, alone = logging.getLogger(), logging.getLogger("alone")
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(AddTenant())
    root.addHandler(handler)
    root.setLevel("INFO")
    alone.propagate = False
    alone.addHandler(logging.NullHandler())
    yield
    root.removeHandler(handler)

def test_lines_have_spans_attributes_and_order(captured_telemetry, caplog):
    with span("POST /checkout") as outer:
        log.info("order %s received", "A-1", extra={"order.id": "A-1"})
        with span("charge card"):
            logging.getLogger("alone").warning("slow")
        log.debug("below the level")
    log.info("idle")
    assert [(line.level, line.logger, line.message) for line in captured_telemetry.logs] == [
        ("INFO", "shop", "order A-1 received"), ("WARNING", "alone", "slow"), ("INFO", "shop", "idle")]
    first = captured_telemetry.assert_logged("order", span="POST /checkout", **{"order.id": "A-1"}, tenant="acme")
    assert first.span_id == f"{outer.get_span_context().span_id:016x}"
    assert first.attributes["code.function.name"] == "test_lines_have_spans_attributes_and_order"
    assert [each.name for each in captured_telemetry.spans] == ["charge card", "POST /checkout"]
    assert [line.message for line in captured_telemetry.logs_of("POST /checkout")] == ["order A-1 received"]
    below = captured_telemetry.logs_of("POST /checkout", descendants=True)
    assert [line.message for line in below] == ["order A-1 received", "slow"]
    trace = captured_telemetry.trace()
    assert [node.depth for node in trace.nodes] == [0, 1]
    assert captured_telemetry.trace(trace.trace_id) == trace
    assert {"order A-1 received", "idle"} <= set(caplog.messages)  # from pytest 9.2 on "slow" too

def test_what_no_handler_would_get_is_not_captured(captured_telemetry):
    refusing = logging.getLogger("refusing")
    refusing.addFilter(lambda record: False)
    refusing.error("filtered out")
    switched_off = logging.getLogger("switched off")
    switched_off.disabled = True
    switched_off.error("disabled")
    captured_telemetry.assert_not_logged()

@pytest.mark.captured_telemetry(level="DEBUG", code=False)
def test_the_root_level_may_be_lowered_for_a_test(captured_telemetry):
    log.debug("in detail")
    assert captured_telemetry.assert_logged("in detail", level="debug").attributes == {"tenant": "acme"}

def test_it_is_put_back(captured_telemetry, caplog):
    log.debug("in detail")
    with caplog.at_level("DEBUG"):
        log.debug("caplog lowers it too")
    assert said(captured_telemetry) == caplog.messages == ["caplog lowers it too"]

def test_a_handler_that_raises_costs_no_line(captured_telemetry):
    class Broken(logging.Handler):
        def handle(self, record):
            raise OSError("disk full")
    logging.getLogger("broken").addHandler(Broken())
    with pytest.raises(OSError, match="disk full"):
        logging.getLogger("broken").error("written anyway")
    captured_telemetry.assert_logged("written anyway")

def test_dict_config_within_a_test_changes_nothing(captured_telemetry):
    handlers = logging.getLogger().handlers[:]
    root = {"handlers": [], "level": "INFO"}
    logging.config.dictConfig({"version": 1, "disable_existing_loggers": False, "root": root})
    log.info("configured anew")
    logging.getLogger().handlers[:] = handlers
    captured_telemetry.assert_logged("configured anew")
"""
    assert_passed(run_suite(suite), 6)


def test_structlog_events_are_captured_with_the_users_own_processors(run_suite: Run) -> None:
    suite = """
import io
from structlog.processors import CallsiteParameter, CallsiteParameterAdder

printed = io.StringIO()

def drop_health(logger, method, event):
    if event["event"] == "health":
        raise structlog.DropEvent
    return event

PROCESSORS = [
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    drop_health,
    CallsiteParameterAdder({CallsiteParameter.FUNC_NAME}),
    lambda logger, method, event: {**event, "event": event["event"].upper()},
    structlog.processors.JSONRenderer(sort_keys=True),
]
structlog.configure(
    processors=PROCESSORS,
    wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    logger_factory=structlog.PrintLoggerFactory(printed),
    cache_logger_on_first_use=True,
)
cached = structlog.get_logger()
cached.info("before any test")

def test_a_cached_logger(captured_telemetry):
    with span("POST /reserve"), structlog.contextvars.bound_contextvars(tenant="acme"):
        cached.bind(sku="sku-900").warning("reserved", quantity=2)
    cached.debug("below the level")
    cached.info("health")
    line = captured_telemetry.assert_logged("RESERVED", span="POST /reserve", level="WARNING", sku="sku-900")
    assert line.attributes == {
        "tenant": "acme", "sku": "sku-900", "quantity": 2, "func_name": "test_a_cached_logger"}
    assert said(captured_telemetry) == ["RESERVED"]
    assert printed.getvalue().splitlines()[-1] == (
        '{"event": "RESERVED", "func_name": "test_a_cached_logger", "level": "warning", "quantity": 2,'
        ' "sku": "sku-900", "tenant": "acme"}')

def test_the_processors_are_as_they_were(captured_telemetry):
    assert len(PROCESSORS) == 7
    cached.info("again")
    assert said(captured_telemetry) == ["AGAIN"]

def test_a_logger_with_processors_of_its_own(captured_telemetry):
    own = (structlog.processors.add_log_level, structlog.processors.JSONRenderer())
    structlog.wrap_logger(structlog.PrintLogger(printed), processors=own).info("wrapped")
    text = [lambda *given: "text", lambda *given: given[2]]
    structlog.wrap_logger(structlog.ReturnLogger(), processors=text).info("x")
    assert said(captured_telemetry) == ["wrapped", "text"]

def test_processors_configured_within_the_test(captured_telemetry):
    processors = [structlog.processors.JSONRenderer()]
    structlog.configure(processors=processors, logger_factory=structlog.ReturnLoggerFactory())
    try:
        assert structlog.get_logger().info("anew") == '{"event": "anew"}'
    finally:
        structlog.configure(processors=PROCESSORS, logger_factory=structlog.PrintLoggerFactory(printed))
    assert said(captured_telemetry) == ["anew"]
    assert len(processors) == 2

def test_an_exception(captured_telemetry):
    try:
        raise TimeoutError("no answer")
    except TimeoutError:
        cached.exception("failed")
    error = captured_telemetry.assert_logged("FAILED", level="ERROR").exception
    assert (error.type, error.message) == ("TimeoutError", "no answer")

def test_nothing_stays():
    assert len(PROCESSORS) == 6
"""
    assert_passed(run_suite(suite), 6)


def test_structlog_through_stdlib_is_captured_once(run_suite: Run) -> None:
    suite = """
import tracelog

logging.getLogger().setLevel("INFO")

def configure(*last, **options):
    structlog.configure(
        processors=[structlog.stdlib.add_log_level, structlog.stdlib.add_logger_name, *last],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        **options,
    )
    return structlog.get_logger("shop.stock")

def lines(telemetry):
    return [(line.level, line.logger, line.message, line.attributes.get("sku")) for line in telemetry.logs]

ONCE = [("WARNING", "shop.stock", "reserved", "sku-900")]

@pytest.mark.parametrize("last", [
    [structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    [structlog.stdlib.render_to_log_kwargs],
    [structlog.processors.JSONRenderer()],
    [structlog.dev.ConsoleRenderer()],
    [tracelog.StoreRenderer("sqlite::memory:")],
], ids=["wrap_for_formatter", "log_kwargs", "json", "console", "store"])
def test_each_route(last, captured_telemetry, caplog):
    logger = configure(*last)
    with span("POST /reserve"):
        logger.warning("reserved", sku="sku-900")
    assert lines(captured_telemetry) == ONCE
    assert len(caplog.records) == 1
    captured_telemetry.assert_logged("reserved", span="POST /reserve")

def test_foreign_and_own_events_through_a_processor_formatter(captured_telemetry, capsys):
    logger = configure(structlog.stdlib.ProcessorFormatter.wrap_for_formatter)
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processors=[
        structlog.stdlib.ProcessorFormatter.remove_processors_meta, structlog.processors.JSONRenderer()]))
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        logger.warning("reserved", sku="sku-900")
        logging.getLogger("foreign").error("not of structlog")
    finally:
        root.removeHandler(handler)
    assert lines(captured_telemetry) == [*ONCE, ("ERROR", "foreign", "not of structlog", None)]
    assert len(capsys.readouterr().out.splitlines()) == 2

def test_an_event_that_the_level_of_its_logger_stops_is_not_captured(captured_telemetry):
    logger = configure(structlog.processors.JSONRenderer())
    logger.debug("below the level")
    logging.getLogger("shop.stock").info("a plain line")
    assert said(captured_telemetry) == ["a plain line"]

def test_filters_and_handlers_that_log_are_no_confusion(captured_telemetry):
    def filtering(record):
        logging.getLogger("chatty").info("filtering")
        return True
    class Chatty(logging.Handler):
        def emit(self, record):
            if record.name != "chatty":
                logging.getLogger("chatty").info("handled")
                structlog.get_logger("chatty").info("and again", by="structlog")
    logger = configure(structlog.processors.JSONRenderer())
    handler = Chatty()
    logging.getLogger().addHandler(handler)
    logging.getLogger("shop.stock").addFilter(filtering)
    try:
        logger.warning("reserved", sku="sku-900")
    finally:
        logging.getLogger().removeHandler(handler)
        logging.getLogger("shop.stock").removeFilter(filtering)
    assert lines(captured_telemetry) == [
        ("INFO", "chatty", "filtering", None), *ONCE,
        ("INFO", "chatty", "handled", None), ("INFO", "chatty", "and again", None)]
"""
    assert_passed(run_suite(suite), 8)


def test_a_failed_assertion_lists_what_was_logged_in_which_span(run_suite: Run) -> None:
    suite = '''
pytestmark = pytest.mark.usefixtures("deterministic_ids")
ONE, TWO = f"{1:032x}", f"{2:032x}"

LISTED = f"""\\
logged were:
trace {ONE}
  span 'POST /checkout'
    WARNING shop: order received {{'order.id': 'A-1'}}
    span 'charge card'
      ERROR shop.pay: card refused (ValueError: 4000-01)
trace {TWO}
  in spans that are remote or have not ended
    WARNING shop: half way
outside any span
  WARNING shop: started"""

def work():
    log.warning("started")
    with span("POST /checkout"):
        log.warning("order received", extra={"order.id": "A-1"})
        with span("charge card"):
            try:
                raise ValueError("4000-01")
            except ValueError:
                logging.getLogger("shop.pay").exception("card refused")

def failure(call, *args, **kwargs):
    with pytest.raises(AssertionError) as failed:
        call(*args, **kwargs)
    return str(failed.value).split("\\n", 1)

def test_assertions(captured_telemetry):
    work()
    with span("unfinished"):
        log.warning("half way")
        fail = lambda *args, **kwargs: failure(captured_telemetry.assert_logged, *args, **kwargs)
        level = "; the root logger's level is WARNING"
        assert fail("never") == [f"no line was logged with 'never'{level}", LISTED]
        assert fail("card", span="POST /checkout", level="error", logger="shop", sku=1) == [
            "no line was logged with 'card' in span 'POST /checkout' at ERROR by 'shop' with attributes {'sku': 1}; "
            "those marked > say it otherwise",
            LISTED.replace("      ERROR shop.pay", "    > ERROR shop.pay"),
        ]
        assert fail("card", span="chekout") == [
            "no span named 'chekout' has ended; ended are: 'charge card', 'POST /checkout'"]
        assert failure(captured_telemetry.assert_not_logged, level="ERROR") == [
            "1 line was logged at ERROR, marked >", LISTED.replace("      ERROR shop.pay", "    > ERROR shop.pay")]
        assert failure(captured_telemetry.assert_not_logged, "r", span="POST /checkout") == [
            "1 line was logged with 'r' in span 'POST /checkout', marked >",
            LISTED.replace("    WARNING shop: order", "  > WARNING shop: order")]
        assert failure(captured_telemetry.assert_every_line_has_ids) == [
            "1 line was logged without ids, marked >",
            LISTED.replace("  WARNING shop: started", "> WARNING shop: started")]
        assert failure(captured_telemetry.trace) == [
            f"2 traces were captured, name one: {ONE} (POST /checkout), {TWO} (no span has ended)"]
        assert failure(captured_telemetry.trace, "3") == [
            f"no trace '3' was captured; captured: {ONE} (POST /checkout), {TWO} (no span has ended)"]
        assert captured_telemetry.trace("2").logs[0].message == "half way"

def test_nothing_at_all(captured_telemetry):
    assert failure(captured_telemetry.trace) == ["no trace was captured"]
    assert failure(captured_telemetry.logs_of, "x") == ["no span named 'x' has ended; ended are: none"]
    assert failure(captured_telemetry.assert_every_line_has_ids) == ["no line was logged, so none has ids"]
    logging.getLogger().setLevel("INFO")
    try:
        assert failure(captured_telemetry.assert_logged) == ["no line was logged", "nothing was logged"]
    finally:
        logging.getLogger().setLevel("WARNING")

def test_a_level_that_is_none_is_refused(captured_telemetry):
    with pytest.raises(ValueError, match="unknown level 'WARNNG'"):
        captured_telemetry.assert_not_logged(level="WARNNG")

def test_what_holds_passes(captured_telemetry):
    with span("a"):
        log.warning("once", extra={"items": ("x", 1)})
    captured_telemetry.assert_every_line_has_ids()
    captured_telemetry.assert_not_logged("twice")
    captured_telemetry.assert_not_logged("once", level="ERROR")
    captured_telemetry.assert_logged("once", items=("x", 1))
'''
    assert_passed(run_suite(suite), 4)


def test_everything_is_put_back_when_a_test_fails(run_suite: Run) -> None:
    suite = """
structlog.configure(processors=[structlog.processors.JSONRenderer()], logger_factory=structlog.ReturnLoggerFactory())
generator = sdk.RandomIdGenerator()
trace.set_tracer_provider(sdk.TracerProvider(id_generator=generator))

def state():
    chain = structlog.get_config()["processors"]
    return [
        logging.Logger.handle, logging.Logger.callHandlers, logging.getLogger().level, logging.getLogger().handlers[:0],
        structlog.BoundLoggerBase.__init__, chain, chain[:], structlog.processors.datetime,
        time.time, time.time_ns, sdk.time_ns, logging.getLogRecordFactory(), vars(generator).copy()]

BEFORE, kept = state(), []

@pytest.mark.captured_telemetry(level="DEBUG")
def test_that_fails(captured_telemetry, deterministic_ids, frozen_clock):
    kept.append(captured_telemetry)
    log.debug("seen")
    assert state() != BEFORE
    captured_telemetry.assert_logged("never")

def test_after_it():
    assert state() == BEFORE
    log.error("not seen")
    structlog.get_logger().error("not seen")
    with span("not seen"):
        pass
    assert (said(kept[0]), kept[0].spans) == (["seen"], ())

def test_one_processor_for_all_tests(captured_telemetry):
    assert len(trace.get_tracer_provider()._active_span_processor._span_processors) == 1

def test_a_patch_that_others_put_on_top_stays(request):
    original = logging.Logger.callHandlers
    telemetry = request.getfixturevalue("captured_telemetry")
    ours = logging.Logger.callHandlers
    logging.Logger.callHandlers = lambda self, record: ours(self, record)
    kept.append((telemetry, original))

def test_and_ours_below_it_is_silent():
    telemetry, original = kept.pop()
    log.error("not seen")
    assert telemetry.logs == ()
    logging.Logger.callHandlers = original
"""
    said = run_suite(suite)
    assert said[-1].startswith("1 failed, 4 passed in "), "\n".join(said)
    shown = said[said.index("E   AssertionError: no line was logged with 'never'") :][:4]
    assert [line.strip() for line in shown] == [
        "E   AssertionError: no line was logged with 'never'",
        "E   logged were:",
        "E   outside any span",
        "E     DEBUG shop: seen",
    ]
    assert not any("tracelog/testing" in line for line in said)


def test_threads_and_tasks_write_into_their_own_spans(run_suite: Run) -> None:
    suite = """
def test_threads(captured_telemetry):
    def work(number):
        with span(f"job {number}"):
            for _ in range(50):
                log.warning("working on %s", number)
    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({line.id for line in captured_telemetry.logs}) == 400
    for number in range(8):
        lines = captured_telemetry.logs_of(f"job {number}")
        assert [line.message for line in lines] == [f"working on {number}"] * 50

def test_tasks(captured_telemetry):
    async def work(name):
        with span(name):
            log.warning("began %s", name)
            await asyncio.sleep(0)
            await asyncio.to_thread(structlog.get_logger().warning, "ended", name=name)
    async def main():
        with span("main"):
            await asyncio.gather(work("a"), work("b"))
    asyncio.run(main())
    for name in "ab":
        assert [line.message for line in captured_telemetry.logs_of(name)] == [f"began {name}", "ended"]
        captured_telemetry.assert_logged("ended", span=name, name=name)
    assert [node.depth for node in captured_telemetry.trace().nodes] == [0, 1, 1]
    assert len(captured_telemetry.logs_of("main", descendants=True)) == 4
"""
    assert_passed(run_suite(suite), 2)


WHOLE = """
import json
from tracelog.show.json_output import trace_object

pytestmark = pytest.mark.usefixtures("deterministic_ids", "frozen_clock")
structlog.configure(
    processors=[structlog.processors.TimeStamper("iso"), structlog.processors.JSONRenderer()],
    logger_factory=structlog.ReturnLoggerFactory())

DOCUMENT = {
    "trace_id": f"{1:032x}", "duration_ms": 5.0, "span_count": 2, "log_count": 2, "error_count": 0,
    "services": ["shop"], "complete": True,
    "spans": [
        {"trace_id": f"{1:032x}", "span_id": f"{1:016x}", "parent_span_id": "0" * 16, "name": "POST /checkout",
         "service": "shop", "kind": "INTERNAL", "start_time": "2026-01-01T00:00:00.000Z",
         "end_time": "2026-01-01T00:00:00.005Z", "duration_ms": 5.0, "self_ms": 3.0, "depth": 0, "attributes": {},
         "events": [], "links": [], "linked_from": [], "status": {"code": "UNSET"}, "orphan": False,
         "critical": True, "logs": [
             {"time": "2026-01-01T00:00:00.001Z", "level": "WARNING", "logger": "shop", "message": "received",
              "service": "shop", "trace_id": f"{1:032x}", "span_id": f"{1:016x}",
              "attributes": {"order.id": "A-1"}, "guessed": False}]},
        {"trace_id": f"{1:032x}", "span_id": f"{2:016x}", "parent_span_id": f"{1:016x}", "name": "charge card",
         "service": "shop", "kind": "INTERNAL", "start_time": "2026-01-01T00:00:00.002Z",
         "end_time": "2026-01-01T00:00:00.004Z", "duration_ms": 2.0, "self_ms": 2.0, "depth": 1, "attributes": {},
         "events": [], "links": [], "linked_from": [], "status": {"code": "UNSET"}, "orphan": False,
         "critical": True, "logs": [
             {"time": "2026-01-01T00:00:00.003Z", "level": "INFO", "logger": None, "message": "charged",
              "service": "shop", "trace_id": f"{1:032x}", "span_id": f"{2:016x}", "attributes": {"amount": 12},
              "guessed": False}]},
    ],
    "logs": [], "ghosts": [], "findings": [],
}

@pytest.mark.captured_telemetry(code=False)
@pytest.mark.parametrize("run", [1, 2])
def test_a_whole_document(captured_telemetry, run):
    with span("POST /checkout"):
        log.warning("received", extra={"order.id": "A-1"})
        with span("charge card"):
            structlog.get_logger().info("charged", amount=12)
    found = trace_object(captured_telemetry.trace())
    for each in found["spans"]:
        each["critical"] = True  # which spans are is for the tests of the critical path
    assert found == DOCUMENT

@pytest.mark.captured_telemetry(code=False)
def test_whole_entries(captured_telemetry):
    from tracelog.model import LogEntry
    log.warning("received")
    assert captured_telemetry.logs == (LogEntry(
        id="00000001", time=1_767_225_600_000_000_000, observed_time=1_767_225_600_000_000_000, body="received",
        severity_number=13, severity_text="WARNING", logger="shop", service="shop",
        resource={"service.name": "shop", "deployment": "test"}),)
"""


def test_with_counted_ids_and_a_frozen_clock_whole_documents_are_the_same(run_suite: Run) -> None:
    attributes = "deployment=test"
    assert_passed(run_suite(WHOLE, OTEL_SERVICE_NAME="shop", OTEL_RESOURCE_ATTRIBUTES=attributes), 3)


def test_the_clock_moves_by_its_step_and_when_the_test_moves_it(run_suite: Run) -> None:
    suite = """
import datetime
START = 1_767_225_600_000_000_000

def test_a_reading_moves_it(frozen_clock):
    assert [time.time_ns(), time.time_ns(), time.time()] == [START, START + 1_000_000, START / 1e9 + 0.002]
    assert frozen_clock.now == START + 3_000_000
    frozen_clock.advance(8)
    assert time.time_ns() == START + 8_003_000_000

@pytest.mark.frozen_clock(start="2026-04-19T14:23:01.2+02:00", step_ms=0)
def test_start_and_step_are_options(frozen_clock, captured_telemetry):
    with span("slow") as slow:
        frozen_clock.advance(0.25)
        slow.add_event("retry")
        frozen_clock.advance(0.5)
    (ended,) = captured_telemetry.spans
    assert (ended.start, ended.duration) == (1_776_601_381_200_000_000, 750_000_000)
    assert ended.events[0].time - ended.start == 250_000_000

@pytest.mark.parametrize("stamper, expected", [
    (structlog.processors.TimeStamper("iso"), "2026-01-01T00:00:00Z"),
    (structlog.processors.TimeStamper("iso", utc=False), "2026-01-01T05:30:00"),
    (structlog.processors.TimeStamper("%H:%M:%S", utc=False), "05:30:00"),
    (structlog.processors.TimeStamper(), START / 1e9),
])
def test_structlog_reads_it(frozen_clock, stamper, expected):
    assert stamper(None, "info", {})["timestamp"] == expected

def test_a_line_knows_it(frozen_clock, caplog):
    log.warning("now")
    assert caplog.records[0].created == START / 1e9

def test_an_option_that_does_not_exist_is_refused(request):
    request.node.add_marker(pytest.mark.frozen_clock(speed=2))
    with pytest.raises(TypeError, match="speed"):
        request.getfixturevalue("frozen_clock")
"""
    assert_passed(run_suite(suite, TZ="Asia/Kolkata"), 8)


def test_a_provider_and_tracers_that_exist_are_used(run_suite: Run) -> None:
    suite = """
from opentelemetry.sdk.resources import Resource
provider = sdk.TracerProvider(resource=Resource({"service.name": "orders"}))
trace.set_tracer_provider(provider)
early = provider.get_tracer("early")
with early.start_as_current_span("warm-up") as warm_up:
    random_flags = warm_up.get_span_context().trace_flags

def test_ids_are_counted(captured_telemetry, deterministic_ids):
    with early.start_as_current_span("a") as a, span("b"):
        log.warning("hello")
        assert a.get_span_context().trace_flags == 1
    with span("c"):
        pass
    assert [(each.trace_id[-1], each.span_id[-1], each.service) for each in captured_telemetry.spans] == [
        ("1", "2", "orders"), ("1", "1", "orders"), ("2", "3", "orders")]
    assert captured_telemetry.logs[0].service == "orders"
    assert trace.get_tracer_provider() is provider

def test_ids_are_random_again(captured_telemetry):
    with early.start_as_current_span("a") as a:
        assert a.get_span_context().trace_id > 2**64
        assert a.get_span_context().trace_flags == random_flags
    assert captured_telemetry.trace().root.name == "a"

def test_a_provider_that_is_shut_down_is_still_read(captured_telemetry):
    provider.shutdown()
    with span("after"):
        pass
    assert [each.name for each in captured_telemetry.spans] == ["after"]
"""
    assert_passed(run_suite(suite), 3)


def test_a_provider_that_is_not_the_sdks_is_an_error_that_says_so(run_suite: Run) -> None:
    suite = """
from tracelog.errors import ConfigurationError
trace.set_tracer_provider(trace.NoOpTracerProvider())

def test_it(request):
    with pytest.raises(ConfigurationError) as refused:
        request.getfixturevalue("captured_telemetry")
    assert str(refused.value) == (
        "tracelog.testing reads spans of the OpenTelemetry SDK; the tracer provider is NoOpTracerProvider")
"""
    assert_passed(run_suite(suite), 1)


def test_a_service_that_tracelog_configures_is_captured_and_stored(run_suite: Run) -> None:
    suite = """
import tracelog

@pytest.fixture(scope="session")
def url(tmp_path_factory):
    return f"sqlite:{tmp_path_factory.mktemp('store') / 'a.db'}"

@pytest.fixture(autouse=True)
def service(url):
    tracelog.configure("orders", url, console=False)

@pytest.mark.parametrize("run", [1, 2])
def test_it(captured_telemetry, url, run):
    with span("POST /orders") as outer:
        log.info("plain", extra={"run": run})
        structlog.get_logger("shop.stock").info("structured", run=run)
        outer.add_event("retry")
    assert [(line.logger, line.message, line.span_id) for line in captured_telemetry.logs_of("POST /orders")] == [
        (name, text, f"{outer.get_span_context().span_id:016x}")
        for name, text in (("shop", "plain"), ("shop.stock", "structured"), ("tracelog.span_events", "retry"))]
    captured_telemetry.assert_logged("structured", run=run)
    assert tracelog.flush(10)
    with tracelog.open_store(url) as store:
        stored = store.trace(captured_telemetry.trace().trace_id)
    assert stored.spans[0].name == "POST /orders"
    assert [line.message for line in stored.logs][:2] == ["plain", "structured"]
"""
    assert_passed(run_suite(suite), 2)


def test_own_lines_of_the_sender_are_left_out(run_suite: Run) -> None:
    suite = """
from tracelog.store import open_store
import tracelog

@pytest.mark.captured_telemetry(level="DEBUG")
def test_it(captured_telemetry, tmp_path, monkeypatch):
    store = open_store(f"sqlite:{tmp_path}/a.db")
    write = type(store).write
    def chatty(self, documents):
        log.error("sending")
        structlog.get_logger().error("sending")
        return write(self, documents)
    monkeypatch.setattr(type(store), "write", chatty)
    handler = tracelog.StoreHandler(store)
    handler.setLevel("WARNING")
    log.addHandler(handler)
    try:
        log.warning("ours")
        assert tracelog.flush(10)
    finally:
        log.removeHandler(handler)
    assert len(list(store.logs())) == 1
    assert said(captured_telemetry) == ["ours"]
"""
    assert_passed(run_suite(suite), 1)


@pytest.mark.parametrize("missing", ["pytest", "opentelemetry.sdk"])
def test_without_pytest_or_the_sdk_an_error_names_the_pip_command(missing: str) -> None:
    script = f"""
import sys
sys.modules[{missing!r}] = None
from tracelog.errors import MissingExtraError
try:
    import tracelog.testing
except MissingExtraError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == (
        "tracelog.testing needs pytest and the OpenTelemetry SDK: pip install pytest 'tracelog[sdk]'\n"
    )


def test_pytest_names_the_pip_command_too(run_suite: Run) -> None:
    said = run_suite("", conftest=f"import sys\nsys.modules['opentelemetry.sdk.trace'] = None\n{CONFTEST}")
    assert any("pip install pytest 'tracelog[sdk]'" in line for line in said), "\n".join(said)


def test_it_may_be_imported_before_pytest_loads_it(run_suite: Run) -> None:
    conftest = f"from tracelog.testing import CapturedTelemetry\n{CONFTEST}"
    assert_passed(run_suite("def test_it(captured_telemetry):\n    pass\n", conftest=conftest), 1)
