"""What a secret looks like in text: by its form, or by the name before it.

By form: PEM private keys, passwords in URLs, Bearer and Basic credentials, JSON Web Tokens, AWS key ids, tokens of a
known prefix. By name: `password=...`, `"password": "..."`, query strings, headers; `redact_names` says which ask.

The order is such that one pass is enough. What is found by its place (a key's lines, a URL, a scheme) goes first, for
a name would take more than that; then what a name asks for, whole, before a token in it could be taken for all of it;
tokens last, when nothing depends on their letters any more. No expression goes over the same text twice, and
`is_suspicious` is all that ordinary text costs.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from tracelog.capture.redact_names import ALL, ASKS, LONGEST, REDACTED, is_number, tells_nothing

# All that is hidden has something of this, in lower case. A branch begins with its rarest letter: that is its cost.
_SUSPICIOUS = re.compile(
    r"p(?:ass(?:[wpc'\"`\]\\_%0-9]|\s{0,2}[=:])|wd|at[-_]|ypi-|[=:'\"`\]\\\s_%0-9](?<=otp.))"
    r"|c(?:re(?:t|dential)|ookie|v[vc]|c[_\-.]?num|ard(?:[_\-.]?n|(?<=[db]it.card)|(?<=[db]itcard)))"
    r"|k(?:en(?<=token)|ey(?:(?<=[isetrhng]key)|(?<=[isetrhng][_\-.]key))|-(?<=sk-)|_(?:live|test)_|ia(?<=akia)|s\.sla)"
    r"|z(?:a(?<=aiza)|ation(?<=authorization))|j(?:wt|(?<=eyj))|x(?:ox[a-z]-|app-|[_\-.](?:amz|goog)[_\-.]s)"
    r"|_(?<=[hp][mopsru]_)(?:(?<=gh._)|(?<=npm_))|b(?:earer\s|asic\s|egin )"
)
_SESSION_ID = re.compile(r"sess(?:ion)?[_\-.]?id")
_TEMPORARY_AWS_KEY = "ASIA"

_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_URL_PASSWORD = re.compile(r"""(://[^\s/?#:@"'<>[\]{}|\\]*:)[^\s/?#"'<>]+@""")
_BARE_SCHEME = re.compile(r"[bB](?<![A-Za-z0-9].)(?:[eE][aA][rR][eE][rR]|[aA][sS][iI][cC])\s{1,3}")
_LONG_ENOUGH = 8
_CREDENTIALS = re.compile(rf"[A-Za-z0-9._~+/=-]{{{_LONG_ENOUGH},}}")
_CAMEL = re.compile(r"[a-z0-9][A-Z]")
_DIGIT = re.compile(r"[0-9]")
_TOKEN = re.compile(
    r"eyJ[\w-]+(?:\.[\w-]*)?(\.[\w-]*)?(?:\.[\w-]*){0,2}"
    r"|A(?<![A-Za-z0-9]A)(?:[KS]IA[A-Z0-9]{16}(?:(?=eyJ)|(?![A-Za-z0-9]))|Iza[\w-]{35,})"
    r"|g(?<![A-Za-z0-9]g)(?:h[pousr]_\w{20,}|ithub_pat_\w{22,}|lpat-[\w-]{20,})"
    r"|n(?<![A-Za-z0-9]n)pm_\w{30,}|p(?<![A-Za-z0-9]p)ypi-[\w-]{50,}"
    r"|s(?<![A-Za-z0-9]s)k(?:_live_\w{10,}|_test_\w{10,}|-[\w-]{20,})|r(?<![A-Za-z0-9]r)k_(?:live|test)_\w{10,}"
    r"|x(?<![A-Za-z0-9]x)(?:ox[a-z]|app)-[\w-]{10,}|hooks\.slack\.com/services/[\w/]{10,}",
    re.ASCII,
)

# No name has less than three letters. Behind the sign: its quote, which may be that of escaped JSON, and a scheme.
_SEPARATOR = re.compile(
    r"([=:](?<=[\w\s.%\"'`\]\\-]{3}.)[=>]{0,2})[^\S\r\n]{0,2}(?:[\[(](?=b?\\{0,8}[\"']))?(?:b?(\\{0,8}[\"'`]))?"
    r"((?i:apikey|basic|bearer|digest|negotiate) {1,3}(?=\S))?"
)
_NAME_BACKWARDS = re.compile(r"\s{0,2}\]?(?:[\"'`]\\{0,8})?(?:\]|[dD]5%)?([\w.-]{1,128})", re.ASCII)
_HEADER = re.compile(r"(?:authorization|cookie)$", re.IGNORECASE)
_LINE = re.compile(r"(?:[^\r\n\"'`]*[^\s\"'`])?")
_WORD = re.compile(r"(?:\[redacted\]|[^\s,;&\"'`<>(){}[\]\\]|\\(?![\"'nrt]))*")
_SECRET_LOOKING = re.compile(r"[0-9!@#$%^*=+~/\\]|[a-z][A-Z]")
_WORDLIKE = re.compile(r"[A-Za-z0-9]")

Judge = Callable[[str], int]
"""What a name asks for, as flags of `redact_names`."""


def is_suspicious(text: str) -> bool:
    """Return whether `hide_secrets` might find anything in a text: a quick look that errs on the side of yes."""
    lower = text.lower()
    return (
        _SUSPICIOUS.search(lower) is not None
        or ("@" in lower and _URL_PASSWORD.search(text) is not None)
        or ("sess" in lower and _SESSION_ID.search(lower) is not None)
        or _TEMPORARY_AWS_KEY in text
    )


def hide_secrets(text: str, judge: Judge) -> str:
    """Return a text with `[redacted]` for each secret in it. `judge`: says what a name asks for."""
    text = _hide_private_keys(text)
    text = _hide_url_passwords(text)
    text = _hide_credentials(text)
    text = _hide_named(text, judge)
    text = _TOKEN.sub(_hide_token, text)
    return _hide_url_passwords(text)  # what held a slash was no password in a URL, and may look like one now


def _hide_private_keys(text: str) -> str:
    """Hide each block from its first line to its last; to the end of the text where that has been cut off."""
    parts: list[str] = []
    done = 0
    for begin in _PRIVATE_KEY.finditer(text):
        if begin.start() < done:
            continue
        end = text.find("-----END", begin.end())
        close = text.find("-----", end + 8, end + 72) if end >= 0 else -1
        parts += (text[done : begin.start()], REDACTED)
        done = close + 5 if close >= 0 else len(text)
    return "".join([*parts, text[done:]])


def _hide_url_passwords(text: str) -> str:
    return _URL_PASSWORD.sub(rf"\1{REDACTED}@", text)


def _hide_credentials(text: str) -> str:
    """Hide what follows Bearer or Basic, but for words."""
    parts: list[str] = []
    done = 0
    for scheme in _BARE_SCHEME.finditer(text):
        said = _CREDENTIALS.match(text, scheme.end())
        if said and _are_credentials(said, is_bearer=scheme[0][1] in "eE"):
            parts += (text[done : said.start()], REDACTED)
            done = said.end()
    return "".join([*parts, text[done:]]) if parts else text


def _are_credentials(said: re.Match[str], *, is_bearer: bool) -> bool:
    """Return whether this is no word: it has a capital within, padding at its end or, for Bearer, a digit.

    Padding has nothing hidden behind it, as `refresh-token=[redacted]` has. Around `=` only what is long counts for its
    digits: there may be `expires_in=3600`.
    """
    text = said[0]
    if _CAMEL.search(text) or (text.endswith("=") and not said.string.startswith("[", said.end())):
        return True
    return is_bearer and any(len(part) >= _LONG_ENOUGH and _DIGIT.search(part) for part in text.split("="))


def _hide_token(found: re.Match[str]) -> str:
    token = found[0]
    is_other_base64 = token.startswith("eyJ") and found[1] is None  # a page cursor; a JSON Web Token has three parts
    is_words = token.startswith("sk-") and not _DIGIT.search(token)
    return token if is_other_base64 or is_words else REDACTED


class _Value(NamedTuple):
    """What stands behind a name, and how: `name=bearer text`, `name: "text"`."""

    start: int
    end: int
    text: str
    is_assigned: bool
    is_quoted: bool
    has_scheme: bool


def _hide_named(text: str, judge: Judge) -> str:
    """Hide what follows a name that asks, as in `name=value`, `name: value`, `"name": "value"`."""
    parts: list[str] = []
    done = seen = 0
    for separator in _SEPARATOR.finditer(text):
        at = separator.start()
        if at < seen:
            continue
        name = _find_name(text, max(at - 2 * LONGEST, done), at)
        kind = judge(name)
        if not kind & ASKS:
            continue
        value = _find_value(text, separator, name)
        if _is_secret(value, kind):
            parts += (text[done : value.start], REDACTED)
            done = seen = value.end
        else:
            seen = value.end - 1  # what is no secret holds none, but its last colon may have a quote behind it
    return "".join([*parts, text[done:]]) if parts else text


def _find_name(text: str, start: int, end: int) -> str:
    named = _NAME_BACKWARDS.match(text[start:end][::-1])
    return named[1][::-1].removeprefix("5B").removeprefix("5b") if named else ""  # of %5B, an encoded bracket


def _find_value(text: str, separator: re.Match[str], name: str) -> _Value:
    sign, quote, scheme = separator.groups()
    start = separator.end()
    if text.startswith("//", start):  # the name is the scheme of a URL
        end = start
    elif _is_hidden(text, start, scheme):
        end = start + len(REDACTED)
    elif quote:
        end = _find_closing(text, start, quote)
    else:
        extent = _LINE if "=" not in sign and _HEADER.search(name) else _WORD
        found = extent.match(text, start)
        end = found.end() if found else start
    return _Value(start, end, text[start:end], "=" in sign, quote is not None, scheme is not None)


def _is_hidden(text: str, start: int, scheme: str | None) -> bool:
    """Return whether what begins here is hidden already, as credentials of a scheme or a password in a URL."""
    return text.startswith(REDACTED, start) and (scheme is not None or text.startswith("@", start + len(REDACTED)))


def _find_closing(text: str, start: int, quote: str) -> int:
    """Return where a quoted value ends. A quote in escaped JSON is a backslash, or more, and the mark."""
    mark, depth = quote[-1], len(quote) - 1
    at = text.find(mark, start)
    while at >= 0:
        before = at
        while before > start and text[before - 1] == "\\":
            before -= 1
        escapes = at - before
        if escapes == depth if depth else escapes % 2 == 0:
            return before if depth else at
        at = text.find(mark, at + 1)
    end = text.find("\n", start)
    return end if end >= 0 else len(text)


def _is_secret(value: _Value, kind: int) -> bool:
    if tells_nothing(kind, value.text):
        return False
    if value.is_quoted:
        return bool(kind & ALL) or _WORDLIKE.search(value.text) is not None
    if is_number(value.text):
        return bool(kind & ALL) or value.is_assigned
    return value.is_assigned or value.has_scheme or _SECRET_LOOKING.search(value.text) is not None
