"""Rows with defects, as real feeds bring them: one kind of defect per row, evenly spread."""

# ruff: noqa: ARG001 - every defect has the same signature

from collections.abc import Callable
from typing import Any

from app.simulator.easycars.wire import json_object, parse

Rows = list[bytes]
Item = dict[str, Any]


def _no_number(item: Item, other: Item) -> Item:
    del item["StockNumber"]
    return item


def _same_number(item: Item, other: Item) -> Item:
    return item | {"StockNumber": other["StockNumber"]}


def _wrong_types(item: Item, other: Item) -> Item:
    return item | {
        "Price": "call us",
        "YearGroup": "twenty",
        "Odometer": {"km": 5},
        "IsUsed": "perhaps",
        "AdvDescription": ["not", "text"],
    }


def _impossible_dates(item: Item, other: Item) -> Item:
    return item | {
        "RegoExpiry": "31/02/2026",
        "BuiltDate": "13/2019",
        "ComplianceDate": "00/00/0000",
        "YearGroup": 20215,
    }


def _unknown_enums(item: Item, other: Item) -> Item:
    return item | {"StockType": "Z", "StockStatus": "Vaporised", "RegoState": "XX"}


def _huge_text(item: Item, other: Item) -> Item:
    return item | {"AdvDescription": "A very long story. " * 551_883}


DEFECTS: dict[str, Callable[[Item, Item], Item]] = {
    "missing-stock-number": _no_number,
    "same-number-twice": _same_number,
    "wrong-types": _wrong_types,
    "impossible-dates": _impossible_dates,
    "unknown-enums": _unknown_enums,
    "huge-description": _huge_text,
}
_UNREADABLE = (b"null", b'"a text instead of a vehicle"', b"[1,2,3]")


def dirty_rows(rows: Rows, count: int, kinds: tuple[str, ...] = ()) -> Rows:
    """`count` rows get defects in the order of `kinds`, again from the start; () means all."""
    chosen = kinds or tuple(DEFECTS)
    dirty = list(rows)
    for n, at in enumerate(_spread(rows, count)):
        item, other = parse(rows[at]), parse(rows[at - 1])
        dirty[at] = json_object(DEFECTS[chosen[n % len(chosen)]](item, other)).encode()
    return dirty


def bad_rows(rows: Rows, count: int) -> Rows:
    """`count` rows that nobody can identify: no number, blank number, not even an object."""
    bad = list(rows)
    for n, at in enumerate(_spread(rows, count)):
        item = parse(rows[at])
        without = {name: value for name, value in item.items() if name != "StockNumber"}
        options = (
            json_object(without | {"VIN": "", "RegoNum": ""}).encode(),
            json_object(item | {"StockNumber": "  ", "VIN": ""}).encode(),
            *_UNREADABLE,
        )
        bad[at] = options[n % len(options)]
    return bad


def _spread(rows: Rows, count: int) -> range:
    """Positions with at least one untouched row before each, as far as the list is long enough."""
    step = max(2, len(rows) // max(1, count))
    return range(1, len(rows), step)[:count]
