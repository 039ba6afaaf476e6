"""A sync of some records: what failed before, or what was chosen (rows 185, T6)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from app.db import reading
from app.models import StreamState
from app.services import held
from app.services.sync.opening import SOME
from app.services.sync.some import FAILED_OF, number_of
from tests.services.sync.memory import Yard


@pytest.fixture
def yard(any_database: str, context: None) -> Yard:
    return Yard()


def state(yard: Yard) -> StreamState:
    with reading(yard.dealership.id) as db:
        return db.scalars(select(StreamState)).one()


def test_only_what_failed_is_taken_again(yard: Yard) -> None:
    good = [{"no": "S1", "colour": "Red"}, {"no": "S2", "colour": "Red"}]
    twins = [{"no": "T1", "make": "Mazda"}, {"no": "T1", "make": "Ford"}]
    yard.stream.feed = [*good, *twins, {"no": ""}, {"no": "G1"}, {"no": "G1"}]
    first = yard.sync()
    assert (first.created, first.failed) == (2, 5)
    seen = state(yard).last_success_at
    yard.clock.now = lambda: seen + timedelta(hours=1)  # type: ignore[method-assign]
    # T1 is one vehicle now, G1 is gone; S1 changed too, S2 is missing, and S3 is new.
    yard.stream.feed = [{"no": "S1", "colour": "Blue"}, twins[0], {"no": "S3"}, {"no": ""}]
    again = yard.execute(yard.open(scope={SOME: {FAILED_OF: first.id}}, parent_id=first.id))
    assert (again.status, again.created, again.updated, again.missing, again.failed) == (
        "success", 1, 0, 0, 0,
    )  # fmt: skip
    assert (again.total, again.done) == (1, 1)
    assert "1 vehicle is not in the feed any more" in (again.message or "")
    found = yard.vehicles()
    assert set(found) == {"S1", "S2", "T1"}
    assert (found["S1"].colour, found["S2"].lifecycle) == ("Red", "listed")
    assert [item.external_id for item in yard.items(again)] == ["T1"]
    # It says nothing about the stock as a whole, so the next sync takes the rest.
    assert state(yard).last_success_at == seen
    assert state(yard).listed == 3
    rest = yard.sync()
    assert (rest.created, rest.updated, rest.missing, rest.failed) == (1, 1, 1, 1)


def test_what_is_held_still_waits_after_a_sync_of_some(yard: Yard) -> None:
    yard.stream.feed = [{"no": f"S{number}", "price_cents": 2_000_000} for number in range(3)]
    yard.sync()
    yard.stream.feed[0] = {"no": "S0", "price_cents": 0}
    holding = yard.sync()
    assert holding.held == 1
    yard.stream.feed[1] = {"no": "S1", "price_cents": 1_900_000}
    some = yard.execute(yard.open(scope={SOME: ["S1", "S2"]}))
    assert (some.updated, some.unchanged, some.held) == (1, 1, 0)
    with reading(yard.dealership.id) as db:
        waiting = held.waiting(db, yard.clock.now())
    assert waiting is not None
    assert waiting.run.id == holding.id


def test_one_that_came_back_is_listed_again_and_only_that_one(yard: Yard) -> None:
    everything = [{"no": f"S{number}"} for number in range(12)]
    yard.stream.feed = everything
    yard.sync()
    yard.stream.feed = everything[2:]
    assert yard.sync().missing == 2
    yard.stream.feed = everything
    yard.execute(yard.open(scope={SOME: ["S0"]}))
    lives = {number: vehicle.lifecycle for number, vehicle in yard.vehicles().items()}
    assert (lives["S0"], lives["S1"]) == ("listed", "missing")


@pytest.mark.parametrize(
    ("row", "number"),
    [("A 100", "A 100"), ("A 100 (row 7)", "A 100"), ("(row 7)", None), ("A (row x)", "A (row x)")],
)
def test_the_number_behind_a_row(row: str, number: str | None) -> None:
    assert number_of(row) == number
