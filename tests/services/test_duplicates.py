"""Suggestions of duplicates: evidence, blocking, memory (C22, C24, B-2d.3, T11)."""

from __future__ import annotations

import random
import time
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.db import reading, unit_of_work
from app.models import Dealership, DuplicatePair, Vehicle
from app.services import duplicates
from app.services.duplicates_score import Candidate, Subject, candidates, judge
from tests import factories
from tests.factories import ACTOR
from tests.factories_vehicles import NOON, vehicle
from tests.services.sync.memory import Yard

VIN = "MR0FZ29G001234567"
OTHER_VIN = "JM0ER1CL200109884"
HILUX = {"make": "TOYOTA", "model": "HILUX", "year": 2019}


def one(id_: int = 1, **values: Any) -> Subject:
    blank: dict[str, Any] = {
        "vin": "",
        "rego": "",
        "rego_state": "",
        "stock_number": "",
        "make": "",
        "model": "",
        "year": None,
        "odometer": None,
        "price": None,
        "colour": "",
        "badge": "",
        "kind": "",
        "by_hand": False,
        "on_market": True,
    }
    return Subject(id=id_, **(blank | values))


@pytest.mark.parametrize(
    ("first", "second", "score"),
    [
        ({"vin": VIN}, {"vin": VIN}, 90),
        ({"vin": VIN} | HILUX, {"vin": VIN} | HILUX, 100),
        ({"vin": "HULL1234"}, {"vin": "HULL1234"}, 50),
        ({"vin": "12345"}, {"vin": "12345"}, None),
        ({"vin": ""}, {"vin": ""}, None),
        ({"vin": VIN, "make": "TOYOTA"}, {"vin": VIN, "make": "FORD"}, 50),
        ({"vin": VIN, "make": "A", "year": 2010}, {"vin": VIN, "make": "B", "year": 2020}, 50),
        ({"rego": "ABC12D", "rego_state": "NSW"}, {"rego": "ABC12D", "rego_state": "NSW"}, 70),
        ({"rego": "ABC12D", "rego_state": "NSW"}, {"rego": "ABC12D"}, 55),
        ({"rego": "ABC12D", "rego_state": "NSW"}, {"rego": "ABC12D", "rego_state": "VIC"}, None),
        ({"stock_number": "S100"}, {"stock_number": "S100"}, 60),
        ({"stock_number": "12"}, {"stock_number": "12"}, None),
        ({"stock_number": "12"} | HILUX, {"stock_number": "12"} | HILUX, 50),
        (HILUX | {"odometer": 84_210}, HILUX | {"odometer": 84_210}, 65),
        (HILUX | {"odometer": 84_210}, HILUX | {"odometer": 84_600}, 50),
        (HILUX | {"odometer": 84_210}, HILUX | {"odometer": 95_000}, None),
        (HILUX | {"odometer": 12}, HILUX | {"odometer": 12}, None),
        (HILUX, HILUX, None),
        (HILUX | {"price": 1, "colour": "RED"}, HILUX | {"price": 1, "colour": "RED"}, 45),
        ({"price": 1, "colour": "RED"}, {"price": 1, "colour": "RED"}, None),
        (
            {"vin": VIN, "stock_number": "S1X"} | HILUX,
            {"vin": OTHER_VIN, "stock_number": "S1X"} | HILUX,
            None,
        ),
        (
            {"vin": VIN, "stock_number": "S1X", "rego": "AB", "rego_state": "NSW"} | HILUX,
            {"vin": OTHER_VIN, "stock_number": "S1X", "rego": "AB", "rego_state": "NSW"} | HILUX,
            70,
        ),
        ({"stock_number": "S100", "year": 2019}, {"stock_number": "S100", "year": 2020}, 60),
        ({"stock_number": "S100", "year": 2010}, {"stock_number": "S100", "year": 2020}, None),
        ({"vin": VIN, "on_market": False}, {"vin": VIN}, 90),
        ({"vin": VIN, "on_market": False}, {"vin": VIN, "on_market": False}, None),
    ],
    ids=[
        "same VIN",
        "never more than 100",
        "same odd VIN",
        "short VIN",
        "no VIN never matches",
        "other make speaks against",
        "one VIN is one car",
        "rego and state",
        "rego, one state",
        "two states",
        "stock number",
        "short stock number alone",
        "short stock number and model",
        "same odometer",
        "near odometer",
        "far odometer",
        "new cars",
        "model alone",
        "model, price and colour",
        "price and colour without model",
        "different VINs",
        "different VINs, yet very strong",
        "a year apart",
        "ten years apart",
        "one sold",
        "both off the market",
    ],
)
def test_evidence_adds_up(first: dict[str, Any], second: dict[str, Any], score: int | None) -> None:
    found = judge(one(1, **first), one(2, **second))
    assert (found.score if found else None) == score
    assert judge(one(2, **second), one(1, **first)) == found, "order does not matter"


