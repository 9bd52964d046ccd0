"""Documents as the body of a bulk request, and back."""

from __future__ import annotations

import string

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracelog.schema.otel import LOGS, TRACES, Destination, Document
from tracelog.store.base import Refusal, WriteResult
from tracelog.store.bulk import Bulk, action, decode_record, split_records
from tracelog.store.elastic.fates import Fates

SHOP = Destination("shop", "test")
BODIES = st.text(string.printable.replace("\n", ""), min_size=1).map(str.encode)
DOCUMENTS = st.lists(st.builds(Document, st.text(max_size=20), st.sampled_from([LOGS, TRACES]), BODIES))
THREE = [Document(f"d{number}", LOGS, b'{"n":%d}' % number) for number in range(3)]


def test_a_bulk_names_for_each_document_its_stream_and_its_id() -> None:
    assert Bulk.of([THREE[0], Document('a"b', TRACES, b"{}")], SHOP).body == (
        b'{"create":{"_index":"logs-shop.otel-test","_id":"d0"}}\n{"n":0}\n'
        b'{"create":{"_index":"traces-shop.otel-test","_id":"a\\"b"}}\n{}\n'
    )


@given(DOCUMENTS)
def test_a_bulk_holds_the_documents_that_it_was_made_of(documents: list[Document]) -> None:
    bulk = Bulk.of(documents, SHOP)
    assert (list(bulk), len(bulk), bulk[:2]) == (documents, len(documents), documents[:2])
    assert [decode_record(record) for record in split_records(bulk.body)] == documents


def test_a_line_break_in_a_document_becomes_a_space() -> None:
    assert list(Bulk.of([Document("d", LOGS, b'{\n"a":\n1}')], SHOP)) == [Document("d", LOGS, b'{ "a": 1}')]


@given(DOCUMENTS, st.integers(1, 500))
def test_the_parts_of_a_bulk_are_no_larger_than_they_may_be_unless_one_document_is(
    documents: list[Document], largest: int
) -> None:
    parts = list(Bulk.of(documents, SHOP).parts(largest))
    assert [document for part in parts for document in part] == documents
    assert all(len(part.body) <= largest or len(part) == 1 for part in parts)


def answer(*items: str) -> Fates:
    return msgspec.json.decode(f'{{"errors":true,"items":[{",".join(items)}]}}', type=Fates)


def item(status: int, rest: str = "") -> str:
    return f'{{"create":{{"status":{status}{rest}}}}}'


def test_a_bulk_of_which_all_is_stored_is_told_from_others() -> None:
    bulk = Bulk.of(THREE, SHOP)
    assert answer(item(201), item(201), item(201)).of(bulk) == WriteResult(3, 0)
    assert answer(item(201), item(409), item(201)).of(bulk) == WriteResult(2, 1, [], [])
    used = item(201, ',"failure_store":"used"')
    assert answer(item(201), item(201), used).of(bulk) == WriteResult(2, 0, [], [], 1)


def test_each_document_meets_its_own_fate() -> None:
    bad = ',"error":{"type":"bad","reason":"\\"status\\":201"}'
    fates = answer(item(429, bad), item(400, bad), item(403, bad))
    found = fates.of(Bulk.of(THREE, SHOP))
    assert found == WriteResult(0, 0, [Refusal(THREE[1], 'bad: "status":201')], [THREE[0], THREE[2]])
    closed = fates.closed_door()
    assert closed is not None
    assert closed[0] == 403


@pytest.mark.parametrize("statuses", [(), (201, 201), (201,) * 4])
def test_an_answer_that_is_not_about_these_documents_is_an_error(statuses: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="zip"):
        answer(*map(item, statuses)).of(Bulk.of(THREE, SHOP))


def test_an_action_is_one_line() -> None:
    assert action("logs-a\nb", "c\nd") == b'{"create":{"_index":"logs-a\\nb","_id":"c\\nd"}}\n'
