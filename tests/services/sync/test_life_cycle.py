"""Life cycle, exclusion, ownership and scope through the engine (C3 to C6, C18, T15)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.db import reading, unit_of_work
from app.models import ExternalLink, StreamState, SyncPolicy, SyncRun, Vehicle
from app.services import manual_sync, vehicle_sync
from app.services.sync import engine
from app.services.vehicle_values import put_values
from tests.factories import ACTOR
from tests.services.sync.memory import Yard

pytestmark = [pytest.mark.both_databases]
MIDNIGHT_IN_SYDNEY = datetime(2026, 5, 11, 14, 30, tzinfo=UTC)


class Standing:
    """A clock that says what it is told."""

    def __init__(self) -> None:
        self.moment = MIDNIGHT_IN_SYDNEY

    def now(self) -> datetime:
        return self.moment


@pytest.fixture
def yard(app: Flask) -> Iterator[Yard]:
    with app.app_context():
        made = Yard()
        made.clock = Standing()
        yield made


def car(number: int, **fields: object) -> dict[str, object]:
    return {"no": f"S{number}", "make": "Mazda", "price_cents": 2_000_000 + number, **fields}


def stocked(yard: Yard, count: int = 20, **fields: object) -> list[dict[str, object]]:
    yard.stream.feed = everything = [car(n, **fields) for n in range(count)]
    yard.sync()
    return everything


def change(yard: Yard, number: str, **values: Any) -> None:
    """A person's edit, without the page around it."""
    with unit_of_work(yard.dealership.id) as db:
        vehicle = db.scalars(select(Vehicle).where(Vehicle.stock_number == number)).one()
        columns = {name: values.pop(name) for name in list(values) if name in COLUMNS}
        for name, value in columns.items():
            setattr(vehicle, name, value)
        put_values(vehicle, values)


COLUMNS = ("is_excluded", "locked_fields")


def link(yard: Yard, number: str) -> ExternalLink:
    with reading(yard.dealership.id) as db:
        return db.scalars(select(ExternalLink).where(ExternalLink.external_id == number)).one()


def policy(yard: Yard, **values: Any) -> None:
    with unit_of_work(yard.dealership.id) as db:
        db.add(SyncPolicy(dealership_id=yard.dealership.id, **values))


def approve(yard: Yard, held: SyncRun) -> SyncRun:
    with unit_of_work(yard.dealership.id) as db:
        means = manual_sync.Means(yard.queue, yard.clock, hourly_limit=1)
        run_id = manual_sync.approve(db, held.id, actor=ACTOR, means=means).id
    engine.execute(run_id, "test", yard.ports)
    return yard.run(run_id)


def test_reason_names_the_day_of_the_dealership_and_the_first_run(yard: Yard) -> None:
    everything = stocked(yard)
    yard.stream.feed = everything[1:]
    first = yard.sync()
    words = f"Not in the feed since 12 May (run {first.id})"
    assert yard.vehicles()["S0"].lifecycle_reason == words
    assert yard.items(first)[0].reason == words
    yard.clock.moment = datetime(2026, 5, 20, tzinfo=UTC)
    second = yard.sync()
    gone = yard.vehicles()["S0"]
    assert (gone.lifecycle, gone.lifecycle_reason) == ("off_market", words)
    assert second.missing == 1
    yard.stream.feed = everything
    back = yard.sync()
    healed = yard.vehicles()["S0"]
    assert healed.lifecycle == "listed"
    assert healed.lifecycle_reason == f"Back in the feed since 20 May (run {back.id})"


def test_an_update_keeps_the_reason_of_the_life_cycle(yard: Yard) -> None:
    yard.stream.feed = [car(1, status="Sold"), car(2)]
    run = yard.sync()
    words = f"Sold in EasyCars since 12 May (run {run.id})"
    yard.stream.feed = [car(1, status="Sold", colour="Red"), car(2)]
    yard.sync()
    sold = yard.vehicles()["S1"]
    assert (sold.lifecycle, sold.lifecycle_reason, sold.colour) == ("sold", words, "Red")


