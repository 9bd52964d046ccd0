"""Text loses its secrets and nothing else, in one pass and in time that grows with its length."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tracelog.capture import redact_names, redact_text
from tracelog.capture.redact import REDACTED, Redactor
from tracelog.capture.redact_names import compile_words, judge, normalise
from tracelog.capture.redact_text import hide_secrets, is_suspicious

JWT = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"
PEM = (
    "-----BEGIN RSA PRIVATE KEY-----\n"
    "MIIEpAIBAAKCAQEA75dLq\nProc-Type: 4,ENCRYPTED\nx7Gk\n-----END RSA PRIVATE KEY-----"
)
LETTERS = "abcdefghij0123456789ABCDEFGHIJ"
GITHUB, GITLAB, STRIPE = f"ghp_{LETTERS}123456", f"glpat-{LETTERS[:20]}", f"sk_live_{LETTERS[:24]}"


def redacted(text: str) -> str:
    body, _attributes, _exception = Redactor().said(text, {}, None)
    assert isinstance(body, str)
    return body


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
    "user%5Bpass%5D=hunter2&a=1": "user%5Bpass%5D=[redacted]&a=1",
    "user%5Botp%5D=482911&a=1": "user%5Botp%5D=[redacted]&a=1",
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
    "auth=Bearer 31d4d96e407aad42": "auth=Bearer [redacted]",
    "Bearer 31d4d96e407aad42\u3092, basic-bearer 31d4d96e": "Bearer [redacted]\u3092, basic-bearer [redacted]",
    "Authorization: Bearer 31d4d96e407aad42, Cookie: a=b": "Authorization: Bearer [redacted], Cookie: [redacted]",
    "proxy wants basic dXNlcjpwYXNzd29yZA==": "proxy wants basic [redacted]",
    # forms
    f"got {JWT} from the client": "got [redacted] from the client",
    f"%22{JWT}%22": "%22[redacted]%22",
    "key AKIAIOSFODNN7EXAMPLE used": "key [redacted] used",
    "key ASIAIOSFODNN7EXAMPLE used": "key [redacted] used",
    "password=AKIAIOSFODNN7EXAMPLE/and+more": "password=[redacted]",
    f"token: {JWT}!more": "token: [redacted]",
    f"{JWT}-password=x": "[redacted]=[redacted]",
    f"bearer-refresh-token={JWT}": "bearer-refresh-token=[redacted]",
    "[main]AKIAIOSFODNN7EXAMPLE": "[main][redacted]",
    f"AKIAIOSFODNN7EXAMPLE{JWT}": "[redacted][redacted]",
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
    "opening shop://token:31d4d96e": "opening shop://token:[redacted]",
    "password\n= 'hunter2'": "password\n= '[redacted]'",
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
    "network_test_environment and task_live_migration, highs_and_lows_of_the_day, pnpm_workspace_configuration_read",
    "tier basic max_connections=50, QBasic helloWorld, scheme=bearer expires_in=3600",
    "Password\n========\nsecret ==== token",
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


@pytest.mark.parametrize(("text", "expected"), SECRET_TEXTS.items())
def test_a_secret_in_text_is_hidden_and_the_rest_of_the_text_stays(text: str, expected: str) -> None:
    assert redacted(text) == expected
    assert redacted(expected) == expected


@pytest.mark.parametrize("text", HARMLESS_TEXTS)
def test_text_without_a_secret_is_the_same_object_even_beside_one(text: str) -> None:
    assert redacted(text) is text
    assert redacted(f"{text}\npassword=hunter2") == f"{text}\npassword=[redacted]"


FRAGMENTS = st.sampled_from([
    "password", "pass", "otp", "token", "tokens", "Cookie", "Authorization", "api_key", "user", "x1", "aB", "7", "%5B",
    "=", ":", ": ", ":=", " ",
    '"', "'", "\\", '\\"', ",", ";", "&", "(", ")", "[", "]", "{", "}", "\n", "@", "/", "//", "://", "-", "_", "*",
    "Bearer ", "Basic ", "b", "%5D", REDACTED, "[redacted", "redacted]", JWT, "eyJ", ".", GITHUB, STRIPE, "sk-",
    "AKIAIOSFODNN7EXAMPLE", "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----", "-----END", "ghp_", "é",
    "\ud800",
])  # fmt: skip
HOSTILE_TEXT = st.one_of(st.lists(FRAGMENTS, max_size=14).map("".join), st.text(max_size=20))


@given(text=HOSTILE_TEXT, around=st.sampled_from(["", " ", "\n", ", "]))
@example('password=token":"abc', "")
@example("token: aB:password=x, https://a:b@c", "")
@example("Basic ghp_Bearer tokensaB", "")
@example("https://token:=x/y{hunter2@", "")
def test_to_redact_text_twice_is_to_redact_it_once(text: str, around: str) -> None:
    once = redacted(around.join((text, text)))
    assert redacted(once) is once


@given(text=HOSTILE_TEXT)
def test_text_that_is_not_suspicious_holds_nothing_to_hide(text: str) -> None:
    words = compile_words()
    assert is_suspicious(text) or hide_secrets(text, lambda name: judge(normalise(name), words)) == text


HOSTILE = [
    " ", "a", "aB", "key", "Bearer ", "Bearer a", "eyJ", "eyJa.", "AKIA", "-----BEGIN ", "-----BEGIN PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY----------END", "://", "://a:", "://a:b@", "@://a:", "password=", "password:", "password: ",
    "password=a ", 'password="', "password='a\n", 'password=\\"', 'password="\\\\', "password=****", "token://",
    "token:::", "abc:", "abc=", "=", ":", "cookie: ", "cookie: \n", "cookie:    ", "authorization: bearer ", "ghp_",
    "xoxb-", "sk-", "session_id", "[redacted]", "\\", '"', "{'password': [", "é", "\ud800",
]  # fmt: skip


BEFORE = ["", "password=", 'password="', "token: ", "cookie: ", "://a:", "Bearer ", "eyJa"]
AT_ONE_PLACE = {"_LINE"}
"""Expressions that would go over a text twice if searched for, and are only matched where a header's value begins."""
EXPRESSIONS = {
    name: expression
    for module in (redact_names, redact_text)
    for name, expression in vars(module).items()
    if isinstance(expression, re.Pattern) and name not in AT_ONE_PLACE
}
EXPRESSIONS.update((f"words {kind}", expression) for kind, expression in compile_words(["tenant_pin"]))
SHORT, TIMES, UNMEASURABLE = 2_000, 8, 50e-6


