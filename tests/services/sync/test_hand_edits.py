"""What people do to vehicles, and what the next syncs make of it (C18, C28, B-2d.4 to 6)."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from app.db import reading, unit_of_work
from app.models import ExternalLink, Vehicle
from app.models.types import utc_now
from app.services import vehicle_acts, vehicle_bulk, vehicle_editing
from app.services.vehicle_acts import Act
from app.services.vehicle_bulk import Selection
from app.services.vehicle_editing import Typed
from tests.factories import ACTOR
from tests.services.sync.memory import Yard

pytestmark = pytest.mark.usefixtures("context", "any_database")


@pytest.fixture
def yard(any_database: str, context: None) -> Yard:
    made = Yard()
    send(made, colour="Red", price_cents=3_000_000)
    made.sync()
    return made


def send(yard: Yard, **values: Any) -> None:
    """The feed of one vehicle from now on."""
    old = yard.stream.feed[0] if yard.stream.feed else {"no": "S1"}
    assert isinstance(old, dict)
    yard.stream.feed = [old | values]


def car(yard: Yard) -> Vehicle:
    return yard.vehicles()["S1"]


def agreed(yard: Yard, field: str) -> Any:
    with reading(yard.dealership.id) as session:
        return session.scalars(select(ExternalLink)).one().agreed.get(field)


def edit(yard: Yard, keep: tuple[str, ...] = (), **texts: str) -> None:
    with unit_of_work(yard.dealership.id) as session:
        vehicle_editing.change(session, car(yard).id, Typed(texts, keep=keep), ACTOR, utc_now())


def act(yard: Yard, one: Act) -> None:
    with unit_of_work(yard.dealership.id) as session:
        assert vehicle_acts.do(session, car(yard).id, one, ACTOR, utc_now())


def test_a_kept_edit_outlives_every_change_of_the_feed(yard: Yard) -> None:
    edit(yard, keep=("price_cents",), price_cents="29,000", colour="Blue")
    assert car(yard).locked_fields == ["price_cents"]
    for price in (3_100_000, 3_200_000):
        send(yard, price_cents=price)
        yard.sync()
        assert car(yard).price_cents == 2_900_000
        assert agreed(yard, "price_cents") == price, "what EasyCars wants is known"
    assert car(yard).colour == "Blue", "not kept, but EasyCars did not change it"
    act(yard, vehicle_acts.unlock(["price_cents"], take=True))
    assert car(yard).price_cents == 3_200_000
    send(yard, price_cents=3_300_000)
    yard.sync()
    assert car(yard).price_cents == 3_300_000, "unlocked, it follows the feed again"


def test_unlocking_with_my_value_keeps_it_until_easycars_changes_it(yard: Yard) -> None:
    edit(yard, keep=("price_cents",), price_cents="29,000")
    send(yard, price_cents=3_100_000)
    yard.sync()
    act(yard, vehicle_acts.unlock(None, take=False))
    send(yard, colour="Green")
    yard.sync()
    assert (car(yard).price_cents, car(yard).colour) == (2_900_000, "Green")
    send(yard, price_cents=3_200_000)
    run = yard.sync()
    assert car(yard).price_cents == 2_900_000
    assert run.conflicts == 1, "changed on both sides: a person is asked"


def test_an_excluded_vehicle_is_left_alone_and_taken_in_again(yard: Yard) -> None:
    act(yard, vehicle_acts.flag("exclude"))
    send(yard, colour="Blue")
    yard.sync()
    assert car(yard).colour == "Red"
    act(yard, vehicle_acts.flag("include"))
    yard.sync()
    assert car(yard).colour == "Blue", "the feed sent nothing new, and still it was looked at"


def test_a_market_state_by_hand_outlives_syncs_that_know_nothing_new(yard: Yard) -> None:
    act(yard, vehicle_acts.lifecycle("sold", "Sold at auction"))
    send(yard, colour="Blue")
    yard.sync()
    after = car(yard)
    assert (after.lifecycle, after.lifecycle_reason, after.colour) == (
        "sold", "Sold at auction", "Blue",
    )  # fmt: skip


def test_a_group_that_was_kept_for_all_does_not_move(yard: Yard) -> None:
    with unit_of_work(yard.dealership.id) as session:
        keep = vehicle_acts.lock(vehicle_acts.group_fields("price"))
        vehicle_bulk.do(session, Selection(1), keep, ACTOR, utc_now())
    send(yard, price_cents=3_100_000, colour="Blue")
    yard.sync()
    assert (car(yard).price_cents, car(yard).colour) == (3_000_000, "Blue")