def test_policy_says_after_how_many_runs_a_vehicle_is_off_the_market(yard: Yard) -> None:
    policy(yard, missing_runs=3)
    everything = stocked(yard)
    yard.stream.feed = everything[1:]
    seen = [yard.sync() and yard.vehicles()["S0"].lifecycle for _ in range(4)]
    assert seen == ["missing", "missing", "off_market", "off_market"]


def test_sold_vehicle_that_leaves_the_feed_stays_sold_and_is_told_once(yard: Yard) -> None:
    everything = stocked(yard, status="Available")
    yard.stream.feed = [car(0, status="Sold"), *everything[1:]]
    assert yard.sync().updated == 1
    yard.stream.feed = everything[1:]
    first, second = yard.sync(), yard.sync()
    assert (first.missing, second.missing, second.status) == (1, 0, "success")
    assert yard.vehicles()["S0"].lifecycle == "sold"
    yard.stream.feed = [car(0, status="Available"), *everything[1:]]
    yard.sync()
    assert yard.vehicles()["S0"].lifecycle == "listed"


def test_many_sold_vehicles_may_leave_at_once(yard: Yard) -> None:
    stocked(yard, 40, status="Sold")
    yard.stream.feed = yard.stream.feed[:5]
    run = yard.sync()
    assert (run.held, run.missing) == (0, 35)
    assert {vehicle.lifecycle for vehicle in yard.vehicles().values()} == {"sold"}


def test_excluded_vehicle_is_neither_changed_nor_missing(yard: Yard) -> None:
    everything = stocked(yard)
    change(yard, "S0", is_excluded=True)
    before = link(yard, "S0")
    yard.stream.feed = [car(0, colour="Red"), *everything[1:]]
    run = yard.sync()
    assert (run.updated, run.unchanged, yard.items(run)) == (0, 20, [])
    yard.stream.feed = everything[1:]
    assert [yard.sync().missing for _ in range(3)] == [0, 0, 0]
    after = link(yard, "S0")
    assert (after.content_hash, after.agreed, after.missing_runs, after.changed_at) == (
        before.content_hash,
        before.agreed,
        0,
        before.changed_at,
    )
    assert yard.vehicles()["S0"].colour is None


def test_included_again_it_is_taken_by_the_next_sync_though_no_byte_changed(yard: Yard) -> None:
    stocked(yard)
    change(yard, "S0", is_excluded=True)
    with unit_of_work(yard.dealership.id) as db:  # what a re-map would have done meanwhile
        changed = db.scalars(select(ExternalLink).where(ExternalLink.external_id == "S0")).one()
        changed.agreed = changed.agreed | {"make": "MAZDA"}
    change(yard, "S0", is_excluded=False, make="MAZDA")
    assert yard.sync().updated == 0
    with unit_of_work(yard.dealership.id) as db:
        vehicle_sync.decide_anew(db, [yard.vehicles()["S0"].id])
    assert yard.sync().updated == 1
    assert yard.vehicles()["S0"].make == "Mazda"
    assert yard.sync().updated == 0


def test_locks_and_owners_through_a_sync(yard: Yard) -> None:
    policy(yard, owners={"group:description": "easycars", "badge": "local", "make": "locked"})
    everything = stocked(yard, colour="Red", badge="GX", fuel_type="Petrol")
    change(yard, "S0", locked_fields=["fuel_type"])
    change(yard, "S1", colour="Pink", badge="Mine", fuel_type="Gas")
    moved = {"colour": "Blue", "badge": "VX", "fuel_type": "Diesel", "make": "Kia"}
    yard.stream.feed = [everything[0] | moved, everything[1] | moved, *everything[2:]]
    run = yard.sync()
    one, two = yard.vehicles()["S0"], yard.vehicles()["S1"]
    assert (one.colour, one.badge, one.fuel_type, one.make) == ("Blue", "VX", "Petrol", "Mazda")
    assert (two.colour, two.badge, two.fuel_type, two.make) == ("Blue", "Mine", "Gas", "Mazda")
    assert run.conflicts == 1
    wanted = link(yard, "S0").agreed
    assert (wanted["fuel_type"], wanted["make"]) == ("Diesel", "Kia")
    assert link(yard, "S1").agreed["badge"] == "VX"


