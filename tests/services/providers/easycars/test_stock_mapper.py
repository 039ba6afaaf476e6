"""EasyCars' stock items become vehicles: golden files per stock type, then everything odd."""

from __future__ import annotations

import json
import time
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from app.models import EasyCarsStockData, Vehicle
from app.services.errors import RecordRefused
from app.services.providers.easycars.mapping import (
    KINDS,
    LONGEST_TEXT,
    STOCK_NUMBER_WIDTH,
    TITLE_WIDTH,
    WIDTHS,
    EasyCarsStockMapper,
    condition_of,
    date_of,
)
from app.services.providers.easycars.stock import StockStream
from app.services.providers.easycars.wire import VENDOR_NAMES, parse_item
from app.services.vehicle_fields import FIELDS, field_of_source, label_of
from app.simulator import STOCK_FIELDS

PAYLOADS = Path(__file__).parent / "payloads"
STREAM = StockStream()
ENDLESS = "9" * 6000


def draft(**fields):
    return STREAM.draft(json.dumps({"StockNumber": "1"} | fields).encode())


def warned(found):
    return {warning.field for warning in found.warnings}


@pytest.mark.parametrize("kind", KINDS.values())
def test_golden_vehicle(kind):
    raw = (PAYLOADS / f"{kind}.json").read_bytes()
    assert set(STOCK_FIELDS) <= json.loads(raw).keys()
    expected = json.loads((PAYLOADS / f"{kind}.expected.json").read_text())
    found = STREAM.draft(raw)
    assert (found.external_id, found.label) == (expected["external_id"], expected["label"])
    assert found.values == expected["values"]
    assert list(found.photo_urls) == expected["photo_urls"]
    assert [warning.as_json() for warning in found.warnings] == expected["warnings"]
    filled = {name: value for name, value in found.archive.items() if value is not None}
    assert {n: str(v) if isinstance(v, Decimal | date) else v for n, v in filled.items()} == (
        expected["archive"]
    )


def test_every_vendor_field_has_a_place():
    """FR5: 72 fields typed in the archive; all but the pictures end in a vehicle field."""
    assert tuple(VENDOR_NAMES.values()) == STOCK_FIELDS
    columns = list(EasyCarsStockData.__table__.columns.keys())
    assert [name for name in columns if name in VENDOR_NAMES] == list(VENDOR_NAMES)
    homeless = {name for name in STOCK_FIELDS if field_of_source(name) is None}
    assert homeless == {"ImageCount", "ImageURLs"}


def test_every_value_is_a_known_vehicle_field():
    texts = dict.fromkeys(STOCK_FIELDS, "1") | {"RegoExpiry": "01/02/2030", "ImageURLs": ""}
    values = STREAM.draft(json.dumps(texts).encode()).values
    assert values.keys() == FIELDS.keys() - {"currency"}
    assert label_of("price_cents") == "Price"
    assert label_of("unheard_of") == "unheard_of"


def test_catalogue_and_widths_agree_with_the_vehicle_table():
    columns = Vehicle.__table__.columns
    stored = {name for name, field in FIELDS.items() if field.stored == "column"}
    assert stored <= set(columns.keys())
    assert not (FIELDS.keys() - stored) & set(columns.keys())
    widths = {n: columns[n].type.length for n in stored if getattr(columns[n].type, "length", None)}
    ours = WIDTHS | {"title": TITLE_WIDTH, "stock_number": STOCK_NUMBER_WIDTH, "kind": 32}
    assert ours == {n: w for n, w in widths.items() if n in ours}
    assert widths.keys() - ours.keys() == {"condition", "currency", "odometer_unit"}


def test_unknown_is_not_zero():
    """Trap T12."""
    found = draft(Price=None, Odometer=None, AdvSpecialPrice="", IsDriveAway=None, YearGroup=0)
    absent = {"price_cents", "odometer", "odometer_unit", "special_price_cents", "is_drive_away"}
    assert not (absent | {"year"}) & found.values.keys()
    assert found.archive["price"] is None
    assert found.warnings == ()
    assert draft(Price=0).values["price_cents"] == 0


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        (31990.5000, 3199050),
        ("25000.0000", 2500000),
        (" 7 ", 700),
        (0.29, 29),
        (1e3, 100000),
        (21_474_836.47, 2_147_483_647),
    ],
)
def test_money_is_exact(sent, stored):
    assert draft(Price=sent).values["price_cents"] == stored


@pytest.mark.parametrize("sent", [True, 1, "1", "Y", "y", "Yes", "true", "TRUE"])
def test_words_for_yes(sent):
    assert draft(IsDriveAway=sent).values["is_drive_away"] is True


