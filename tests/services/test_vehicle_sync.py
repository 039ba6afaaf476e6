"""What a person's act means for the life cycle and for the next sync (C6, C28)."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select

from app.db import reading, unit_of_work
from app.models import ExternalLink, Vehicle, VehicleEdit
from app.models.types import utc_now
from app.services import vehicle_acts, vehicle_editing, vehicle_sync
from app.services.conflict_records import Vehicles
from tests.factories import ACTOR, dealership
from tests.factories_vehicles import link, vehicle

pytestmark = pytest.mark.both_databases
CASES = [
    ("Available", "Sold", "listed", "sold"),
    ("Sold", "Available", "sold", "listed"),
    ("Sold", "Available", "off_market", "off_market"),
    ("Available", "Arriving", "sold", "sold"),
    (None, " sold ", "missing", "sold"),
]


@pytest.mark.parametrize("way", ["edited", "unlocked", "settled"])
@pytest.mark.parametrize(("was", "now", "before", "after"), CASES)
def test_life_cycle_follows_a_status_set_by_hand(
    app: Flask, way: str, was: str | None, now: str, before: str, after: str
) -> None:
    with app.app_context():
        place = dealership()
        car = vehicle(place, status=was, lifecycle=before, locked_fields=["status"])
        link(car, agreed={"status": now})
        with unit_of_work(place.id) as db:
            held = vehicle_editing.locked_row(db, car.id)
            if way == "edited":
                vehicle_editing.write(
                    db, held, {"status": now}, keep=(), sure=None, actor=ACTOR, now=utc_now()
                )
            elif way == "unlocked":
                act = vehicle_acts.unlock(["status"], take=True)
                vehicle_acts.do(db, car.id, act, ACTOR, utc_now())
            else:
                Vehicles().put(held, {"status": now}, {"status": was})
        with reading(place.id) as db:
            found = db.get_one(Vehicle, car.id)
            assert (found.status, found.lifecycle) == (now, after)
            assert (found.lifecycle_reason is not None) is (after != before)
            edits = db.scalars(select(VehicleEdit)).all()
            for edit in edits:
                assert ("lifecycle" in (edit.before or {})) is (after != before)


def test_decided_anew_means_that_no_digest_is_known(app: Flask) -> None:
    with app.app_context():
        place = dealership()
        one, two = (link(vehicle(place), content_hash=b"x" * 16) for _ in range(2))
        with unit_of_work(place.id) as db:
            vehicle_sync.decide_anew(db, [one.entity_id])
            vehicle_sync.decide_anew(db, [])
        with reading(place.id) as db:
            known = {row.id: row.content_hash for row in db.scalars(select(ExternalLink))}
        assert known == {one.id: b"", two.id: b"x" * 16}
