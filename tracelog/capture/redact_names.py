"""What a name asks for: `db.password`, `apiKey`, `X-Api-Key`, `refresh_token` that their values be hidden.

    password, cvv, client_secret     ALL     texts and numbers
    token, cookie, api_key           TEXT    texts; a number under it is a count, or not worth much
    tokens, passwords, pass          COUNT   texts that are no number, for 128 of them are no secret

A name is judged by the words that it ends with, however they are joined; `token_count`, `cache.key` and `author`
ask for nothing. True, false, None and words for them stay under any name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

REDACTED = "[redacted]"

PLAIN, COUNT, TEXT, ALL = 0, 1, 2, 4
ASKS = COUNT | TEXT | ALL
LONGEST = 128
"""How much of a name is looked at, from its end."""

Words = list[tuple[int, re.Pattern[str]]]

_WORDS = {
    ALL: r"""
        [a-z0-9]*(?:pass(?:word|wd|phrase|code)(?:_(?:hash|digest|salt))?|secret) | pwd | otp | cv[vc]2?
        | (?:credit|debit)_?card(?:_?(?:number|num|no))? | (?:card|cc)_?(?:number|num)""",
    TEXT: r"""
        [a-z0-9]*(?:token|cookie|credential) | jwt | (?:proxy_?)?authorization(?:_code)?
        | (?:access|account|api|auth|encryption|master|private|secret|session|signing|ssh)_?key
        | [a-z]*sess(?:ion)?_?id | x_(?:amz|goog)_signature
        | (?:admin|auth|db|database|ftp|http|mail|mysql|pg|postgres|proxy|redis|root|smtp|ssh|user)_pass""",
    COUNT: r"""
        [a-z0-9]*(?:pass(?:word|wd|phrase|code)|secret|token|cookie|credential)s | pass
        | (?:access|api|auth|encryption|private|secret|session|signing|ssh)_?keys""",
}
_ENDINGS = r"(?:_(?:value|text|plain|plaintext|raw|old|new|current|confirm|confirmation|repeat|header|base64))?_?\d*"
_HARMLESS = re.compile(
    r"(?:^|_)(?:bos|cancel|cancellation|client_request|continuation|eos|idempotency|next|pad|page|sync|unexpected|unk)"
    r"_?token$"
)
_BETWEEN_WORDS = re.compile(r"[^A-Za-z0-9]+|(?<=[a-z0-9])(?=[A-Z])")
_NUMBER = re.compile(r"[-+]?[0-9][0-9.,_]*")
_NO_SECRET = re.compile(r"[*=]*|none|null|nil|true|false|undefined", re.IGNORECASE)


def normalise(name: str) -> str:
    """Return the words of a name in lower case, with `_` between them: `X-ApiKey` is `x_api_key`."""
    return _BETWEEN_WORDS.sub("_", name).lower()


def compile_words(own: Iterable[str] = ()) -> Words:
    """Return what names are judged by. `own`: more words that ask for all."""
    more = "".join(f"|{re.escape(normalise(word))}" for word in own)
    return [(kind, _ends_with(_WORDS[kind] + more * (kind == ALL))) for kind in (ALL, TEXT, COUNT)]


def _ends_with(words: str) -> re.Pattern[str]:
    return re.compile(rf"(?:^|_)(?:{words}){_ENDINGS}_?$", re.VERBOSE)


def judge(name: str, words: Words) -> int:
    """Return what a name asks for: PLAIN, COUNT, TEXT or ALL. `name`: normalised."""
    if _HARMLESS.search(name):
        return PLAIN
    return next((kind for kind, expression in words if expression.search(name)), PLAIN)


def asks_to_hide(kind: int, value: Any) -> bool:
    """Return whether a value under a name of a kind has something to hide."""
    if not kind & ASKS or isinstance(value, bool):
        return False
    if isinstance(value, str):
        return not tells_nothing(kind, value)
    if isinstance(value, (int, float)):
        return bool(kind & ALL)
    if isinstance(value, Mapping):
        return any(asks_to_hide(kind, inner) for inner in value.values())
    return isinstance(value, (list, tuple)) and any(asks_to_hide(kind, inner) for inner in value)


def tells_nothing(kind: int, text: str) -> bool:
    """Return whether a text under a name of a kind is no secret: hidden before, empty, masked, `null`, a count."""
    return text == REDACTED or _NO_SECRET.fullmatch(text) is not None or (bool(kind & COUNT) and is_number(text))


def is_number(text: str) -> bool:
    """Return whether a text is a number, as people write it: `-1_024.50`."""
    return _NUMBER.fullmatch(text) is not None
