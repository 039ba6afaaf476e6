"""Conflicts of a sync are kept: one open row per field, closed when both sides agree (C21)."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.db import reading, unit_of_work
from app.models import Conflict, Vehicle
from tests.services.sync.memory import Yard

pytestmark = pytest.mark.both_databases
FIELDS = ("entity_id", "field", "agreed", "local", "remote", "state", "resolution")


@pytest.fixture
def yard(app: Flask) -> Any:
    with app.app_context():
        yield Yard()


def edit(yard: Yard, number: str, **values: Any) -> None:
    with unit_of_work(yard.dealership.id) as db:
        car = db.scalars(select(Vehicle).where(Vehicle.stock_number == number)).one()
        for name, value in values.items():
            setattr(car, name, value)


def conflicts(yard: Yard) -> list[Conflict]:
    with reading(yard.dealership.id) as db:
        return list(db.scalars(select(Conflict).order_by(Conflict.id)))


def disagree(yard: Yard, cars: int = 1, price: int = 900) -> None:
    """Both sides change the price of each car."""
    yard.stream.feed = [{"no": f"A{n}", "price_cents": 1000} for n in range(cars)]
    yard.sync()
    for n in range(cars):
        edit(yard, f"A{n}", price_cents=950)
    yard.stream.feed = [{"no": f"A{n}", "price_cents": price} for n in range(cars)]


def test_three_sides_are_kept_and_nothing_is_written(yard: Yard) -> None:
    disagree(yard)
    run = yard.sync()
    (kept,) = conflicts(yard)
    car = yard.vehicles()["A0"]
    assert (kept.agreed, kept.local, kept.remote) == (1000, 950, 900)
    assert (kept.state, kept.field, kept.entity_id) == ("open", "price_cents", car.id)
    assert (kept.run_id, kept.external_id, kept.stream) == (run.id, "A0", "stock")
    assert car.price_cents == 950


def test_seen_again_it_is_the_same_row_with_the_newest_value(yard: Yard) -> None:
    disagree(yard)
    yard.sync()
    (first,) = conflicts(yard)
    yard.stream.feed = [{"no": "A0", "price_cents": 880}]
    run = yard.sync()
    (again,) = conflicts(yard)
    assert (again.id, again.remote, again.run_id) == (first.id, 880, run.id)
    assert again.first_seen_at == first.first_seen_at
    assert again.seen_at > first.seen_at


@pytest.mark.parametrize("which", ["EasyCars comes back", "we give in"])
def test_agreement_closes_it_as_gone(yard: Yard, which: str) -> None:
    disagree(yard)
    yard.sync()
    if which == "we give in":
        edit(yard, "A0", price_cents=900)
        yard.stream.feed = [{"no": "A0", "price_cents": 900, "colour": "Red"}]
    else:
        yard.stream.feed = [{"no": "A0", "price_cents": 1000}]
    yard.sync()
    (kept,) = conflicts(yard)
    assert (kept.state, kept.resolution) == ("resolved", "gone")
    assert kept.resolved_at is not None


@pytest.mark.parametrize("what", ["the same bytes", "another spelling", "gone from the feed"])
def test_what_is_not_planned_anew_stays_open(yard: Yard, what: str) -> None:
    disagree(yard, cars=2)
    yard.sync()
    feed: dict[str, list[Any]] = {
        "the same bytes": yard.stream.feed,
        "another spelling": [b'{"price_cents": 900,  "no": "A0"}', yard.stream.feed[1]],
        "gone from the feed": yard.stream.feed[1:],
    }
    yard.stream.feed = feed[what]
    yard.sync()
    assert [kept.state for kept in conflicts(yard)] == ["open", "open"]


def test_a_vehicle_that_comes_back_in_conflict_is_kept_too(yard: Yard) -> None:
    disagree(yard)
    changed, yard.stream.feed = yard.stream.feed, []
    yard.stream.feed = [{"no": "B1"}]
    yard.sync()
    yard.stream.feed = [*changed, {"no": "B1"}]
    yard.sync()
    assert [kept.field for kept in conflicts(yard)] == ["price_cents"]


def test_many_at_once_and_some_settled(yard: Yard) -> None:
    """More than a batch; closing and opening in one go."""
    disagree(yard, cars=120)
    yard.sync()
    assert len(conflicts(yard)) == 120
    for n in range(60):
        yard.stream.feed[n] = {"no": f"A{n}", "price_cents": 1000}
    yard.stream.feed[60] = {"no": "A60", "price_cents": 850}
    yard.sync()
    states = [kept.state for kept in conflicts(yard)]
    assert (states.count("resolved"), states.count("open")) == (60, 60)


def test_first_loads_ask_nothing_of_the_table(yard: Yard) -> None:
    from tests.routes.runs.conftest import counted_queries

    yard.stream.feed = [{"no": f"N{n}"} for n in range(80)]
    with counted_queries() as asked:
        yard.sync()
    assert not [sql for sql in asked if "conflict.field" in sql]
