"""Values that look like a slip (C4), asked of the person who typed them."""

from __future__ import annotations

from typing import Any

import pytest

from app.services.sync.guards import Limits
from app.services.vehicle_doubts import doubts

LIMITS = Limits(newest_year=2028)
BEFORE = {
    "price_cents": 2_000_000, "odometer": 50_000, "odometer_unit": "km", "year": 2019,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"price_cents": 1_400_000}, []),
        ({"price_cents": 1_399_999}, ["price_cents"]),
        ({"price_cents": 0}, ["price_cents"]),
        ({"price_cents": None}, []),
        ({"price_cents": 9_000_000}, []),
        ({"special_price_cents": 0}, ["special_price_cents"]),
        ({"special_price_cents": 2_000_001}, ["special_price_cents"]),
        ({"special_price_cents": 1_000_000}, []),
        ({"odometer": 49_999}, ["odometer"]),
        ({"odometer": 49_999, "odometer_unit": "mi"}, []),
        ({"odometer": 50_001}, []),
        ({"odometer": None}, []),
        ({"year": 1899}, ["year"]),
        ({"year": 2029}, ["year"]),
        ({"year": 2028}, []),
        ({"year": None}, []),
        ({"title": "x"}, []),
        ({"price_cents": 0, "odometer": 1, "year": 0}, ["price_cents", "odometer", "year"]),
    ],
)
def test_suspicious_values_are_named(changes: dict[str, Any], fields: list[str]) -> None:
    assert [doubt.field for doubt in doubts(BEFORE, changes, LIMITS)] == fields


def test_a_limit_of_the_dealership_counts() -> None:
    strict = Limits(newest_year=2028, price_drop=0.05)
    (doubt,) = doubts(BEFORE, {"price_cents": 1_800_000}, strict)
    assert doubt.text == "The price would fall by 10 %."
    assert doubt.key == "price_cents=1800000"


def test_a_new_vehicle_is_asked_too() -> None:
    found = doubts({}, {"price_cents": 0, "year": 3019, "odometer": 1}, LIMITS)
    assert [doubt.field for doubt in found] == ["price_cents", "year"]
