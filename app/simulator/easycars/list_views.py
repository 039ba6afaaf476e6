"""What a scenario makes of the stock list. The stock itself stays: switch back and all is well."""

# ruff: noqa: ARG001, ARG005 - every view has the same signature

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from app.simulator.easycars.dirt import bad_rows, dirty_rows
from app.simulator.easycars.stock_book import StockBook
from app.simulator.easycars.vehicles import make_item
from app.simulator.easycars.wire import json_object, money, parse
from app.simulator.scenarios import Active

Rows = list[bytes]
View = Callable[[StockBook, Rows, Active], Rows]
OTHER_YARD_SERIALS = 500_000


def every(rows: Rows, percent: float) -> range:
    """Positions of an evenly spread share of the rows; at least one when there is any row."""
    if not rows or percent <= 0:
        return range(0)
    wanted = max(1, round(len(rows) * percent / 100))
    return range(0, len(rows), max(1, len(rows) // wanted))[:wanted]


def _edit(rows: Rows, percent: float, field: str, change: Callable[[Any], Any]) -> Rows:
    """Apply `change` to a field of a share of those rows that have a value there."""
    filled = [at for at, row in enumerate(rows) if f'"{field}":null'.encode() not in row]
    edited = list(rows)
    for place in every([rows[at] for at in filled], percent):
        item = parse(rows[filled[place]])
        item[field] = change(item[field])
        edited[filled[place]] = json_object(item).encode()
    return edited


def _empty(book: StockBook, rows: Rows, active: Active) -> Rows:
    return []


def _shrunk(book: StockBook, rows: Rows, active: Active) -> Rows:
    return rows[: round(len(rows) * active.number / 100)]


def _other_yard(book: StockBook, rows: Rows, active: Active) -> Rows:
    items = (make_item(book.seed, book.account, OTHER_YARD_SERIALS + n) for n in range(len(rows)))
    return [
        json_object(item | {"YardCode": "300", "YardName": "Northern Branch"}).encode()
        for item in items
    ]


def _changed_prices(book: StockBook, rows: Rows, active: Active) -> Rows:
    return _edit(rows, active.number, "Price", lambda price: price - 250)


def _price_zero(book: StockBook, rows: Rows, active: Active) -> Rows:
    return _edit(rows, active.number, "Price", lambda price: money(0))


def _price_drop(book: StockBook, rows: Rows, active: Active) -> Rows:
    return _edit(rows, active.number, "Price", lambda price: money(price * Decimal("0.4")))


def _odometer_falling(book: StockBook, rows: Rows, active: Active) -> Rows:
    return _edit(rows, active.number, "Odometer", lambda odometer: odometer // 3)


def _sold(book: StockBook, rows: Rows, active: Active) -> Rows:
    chosen = list(every(rows, active.number))
    gone, marked = set(chosen[1::2]), set(chosen[::2])
    return [
        json_object(parse(row) | {"StockStatus": "Sold"}).encode() if at in marked else row
        for at, row in enumerate(rows)
        if at not in gone
    ]


def _respelled(book: StockBook, rows: Rows, active: Active) -> Rows:
    return [_respell(parse(row)) for row in rows]


def _respell(item: dict[str, Any]) -> bytes:
    padded = {
        name: None
        if value == ""
        else f"{value} "
        if name in ("Badge", "Series", "Colour")
        else value
        for name, value in item.items()
    }
    return json_object(padded, colon=" : ", comma=",\r\n ").encode()


def _unknown_fields(book: StockBook, rows: Rows, active: Active) -> Rows:
    extra = json_object(
        {
            "AncapRating": 5,
            "Co2Emissions": "158 g/km",
            "Dealer": {"LMCT": "0000", "Tags": ["a", None]},
        }
    )
    return [row[:-1] + b"," + extra[1:].encode() for row in rows]


def _missing_fields(book: StockBook, rows: Rows, active: Active) -> Rows:
    needed = ("YardCode", "StockNumber", "Make", "Model", "ImageURLs")
    return [
        json_object(
            {
                name: value
                for at, (name, value) in enumerate(parse(row).items())
                if at % 3 or name in needed
            }
        ).encode()
        for row in rows
    ]


VIEWS: dict[str, View] = {
    "empty-list": _empty,
    "shrinking-feed": _shrunk,
    "other-yard": _other_yard,
    "changed-prices": _changed_prices,
    "price-zero": _price_zero,
    "price-drop": _price_drop,
    "odometer-falling": _odometer_falling,
    "sold-cars": _sold,
    "spelling-only": _respelled,
    "unknown-fields": _unknown_fields,
    "missing-fields": _missing_fields,
    "dirty-rows": lambda book, rows, active: dirty_rows(rows, int(active.number), active.kinds),
    "bad-rows": lambda book, rows, active: bad_rows(rows, int(active.number)),
}
