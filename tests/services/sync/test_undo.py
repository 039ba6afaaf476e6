"""Undo of a run on real databases: the exact earlier state, and what was changed since (C9)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from app.db import ALL_DEALERSHIPS, reading, unit_of_work
from app.models import (
    Conflict,
    EasyCarsStockData,
    ExternalLink,
    MappingVersion,
    Photo,
    SyncBefore,
    SyncRun,
    Vehicle,
)
from app.models.types import utc_now
from app.services import vehicle_edits
from app.services.errors import RunCancelled
from app.services.photos.reconcile import reconcile_links
from app.services.sync import registry, undo_write
from app.services.vehicle_values import put_values, values_of
from tests.factories import ACTOR
from tests.services.sync.memory import MemoryStream, Yard

pytestmark = [pytest.mark.both_databases]
PAYLOADS = Path(__file__).parents[1] / "providers" / "easycars" / "payloads"
PAYLOAD: dict[str, Any] = json.loads((PAYLOADS / "car.json").read_text(encoding="utf-8"))


@pytest.fixture
def yard(app: Flask) -> Iterator[Yard]:
    with app.app_context():
        yield Yard(batch_size=3)


def car(number: int, **fields: object) -> dict[str, object]:
    return {"no": f"S{number}", "make": "Mazda", "price_cents": 2_000_000 + number, **fields}


def cars(count: int, **fields: object) -> list[Any]:
    return [car(number, **fields) for number in range(1, count + 1)]


def photos(yard: Yard, run: SyncRun) -> None:
    """The photo job's first step: addresses become rows; and all pictures are there at once."""
    with unit_of_work(yard.dealership.id) as db:
        while reconcile_links(db, yard.dealership.id, "demo", run.id):
            pass
        db.execute(update(Photo).values(state="stored", etag="e"))


def undo(yard: Yard, run: SyncRun) -> SyncRun:
    return yard.execute(yard.open("undo", parent_id=run.id, scope={"undoes": run.id}))


def snapshot(yard: Yard) -> dict[str, Any]:
    """Every column of every row that an undo must bring back; `updated_at` has to move."""
    with reading(yard.dealership.id) as db:
        return {
            model.__tablename__: {
                row.id: {
                    column.name: getattr(row, column.name)
                    for column in model.__table__.columns
                    if column.name not in ("updated_at",)
                }
                for row in db.scalars(select(model).order_by(model.id))
            }
            for model in (Vehicle, ExternalLink, Photo)
        }


def edit(yard: Yard, number: str, kind: str = "edit", **values: Any) -> None:
    with unit_of_work(yard.dealership.id) as db:
        vehicle = db.scalars(select(Vehicle).where(Vehicle.stock_number == number)).one()
        before = {name: values_of(vehicle).get(name) for name in values}
        put_values(vehicle, values)
        vehicle_edits.record(db, vehicle, kind, before, values, actor=ACTOR, now=utc_now())


def lock(yard: Yard, number: str, *names: str) -> None:
    with unit_of_work(yard.dealership.id) as db:
        vehicle = db.scalars(select(Vehicle).where(Vehicle.stock_number == number)).one()
        vehicle.locked_fields = list(names)
        after = dict.fromkeys(names, True)
        vehicle_edits.record(db, vehicle, "lock", None, after, actor=ACTOR, now=utc_now())


def keep_local(yard: Yard) -> None:
    edit(yard, "S2", colour="Green")


FEEDS: dict[str, tuple[list[Any], list[Any]]] = {
    "an update": (cars(8, colour="Red"), cars(8, colour="Blue", doors=4)),
    "a value that came and one that went": (
        [car(1, colour="Red", berths=4), car(2)],
        [car(1), car(2, berths=2, rego_expiry="2027-01-31")],
    ),
    "new vehicles": (cars(2), cars(9, colour="Red")),
    "vehicles that are gone": (cars(8), cars(7)),
    "another number by VIN": (
        [car(1, vin="MM0AB12CD34567890"), car(2)],
        [car(9, vin="MM0AB12CD34567890"), car(2)],
    ),
    "photos": (
        [car(1, photos=["a", "b", "c"]), car(2, photos=["x"]), car(3)],
        [car(1, photos=["c", "a", "d"]), car(2), car(3, photos=["n"])],
    ),
    "the same title": (cars(3), cars(3, title=None)),
    "nothing": (cars(3), cars(3)),
}


