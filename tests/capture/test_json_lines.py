"""The JSON formatter: whole lines in each schema, as a console or a file gets them."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from opentelemetry.trace import Tracer

from tracelog import JsonFormatter, SpanEventLogger
from tracelog.errors import ConfigurationError
from tracelog.schema.json_lines import JsonLineDecoder
from tracelog.schema.lines import SCHEMAS

from .telemetry import SPAN, TRACE, Printed, make_logger, make_tracer

pytestmark = pytest.mark.usefixtures("clock")

OTEL = '{"timestamp":"2026-04-19T14:23:01.200000Z","level":"INFO","message":"order 7 placed","logger":"shop.orders"'
ECS = (
    '{"@timestamp":"2026-04-19T14:23:01.200000Z","log.level":"info","message":"order 7 placed","ecs.version":"8.11.0",'
    '"log.logger":"shop.orders","service.name":"shop"'
)


def printed(schema: str = "otel", **options: Any) -> tuple[logging.Logger, Printed]:
    handler = Printed(JsonFormatter(schema=schema, service="shop", **options))
    return make_logger(handler), handler


@pytest.mark.parametrize(
    ("schema", "line"),
    [
        (
            "otel",
            (
                f'{OTEL},"service.name":"shop","trace_id":"{TRACE}","span_id":"{SPAN}","trace_flags":"01",'
                '"order.id":"A-7","items":3,"paid":true}'
            ),
        ),
        ("ecs", f'{ECS},"trace.id":"{TRACE}","span.id":"{SPAN}","order.id":"A-7","items":3,"paid":true}}'),
    ],
)
def test_a_line_within_a_span(tracer: Tracer, schema: str, line: str) -> None:
    logger, handler = printed(schema)
    with tracer.start_as_current_span("checkout"):
        logger.info("order %d placed", 7, extra={"order.id": "A-7", "items": 3, "paid": True})
    assert handler.lines == [line]


def test_datadog_reads_64_bit_ids_as_decimal_text(tracer: Tracer) -> None:
    logger, handler = printed("datadog")
    with tracer.start_as_current_span("checkout"):
        logger.info("order %d placed", 7)
    line = (
        '{"timestamp":"2026-04-19T14:23:01.200000Z","status":"info","message":"order 7 placed",'
        '"logger.name":"shop.orders","dd.service":"shop","dd.trace_id":"1","dd.span_id":"1"}'
    )
    assert handler.lines == [line]


@pytest.mark.parametrize(("project", "prefix"), [(None, ""), ("shop-1", "projects/shop-1/traces/")])
def test_cloud_logging_reads_its_special_fields(
    tracer: Tracer, monkeypatch: pytest.MonkeyPatch, project: str | None, prefix: str
) -> None:
    monkeypatch.setattr(SCHEMAS["gcp"], "_spelled", {})  # the project of a process does not change
    monkeypatch.delenv("GOOGLE_CLOUD_PROJECT", raising=False)
    if project:
        monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", project)
    logger, handler = printed("gcp")
    with tracer.start_as_current_span("checkout"):
        logger.info("order %d placed", 7)
    line = (
        '{"time":"2026-04-19T14:23:01.200000Z","severity":"INFO","message":"order 7 placed","logger":"shop.orders",'
        f'"service.name":"shop","logging.googleapis.com/trace":"{prefix}{TRACE}",'
        f'"logging.googleapis.com/spanId":"{SPAN}","logging.googleapis.com/trace_sampled":true}}'
    )
    assert handler.lines == [line]


@pytest.mark.parametrize(("schema", "line"), [("otel", f'{OTEL},"service.name":"shop"}}'), ("ecs", f"{ECS}}}")])
def test_a_line_outside_any_span_has_no_ids_at_all(schema: str, line: str) -> None:
    logger, handler = printed(schema)
    logger.info("order %d placed", 7)
    assert handler.lines == [line]


@pytest.mark.parametrize(
    ("schema", "names"),
    [
        ("otel", ("exception.type", "exception.message", "exception.stacktrace")),
        ("ecs", ("error.type", "error.message", "error.stack_trace")),
    ],
)
def test_a_line_with_an_exception(schema: str, names: tuple[str, str, str]) -> None:
    logger, handler = printed(schema)
    try:
        raise KeyError("order.id")
    except KeyError:
        logger.exception("order %d placed", 7)
    line = json.loads(handler.text)
    stack = line.pop(names[2])
    level = {"level": "ERROR"} if schema == "otel" else {"log.level": "error"}
    whole = json.loads((OTEL + ',"service.name":"shop"' if schema == "otel" else ECS) + "}")
    assert line == {**whole, **level, names[0]: "KeyError", names[1]: "'order.id'"}
    assert stack.startswith("Traceback (most recent call last):\n")
    assert stack.endswith("KeyError: 'order.id'\n")
    assert handler.text.count("\n") == 1


def test_the_stack_that_was_asked_for_is_printed() -> None:
    logger, handler = printed()
    logger.info("order 7 placed", stack_info=True)
    line = json.loads(handler.text)
    assert line.pop("code.stacktrace").startswith("Stack (most recent call last):\n")
    assert line == json.loads(f'{OTEL},"service.name":"shop"}}')


def test_an_extra_that_clashes_with_a_core_field_stands_beside_it(tracer: Tracer) -> None:
    logger, handler = printed()
    clashing = {"level": "gold", "logger": "ours", "timestamp": 1, "service.name": "mine"}
    ids = {"trace_id": "mine", "span_id": "own", "trace_flags": "none"}
    with tracer.start_as_current_span("checkout"):
        logger.info("order 7 placed", extra=clashing | ids)
    whole = f'{OTEL},"service.name":"shop","trace_id":"{TRACE}","span_id":"{SPAN}","trace_flags":"01"}}'
    assert json.loads(handler.text) == {
        **json.loads(whole),
        **{f"attributes.{key}": value for key, value in (clashing | ids).items()},
    }


def test_an_extra_that_clashes_with_a_field_of_ecs_stands_beside_it() -> None:
    logger, handler = printed("ecs")
    logger.info("order 7 placed", extra={"trace.id": "mine", "error.type": "soft", "level": "gold"})
    assert handler.lines == [ECS + ',"attributes.trace.id":"mine","attributes.error.type":"soft","level":"gold"}']


def test_the_options_of_python_json_logger_work() -> None:
    logger, handler = printed(
        static_fields={"team": "checkout"},
        defaults={"trace_id": "none", "level": "never seen"},
        rename_fields={"timestamp": "time", "message": "msg"},
        prefix="@cee:",
    )
    logger.info("order 7 placed", extra={"items": 3})
    line = (
        '@cee:{"trace_id":"none","level":"INFO","time":"2026-04-19T14:23:01.200000Z","msg":"order 7 placed",'
        '"logger":"shop.orders","service.name":"shop","items":3,"team":"checkout"}'
    )
    assert handler.lines == [line]


def test_an_extra_stands_beside_a_field_that_was_given_its_name() -> None:
    logger, handler = printed(rename_fields={"level": "severity"})
    logger.info("order 7 placed", extra={"severity": "mine"})
    assert json.loads(handler.text) == {
        "timestamp": "2026-04-19T14:23:01.200000Z",
        "severity": "INFO",
        "message": "order 7 placed",
        "logger": "shop.orders",
        "service.name": "shop",
        "attributes.severity": "mine",
    }


def test_a_subclass_can_change_each_line_through_the_hook_of_python_json_logger() -> None:
    class Shouting(JsonFormatter):
        def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
            return {"message": log_data["message"].upper(), "tags": {"b"}}

    handler = Printed(Shouting())
    make_logger(handler).info("order 7 placed")
    assert handler.lines == ['{"message":"ORDER 7 PLACED","tags":["b"]}']


def test_a_line_that_only_the_clean_way_can_encode_is_encoded() -> None:
    logger, handler = printed(static_fields={"big": 2**70, "object": object, "torn": "\ud800"})
    logger.info("order 7 placed")
    assert json.loads(handler.text) == {
        **json.loads(f'{OTEL},"service.name":"shop"}}'),
        "big": "1180591620717411303424",
        "object": "<class 'object'>",
        "torn": "\\ud800",
    }


def test_an_extra_is_printed_though_its_name_begins_with_an_underscore() -> None:
    logger, handler = printed()
    logger.info("order 7 placed", extra={"items": 3, "_id": "A-1"})
    assert handler.lines == [f'{OTEL},"service.name":"shop","items":3,"_id":"A-1"}}']


def test_an_unknown_schema_is_refused_with_the_names_of_those_that_exist() -> None:
    with pytest.raises(ConfigurationError, match=r"unknown schema 'xml' \(expected one of otel, ecs, datadog, gcp\)"):
        JsonFormatter(schema="xml")


def test_times_are_printed_with_the_digits_that_a_record_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 1_776_608_581.123457)
    monkeypatch.setattr("time.time_ns", lambda: 1_776_608_581_123_457_000)
    logger, handler = printed()
    logger.info("order 7 placed")
    assert json.loads(handler.text)["timestamp"] == "2026-04-19T14:23:01.123457Z"


@pytest.mark.parametrize("name", ["log", "trace", "span", "service", "error", "ecs", "event"])
def test_an_extra_that_ecs_has_an_object_for_stands_beside_it(name: str) -> None:
    logger, handler = printed("ecs")
    logger.info("placed", extra={name: "mine"})
    line = json.loads(handler.text)
    assert (line[f"attributes.{name}"], name in line) == ("mine", False)


@pytest.mark.parametrize("schema", SCHEMAS)
def test_what_each_schema_prints_of_an_error_and_of_the_event_of_one_is_read_back(
    schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    logger, handler = printed(schema)
    monkeypatch.setitem(logging.Logger.manager.loggerDict, logger.name, logger)

    def place() -> None:
        try:
            raise KeyError("order.id")
        except KeyError:
            logger.exception("no order")
        raise TimeoutError("external-wms")

    with pytest.raises(TimeoutError), make_tracer(SpanEventLogger(logger.name)).start_as_current_span("checkout"):
        place()
    read = [JsonLineDecoder().decode(line.encode()) for line in handler.lines]
    assert [(entry.level, entry.logger, entry.service, entry.span_id) for entry in read] == [
        ("ERROR", logger.name, "shop", SPAN)
    ] * 2
    assert [str(entry.exception and entry.exception.stacktrace).splitlines()[-1] for entry in read] == [
        "KeyError: 'order.id'",
        "TimeoutError: external-wms",
    ]
    assert not [key for entry in read for key in entry.attributes if "stack" in key or "message" in key]