@pytest.mark.parametrize("sent", [False, 0, "0", "N", "No", "false"])
def test_words_for_no(sent):
    assert draft(IsDriveAway=sent).values["is_drive_away"] is False


@pytest.mark.parametrize(
    ("field", "value", "name"),
    [
        ("Price", "call us", "price_cents"),
        ("Price", 1e400, "price_cents"),
        ("Price", {"amount": 5}, "price_cents"),
        ("Price", -5, "price_cents"),
        ("Price", 21_474_836.48, "price_cents"),
        ("Odometer", 2**31, "odometer"),
        ("Odometer", 2**70, "odometer"),
        ("Odometer", ENDLESS, "odometer"),
        ("Odometer", -1, "odometer"),
        ("YearGroup", "20x1", "year"),
        ("YearGroup", 2021.5, "year"),
        ("IsDriveAway", "maybe", "is_drive_away"),
        ("Make", ["a", 1], "make"),
        ("RegoExpiry", "31/02/2027", "rego_expiry"),
        ("RegoExpiry", "soon", "rego_expiry"),
        ("RegoExpiry", "01/01/0001", "rego_expiry"),
        ("Length", float("nan"), "length_m"),
    ],
)
def test_an_impossible_value_costs_only_itself(field, value, name):
    sent = value if value == ENDLESS else json.dumps(value)
    raw = f'{{"StockNumber":"1","Model":"X","{field}":{sent}}}'.encode()
    found = STREAM.draft(raw)
    assert name not in found.values
    assert found.values["model"] == "X"
    assert warned(found) in ({field}, {name})


def test_odd_values_keep_the_good_ones_beside_them():
    found = draft(Price="x", Odometer="12", IsUsed="?", IsMiles=False, StockType="q", Make=" B ")
    assert found.values["odometer"] == 12
    assert (found.values["make"], found.values["kind"]) == ("B", "q")
    assert warned(found) == {"Price", "IsUsed", "kind"}


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b'{"Make":"KIA","Model":"RIO"}', "KIA RIO has no stock number"),
        (b'{"StockNumber":""}', "no stock number"),
        (b'{"StockNumber":" \\t "}', "no stock number"),
        (b'{"StockNumber":null}', "no stock number"),
        (b'{"StockNumber":{"a":1}}', "no stock number"),
        (b'{"StockNumber":"' + b"9" * 101 + b'"}', "longer than 100"),
        (b"[1]", "not a vehicle"),
        (b'"text"', "not a vehicle"),
        (b"null", "not a vehicle"),
        (b'{"StockNumber":"1"', "not readable JSON"),
        (b"", "not readable JSON"),
        (b'{"StockNumber":"\xff"}', "not readable JSON"),
        pytest.param(
            b'{"StockNumber":"1","X":' + b"[" * 200_000 + b"}", "not readable JSON", id="deep"
        ),
        pytest.param(
            b'{"StockNumber":"1","X":"' + b"x" * (32 << 20) + b'"}', "too large", id="huge"
        ),
    ],
)
def test_refused_records_say_why(raw, words):
    with pytest.raises(RecordRefused, match=words):
        STREAM.draft(raw)
    assert STREAM.external_id(raw) in (None, "1")


def test_texts_are_cut_with_a_warning():
    found = draft(Make="M" * 150, AdvDescription="d" * 10_000_000, StandardFeatures="f" * 70_000)
    assert len(found.values["make"]) == 100
    assert len(found.values["description"]) == LONGEST_TEXT
    assert len(found.archive["adv_description"]) == LONGEST_TEXT
    assert warned(found) == {"make", "adv_description", "standard_features"}
    assert len(found.archive["make"]) == 150


def test_no_text_that_a_database_refuses():
    raw = b'{"StockNumber":"1\\u0000","Model":"a\\u0000b\\ud800c","Badge":"\\ud83d\\ude00"}'
    found = STREAM.draft(raw)
    assert found.external_id == STREAM.external_id(raw) == "1"
    assert found.values["model"] == "ab?c"
    assert found.values["badge"] == "\N{GRINNING FACE}"


def test_title_has_single_spaces():
    """Row B-2b.3: the vendor's sample has trailing blanks."""
    assert draft(Make="KIA ", Model=" RIO  S", Badge="", YearGroup=2020).label == "KIA RIO S 2020"
    assert draft().label == "1"


def test_pictures_keep_their_order_without_doubles():
    found = draft(ImageURLs="https://a/2, https://a/1,,https://a/2,ftp://a/3")
    assert found.photo_urls == ("https://a/2", "https://a/1")
    assert warned(found) == {"photos"}
    assert draft(ImageURLs=["https://a/1", "https://a/2"]).photo_urls == (
        "https://a/1",
        "https://a/2",
    )


