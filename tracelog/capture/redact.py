"""Secrets are hidden before anything is stored, queued or printed: `[redacted]` stands where they stood.

    connecting with password=hunter2          ->  connecting with password=[redacted]
    {"headers": {"Cookie": "a=b", "Via": 1}}  ->  {"headers": {"Cookie": "[redacted]", "Via": 1}}

A key asks for it by the words it ends with: `db.password`, `apiKey`, `X-Api-Key`, `refresh_token`; not `token_count`,
`cache.key`, `author`. Then the whole value goes. True, false and None stay, and so do numbers, but for passwords and
their like. Text is searched for the same words (`password=...`, `"password": "..."`, query strings, headers) and for
what shows by its form: Bearer and Basic, JSON Web Tokens, AWS key ids, PEM private keys, passwords in URLs, tokens of
known prefix. No search goes over the same text twice, and one search for the rare letters of all these words is what
ordinary text costs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from tracelog.capture.values import clean
from tracelog.errors import ConfigurationError
from tracelog.model import Attributes, ExceptionInfo, LogEntry, Span, SpanEvent, SpanLink
from tracelog.schema.lines import PLACE

REDACTED = "[redacted]"
FAILURE = "tracelog.redaction_error"
"""The attribute that names the error where redaction itself failed and all else was hidden."""

Extra = Callable[[str, Any], Any]
_Entry = TypeVar("_Entry", LogEntry, Span)
_Fields = TypeVar("_Fields", bound=Struct)

_PLAIN, _COUNT, _TEXT, _ALL, _RENAME, _SKIP = range(6)
_HIDES = (_COUNT, _TEXT, _ALL)
"""What a key asks for: nothing; that texts be hidden but for numbers; texts; texts and numbers; that it be hidden
itself; that its value be passed over, for where in the code a line stands is on every line and no secret."""

_SCALARS = frozenset({bool, int, float, type(None)})

_WORDS = {
    _ALL: r"""
        [a-z0-9]*(?:pass(?:word|wd|phrase|code)(?:_(?:hash|digest|salt))?|secret) | pwd | otp | cv[vc]2?
        | (?:credit|debit)_?card(?:_?(?:number|num|no))? | (?:card|cc)_?(?:number|num)""",
    _TEXT: r"""
        [a-z0-9]*(?:token|cookie|credential) | jwt | (?:proxy_?)?authorization(?:_code)?
        | (?:access|account|api|auth|encryption|master|private|secret|session|signing|ssh)_?key
        | [a-z]*sess(?:ion)?_?id | x_(?:amz|goog)_signature
        | (?:admin|auth|db|database|ftp|http|mail|mysql|pg|postgres|proxy|redis|root|smtp|ssh|user)_pass""",
    _COUNT: r"""
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
_LONGEST_KEY = 128
_ROUNDS = 4
_KEYS_REMEMBERED = 4096

# All that is hidden has something of this, in lower case. A branch begins with its rarest letter: that is its cost.
_SUSPICIOUS = re.compile(
    r"p(?:ass(?:[wpc'\"`\]\\_0-9]|\s{0,2}[=:])|wd|at[-_]|ypi-|[=:'\"`\]\\\s_0-9](?<=otp.))"
    r"|c(?:re(?:t|dential)|ookie|v[vc]|c[_\-.]?num|ard(?:[_\-.]?n|(?<=[db]it.card)|(?<=[db]itcard)))"
    r"|k(?:en(?<=token)|ey(?:(?<=[isetrhng]key)|(?<=[isetrhng][_\-.]key))|-(?<=sk-)|_(?:live|test)_|ia(?<=akia)|s\.sla)"
    r"|z(?:a(?<=aiza)|ation(?<=authorization))|j(?:wt|(?<=eyj))|x(?:ox[a-z]-|app-|[_\-.](?:amz|goog)[_\-.]s)"
    r"|_(?<=[hp][mopsru]_)(?:(?<=gh._)|(?<=npm_))|b(?:earer\s|asic\s|egin )"
)
_SESSION_ID = re.compile(r"sess(?:ion)?[_\-.]?id")
_TEMPORARY_AWS_KEY = "ASIA"

