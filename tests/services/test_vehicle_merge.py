"""Merge and unmerge on real databases, with syncs before, between and after (C23)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.db import reading, unit_of_work
from app.models import (
    AuditEvent,
    Conflict,
    DuplicatePair,
    ExternalLink,
    Photo,
    Vehicle,
    VehicleEdit,
    VehicleMerge,
)
from app.models.types import utc_now
from app.parts import parts
from app.services import duplicates, vehicle_merge, vehicle_merge_heirs, vehicle_merge_undo
from app.services.errors import NotAllowed, NotFound
from app.services.vehicle_merge import ChangedMeanwhile
from app.services.vehicle_values import put_values, values_of
from tests.factories import ACTOR
from tests.factories_vehicles import link, photo, stored_file, vehicle
from tests.services.sync.memory import Yard

pytestmark = [pytest.mark.both_databases]
VIN = "MR0FZ29G001234567"


@pytest.fixture
def yard(app: Flask) -> Yard:
    with app.app_context():
        yield Yard()


def car(number: int, **fields: Any) -> dict[str, Any]:
    return {"no": f"S{number}", "make": "Mazda", "price_cents": 2_000_000 + number, **fields}


def by_hand(yard: Yard, **values: Any) -> Vehicle:
    given = {"source": "Manual", "stock_number": "H1", "vin": VIN, "make": "Mazda", "model": None}
    return vehicle(yard.dealership, **(given | values))


def merge(yard: Yard, kept: Vehicle, merged: Vehicle, **choices: str) -> VehicleMerge:
    with unit_of_work(yard.dealership.id) as db:
        duplicates.find(db, yard.dealership.id, utc_now())
        return vehicle_merge.merge(db, kept.id, merged.id, choices, actor=ACTOR, now=utc_now())


def unmerge(yard: Yard, record: VehicleMerge, at: datetime | None = None) -> list[str]:
    with unit_of_work(yard.dealership.id) as db:
        found = vehicle_merge.get(db, record.id)
        return vehicle_merge_undo.unmerge(db, found, actor=ACTOR, now=at or utc_now())


def edit(yard: Yard, car: Vehicle, **values: Any) -> None:
    with unit_of_work(yard.dealership.id) as db:
        put_values(db.get_one(Vehicle, car.id), values)


def now_of(yard: Yard, car: Vehicle) -> Vehicle:
    with reading(yard.dealership.id) as db:
        return db.get_one(Vehicle, car.id)


# What a merge and its undo say about themselves; all else must be as it was.
TOLD = {"updated_at", "edited_at"}


def everything(yard: Yard) -> dict[str, list[dict[str, Any]]]:
    """All rows of vehicles, links, photos and pairs."""
    found = {}
    with reading(yard.dealership.id) as db:
        for model in (Vehicle, ExternalLink, Photo, DuplicatePair):
            columns = [column.key for column in model.__table__.columns if column.key not in TOLD]
            rows = db.scalars(select(model).order_by(model.id))
            found[model.__name__] = [{name: getattr(row, name) for name in columns} for row in rows]
    return found


def synced(yard: Yard, *cars: dict[str, Any]) -> list[Vehicle]:
    yard.stream.feed = list(cars)
    yard.sync()
    found = yard.vehicles()
    return [found[one["no"]] for one in cars]


def pictures(yard: Yard, of: Vehicle, *numbers: int, feed: bool = False, first: int = 0) -> None:
    """Stored photos; the same number is the same picture."""
    for place, number in enumerate(numbers, first):
        media = stored_once(yard, number)
        url = f"https://img.example/{number}" if feed else None
        photo(of, source_url=url, media_id=media, state="stored", position=place)


def stored_once(yard: Yard, number: int) -> int:
    known = yard.__dict__.setdefault("stored", {})
    if number not in known:
        known[number] = stored_file(yard.dealership.id, parts().media, number).id
    return known[number]


def shown(yard: Yard, of: Vehicle) -> list[int]:
    """The numbers of the pictures on show, in their order."""
    numbers = {media: number for number, media in yard.__dict__.get("stored", {}).items()}
    with reading(yard.dealership.id) as db:
        query = select(Photo).where(Photo.vehicle_id == of.id, Photo.is_hidden.is_(False))
        rows = db.scalars(query.order_by(Photo.position, Photo.id)).all()
    return [numbers[row.media_id] for row in rows if row.media_id]


# -- Merge -------------------------------------------------------------------------------------


def test_chosen_values_come_over_and_blanks_are_filled(yard: Yard) -> None:
    (stays,) = synced(yard, car(1, vin=VIN, colour="Red", odometer=10, odometer_unit="km"))
    mine = by_hand(yard, colour="Blue", odometer=20, odometer_unit="mi", series="GT")
    edit(yard, mine, gvm_kg=1800)
    record = merge(yard, stays, mine, odometer="merged", price_cents="kept")
    kept = now_of(yard, stays)
    assert (kept.colour, kept.price_cents) == ("Red", 2_000_001)
    assert (kept.odometer, kept.odometer_unit) == (20, "mi"), "the unit goes with its number"
    assert (kept.series, values_of(kept)["gvm_kg"]) == ("GT", 1800)
    assert now_of(yard, mine).merged_into_id == stays.id
    assert record.choices["odometer"] == "merged"
    with reading(yard.dealership.id) as db:
        assert {row.vehicle_id for row in db.scalars(select(VehicleEdit))} == {stays.id, mine.id}
        assert db.scalar(select(AuditEvent.action)) == "vehicle.merge"
        assert db.scalar(select(DuplicatePair.state)) == "merged"


def test_sync_after_a_merge_keeps_the_chosen_values_and_goes_on(yard: Yard) -> None:
    (stays,) = synced(yard, car(1, vin=VIN, colour="Red", price_cents=100))
    mine = by_hand(yard, price_cents=90, colour="Red")
    merge(yard, stays, mine, price_cents="merged")
    yard.stream.feed = [car(1, vin=VIN, colour="Blue", price_cents=100)]
    run = yard.sync()
    kept = now_of(yard, stays)
    assert (run.created, run.missing, kept.price_cents, kept.colour) == (0, 0, 90, "Blue")
    assert now_of(yard, mine).colour == "Red"


def test_the_link_moves_into_a_kept_hand_made_vehicle(yard: Yard) -> None:
    (goes,) = synced(yard, car(1, vin=VIN, colour="Red", price_cents=100))
    mine = by_hand(yard, price_cents=90, colour="Red")
    record = merge(yard, mine, goes)
    yard.stream.feed = [car(1, vin=VIN, colour="Blue", price_cents=100)]
    run = yard.sync()
    kept = now_of(yard, mine)
    assert (run.created, run.updated, run.missing) == (0, 1, 0)
    assert (kept.source, kept.price_cents, kept.colour) == ("EasyCars", 90, "Blue")
    assert now_of(yard, goes).colour == "Red"

    assert unmerge(yard, record) == []
    kept, back = now_of(yard, mine), now_of(yard, goes)
    assert (kept.source, kept.price_cents, kept.colour) == ("Manual", 90, "Red")
    assert (back.price_cents, back.colour, back.merged_into_id) == (100, "Blue", None)
    yard.stream.feed = [car(1, vin=VIN, colour="Green", price_cents=110)]
    run = yard.sync()
    back = now_of(yard, goes)
    assert (run.created, run.updated, run.conflicts) == (0, 1, 0)
    assert (back.price_cents, back.colour, now_of(yard, mine).colour) == (110, "Green", "Red")


@pytest.mark.parametrize("keeps", ["synced", "hand-made"])
def test_unmerge_restores_everything_exactly(yard: Yard, keeps: str) -> None:
    (stays,) = synced(yard, car(1, vin=VIN, colour="Red", features=["Tow bar"]))
    mine = by_hand(yard, colour="Blue", locked_fields=["colour"], description="Long")
    edit(yard, mine, gvm_kg=1800, rego_expiry="2027-01-31")
    pictures(yard, stays, 1, 2, feed=True)
    pictures(yard, mine, 3, 2)
    with unit_of_work(yard.dealership.id) as db:
        duplicates.find(db, yard.dealership.id, utc_now())
    before = everything(yard)
    kept, gone = (stays, mine) if keeps == "synced" else (mine, stays)
    choices = {"colour": "merged", "price_cents": "merged", "title": "merged"}
    record = merge(yard, kept, gone, **choices)
    assert everything(yard) != before
    assert unmerge(yard, record) == []
    after = everything(yard)
    for name, rows in before.items():
        assert after[name] == rows, name


def test_two_synced_vehicles_go_on_beside_each_other(yard: Yard) -> None:
    first, second = synced(yard, car(1, vin=VIN, colour="Red"), car(2, vin=VIN, colour="Blue"))
    record = merge(yard, first, second)
    yard.stream.feed = [car(1, vin=VIN, colour="Red", series="X"), car(2, vin=VIN, colour="Grey")]
    run = yard.sync()
    assert (run.created, run.missing, run.updated) == (0, 0, 2)
    assert now_of(yard, first).series == "X"
    assert unmerge(yard, record) == []
    assert (now_of(yard, first).series, now_of(yard, second).colour) == ("X", "Grey")
    assert yard.sync().unchanged == 2


def test_the_other_record_takes_over_when_easycars_drops_the_kept_one(yard: Yard) -> None:
    other = [car(n) for n in range(10, 30)]
    first, second, *_ = synced(
        yard, car(1, vin=VIN, colour="Red", series="A"), car(2, vin=VIN, colour="Blue"), *other
    )
    pictures(yard, first, 1, feed=True)
    pictures(yard, second, 2, feed=True)
    record = merge(yard, first, second, colour="kept")
    edit(yard, first, badge="Mine")
    yard.stream.feed = [car(2, vin=VIN, colour="Blue", series="B"), *other]
    assert yard.sync().missing == 1
    with unit_of_work(yard.dealership.id) as db:
        assert vehicle_merge_heirs.follow(db, utc_now()) == [first.id]
        assert vehicle_merge_heirs.follow(db, utc_now()) == []
    kept = now_of(yard, first)
    assert (kept.lifecycle, kept.colour, kept.series, kept.badge) == ("listed", "Blue", "B", "Mine")
    assert shown(yard, first) == [1, 2]
    yard.stream.feed = [car(2, vin=VIN, colour="Blue", series="C"), *other]
    run = yard.sync()
    assert (run.created, run.updated, now_of(yard, first).series) == (0, 1, "C")

    assert unmerge(yard, record) == ["badge"]
    kept, back = now_of(yard, first), now_of(yard, second)
    assert (back.lifecycle, back.colour, back.series) == ("listed", "Blue", "C")
    assert (kept.lifecycle, kept.colour, kept.series) == ("missing", "Red", "A")
    assert (shown(yard, first), shown(yard, second)) == ([1], [2])
    run = yard.sync()
    assert (run.created, run.missing, run.unchanged) == (0, 1, 21)
    assert now_of(yard, first).lifecycle == "off_market"


def test_a_merge_takes_no_car_off_the_market(yard: Yard) -> None:
    other = [car(n) for n in range(10, 30)]
    gone, *_ = synced(yard, car(1, vin=VIN), *other)
    yard.stream.feed = other
    yard.sync()
    mine = by_hand(yard)
    record = merge(yard, gone, mine)
    assert now_of(yard, gone).lifecycle == "listed"
    with reading(yard.dealership.id) as db:
        kept = db.scalar(select(ExternalLink.kept_outside).where(ExternalLink.missing_runs > 0))
    assert kept
    unmerge(yard, record)
    assert now_of(yard, gone).lifecycle == "missing"
    assert now_of(yard, mine).lifecycle == "listed"


def test_a_car_is_sold_once(yard: Yard) -> None:
    (stays,) = synced(yard, car(1, vin=VIN))
    merge(yard, stays, by_hand(yard, lifecycle="sold"))
    assert now_of(yard, stays).lifecycle == "sold"


def test_a_new_number_of_a_merged_car_is_no_second_vehicle(yard: Yard) -> None:
    other = [car(n) for n in range(10, 30)]
    stays, *_ = synced(yard, car(1, vin=VIN), *other)
    merge(yard, stays, by_hand(yard))
    yard.stream.feed = [car(5, vin=VIN), *other]
    run = yard.sync()
    assert (run.created, run.missing, now_of(yard, stays).stock_number) == (0, 0, "S5")


# -- Photos and conflicts ----------------------------------------------------------------------


def test_photos_are_added_behind_and_the_same_picture_once(yard: Yard) -> None:
    (stays,) = synced(yard, car(1, vin=VIN))
    mine = by_hand(yard)
    pictures(yard, stays, 1, 2, feed=True)
    pictures(yard, mine, 2, 3)
    record = merge(yard, stays, mine)
    assert shown(yard, stays) == [1, 2, 3]
    assert shown(yard, mine) == [2, 3]
    unmerge(yard, record)
    assert (shown(yard, stays), shown(yard, mine)) == ([1, 2], [2, 3])


def test_photos_of_the_feed_move_with_their_link(yard: Yard) -> None:
    (goes,) = synced(yard, car(1, vin=VIN))
    mine = by_hand(yard)
    pictures(yard, goes, 1, 2, feed=True)
    pictures(yard, mine, 2, 3)
    record = merge(yard, mine, goes)
    assert (shown(yard, mine), shown(yard, goes)) == ([2, 3, 1], [])
    late = photo(mine, source_url="https://img.example/9", position=9)
    unmerge(yard, record)
    assert (shown(yard, goes), shown(yard, mine)) == ([1, 2], [2, 3])
    with reading(yard.dealership.id) as db:
        assert db.get_one(Photo, late.id).vehicle_id == goes.id, "the feed's photos go with it"


def test_open_conflicts_follow_their_link(yard: Yard) -> None:
    (goes,) = synced(yard, car(1, vin=VIN, colour="Red", series="A"))
    edit(yard, goes, colour="Mine", series="Mine")
    yard.stream.feed = [car(1, vin=VIN, colour="Blue", series="B")]
    yard.sync()
    mine = by_hand(yard, colour="Green", series="B")
    record = merge(yard, mine, goes)
    assert conflicts(yard) == {
        "colour": (mine.id, "open", "Green"),
        "series": (mine.id, "resolved", "B"),
    }
    unmerge(yard, record)
    assert conflicts(yard)["colour"] == (goes.id, "open", "Mine")


def test_a_conflict_that_only_the_merge_made_ends_with_it(yard: Yard) -> None:
    (stays,) = synced(yard, car(1, vin=VIN, colour="Red"))
    record = merge(yard, stays, by_hand(yard, colour="Green"), colour="merged")
    yard.stream.feed = [car(1, vin=VIN, colour="Blue")]
    assert yard.sync().conflicts == 1
    unmerge(yard, record)
    yard.sync()
    assert (now_of(yard, stays).colour, conflicts(yard)["colour"][1]) == ("Blue", "resolved")


def conflicts(yard: Yard) -> dict[str, tuple[int, str, Any]]:
    with reading(yard.dealership.id) as db:
        rows = db.scalars(select(Conflict)).all()
    return {row.field: (row.entity_id, row.state, row.local) for row in rows}


# -- Unmerge -----------------------------------------------------------------------------------


def test_later_edits_are_listed_and_kept(yard: Yard) -> None:
    (stays,) = synced(yard, car(1, vin=VIN, colour="Red", badge="Old"))
    mine = by_hand(yard, colour="Blue", badge="New")
    record = merge(yard, stays, mine, colour="merged", badge="merged")
    edit(yard, stays, colour="Green", series="Later")
    with reading(yard.dealership.id) as db:
        asked = vehicle_merge_undo.restoration(db, vehicle_merge.get(db, record.id))
    assert asked.left == ["colour"]
    assert unmerge(yard, record) == ["colour"]
    kept = now_of(yard, stays)
    assert (kept.colour, kept.badge, kept.series) == ("Green", "Old", "Later")


def test_a_merge_can_be_taken_back_for_ninety_days_and_once(yard: Yard) -> None:
    (stays,) = synced(yard, car(1, vin=VIN))
    record = merge(yard, stays, by_hand(yard))
    with pytest.raises(NotAllowed, match="90 days"):
        unmerge(yard, record, utc_now() + timedelta(days=91))
    unmerge(yard, record, utc_now() + timedelta(days=89))
    with pytest.raises(NotAllowed, match="already"):
        unmerge(yard, record)


def test_merges_are_taken_back_in_turn(yard: Yard) -> None:
    (stays,) = synced(yard, car(1, vin=VIN, colour="Red"))
    one, two = by_hand(yard, colour="Blue"), by_hand(yard, colour="Green")
    first = merge(yard, stays, one, colour="merged")
    second = merge(yard, stays, two, colour="merged")
    with pytest.raises(NotAllowed, match="Take that merge back first"):
        unmerge(yard, first)
    unmerge(yard, second)
    assert now_of(yard, stays).colour == "Blue"
    unmerge(yard, first)
    assert now_of(yard, stays).colour == "Red"


def test_what_changed_meanwhile_is_not_merged_blindly(yard: Yard) -> None:
    (stays,) = synced(yard, car(1, vin=VIN))
    mine = by_hand(yard)
    with reading(yard.dealership.id) as db:
        seen = vehicle_merge.fingerprint(
            db.get_one(Vehicle, stays.id), db.get_one(Vehicle, mine.id)
        )
    edit(yard, mine, colour="Other")
    with pytest.raises(ChangedMeanwhile), unit_of_work(yard.dealership.id) as db:
        vehicle_merge.merge(db, stays.id, mine.id, {}, actor=ACTOR, now=utc_now(), seen=seen)
    assert now_of(yard, mine).merged_into_id is None


def test_a_vehicle_is_merged_once_and_only_into_another(yard: Yard) -> None:
    (stays,) = synced(yard, car(1, vin=VIN))
    mine, third = by_hand(yard), by_hand(yard)
    merge(yard, stays, mine)
    with pytest.raises(NotAllowed, match="merged already"):
        merge(yard, third, mine)
    with pytest.raises(NotFound):
        merge(yard, third, third)


def test_a_pair_is_open_again_after_the_unmerge(yard: Yard) -> None:
    (stays,) = synced(yard, car(1, vin=VIN))
    mine = by_hand(yard)
    link(mine, external_id="elsewhere", provider="demo2")
    unmerge(yard, merge(yard, stays, mine))
    with reading(yard.dealership.id) as db:
        assert db.scalar(select(DuplicatePair.state)) == "open"
