"""Between a preview and its apply, a run and its undo: nothing is lost, nothing is hidden."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from sqlalchemy import select

from app.db import reading, unit_of_work
from app.models import ExternalLink, MappingVersion, SyncPolicy, SyncRun, Vehicle
from app.models.types import utc_now
from app.services import vehicle_acts
from tests.factories import ACTOR
from tests.services.sync.memory import Yard
from tests.services.sync.test_engine import approve, car
from tests.services.sync.test_undo import edit, snapshot, undo

pytestmark = [pytest.mark.both_databases]


@pytest.fixture
def yard(app: Flask) -> Iterator[Yard]:
    with app.app_context():
        yield Yard()


def rules(yard: Yard) -> None:
    given = {"values": {"colour": {"Blue": "Azure"}}, "title": None, "defaults": {}}
    with unit_of_work(yard.dealership.id) as db:
        db.add(MappingVersion(dealership_id=yard.dealership.id, number=1, rules=given))


def owner(yard: Yard) -> None:
    with unit_of_work(yard.dealership.id) as db:
        db.add(SyncPolicy(dealership_id=yard.dealership.id, owners={"*": "easycars"}))


def limits(yard: Yard) -> None:
    """Whatever goes is held from now on."""
    with unit_of_work(yard.dealership.id) as db:
        where = yard.dealership.id
        db.add(SyncPolicy(dealership_id=where, removals_count=0, removals_percent=0))


def price_limit(yard: Yard) -> None:
    with unit_of_work(yard.dealership.id) as db:
        db.add(SyncPolicy(dealership_id=yard.dealership.id, price_drop_percent=1))


@pytest.mark.parametrize(
    ("change", "refused"),
    [(rules, {"S1"}), (owner, {"S2"}), (limits, {"S5"}), (price_limit, {"S3"})],
    ids=["mapping rules", "owner", "removal guard", "value guard"],
)
def test_what_new_rules_decide_otherwise_is_left_and_told(
    yard: Yard, change: Callable[[Yard], None], refused: set[str]
) -> None:
    yard.stream.feed = [car(n, colour="Red") for n in range(6)]
    yard.sync()
    edit(yard, "S2", doors=2)
    yard.stream.feed[1:6] = [
        car(1, colour="Blue"),
        car(2, colour="Red", doors=4),
        car(3, colour="Red", price_cents=1_900_000),
        car(4, colour="Green"),
    ]
    shown = yard.preview()
    before = {number: (one.colour, one.lifecycle) for number, one in yard.vehicles().items()}
    change(yard)
    applied = yard.apply(shown)
    told = {item.external_id: item for item in yard.items(applied) if item.action == "refuse"}
    assert told.keys() == refused
    assert all("Changed since preview" in (item.reason or "") for item in told.values())
    after = {number: (one.colour, one.lifecycle) for number, one in yard.vehicles().items()}
    assert {number: after[number] for number in refused} == {no: before[no] for no in refused}
    assert after["S4"][0] == "Green"


def act(yard: Yard, number: str, what: vehicle_acts.Act) -> None:
    with unit_of_work(yard.dealership.id) as db:
        vehicle = db.scalars(select(Vehicle).where(Vehicle.stock_number == number)).one()
        vehicle_acts.do(db, vehicle.id, what, ACTOR, utc_now())


@pytest.mark.parametrize("included", [True, False])
def test_excluding_around_an_undo_loses_no_edit(yard: Yard, included: bool) -> None:
    yard.stream.feed = [car(1, colour="Red", doors=2), car(2, colour="Red")]
    yard.sync()
    yard.stream.feed = [car(1, colour="Blue", doors=4), car(2, colour="Blue")]
    run = yard.sync()
    act(yard, "S1", vehicle_acts.flag("exclude"))
    edit(yard, "S1", doors=5)
    if included:
        act(yard, "S1", vehicle_acts.flag("include"))
    done = undo(yard, run)
    assert (done.failed, yard.vehicles()["S1"].doors) == (0, 5)
    yard.sync()
    if not included:
        assert yard.vehicles()["S1"].is_excluded
        act(yard, "S1", vehicle_acts.flag("include"))
        yard.sync()
    shown = yard.vehicles()["S1"]
    assert (shown.doors, shown.colour, yard.vehicles()["S2"].colour) == (5, "Blue", "Blue")


def test_a_new_number_by_vin_that_was_edited_since_goes_back_but_the_edit_stays(yard: Yard) -> None:
    vin = "MM0AB12CD34567890"
    yard.stream.feed = [car(1, vin=vin, colour="Red"), car(2)]
    yard.sync()
    yard.stream.feed = [car(9, vin=vin, colour="Blue"), car(2)]
    run = yard.sync()
    edit(yard, "S9", colour="Pink")
    undo(yard, run)
    assert yard.vehicles()["S1"].colour == "Pink"
    again = yard.sync()
    assert (again.created, again.missing, len(yard.vehicles())) == (0, 0, 2)
    assert yard.vehicles()["S9"].colour == "Pink"


def test_partly_approved_then_all_is_back(yard: Yard) -> None:
    whole = [car(n) for n in range(30)]
    yard.stream.feed = whole
    yard.sync()
    yard.stream.feed = whole[:15]
    held = yard.sync()
    earlier = snapshot(yard)
    approved = approve(yard, held)
    assert approved.missing == 15
    undo(yard, approved)
    assert snapshot(yard) == earlier
    yard.stream.feed = whole
    back = yard.sync()
    assert (back.unchanged, back.held, back.status) == (30, 0, "success")


def test_an_undo_before_the_photo_job_and_the_job_after_it(yard: Yard) -> None:
    """The job finds nothing to do for a run that was taken back."""
    yard.stream.feed = [car(1, photos=["a"])]
    yard.sync()
    yard.stream.feed = [car(1, photos=["b"])]
    run: SyncRun = yard.sync()
    undo(yard, run)
    with reading(yard.dealership.id) as db:
        link = db.scalars(select(ExternalLink)).one()
        assert (link.photo_urls, link.photos_wanted) == (["a"], True)  # the first run's wish stands
