"""Why is it so? Every kind of origin, from the rows that are kept (U7)."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from app.db import reading, unit_of_work
from app.models import (
    Conflict,
    Dealership,
    EasyCarsStockData,
    ExternalLink,
    MappingVersion,
    Vehicle,
    VehicleEdit,
    VehicleMerge,
)
from app.services import vehicle_origin, vehicles
from app.services.errors import NotFound
from app.services.vehicle_origin import FieldOrigin
from tests import factories
from tests.factories import _saved
from tests.factories_vehicles import NOON, archive, item, link, run, vehicle

pytestmark = [pytest.mark.both_databases, pytest.mark.usefixtures("context")]
RAW = {
    "StockNumber": "S1", "Make": "Toyota", "Model": "Hilux", "YearGroup": 2019,
    "Colour": "GRN", "Price": 38990.0, "StockType": "A", "IsUsed": True, "IsDemo": False,
}  # fmt: skip


@pytest.fixture
def place(context: None) -> Dealership:
    return factories.dealership()


def why(car: Vehicle, name: str) -> FieldOrigin:
    with reading(car.dealership_id) as db:
        return vehicle_origin.why(db, vehicles.get(db, car.id), name)


def received(car: Vehicle, agreed: dict[str, Any], **changed: Any) -> ExternalLink:
    made = link(car, agreed=agreed)
    archive(made, json.dumps(RAW | changed))
    return made


def edit(car: Vehicle, kind: str, before: Any, after: Any, minutes: int = 60, **rest: Any) -> None:
    _saved(
        VehicleEdit(
            dealership_id=car.dealership_id, vehicle_id=car.id, kind=kind, before=before,
            after=after, actor="pat@example.com", created_at=NOON + timedelta(minutes=minutes),
            **rest,
        )
    )  # fmt: skip


def rules(place: Dealership, **given: Any) -> None:
    _saved(MappingVersion(dealership_id=place.id, number=3, rules={"values": {}} | given))


def test_the_first_run_brought_it(place: Dealership) -> None:
    car = vehicle(place, colour="GRN")
    received(car, {"colour": "GRN"})
    first = run(place)
    item(first, car, "create", after={"colour": "GRN"}, created_at=NOON)
    found = why(car, "colour")
    assert (found.kind, found.value, found.differs) == ("easycars", "GRN", False)
    assert found.act is not None
    assert found.act.run is not None
    assert found.act.run.id == first.id
    assert [(raw.name, raw.value) for raw in found.received.raw] == [("Colour", '"GRN"')]
    assert found.received.rule_words is None
    assert found.received.at == NOON


def test_a_later_run_changed_it_and_all_changes_are_told(place: Dealership) -> None:
    car = vehicle(place, price_cents=300)
    received(car, {"price_cents": 300})
    item(run(place), car, "create", after={"price_cents": 100}, created_at=NOON)
    for number, (was, became) in enumerate([(100, 200), (200, 300)]):
        item(
            run(place), car, before={"price_cents": was}, after={"price_cents": became},
            created_at=NOON + timedelta(days=number + 1),
        )  # fmt: skip
    found = why(car, "price_cents")
    assert [(act.before, act.after) for act in found.history] == [
        ("$2", "$3"), ("$1", "$2"), (None, "$1"),
    ]  # fmt: skip
    assert found.kind == "easycars"


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("edit", "edit"),
        ("create", "create"),
        ("merge", "merge"),
        ("conflict", "conflict"),
        ("undo", "undo"),
        ("unlock", "edit"),
    ],
)
def test_a_person_wrote_it(place: Dealership, kind: str, expected: str) -> None:
    car = vehicle(place, price_cents=500)
    received(car, {"price_cents": 100})
    item(run(place), car, "create", after={"price_cents": 100}, created_at=NOON)
    edit(car, kind, {"price_cents": 100}, {"price_cents": 500})
    found = why(car, "price_cents")
    assert found.kind == expected
    assert found.act is not None
    assert found.act.before == "$1"
    assert (found.differs, found.theirs) == (True, "$1")
    if kind != "undo":
        assert "pat@example.com" in found.sentence


@pytest.mark.parametrize(("mode", "kind"), [("remap", "rules"), ("undo", "undo")])
def test_other_runs_have_their_own_words(place: Dealership, mode: str, kind: str) -> None:
    car = vehicle(place, colour="Green")
    received(car, {"colour": "Green"})
    item(run(place, mode=mode), car, before={"colour": "GRN"}, after={"colour": "Green"})
    assert why(car, "colour").kind == kind


def test_a_rule_is_named(place: Dealership) -> None:
    rules(place, values={"colour": {"grn": "Green"}})
    car = vehicle(place, colour="Green")
    received(car, {"colour": "Green"})
    item(run(place), car, "create", after={"colour": "Green"})
    found = why(car, "colour")
    assert "“GRN” is shown as “Green” by version 3 of the mapping rules." in found.sentence
    assert [raw.value for raw in found.received.raw] == ['"GRN"']


def test_a_default_is_named(place: Dealership) -> None:
    rules(place, defaults={"body": "Ute"})
    car = vehicle(place, body="Ute")
    received(car, {"body": "Ute"})
    item(run(place), car, "create", after={"body": "Ute"})
    assert "EasyCars leaves it out: Ute is the default in version 3" in why(car, "body").sentence


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "Made from make, model, badge and year."),
        ({"title": "{year} {make}"}, "Made by the title template {year} {make} in version 3"),
    ],
    ids=["plain", "template"],
)
def test_a_title_says_how_it_was_made(place: Dealership, given: Any, told: str) -> None:
    rules(place, **given)
    car = vehicle(place, title="x")
    received(car, {"title": "x"})
    item(run(place), car, "create", after={"title": "x"})
    assert told in why(car, "title").sentence


def test_a_lock_says_who_put_it_and_what_easycars_wants(place: Dealership) -> None:
    car = vehicle(place, price_cents=500, locked_fields=["price_cents"])
    received(car, {"price_cents": 450})
    edit(
        car, "edit", {"price_cents": 400, "locked_fields": []},
        {"price_cents": 500, "locked_fields": ["price_cents"]},
    )  # fmt: skip
    found = why(car, "price_cents")
    assert found.locked
    assert found.locked_by is not None
    assert found.locked_by.edit.actor == "pat@example.com"
    assert (found.differs, found.theirs) == (True, "$4.50")
    assert not why(car, "colour").locked


def test_a_held_change_is_told_and_not_taken_for_the_origin(place: Dealership) -> None:
    car = vehicle(place, price_cents=500)
    received(car, {"price_cents": 500})
    item(run(place), car, "create", after={"price_cents": 500}, created_at=NOON)
    item(run(place), car, "hold", before={"price_cents": 500}, after={"price_cents": 0})
    found = why(car, "price_cents")
    assert [act.wrote for act in found.history] == [False, True]
    assert found.act is not None
    assert found.act.item is not None
    assert found.act.item.action == "create"


def test_a_preview_brought_nothing(place: Dealership) -> None:
    car = vehicle(place, colour="Red")
    received(car, {"colour": "Red"})
    item(run(place, mode="preview"), car, before={"colour": "Red"}, after={"colour": "Blue"})
    found = why(car, "colour")
    assert found.history == []
    assert found.kind == "easycars"
    assert "not kept any more" in found.sentence


@pytest.mark.parametrize(
    ("values", "agreed", "name", "kind"),
    [
        ({"colour": None}, {}, "colour", "nobody"),
        ({"colour": "Red"}, {"colour": "Blue"}, "colour", "unknown"),
        ({"colour": "Red"}, None, "colour", "unknown"),
        ({"colour": None}, None, "colour", "nobody"),
        ({}, None, "currency", "default"),
        ({}, None, "lifecycle", "default"),
        ({"lifecycle": "sold"}, None, "lifecycle", "unknown"),
    ],
    ids=str,
)
def test_without_an_act(
    place: Dealership, values: Any, agreed: dict[str, Any] | None, name: str, kind: str
) -> None:
    car = vehicle(place, **values)
    if agreed is not None:
        received(car, agreed)
    assert why(car, name).kind == kind


def test_a_value_that_the_log_does_not_explain_is_unknown(place: Dealership) -> None:
    car = vehicle(place, colour="Purple")
    received(car, {"colour": "Purple"})
    edit(car, "edit", {"colour": "Red"}, {"colour": "Blue"})
    found = why(car, "colour")
    assert (found.kind, found.act) == ("unknown", None)
    assert len(found.history) == 1


def test_a_merge_names_the_other_vehicle(place: Dealership) -> None:
    car, other = vehicle(place, colour="Red"), vehicle(place)
    _saved(
        VehicleMerge(dealership_id=place.id, kept_id=car.id, merged_id=other.id, created_at=NOON)
    )
    edit(car, "merge", {"colour": "Blue"}, {"colour": "Red"})
    assert why(car, "colour").merged_id == other.id


def test_an_open_conflict_is_named(place: Dealership) -> None:
    car = vehicle(place, colour="Red")
    made = received(car, {"colour": "Blue"})
    row = _saved(
        Conflict(
            dealership_id=place.id, provider="easycars", stream="stock", entity="vehicle",
            entity_id=car.id, link_id=made.id, external_id="S1", field="colour",
        )
    )  # fmt: skip
    assert why(car, "colour").conflict_id == row.id
    assert why(car, "body").conflict_id is None


def test_a_long_history_still_finds_the_first_run(
    place: Dealership, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vehicle_origin, "ACTS_READ", 3)
    car = vehicle(place, colour="Red")
    received(car, {"colour": "Red"})
    item(run(place), car, "create", after={"colour": "Red"}, created_at=NOON)
    for number in range(5):
        item(run(place), car, before={"year": number}, after={"year": number + 1})
    found = why(car, "colour")
    assert found.act is not None
    assert found.kind == "easycars"


@pytest.mark.parametrize("raw", ["", "{broken", "null", '{"StockNumber": ""}'])
def test_a_record_that_cannot_be_read_hides_nothing_else(place: Dealership, raw: str) -> None:
    car = vehicle(place, colour="Red")
    archive(link(car, agreed={"colour": "Red"}), raw)
    assert why(car, "colour").kind == "easycars"


def test_no_such_field(place: Dealership) -> None:
    with pytest.raises(NotFound):
        why(vehicle(place), "password")


def test_the_archive_run_is_named(place: Dealership) -> None:
    car = vehicle(place)
    made, of = received(car, {}), run(place)
    with unit_of_work(place.id) as db:
        db.get_one(EasyCarsStockData, made.id).run_id = of.id
    found = why(car, "colour")
    assert found.received is not None
    assert found.received.run_id == of.id
