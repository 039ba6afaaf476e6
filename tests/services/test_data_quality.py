"""Each rule of the data quality list, and the order that the points make (C44, C27, T25)."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from app.db import reading
from app.models import Dealership, Vehicle
from app.services import data_quality
from app.services.data_quality import RULES, QualityPage, points_of
from app.services.data_quality_export import quality_csv
from tests import factories
from tests.factories_vehicles import photo, stored_file, vehicle

pytestmark = [pytest.mark.both_databases, pytest.mark.usefixtures("context")]
NEWEST_YEAR = 2028
GOOD: dict[str, Any] = {
    "body": "Ute", "colour": "White", "fuel_type": "Diesel", "gear_type": "Automatic",
    "rego_num": "ABC12D", "rego_state": "NSW", "vin": "JTFSZ20R90A123456", "condition": "used",
    "description": "One owner, full service history, tow bar, canopy and a new set of tyres.",
}  # fmt: skip


@pytest.fixture
def place(context: None) -> Dealership:
    return factories.dealership()


@pytest.fixture
def file_id(place: Dealership, tmp_path: Any) -> int:
    from app.adapters.media import open_media
    from app.config import Settings

    store = open_media(Settings(media_url=f"file://{tmp_path / 'photos'}"))
    return stored_file(place.id, store, 1).id


def good(place: Dealership, photos: list[dict[str, Any]], **changed: Any) -> Vehicle:
    made = vehicle(place, **(GOOD | changed))
    for position, values in enumerate(photos):
        photo(made, position=position, **values)
    return made


def page(place: Dealership, *rest: Any, **named: Any) -> QualityPage:
    with reading(place.id) as db:
        return data_quality.page_of(db, NEWEST_YEAR, *rest, **named)


def broken(place: Dealership) -> set[str]:
    (row,) = page(place).rows or (None,)
    return {rule.key for rule in row.rules} if row else set()


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, set()),
        ({"price_cents": None}, {"no-price"}),
        ({"price_cents": None, "special_price_cents": 100_000}, set()),
        ({"price_cents": 0}, {"price-zero"}),
        ({"price_cents": 49_999}, {"price-odd"}),
        ({"price_cents": 50_000}, set()),
        ({"price_cents": 200_000_001}, {"price-odd"}),
        ({"odometer": None}, {"no-odometer"}),
        ({"odometer": None, "kind": None}, {"no-odometer"}),
        ({"odometer": None, "kind": "boat"}, set()),
        ({"odometer": None, "kind": "caravan", "fuel_type": None, "gear_type": ""}, set()),
        ({"odometer": None, "kind": "trailer", "colour": None, "body": None}, set()),
        ({"odometer": 1_000_001}, {"odometer-odd"}),
        ({"odometer": 0}, {"odometer-odd"}),
        ({"odometer": 0, "condition": "new"}, set()),
        ({"odometer": 0, "kind": "boat"}, set()),
        ({"year": None}, {"no-year"}),
        ({"year": 1899}, {"year-odd"}),
        ({"year": NEWEST_YEAR + 1}, {"year-odd"}),
        ({"year": NEWEST_YEAR}, set()),
        ({"description": None}, {"no-description"}),
        ({"description": "   "}, {"no-description"}),
        ({"description": "x" * 59}, {"short-description"}),
        ({"description": "x" * 60}, set()),
        ({"make": None}, {"no-make"}),
        ({"model": ""}, {"no-model"}),
        ({"body": None}, {"no-body"}),
        ({"colour": None}, {"no-colour"}),
        ({"fuel_type": None}, {"no-fuel"}),
        ({"gear_type": None}, {"no-gear"}),
        ({"gear_type": None, "kind": "motorbike", "body": None}, {"no-gear"}),
        ({"rego_state": None}, {"rego-state"}),
        ({"rego_state": None, "rego_num": None}, set()),
        ({"vin": "JTFSZ20R90A12345"}, {"vin-form"}),
        ({"vin": "JTFSZ20R9OA123456"}, {"vin-form"}),
        ({"vin": "jtfsz20r9ia123456"}, {"vin-form"}),
        ({"vin": "JTFSZ20R90A 23456"}, {"vin-form"}),
        ({"vin": None}, set()),
        ({"vin": "HJ45-012345", "year": 1979}, set()),
        ({"vin": "AU-ABC123", "kind": "boat"}, set()),
        ({"vin": "6T9", "kind": "caravan"}, set()),
        ({"lifecycle": "missing", "price_cents": None}, set()),
        ({"lifecycle": "sold", "price_cents": None}, set()),
        ({"merged_into_id": 1, "price_cents": None}, set()),
    ],
    ids=str,
)
def test_each_rule(
    place: Dealership, file_id: int, changed: dict[str, Any], expected: set[str]
) -> None:
    good(place, [{"media_id": file_id, "state": "stored"}] * 3, **changed)
    assert broken(place) == expected


STORED: Any = {"state": "stored"}
WAITING: Any = {"state": "wanted"}
FAILED: Any = {"state": "failed"}
HIDDEN: Any = {"state": "stored", "is_hidden": True}


@pytest.mark.parametrize(
    ("photos", "expected"),
    [
        ([], {"no-photo"}),
        ([STORED], {"few-photos"}),
        ([STORED, STORED], {"few-photos"}),
        ([STORED] * 3, set()),
        ([WAITING] * 3, set()),
        ([HIDDEN] * 3, {"no-photo"}),
        ([STORED, HIDDEN, HIDDEN], {"few-photos"}),
        ([FAILED], {"no-photo", "photo-failed"}),
        ([STORED] * 3 + [FAILED], {"photo-failed"}),
    ],
    # A set of words is printed in an order of its own in each worker.
    ids=lambda value: str(sorted(value) if isinstance(value, set) else value)[:60],
)
def test_photos_that_can_be_shown_count(
    place: Dealership, file_id: int, photos: list[Any], expected: set[str]
) -> None:
    given = [
        values | ({"media_id": file_id} if values["state"] == "stored" else {}) for values in photos
    ]
    good(place, given)
    assert broken(place) == expected


def test_points_are_the_sum_and_the_worst_comes_first(place: Dealership) -> None:
    mild = good(place, [WAITING] * 3, rego_state=None)
    worst = good(place, [], price_cents=0, colour=None)
    same = good(place, [WAITING] * 3, rego_state=None)
    good(place, [WAITING] * 3)
    found = page(place)
    assert [row.row.vehicle.id for row in found.rows] == [worst.id, same.id, mild.id]
    assert [row.points for row in found.rows] == [30 + 30 + 4, 3, 3]
    assert [rule.key for rule in found.rows[0].rules] == ["no-photo", "price-zero", "no-colour"]
    assert (found.listed, found.clean, found.total) == (4, 1, 3)
    assert found.counts["rego-state"] == 2
    assert found.counts["no-make"] == 0


def test_a_filter_keeps_the_counts_of_all(place: Dealership) -> None:
    good(place, [WAITING] * 3, rego_state=None)
    priceless = good(place, [WAITING] * 3, price_cents=None)
    found = page(place, "no-price")
    assert [row.row.vehicle.id for row in found.rows] == [priceless.id]
    assert (found.total, found.counts["rego-state"]) == (1, 1)


def test_pages_lose_nothing(place: Dealership) -> None:
    made = {good(place, []).id for _ in range(7)}
    seen = [
        row.row.vehicle.id for number in (1, 2, 3, 4) for row in page(place, None, number, 3).rows
    ]
    assert len(seen) == 7
    assert set(seen) == made


def test_another_dealership_is_not_judged(place: Dealership) -> None:
    good(factories.dealership(), [])
    assert page(place).listed == 0


def test_rules_are_ordered_by_points_and_named_once() -> None:
    assert [rule.points for rule in RULES] == sorted((rule.points for rule in RULES), reverse=True)
    assert len({rule.key for rule in RULES}) == len({rule.label for rule in RULES}) == len(RULES)
    assert points_of(2 ** len(RULES) - 1) == sum(rule.points for rule in RULES)


def test_the_file_cannot_hold_formulas(place: Dealership) -> None:
    good(place, [], title="=1+1", stock_number="-5")
    with reading(place.id) as db:
        text = "".join(quality_csv(db, NEWEST_YEAR))
    (row,) = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
    assert (row["Title"], row["Stock number"]) == ("'=1+1", "'-5")
    assert (row["Points"], row["Issues"]) == ("30", "No photo (30)")