def test_descriptive_texts_stay_texts():
    """Lesson 6: a lenient boolean once turned them into false."""
    found = draft(AirConditioning="Ducted", Toilet="No", Cylinder="V6", Wheelsize=0, GPS="")
    assert found.values["air_conditioning"] == "Ducted"
    assert (found.values["toilet"], found.values["cylinder"]) == ("No", "V6")
    assert not {"wheel_size", "gps"} & found.values.keys()


@pytest.mark.parametrize(
    ("is_demo", "is_used", "condition"),
    [
        (True, True, "demo"),
        (True, None, "demo"),
        (False, True, "used"),
        (None, True, "used"),
        (False, False, "new"),
        (None, False, "new"),
        (False, None, None),
        (None, None, None),
    ],
)
def test_condition(is_demo, is_used, condition):
    assert condition_of(is_demo, is_used) == condition


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("29/02/2028", date(2028, 2, 29)),
        ("1/7/2027", date(2027, 7, 1)),
        ("01/07/2027 00:00:00", date(2027, 7, 1)),
        ("2027-07-01T00:00:00", date(2027, 7, 1)),
        ("29/02/2027", None),
        ("07/13/2027", None),
        ("", None),
    ],
)
def test_dates(text, day):
    assert date_of(text) == day


def test_map_to_vehicle_takes_the_typed_item():
    """Row 64."""
    item = parse_item(b'{"StockNumber":"7","Make":"KIA","Later":1}').item
    assert EasyCarsStockMapper().map_to_vehicle(item).values["make"] == "KIA"


@pytest.mark.parametrize(
    ("raw", "number"),
    [
        (b'{"StockNumber":"00087","Make":"x"}', "00087"),
        (b'{ "Make" : "x", "StockNumber" : "A-1 " }', "A-1"),
        (b'{"StockNumber":10412}', "10412"),
        (b'{"StockNumber":104.0}', "104"),
        (b'{"StockNumber":"caf\\u00e9"}', "caf\u00e9"),
        ('{"StockNumber":"caf\u00e9"}'.encode(), "caf\u00e9"),
        (b'{"X":{"StockNumber":"inner"},"StockNumber":"outer"}', "outer"),
        (b'{"StockNumber":"first","StockNumber":"second"}', "second"),
        (b'{"Text":"\\"StockNumber\\":\\"fake\\"","StockNumber":"real"}', "real"),
        (b'{"Text":"StockNumber"}', None),
        (b'{"stocknumber":"1"}', None),
    ],
)
def test_external_id_reads_what_the_draft_reads(raw, number):
    assert STREAM.external_id(raw) == number
    if number is not None:
        assert STREAM.draft(raw).external_id == number


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        (b'{"a":1,"b":null}', b'{"a": 1.0}', True),
        (b'{"a":"x ","b":""}', b'{"b":null,"a":"x"}', True),
        (b'{"P":25000.0000}', b'{"P":25000}', True),
        (b'{"a":"\\u00e9"}', '{"a":"\u00e9"}'.encode(), True),
        (b'{"a":1}', b'{"a":2}', False),
        (b'{"a":1}', b'{"a":1,"b":"y"}', False),
        (b'{"a":"1"}', b'{"a":"x"}', False),
        (b"{", b"}", False),
        (b"{", b"{", True),
    ],
)
def test_same_content(old, new, same):
    assert STREAM.same_content(old, new) is same


def test_mapping_keeps_pace():
    """20,000 drafts take about 1.2 s of processor; this guards against a tenfold slip."""
    raw = (PAYLOADS / "car.json").read_bytes()
    started = time.process_time()
    for _ in range(2_000):
        STREAM.draft(raw)
    assert time.process_time() - started < 2.0


def test_unknown_and_absent_names_are_told():
    whole = dict.fromkeys(VENDOR_NAMES.values()) | {"StockNumber": "1"}
    assert _names(whole) == ((), frozenset())
    assert _names(whole | {"Warp": {"deep": [1]}, "price": 5}) == (("Warp", "price"), frozenset())
    del whole["Badge"]
    assert _names(whole) == ((), {"Badge"})
    # The slow way, for items with something odd in them, tells the same.
    odd = whole | {"YearGroup": "twenty", "Warp": 9}
    assert _names(odd) == (("Warp",), {"Badge"})


def _names(record):
    found = StockStream().draft(json.dumps(record).encode())
    return found.unknown, found.absent


def test_received_columns_are_columns_of_the_archive():
    columns = StockStream().received_columns
    archive = EasyCarsStockData.__table__.columns
    assert columns["status"] == "stock_status"
    assert {archive[name].name for name in columns.values()} == set(columns.values())
    assert columns.keys() <= FIELDS.keys()