_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_URL_PASSWORD = re.compile(r"""(?<=://)([^\s/?#:@"'<>[\]{}|\\]*):([^\s/?#"'<>]+)@""")
_BARE_SCHEME = re.compile(r"(?<![=\w])([bB](?:[eE][aA][rR][eE][rR]|[aA][sS][iI][cC])\s{1,3})([A-Za-z0-9._~+/=-]{8,})")
_ENCODED = re.compile(r"[a-z0-9][A-Z]|=")
_TOKEN = re.compile(
    r"eyJ[\w-]+(?:\.[\w-]*)?(\.[\w-]*)?(?:\.[\w-]*){0,2}"
    r"|A(?<![A-Za-z0-9]A)(?:[KS]IA[A-Z0-9]{16}(?![A-Za-z0-9])|Iza[\w-]{35,})"
    r"|g(?<![A-Za-z0-9]g)(?:h[pousr]_\w{20,}|ithub_pat_\w{22,}|lpat-[\w-]{20,})"
    r"|n(?<![A-Za-z0-9]n)pm_\w{30,}|p(?<![A-Za-z0-9]p)ypi-[\w-]{50,}"
    r"|s(?<![A-Za-z0-9]s)k(?:_live_\w{10,}|_test_\w{10,}|-[\w-]{20,})|r(?<![A-Za-z0-9]r)k_(?:live|test)_\w{10,}"
    r"|x(?<![A-Za-z0-9]x)(?:ox[a-z]|app)-[\w-]{10,}|hooks\.slack\.com/services/[\w/]{10,}",
    re.ASCII,
)

_SEPARATOR = re.compile(r"[=:](?<=[\w\s.%\"'`\]\\-]{3}.)[=>]{0,2}", re.ASCII)  # no name has less than three letters
_NAME_BACKWARDS = re.compile(r"\s{0,2}\]?(?:[\"'`]\\{0,8})?(?:\]|[dD]5%)?([\w.-]{1,128})", re.ASCII)
_OPENING = re.compile(r"[^\S\r\n]{0,2}(?:[\[(](?=b?\\{0,8}[\"']))?(?:b?(\\{0,8}[\"'`]))?")
_SCHEME = re.compile(r"(?:apikey|basic|bearer|digest|negotiate) {1,3}(?=\S)", re.IGNORECASE)
_HEADER = re.compile(r"(?:authorization|cookie)$", re.IGNORECASE)
_LINE = re.compile(r"(?:[^\r\n\"'`]*[^\s\"'`])?")
_WORD = re.compile(r"(?:\[redacted\]|[^\s,;&\"'`<>(){}[\]\\]|\\(?![\"'nrt]))*")
_NO_SECRET = re.compile(r"\**|none|null|nil|true|false|undefined", re.IGNORECASE)
_SECRET_LOOKING = re.compile(r"[0-9!@#$%^*=+~/\\]|[a-z][A-Z]")
_WORDLIKE = re.compile(r"[A-Za-z0-9]")

_FIELDS: dict[type[Any], dict[str, str]] = {
    LogEntry: {"body": "message", "event_name": "name", "attributes": "", "exception": ""},
    ExceptionInfo: {"message": "exception.message", "stacktrace": "exception.stacktrace"},
    Span: {"name": "name", "status_message": "status.message", "attributes": "", "events": "", "links": ""},
    SpanEvent: {"name": "name", "attributes": ""},
    SpanLink: {"attributes": ""},
}
"""The fields that may hold a secret, and the key under which `extra` is given their text."""