@pytest.mark.parametrize("left", [12, 0], ids=["to 60 per cent", "to nothing"])
def test_shrinking_feed_removes_nothing_without_approval(yard: Yard, left: int) -> None:
    everything = stocked(yard, 30)
    yard.stream.feed = everything[:left]
    held = [yard.sync() for _ in range(3)][-1]
    assert (held.missing, held.held) == (0, 30 - left)
    assert {vehicle.lifecycle for vehicle in yard.vehicles().values()} == {"listed"}
    yard.stream.feed = everything[: max(left - 1, 0)]
    run = approve(yard, held)
    gone = {name for name, v in yard.vehicles().items() if v.lifecycle == "missing"}
    shown = {item.external_id for item in yard.items(held)}
    assert shown <= gone
    assert gone - shown <= {f"S{left - 1}"}
    assert run.missing == len(gone)


def test_feed_of_another_yard_creates_and_removes_nothing(yard: Yard) -> None:
    stocked(yard, 6, yard_code="100")
    yard.stream.feed = [car(n, yard_code="300") for n in range(50, 56)]
    run = yard.sync()
    assert (run.status, run.held, run.created, run.missing) == ("held", 12, 0, 0)
    assert "and nothing was taken over" in run.message
    assert len(yard.vehicles()) == 6
    approved = approve(yard, run)
    assert (approved.created, approved.missing, approved.held) == (6, 6, 0)
    assert yard.sync().held == 0


def test_first_import_and_a_changed_connection_take_what_comes(yard: Yard) -> None:
    yard.stream.feed = [car(1, yard_code="100"), car(2, yard_code="200")]
    assert yard.sync().created == 2
    yard.scope = yard.scope | {"yard": "300"}
    yard.stream.feed = [car(3, yard_code="300"), car(4, yard_code="400")]
    run = yard.sync()
    created = {item.external_id for item in yard.items(run) if item.action == "create"}
    assert created == {"S3"}
    assert (run.missing, run.held) == (0, 3)


def test_kept_outside_it_is_not_missing_and_coming_back_ends_that(yard: Yard) -> None:
    everything = stocked(yard)
    yard.scope = yard.scope | {"yard": "200"}
    yard.stream.feed = everything[2:]
    assert yard.sync().held == 2
    with unit_of_work(yard.dealership.id) as db:
        for one in db.scalars(select(ExternalLink).where(ExternalLink.external_id == "S0")):
            one.kept_outside, one.missing_runs = True, 1
    assert yard.sync().held == 1
    yard.stream.feed = everything[1:]
    assert (yard.sync().held, yard.vehicles()["S0"].lifecycle) == (0, "listed")
    with reading(yard.dealership.id) as db:
        assert db.scalars(select(StreamState)).one().scope == yard.scope
    yard.stream.feed = everything
    yard.sync()
    assert (link(yard, "S0").kept_outside, link(yard, "S0").missing_runs) == (False, 0)
    yard.stream.feed = everything[1:]
    assert yard.sync().missing == 1


def test_kept_vehicle_that_comes_back_changed_follows_easycars(yard: Yard) -> None:
    everything = stocked(yard)
    with unit_of_work(yard.dealership.id) as db:
        for one in db.scalars(select(ExternalLink).where(ExternalLink.external_id == "S0")):
            one.kept_outside, one.missing_runs = True, 1
    yard.stream.feed = [car(0, colour="Red"), *everything[1:]]
    yard.sync()
    assert yard.vehicles()["S0"].colour == "Red"
    assert (link(yard, "S0").kept_outside, link(yard, "S0").missing_runs) == (False, 0)
