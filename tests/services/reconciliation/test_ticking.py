"""A sync ticks off what it saw alike, without waiting for the next reconciliation (row 197)."""

from __future__ import annotations

import pytest

from app.db import unit_of_work
from app.services import vehicle_acts
from tests.factories import ACTOR
from tests.factories_vehicles import vehicle
from tests.services.reconciliation.rig import Place

pytestmark = [pytest.mark.simulator]


def standing(place: Place) -> set[str]:
    return {row.record_key for row in place.standing()}


def ends(place: Place, *keys: str) -> list[tuple[str, str | None]]:
    return [(place.of(key).status, place.of(key).resolution) for key in keys]


@pytest.mark.usefixtures("any_database")
def test_the_change_list_loses_what_easycars_shows(place: Place, numbers: list[str]) -> None:
    typed, forgotten = numbers[:2]
    for number in (typed, forgotten):
        place.edit(number, keep=("colour",), colour="Puce")
    place.reconcile()
    place.push(typed, forgotten)
    place.sync()
    assert ends(place, typed, forgotten) == [("listed", None)] * 2
    place.at_easycars(typed, Colour="Puce")
    place.sync()
    assert ends(place, typed, forgotten) == [("resolved", "shown"), ("listed", None)]


@pytest.mark.usefixtures("any_database")
def test_only_what_is_alike_is_resolved(place: Place, numbers: list[str]) -> None:
    """The feed brings one value; another goes back here, and its row comes as it was."""
    dearer, put_back, locked, half, held = numbers[:5]
    was, cost = place.vehicle(put_back).colour, place.vehicle(held).price_cents
    place.at_easycars(dearer, Price=place.vehicle(dearer).price_cents / 100 + 1_000)
    place.edit(put_back, colour="Puce")
    place.edit(locked, keep=("colour",), colour="Puce")
    place.edit(half, keep=("colour", "body"), colour="Puce", body="Barge")
    place.at_easycars(held, Price=cost / 100 / 10)
    place.reconcile()
    assert standing(place) == {dearer, put_back, locked, half, held}
    place.edit(put_back, colour=was)
    place.at_easycars(half, Colour="Puce")
    assert place.sync().held == 1
    assert ends(place, dearer, put_back) == [("resolved", "gone")] * 2
    assert standing(place) == {locked, half, held}


@pytest.mark.usefixtures("any_database")
def test_what_only_one_side_had(place: Place, numbers: list[str]) -> None:
    """Brought by the sync, gone from EasyCars, sold here; the rest stays."""
    came, went = place.stock("add", count=2)["added"]
    for number in (came, went):
        place.in_stock(number)
    sold, kept = (
        vehicle(place.desk.place, source="Manual", stock_number=number) for number in ("H1", "H2")
    )
    place.stock("remove", stock_numbers=numbers[:1])
    place.reconcile()
    ours = [f"vehicle:{car.id}" for car in (sold, kept)]
    assert standing(place) == {came, went, numbers[0], *ours}
    place.stock("remove", stock_numbers=[went])
    with unit_of_work(place.id) as db:
        act = vehicle_acts.lifecycle("sold", "Cash")
        vehicle_acts.do(db, sold.id, act, ACTOR, place.desk.clock.now())
    place.sync()
    assert ends(place, came, went, ours[0]) == [("resolved", "gone")] * 3
    assert standing(place) == {numbers[0], ours[1]}


def test_what_easycars_shows_again(place: Place, numbers: list[str]) -> None:
    place.desk.simulator.scenario("shrinking-feed", account=place.desk.account, percent=50)
    place.reconcile()
    absent = standing(place)
    assert len(absent) == 5
    place.push(min(absent))
    assert place.sync().missing == 5
    assert standing(place) == absent
    place.desk.simulator.normal()
    place.sync()
    assert ends(place, min(absent), max(absent)) == [("resolved", "shown"), ("resolved", "gone")]
    assert standing(place) == set()
