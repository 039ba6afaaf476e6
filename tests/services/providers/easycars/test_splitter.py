"""The splitter against json.loads: same elements, however the bytes arrive."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.services.errors import ContractBroken
from app.services.http_failures import AnswerUnreadable
from app.services.providers.easycars import splitter as module
from app.services.providers.easycars.splitter import ListSplitter, require_list

NASTY = ["},{", '},{"a":1', "},\n{", "]}", "{", "}", '"', "\\", '\\"', '"},{"a', "[", "\\\\", "ü€𝄞"]
texts = st.lists(st.one_of(st.sampled_from(NASTY), st.text(max_size=6)), max_size=5).map("".join)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
vehicles = st.dictionaries(st.sampled_from(["a", "b", "StockNumber"]) | texts, values, max_size=4)
layouts = st.sampled_from([(",", ":"), (", ", ": "), (",\r\n\t", " : ")])


def split(body: bytes, sizes: list[int]) -> tuple[list[bytes], bytes]:
    splitter, rows, at = ListSplitter(), [], 0
    for size in [*sizes, len(body)]:
        rows += splitter.feed(body[at : at + size])
        at += size
    rows += splitter.finish()
    return rows, splitter.envelope()


@given(
    st.lists(vehicles | values, max_size=8),
    st.lists(st.integers(1, 40), max_size=60),
    layouts,
    st.booleans(),
    st.booleans(),
)
def test_any_list_in_any_chunks(items, sizes, layout, ascii_only, code_first):
    envelope = {"StockList": items, "Code": 0, "ErrorMessage": None}
    if code_first:
        envelope = {"Code": 0, "ErrorMessage": None, "StockList": items}
    body = json.dumps(envelope, separators=layout, ensure_ascii=ascii_only).encode()
    rows, around = split(body, sizes)
    assert [json.loads(row) for row in rows] == items
    assert require_list(around, 200) == (envelope | {"StockList": []}, True)


@given(st.lists(vehicles, min_size=2, max_size=6), layouts)
def test_elements_keep_their_bytes(items, layout):
    pieces = [json.dumps(item, separators=layout).encode() for item in items]
    body = b'{"Code":0,"StockList":[' + b" ,\n".join(pieces) + b"]}"
    assert split(body, [7] * 20)[0] == pieces


def test_whole_list_stays_small_in_memory():
    """Twenty thousand vehicles arrive; no more than a few chunks are ever held (row 60)."""
    splitter, seen = ListSplitter(), 0
    splitter.feed(b'{"StockList":[')
    row = b'{"StockNumber":"1","Text":"' + b"x" * 3000 + b'"}'
    for _ in range(20_000):
        seen += len(splitter.feed(row + b","))
        assert splitter._size < 10_000
    seen += len(splitter.feed(row + b"]}")) + len(splitter.finish())
    assert seen == 20_001


def test_one_huge_element_comes_through_whole():
    item = {"AdvDescription": 'He said "}," twice. ' * 500_000}
    body = json.dumps({"StockList": [item, {"a": 1}], "Code": 0}).encode()
    rows, _ = split(body, [65_536] * (len(body) // 65_536))
    assert [json.loads(row) for row in rows] == [item, {"a": 1}]


@pytest.mark.parametrize(
    "body",
    [
        b'{"StockList":[{"a":1},{"a":2}',
        b'{"StockList":[{"a":1},',
        b'{"StockList":[{"a":"never ends',
        b'{"StockList":[',
        b'{"StockList":[{"a":1} {"a":2}],"Code":0}',
        b'{"StockList":[{"a":1},],"Code":0}',
        b'{"StockList":[,{"a":1}],"Code":0}',
    ],
)
def test_broken_lists_are_told(body):
    with pytest.raises(AnswerUnreadable):
        split(body, [5] * 4)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "empty answer"),
        (b"  \n", "empty answer"),
        (b"<!DOCTYPE html><html></html>", "web page"),
        (b"Service unavailable", "not readable JSON"),
        (b'{"StockList":[{"a":1}],"Code":0', "not readable JSON"),
        (b'{"StockList":[{"a":1}]]}', "not readable JSON"),
        (b'["StockList"]', "another shape"),
    ],
)
def test_what_is_no_envelope_is_told(body, words):
    _, around = split(body, [])
    with pytest.raises(ContractBroken, match=words):
        require_list(around, 200)


@pytest.mark.parametrize(
    "body",
    [
        b'{"Code":0}',
        b'{"Vehicles":[{"a":1}],"Code":0}',
        b'{"Data":{"StockList":[{"a":1}]},"Code":0}',
        b'{"StockList":null,"Code":0}',
        b'{"ErrorMessage":"no \\"StockList\\":[ here","Code":0}',
    ],
)
def test_a_list_elsewhere_is_no_list(body):
    """A success under another name once counted as 0 vehicles (lesson 4)."""
    _, around = split(body, [])
    assert require_list(around, 200)[1] is False


@pytest.mark.parametrize("state", ["head", "list", "tail"])
def test_absurd_sizes_end_the_reading(monkeypatch, state):
    monkeypatch.setattr(module, "LARGEST_ENVELOPE", 50)
    monkeypatch.setattr(module, "LARGEST_ELEMENT", 50)
    start = {"head": b'{"x":"', "list": b'{"StockList":["', "tail": b'{"StockList":[],"x":"'}[state]
    with pytest.raises(ContractBroken):
        split(start + b"y" * 200, [10] * 30)
