"""The engine on real databases: every verb, idempotence, bad rows, take-over, cancel."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from app.db import ALL_DEALERSHIPS, reading, unit_of_work
from app.models import ExternalLink, SyncItem, SyncRun, Vehicle
from app.services import manual_sync
from app.services.errors import AlreadyRunning, LeaseLost, NotAllowed
from app.services.sync import engine, runs, work
from tests.factories import ACTOR
from tests.services.sync.memory import Yard

pytestmark = [pytest.mark.both_databases]


@pytest.fixture
def yard(app: Flask) -> Yard:
    with app.app_context():
        yield Yard()


def car(number: int, **fields: object) -> dict[str, object]:
    return {"no": f"S{number}", "make": "Mazda", "price_cents": 2_000_000 + number, **fields}


def test_first_sync_creates_every_vehicle(yard: Yard) -> None:
    yard.stream.feed = [car(n, photos=[f"u{n}"]) for n in range(120)]
    run = yard.sync()
    assert (run.status, run.created, run.total) == ("success", 120, 120)
    assert yard.vehicles()["S7"].price_cents == 2_000_007
    assert {item.action for item in yard.items(run)} == {"create"}


def test_second_sync_writes_nothing(yard: Yard) -> None:
    yard.stream.feed = [car(n) for n in range(120)]
    yard.sync()
    before = row_versions(yard)
    run = yard.sync()
    assert (run.status, run.unchanged, run.created, run.updated) == ("success", 120, 0, 0)
    assert run.message == "No changes: all 120 vehicles are as they were."
    assert yard.items(run) == []
    assert row_versions(yard) == before


def row_versions(yard: Yard) -> list[object]:
    with reading(yard.dealership.id) as db:
        vehicles = db.execute(select(Vehicle.id, Vehicle.updated_at).order_by(Vehicle.id))
        links = db.execute(select(ExternalLink.id, ExternalLink.changed_at))
        return [*vehicles.all(), *sorted(links.all())]


def test_change_shows_before_and_after_of_changed_fields_only(yard: Yard) -> None:
    yard.stream.feed = [car(1, colour="Red"), car(2)]
    yard.sync()
    yard.stream.feed = [car(1, colour="Blue"), car(2)]
    run = yard.sync()
    (item,) = yard.items(run)
    assert (run.updated, run.unchanged) == (1, 1)
    assert (item.before, item.after) == ({"colour": "Red"}, {"colour": "Blue"})
    assert yard.vehicles()["S1"].colour == "Blue"


def test_spelling_alone_is_no_change(yard: Yard) -> None:
    yard.stream.feed = [car(1)]
    yard.sync()
    yard.stream.feed = [b'{"price_cents": 2000001,  "no": "S1", "make": "Mazda"}']
    assert (yard.sync().unchanged, yard.sync().unchanged) == (1, 1)
    with reading(yard.dealership.id) as db:
        assert db.scalar(select(func.count(SyncItem.id))) == 1


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (b"{broken", "not readable"),
        ({"make": "Kia"}, "no stock number"),
        (car(1, make="x" * 500), "could not be stored"),
    ],
    ids=["unreadable", "no number", "does not fit the column"],
)
def test_one_bad_row_costs_one_row(yard: Yard, row: object, said: str, database_kind: str) -> None:
    if database_kind == "sqlite" and said == "could not be stored":
        row = car(1, doors=2**70)
    yard.stream.feed = [row, *(car(n) for n in range(10, 40))]
    run = yard.sync()
    failed = [item for item in yard.items(run) if item.action == "refuse"]
    assert (run.status, run.created, run.failed) == ("warning", 30, 1)
    assert said in failed[0].reason


def test_two_rows_with_one_number_change_nothing(yard: Yard) -> None:
    yard.stream.feed = [car(1, colour="Red"), car(2)]
    yard.sync()
    yard.stream.feed = [car(1, colour="Blue"), car(1, colour="Green"), car(2)]
    run = yard.sync()
    assert (run.failed, run.unchanged, run.missing) == (2, 1, 0)
    assert yard.vehicles()["S1"].colour == "Red"
    assert "occurs 2 times" in yard.items(run)[0].reason


def test_vanished_vehicle_is_missing_then_off_market_then_back(yard: Yard) -> None:
    everything = [car(n) for n in range(20)]
    yard.stream.feed = everything
    yard.sync()
    yard.stream.feed = everything[1:]
    first, second = yard.sync(), yard.sync()
    assert (first.missing, second.missing, yard.sync().missing) == (1, 1, 0)
    assert yard.vehicles()["S0"].lifecycle == "off_market"
    yard.stream.feed = everything
    back = yard.sync()
    assert (back.updated, back.unchanged, yard.vehicles()["S0"].lifecycle) == (1, 19, "listed")


@pytest.mark.parametrize("left", [0, 12], ids=["empty feed", "40 per cent gone"])
def test_mass_removal_is_held(yard: Yard, left: int) -> None:
    everything = [car(n) for n in range(20)] if left == 0 else [car(n) for n in range(30)]
    yard.stream.feed = everything
    yard.sync()
    yard.stream.feed = everything[:left] if left == 0 else everything[:15]
    run = yard.sync()
    assert run.missing == 0
    assert run.held == len(everything) - len(yard.stream.feed)
    assert run.status == ("held" if left == 0 else "warning")
    assert {vehicle.lifecycle for vehicle in yard.vehicles().values()} == {"listed"}


def test_changed_yard_removes_nothing(yard: Yard) -> None:
    yard.stream.feed = [car(n) for n in range(20)]
    yard.sync()
    yard.scope = yard.scope | {"yard": "200"}
    yard.stream.feed = yard.stream.feed[:15]
    run = yard.sync()
    assert (run.held, run.missing) == (5, 0)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ({"price_cents": 3_000_000}, {"price_cents": 0}, "become 0"),
        ({"price_cents": 3_000_000}, {"price_cents": 2_000_000}, "fall by 33 %"),
        ({"odometer": 50_000}, {"odometer": 5_000}, "odometer would fall"),
        ({"year": 2020}, {"year": 20}, "Impossible year"),
    ],
)
def test_suspicious_value_is_held_until_it_is_sane(
    yard: Yard, old: dict[str, int], new: dict[str, int], said: str
) -> None:
    yard.stream.feed = [car(1) | old, car(2)]
    yard.sync()
    yard.stream.feed = [car(1) | new, car(2)]
    run, again = yard.sync(), yard.sync()
    assert (run.status, run.held, again.held) == ("warning", 1, 1)
    assert said in yard.items(run)[0].reason
    (name,) = old
    assert getattr(yard.vehicles()["S1"], name) == old[name]


def test_new_vehicle_with_price_0_is_price_on_request(yard: Yard) -> None:
    yard.stream.feed = [car(1, price_cents=0)]
    run = yard.sync()
    assert yard.vehicles()["S1"].price_cents is None
    assert "price on request" in yard.items(run)[0].warnings[0]["text"]


def test_local_edit_stays_and_both_changed_is_a_conflict(yard: Yard) -> None:
    yard.stream.feed = [car(1, colour="Red"), car(2, colour="Red")]
    yard.sync()
    with unit_of_work(yard.dealership.id) as db:
        db.execute(update(Vehicle).values(colour="Pink"))
    yard.stream.feed = [car(1, colour="Red", doors=4), car(2, colour="Blue")]
    run = yard.sync()
    assert (run.conflicts, run.updated) == (1, 1)
    assert [v.colour for v in yard.vehicles().values()] == ["Pink", "Pink"]
    assert yard.vehicles()["S1"].doors == 4


def test_hand_made_vehicle_is_never_touched(yard: Yard) -> None:
    with unit_of_work(yard.dealership.id) as db:
        db.add(
            Vehicle(
                dealership_id=yard.dealership.id, stock_number="S1", title="Mine", source="Manual"
            )
        )
    yard.stream.feed = [car(1)]
    run = yard.sync()
    assert run.created == 1
    assert "same stock number" in yard.items(run)[0].warnings[0]["text"]
    with reading(yard.dealership.id) as db:
        assert sorted(db.scalars(select(Vehicle.title))) == ["Car S1", "Mine"]


def test_new_number_for_the_same_vin_is_the_same_vehicle(yard: Yard) -> None:
    vin = "JM0KF4W2A00123456"
    yard.stream.feed = [car(1, vin=vin), car(2)]
    yard.sync()
    identity = yard.vehicles()["S1"].id
    yard.stream.feed = [car(9, vin=vin), car(2)]
    run = yard.sync()
    assert (run.updated, run.created, run.missing) == (1, 0, 0)
    assert yard.vehicles()["S9"].id == identity
    assert yard.sync().unchanged == 2


def test_second_start_is_refused_with_the_first_runs_id(yard: Yard) -> None:
    first = yard.open()
    with pytest.raises(AlreadyRunning) as caught:
        yard.open()
    assert caught.value.run_id == first


def test_takeover_goes_on_where_the_dead_worker_stopped(yard: Yard) -> None:
    yard.stream.feed = [{"make": "no number"}, *(car(n) for n in range(200))]
    run_id = yard.open()
    die_in_batch(yard, run_id, batch=2)
    halfway = yard.run(run_id)
    assert (halfway.status, halfway.created, halfway.failed) == ("running", 49, 1)
    expire(run_id)
    engine.execute(run_id, "second", yard.ports)
    run = yard.run(run_id)
    assert (run.status, run.created, run.failed, run.attempt) == ("warning", 200, 1, 2)
    assert run.done == run.total == 201
    assert len(yard.items(run)) == 201
    assert len(yard.vehicles()) == 200


def die_in_batch(yard: Yard, run_id: int, batch: int) -> None:
    """The worker vanishes between two batches, as a kill -9 would leave it."""

    class Died(BaseException):
        pass

    seen = []

    def write(*args: object) -> object:
        seen.append(1)
        if len(seen) == batch:
            raise Died
        return original(*args)

    original, work.write_batch = work.write_batch, write
    try:
        with pytest.raises(Died):
            engine.execute(run_id, "first", yard.ports)
    finally:
        work.write_batch = original


def expire(run_id: int) -> None:
    with unit_of_work(ALL_DEALERSHIPS) as db:
        run = db.get(SyncRun, run_id)
        run.lease_expires_at -= timedelta(minutes=5)


def test_former_owner_cannot_write_after_a_takeover(yard: Yard) -> None:
    run_id = yard.open()
    with unit_of_work(ALL_DEALERSHIPS) as db:
        old = runs.claim(db, run_id, "first", yard.clock)
    expire(run_id)
    with unit_of_work(ALL_DEALERSHIPS) as db:
        assert runs.claim(db, run_id, "second", yard.clock)
    with pytest.raises(LeaseLost), unit_of_work(yard.dealership.id) as db:
        runs.checkpoint(db, old, changes={}, adds={"created": 1}, now=yard.clock.now())


def test_cancel_stops_after_the_batch_and_keeps_what_was_done(yard: Yard) -> None:
    yard.stream.feed = [car(n) for n in range(200)]
    run_id = yard.open()
    original = work.write_batch

    def write(*args: object) -> object:
        cancel(yard, run_id)
        return original(*args)

    work.write_batch = write
    try:
        engine.execute(run_id, "test", yard.ports)
    finally:
        work.write_batch = original
    run = yard.run(run_id)
    assert run.status == "cancelled"
    assert len(yard.vehicles()) == run.created < 200


def cancel(yard: Yard, run_id: int) -> None:
    with unit_of_work(yard.dealership.id) as db:
        runs.cancel(db, runs.get(db, run_id), yard.clock)


def approve(yard: Yard, held_by: SyncRun) -> SyncRun:
    with unit_of_work(yard.dealership.id) as db:
        run_id = manual_sync.approve(
            db,
            held_by.id,
            actor=ACTOR,
            means=manual_sync.Means(yard.queue, yard.clock, hourly_limit=1),
        ).id
    engine.execute(run_id, "test", yard.ports)
    return yard.run(run_id)


def test_approval_removes_exactly_the_shown_set(yard: Yard) -> None:
    everything = [car(n) for n in range(30)]
    yard.stream.feed = everything
    yard.sync()
    yard.stream.feed = everything[:15]
    held = yard.sync()
    yard.stream.feed = everything[:14]
    run = approve(yard, held)
    gone = {name for name, v in yard.vehicles().items() if v.lifecycle == "missing"}
    assert (run.missing, run.held) == (16, 0)
    assert gone == {f"S{n}" for n in range(14, 30)}


def test_approval_of_an_empty_feed_takes_all_off(yard: Yard) -> None:
    yard.stream.feed = [car(n) for n in range(5)]
    yard.sync()
    yard.stream.feed = []
    assert approve(yard, yard.sync()).missing == 5


def test_approved_value_is_written_and_another_one_is_held_again(yard: Yard) -> None:
    yard.stream.feed = [car(1, price_cents=3_000_000), car(2, price_cents=3_000_000)]
    yard.sync()
    yard.stream.feed = [car(1, price_cents=1_000_000), car(2, price_cents=1_000_000)]
    held = yard.sync()
    yard.stream.feed = [car(1, price_cents=1_000_000), car(2, price_cents=900_000)]
    run = approve(yard, held)
    prices = {name: vehicle.price_cents for name, vehicle in yard.vehicles().items()}
    assert prices == {"S1": 1_000_000, "S2": 3_000_000}
    assert (run.updated, run.held) == (1, 1)


@pytest.mark.parametrize("late", ["twice", "after a day", "nothing held"])
def test_approval_is_for_once_and_for_a_day(yard: Yard, late: str) -> None:
    yard.stream.feed = [car(1, price_cents=3_000_000)]
    first = yard.sync()
    yard.stream.feed = [car(1, price_cents=1_000_000)]
    held = yard.sync()
    if late == "twice":
        approve(yard, held)
    if late == "after a day":
        with unit_of_work(yard.dealership.id) as db:
            run = runs.get(db, held.id)
            run.started_at -= timedelta(hours=25)
            run.completed_at -= timedelta(hours=25)
    with pytest.raises(NotAllowed):
        approve(yard, first if late == "nothing held" else held)


def test_row_without_a_number_keeps_absent_vehicles_listed(yard: Yard) -> None:
    yard.stream.feed = [car(n) for n in range(20)]
    yard.sync()
    yard.stream.feed = [{"make": "no number"}, *(car(n) for n in range(1, 20))]
    run = yard.sync()
    assert (run.failed, run.held, run.missing) == (1, 1, 0)
    assert yard.vehicles()["S0"].lifecycle == "listed"