def test_every_reason_is_a_sentence_with_its_points() -> None:
    found = judge(one(2, vin=VIN, **HILUX), one(1, vin=VIN, **HILUX))
    assert found is not None
    assert (found.first_id, found.second_id) == (1, 2)
    assert [reason.as_json() for reason in found.reasons] == [
        {"field": "vin", "text": f"Same VIN: {VIN}", "points": 90},
        {"field": "model", "text": "Same make, model and year", "points": 20},
    ]


def ids(found: list[Candidate]) -> set[tuple[int, int]]:
    return {(pair.first_id, pair.second_id) for pair in found}


@pytest.mark.parametrize(
    ("shared", "expected"),
    [
        ({"vin": VIN}, True),
        ({"rego": "ABC", "rego_state": "NSW"}, True),
        ({"stock_number": "S77"}, True),
        (HILUX | {"odometer": 50_000}, True),
        (HILUX | {"price": 100, "colour": "RED", "by_hand": True}, True),
        (HILUX | {"price": 100, "colour": "RED"}, False),
    ],
    ids=["vin", "rego", "stock number", "odometer", "look, by hand", "look, both from a feed"],
)
def test_vehicles_that_share_a_key_are_compared(shared: dict[str, Any], expected: bool) -> None:
    found = candidates([one(1, **shared), one(2, **shared), one(3, vin=OTHER_VIN)])
    assert ids(found) == ({(1, 2)} if expected else set())


def test_a_key_of_many_names_nobody() -> None:
    assert candidates([one(id_, stock_number="DEMO") for id_ in range(1, 20)]) == []


@pytest.fixture
def place(app: Flask) -> Dealership:
    with app.app_context():
        yield factories.dealership()


def look(place: Dealership, days: int = 0) -> duplicates.Found:
    with unit_of_work(place.id) as session:
        return duplicates.find(session, place.id, NOON + timedelta(days=days))


def pairs(place: Dealership) -> list[DuplicatePair]:
    with reading(place.id) as session:
        return list(session.scalars(select(DuplicatePair).order_by(DuplicatePair.id)))


def change(car: Vehicle, **values: Any) -> None:
    with unit_of_work(car.dealership_id) as session:
        row = session.get_one(Vehicle, car.id)
        for name, value in values.items():
            setattr(row, name, value)


@pytest.mark.both_databases
@pytest.mark.parametrize("word", ["", "TBA", "n/a", "00000", None])
def test_blank_and_placeholder_keys_match_nobody(place: Dealership, word: str | None) -> None:
    for _ in range(2):
        vehicle(place, vin=word, rego_num=word, stock_number=word, make=None)
    assert look(place).opened == 0


@pytest.mark.both_databases
def test_a_pair_is_found_once_and_kept_up_to_date(place: Dealership) -> None:
    first = vehicle(place, vin=VIN, odometer=None)
    second = vehicle(place, vin=VIN.lower(), odometer=None, source="Manual")
    assert (look(place).opened, look(place, 1).opened) == (1, 0)
    (pair,) = pairs(place)
    assert (pair.first_id, pair.second_id, pair.state) == (first.id, second.id, "open")
    assert pair.found_at == NOON
    score = pair.score
    change(second, make="Ford", model="Ranger")
    look(place, 2)
    assert pairs(place)[0].score < score