@pytest.mark.parametrize("case", FEEDS)
def test_undo_brings_back_the_exact_earlier_state(yard: Yard, case: str) -> None:
    first, second = FEEDS[case]
    yard.stream.feed = first
    photos(yard, yard.sync())
    earlier = snapshot(yard)
    yard.stream.feed = second
    run = yard.sync()
    photos(yard, run)
    assert case == "nothing" or snapshot(yard) != earlier
    done = undo(yard, run)
    assert (done.status, done.conflicts, done.failed) == ("success", 0, 0)
    assert snapshot(yard) == earlier


@pytest.mark.parametrize("steps", [[7, 8], [7, 7, 8], [7, 7, 7]])
def test_missing_and_return_go_back(yard: Yard, steps: list[int]) -> None:
    yard.stream.feed = cars(8)
    yard.sync()
    for count in steps[:-1]:
        yard.stream.feed = cars(count)
        yard.sync()
    earlier = snapshot(yard)
    yard.stream.feed = cars(steps[-1])
    undo(yard, yard.sync())
    assert snapshot(yard) == earlier


def test_an_earlier_run_goes_back_after_the_later_one(yard: Yard) -> None:
    yard.stream.feed = cars(4, colour="Red")
    yard.sync()
    earlier = snapshot(yard)
    runs = []
    for colour in ("Blue", "Green"):
        yard.stream.feed = cars(4, colour=colour)
        runs.append(yard.sync())
    for run in reversed(runs):
        undo(yard, run)
    assert snapshot(yard) == earlier


def test_the_next_sync_brings_the_same_values_again(yard: Yard) -> None:
    yard.stream.feed = cars(2, colour="Red")
    yard.sync()
    yard.stream.feed = cars(2, colour="Blue")
    undo(yard, yard.sync())
    again = yard.sync()
    assert (again.updated, yard.vehicles()["S1"].colour) == (2, "Blue")


def test_items_of_the_undo_tell_before_and_after(yard: Yard) -> None:
    yard.stream.feed = [*cars(1, colour="Red")]
    yard.sync()
    yard.stream.feed = [*cars(2, colour="Blue")]
    done = undo(yard, yard.sync())
    told = {item.external_id: item for item in yard.items(done)}
    assert (told["S1"].action, told["S1"].before, told["S1"].after) == (
        "update",
        {"colour": "Blue"},
        {"colour": "Red"},
    )
    assert (told["S2"].action, told["S2"].after) == ("delete", None)
    assert (done.updated, done.total, done.done) == (2, 2, 2)
    assert done.message == (
        f"1 vehicle put back as before run {done.parent_id}. 1 vehicle that run {done.parent_id} "
        "had created removed again. The next sync brings the same values again unless they are "
        "changed in EasyCars."
    )


def test_later_edits_are_listed_and_stay(yard: Yard) -> None:
    yard.stream.feed = cars(3, colour="Red", doors=2)
    yard.sync()
    yard.stream.feed = cars(3, colour="Blue", doors=4)
    run = yard.sync()
    edit(yard, "S2", colour="Pink")
    lock(yard, "S3", "colour")
    done = undo(yard, run)
    assert (done.status, done.updated, done.conflicts) == ("warning", 3, 2)
    shown = {number: (one.colour, one.doors) for number, one in yard.vehicles().items()}
    assert shown == {"S1": ("Red", 2), "S2": ("Pink", 2), "S3": ("Blue", 2)}
    told = {item.external_id: item for item in yard.items(done)}
    assert told["S2"].action == "conflict"
    assert told["S2"].after == {"doors": 2}
    assert "Colour, now Pink" in told["S2"].reason
    assert ACTOR.label in told["S2"].reason
    assert "locked here" in told["S3"].reason


def test_an_edit_after_the_run_is_no_conflict_in_the_next_sync(yard: Yard) -> None:
    """What was agreed on the kept field stays, so that nobody is asked about an old change."""
    yard.stream.feed = cars(1, colour="Red", doors=2)
    yard.sync()
    yard.stream.feed = cars(1, colour="Blue", doors=4)
    run = yard.sync()
    edit(yard, "S1", colour="Pink")
    undo(yard, run)
    again = yard.sync()
    shown = yard.vehicles()["S1"]
    assert (again.conflicts, again.updated, shown.colour, shown.doors) == (0, 1, "Pink", 4)


