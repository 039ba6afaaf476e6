"""A known vehicle and an odd row of EasyCars: what cannot be read changes nothing."""

from __future__ import annotations

import json

import pytest

from app.services.providers.easycars import PROVIDER
from app.services.sync.changes import Matcher, Read, plan_rows
from app.services.sync.collect import KnownLink, Row
from app.services.sync.guards import Guards, Limits
from app.services.sync.plan import Verb
from app.services.sync.targets import Existing, HandMade

(STOCK,) = PROVIDER.streams
GOOD = {
    "StockNumber": "10412",
    "Make": "MAZDA",
    "Model": "CX-5",
    "Price": 31990,
    "YearGroup": 2021,
    "Odometer": 48000,
    "RegoExpiry": "31/12/2027",
}


def planned(**changed: object):
    """The decision about the good vehicle when its row comes again with changed values."""
    old = json.dumps(GOOD).encode()
    agreed = dict(STOCK.draft(old).values)
    known = Existing(
        1, 1, "10412", agreed, [], 0, old, agreed | {"lifecycle": "listed"}, frozenset()
    )
    row = Row(1, b"", json.dumps(GOOD | changed).encode())
    matcher = Matcher({"10412": KnownLink(1, 1, "10412", b"", 0)}, {}, HandMade({}, {}))
    read = Read(row, STOCK.draft(row.raw), None)
    (change,) = plan_rows([read], {"10412": known}, matcher, STOCK, Guards(Limits(2028)))
    return change


@pytest.mark.parametrize(
    "odd",
    [
        {"Price": "call us"},
        {"Odometer": {"km": 5}},
        {"RegoExpiry": "31/02/2027"},
        {"YearGroup": "old"},
    ],
    ids=str,
)
def test_unreadable_value_keeps_the_known_one_and_is_told(odd: dict[str, object]) -> None:
    change = planned(**odd)
    assert change.decision.write == {}
    assert change.decision.verb is Verb.SAME
    assert "left out" in change.warnings[0].text


@pytest.mark.parametrize("none", [{"Price": None}, {"RegoExpiry": ""}], ids=str)
def test_emptied_value_is_taken_over(none: dict[str, object]) -> None:
    assert set(planned(**none).decision.write.values()) == {None}


def test_readable_neighbour_of_an_unreadable_value_is_written() -> None:
    change = planned(Price="call us", Colour="Blue")
    assert change.decision.write == {"colour": "Blue"}
