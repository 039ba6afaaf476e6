"""The stock list on the wire: names, order, types and oddities (API fact 5)."""

import json
import re
from collections import Counter
from typing import Any

from app.simulator import STOCK_FIELDS, running_simulator
from tests.simulator.caller import STOCK, Caller

BOOLEANS = {"IsDemo", "IsSpecial", "IsPrestiged", "IsUsed", "IsMiles", "IsDepositTaken"}
NUMBERS = {
    *("Price", "Odometer", "AdvSpecialPrice", "DoorNum", "EngineSize", "GCM", "GVM", "Tare"),
    *(
        "SleepingCapacity",
        "SeatCapacity",
        "GearCount",
        "EnginePower",
        "PowerkW",
        "Powerhp",
        "Length",
    ),
}
INTEGERS = {"YearGroup", "ImageCount"}
OTHERS = {"RegoExpiry": (str, type(None)), "IsDriveAway": (bool, type(None))}
VIN_VALUES = dict(
    zip(
        "ABCDEFGHJKLMNPRSTUVWXYZ0123456789",
        (*range(1, 9), 1, 2, 3, 4, 5, 7, 9, *range(2, 10), *range(10)),
        strict=True,
    )
)
VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)


def allowed_types(name: str) -> tuple[type, ...]:
    if name in BOOLEANS:
        return (bool,)
    if name in NUMBERS:
        return (int, float, type(None))
    return (int,) if name in INTEGERS else OTHERS.get(name, (str,))


def test_the_envelope_is_the_vendors(caller: Caller) -> None:
    answer = caller.stocks()
    assert list(answer) == ["StockList", "Code", "ErrorMessage"]
    assert (answer["Code"], answer["ErrorMessage"]) == (0, None)


def test_every_item_has_the_72_fields_in_order_and_of_their_type(caller: Caller) -> None:
    rows = caller.rows()
    assert len(STOCK_FIELDS) == 72
    for row in rows:
        assert tuple(row) == STOCK_FIELDS
        wrong = {n: v for n, v in row.items() if not isinstance(v, allowed_types(n))}
        assert wrong == {}


def test_the_documented_oddities_occur(caller: Caller) -> None:
    raw = caller.send(STOCK, "GetAdvertisementStocks").text
    rows = json.loads(raw)["StockList"]
    seen = {name: {row[name] for row in rows} for name in STOCK_FIELDS}
    assert re.search(r'"Price":\d+\.\d{4},', raw)
    assert any(badge.endswith(" ") for badge in seen["Badge"])
    assert any(number.startswith("0") for number in seen["StockNumber"])
    assert seen["IsDriveAway"] == {True, False, None}
    for name in ("Price", "Odometer", "RegoExpiry", "AdvSpecialPrice", "DoorNum", "GearCount"):
        assert None in seen[name], name
    for name in ("VIN", "RegoNum", "AirConditioning", "BuiltDate", "RedbookCode"):
        assert "" in seen[name], name
    assert "0" in seen["Wheelsize"]
    assert seen["StockType"] == set("ABCHMT")
    assert any(type(power) is float for power in seen["Powerhp"])


def test_stock_numbers_are_unique_and_vins_hold_their_check_digit(caller: Caller) -> None:
    caller.simulator.stock("set_vehicles", count=1000)
    rows = caller.rows()
    assert len({row["StockNumber"] for row in rows}) == 1000
    vins = [row["VIN"] for row in rows if row["VIN"]]
    assert len(set(vins)) == len(vins)
    for vin in vins:
        assert re.fullmatch(r"[A-HJ-NPR-Z0-9]{17}", vin)
        total = sum(VIN_VALUES[c] * w for c, w in zip(vin, VIN_WEIGHTS, strict=True))
        assert vin[8] == ("X" if total % 11 == 10 else str(total % 11))
    assert {row["StockType"] for row in rows if row["VIN"]} == {"A"}


def test_stock_is_believable(caller: Caller) -> None:
    caller.simulator.stock("set_vehicles", count=1000)
    rows = caller.rows()
    kinds = Counter(row["StockType"] for row in rows)
    prices = [row["Price"] for row in rows if row["Price"] is not None]
    average = sum(len(json.dumps(row, ensure_ascii=False)) for row in rows) / len(rows)
    assert kinds["A"] > 600
    assert 1_000 < min(prices) < max(prices) < 500_000
    assert {row["StockStatus"] for row in rows} == {"In Stock", "On Offer", "On Order", "Sold"}
    assert 2_900 < average < 3_800
    for row in rows:
        assert not (row["IsUsed"] is False and row["RegoNum"])
        assert 4 <= row["ImageCount"] == len(row["ImageURLs"].split(",")) <= 12
        assert not any("," in part for part in row["ImageURLs"].split(","))


def test_yard_code_filters_and_unknown_yards_are_empty(caller: Caller) -> None:
    by_yard = Counter(row["YardCode"] for row in caller.rows())
    assert set(by_yard) == {"100", "200"}
    assert len(caller.rows(YardCode="200")) == by_yard["200"]
    assert caller.stocks(YardCode="999") == {"StockList": [], "Code": 0, "ErrorMessage": None}
    assert len(caller.rows(YardCode="")) == len(caller.rows(YardCode=None)) == 100


def test_photo_addresses_point_to_the_caller_s_own_host(caller: Caller) -> None:
    first = caller.rows()[0]["ImageURLs"].split(",")[0]
    pattern = (
        re.escape(caller.simulator.base_url) + r"/test/publicimages/image/\d+/\d+/[0-9a-f]{40}"
    )
    assert re.fullmatch(pattern, first)
    elsewhere = {"Host": "double.example:81"}
    url = f"{caller.simulator.test_base_url}/{STOCK}/GetAdvertisementStocks"
    pair = {"AccountNumber": caller.account, "AccountSecret": caller.secret}
    headers = {"Authorization": f"Bearer {caller.token(STOCK)}"} | elsewhere
    rows = caller.http.post(url, json=pair, headers=headers).json()["StockList"]
    assert rows[0]["ImageURLs"].startswith("http://double.example:81/")


def bytes_after(caller: Caller, operations: list[tuple[str, dict[str, Any]]]) -> bytes:
    for name, options in operations:
        caller.simulator.stock(name, **options)
    body = caller.send(STOCK, "GetAdvertisementStocks").content
    return body.replace(caller.simulator.base_url.encode(), b"")


def test_same_seed_and_operations_give_the_same_bytes(caller: Caller) -> None:
    operations: list[tuple[str, dict[str, Any]]] = [
        ("change_prices", {"percent": 10}),
        ("add", {"count": 3}),
        ("renew_photos", {"count": 2}),
        ("change_prices", {"percent": 5}),
        ("remove", {"count": 4}),
    ]
    first = bytes_after(caller, operations)
    with running_simulator(vehicles=100, seed=7) as other:
        caller.simulator, caller.tokens = other, {}
        assert bytes_after(caller, operations) == first
    with running_simulator(vehicles=100, seed=8) as third:
        caller.simulator, caller.tokens = third, {}
        assert bytes_after(caller, operations) != first
