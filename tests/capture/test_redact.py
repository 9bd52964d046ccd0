"""Secrets never leave the process, and nothing else is lost to the search for them, wherever in an entry they are."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture.test_redact_names import HARMLESS_KEYS, SECRET_KEYS, SECRET_PLURALS
from capture.test_redact_text import GITHUB, HARMLESS_TEXTS, HOSTILE_TEXT, JWT, SECRET_TEXTS, STRIPE
from tracelog.capture.exceptions import describe_exception
from tracelog.capture.redact import FAILURE, REDACTED, Redactor, make_redactor
from tracelog.capture.values import DEPTH, clean, clean_attributes
from tracelog.errors import ConfigurationError
from tracelog.model import ExceptionInfo, LogEntry, Span, SpanEvent, SpanLink

RESOURCE = {"service.name": "shop"}


def entry(body: Any = "", **attributes: Any) -> LogEntry:
    return LogEntry(time=1, body=body, attributes=attributes, resource=RESOURCE)


def test_secrets_in_nested_attributes_and_lists_are_hidden_where_they_are() -> None:
    redactor = Redactor()
    redacted = redactor(
        entry(
            request={"headers": {"Cookie": "a=b", "Via": "1.1"}, "urls": ["http://a:b@c", "http://c"]},
            headers=[["host", "x"], ["authorization", "hunter2"], ["accept", "*/*"]],
            users=[{"name": "bob", "password": "hunter2"}, {"name": "eve"}],
        )
    )
    assert redacted.attributes == {
        "request": {"headers": {"Cookie": REDACTED, "Via": "1.1"}, "urls": ["http://a:[redacted]@c", "http://c"]},
        "headers": [["host", "x"], ["authorization", REDACTED], ["accept", "*/*"]],
        "users": [{"name": "bob", "password": REDACTED}, {"name": "eve"}],
    }
    assert redactor.count == 4


def test_a_structured_body_is_searched_as_attributes_are() -> None:
    assert Redactor()(entry({"event": "login", "password": "x"})).body == {"event": "login", "password": REDACTED}


def test_a_secret_used_as_a_key_is_hidden_and_no_value_is_lost() -> None:
    redacted = Redactor()(entry(clients={GITHUB: 1, STRIPE: 2, "web": 3, REDACTED: True}))
    assert sorted(redacted.attributes["clients"].values()) == [1, 1, 2, 3]
    assert GITHUB not in repr(redacted)
    assert STRIPE not in repr(redacted)


def test_a_secret_in_a_key_is_hidden_also_where_the_key_asks_for_its_value() -> None:
    redacted = Redactor()(entry(**{f"{JWT} password": "x"}, pairs=[[f"{JWT}-password", "x"]]))
    assert redacted.attributes == {"[redacted] password": REDACTED, "pairs": [[REDACTED, REDACTED]]}


def test_a_secret_in_exception_text_and_in_a_line_of_the_stack_is_hidden() -> None:
    try:
        try:
            connect = dict(password="hunter2")  # noqa: C408, F841 - the line that the stack shows
            raise ConnectionError("no route to postgres://bob:hunter2@db/shop")
        except ConnectionError as error:
            raise RuntimeError('{"token": "hunter2"}') from error
    except RuntimeError as error:
        found = describe_exception(error)
    assert found is not None
    shown = f"{found.stacktrace}  File 'x.py', line 3\n    connect(user='bob', password='hunter2')\n"
    redacted = Redactor()(LogEntry(time=1, body="failed", exception=msgspec.structs.replace(found, stacktrace=shown)))
    assert redacted.exception is not None
    assert redacted.exception.type == "RuntimeError"
    assert redacted.exception.message == '{"token": "[redacted]"}'
    assert redacted.exception.stacktrace is not None
    assert "hunter2" not in redacted.exception.stacktrace
    assert "no route to postgres://bob:[redacted]@db/shop" in redacted.exception.stacktrace
    assert "    connect(user='bob', password='[redacted]')\n" in redacted.exception.stacktrace


def test_every_text_of_a_span_is_searched() -> None:
    span = Span(
        trace_id="1" * 32, span_id="2" * 16, service="shop", start=1, duration=2, status="ERROR",
        name="GET https://a:b@c", status_message="token=hunter2", resource={"process.command_line": "x --password=y"},
        attributes={"http.request.header.authorization": ["hunter2"], "http.route": "/x"},
        events=(SpanEvent(3, "retry", {"n": 1}), SpanEvent(4, "exception", {"exception.message": "pwd=hunter2"})),
        links=(SpanLink("3" * 32, "4" * 16, {"api_key": "hunter2"}),),
    )  # fmt: skip
    redactor = Redactor()
    redacted = redactor(span)
    assert redacted == msgspec.structs.replace(
        span,
        name="GET https://a:[redacted]@c",
        status_message="token=[redacted]",
        resource={"process.command_line": "x --password=[redacted]"},
        attributes={"http.request.header.authorization": REDACTED, "http.route": "/x"},
        events=(span.events[0], SpanEvent(4, "exception", {"exception.message": "pwd=[redacted]"})),
        links=(SpanLink("3" * 32, "4" * 16, {"api_key": REDACTED}),),
    )
    assert redactor.count == 6
    assert redactor(redacted) == redacted


def test_a_span_without_secrets_is_the_same_object() -> None:
    span = Span(
        trace_id="1" * 32, span_id="2" * 16, service="shop", start=1, duration=2, name="GET /x", resource=RESOURCE,
        attributes={"http.request.header.accept": ["*/*"]}, events=(SpanEvent(3, "retry", {"n": 1}),),
    )  # fmt: skip
    assert Redactor()(span) is span


def test_a_resource_is_redacted_and_counted_once_for_all_its_entries() -> None:
    redactor = Redactor()
    for resource in ({"service.name": "x", "deploy.token": "t1"}, {"service.name": "x", "deploy.token": "t1"}):
        redacted = redactor(LogEntry(time=1, body="x", resource=resource))
        assert redacted.resource == {"service.name": "x", "deploy.token": REDACTED}
    assert redactor.count == 1
    assert redactor(LogEntry(time=1, body="x", resource=RESOURCE)).resource is RESOURCE


def test_a_text_is_one_key_and_one_pattern() -> None:
    _, attributes, _ = Redactor(keys="pin").said("", {"pin": "1234", "i": "x"}, None)
    assert attributes == {"pin": "[redacted]", "i": "x"}
    assert Redactor(patterns="ab").said("ab b", {}, None)[0] == "[redacted] b"


def test_own_keys_hide_in_attributes_and_in_text() -> None:
    redactor = Redactor(keys=["tenant_pin", re.compile(r"^x_internal_")])
    redacted = redactor(entry("tenantPin=77 pin=78", tenant_pin=77, x_internal_note="n", pin=78, password="x"))
    assert redacted.body == "tenantPin=[redacted] pin=78"
    assert redacted.attributes == {
        "tenant_pin": REDACTED, "x_internal_note": REDACTED, "pin": 78, "password": REDACTED,
    }  # fmt: skip


def test_own_patterns_hide_in_any_text() -> None:
    redactor = Redactor(patterns=[r"\bDE\d{20}\b", re.compile("x*")])
    redacted = redactor(entry("to DE89370400440532013000", notes=["DE89370400440532013000", "xx", "DE89"]))
    assert redacted.body == "to [redacted]"
    assert redacted.attributes == {"notes": [REDACTED, REDACTED, "DE89"]}


def test_a_pattern_that_is_none_is_refused_by_name() -> None:
    with pytest.raises(ConfigurationError, match=r"the pattern '\(' to redact is no regular expression"):
        Redactor(patterns=["("])


def test_the_callback_sees_every_scalar_that_is_left_with_its_key_and_answers_for_it() -> None:
    seen: list[tuple[str, Any]] = []

    def hide_customers(key: str, value: Any) -> Any:
        seen.append((key, value))
        return {"who": "someone"} if key == "customer" else value

    redactor = Redactor(extra=hide_customers)
    redacted = redactor(
        LogEntry(
            time=1,
            body="pwd=x",
            attributes={"customer": "bob", "n": [1, 2.5, True, None], "token": "hidden"},
            exception=ExceptionInfo("E", "m", "s"),
        )
    )
    assert seen == [
        ("message", "pwd=[redacted]"), ("customer", "bob"), ("n", 1), ("n", 2.5), ("n", True),
        ("exception.message", "m"), ("exception.stacktrace", "s"),
    ]  # fmt: skip
    assert redacted.attributes == {"customer": {"who": "someone"}, "n": [1, 2.5, True, None], "token": REDACTED}
    assert (redactor.count, redactor.errors) == (3, 0)


def test_a_callback_that_raises_hides_the_value_and_is_counted() -> None:
    def fail(key: str, value: Any) -> Any:
        raise LookupError(key)

    redactor = Redactor(extra=fail)
    redacted = redactor(entry("text", n=[1, None], ok={}))
    assert (redacted.body, redacted.attributes) == (REDACTED, {"n": [REDACTED, None], "ok": {}})
    assert (redactor.count, redactor.errors) == (3, 3)  # the name of the service too


def test_where_redaction_fails_everything_is_hidden_but_ids_and_names() -> None:
    endless: dict[str, Any] = {}
    endless["again"] = endless
    redactor = Redactor()
    line = LogEntry(
        time=1,
        body="password=x",
        attributes=endless,
        trace_id="1" * 32,
        logger="shop",
        exception=ExceptionInfo("E", "m"),
    )
    assert redactor(line) == LogEntry(
        time=1, body=REDACTED, attributes={FAILURE: "RecursionError"}, trace_id="1" * 32, logger="shop",
        exception=ExceptionInfo("E"),
    )  # fmt: skip
    span = Span(
        trace_id="1" * 32, span_id="2" * 16, name="GET", service="shop", start=1, duration=2, attributes=endless
    )
    assert redactor(span) == msgspec.structs.replace(span, attributes={FAILURE: "RecursionError"})
    said = redactor.said("password=x", endless, ExceptionInfo("E", "m"))
    assert said == (REDACTED, {FAILURE: "RecursionError"}, ExceptionInfo("E"))
    assert redactor.errors == 3


def test_many_distinct_keys_do_not_fill_the_memory() -> None:
    redactor = Redactor()
    for number in range(5000):
        redactor(entry("", **{f"key{number}": "x", f"token{number}": "x", "k" * 200 + str(number): "x"}))
    assert len(redactor._kinds) <= 4100
    assert redactor.count == 5000


def test_threads_share_a_redactor() -> None:
    redactor = Redactor()
    with ThreadPoolExecutor(4) as pool:
        entries = list(
            pool.map(lambda number: redactor(entry(f"{number} pwd=x", **{f"token{number}": "x"})), range(400))
        )
    assert [line.body for line in entries] == [f"{number} pwd=[redacted]" for number in range(400)]
    assert redactor.count == 800


def test_the_public_argument_is_true_for_one_shared_redactor_none_or_a_redactor() -> None:
    own = Redactor()
    assert make_redactor(redact=own) is own
    assert make_redactor(redact=None) is None
    assert make_redactor(redact=False) is None
    assert isinstance(make_redactor(redact=True), Redactor)
    assert make_redactor(redact=True) is make_redactor(redact=True)
    with pytest.raises(ConfigurationError, match="redact cannot be 'yes'"):
        make_redactor(redact="yes")  # type: ignore[arg-type]


def hide_sevens(key: str, value: Any) -> Any:
    if key == "x1":
        raise LookupError(key)
    return {"hidden": key} if value in {7, "7", "hunter2"} else value


REDACTORS = {
    "default": Redactor,
    "own keys": lambda: Redactor(keys=["user", re.compile("^x1")]),
    "own patterns": lambda: Redactor(patterns=["h[a-z]+", "x*"]),
    "callback": lambda: Redactor(extra=hide_sevens),
}
CASES = [
    *(
        LogEntry(time=1, body=body, attributes=attributes, exception=exception)
        for text in (*SECRET_TEXTS, *HARMLESS_TEXTS)
        for body, attributes, exception in (
            (text, {}, None),
            (None, {"note": text, "n": 7}, None),
            ({"event": text}, {"nested": [{text: [text, None]}, ("x", text)]}, ExceptionInfo("E")),
            ("failed", {"x1": 1, "user": "u"}, ExceptionInfo("E", text, f'  File "x.py", line 3\n    {text}\n')),
        )
    ),
    *(
        LogEntry(time=1, body=f"{key}: some-thing", attributes={key: value, "pairs": [[key, value], [value, key]]})
        for key in (*SECRET_KEYS, *SECRET_PLURALS, *HARMLESS_KEYS, "code.file.path", f"{JWT} password")
        for value in ("hunter2", "128", 128, True, None, {"in": [7, "x"]}, REDACTED)
    ),
]


def assert_said_as_called(line: LogEntry, make: Callable[[], Redactor]) -> None:
    """Compare what `said` returns with the entry that a call returns, and which parts are still the same objects."""
    calling, saying = make(), make()
    called = calling(line)
    attributes = line.attributes
    assert isinstance(attributes, dict)
    before, after = (line.body, attributes, line.exception), (called.body, called.attributes, called.exception)
    said = saying.said(line.body, attributes, line.exception)
    assert said == after
    assert [now is then for now, then in zip(said, before, strict=True)] == [
        now is then for now, then in zip(after, before, strict=True)
    ]
    assert (saying.count, saying.errors) == (calling.count, calling.errors)


@pytest.mark.parametrize("make", REDACTORS.values(), ids=REDACTORS)
def test_what_a_record_says_is_redacted_as_an_entry_is(make: Callable[[], Redactor]) -> None:
    for line in CASES:
        assert_said_as_called(line, make)


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.binary(max_size=4), HOSTILE_TEXT),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.tuples(HOSTILE_TEXT, inner), st.dictionaries(HOSTILE_TEXT, inner, max_size=3)
    ),
    max_leaves=8,
)
ENTRIES = st.builds(
    lambda body, attributes, exception: LogEntry(
        time=1, body=body, attributes=clean_attributes(attributes), exception=exception, resource=RESOURCE
    ),
    HOSTILE_TEXT | VALUES.map(clean),
    st.dictionaries(HOSTILE_TEXT, VALUES, max_size=3),
    st.none() | st.builds(ExceptionInfo, st.just("E"), HOSTILE_TEXT, st.none() | HOSTILE_TEXT),
)


@given(line=ENTRIES, make=st.sampled_from([*REDACTORS.values()]))
def test_whatever_a_record_says_is_redacted_as_an_entry_is(line: LogEntry, make: Callable[[], Redactor]) -> None:
    assert_said_as_called(msgspec.structs.replace(line, resource={}), make)


def test_the_callback_is_asked_the_same_in_the_same_order() -> None:
    asked: list[list[tuple[str, Any]]] = [[], []]
    line = LogEntry(time=1, body="b", attributes={"n": [1, {"m": 2}]}, exception=ExceptionInfo("E", "m", "s"))
    Redactor(extra=lambda key, value: asked[0].append((key, value)))(line)
    Redactor(extra=lambda key, value: asked[1].append((key, value))).said("b", {"n": [1, {"m": 2}]}, line.exception)
    assert asked[0] == asked[1]
    assert len(asked[0]) == 5


@given(line=ENTRIES)
def test_to_redact_twice_is_to_redact_once(line: LogEntry) -> None:
    redactor = Redactor()
    once = redactor(line)
    count = redactor.count
    assert redactor(once) is once
    assert (redactor.count, redactor.errors) == (count, 0)
    assert (count > 0) == (once is not line)


PLAIN_WORDS = st.sampled_from([
    "order", "4711", "took", "182ms", "GET", "/api/orders/7?page=2", "status=200", "retry: 3", "user@host", "ok;", "—",
    "3f2504e0-4f89-11d3-9a0c-0305e82c3301", "https://shop.example/x", "{'id': 7}", '{"id": "a"}', "key=stock:sku-900",
    "tokens=7", "café", "\n", "2026-04-19T14:23:01Z", "[::1]:80", "author=jane", "a=b&c=d", "(x=1)", "sess", "@",
])  # fmt: skip
PLAIN_TEXT = st.lists(PLAIN_WORDS, max_size=12).map(" ".join)
PLAIN_KEYS = st.sampled_from(["order.id", "author", "cache.key", "token_count", "http.route", "code.file.path", "日付"])
PLAIN_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), PLAIN_TEXT),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(PLAIN_KEYS, inner, max_size=3),
    max_leaves=8,
)


@given(body=PLAIN_TEXT, attributes=st.dictionaries(PLAIN_KEYS, PLAIN_VALUES, max_size=5))
def test_an_entry_without_secrets_is_the_same_object_also_beside_one_with_a_secret(
    body: str, attributes: dict[str, Any]
) -> None:
    redactor = Redactor()
    plain = entry(body, **attributes)
    assert redactor(plain) is plain
    assert redactor(entry(body, **attributes, password="x")) == entry(body, **attributes, password=REDACTED)
    assert redactor.count == 1


@given(before=PLAIN_TEXT, after=PLAIN_TEXT, depth=st.integers(1, DEPTH - 1))
def test_a_secret_is_found_at_any_depth_in_any_text(before: str, after: str, depth: int) -> None:
    value: Any = f"{before} https://bob:hunter2@db/x {after}"
    for level in range(depth):
        value = {"inner": value} if level % 2 else [value]
    assert "hunter2" not in repr(Redactor()(entry("x", outer=value)).attributes)