class Redactor:
    """Hide secrets in log entries and spans. Never raises: where it fails, it hides everything.

    `keys`: more words that keys end with (`"tenant_pin"` is also `tenantPin`), or expressions to search keys for;
    numbers under them are hidden too. `patterns`: more expressions to hide in any text; they should be linear.
    `extra` is called as `extra(key, value)` for every scalar that is left, texts after the patterns, and returns what
    shall stand there; where it raises, the value is hidden. The key is the nearest one: items of a list have the
    list's; other texts have `message`, `exception.message`, `exception.stacktrace`, `status.message`, `name`. With
    `patterns` or `extra` no entry is cheap. A resource is looked at once, not again for each entry.

    `count` is the number of values that were hidden, whole or in part; `errors` that of failures, mostly `extra`'s.
    """

    def __init__(
        self,
        *,
        keys: Iterable[str | re.Pattern[str]] = (),
        patterns: Iterable[str | re.Pattern[str]] = (),
        extra: Extra | None = None,
    ) -> None:
        given = list(keys)
        words = "".join(f"|{re.escape(_normalise(key))}" for key in given if isinstance(key, str))
        self._expressions = [key for key in given if isinstance(key, re.Pattern)]
        self._words = [(kind, _ends_with(_WORDS[kind] + words * (kind == _ALL))) for kind in (_ALL, _TEXT, _COUNT)]
        self._patterns = [_compile(pattern) for pattern in patterns]
        self._extra = extra
        self._has_own_keys = bool(given)
        self._looks_at_all = bool(self._patterns) or extra is not None
        self._kinds: dict[str, int] = dict.fromkeys(PLACE, _SKIP)
        self._resource: tuple[Attributes, Attributes | None] = ({}, None)
        self.count = 0
        self.errors = 0

    def __call__(self, entry: _Entry) -> _Entry:
        """Return an entry or a span without its secrets: itself, where it has none."""
        try:
            known, hidden = self._resource
            if entry.resource is not known and entry.resource != known:
                hidden = self._look_at_resource(entry.resource)
            if hidden is not None:
                entry = replace(entry, resource=hidden)
            return self._hide_fields(entry) if self._may_hold_secrets(entry) else entry
        except Exception as error:  # noqa: BLE001 - whatever it was, neither may the line be lost nor the secret shown
            self.errors += 1
            return _hide_everything(entry, error)

    def _look_at_resource(self, resource: Attributes) -> Attributes | None:
        hidden = self._hide_mapping(resource) if self._may_hold_secrets(resource) else resource
        self._resource = (resource, None if hidden is resource else hidden)
        return self._resource[1]

    def _may_hold_secrets(self, value: Any) -> bool:
        if self._looks_at_all:
            return True
        texts: list[str] = []
        if type(value) is LogEntry and type(value.body) is str and value.exception is None and value.event_name is None:
            texts.append(value.body)  # the usual line, without detours
            asked = self._collect_mapping(value.attributes, texts)
        else:
            asked = self._collect(value, texts)
        return asked or self._is_suspicious("\n".join(texts))

    def _collect(self, value: Any, texts: list[str]) -> bool:
        """Collect the texts within a value; return whether a key in it asks for something to be hidden."""
        kind = type(value)
        if kind in _SCALARS:
            return False
        if isinstance(value, str):
            texts.append(value)
        elif kind is dict or isinstance(value, Mapping):
            return self._collect_mapping(value, texts)
        elif isinstance(value, (list, tuple)):
            return any(self._is_asking_pair(item) or self._collect(item, texts) for item in value)
        elif kind in _FIELDS:
            return any(self._collect(getattr(value, field), texts) for field in _FIELDS[kind])
        return False

    def _collect_mapping(self, mapping: Mapping[Any, Any], texts: list[str]) -> bool:
        kinds = self._kinds
        for key, value in mapping.items():
            asked = kinds.get(key)
            if asked is None:
                asked = self._kind(key)
            if asked:
                if asked == _SKIP:
                    continue
                if asked == _RENAME or _asks(asked, value):
                    return True
            kind = type(value)
            if kind is str:
                texts.append(value)
            elif kind not in _SCALARS and self._collect(value, texts):
                return True
        return False

    def _is_asking_pair(self, item: Any) -> bool:
        """Return whether an item of a list is a name that asks and its value, as in a list of headers."""
        match item:
            case [str(name), value]:
                return _asks(self._kind(name), value)
        return False

    def _is_suspicious(self, text: str) -> bool:
        lower = text.lower()
        return (
            _SUSPICIOUS.search(lower) is not None
            or ("@" in lower and _URL_PASSWORD.search(text) is not None)
            or ("sess" in lower and _SESSION_ID.search(lower) is not None)
            or _TEMPORARY_AWS_KEY in text
            or (self._has_own_keys and ("=" in lower or ":" in lower))
        )

    def _kind(self, key: Any) -> int:
        """Return what a key asks for, from memory where it was seen before."""
        if not isinstance(key, str):
            return _PLAIN
        kind = self._kinds.get(key)
        if kind is None:
            kind = self._judge(key)
            if len(self._kinds) >= _KEYS_REMEMBERED:
                self._kinds = dict.fromkeys(PLACE, _SKIP)
            if len(key) <= _LONGEST_KEY:
                self._kinds[key] = kind
        return kind

    def _judge(self, key: str) -> int:
        end = key[-_LONGEST_KEY:]
        if any(expression.search(end) for expression in self._expressions):
            return _ALL
        name = _normalise(end)
        if self._is_suspicious(f"{name}=") and not _HARMLESS.search(name):
            for kind, words in self._words:
                if words.search(name):
                    return kind
        return _PLAIN if self._hide_patterns(key) == key else _RENAME

    def _hide_fields(self, value: _Fields) -> _Fields:
        changes = {}
        for field, key in _FIELDS[type(value)].items():
            before = getattr(value, field)
            after = self._hide(key, before)
            if after is not before:
                changes[field] = after
        return replace(value, **changes) if changes else value

    def _hide(self, key: str, value: Any) -> Any:
        """Return a value without what is secret in it; itself where nothing is."""
        if isinstance(value, str):
            return self._hide_text(key, value)
        if isinstance(value, Mapping):
            return self._hide_mapping(value)
        if isinstance(value, (list, tuple)):
            return self._hide_items(key, value)
        return self._hide_fields(value) if type(value) in _FIELDS else self._ask(key, value)

    def _hide_mapping(self, mapping: Mapping[Any, Any]) -> Mapping[Any, Any]:
        hidden: dict[Any, Any] = {}
        same = True
        for key, value in mapping.items():
            kind = self._kind(key)
            name = self._rename(key, taken=(mapping, hidden)) if kind == _RENAME else key
            after = self._hide_whole() if _asks(kind, value) else self._hide(name, value)
            same = same and name is key and after is value
            hidden[name] = after
        return mapping if same else hidden

    def _hide_items(self, key: str, items: list[Any] | tuple[Any, ...]) -> list[Any] | tuple[Any, ...]:
        hidden = [
            [item[0], self._hide_whole()] if self._is_asking_pair(item) else self._hide(key, item) for item in items
        ]
        if all(after is before for after, before in zip(hidden, items, strict=True)):
            return items
        return tuple(hidden) if isinstance(items, tuple) else hidden

    def _hide_whole(self) -> str:
        self.count += 1
        return REDACTED

    def _hide_text(self, key: str, text: str) -> Any:
        hidden = self._hide_patterns(text)
        if hidden != text:
            self.count += 1
            return self._ask(key, hidden)
        return self._ask(key, text)

    def _rename(self, key: str, taken: tuple[Mapping[Any, Any], ...]) -> str:
        """Return a key without what is secret in it, apart from the keys that are there."""
        self.count += 1
        name = hidden = self._hide_patterns(key)
        number = len(taken[-1])
        while any(name in keys for keys in taken):
            name = f"{hidden} {number}"
            number += 1
        return name

    def _ask(self, key: str, scalar: Any) -> Any:
        if self._extra is None or scalar is None:
            return scalar
        try:
            answer = clean(self._extra(key, scalar))
        except Exception:  # noqa: BLE001 - the callback is not ours
            self.errors += 1
            return self._hide_whole()
        if type(answer) is type(scalar) and answer == scalar:
            return scalar
        self.count += 1
        return answer

    def _hide_patterns(self, text: str) -> str:
        """Search again where something was hidden: what stood beside it may show only now."""
        for _ in range(_ROUNDS):
            hidden = self._search(text)
            if hidden == text:
                break
            text = hidden
        for pattern in self._patterns:
            text = pattern.sub(_hide_match, text)
        return text

    def _search(self, text: str) -> str:
        if not self._is_suspicious(text):
            return text
        text = _hide_private_keys(text)
        text = _URL_PASSWORD.sub(_hide_url_password, text)
        text = _BARE_SCHEME.sub(_hide_credentials, text)
        text = _TOKEN.sub(_hide_token, text)
        return self._hide_named(text)

    def _hide_named(self, text: str) -> str:
        """Hide what follows a name that asks, as in `name=value`, `name: value`, `"name": "value"`."""
        parts: list[str] = []
        done = seen = 0
        for separator in _SEPARATOR.finditer(text):
            at = separator.start()
            if at < seen:
                continue
            named = _NAME_BACKWARDS.match(text[max(at - 2 * _LONGEST_KEY, done) : at][::-1])
            name = named[1][::-1] if named else ""
            kind = self._kind(name)
            if kind not in _HIDES:
                continue
            start, end, is_secret = _find_value(text, separator, name, kind)
            if is_secret:
                parts += (text[done:start], REDACTED)
                done = seen = end
            else:
                seen = end - 1  # what is no secret holds none, but its last colon may have a quote behind it
        return "".join([*parts, text[done:]]) if parts else text