@pytest.mark.both_databases
def test_a_dismissed_pair_is_asked_again_only_for_a_new_kind_of_reason(place: Dealership) -> None:
    vehicle(place, rego_num="ABC 12D", rego_state="NSW", odometer=None)
    second = vehicle(place, rego_num="abc-12d", rego_state="NSW", odometer=None)
    look(place)
    with unit_of_work(place.id) as session:
        duplicates.dismiss(
            session, duplicates.get(session, pairs(place)[0].id), actor=ACTOR, now=NOON
        )
    assert (look(place, 1).open, pairs(place)[0].state) == (0, "dismissed")
    change(second, colour="Red")
    assert look(place, 2).opened == 0
    with unit_of_work(place.id) as session:
        for car in session.scalars(select(Vehicle)):
            car.vin = VIN
    assert look(place, 3).opened == 1
    (pair,) = pairs(place)
    assert (pair.state, pair.decided_by) == ("open", None)


@pytest.mark.both_databases
def test_a_pair_without_reasons_is_gone_and_comes_back(place: Dealership) -> None:
    vehicle(place, vin=VIN, odometer=None)
    second = vehicle(place, vin=VIN, odometer=None)
    look(place)
    change(second, vin=OTHER_VIN)
    assert (look(place, 1).open, pairs(place)[0].state) == (0, "gone")
    change(second, vin=VIN)
    assert look(place, 2).opened == 1
    change(second, merged_into_id=1)
    look(place, 3)
    assert pairs(place)[0].state == "gone"


@pytest.mark.both_databases
def test_other_dealerships_are_not_compared(place: Dealership) -> None:
    vehicle(place, vin=VIN)
    vehicle(factories.dealership(), vin=VIN)
    assert look(place).open == 0


@pytest.mark.both_databases
def test_the_first_import_merges_no_hand_made_twin(app: Flask) -> None:
    """B-2d.2: both stay, and the pair waits for a person."""
    with app.app_context():
        yard = Yard()
        twin = vehicle(yard.dealership, vin=VIN, stock_number="H1", source="Manual", title="Mine")
        namesake = vehicle(yard.dealership, stock_number="S200", source="Manual", odometer=None)
        yard.stream.feed = [{"no": "S1", "vin": VIN}, {"no": "S200", "make": "Toyota"}]
        run = yard.sync()
        assert run.created == 2
        with reading(yard.dealership.id) as session:
            cars = {car.id: car for car in session.scalars(select(Vehicle))}
        assert len(cars) == 4
        assert all(car.merged_into_id is None for car in cars.values())
        assert (cars[twin.id].title, cars[twin.id].source) == ("Mine", "Manual")
        assert look(yard.dealership).opened == 2
        assert {pair.first_id for pair in pairs(yard.dealership)} == {twin.id, namesake.id}
        assert {pair.state for pair in pairs(yard.dealership)} == {"open"}


def test_twenty_thousand_vehicles_take_less_than_two_seconds() -> None:
    dice = random.Random(7)
    cars = [
        one(
            id_,
            vin=f"MR0FZ29G0{id_:08}" if id_ % 5 else "",
            rego=f"R{id_:05}",
            rego_state="NSW",
            stock_number=f"S{id_}",
            make=f"MAKE{id_ % 12}",
            model=f"MODEL{id_ % 40}",
            year=2010 + id_ % 15,
            odometer=dice.randrange(200_000),
            price=dice.randrange(10, 60) * 100_000,
            by_hand=id_ % 20 == 0,
        )
        for id_ in range(1, 20_001)
    ]
    cars += [one(20_001, vin=cars[0].vin), one(20_002, rego="R00007", rego_state="NSW")]
    started = time.process_time()
    found = ids(candidates(cars))
    assert time.process_time() - started < 2
    assert {(1, 20_001), (7, 20_002)} <= found