def grows_with_the_length(call: Callable[[str], object], text_of: Callable[[int], str]) -> bool:
    """Return whether eight times the text takes nearer to eight times the processor time than to 64 times."""
    short, long = (min(seconds_of(call, text_of(length)) for _ in range(3)) for length in (SHORT, SHORT * TIMES))
    return long < max(short, UNMEASURABLE) * TIMES * 3


def seconds_of(call: Callable[[str], object], text: str) -> float:
    start = time.process_time()
    call(text)
    return time.process_time() - start


@pytest.mark.parametrize("expression", EXPRESSIONS.values(), ids=EXPRESSIONS)
def test_no_expression_goes_over_a_text_twice(expression: re.Pattern[str]) -> None:
    def search(text: str) -> None:
        for _ in expression.finditer(text):
            pass

    slow = [unit for unit in HOSTILE if not grows_with_the_length(search, lambda length: unit * (length // len(unit)))]  # noqa: B023
    assert slow == []


@pytest.mark.parametrize("unit", HOSTILE)
@pytest.mark.slow
def test_the_time_that_hostile_text_takes_grows_with_its_length(unit: str) -> None:
    redactor = Redactor()

    def redact(text: str) -> None:
        redactor.said(text, {text: 1}, None)

    slow = [
        before
        for before in BEFORE
        if not grows_with_the_length(redact, lambda length: before + unit * (length // len(unit)))  # noqa: B023
    ]
    assert slow == []
    assert redactor.errors == 0


def test_the_time_that_distinct_names_take_grows_with_their_number() -> None:
    def names(length: int) -> str:
        return "".join(f"token{number}=v{number} k{number}={number} " for number in range(length // 10))

    assert redacted(names(20_000)).count(REDACTED) == 2_000
    assert grows_with_the_length(redacted, names)
