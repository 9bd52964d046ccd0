"""What a store will not take: repaired without ever raising, or set aside where only its owner reads it."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracelog.model import LogEntry, Span, SpanLink
from tracelog.schema.otel import LOGS, TRACES, Destination, Document, decode_log, decode_span, encode_log, encode_span
from tracelog.ship import refused as refused_module
from tracelog.ship.refused import LONGEST_TEXT, cut, read_refused, refused_file, repaired, set_aside
from tracelog.store.base import Refusal

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
NOW = 1_700_000_000_123_456_789

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=20,
)
REASONS = st.text("ab\0\n\ud800\u00e4", max_size=5)
FIELDS = (
    "@timestamp", "observed_timestamp", "trace_id", "span_id", "severity_text", "severity_number", "event_name", "body",
    "attributes", "resource", "scope", "service", "name", "kind", "duration", "links", "status", "data_stream", "http",
)  # fmt: skip


def mend(document: Document, reason: str = "bad field") -> Document | None:
    return repaired(Refusal(document, reason), Destination())


def log(**fields: Any) -> Document:
    entry = {"time": NOW, "body": "placed", "trace_id": TRACE, "span_id": SPAN, "service": "shop", **fields}
    return encode_log(LogEntry(id="d1", **entry))


def test_a_repaired_record_keeps_who_when_which_trace_and_the_text_and_the_rest_as_text() -> None:
    document = log(
        observed_time=NOW + 1,
        severity_number=9,
        severity_text="INFO",
        logger="shop.cart",
        trace_flags=1,
        attributes={"a": {"b": [1, 2]}, "a.b": "x"},
        resource={"service.name": "shop", "host.cpus": 4},
    )
    mended = mend(document)
    assert mended is not None
    assert decode_log(mended.body, mended.id) == LogEntry(
        id="d1",
        time=NOW,
        observed_time=NOW + 1,
        body="placed",
        severity_number=9,
        severity_text="INFO",
        logger="shop.cart",
        service="shop",
        trace_id=TRACE,
        span_id=SPAN,
        trace_flags=1,
        attributes={"tracelog.repaired": "bad field", "tracelog.original": '{"a":{"b":[1,2]},"a.b":"x"}'},
        resource={"service.name": "shop", "host.cpus": "4"},
    )


def test_a_repaired_span_keeps_who_when_where_in_the_trace_and_the_rest_as_text() -> None:
    span = Span(
        trace_id=TRACE,
        span_id=SPAN,
        parent_span_id="1" * 16,
        name="GET /",
        service="shop",
        start=NOW,
        duration=5,
        kind="SERVER",
        status="ERROR",
        status_message="broken",
        attributes={"k": {"v": 1}},
        links=(SpanLink(TRACE, SPAN, {"x": 1}),),
        resource={"service.name": "shop", "n": 1},
    )
    document = encode_span(span)
    mended = mend(document)
    assert mended is not None
    assert mended.id == document.id
    original = '{"attributes":{"k":{"v":1}},"links":[{"trace_id":"%s","span_id":"%s","attributes":{"x":1}}]}'
    assert decode_span(mended.body) == msgspec.structs.replace(
        span,
        attributes={"tracelog.repaired": "bad field", "tracelog.original": original % (TRACE, SPAN)},
        links=(),
        resource={"service.name": "shop", "n": "1"},
    )


@given(body=st.binary(max_size=200), stream=st.sampled_from((LOGS, TRACES)))
def test_repairing_never_raises_whatever_the_bytes(body: bytes, stream: str) -> None:
    mend(Document("d1", stream, body))


@given(
    fields=st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=6),
    stream=st.sampled_from((LOGS, TRACES)),
    is_whole=st.booleans(),
    reason=REASONS,
)
def test_repairing_never_raises_whatever_the_fields(
    fields: dict[str, Any], stream: str, is_whole: bool, reason: str
) -> None:
    whole = {"@timestamp": "2026-04-19T14:23:01Z", "trace_id": TRACE, "span_id": SPAN, "name": "GET /"}
    body = json.dumps({**whole, **fields} if is_whole else fields).encode()
    mended = mend(Document("d1", stream, body), reason)
    assert mended is None or (mended.id, mended.stream) == ("d1", stream)


@pytest.mark.parametrize("stream", [LOGS, TRACES])
@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"[" * 100_000, b'{"a":' * 100_000, b'{"@timestamp":1e400}'])
def test_what_cannot_be_read_cannot_be_repaired(stream: str, body: bytes) -> None:
    assert mend(Document("d1", stream, body)) is None


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "-1", 1e30, -5, 2**63])
def test_a_time_that_no_store_can_hold_is_brought_within_what_it_can(time: object) -> None:
    mended = mend(Document("d1", LOGS, msgspec.json.encode({"@timestamp": time, "body": {"text": "placed"}})))
    assert mended is None or 0 <= decode_log(mended.body).time <= 2**63 - 1


def test_a_repaired_document_is_bounded_however_large_the_refused_one_was() -> None:
    huge = "x" * 3_000_000
    mended = mend(
        log(
            body=huge,
            service=huge,
            logger=huge,
            severity_text=huge,
            event_name=huge,
            attributes={huge: huge},
            resource={f"key{number}": "x" * 2000 for number in range(5000)},
        ),
        reason=huge,
    )
    assert mended is not None
    assert len(mended.body) < 1_000_000
    entry = decode_log(mended.body)
    assert entry.body == "x" * LONGEST_TEXT + " [cut: 3,000,000 characters]"
    assert len(entry.resource) == 100


def test_a_text_that_is_not_too_long_is_left_as_it_is() -> None:
    assert [cut("x" * size) for size in (0, LONGEST_TEXT)] == ["", "x" * LONGEST_TEXT]


def test_what_is_set_aside_is_read_again_with_its_reason(tmp_path: Path) -> None:
    set_aside(tmp_path, [Refusal(log(), "first")])
    set_aside(tmp_path, [Refusal(Document("d2", TRACES, b'{"a":\n1}'), "second\nline")])
    found = [(line.reason, line.stream, line.id, bytes(line.document)) for line in read_refused(tmp_path)]
    assert found == [("first", LOGS, "d1", log().body), ("second\nline", TRACES, "d2", b'{"a":1}')]
    assert refused_file(tmp_path).read_bytes().count(b"\n") == 2


@given(body=st.binary(max_size=100), reason=REASONS)
def test_whatever_is_refused_can_be_set_aside_and_read(
    body: bytes, reason: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("refused")
    set_aside(folder, [Refusal(Document("d1", LOGS, body), reason)])
    (line,) = read_refused(folder)
    assert line.reason == reason.encode(errors="replace").decode()


def test_a_damaged_line_is_passed_over_and_costs_no_other(tmp_path: Path) -> None:
    set_aside(tmp_path, [Refusal(log(), "first")])
    with refused_file(tmp_path).open("ab") as file:
        file.write(b'\xff\xfe\n\n{"time":"x"}\n[]\n{"reason": "torn')
    set_aside(tmp_path, [Refusal(log(), "second")])
    assert [line.reason for line in read_refused(tmp_path)] == ["first", "second"]


def test_nothing_was_refused_where_there_is_no_file(tmp_path: Path) -> None:
    assert read_refused(tmp_path / "missing") == []


@pytest.mark.parametrize("umask", [0, 0o077])
def test_the_file_is_its_owners_alone(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        set_aside(tmp_path / "folder", [Refusal(log(), "bad field")])
    finally:
        os.umask(before)
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "folder", refused_file(tmp_path / "folder"))]
    assert [oct(mode) for mode in modes] == ["0o700", "0o600"]


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    refused_file(tmp_path).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="link"):
        set_aside(tmp_path, [Refusal(log(), "bad field")])
    (tmp_path / "folder").symlink_to(tmp_path)
    refused_file(tmp_path).unlink()
    with pytest.raises(OSError, match="not a folder of its own"):
        set_aside(tmp_path / "folder", [Refusal(log(), "bad field")])
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to others")
def test_a_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    os.chown(tmp_path, 65534, 65534)
    with pytest.raises(PermissionError, match="belongs to another user"):
        set_aside(tmp_path, [Refusal(log(), "bad field")])


def test_the_file_is_bounded_and_a_smaller_document_still_finds_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refused_module, "LARGEST_FILE", 2000)
    refusals = [Refusal(Document(f"d{size}", LOGS, b"1" * size), "bad field") for size in (1500, 700, 100)]
    set_aside(tmp_path, refusals)
    assert [line.id for line in read_refused(tmp_path)] == ["d1500", "d100"]
    assert refused_file(tmp_path).stat().st_size <= 2000


def test_a_disk_that_takes_only_a_part_of_a_line_is_an_error_and_spoils_no_later_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write

    def write_less(descriptor: int, data: bytes) -> int:
        if written:
            raise OSError(28, "No space left on device")
        written.append(write(descriptor, data[:50]))
        return 50

    written: list[int] = []
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", write_less)
        with pytest.raises(OSError, match="No space left"):
            set_aside(tmp_path, [Refusal(log(), "first")])
    set_aside(tmp_path, [Refusal(log(), "second")])
    assert [line.reason for line in read_refused(tmp_path)] == ["second"]
