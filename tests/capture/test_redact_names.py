"""A name asks for its value to be hidden by the words that it ends with, as a key and in text."""

from __future__ import annotations

from typing import Any

import pytest

from tracelog.capture.redact import REDACTED, Redactor
from tracelog.capture.redact_names import ALL, COUNT, PLAIN, TEXT, asks_to_hide, compile_words, judge, normalise
from tracelog.model import LogEntry

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


def entry(body: Any = "", **attributes: Any) -> LogEntry:
    return LogEntry(time=1, body=body, attributes=attributes)


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
    assert Redactor()(entry(f"{key}=hunter2")).body == f"{key}={REDACTED}"


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


@pytest.mark.parametrize(
    ("name", "words"),
    [("X-ApiKey", "x_api_key"), ("db.password", "db_password"), ("accessToken2", "access_token2"), ("a__b", "a_b")],
)
def test_a_name_is_read_as_words_however_they_are_joined(name: str, words: str) -> None:
    assert normalise(name) == words


def test_what_a_name_asks_for_depends_on_what_its_value_can_be() -> None:
    words = compile_words(["tenantPin"])
    names = ["tenant_pin", "password", "api_key", "tokens", "order_id", "next_page_token"]
    assert [judge(name, words) for name in names] == [ALL, ALL, TEXT, COUNT, PLAIN, PLAIN]
    assert [asks_to_hide(kind, 128) for kind in (ALL, TEXT, COUNT, PLAIN)] == [True, False, False, False]
    assert [asks_to_hide(kind, "128") for kind in (ALL, TEXT, COUNT, PLAIN)] == [True, True, False, False]
    assert [asks_to_hide(kind, "hunter2") for kind in (ALL, TEXT, COUNT, PLAIN)] == [True, True, True, False]