@cache
def _default_redactor() -> Redactor:
    return Redactor()


def make_redactor(redact: bool | Redactor | None) -> Redactor | None:  # noqa: FBT001 - the public parameter, passed on
    """Return what the public `redact=` stands for: True is the default one, which all share; False and None, none."""
    if redact is True:
        return _default_redactor()
    if redact is None or redact is False:
        return None
    if isinstance(redact, Redactor):
        return redact
    raise ConfigurationError(f"redact cannot be {redact!r} (expected True, False or a Redactor)")


def _compile(pattern: str | re.Pattern[str]) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise ConfigurationError(f"the pattern {pattern!r} to redact is no regular expression: {error}") from error


def _normalise(key: str) -> str:
    """Return the words of a key in lower case, with `_` between them: `X-ApiKey` is `x_api_key`."""
    return _BETWEEN_WORDS.sub("_", key).lower()


def _ends_with(words: str) -> re.Pattern[str]:
    return re.compile(rf"(?:^|_)(?:{words}){_ENDINGS}_?$", re.VERBOSE)


def _asks(kind: int, value: Any) -> bool:
    """Return whether a value under a key of a kind has something to hide."""
    if kind not in _HIDES or isinstance(value, bool):
        return False
    if isinstance(value, str):
        return _NO_SECRET.fullmatch(value) is None and value != REDACTED and not _is_count(kind, value)
    if isinstance(value, (int, float)):
        return kind == _ALL
    if isinstance(value, Mapping):
        return any(_asks(kind, inner) for inner in value.values())
    return isinstance(value, (list, tuple)) and any(_asks(kind, inner) for inner in value)