def test_the_feed_going_back_after_a_partial_undo_is_noticed(yard: Yard) -> None:
    first = cars(1, colour="Red", doors=2)
    yard.stream.feed = first
    yard.sync()
    yard.stream.feed = cars(1, colour="Blue", doors=4)
    run = yard.sync()
    edit(yard, "S1", colour="Pink")
    undo(yard, run)
    yard.stream.feed = first
    assert yard.sync().conflicts == 1


def test_a_later_run_keeps_its_values(yard: Yard) -> None:
    yard.stream.feed = cars(1, colour="Red", doors=2)
    yard.sync()
    yard.stream.feed = cars(1, colour="Blue", doors=4)
    run = yard.sync()
    yard.stream.feed = cars(1, colour="Green", doors=4)
    later = yard.sync()
    done = undo(yard, run)
    shown = yard.vehicles()["S1"]
    assert (shown.colour, shown.doors, done.conflicts) == ("Green", 2, 1)
    assert f"run {later.id}" in yard.items(done)[0].reason
    again = yard.sync()
    assert (again.updated, yard.vehicles()["S1"].doors) == (1, 4)


def touch_by_edit(yard: Yard) -> None:
    edit(yard, "S2", colour="Pink")


def touch_by_run(yard: Yard) -> None:
    yard.stream.feed = [car(1), car(2, doors=5)]
    yard.sync()


@pytest.mark.parametrize("status", ["In Stock", "Sold"])
def test_created_vehicles_are_removed_again_whatever_their_state(yard: Yard, status: str) -> None:
    yard.stream.feed = cars(2, status=status)
    done = undo(yard, yard.sync())
    assert yard.vehicles() == {}
    assert (done.status, done.conflicts) == ("success", 0)
    assert done.message
    assert f"2 vehicles that run {done.parent_id} had created removed again." in done.message
    assert "put back" not in done.message


@pytest.mark.parametrize("touch", [touch_by_edit, touch_by_run])
def test_a_created_vehicle_that_was_touched_stays(
    yard: Yard, touch: Callable[[Yard], None]
) -> None:
    yard.stream.feed = cars(1)
    yard.sync()
    yard.stream.feed = cars(3)
    run = yard.sync()
    if touch is touch_by_run:
        yard.stream.feed = cars(3)
    touch(yard)
    done = undo(yard, run)
    assert "S2" in yard.vehicles()
    assert done.conflicts >= 1
    assert (
        "since the run created it"
        in {item.external_id: item for item in yard.items(done)}["S2"].reason
    )


def test_photos_arranged_by_a_person_since_stay(yard: Yard) -> None:
    yard.stream.feed = [car(1, photos=["a", "b"])]
    photos(yard, yard.sync())
    yard.stream.feed = [car(1, photos=["b", "c"], colour="Red")]
    run = yard.sync()
    photos(yard, run)
    edit(yard, "S1", kind="photos")
    done = undo(yard, run)
    with reading(yard.dealership.id) as db:
        assert set(db.scalars(select(Photo.source_url))) == {"b", "c"}
    assert done.conflicts == 1
    assert yard.vehicles()["S1"].colour is None


class Died(BaseException):
    """The worker vanishes in the middle of a batch, as a kill -9 would leave it."""


def stop_in_batch(monkeypatch: pytest.MonkeyPatch, number: int, act: Callable[[], None]) -> None:
    """Calls `act` inside the transaction of the n-th batch of an undo."""
    seen = iter(range(1, 100))
    for name in ("put_back", "delete_created"):
        monkeypatch.setattr(undo_write, name, _acting(getattr(undo_write, name), seen, number, act))


def _acting(original: Any, seen: Iterator[int], number: int, act: Callable[[], None]) -> Any:
    def write(*given: Any) -> Any:
        if next(seen) == number:
            act()
        return original(*given)

    return write


def die() -> None:
    raise Died


