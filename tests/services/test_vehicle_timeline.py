"""One list of what runs and people did, newest first, in pages that lose and repeat nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.db import reading, unit_of_work
from app.models import Dealership, Vehicle, VehicleEdit
from app.services import vehicle_timeline
from app.services.vehicle_timeline import EditEvent, Mark, RunEvent, TimelinePage, mark_of
from tests import factories
from tests.factories_vehicles import NOON, item, run, vehicle

pytestmark = [pytest.mark.both_databases, pytest.mark.usefixtures("context")]


def edited(car: Vehicle, minutes: int, **values: object) -> VehicleEdit:
    row = VehicleEdit(
        dealership_id=car.dealership_id,
        vehicle_id=car.id,
        created_at=NOON + timedelta(minutes=minutes),
        **{"kind": "edit", "actor": "pat@example.com", **values},
    )
    with unit_of_work(car.dealership_id) as db:
        db.add(row)
    return row


def of(car: Vehicle) -> Dealership:
    with reading(car.dealership_id) as db:
        return db.get_one(Dealership, car.dealership_id)


def page(car: Vehicle, before: Mark | None = None) -> TimelinePage:
    with reading(car.dealership_id) as db:
        return vehicle_timeline.page_of(db, car.id, before)


def test_runs_and_people_are_one_list() -> None:
    car = vehicle(factories.dealership())
    item(run(of(car)), car, "create", created_at=NOON)
    edited(car, 5, before={"price_cents": 100}, after={"price_cents": None})
    item(
        run(of(car)),
        car,
        before={"year": 1},
        after={"year": 2},
        created_at=NOON + timedelta(hours=1),
    )
    events = page(car).events
    assert [type(event) for event in events] == [RunEvent, EditEvent, RunEvent]
    (change,) = events[1].changes
    assert (change.field, change.before, change.after) == ("Price", "$1", None)
    assert page(car).older is None


@pytest.mark.parametrize("mode", ["preview", "reconcile"])
def test_what_had_no_effect_is_not_told(mode: str) -> None:
    car = vehicle(factories.dealership())
    item(run(of(car), mode=mode), car, before={"year": 1}, after={"year": 2})
    assert page(car).events == []


def test_pages_lose_and_repeat_nothing() -> None:
    car = vehicle(factories.dealership())
    for number in range(30):
        at = NOON + timedelta(minutes=number * 3)
        item(run(of(car)), car, reason=f"run {number}", created_at=at)
    for number in range(25):
        # Several acts at one moment, and some at the moment of a run.
        edited(car, number // 2 * 6, reason=f"edit {number}")
    seen: list[str] = []
    found = page(car)
    while True:
        events = [
            event.item.reason if isinstance(event, RunEvent) else event.edit.reason
            for event in found.events
        ]
        seen += [text or "" for text in events]
        if found.older is None:
            break
        assert len(events) == vehicle_timeline.AT_ONCE
        found = page(car, mark_of(str(found.older)))
    assert len(seen) == 55
    assert set(seen) == {f"run {n}" for n in range(30)} | {f"edit {n}" for n in range(25)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12-7", Mark(12, 7)),
        ("12", Mark(12)),
        ("99999999999", None),
        ("9999999999-1", Mark(2_147_483_647, 1)),
        ("", None),
        ("x-1", None),
        ("-1", None),
    ],
)
def test_a_mark_survives_an_address_and_nonsense_does_not(text: str, expected: Mark | None) -> None:
    assert mark_of(text) == expected


def test_changes_are_in_words() -> None:
    car = vehicle(factories.dealership())
    edited(
        car,
        1,
        kind="lock",
        before={"locked_fields": []},
        after={"locked_fields": ["price_cents", "vin"]},
    )
    edited(car, 2, kind="lifecycle", before={"lifecycle": "listed"}, after={"lifecycle": "sold"})
    edited(car, 3, kind="photos", before={"photos": [1, 2]}, after={"photos": [2, 1]})
    photos, sold, locked = page(car).events
    assert photos.changes == []
    assert [(c.field, c.before, c.after) for c in sold.changes] == [
        ("Market state", "Listed", "Sold")
    ]
    assert [(c.field, c.before, c.after) for c in locked.changes] == [
        ("Fields kept here", "None", "Price, VIN")
    ]
