"""Secrets never leave the process, and nothing else is lost to the search for them."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tracelog.capture.exceptions import describe_exception
from tracelog.capture.redact import FAILURE, REDACTED, Redactor, make_redactor
from tracelog.capture.values import DEPTH, clean_attributes
from tracelog.errors import ConfigurationError
from tracelog.model import ExceptionInfo, LogEntry, Span, SpanEvent, SpanLink

JWT = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"
PEM = (
    "-----BEGIN RSA PRIVATE KEY-----\n"
    "MIIEpAIBAAKCAQEA75dLq\nProc-Type: 4,ENCRYPTED\nx7Gk\n-----END RSA PRIVATE KEY-----"
)
LETTERS = "abcdefghij0123456789ABCDEFGHIJ"
GITHUB, GITLAB, STRIPE = f"ghp_{LETTERS}123456", f"glpat-{LETTERS[:20]}", f"sk_live_{LETTERS[:24]}"
RESOURCE = {"service.name": "shop"}


def entry(body: Any = "", **attributes: Any) -> LogEntry:
    return LogEntry(time=1, body=body, attributes=attributes, resource=RESOURCE)


def said(text: str) -> Any:
    return Redactor()(entry(text)).body


SECRET_TEXTS = {
    # names and values
    "login with password=hunter2 failed": "login with password=[redacted] failed",
    "password = hunter2": "password = [redacted]",
    "PGPASSWORD=hunter2 psql -h db": "PGPASSWORD=[redacted] psql -h db",
    "DB_PASSWORD: hunter2": "DB_PASSWORD: [redacted]",
    "Server=db;Uid=sa;Pwd=hunter2;Database=x": "Server=db;Uid=sa;Pwd=[redacted];Database=x",
    '{"user": "bob", "password": "hun ter\\"2", "n": 1}': '{"user": "bob", "password": "[redacted]", "n": 1}',
    '{"password":12345,"user":"bob"}': '{"password":[redacted],"user":"bob"}',
    "{'passwd': 'hunter2', 'user': 'bob'}": "{'passwd': '[redacted]', 'user': 'bob'}",
    r"body={\"client_secret\": \"hunter2\", \"id\": 7}": r"body={\"client_secret\": \"[redacted]\", \"id\": 7}",
    "User(name='bob', password='hunter2')": "User(name='bob', password='[redacted]')",
    "connect(user, password=hunter2)": "connect(user, password=[redacted])",
    "{b'cookie': b'a=b; c=d'}": "{b'cookie': b'[redacted]'}",
    '{"x-api-key": ["hunter2"]}': '{"x-api-key": ["[redacted]"]}',
    "os.environ['DB_PASSWORD'] = 'hunter2'": "os.environ['DB_PASSWORD'] = '[redacted]'",
    "secret => hunter2": "secret => [redacted]",
    "token := hunter2": "token := [redacted]",
    "password='never closed\nnext line": "password='[redacted]\nnext line",
    "apiKey=hunter2 accessToken=hunter3": "apiKey=[redacted] accessToken=[redacted]",
    "cvv=123 card_number=4111111111111111": "cvv=[redacted] card_number=[redacted]",
    "new session_id=8f14e45f": "new session_id=[redacted]",
    "JSESSIONID=8F14E45F; Path=/": "JSESSIONID=[redacted]; Path=/",
    # query strings and forms
    "GET /cb?state=1&access_token=abc123&n=2 200": "GET /cb?state=1&access_token=[redacted]&n=2 200",
    "GET /login?token=482911 200": "GET /login?token=[redacted] 200",
    "https://s3/x?X-Amz-Signature=af01&X-Amz-Date=1": "https://s3/x?X-Amz-Signature=[redacted]&X-Amz-Date=1",
    "user[password]=hunter2&user[name]=bob": "user[password]=[redacted]&user[name]=bob",
    "user%5Bpassword%5D=hunter2&a=1": "user%5Bpassword%5D=[redacted]&a=1",
    # headers
    "Authorization: Bearer abc": "Authorization: Bearer [redacted]",
    "authorization: Basic dXNlcjpwYXNz": "authorization: Basic [redacted]",
    "Authorization: Token 9944b09199c62bcf": "Authorization: [redacted]",
    'Authorization: Digest username="bob", response="6629"': 'Authorization: Digest [redacted]"bob", response="6629"',
    "curl -H 'Authorization: Bearer abc' http://x": "curl -H 'Authorization: Bearer [redacted]' http://x",
    "Cookie: theme=dark; sid=31d4\nHost: x": "Cookie: [redacted]\nHost: x",
    "Set-Cookie: sid=31d4; HttpOnly": "Set-Cookie: [redacted]",
    "X-Api-Key: 31d4d96e": "X-Api-Key: [redacted]",
    "sent Bearer 31d4d96e407aad42": "sent Bearer [redacted]",
    "proxy wants basic dXNlcjpwYXNzd29yZA==": "proxy wants basic [redacted]",
    # forms
    f"got {JWT} from the client": "got [redacted] from the client",
    f"%22{JWT}%22": "%22[redacted]%22",
    "key AKIAIOSFODNN7EXAMPLE used": "key [redacted] used",
    "key ASIAIOSFODNN7EXAMPLE used": "key [redacted] used",
    "aws_secret_access_key=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY": "aws_secret_access_key=[redacted]",
    f"loaded {PEM} from disk": "loaded [redacted] from disk",
    "loaded -----BEGIN PRIVATE KEY-----\nMIIEpAIBAA": "loaded [redacted]",
    f"{GITHUB}, {GITLAB}, {STRIPE}": "[redacted], [redacted], [redacted]",
    f"github_pat_{LETTERS} npm_{LETTERS}": "[redacted] [redacted]",
    "xoxb-123456789012-abcdef and xapp-1-A0123456789": "[redacted] and [redacted]",
    "https://hooks.slack.com/services/T000/B000/XXXX1234": "https://[redacted]",
    f"AIza{LETTERS}12345 sk-proj-{LETTERS}": "[redacted] [redacted]",
    # URLs
    "GET https://bob:hunter2@shop.example/x": "GET https://bob:[redacted]@shop.example/x",
    "redis://:hunter2@cache:6379/0": "redis://:[redacted]@cache:6379/0",
    "postgresql+psycopg://bob:p@ss:word@db/x": "postgresql+psycopg://bob:[redacted]@db/x",
    "https://token:31d4d96e@git.example/x.git": "https://token:[redacted]@git.example/x.git",
}

HARMLESS_TEXTS = [
    "order 4711 for customer 8812 charged in 182 ms by the provider",
    "tokens=128 prompt_tokens=12 max_tokens=4096 token_count=3",
    '{"usage": {"prompt_tokens": 12, "token": 128}, "max_tokens": 4096}',
    "key=stock:sku-900 cache.key=stock:sku-900 primary_key=12 partition_key=eu",
    "trace 0af7651916cd43dd8448eb211c80319c span b7ad6b7169203331",
    "request 3f2504e0-4f89-11d3-9a0c-0305e82c3301 done",
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "commit 356a192b7913b04c54574d18c28d46e6395428ab by author=jane",
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk",
    "cursor eyJpZCI6MTAwLCJvZmZzZXQiOjIwfQ== page 2",
    "GET http://shop.example:8080/a/b?page=2&sort=-created#top 200",
    "GET https://shop.example/users/bob@shop.example 200",
    "mail from jane.doe@shop.example to bob@shop.example",
    "cloning git@github.com:acme/shop.git and ssh://git@github.com:22/acme/shop.git",
    "connected to [2001:db8::1]:9200 and ::1 and 10.0.0.7:5432",
    "at 2026-04-19T14:23:01.200Z, 14:23:01, 19/Apr/2026:14:23:01 +0000",
    "invalid token: unexpected end of input",
    "Unexpected token: '}' at 3:7",
    "password: must be at least eight letters",
    "password reset requested, password_reset_requested=true",
    "password=None token=null secret=",
    "password=******** and password='' stay",
    "next_page_token=CAUQAA continuation_token=abc eos_token=</s>",
    "Basic information about bearer authentication; Basic authentication required",
    "the secretary discussed passengers, tokens and cookies with the author",
    "token_type=bearer expires_in=3600 grant_type=password",
    "session started for the user, session.timeout=30",
    "compass=north bypass=1 pass=12 fail=3 passed=4",
    "keyboard=us monkey=3 keys=4 public_key=31d4 sort_key=name",
    "std::token::Token::new and secret://vault and C:\\Users\\bob",
    "task-learn-something-long-enough sk-learn-something-longer-than-that",
    "SELECT * FROM tokens WHERE id = 7",
    "card=visa card_type=credit dashboard_card=7",
    "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
    "AKIA is a prefix, ASIA a continent, eyJ begins JSON",
    "http://[::1]:9200/ http://host:9200 user@host",
]

SECRET_KEYS = [
    "password", "passwd", "PASSWORD", "userPassword", "db.password", "dbpassword", "password_hash", "old-password",
    "password1", "passphrase", "passcode", "pwd", "secret", "client_secret", "clientSecret", "secret_key",
    "aws_secret_access_key", "otp", "cvv", "cvc", "credit_card", "creditCardNumber", "card_number", "token",
    "access_token", "accessToken", "refreshtoken", "csrf-token", "id_token", "token_value", "jwt", "api_key",
    "apikey", "apiKey", "X-API-Key", "private_key", "privateKey", "signing_key", "account_key", "Authorization",
    "proxy-authorization", "http.request.header.authorization", "cookie", "Set-Cookie", "session_cookie",
    "credential", "session_id", "sessionId", "session.id", "JSESSIONID", "PHPSESSID", "x-amz-signature", "db_pass",
    "smtpPass",
]  # fmt: skip
SECRET_PLURALS = ["passwords", "secrets", "tokens", "cookies", "credentials", "api_keys", "pass"]

HARMLESS_KEYS = [
    "author", "authority", "authorized", "cache.key", "key", "primary_key", "public_key", "token_count",
    "token_type", "next_page_token", "password_reset_requested", "password_policy", "secret_name", "secretary",
    "session", "session_count", "card_type", "compass", "bypass", "cookie_consent", "tokenizer", "passenger",
]  # fmt: skip


@pytest.mark.parametrize(("text", "redacted"), SECRET_TEXTS.items())
def test_a_secret_in_text_is_hidden_and_the_rest_of_the_text_stays(text: str, redacted: str) -> None:
    assert said(text) == redacted
    assert said(redacted) == redacted


@pytest.mark.parametrize("text", HARMLESS_TEXTS)
def test_text_without_a_secret_is_the_same_object_even_beside_one(text: str) -> None:
    plain = entry(text, note=text)
    assert Redactor()(plain) is plain
    assert said(f"{text}\npassword=hunter2") == f"{text}\npassword=[redacted]"


@pytest.mark.parametrize("key", SECRET_KEYS)
def test_a_key_that_names_a_secret_hides_its_value_as_attribute_and_in_text(key: str) -> None:
    redactor = Redactor()
    assert redactor(entry("", **{key: "hunter-two"})).attributes == {key: REDACTED}
    assert redactor(entry("", **{key: {"nested": ["hunter-two", 3]}})).attributes == {key: REDACTED}
    assert redactor(entry(f"{key}=hunter-two")).body == f"{key}={REDACTED}"
    assert redactor(entry(f'{{"{key}": "hunter-two"}}')).body == f'{{"{key}": "{REDACTED}"}}'
    assert redactor.count == 4


@pytest.mark.parametrize("key", SECRET_PLURALS)
def test_under_a_key_that_may_count_secrets_numbers_stay(key: str) -> None:
    counted = entry(f"{key}=128 {key}: 128", **{key: 128})
    assert Redactor()(counted) is counted
    assert Redactor()(entry(**{key: {"in": 128, "out": 7}})).attributes == {key: {"in": 128, "out": 7}}
    assert Redactor()(entry(**{key: "128"})).attributes == {key: "128"}
    assert Redactor()(entry(**{key: ["hunter2"]})).attributes == {key: REDACTED}
    assert said(f"{key}=hunter2") == f"{key}={REDACTED}"


@pytest.mark.parametrize("key", HARMLESS_KEYS)
def test_a_key_that_only_resembles_one_hides_nothing(key: str) -> None:
    plain = entry(f"{key}=some-thing", **{key: "some-thing", "nested": {key: ["some-thing"]}})
    assert Redactor()(plain) is plain


@pytest.mark.parametrize("value", [True, False, None, "", "***", "null", REDACTED, [], {}, [None], {"set": True}])
def test_a_value_that_tells_nothing_stays_under_any_key(value: Any) -> None:
    plain = entry(password=value, token=value)
    assert Redactor()(plain) is plain


def test_numbers_are_hidden_under_passwords_and_stay_under_tokens() -> None:
    redacted = Redactor()(entry(password=123456, cvv=123, token=128, max_tokens=4096, time_to_first_token=0.4))
    assert redacted.attributes == {
        "password": REDACTED, "cvv": REDACTED, "token": 128, "max_tokens": 4096, "time_to_first_token": 0.4,
    }  # fmt: skip


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
    assert redactor.errors == 2


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


MEGABYTE = 1_000_000
HOSTILE = [
    "a", "aB", "key", "Bearer ", "Bearer a", "eyJ", "eyJa.", "AKIA", "-----BEGIN ", "-----BEGIN PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY----------END", "://", "://a:", "://a:b@", "@://a:", "password=", "password:", "password: ",
    "password=a ", 'password="', "password='a\n", 'password=\\"', 'password="\\\\', "password=****", "token://",
    "token:::", "abc:", "abc=", "=", ":", "cookie: ", "cookie: \n", "cookie:    ", "authorization: bearer ", "ghp_",
    "xoxb-", "sk-", "session_id", "[redacted]", "\\", '"', "{'password': [", "é", "\ud800",
]  # fmt: skip


@pytest.mark.timeout(20)  # each takes under half a second; one step for each pair of characters would take hours
@pytest.mark.parametrize("unit", HOSTILE)
@pytest.mark.slow
def test_a_megabyte_of_hostile_text_takes_no_more_than_its_length_asks_for(unit: str) -> None:
    repeated = unit * (MEGABYTE // len(unit))
    redactor = Redactor()
    for before in ("", "password=", 'password="', "token: ", "cookie: ", "://a:", "Bearer ", "eyJa"):
        redactor(entry(before + repeated[: MEGABYTE // 4]))
    assert isinstance(redactor(entry(repeated, **{repeated: 1})).body, str)
    assert redactor.errors == 0


@pytest.mark.timeout(20)
def test_a_megabyte_of_distinct_names_takes_no_more_than_its_length_asks_for() -> None:
    names = "".join(f"token{number}=v{number} k{number}={number} " for number in range(40_000))
    assert said(names).count(REDACTED) == 40_000


FRAGMENTS = st.sampled_from([
    "password", "token", "tokens", "Cookie", "Authorization", "api_key", "user", "x1", "aB", "7", "=", ":", ": ", ":=",
    " ", '"', "'", "\\", '\\"', ",", ";", "&", "(", ")", "[", "]", "{", "}", "\n", "@", "/", "//", "://", "-", "_", "*",
    "Bearer ", "Basic ", "b", "%5D", REDACTED, "[redacted", "redacted]", JWT, "eyJ", ".", GITHUB, STRIPE, "sk-",
    "AKIAIOSFODNN7EXAMPLE", "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----", "-----END", "ghp_", "é",
    "\ud800",
])  # fmt: skip
HOSTILE_TEXT = st.one_of(st.lists(FRAGMENTS, max_size=14).map("".join), st.text(max_size=20))
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
    HOSTILE_TEXT,
    st.dictionaries(HOSTILE_TEXT, VALUES, max_size=3),
    st.none() | st.builds(ExceptionInfo, st.just("E"), HOSTILE_TEXT, st.none() | HOSTILE_TEXT),
)


@given(line=ENTRIES)
@example(entry('password=token":"abc'))
@example(entry("token: aB:password=x, https://a:b@c"))
def test_to_redact_twice_is_to_redact_once(line: LogEntry) -> None:
    redactor = Redactor()
    once = redactor(line)
    count = redactor.count
    assert redactor(once) is once
    assert (redactor.count, redactor.errors) == (count, 0)
    assert (count > 0) == (once is not line)


@given(text=HOSTILE_TEXT, around=st.sampled_from(["", " ", "\n", ", "]))
def test_to_redact_text_twice_is_to_redact_it_once(text: str, around: str) -> None:
    redactor = Redactor()
    once = redactor(entry(around.join(text)))
    assert redactor(once) is once


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