@pytest.mark.parametrize("batch", [1, 2, 3, 4, 5])
def test_a_killed_undo_is_taken_over(
    yard: Yard, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    yard.stream.feed = cars(8, colour="Red")
    yard.sync()
    earlier = snapshot(yard)
    yard.stream.feed = [*cars(8, colour="Blue"), car(9), car(10)]
    run = yard.sync()
    undo_id = yard.open("undo", parent_id=run.id, scope={"undoes": run.id})
    with monkeypatch.context() as patch:
        stop_in_batch(patch, batch, die)
        with pytest.raises(Died):
            yard.execute(undo_id)
    with unit_of_work(ALL_DEALERSHIPS) as db:
        db.get_one(SyncRun, undo_id).lease_expires_at = utc_now() - timedelta(minutes=5)
    done = yard.execute(undo_id)
    assert (done.status, done.attempt, done.updated, done.total) == ("success", 2, 10, 10)
    assert snapshot(yard) == earlier
    assert len(yard.items(done)) == 10


def test_a_cancelled_undo_keeps_what_is_done_and_can_be_finished(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    yard.stream.feed = cars(9, colour="Red")
    yard.sync()
    earlier = snapshot(yard)
    yard.stream.feed = cars(9, colour="Blue")
    run = yard.sync()
    undo_id = yard.open("undo", parent_id=run.id, scope={"undoes": run.id})

    def cancel() -> None:
        raise RunCancelled("The run was cancelled.")

    with monkeypatch.context() as patch:
        stop_in_batch(patch, 3, cancel)
        stopped = yard.execute(undo_id)
    colours = [vehicle.colour for vehicle in yard.vehicles().values()]
    assert (stopped.status, stopped.updated, colours.count("Red")) == ("cancelled", 3, 3)
    assert undo(yard, run).updated == 6
    assert snapshot(yard) == earlier


def test_images_are_used_up(yard: Yard) -> None:
    yard.stream.feed = cars(4, colour="Red")
    yard.sync()
    yard.stream.feed = cars(4, colour="Blue")
    undo(yard, yard.sync())
    with reading(yard.dealership.id) as db:
        assert db.scalars(select(SyncBefore)).all() == []


# -- The real archive, new rules, conflicts, photos ----------------------------------------------


class Archived(MemoryStream):
    """EasyCars' own stream, which keeps an archive row, fed from memory."""

    archive = "easycar_stock_data"

    def __init__(self) -> None:
        super().__init__()
        self._real = registry.stream("easycars", "stock")
        self.draft = self._real.draft  # type: ignore[method-assign]
        self.external_id = self._real.external_id  # type: ignore[method-assign]
        self.same_content = self._real.same_content  # type: ignore[method-assign]

    @property
    def received_columns(self) -> Any:
        return self._real.received_columns


@pytest.fixture
def archived(yard: Yard) -> Yard:
    yard.stream = Archived()
    return yard


def received(number: int, **changes: Any) -> dict[str, Any]:
    return PAYLOAD | {"StockNumber": f"S{number}", "VIN": f"JM0KF4W7A0000{number:04}"} | changes


def archive_rows(yard: Yard) -> list[Any]:
    table = EasyCarsStockData.__table__
    with reading(yard.dealership.id) as db:
        query = select(table).where(table.c.dealership_id == yard.dealership.id)
        return list(db.execute(query.order_by(table.c.link_id)).all())


def test_the_archive_row_goes_back_too(archived: Yard) -> None:
    archived.stream.feed = [received(n) for n in range(5)]
    archived.sync()
    earlier, rows = snapshot(archived), archive_rows(archived)
    archived.stream.feed = [
        *(received(n, Price=30_990, Odometer=99_000 + n, NVIC="X1") for n in range(4)),
        received(7),
    ]
    run = archived.sync()
    assert archive_rows(archived) != rows
    done = undo(archived, run)
    assert (done.status, done.updated) == ("success", 6)
    assert snapshot(archived) == earlier
    assert archive_rows(archived) == rows


def test_a_remap_goes_back(archived: Yard) -> None:
    archived.stream.feed = [received(n, Colour="WHTE") for n in range(5)]
    archived.sync()
    earlier, rows = snapshot(archived), archive_rows(archived)
    with unit_of_work(archived.dealership.id) as db:
        rules = {"values": {"colour": {"WHTE": "White"}}, "title": None, "defaults": {}}
        db.add(MappingVersion(dealership_id=archived.dealership.id, number=1, rules=rules))
    run = archived.execute(archived.open("remap"))
    assert archived.vehicles()["S1"].colour == "White"
    undo(archived, run)
    assert snapshot(archived) == earlier
    assert archive_rows(archived) == rows


def test_a_conflict_that_the_run_opened_is_closed(yard: Yard) -> None:
    yard.stream.feed = cars(2, colour="Red")
    yard.sync()
    edit(yard, "S1", colour="Pink")
    earlier = snapshot(yard)
    yard.stream.feed = cars(2, colour="Blue")
    run = yard.sync()
    with reading(yard.dealership.id) as db:
        assert [found.state for found in db.scalars(select(Conflict))] == ["open"]
    done = undo(yard, run)
    with reading(yard.dealership.id) as db:
        assert [found.state for found in db.scalars(select(Conflict))] == ["resolved"]
    assert (done.status, done.updated) == ("success", 1)
    assert snapshot(yard) == earlier
    assert yard.sync().conflicts == 1


def test_a_locked_field_stays_and_what_was_agreed_goes_back(yard: Yard) -> None:
    yard.stream.feed = cars(2, colour="Red")
    yard.sync()
    edit(yard, "S1", colour="Pink")
    lock(yard, "S1", "colour")
    earlier = snapshot(yard)
    yard.stream.feed = cars(2, colour="Blue")
    undo(yard, yard.sync())
    assert snapshot(yard) == earlier


def test_photos_that_no_job_turned_into_rows_yet_go_back(yard: Yard) -> None:
    yard.stream.feed = [car(1, photos=["a"])]
    photos(yard, yard.sync())
    earlier = snapshot(yard)
    yard.stream.feed = [car(1, photos=["b"])]
    run = yard.sync()
    undo(yard, run)
    photos(yard, run)
    assert snapshot(yard) == earlier


def test_addresses_that_wait_for_the_photo_job_survive_another_change(yard: Yard) -> None:
    yard.stream.feed = [car(1, photos=["a"])]
    yard.sync()
    yard.stream.feed = [car(1, photos=["a"], colour="Red")]
    photos(yard, yard.sync())
    with reading(yard.dealership.id) as db:
        assert list(db.scalars(select(Photo.source_url))) == ["a"]


def test_a_picture_whose_file_is_unknown_is_fetched_again(yard: Yard) -> None:
    yard.stream.feed = [car(1, photos=["a"])]
    photos(yard, yard.sync())
    yard.stream.feed = [car(1)]
    run = yard.sync()
    photos(yard, run)
    with unit_of_work(yard.dealership.id) as db:
        (image,) = db.scalars(select(SyncBefore).where(SyncBefore.run_id == run.id)).all()
        image.photos = [image.photos[0] | {"media_id": 4711}]  # type: ignore[index]
    undo(yard, run)
    with reading(yard.dealership.id) as db:
        (photo,) = db.scalars(select(Photo)).all()
    assert (photo.state, photo.media_id, photo.etag) == ("wanted", None, None)


def test_a_merged_vehicle_is_left_alone(yard: Yard) -> None:
    yard.stream.feed = cars(2, colour="Red")
    yard.sync()
    yard.stream.feed = cars(2, colour="Blue")
    run = yard.sync()
    with unit_of_work(yard.dealership.id) as db:
        one, two = db.scalars(select(Vehicle).order_by(Vehicle.id)).all()
        two.merged_into_id = one.id
    done = undo(yard, run)
    told = {item.external_id: item for item in yard.items(done)}
    assert yard.vehicles()["S2"].colour == "Blue"
    assert "merged" in (told["S2"].reason or "")
    assert (told["S1"].action, told["S2"].action) == ("update", "conflict")


def test_a_number_that_is_taken_by_now_costs_one_record(yard: Yard) -> None:
    """S1 became S9 by its VIN; the S1 that came later stands in its way."""
    vin = "MM0AB12CD34567890"
    yard.stream.feed = [car(1, vin=vin), car(2)]
    yard.sync()
    yard.stream.feed = [car(9, vin=vin), car(2, colour="Red")]
    run = yard.sync()
    yard.stream.feed = [car(9, vin=vin), car(2, colour="Red"), car(1)]
    yard.sync()
    done = undo(yard, run)
    told = {item.external_id: item for item in yard.items(done)}
    assert (done.failed, told["S9"].action, told["S2"].action) == (1, "refuse", "update")
    assert yard.vehicles()["S2"].colour is None


def test_that_a_person_keeps_a_vehicle_listed_since_stays(yard: Yard) -> None:
    yard.stream.feed = cars(6)
    yard.sync()
    yard.stream.feed = cars(5)
    run = yard.sync()
    with unit_of_work(yard.dealership.id) as db:
        db.execute(
            update(ExternalLink).where(ExternalLink.external_id == "S6").values(kept_outside=True)
        )
    undo(yard, run)
    assert yard.vehicles()["S6"].lifecycle == "listed"
    yard.sync()
    assert yard.vehicles()["S6"].lifecycle == "listed"