def _is_count(kind: int, text: str) -> bool:
    return kind == _COUNT and _NUMBER.fullmatch(text) is not None


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


def _hide_url_password(found: re.Match[str]) -> str:
    return f"{found[1]}:{REDACTED}@"


def _hide_credentials(found: re.Match[str]) -> str:
    is_bearer = found[1][1] in "eE"
    is_secret = _ENCODED.search(found[2]) or (is_bearer and _NUMBER.search(found[2]))
    return f"{found[1]}{REDACTED}" if is_secret else found[0]


def _hide_token(found: re.Match[str]) -> str:
    token = found[0]
    is_other_base64 = token.startswith("eyJ") and found[1] is None  # a page cursor; a JSON Web Token has three parts
    is_words = token.startswith("sk-") and not _NUMBER.search(token)
    return token if is_other_base64 or is_words else REDACTED


def _hide_match(found: re.Match[str]) -> str:
    return REDACTED if found[0] else ""


def _find_value(text: str, separator: re.Match[str], name: str, kind: int) -> tuple[int, int, bool]:
    """Return where the value behind a name and its separator begins and ends, and whether it is to be hidden."""
    opening = _OPENING.match(text, separator.end())
    start, quote = (opening.end(), opening[1]) if opening else (separator.end(), None)
    scheme = _SCHEME.match(text, start)
    start = scheme.end() if scheme else start
    is_assigned = "=" in separator[0]
    if text.startswith("//", start):  # the name is the scheme of a URL
        return start, start, False
    if quote:
        end = _find_closing(text, start, quote)
    else:
        extent = _LINE if _HEADER.search(name) and not is_assigned else _WORD
        found = extent.match(text, start)
        end = found.end() if found else start
    value = text[start:end]
    if value.startswith(REDACTED) or _NO_SECRET.fullmatch(value) or _is_count(kind, value):
        return start, end, False
    if quote:
        is_secret = kind == _ALL or _WORDLIKE.search(value) is not None
    elif _NUMBER.fullmatch(value):
        is_secret = kind == _ALL or is_assigned
    else:
        is_secret = is_assigned or scheme is not None or _SECRET_LOOKING.search(value) is not None
    return start, end, is_secret


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


def _hide_everything(entry: _Entry, error: Exception) -> _Entry:
    """Return an entry with its ids, its names and the error alone."""
    why = {FAILURE: type(error).__name__}
    if isinstance(entry, LogEntry):
        kind = entry.exception and ExceptionInfo(entry.exception.type)
        body = entry.body and REDACTED
        return replace(entry, body=body, attributes=why, resource={}, exception=kind)
    return replace(entry, status_message=None, attributes=why, resource={}, events=(), links=())
