"""Undo beside merges: whoever was merged since stays, and is told of (C9, C23)."""

from __future__ import annotations

import pytest
from flask import Flask

from app.models import SyncRun
from tests.services.sync.memory import Yard
from tests.services.test_vehicle_merge import VIN, by_hand, car, edit, merge, now_of, unmerge

pytestmark = [pytest.mark.both_databases]


@pytest.fixture
def yard(app: Flask) -> Yard:
    with app.app_context():
        yield Yard()


def undo_run(yard: Yard, run: SyncRun) -> SyncRun:
    return yard.execute(yard.open("undo", parent_id=run.id, scope={"undoes": run.id}))


@pytest.mark.parametrize("keeps", ["hand-made", "created", "both created"])
def test_undo_of_the_run_that_created_a_merged_or_kept_vehicle_removes_neither(
    yard: Yard, keeps: str
) -> None:
    yard.stream.feed = [car(1, vin=VIN, colour="Red"), car(2, colour="Blue"), car(3)]
    run = yard.sync()
    cars = yard.vehicles()
    mine = by_hand(yard, colour="Blue")
    kept, merged = {
        "hand-made": (mine, cars["S1"]),
        "created": (cars["S1"], mine),
        "both created": (cars["S1"], cars["S2"]),
    }[keeps]
    record = merge(yard, kept, merged)
    done = undo_run(yard, run)
    stay = {item.entity_id for item in yard.items(done) if item.action == "conflict"}
    created = {cars["S1"].id, cars["S2"].id} & {kept.id, merged.id}
    assert stay == created
    assert (done.status, done.done) == ("warning", done.total)
    assert now_of(yard, merged).merged_into_id == kept.id
    unmerge(yard, record)
    assert now_of(yard, merged).merged_into_id is None
    again = yard.sync()
    assert again.failed == 0
    assert {car.stock_number for car in yard.vehicles().values()} >= {"S1", "S2", "S3"}


def test_undo_after_an_unmerge_leaves_what_the_merge_touched(yard: Yard) -> None:
    """The run's update goes back where it is still the run's; merges in between lose nothing."""
    yard.stream.feed = [car(1, colour="Red"), car(2, colour="Red")]
    yard.sync()
    yard.stream.feed = [car(1, colour="Blue"), car(2, colour="Blue")]
    run = yard.sync()
    one, two = yard.vehicles()["S1"], yard.vehicles()["S2"]
    record = merge(yard, one, two)
    unmerge(yard, record)
    done = undo_run(yard, run)
    assert (done.failed, done.done) == (0, done.total)
    assert {now_of(yard, car).colour for car in (one, two)} == {"Red"}
    yard.sync()
    assert {now_of(yard, car).colour for car in (one, two)} == {"Blue"}


def test_unmerge_after_an_undo(yard: Yard) -> None:
    """The undo leaves merged vehicles alone; the unmerge brings both back, nothing is lost."""
    yard.stream.feed = [car(1, colour="Red"), car(2, colour="Red")]
    yard.sync()
    one, two = yard.vehicles()["S1"], yard.vehicles()["S2"]
    edit(yard, two, doors=5)
    yard.stream.feed = [car(1, colour="Blue"), car(2, colour="Blue")]
    run = yard.sync()
    record = merge(yard, one, two)
    done = undo_run(yard, run)
    assert (now_of(yard, one).colour, done.conflicts) == ("Red", 1)
    unmerge(yard, record)
    assert (now_of(yard, two).merged_into_id, now_of(yard, two).doors) == (None, 5)
    yard.sync()
    assert [now_of(yard, car).colour for car in (one, two)] == ["Blue", "Blue"]
    assert now_of(yard, two).doors == 5
